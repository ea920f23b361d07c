#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What `make install` puts where, and whether it can be used from there.

setup_file() {
	# make check's make is none of the business of ours
	unset MAKEFLAGS MFLAGS MAKELEVEL TESTS
	export STAGE="$BATS_FILE_TMPDIR/stage"
	PREFIX=$(sed -n 's/^prefix = //p' "$LC_BUILDDIR/Makefile")
	export PREFIX
	make -C "$LC_BUILDDIR" install DESTDIR="$STAGE" >"$BATS_FILE_TMPDIR/install.log" 2>&1
	export LIB="$STAGE$PREFIX/lib"
}

@test "make install DESTDIR puts everything below it" {
	for file in bin/commit-save sbin/commit-recover lib/libcommit.a lib/pkgconfig/libcommit.pc \
		include/commit.h include/commit_save.h include/commit_recover.h include/commit_error.h \
		share/man/man1/commit-save.1 share/man/man8/commit-recover.8 \
		share/man/man3/libcommit.3 share/man/man7/libcommit.7; do
		[ -f "$STAGE$PREFIX/$file" ] || { echo "missing: $file"; false; }
	done
}

@test "the installed tools run, and have the library in them" {
	cd "$BATS_TEST_TMPDIR"
	export LD_LIBRARY_PATH=$LIB
	echo new | "$STAGE$PREFIX/bin/commit-save" f
	[ "$(cat f)" = new ]
	"$STAGE$PREFIX/sbin/commit-recover" .
	run ! sh -c "readelf -d '$STAGE$PREFIX/bin/commit-save' | grep -F '[libcommit.so.0]'"
}

needs_pkg_config() {
	command -v pkg-config >/dev/null || skip "pkg-config is not installed"
	PKG_CONFIG_LIBDIR="$LIB/pkgconfig:$(pkg-config --variable=pc_path pkg-config)"
	export PKG_CONFIG_LIBDIR
	export PKG_CONFIG_SYSROOT_DIR=$STAGE
}

@test "a program builds with pkg-config and the shared library" {
	needs_pkg_config
	[ -f "$LIB/libcommit.so" ] || skip "no shared library in this build"
	cd "$BATS_TEST_TMPDIR"
	# shellcheck disable=SC2046,SC2086 # flags are words
	$CC $LC_CFLAGS $(pkg-config --cflags libcommit) -o example \
		"$LC_SRCDIR/tests/install/example.c" $(pkg-config --libs libcommit)
	run env LD_LIBRARY_PATH="$LIB" ./example f
	[ "$status" -eq 0 ]
	[ "$output" = "$(pkg-config --modversion libcommit)" ]
	[ "$(cat f)" = hello ]
}

@test "a program builds with pkg-config --static and the static library" {
	needs_pkg_config
	cd "$BATS_TEST_TMPDIR"
	# shellcheck disable=SC2046,SC2086
	$CC $LC_CFLAGS $(pkg-config --cflags libcommit) -o example "$LC_SRCDIR/tests/install/example.c" \
		-Wl,-Bstatic $(pkg-config --libs-only-L --libs-only-l libcommit) -Wl,-Bdynamic \
		$(pkg-config --static --libs libcommit | sed 's/-lcommit//')
	./example f
	[ "$(cat f)" = hello ]
	run readelf -d ./example
	[[ $output != *libcommit* ]]
}

@test "the programs in the manual compile and do what they say" {
	needs_pkg_config
	[ -f "$LIB/libcommit.so" ] || skip "no shared library in this build"
	COMMIT_CFLAGS="$LC_CFLAGS $(pkg-config --cflags libcommit)"
	COMMIT_LIBS="$(pkg-config --libs libcommit)"
	export COMMIT_CFLAGS COMMIT_LIBS
	LD_LIBRARY_PATH=$LIB sh "$LC_SRCDIR/tests/man/examples.sh"
}

@test "make uninstall leaves no file" {
	make -C "$LC_BUILDDIR" uninstall DESTDIR="$STAGE"
	run find "$STAGE" ! -type d
	[ "$output" = "" ]
}
