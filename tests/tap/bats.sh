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
# What a tool says is not to depend on who runs the tests.
LANGUAGE=C
export LANGUAGE
set -- bats --tap "$@"
# What tests mount goes with the last of their processes, however that ends.
case $3 in
*/fs/*)
	if unshare -m --propagation private true 2>/dev/null; then
		set -- unshare -m --propagation private "$@"
	fi
	;;
esac
# A test that waits for ever fails its file, not the whole run.
if timeout 1 true 2>/dev/null; then
	set -- timeout -k 20 "${LC_TEST_SECONDS:-900}" "$@"
fi
# Under nohup and in the background signals are ignored, and no shell can turn
# that back; tests of signals would wait for what never comes.
if env --default-signal=HUP,INT,QUIT,PIPE true 2>/dev/null; then
	set -- env --default-signal=HUP,INT,QUIT,PIPE "$@"
fi
# A test that fails has been said; another status than 1 is bats's own trouble.
"$@"
status=$?
[ "$status" -ne 1 ] || status=0
exit $status
