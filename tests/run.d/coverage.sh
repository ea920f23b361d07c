# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # run_dir is set by run.sh
# What ran in the tests under the sanitizers, which are all of the product's.
stage_coverage() {
	if ! command -v gcovr >/dev/null; then
		skip coverage coverage 'gcovr is not installed'
		return
	fi
	instrumented_tests coverage || return
	coverage_dir=$run_dir/instrumented
	(cd "$coverage_dir" && make coverage-report) >"$coverage_dir/report.out" 2>&1 </dev/null
	status=$?
	sed -n '/^File/,$p' "$coverage_dir/coverage.txt"
	lines=$(sed -n 's/^lines: \([0-9.]*\)%.*/\1/p' "$coverage_dir/report.out")
	echo "coverage of src/lib: ${lines:-unknown} % of lines"
	if [ "$status" -eq 0 ]; then
		pass coverage "src/lib above 90 % of lines: $lines %"
	else
		fail coverage 'src/lib above 90 % of lines' "${lines:-unknown} %, see $coverage_dir/report.out"
	fi
}
