#!/bin/sh
# SPDX-License-Identifier: ISC
# cmocka.sh PROGRAM: run one unit test program in a directory of its own
# LC_UNIT_WRAP is put before it (valgrind).
program=$1
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
scratch=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-unit.XXXXXX") || exit 1
cd "$scratch" || exit 1
# shellcheck disable=SC2086 # a command and its options
TMPDIR=$scratch ${LC_UNIT_WRAP:-} "$program"
status=$?
cd /
chmod -R u+rwx "$scratch" && rm -rf "$scratch"
exit $status
