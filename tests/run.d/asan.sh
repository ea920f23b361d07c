# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # run_dir is set by run.sh
stage_asan() {
	instrumented_tests asan || return
	# also of processes whose status and stderr no test looked at
	reports=0
	for report in "$run_dir"/instrumented/sanitizer/*; do
		[ -s "$report" ] || continue
		reports=$((reports + 1))
		head -n 25 "$report"
		fail asan "report ${report##*/}" "$(grep -m 1 -E 'ERROR|runtime error' "$report")"
	done
	[ "$reports" -gt 0 ] || pass asan 'no report of the sanitizers in any process'
}
