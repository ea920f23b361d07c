#!/bin/sh
# SPDX-License-Identifier: ISC
# triple.sh [full]: the protocol of three copies, all of its states; see triple.pml
#
# A crash at every step and every fault at any moment: none, one and two. Then the
# protocol without one of its rules, which has to be seen to be wrong. `full` (or
# LC_SPIN=full) explores more, for some minutes and some gigabytes.
set -u
here=$(cd "${0%/*}" && pwd) || exit 1
top=$(cd "$here/../.." && pwd) || exit 1
mode=${1:-${LC_SPIN:-quick}}

for program in spin "${CC:-cc}"; do
	command -v "${program%% *}" >/dev/null || {
		echo "1..0 # SKIP ${program%% *} is not installed"
		exit 0
	}
done

work=$(mktemp -d "${TMPDIR:-/tmp}/libcommit-spin.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
number=0

# result STATUS NAME
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# Of each line " *  NAME  FUNCTION, FUNCTION in FILE": both are where they are said to be
correspondence() {
	missing=0
	while read -r step functions; do
		file=${functions##* in }
		grep -q "^inline $step(" "$here/triple.pml" || {
			echo "# there is no step $step"
			missing=1
		}
		for function in $(echo "${functions% in *}" | tr -d ,); do
			grep -q "\\b$function\\b" "$top/src/lib/$file" && continue
			echo "# there is no $function in $file"
			missing=1
		done
	done <"$work/table"
	[ "$(wc -l <"$work/table")" -gt 20 ] && [ "$missing" -eq 0 ]
}

# explore SETTING...: all states; what was counted is in $counted
explore() {
	(cd "$work" && env "$@" ./pan -m200000 -w24) >"$work/out" 2>&1 </dev/null
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/out")
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$work/out")
	counted=$(sed -n 's/^counted: //p' "$work/out")
	# a search that was cut short has shown nothing
	! grep -q -e 'out of memory' -e 'max search depth' -e 'not completed' "$work/out" || errors=${errors:-cut short}
}

# holds TITLE SETTING...
holds() {
	title=$1
	shift
	explore "$@"
	if [ "${errors:-none}" = 0 ] && [ -n "$states" ]; then
		echo "# $title: $states states, $counted, 0 wrong answers"
		result 0 "$title"
		return
	fi
	grep -v '^$' "$work/out" | head -n 8 | sed 's/^/# /'
	# what has led to it, in words
	(cd "$work" && env "$@" ./pan -r triple.pml.trail) 2>/dev/null | sed -n '/^ *now.weak/,/assertion/p' |
		sed 1d | head -n 40 | sed 's/^/#   /'
	rm -f "$work/triple.pml.trail"
	result 1 "$title"
}

# fails RULE SETTING...: without that rule the assertion is violated
fails() {
	rule=$1
	shift
	explore "$@" WEAK="$rule"
	grep -q 'assertion violated' "$work/out"
	result $? "without a rule it fails: $rule"
	rm -f "$work/triple.pml.trail"
}

if [ "$mode" = full ]; then echo 1..16; else echo 1..13; fi
sed -n 's/^ \*     \([a-z_]*\)  *\(.* in triple[-a-z]*\.[ch]\)$/\1 \2/p' "$here/triple.pml" >"$work/table"
correspondence
result $? 'the steps of the model are functions of the library'

cp "$here/triple.pml" "$work"
(cd "$work" && spin -a triple.pml && ${CC:-cc} -O1 -w -DSAFETY -DNOBOUNDCHECK -DVECTORSZ=1024 -o pan pan.c) >"$work/out" 2>&1 || {
	sed 's/^/# /' "$work/out"
	echo "Bail out! the model cannot be built"
	exit 1
}

once='CRASHES=1 WRITES=1 READS=2'
# shellcheck disable=SC2086 # words of an environment
{
	holds 'no fault' FAULTS=0 $once
	holds 'one fault' FAULTS=1 $once
	holds 'two faults' FAULTS=2 $once
	holds 'one fault, two writes' FAULTS=1 CRASHES=1 WRITES=2 READS=2
	holds 'one fault, renames that are not atomic' FAULTS=1 $once FRAGILE=1
	fails RAW FAULTS=1 $once
	fails CONTENT_FIRST FAULTS=1 $once
	fails ANSWER_FIRST FAULTS=1 $once
	fails NO_ADVANCE FAULTS=1 $once
	fails ANY_ORDER FAULTS=0 $once FRAGILE=1
	fails ONE_SIDECAR FAULTS=3 CRASHES=0 WRITES=1 READS=1 DAMAGE_ONLY=1
	fails NO_LOST FAULTS=3 CRASHES=0 WRITES=1 READS=1 DAMAGE_ONLY=1
	if [ "$mode" = full ]; then
		holds 'three faults that only damage' FAULTS=3 CRASHES=0 WRITES=1 READS=1 DAMAGE_ONLY=1
		holds 'one fault, two crashes, two writes' FAULTS=1 CRASHES=2 WRITES=2 READS=2
		holds 'two faults, two writes' FAULTS=2 CRASHES=0 WRITES=2 READS=1
	fi
}
