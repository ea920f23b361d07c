#!/bin/sh
# SPDX-License-Identifier: ISC
# Every file says its licence in its first lines.
. "${0%/*}/lint.sh"
lint_begin 'every file carries SPDX-License-Identifier: ISC'
count=0
lint_files >"$lint_work/files"
while read -r file; do
	case $file in
	COPYING | AUTHORS) continue ;;
	*.json) continue ;; # no comments in JSON
	*debian/changelog | *debian/copyright | *debian/source/format | *.symbols) continue ;; # nor in these
	esac
	count=$((count + 1))
	head -n 12 "$file" | grep -q 'SPDX-License-Identifier: ISC' || lint_find "$file: no SPDX line"
done <"$lint_work/files"
[ "$count" -gt 20 ] || lint_find "only $count files found: the list is broken"
lint_note "$count files"
lint_end
