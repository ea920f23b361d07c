#!/bin/sh
# SPDX-License-Identifier: ISC
# save.sh [PATTERN]: remove the guards against the pitfalls of saving, one at a
# time, and demand that the tests of that pitfall fail.
#
#     make mutants                       all, a quarter of an hour and more
#     sh tests/mutants/save.sh '18'      those whose tests match the pattern
#
# The sources are copied and built in a scratch directory; the tree stays as it
# is. First all tests must pass there. Then each mutation of save.list is made,
# built, and tested; it is caught if a test says "not ok". What does not apply or
# does not compile is an error: it proves nothing. The table goes to standard
# output, and to RESULTS.md in the working directory if there is no pattern.
# Exit status 0: all were caught.

here=$(cd "${0%/*}" && pwd) || exit 1
source_dir=$(cd "$here/../.." && pwd) || exit 1
pattern=${1-}
suites='save-concurrency save-metadata save-pitfalls-01-15 save-pitfalls-16-30'
jobs=$(nproc 2>/dev/null || echo 2)
unset COMMIT_FAULT COMMIT_FAULT_LOG

work=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-mutants.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

die() {
	echo "mutants: $1" >&2
	exit 1
}

# copied too: whoever edits it meanwhile shall not shift the numbers
list=$work/save.list
cp "$here/save.list" "$list" || exit 1

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

build() {
	make -C "$work/build" -j"$jobs" src/tools/commit-save src/tools/commit-recover \
		tests/fault/commit-save tests/fault/commit-recover >"$work/log/make" 2>&1
}

# test_of TESTS OUT: those whose names begin so; 1 if one fails, 2 if bats itself does
test_of() {
	files=
	for suite in $suites; do
		grep -q "^@test \"$1" "$work/tree/tests/cli/$suite.bats" && files="$files $suite.bats"
	done
	(
		cd "$work/tree/tests/cli" || exit 2
		LC_SRCDIR=$work/tree LC_BUILDDIR=$work/build LC_FAULT_BIN=$work/build/tests/fault
		PATH=$work/build/src/tools:$PATH
		export LC_SRCDIR LC_BUILDDIR LC_FAULT_BIN PATH
		# shellcheck disable=SC2086 # a list of words
		timeout -k 5 300 bats --tap -f "^$1" $files
	) >"$2" 2>&1 </dev/null
	[ "$(grep -c -E '^(not )?ok ' "$2")" -gt 0 ] || return 2
	! grep -q '^not ok ' "$2"
}

titles() { # of the results of that kind in a TAP file
	sed -n "s/^$1 [0-9]* //p" "$2"
}

echo 'mutants: building the sources as they are' >&2
make_tree || die 'cannot copy the sources'
(cd "$work/build" && "$work/tree/configure" --disable-shared CFLAGS='-O1 -Wno-error') >"$work/log/configure" 2>&1 ||
	{ cat "$work/log/configure" >&2; die 'cannot configure'; }
build || { cat "$work/log/make" >&2; die 'cannot build'; }

echo 'mutants: testing them' >&2
: >"$work/passed"
perl "$here/mutate.pl" "$list" >"$work/list" || die "$list is broken"
for tests in $(cut -f 2 "$work/list" | grep -e "$pattern" | sort -u | tr ' ' _); do
	tests=$(echo "$tests" | tr _ ' ')
	test_of "$tests" "$work/log/tap" ||
		{ cat "$work/log/tap" >&2; die "$tests: fails without a mutation"; }
	titles ok "$work/log/tap" >>"$work/passed"
done
grep ' # skip' "$work/passed" | sed 's/^/mutants: skipped: /' >&2

{
	echo '<!-- SPDX-License-Identifier: ISC -->'
	echo '# Guards removed, one at a time'
	echo
	echo "Made by \`make mutants\`. A guard is caught if a test of its pitfall fails without it."
	echo
	echo '| tests | guard that was removed | caught | by how many tests |'
	echo '|---|---|---|---|'
} >"$work/results"
sed -n '5,$p' "$work/results"

: >"$work/failed"
caught=0
total=0
while IFS="$(printf '\t')" read -r number tests guard; do
	case $tests in
	*"$pattern"*) ;;
	*) continue ;;
	esac
	total=$((total + 1))
	(cd "$work/tree" && perl "$here/mutate.pl" "$list" "$number" "$work/changed") ||
		die "mutation $number does not apply: $guard"
	build || { tail -n 20 "$work/log/make" >&2; die "mutation $number does not compile: $guard"; }
	test_of "$tests" "$work/log/tap"
	case $? in
	0) result='**no**' ;;
	1) result=yes; caught=$((caught + 1)) ;;
	*) cat "$work/log/tap" >&2; die "mutation $number: no test ran: $guard" ;;
	esac
	titles 'not ok' "$work/log/tap" >>"$work/failed"
	echo "| $tests | $guard | $result | $(grep -c '^not ok ' "$work/log/tap") |" | tee -a "$work/results"
	while read -r file; do
		mv "$work/tree/$file.kept" "$work/tree/$file"
		touch "$work/tree/$file"
	done <"$work/changed"
done <"$work/list"

# A test that no mutation made fail has not been shown to be able to.
grep -v ' # skip' "$work/passed" | sort -u >"$work/all"
sort -u "$work/failed" | comm -23 "$work/all" - >"$work/never"
{
	echo
	echo "$caught of $total caught; $(wc -l <"$work/all") tests, of which these failed for none of the mutations:"
	echo
	sed 's/^/- /' "$work/never"
	[ -s "$work/never" ] || echo '- (none)'
} | tee -a "$work/results"
[ -n "$pattern" ] || cp "$work/results" RESULTS.md
[ "$total" -gt 0 ] && [ "$caught" -eq "$total" ]
