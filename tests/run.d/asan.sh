# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# One set of objects is enough: static library only. LC_EVERY is set in tests/local.mk.
stage_asan() {
	build asan "$run_dir/asan" --enable-werror --enable-sanitizers --disable-shared || return
	# shellcheck disable=SC2016 # for make
	check asan "$run_dir/asan" TESTS='$(product_tests)'
	# also of processes whose status and stderr no test looked at
	reports=0
	for report in "$run_dir"/asan/sanitizer/*; do
		[ -s "$report" ] || continue
		reports=$((reports + 1))
		head -n 25 "$report"
		fail asan "report ${report##*/}" "$(grep -m 1 -E 'ERROR|runtime error' "$report")"
	done
	[ "$reports" -gt 0 ] || pass asan 'no report of the sanitizers in any process'
}
