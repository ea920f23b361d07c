#!/bin/sh
# SPDX-License-Identifier: ISC
# Functions of more than 70 lines and files of more than 500 fail; functions of
# more than 40 lines are named. A function is what stands between a { and a }
# in the first column, as .clang-format lays it out.
. "${0%/*}/lint.sh"
lint_begin 'functions and files are short'

longest=0
for file in src/lib/*.[ch] src/tools/*.[ch] src/include/*.h tests/unit/*.[ch] tests/bench/*.[ch]; do
	[ -f "$file" ] || continue
	lines=$(wc -l <"$file")
	[ "$lines" -le 500 ] || lint_find "$file: $lines lines"
	awk -v file="$file" '
		/^[A-Za-z_].*\(/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name); signature = NR }
		/^{/ { start = NR }
		/^}/ { if (start) print NR - start + 1, file ":" signature ": " name; start = 0 }
	' "$file" >>"$lint_work/functions"
done
[ -s "$lint_work/functions" ] || lint_find 'no functions found'
sort -rn "$lint_work/functions" >"$lint_work/sorted"
while read -r length where; do
	[ "$length" -gt 40 ] || break
	if [ "$length" -gt 70 ]; then
		lint_find "$where: $length lines"
	else
		lint_note "$where: $length lines"
	fi
done <"$lint_work/sorted"
read -r longest where <"$lint_work/sorted"
lint_note "$(wc -l <"$lint_work/functions") functions, longest $longest lines: $where"
lint_note "median $(awk '{ l[NR] = $1 } END { print l[int((NR + 1) / 2)] }' "$lint_work/sorted") lines"
lint_end
