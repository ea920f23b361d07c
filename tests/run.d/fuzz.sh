# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2154 # source_dir, run_dir and jobs are set by run.sh
# The fuzz targets (tests/fuzz): their corpora, and LC_FUZZ_SECONDS of new inputs.

stage_fuzz() {
	if ! command -v clang >/dev/null; then
		skip fuzz fuzz 'clang is not installed'
		return
	fi
	echo 'int LLVMFuzzerTestOneInput(const void *d, unsigned long n); int LLVMFuzzerTestOneInput(const void *d, unsigned long n) { return !d && n; }' \
		>"$run_dir/fuzz-try.c"
	if ! clang -fsanitize=fuzzer,address,undefined -o "$run_dir/fuzz-try" "$run_dir/fuzz-try.c" \
		>"$run_dir/fuzz-try.out" 2>&1; then
		skip fuzz fuzz 'clang has no libFuzzer or no sanitizers (libclang-rt-dev)'
		return
	fi
	plain_build fuzz || return
	(cd "$run_dir/check" && logged fuzz 'make fuzz-build' fuzz-build.out make -j"$jobs" fuzz-build) ||
		return
	(cd "$run_dir/check" && make -s fuzz FUZZ_SECONDS="${LC_FUZZ_SECONDS:-20}") \
		>"$run_dir/fuzz.out" 2>&1 </dev/null
	cat "$run_dir/fuzz.out"
	# one line a target
	while read -r target rest; do
		case $rest in
		*'nothing found'*) pass fuzz "$target" ;;
		*'executions: FOUND'*) fail fuzz "$target" "see $run_dir/fuzz.out" ;;
		esac
	done <"$run_dir/fuzz.out"
	if ! grep -q '^sum: .* 0 with findings' "$run_dir/fuzz.out" && [ "$(count fuzz FAIL)" -eq 0 ]; then
		fail fuzz 'make fuzz' "it did not come to its end, see $run_dir/fuzz.out"
	fi
}
