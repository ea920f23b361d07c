#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each lint finds what it is there for: a fault is planted in a copy of the
# sources, and the lint names it. A lint that cannot fail proves nothing.

setup_file() {
	export COPY="$BATS_FILE_TMPDIR/copy"
	mkdir "$COPY"
	# what lint.sh counts as sources, without what was built there
	sh -c '. "$0"; lint_files' "$LC_SRCDIR/tests/lint/lint.sh" >"$BATS_FILE_TMPDIR/files"
	tar -C "$LC_SRCDIR" -cf - -T "$BATS_FILE_TMPDIR/files" | tar -C "$COPY" -xf -
	chmod -R u+w "$COPY"
}

setup() {
	cp -a "$COPY" "$BATS_TEST_TMPDIR/tree"
	cd "$BATS_TEST_TMPDIR/tree" || return
}

# finds LINT TEXT: the lint fails and says TEXT. That it finds nothing in the
# sources as they are is the lint's own result in make check.
finds() {
	run sh "tests/lint/$1.sh"
	echo "$output"
	[[ $output != *"# SKIP"* ]] || skip "${output##*# SKIP }"
	[[ $output == *"not ok 1"* ]]
	[[ $output == *"$2"* ]]
}

@test "files: a test that is entered nowhere" {
	touch tests/unit/test-forgotten.c
	finds files 'tests/unit/test-forgotten.c is not named'
}

@test "files: a source that is entered nowhere" {
	touch src/lib/forgotten.h
	finds files 'src/lib/forgotten.h is not named'
}

@test "floors: a lower module includes a higher one" {
	echo '#include "stage.h"' >>src/lib/copy.c
	finds floors 'copy (floor 2) includes stage.h (floor 3)'
}

@test "floors: a neighbour on the same floor" {
	echo '#include "backup.h"' >>src/lib/inplace.c
	finds floors 'inplace (floor 4) includes backup.h (floor 4)'
}

@test "floors: a tool reaches into the library" {
	echo '#include "stage.h"' >>src/tools/commit-save.c
	finds floors 'a tool includes stage.h'
}

@test "floors: a module on no floor" {
	touch src/lib/nowhere.c
	finds floors 'nowhere is not in src/lib/FLOORS'
}

@test "headers: a header that needs another first" {
	sed -i '/#include <sys\/types.h>/d; /#include <stdint.h>/d' src/include/commit_save.h
	finds headers 'commit_save.h: c: '
}

@test "headers: a header that C++ does not take" {
	echo 'struct commit_new { int class; };' >>src/include/commit.h
	finds headers 'commit.h: cpp: '
}

@test "manual: a broken macro" {
	echo '.Xy what' >>man/commit-save.1
	finds manual 'unknown macro'
}

@test "manual: a reference to a page that is not there" {
	echo '.Xr commit-nothing 1' >>man/commit-save.1
	finds manual 'man/commit-nothing.1 does not exist'
}

@test "shell: an unquoted variable" {
	# shellcheck disable=SC2016 # written as it stands
	printf '#!/bin/sh\n# SPDX-License-Identifier: ISC\nrm $1/x\n' >contrib/bad.sh
	# what takes shellcheck long, and is not asked about here
	rm -r tests/cli tests/fs tests/crash
	finds shell 'contrib/bad.sh:3:4: note: Double quote'
}

@test "size: a function of 71 lines" {
	{
		printf 'int long_one(void)\n{\n'
		seq -f '	/* %g */' 69
		printf '}\n'
	} >>src/lib/error.c
	finds size 'long_one: 71 lines'
}

@test "size: a file of 501 lines" {
	seq -f '/* %g */' 501 >src/lib/long.h
	finds size 'src/lib/long.h: 501 lines'
}

@test "spdx: a file without its licence" {
	sed -i '/SPDX/d' src/lib/error.c
	finds spdx 'src/lib/error.c: no SPDX line'
}

@test "symbols: declared, but not in the library" {
	echo 'COMMIT_API int commit_nothing(void);' >>src/include/commit.h
	finds symbols 'commit_nothing is declared, but not exported'
}

@test "symbols: exported, but not declared" {
	sed -i 's/COMMIT_API const char \*commit_version/const char *commit_version/' src/include/commit.h
	finds symbols 'commit_version is exported, but not declared'
}

@test "sys-only: a flush beside sys" {
	printf 'int flush(int fd)\n{\n\treturn fsync(fd);\n}\n' >>src/lib/copy.c
	finds sys-only 'return fsync(fd);'
}

@test "sys-only: a word in a comment or a string is no call" {
	printf '/* fsync(fd) */\nconst char *text = "rename(";\n' >>src/lib/copy.c
	run sh tests/lint/sys-only.sh
	[[ $output == *"ok 1"* && $output != *"not ok"* ]]
}

@test "sys-only: a call hidden by a macro is found in the objects" {
	mkdir -p built/src/lib/.libs
	printf '#include <unistd.h>\n#define P(x) f##x\nint f(void);\nint f(void) { return P(sync)(0); }\n' >save.c
	$CC -c -o libcommit_la-save.o save.c
	ar rcs built/src/lib/.libs/libcommit.a libcommit_la-save.o
	LC_BUILDDIR=$PWD/built run sh tests/lint/sys-only.sh
	[[ $output == *"not ok 1"* && $output == *"U fsync"* ]]
}
