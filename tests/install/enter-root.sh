#!/bin/sh
# SPDX-License-Identifier: ISC
# enter-root.sh ROOT [ro:DIR|rw:DIR]... -- COMMAND... - runs COMMAND in ROOT
#
# As if the machine had been started from ROOT: a mount namespace with ROOT on
# top of it, /proc, /sys, /dev, and each DIR at the path that it has outside. A
# chroot would not do: whoever sits in one gets no user namespace, and tests that
# need one or that look at devices in /sys would fail of it. All mounts are gone
# with the last process.
set -eu

if [ "$1" != --inside ]; then
	exec unshare -m --propagation private sh "$0" --inside "$@"
fi
root=$2
shift 2
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
	dir=${1#r?:}
	mkdir -p "$root$dir"
	mount --bind "$dir" "$root$dir"
	case $1 in ro:*) mount -o remount,bind,ro "$root$dir" ;; esac
	shift
done
shift
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
cd "$root"
pivot_root . mnt
umount -l /mnt
cd /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
