#!/bin/sh
# SPDX-License-Identifier: ISC
# planted.sh OUT [TARGET]... - are the fuzz targets able to fail?
#
# Plants each bug of planted.list in a copy of the sources, builds its target
# from OUT's objects, and gives it LC_PLANTED_SECONDS (120) from the seeds on.
# What is kept is left out: it would know some of the answers.
# The last line is the sum; status 1: one was not found. FUZZ_MAKE is how
# fuzz.mk is started.
set -u

top=$(cd "${0%/*}/../.." && pwd) || exit 2
out=$(cd "${1:?OUT}" && pwd) || exit 2
shift
only=" $* "
work=$out/planted
place=/dev/shm
[ -w "$place" ] || place=${TMPDIR:-/tmp}
LC_FUZZ_DIR=$(mktemp -d "$place/lc-fuzz.XXXXXX") || exit 2
export LC_FUZZ_DIR
trap 'rm -rf "$LC_FUZZ_DIR" "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "planted.sh: $*" >&2
	exit 2
}

prepare() {
	rm -rf "$work" && mkdir -p "$work/top/tests" "$work/out/tests" || exit 2
	cp -a "$top/src" "$work/top/src"
	cp -a "$top/tests/fuzz" "$work/top/tests/fuzz"
	cp -a "$out/src" "$work/out/src"
	cp -a "$out/tests/fuzz" "$work/out/tests/fuzz"
	"$out/seeds" "$work/seeds" >/dev/null || exit 2
}

# replace FILE LINE BECOMES: the text in the one line that has it
replace() {
	LINE=$2 BECOMES=$3 awk '
		{ at = index($0, ENVIRON["LINE"]) }
		at { n++; $0 = substr($0, 1, at - 1) ENVIRON["BECOMES"] substr($0, at + length(ENVIRON["LINE"])) }
		{ print }
		END { exit n != 1 }' "$1" >"$1.new" || return 1
	mv "$1.new" "$1"
}

plant() { # uses target, file, line, becomes
	cp "$work/top/$file" "$work/saved"
	replace "$work/top/$file" "$line" "$becomes" || fail "$file has not one line with: $line"
	# beneath.c is a part of its target
	touch "$work/top/tests/fuzz/target-$target.c"
	$FUZZ_MAKE -s srcdir="$work/top" out="$work/out" TARGETS="$target" "$work/out/fuzz-$target" \
		>"$work/make.out" 2>&1 </dev/null || {
		cat "$work/make.out"
		fail "does not build: $file"
	}
	rm -rf "$work/corpus" "$work"/found-* && mkdir "$work/corpus"
	begin=$(date +%s)
	"$work/out/fuzz-$target" -max_total_time="${LC_PLANTED_SECONDS:-120}" -timeout=25 -close_fd_mask=3 \
		-rss_limit_mb=3000 -artifact_prefix="$work/found-" "$work/corpus" "$work/seeds/$target" \
		>"$work/log" 2>&1 </dev/null
	status=$?
	seconds=$(($(date +%s) - begin))
	cp "$work/saved" "$work/top/$file"
}

prepare
planted=0
missed=0
while IFS= read -r row; do
	case $row in
	'target: '*) target=${row#*: } ;;
	'file: '*) file=${row#*: } ;;
	'line: '*) line=${row#*: } ;;
	'becomes: '*) becomes=${row#*: } ;;
	'missing: '*)
		case $only in *" $target "* | '  ') ;; *) continue ;; esac
		planted=$((planted + 1))
		plant
		if [ "$status" -ne 0 ] && ls "$work"/found-* >/dev/null 2>&1; then
			printf 'found in %3d s   %-8s %s (%s)\n' "$seconds" "$target" "${row#*: }" "$file"
		else
			missed=$((missed + 1))
			printf 'NOT FOUND, status %d   %-8s %s (%s)\n' "$status" "$target" "${row#*: }" "$file"
		fi
		;;
	esac
done <"$top/tests/fuzz/planted.list"
echo "planted: $planted, not found: $missed"
[ "$missed" -eq 0 ]
