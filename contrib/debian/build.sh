#!/bin/sh
# SPDX-License-Identifier: ISC
# build.sh TARBALL DIR - builds the Debian packages of a release in DIR
#
# TARBALL is what `make dist` makes. DEB_BUILD_OPTIONS=nocheck leaves the tests
# out. The date of what is built is the changelog's, so that two builds are the
# same bytes.
set -eu

if [ $# -ne 2 ]; then
	echo 'usage: contrib/debian/build.sh TARBALL DIR' >&2
	exit 2
fi
mkdir -p "$2"
tar -xf "$1" -C "$2"
cd "$2"/libcommit-*/
cp -R contrib/debian debian
rm debian/build.sh
exec dpkg-buildpackage -us -uc -b
