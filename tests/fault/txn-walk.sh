#!/bin/sh
# SPDX-License-Identifier: ISC
# The fault walk over transactions for make check; LC_WALK holds options (see walk.c).
# Without any, what every scenario shares is walked in the core ones only.
walk=$LC_BUILDDIR/tests/fault/txn-walk
if [ ! -x "$walk" ]; then
	echo '1..0 # SKIP the tools were not built (--without-tools)'
	exit 0
fi
# Its complaints are in the TAP; another status is its own trouble.
# shellcheck disable=SC2086 # options
"$walk" ${LC_WALK:---thin}
status=$?
[ "$status" -ne 1 ] || status=0
exit $status
