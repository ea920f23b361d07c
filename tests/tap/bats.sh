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
# What tests mount goes with the last of their processes, however that ends.
case $1 in
*/fs/*)
	if unshare -m --propagation private true 2>/dev/null; then
		set -- unshare -m --propagation private bats --tap "$@"
	else
		set -- bats --tap "$@"
	fi
	;;
*) set -- bats --tap "$@" ;;
esac
# A test that fails has been said; another status than 1 is bats's own trouble.
"$@"
status=$?
[ "$status" -ne 1 ] || status=0
exit $status
