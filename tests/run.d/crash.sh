# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# Power cuts. LC_CRASH_SECONDS bounds the exploration of images, mutants and I/O
# errors take about a minute more.

# crash_part NAME COMMAND...: status 77 is a skip, with its reason
crash_part() {
	crash_name=$1
	crash_out=$run_dir/check/crash-$crash_name.out
	shift
	(cd "$run_dir/check" && "$@") >"$crash_out" 2>&1 </dev/null
	case $? in
	0)
		pass crash "$crash_name: $(tail -n 1 "$crash_out")"
		tail -n 1 "$crash_out"
		;;
	77) skip crash "$crash_name" "$(sed -n 's/^skipped: //p' "$crash_out")" ;;
	*)
		grep -E '^(VIOLATION|SURVIVED)|^crash:|not finished' "$crash_out" | head -n 30
		fail crash "$crash_name" "$(tail -n 1 "$crash_out"), see $crash_out"
		;;
	esac
}

stage_crash() {
	plain_build crash || return
	(cd "$run_dir/check" && logged crash 'make crash-programs' crash-make.out make crash-programs) || return
	LC_BUILDDIR=$run_dir/check
	CRASH_REPORT=$run_dir/check/crash-report
	export LC_BUILDDIR CRASH_REPORT
	crash_part mutants sh "$source_dir/tests/crash/crash.sh" mutants \
		--list="$source_dir/tests/crash/mutants.list" --images=600 --seconds=60
	crash_part errors sh "$source_dir/tests/crash/crash.sh" trouble --images=150 --seconds=60
	crash_part images sh "$source_dir/tests/crash/crash.sh" run --images=20000 \
		--seconds="${LC_CRASH_SECONDS:-240}"
	unset LC_BUILDDIR CRASH_REPORT
}
