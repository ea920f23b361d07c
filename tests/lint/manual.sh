#!/bin/sh
# SPDX-License-Identifier: ISC
# mandoc has nothing to say about the manual. What it says about references is
# judged by what stands in man/, not by what is installed on this machine.
. "${0%/*}/lint.sh"
lint_begin 'mandoc -Tlint'
lint_needs mandoc
count=0
for page in man/*.[1-9]; do
	[ -f "$page" ] || continue
	count=$((count + 1))
	mandoc -Tlint "$page" >"$lint_work/messages" 2>&1
	grep -vE 'STYLE: referenced manual not found|outdated mandoc.db' "$lint_work/messages" >"$lint_work/hits"
	while read -r message; do
		lint_find "$message"
	done <"$lint_work/hits"
	# a page of ours that is not there
	sed -n 's/^\.Xr \(commit-[a-z-]*\|libcommit\) \([1-9]\).*/man\/\1.\2/p' "$page" | sort -u >"$lint_work/references"
	while read -r reference; do
		[ -f "$reference" ] || lint_find "$page: $reference does not exist"
	done <"$lint_work/references"
done
[ "$count" -gt 0 ] || lint_find 'no pages found'
lint_note "$count pages"
lint_end
