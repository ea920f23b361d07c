#!/bin/sh
# SPDX-License-Identifier: ISC
# bats.sh FILE: run one file of bats tests and speak TAP to make check
if ! command -v bats >/dev/null; then
	echo '1..0 # SKIP bats is not installed'
	exit 0
fi
if [ ! -x "$LC_BUILDDIR/src/tools/commit-save" ]; then
	echo '1..0 # SKIP the tools were not built (--without-tools)'
	exit 0
fi
# A test that fails has been said; another status than 1 is bats's own trouble.
bats --tap "$@"
status=$?
[ "$status" -ne 1 ] || status=0
exit $status
