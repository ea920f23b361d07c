#!/bin/sh
# SPDX-License-Identifier: ISC
# What the shared library exports is what the public headers declare with
# COMMIT_API, no more and no less, all with a version of the symbol map.
. "${0%/*}/lint.sh"
lint_begin 'exported symbols are the functions of the public headers'
lint_needs "${NM%% *}"

library=$LC_BUILDDIR/src/lib/.libs/libcommit.so
[ -f "$library" ] || lint_skip 'no shared library was built'

for header in src/include/*.h; do
	strip_c "$header"
done | tr '\n\t' '  ' | sed 's/COMMIT_API/\
COMMIT_API/g' | sed -n 's/^COMMIT_API[^(;]*[ *]\(commit_[a-z0-9_]*\) *(.*/\1/p' |
	sort -u >"$lint_work/declared"
$NM -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort >"$lint_work/versioned"
sed 's/@.*//' "$lint_work/versioned" | sort -u >"$lint_work/exported"

[ -s "$lint_work/declared" ] || lint_find 'no declarations found: the pattern is broken'
for name in $(comm -23 "$lint_work/declared" "$lint_work/exported"); do
	lint_find "$name is declared, but not exported"
done
# The sanitizers and gcov add names of their own
for name in $(comm -13 "$lint_work/declared" "$lint_work/exported" | grep -vE '^(__asan|__odr_asan|__ubsan|__gcov|mangle_path)'); do
	lint_find "$name is exported, but not declared in src/include"
done
sed '/@@LIBCOMMIT_/d; /^commit_/!d' "$lint_work/versioned" >"$lint_work/bare"
while read -r name; do
	lint_find "$name has no version: src/lib/libcommit.map was not used"
done <"$lint_work/bare"
lint_note "$(wc -l <"$lint_work/declared") functions"
lint_end
