#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh OUT SECONDS [TARGET]... - runs the fuzz targets in OUT, one after the other
#
# Each gets its part of SECONDS; corpora stay in OUT/corpus between runs. First
# its corpus is replayed: seeds, what is kept in tests/fuzz/kept, what earlier
# runs found. An input that breaks something goes to OUT/findings, and how to
# see it again is printed. The last line is the sum; status 1: findings.
#
# LC_FUZZ_SHARE=by-cost: cheap targets get more of the time, for many executions.
set -u

top=$(cd "${0%/*}/../.." && pwd) || exit 2
out=$(cd "${1:?OUT}" && pwd) || exit 2
seconds=${2:?SECONDS}
shift 2
if [ $# -eq 0 ]; then
	for program in "$out"/fuzz-*; do
		set -- "$@" "${program##*/fuzz-}"
	done
fi

# The store of a target's scratch files; memory, for thousands of them a second
place=/dev/shm
[ -w "$place" ] || place=${TMPDIR:-/tmp}
LC_FUZZ_DIR=$(mktemp -d "$place/lc-fuzz.XXXXXX") || exit 2
export LC_FUZZ_DIR
trap 'rm -rf "$LC_FUZZ_DIR"' EXIT
trap 'exit 1' HUP INT TERM
ASAN_OPTIONS=detect_stack_use_after_return=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
UBSAN_OPTIONS=print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}
export ASAN_OPTIONS UBSAN_OPTIONS

mkdir -p "$out/findings" "$out/logs"
rm -rf "$out/seed-corpus"
"$out/seeds" "$out/seed-corpus" >/dev/null || exit 2

# unpack TARGET: one input a line, in base64
unpack() {
	[ -f "$top/tests/fuzz/kept/$1.b64" ] || return 0
	number=0
	while read -r line; do
		case $line in '#'* | '') continue ;; esac
		number=$((number + 1))
		printf '%s' "$line" | base64 -d >"$out/seed-corpus/$1/kept-$number"
	done <"$top/tests/fuzz/kept/$1.b64"
}

# weight TARGET: how much of the time it gets
weight() {
	[ "${LC_FUZZ_SHARE:-even}" = by-cost ] || { echo 4; return; }
	case $1 in
	record | change | name | token | journal | triple) echo 12 ;;
	segment | words | values | beneath) echo 6 ;;
	*) echo 4 ;;
	esac
}

all=0
for target in "$@"; do
	all=$((all + $(weight "$target")))
done
sum=0
findings=0
for target in "$@"; do
	mkdir -p "$out/corpus/$target" "$out/seed-corpus/$target"
	unpack "$target"
	log=$out/logs/$target.log
	part=$((seconds * $(weight "$target") / all))
	[ "$part" -gt 0 ] || part=1
	"$out/fuzz-$target" -max_total_time=$part -timeout=25 -rss_limit_mb=3000 -close_fd_mask=3 \
		-print_final_stats=1 -artifact_prefix="$out/findings/$target-" \
		"$out/corpus/$target" "$out/seed-corpus/$target" >"$log" 2>&1 </dev/null
	status=$?
	count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	count=${count:-0}
	coverage=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
	sum=$((sum + count))
	if [ $status -eq 0 ]; then
		printf '%-8s %10d executions in %d s, %d edges: nothing found\n' "$target" "$count" "$part" "${coverage:-0}"
		continue
	fi
	findings=$((findings + 1))
	if ! grep -q 'Test unit written to' "$log"; then
		printf '%-8s %10d executions: FOUND nothing, but it broke off with status %d, see %s\n' "$target" "$count" "$status" "$log"
		continue
	fi
	found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
	printf '%-8s %10d executions: FOUND, status %d\n' "$target" "$count" "$status"
	# once more with its messages
	"$out/fuzz-$target" -timeout=25 "$found" </dev/null 2>&1 |
		grep -aE 'not so|runtime error|ERROR|^ *#[0-9] ' | head -n 12
	echo "  again with: $out/fuzz-$target $found"
done
echo "sum: $sum executions, $# targets, $findings with findings"
[ "$findings" -eq 0 ]
