#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Compiles and runs the example programs of the manual pages of section 3.
#
# CC, COMMIT_CFLAGS, COMMIT_LIBS   how to compile against the library; by default
#                                  cc and what pkg-config says of libcommit
# MAN_DIR                          where the pages are
# RUN                              put before each program, such as "libtool exec"
set -eu

here=$(cd "$(dirname "$0")" && pwd)
MAN_DIR=${MAN_DIR:-$here/../../man}
CC=${CC:-cc}
RUN=${RUN-}
if [ -z "${COMMIT_LIBS-}" ]; then
	COMMIT_CFLAGS=$(pkg-config --cflags libcommit)
	COMMIT_LIBS=$(pkg-config --libs libcommit)
fi
MAN_DIR=$(cd "$MAN_DIR" && pwd)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
umask 022
failures=0
programs=0

# expect WHAT WANTED GOT
expect()
{
	if [ "$2" != "$3" ]; then
		printf '%s: %s: wanted "%s", got "%s"\n' "$program" "$1" "$2" "$3" >&2
		failures=$((failures + 1))
	fi
}

# status COMMAND... : prints its exit status; output goes to out and err
status()
{
	set +e
	"$@" > out 2> err
	code=$?
	set -e
	echo "$code"
}

# run ARGUMENT... : the program under test; RUN is a command line
run()
{
	# shellcheck disable=SC2086
	$RUN "$scratch/bin/$program" "$@"
}

# No save may leave a file of ours behind.
leftovers()
{
	find . -name '.commit-*' | wc -l | tr -d ' '
}

check_save_lines()
{
	expect 'created' 0 "$(printf 'one\n' | status run f)"
	expect 'says' 'f: created, 4 bytes' "$(cat out)"
	expect 'mode' 644 "$(stat -c %a f)"
	chmod 640 f
	expect 'replaced' 0 "$(printf 'one\ntwo\n' | status run f)"
	expect 'says' 'f: replaced, 8 bytes' "$(cat out)"
	expect 'content' 'one two' "$(paste -sd' ' f)"
	expect 'mode kept' 640 "$(stat -c %a f)"
	expect 'backup' one "$(cat 'f.~1~')"
	expect 'cut line refused' 4 "$(printf 'one\ntw' | status run f)"
	expect 'says why' 1 "$(grep -c 'last line is incomplete' err)"
	expect 'empty input refused' 4 "$(status run f < /dev/null)"
	expect 'content after refusal' 'one two' "$(paste -sd' ' f)"
	expect 'no further backup' 1 "$(find . -name 'f.~*' | wc -l | tr -d ' ')"
	expect 'no such directory' 1 "$(echo x | status run none/f)"
	expect 'names the error' 1 "$(grep -c '(ENOENT)' err)"
	expect 'no argument' 2 "$(status run)"
	expect 'leftovers' 0 "$(leftovers)"
}

check_increment()
{
	expect 'first' 0 "$(status run n)"
	expect 'made' 1 "$(cat n)"
	pids=
	for _ in 1 2 3 4 5 6; do
		run n > out 2>&1 &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || expect "increment beside others" 0 $?
	done
	expect 'no count lost' 7 "$(cat n)"
	expect 'leftovers' 0 "$(leftovers)"
}

check_list_leftovers()
{
	expect 'nothing there' 0 "$(status run .)"
	expect 'says' 'found 0' "$(cat out)"
	# It has the form of our names and not their proof.
	fake=.commit-0123456789abcdef-01234567-0123456789abcdef.staged
	mkdir sub
	echo x > "sub/$fake"
	expect 'a stranger' 0 "$(status run .)"
	expect 'found' 'found 1' "$(tail -n 1 out)"
	expect 'named' 1 "$(grep -c "$fake: ." out)"
	expect 'still there' x "$(cat "sub/$fake")"
	expect 'not a path' 1 "$(status run none)"
}

check_pair()
{
	mkdir tree
	expect 'first' 0 "$(status run tree key1 crt1)"
	expect 'second' 0 "$(status run tree key2 crt2)"
	id=$(cat out)
	expect 'together' 'key2 crt2' "$(paste -d ' ' tree/key tree/crt)"
	expect 'undone' 0 "$(status run tree "$id")"
	expect 'as before' 'key1 crt1' "$(paste -d ' ' tree/key tree/crt)"
	expect 'not twice' 4 "$(status run tree "$id")"
	expect 'names the file' 1 "$(grep -c '^crt: undo: ' err)"
	expect 'none such' 1 "$(status run tree 11111111-11111111)"
	expect 'no tree' 1 "$(status run none key crt)"
}

check_counter()
{
	expect 'first run' 0 "$(status run)"
	expect 'counted' 1 "$(cat out)"
	expect 'second run' 0 "$(status run)"
	expect 'counted on' 2 "$(cat out)"
	rm runs.data
	expect 'a clean log needs no segment' 0 "$(status run)"
	expect 'anew' 1 "$(cat out)"
}

check_stack()
{
	expect 'first push' 0 "$(status run)"
	expect 'top' 'one more' "$(cat out)"
	expect 'second push' 0 "$(status run)"
	expect 'top again' 'one more' "$(cat out)"
	rm -r stack.log stack.data
}

check_range()
{
	head -c 2048 /dev/zero | tr '\0' . > disk.img
	expect 'edited' 0 "$(status run)"
	expect 'first range' boot. "$(head -c 5 disk.img)"
	expect 'second range' .super. "$(tail -c +1024 disk.img | head -c 7)"
	rm disk.img
	expect 'no file' 1 "$(status run)"
	expect 'says so' 1 "$(grep -c '^disk.img: ' err)"
}

mkdir "$scratch/bin"
for page in "$MAN_DIR"/*.3; do
	for example in $("$here/extract.sh" "$page"); do
		program=${example%.c}
		programs=$((programs + 1))
		"$here/extract.sh" "$page" "$example" > "$scratch/$example"
		# shellcheck disable=SC2086
		$CC -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Werror ${COMMIT_CFLAGS-} \
			-o "$scratch/bin/$program" "$scratch/$example" $COMMIT_LIBS
		mkdir "$scratch/$program"
		cd "$scratch/$program"
		case $program in
		save-lines) check_save_lines ;;
		increment) check_increment ;;
		list-leftovers) check_list_leftovers ;;
		pair) check_pair ;;
		range) check_range ;;
		counter) check_counter ;;
		stack) check_stack ;;
		*) expect 'has a check here' yes no ;;
		esac
	done
done

program=examples.sh
expect 'number of programs' 7 "$programs"
[ "$failures" -eq 0 ]
