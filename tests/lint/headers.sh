#!/bin/sh
# SPDX-License-Identifier: ISC
# Each public header compiles alone, in C11 and in C++.
. "${0%/*}/lint.sh"
lint_begin 'each public header compiles alone in C11 and C++'

# compile LANGUAGE COMPILER FLAG...
compile() {
	language=$1
	shift
	# shellcheck disable=SC2086 # CC may be a compiler and flags
	if ! "$@" -Wall -Wextra -Werror -pedantic -Isrc/include -fsyntax-only "$lint_work/alone.$language" \
		2>"$lint_work/messages"; then
		lint_find "$header: $language: $(grep -m 1 error "$lint_work/messages")"
	fi
}

for path in src/include/*.h; do
	header=${path##*/}
	echo "#include <$header>" | tee "$lint_work/alone.c" >"$lint_work/alone.cpp"
	echo "#include <$header>" >>"$lint_work/alone.c" # and twice
	echo 'int main(void) { return 0; }' >>"$lint_work/alone.c"
	# shellcheck disable=SC2086 # CC may be a compiler and flags
	compile c $CC -std=c11 -D_POSIX_C_SOURCE=200809L
	if [ -n "${CXX:-}" ]; then
		compile cpp "$CXX" -std=c++11
	fi
done
[ -n "${CXX:-}" ] || lint_note 'no C++ compiler: C only'
lint_end
