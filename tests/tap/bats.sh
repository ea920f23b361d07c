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
# A test that runs a tool in the background must not leave our descriptors to
# it, or make waits for the tool's end; bats itself uses 3 and 4.
exec bats --tap "$@" 5>&- 6>&- 7>&-
