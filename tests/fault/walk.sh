#!/bin/sh
# SPDX-License-Identifier: ISC
# The fault walk for make check; LC_WALK holds options (see walk.c).
walk=$LC_BUILDDIR/tests/fault/walk
if [ ! -x "$walk" ]; then
	echo '1..0 # SKIP the tools were not built (--without-tools)'
	exit 0
fi
# Its complaints are in the TAP; another status is its own trouble.
# shellcheck disable=SC2086 # options
"$walk" ${LC_WALK:-}
status=$?
[ "$status" -ne 1 ] || status=0
exit $status
