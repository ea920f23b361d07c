# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# Each tool with each file is one test. shellcheck and mandoc are the lints of
# make check; they run here too so that this stage stands alone.

stage_analysis() {
	plain_build analysis || return
	# they use one processor, and so does cppcheck
	for lint in shell manual; do
		LC_BUILDDIR=$run_dir/check sh "$source_dir/tests/lint/$lint.sh" >"$run_dir/$lint.out" 2>&1 </dev/null &
	done
	analyse_cppcheck
	analyse_clang_tidy
	wait
	for lint in shell manual; do
		if grep -q '^ok 1 .*# SKIP' "$run_dir/$lint.out"; then
			skip analysis "$lint.sh" "$(sed -n 's/.*# SKIP //p' "$run_dir/$lint.out")"
		elif grep -q '^ok 1' "$run_dir/$lint.out"; then
			pass analysis "$lint.sh"
		else
			cat "$run_dir/$lint.out"
			fail analysis "$lint.sh" 'findings above'
		fi
	done
}

# The C files, and the flags a file is compiled with
analysis_files() {
	(cd "$source_dir" && find src tests -name '*.c' | sort)
}

analysis_flags() {
	echo "-DHAVE_CONFIG_H -I$run_dir/check -I$source_dir/src/include"
	case $1 in
	src/tools/*) echo "-I$source_dir/src/tools -I$source_dir/src" ;;
	tests/crash/recoverer*) echo "-I$source_dir/src/tools -I$source_dir/src" ;;
	# it stands in for src/lib/fault-crash.c
	src/lib/fault*.c | tests/model/*) echo "-I$source_dir/src/lib -DLC_FAULT" ;;
	tests/unit/*) echo "-I$source_dir/src/lib -I$source_dir/tests/unit -DLC_FAULT" ;;
	tests/fuzz/*)
		echo "-I$source_dir/src/lib -I$source_dir/src/tools -I$source_dir/src -I$source_dir/tests/fuzz"
		;;
	*) echo "-I$source_dir/src/lib" ;;
	esac
}

analyse_cppcheck() {
	if ! command -v cppcheck >/dev/null; then
		skip analysis cppcheck 'cppcheck is not installed'
		return
	fi
	for file in $(analysis_files); do
		case $file in src/*) ;; *) continue ;; esac
		# shellcheck disable=SC2046 # flags are words
		if cppcheck --quiet --std=c11 --language=c --error-exitcode=1 --inline-suppr \
			--enable=warning,performance,portability \
			--suppress=missingIncludeSystem --suppress=unmatchedSuppression \
			-D__linux__ -U__cplusplus $(analysis_flags "$file") "$source_dir/$file" \
			>"$run_dir/cppcheck.out" 2>&1; then
			pass analysis "cppcheck $file"
		else
			cat "$run_dir/cppcheck.out"
			fail analysis "cppcheck $file" "$(grep -m 1 ':' "$run_dir/cppcheck.out")"
		fi
	done
}

# Each line of input is a file and its flags: its messages go to tidy/FILE.out,
# its status to tidy/FILE.rc.
# shellcheck disable=SC2016 # the inner shell's parameters
tidy_all() {
	export source_dir run_dir
	xargs -L 1 -P "$jobs" sh -c '
		file=$1
		shift
		out=$run_dir/tidy/$(printf "%s" "$file" | tr / _)
		clang-tidy --quiet "$source_dir/$file" -- -std=gnu11 "$@" >"$out.out" 2>&1
		echo $? >"$out.rc"
	' tidy
}

analyse_clang_tidy() {
	if ! command -v clang-tidy >/dev/null; then
		skip analysis clang-tidy 'clang-tidy is not installed'
		return
	fi
	rm -rf "$run_dir/tidy" && mkdir -p "$run_dir/tidy"
	for file in $(analysis_files); do
		# shellcheck disable=SC2046 # flags are words
		echo "$file" $(analysis_flags "$file")
	done | tidy_all
	for file in $(analysis_files); do
		tidy_out=$run_dir/tidy/$(printf '%s' "$file" | tr / _)
		if [ "$(cat "$tidy_out.rc")" -eq 0 ]; then
			pass analysis "clang-tidy $file"
		else
			grep -vE '^[0-9]+ warnings? ' "$tidy_out.out" | head -n 40
			fail analysis "clang-tidy $file" "$(grep -m 1 -E 'error:|warning:' "$tidy_out.out")"
		fi
	done
}
