# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# One set of objects is enough: static library only. The tests of the modules, and
# those of the tools with the seam: what the others would add does not pay for their
# time.
stage_coverage() {
	if ! command -v gcovr >/dev/null; then
		skip coverage coverage 'gcovr is not installed'
		return
	fi
	build coverage "$run_dir/coverage" --enable-coverage --disable-shared || return
	# the results themselves were counted by the other stages
	# shellcheck disable=SC2016 # for make
	(cd "$run_dir/coverage" && LC_EVERY=11 make -j"$test_jobs" check TESTS='$(unit_programs) $(fault_tests)') \
		>"$run_dir/coverage/check.out" 2>&1 </dev/null
	(cd "$run_dir/coverage" && make coverage-report) >"$run_dir/coverage/report.out" 2>&1 </dev/null
	status=$?
	sed -n '/^File/,$p' "$run_dir/coverage/coverage.txt"
	lines=$(sed -n 's/^lines: \([0-9.]*\)%.*/\1/p' "$run_dir/coverage/report.out")
	echo "coverage of src/lib: ${lines:-unknown} % of lines"
	if [ "$status" -eq 0 ]; then
		pass coverage "src/lib above 90 % of lines: $lines %"
	else
		fail coverage 'src/lib above 90 % of lines' "${lines:-unknown} %, see $run_dir/coverage/report.out"
	fi
}
