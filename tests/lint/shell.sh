#!/bin/sh
# SPDX-License-Identifier: ISC
# No shell script and no bats file has findings of shellcheck.
. "${0%/*}/lint.sh"
lint_begin 'shellcheck'
lint_needs shellcheck
lint_files >"$lint_work/files"
count=0
while read -r file; do
	case $file in
	*.sh | *.bash) ;;
	*.bats) ;;
	*) head -n 1 "$file" | grep -qE '^#!.*\<(sh|bash|bats)\>' || continue ;;
	esac
	count=$((count + 1))
	shellcheck -f gcc "$file" >"$lint_work/messages" 2>&1 </dev/null && continue
	while read -r message; do
		lint_find "$message"
	done <"$lint_work/messages"
done <"$lint_work/files"
[ "$count" -gt 5 ] || lint_find "only $count scripts found: the list is broken"
lint_note "$count scripts"
lint_end
