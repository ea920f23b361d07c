#!/bin/sh
# SPDX-License-Identifier: ISC
# mutants.sh [LIST [PATTERN]]: remove the guards against the pitfalls of saving
# (LIST save), of transactions (txn) or of three copies (triple), one at a time, and
# demand that the tests of that pitfall fail.
#
#     make mutants                            all lists, an hour and more
#     make mutants MUTANTS=txn                one of them
#     make mutants MUTANTS='txn 37'           those whose tests match the pattern
#     make mutants MUTANTS='save lib/meta.c'  those in files that match it
#
# The sources are copied and built in a scratch directory; the tree stays as it
# is. First all tests must pass there. Then each mutation of the list is made,
# built, and tested; it is caught if a test says "not ok", or hangs. What does not
# apply or does not compile is an error: it proves nothing. The tables go to
# standard output, and without a pattern to RESULTS.md in the working directory.
# Exit status 0: all were caught.
#
# TESTS of a mutation are the beginning of names in the suites of the list, or
# "pitfall N in SUITE": all of that bats file or program of unit tests; "(N) in fs/SUITE":
# those of its tests that have N in their names.

here=$(cd "${0%/*}" && pwd) || exit 1
source_dir=$(cd "$here/../.." && pwd) || exit 1
lists=${1:-save txn triple}
pattern=${2-}
jobs=$(nproc 2>/dev/null || echo 2)
unset COMMIT_FAULT COMMIT_FAULT_LOG
apart=
! unshare -m --propagation private true 2>/dev/null || apart='unshare -m --propagation private'

work=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-mutants.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# What a list is tested with
know() {
	case $1 in
	save)
		suites='save-concurrency save-metadata save-pitfalls-01-15 save-pitfalls-16-30'
		tools='commit-save commit-recover'
		;;
	txn)
		suites='txn-pitfalls-31-53'
		tools='commit-save commit-txn commit-recover'
		;;
	triple)
		suites='triple-pitfalls-54-65 commit-triple'
		tools='commit-triple commit-recover'
		;;
	*) die "there is no list $1" ;;
	esac
}

die() {
	echo "mutants: $1" >&2
	exit 1
}

tell() { # a line of the results
	echo "$1" | tee -a "$work/results"
}

for tool in perl bats timeout; do
	command -v "$tool" >/dev/null || die "$tool is missing"
done
[ -x "$source_dir/configure" ] || die 'there is no configure: autoreconf -fi'

make_tree() {
	mkdir "$work/tree" "$work/build" "$work/log" || return 1
	(
		cd "$source_dir" || exit 1
		# shellcheck disable=SC2046 # names without spaces
		tar -cf - $(printf '%s\n' Makefile.am Makefile.in aclocal.m4 build-aux config.h.in \
			configure configure.ac contrib m4 man src tests ./*.md COPYING NEWS)
	) | tar -C "$work/tree" -xf - && chmod -R u+w "$work/tree"
}

# build TESTS: the tools, and the program of unit tests that these are in
build() {
	case $1 in
	*' in test-'*) set -- "tests/unit/${1##* in }" ;;
	*) set -- ;;
	esac
	for tool in $tools; do
		set -- "$@" "src/tools/$tool" "tests/fault/$tool"
	done
	make -C "$work/build" -j"$jobs" "$@" >"$work/log/make" 2>&1 </dev/null
}

# test_of TESTS OUT: 1 if one fails or hangs, 2 if none could be run
test_of() {
	case $1 in
	*' in test-'*) run_unit "${1##* in }" ;;
	'('*' in fs/'*) run_bats fs "${1%% in *}" "${1##* in fs/}.bats" ;;
	*' in fs/'*) run_bats fs . "${1##* in fs/}.bats" ;;
	*' in '*) run_bats cli . "${1##* in }.bats" ;;
	*) run_bats cli "^$1" "$(suites_with "$1")" ;;
	esac >"$2" 2>&1 </dev/null
	case $? in
	124 | 137) echo "not ok 0 $1: a test hangs" >>"$2" ;;
	esac
	[ "$(grep -c -E '^(not )?ok ' "$2")" -gt 0 ] || return 2
	! grep -q '^not ok ' "$2"
}

suites_with() {
	for suite in $suites; do
		grep -q "^@test \"$1" "$work/tree/tests/cli/$suite.bats" && printf ' %s.bats' "$suite"
	done
}

# What tests mount goes with the last of their processes, however that ends.
run_bats() ( # DIRECTORY FILTER FILES
	cd "$work/tree/tests/$1" || exit 2
	LC_SRCDIR=$work/tree LC_BUILDDIR=$work/build LC_FAULT_BIN=$work/build/tests/fault
	PATH=$work/build/src/tools:$PATH
	export LC_SRCDIR LC_BUILDDIR LC_FAULT_BIN PATH
	# shellcheck disable=SC2086 # a list of words
	timeout -k 5 300 $apart bats --tap -f "$2" $3
)

run_unit() (
	CMOCKA_MESSAGE_OUTPUT=TAP LC_TEST_SECONDS=300
	export CMOCKA_MESSAGE_OUTPUT LC_TEST_SECONDS
	sh "$work/tree/tests/tap/cmocka.sh" "$work/build/tests/unit/$1"
	status=$?
	[ "$status" -eq 0 ] || [ "$status" -ge 124 ] || echo "not ok 0 $1: status $status"
	exit "$status"
)

titles() { # of the results of that kind in a TAP file
	sed -n "s/^$1 [0-9]* //p" "$2"
}

# Those that match the pattern, as number, tests, guard
choose() {
	case $pattern in
	*/*) column=4 ;;
	*) column=2 ;;
	esac
	awk -F '\t' -v at=$column -v what="$pattern" 'what == "" || index($at, what)' "$work/numbered" |
		cut -f 1-3
}

# All tests that are wanted, without a mutation
check_tests() {
	: >"$work/passed"
	cut -f 2 "$work/list" | sort -u >"$work/tests"
	while read -r tests; do
		build "$tests" || { cat "$work/log/make" >&2; die 'cannot build'; }
		test_of "$tests" "$work/log/tap" ||
			{ cat "$work/log/tap" >&2; die "$tests: fails without a mutation"; }
		grep ' # skip' "$work/log/tap" | sed 's/^/mutants: skipped: /' >&2
		case $tests in
		*' in '*) ;;
		*) titles ok "$work/log/tap" >>"$work/passed" ;;
		esac
	done <"$work/tests"
}

restore() {
	while read -r file; do
		mv "$work/tree/$file.kept" "$work/tree/$file"
		touch "$work/tree/$file"
	done <"$work/changed"
}

mutate() { # NUMBER TESTS GUARD
	(cd "$work/tree" && perl "$here/mutate.pl" "$list" "$1" "$work/changed") ||
		die "mutation $1 does not apply: $3"
	build "$2" || { tail -n 20 "$work/log/make" >&2; die "mutation $1 does not compile: $3"; }
	test_of "$2" "$work/log/tap"
	case $? in
	0) result='**no**' ;;
	1) result=yes; caught=$((caught + 1)) ;;
	*) cat "$work/log/tap" >&2; die "mutation $1: no test ran: $3" ;;
	esac
	titles 'not ok' "$work/log/tap" >>"$work/failed"
	tell "| $2 | $3 | $result | $(grep -c '^not ok ' "$work/log/tap") |"
	restore
}

# What became of the list; a test that no mutation made fail has not been shown to be able to.
conclude() {
	grep -v ' # skip' "$work/passed" | sort -u >"$work/all"
	sort -u "$work/failed" | comm -23 "$work/all" - >"$work/never"
	tell ''
	tell "$caught of $total caught; of $(wc -l <"$work/all") tests these failed for none of the mutations:"
	tell ''
	[ -s "$work/never" ] || echo '(none)' >"$work/never"
	tell "$(sed 's/^/- /' "$work/never")"
}

# run_list NAME: all that is chosen of it
run_list() {
	# copied too: whoever edits it meanwhile shall not shift the numbers
	list=$work/$1.list
	know "$1"
	cp "$here/$1.list" "$list" || exit 1
	perl "$here/mutate.pl" "$list" >"$work/numbered" || die "$list is broken"
	choose >"$work/list"
	[ -s "$work/list" ] || return 0
	echo "mutants: testing the sources as they are: $1" >&2
	check_tests
	tell ''
	tell "## $1.list"
	tell ''
	tell '| tests | guard that was removed | caught | by how many tests |'
	tell '|---|---|---|---|'
	: >"$work/failed"
	caught=0
	total=$(wc -l <"$work/list")
	while IFS="$(printf '\t')" read -r number tests guard; do
		mutate "$number" "$tests" "$guard"
	done <"$work/list"
	conclude
	all=$((all + total))
	all_caught=$((all_caught + caught))
}

echo 'mutants: configuring a copy of the sources' >&2
make_tree || die 'cannot copy the sources'
(cd "$work/build" && "$work/tree/configure" --disable-shared CFLAGS='-O1 -Wno-error') >"$work/log/configure" 2>&1 ||
	{ cat "$work/log/configure" >&2; die 'cannot configure'; }
{
	echo '<!-- SPDX-License-Identifier: ISC -->'
	echo '# Guards removed, one at a time'
	echo
	echo "Made by \`make mutants\`. A guard is caught if a test of its pitfall fails without it."
} >"$work/results"
all=0
all_caught=0
for name in $lists; do
	run_list "$name"
done
[ -n "$pattern" ] || cp "$work/results" RESULTS.md
[ "$all" -gt 0 ] && [ "$all_caught" -eq "$all" ]
