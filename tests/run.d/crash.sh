# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# Power cuts, in eight minutes at most: all mutants caught, no violation after I/O
# errors, and none in LC_CRASH_IMAGES (20000) distinct images. Fewer images are a
# failure, also where it was LC_CRASH_SECONDS (360) that ended their exploration; I/O
# errors take a sixth of that.

# crash_part NAME COMMAND...: status 77 is a skip, with its reason
crash_part() {
	crash_name=$1
	crash_out=$run_dir/check/crash-$crash_name.out
	shift
	(cd "$run_dir/check" && "$@") >"$crash_out" 2>&1 </dev/null
	crash_status=$?
	# what draws the heat map may have something to say behind it
	crash_sum=$(grep -E '^[0-9]+ (mutants|I/O errors|distinct images)[, ]' "$crash_out" | tail -n 1)
	if [ "$crash_status" -eq 77 ]; then
		skip crash "$crash_name" "$(sed -n 's/^skipped: //p' "$crash_out")"
	elif [ "$crash_status" -ne 0 ] || ! "enough_$crash_name"; then
		grep -E '^(VIOLATION|SURVIVED)|^crash:|not finished' "$crash_out" | head -n 30
		fail crash "$crash_name" "${crash_sum:-it did not come to its end}, see $crash_out"
	else
		pass crash "$crash_name: $crash_sum"
		echo "$crash_sum"
	fi
}

# The sums say what was asked for, whatever the status was.
enough_mutants() {
	echo "$crash_sum" | grep -qE '^[1-9][0-9]* mutants, [1-9][0-9]* caught, .* 0 survived;'
}

enough_errors() {
	echo "$crash_sum" | grep -qE '^[1-9][0-9]* I/O errors, .* 0 violations;'
}

enough_images() {
	[ "${crash_sum%% distinct images*}" -ge "$crash_images" ] 2>/dev/null &&
		echo "$crash_sum" | grep -q '; 0 violations;'
}

stage_crash() {
	plain_build crash || return
	(cd "$run_dir/check" && logged crash 'make crash-programs' crash-make.out \
		make -j"$jobs" crash-programs) || return
	crash_images=${LC_CRASH_IMAGES:-20000}
	crash_seconds=${LC_CRASH_SECONDS:-360}
	LC_BUILDDIR=$run_dir/check
	CRASH_REPORT=$run_dir/check/crash-report
	export LC_BUILDDIR CRASH_REPORT
	crash_part mutants sh "$source_dir/tests/crash/crash.sh" mutants \
		--list="$source_dir/tests/crash/mutants.list" --images=600 --seconds=60
	crash_part errors sh "$source_dir/tests/crash/crash.sh" trouble --images=150 \
		--seconds=$((crash_seconds / 6))
	crash_part images sh "$source_dir/tests/crash/crash.sh" run --images="$crash_images" \
		--seconds="$crash_seconds"
	unset LC_BUILDDIR CRASH_REPORT
}
