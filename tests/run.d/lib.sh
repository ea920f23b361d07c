# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# lib.sh - sourced by run.sh: results are lines of STAGE, RESULT, NAME, REASON
# in one file, so that nothing is counted twice or lost in a subshell.

results=$run_dir/results.tsv
: >"$results"
plain_built=no
jobs=$(nproc 2>/dev/null || echo 2)
# Tests wait for the disk more than they compute.
test_jobs=$((jobs * 2))

say() {
	printf '\n== %s\n' "$1"
}

pass() { # STAGE NAME
	printf '%s\tPASS\t%s\t\n' "$1" "$2" >>"$results"
}

fail() { # STAGE NAME REASON
	printf '%s\tFAIL\t%s\t%s\n' "$1" "$2" "$3" >>"$results"
	printf 'FAIL %s: %s: %s\n' "$1" "$2" "$3"
}

skip() { # STAGE NAME REASON
	printf '%s\tSKIP\t%s\t%s\n' "$1" "$2" "$3" >>"$results"
	printf 'SKIP %s: %s: %s\n' "$1" "$2" "$3"
}

# count STAGE RESULT; STAGE may be empty: all
count() {
	awk -F '\t' -v stage="$1" -v result="$2" \
		'(stage == "" || $1 == stage) && $2 == result { n++ } END { print n + 0 }' "$results"
}

stage_counts() { # STAGE SECONDS
	printf '%s: %d passed, %d failed, %d skipped in %d s\n' "$1" \
		"$(count "$1" PASS)" "$(count "$1" FAIL)" "$(count "$1" SKIP)" "$2"
}

# The end of every run: all failures and skips once more, then the one line.
summary() {
	if [ "$(count '' SKIP)" -gt 0 ]; then
		say 'skipped'
		awk -F '\t' '$2 == "SKIP" { print $1 ": " $3 ": " $4 }' "$results"
	fi
	if [ "$(count '' FAIL)" -gt 0 ]; then
		say 'failed'
		awk -F '\t' '$2 == "FAIL" { print $1 ": " $3 ": " $4 }' "$results"
	fi
	echo
	printf '%d passed, %d failed, %d skipped\n' "$(count '' PASS)" "$(count '' FAIL)" "$(count '' SKIP)"
	[ "$(count '' FAIL)" -eq 0 ]
}

# logged STAGE NAME LOGFILE COMMAND...: a step that must work; its last lines if not
logged() {
	logged_stage=$1
	logged_name=$2
	logged_file=$3
	shift 3
	"$@" >"$logged_file" 2>&1 </dev/null && return 0
	tail -n 30 "$logged_file"
	fail "$logged_stage" "$logged_name" "see $logged_file"
	return 1
}

# step STAGE DIR NAME COMMAND...: the same, and it counts; its output in DIR/COMMAND.out
step() {
	step_stage=$1
	step_dir=$2
	step_name=$3
	shift 3
	logged "$step_stage" "$step_name" "$step_dir/${1##*/}.out" "$@" && pass "$step_stage" "$step_name"
}

# missing_program PROGRAM...: says which is not installed, if one is not
missing_program() {
	for program in "$@"; do
		command -v "$program" >/dev/null || {
			printf '%s is not installed' "$program"
			return
		}
	done
}

# build STAGE DIR CONFIGURE-OPTION...: a fresh build of tools and tests
build() {
	build_stage=$1
	build_dir=$2
	shift 2
	rm -rf "$build_dir" && mkdir -p "$build_dir" || return 1
	(cd "$build_dir" && logged "$build_stage" configure configure.out "$source_dir/configure" "$@") || return 1
	sed -n '/^libcommit /,$p' "$build_dir/configure.out"
	(cd "$build_dir" && logged "$build_stage" make make.out make -j"$jobs") || return 1
	(cd "$build_dir" && logged "$build_stage" 'make check programs' make-check.out \
		make -j"$jobs" check TESTS=)
}

# The plain build is shared by the stages that only look at it.
plain_build() { # STAGE
	[ "$plain_built" = no ] || return 0
	build "$1" "$run_dir/check" --enable-werror && plain_built=yes
}

# check STAGE DIR [MAKE-ARGUMENT]...: make check there, and each result counted
check() {
	check_stage=$1
	check_dir=$2
	shift 2
	find "$check_dir/tests" -name '*.trs' -exec rm -f {} +
	(cd "$check_dir" && make -j"$test_jobs" check "$@") >"$check_dir/check.out" 2>&1 </dev/null
	check_status=$?
	collect_all "$check_stage" "$check_dir"
	if [ ! -s "$check_dir/check.list" ]; then
		tail -n 30 "$check_dir/check.out"
		fail "$check_stage" 'make check' "no test ran, see $check_dir/check.out"
	elif [ "$check_status" -ne 0 ] && [ "$(count "$check_stage" FAIL)" -eq 0 ]; then
		fail "$check_stage" 'make check' "status $check_status, see $check_dir/check.out"
	fi
}

# collect_all STAGE DIR: what the tests that ran there said; DIR/check.list names them
collect_all() {
	find "$2/tests" -name '*.trs' | sort >"$2/check.list"
	while read -r trs; do
		test_name=${trs#"$2/"}
		collect "$1" "${test_name%.trs}" "$trs" "${trs%.trs}.log"
	done <"$2/check.list"
}

# collect STAGE TEST TRS LOG: what automake's driver said of one test file. The
# .trs has the results; the log has the lines with their names and reasons.
collect() {
	failed_before=$(count "$1" FAIL)
	awk -v stage="$1" -v test="$2" -v wanted="$(grep -c '^:test-result:' "$3")" '
		/^(PASS|FAIL|SKIP|ERROR|XFAIL|XPASS): / {
			result = substr($1, 1, length($1) - 1)
			name = substr($0, length($1) + 2)
			if (index(name, test) != 1) next
			n++
			reason = ""
			if (match(name, / ?# *(SKIP|TODO) */)) {
				reason = substr(name, RSTART + RLENGTH)
				name = substr(name, 1, RSTART - 1)
			} else if (result == "SKIP" && match(name, / - /)) {
				reason = substr(name, RSTART + RLENGTH)
				name = substr(name, 1, RSTART - 1)
			}
			gsub(/\t/, " ", name)
			gsub(/\t/, " ", reason)
			if (result == "XFAIL") result = "PASS"
			if (result == "XPASS" || result == "ERROR") { reason = "(" result ")"; result = "FAIL" }
			if (result == "FAIL" && reason == "") reason = "see its log"
			printf "%s\t%s\t%s\t%s\n", stage, result, name, reason
		}
		END {
			if (!n) printf "%s\tFAIL\t%s\tit reported nothing\n", stage, test
			else if (n != wanted)
				printf "%s\tFAIL\t%s\t%d results, %d of them read\n", stage, test, wanted, n
		}
	' "$4" >>"$results"
	if [ "$(count "$1" FAIL)" -gt "$failed_before" ]; then
		echo "FAIL $1: $2 ($4)"
		# what was not ok, with its diagnostics
		awk '/^ok / { show = 0 } /^not ok |^ERROR|^Bail out/ { show = 1 } show && n++ < 60' "$4"
	fi
}
