#!/bin/sh
# SPDX-License-Identifier: ISC
# apk-build.sh APKBUILD TARBALL DIR - what abuild does with the functions of APKBUILD
#
# Unpacks, calls build and package, and makes the subpackages in order, each of
# what those before it have left. DIR/files has "PACKAGE: PATH" for each file.
set -eu

apkbuild=$1
tarball=$2
work=$3

srcdir=$work/src
pkgdir=$work/pkg/main
mkdir -p "$srcdir" "$pkgdir"
tar -xf "$tarball" -C "$srcdir"
# shellcheck source=contrib/apk/APKBUILD
. "$apkbuild"
: "${options:=}"
cd "$srcdir/$pkgname-$pkgver"
CHOST=$(build-aux/config.guess)
CBUILD=$CHOST
export CHOST CBUILD
MAKEFLAGS=-j$(nproc)
export MAKEFLAGS

# amove PATH...: from the main package to the one that is being made
amove() {
	for path in "$@"; do
		# shellcheck disable=SC2086 # patterns
		(cd "$pkgdir" && find $path ! -type d) | while read -r file; do
			mkdir -p "$subpkgdir/${file%/*}"
			mv "$pkgdir/$file" "$subpkgdir/$file"
		done
	done
}

# What abuild moves where a package has no function of its own
move_default() { # SUFFIX
	case $1 in
	static) amove 'usr/lib/*.a' ;;
	dev) amove usr/include usr/lib/pkgconfig 'usr/lib/*.so' ;;
	lang) amove usr/share/locale ;;
	doc) amove usr/share/man ;;
	*-completion) amove "usr/share/${1%-completion}*" ;;
	esac
}

build
package
find "$pkgdir" -name '*.la' -delete
# shellcheck disable=SC2154 # of the APKBUILD
for subpackage in $subpackages; do
	name=${subpackage%%:*}
	subpkgdir=$work/pkg/$name
	mkdir -p "$subpkgdir"
	case ${name#"$pkgname"-} in
	emacs | kakoune | vim | tools) "${name#"$pkgname"-}" ;;
	*) move_default "${name#"$pkgname"-}" ;;
	esac
done
for dir in "$work"/pkg/*; do
	name=${dir##*/}
	[ "$name" != main ] || name=$pkgname
	(cd "$dir" && find . ! -type d -printf "$name: %P\n")
done | sort >"$work/files"
