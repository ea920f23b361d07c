#!/bin/sh
# SPDX-License-Identifier: ISC
# Every file is named in the build, so that nothing is missing in a release and
# no test lies there without being run.
. "${0%/*}/lint.sh"
lint_begin 'every file is part of the build'
cat Makefile.am src/*/local.mk man/local.mk contrib/local.mk tests/local.mk tests/*/local.mk \
	2>/dev/null | tr -s ' \t\\=' '\n' | sort -u >"$lint_work/named"
lint_files | grep -E '^(src|man|tests|contrib)/' >"$lint_work/files"
while read -r file; do
	case $file in
	*/local.mk | */.gitignore | src/lib/libcommit.pc.in) continue ;;
	tests/unit/test-*.c) name=${file%.c} ;;
	*) name=$file ;;
	esac
	grep -qxF -e "$name" -e "$file" "$lint_work/named" || lint_find "$file is not named in any Makefile fragment"
done <"$lint_work/files"
lint_end
