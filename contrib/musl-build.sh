#!/bin/sh
# SPDX-License-Identifier: ISC
# musl-build.sh BUILDDIR [CONFIGURE-OPTION]... - build with musl-gcc
#
# musl-gcc does not look into /usr/include, and must not: glibc's headers are
# there. What libcommit needs of it besides libc, xxhash.h and the kernel's
# headers, gets a directory of its own inside BUILDDIR. There are no musl builds
# of libacl, libattr, jansson and cmocka on a glibc system, so this build has
# none of them; configure says what that costs. On Alpine none of this is
# needed: plain ./configure is a musl build with everything.
set -eu

if [ $# -lt 1 ]; then
	echo 'usage: musl-build.sh BUILDDIR [CONFIGURE-OPTION]...' >&2
	exit 2
fi
source_dir=$(cd "${0%/*}/.." && pwd)
mkdir -p "$1"
cd "$1"
shift

if ! command -v musl-gcc >/dev/null; then
	echo 'musl-build.sh: musl-gcc is missing (Debian: musl-tools, Fedora: musl-gcc, Arch: musl)' >&2
	exit 1
fi

# asm/ stands below a directory named after the machine on Debian
multiarch=$(cc -print-multiarch 2>/dev/null || :)
mkdir -p include
for header in xxhash.h linux asm-generic asm; do
	for place in "/usr/include/$multiarch/$header" "/usr/include/$header"; do
		if [ -e "$place" ]; then
			ln -sfn "$place" "include/$header"
			break
		fi
	done
	if [ ! -e "include/$header" ]; then
		echo "musl-build.sh: $header is missing in /usr/include" >&2
		exit 1
	fi
done

# -idirafter: musl's own headers win wherever both have one
"$source_dir/configure" CC=musl-gcc CPPFLAGS="-idirafter $PWD/include" --with-xxhash=inline \
	--without-libacl --without-libattr --without-jansson --without-cmocka "$@"
make -j"$(nproc)"
