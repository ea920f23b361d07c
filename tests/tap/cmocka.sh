#!/bin/sh
# SPDX-License-Identifier: ISC
# cmocka.sh PROGRAM: run one unit test program in a directory of its own and
# speak TAP to make check. LC_UNIT_WRAP is put before it (valgrind).
case $1 in
/*) program=$1 ;;
*) program=$PWD/$1 ;;
esac
scratch=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-unit.XXXXXX") || exit 1
mkdir "$scratch/work" && cd "$scratch/work" || exit 1
# A test that waits for ever fails its program, not the whole run.
limit=
if timeout 1 true 2>/dev/null; then
	limit="timeout -k 20 ${LC_TEST_SECONDS:-900}"
fi
# shellcheck disable=SC2086 # commands and their options
TMPDIR=$PWD $limit ${LC_UNIT_WRAP:-} "$program" >"$scratch/tap"
status=$?
# cmocka 1.1 says "not ok" of what it skips
sed 's/^not ok \([0-9]*\) # SKIP/ok \1 # SKIP/' "$scratch/tap"
# Its status is the number of tests that failed, which have been said above.
# Any other status is of a crash or of a sanitizer, and another failure.
failed=$(grep -c '^not ok [0-9]* - ' "$scratch/tap")
[ "$status" -ne "$failed" ] || status=0
cd /
chmod -R u+rwx "$scratch" && rm -rf "$scratch"
exit $status
