# shellcheck shell=sh
# SPDX-License-Identifier: ISC
# common.sh - what the benches share: words, scratch space, file systems, tools
#
# Sourced with $bench (the name in messages), later called with $place,
# $filesystems, $parts and $builddir from the options. Sets $scratch, $raw,
# $mounted (the image's mount point, if any) and $tool. $image_size: of images,
# which are sparse; default 8g.
# shellcheck disable=SC2154 # bench and the options are the caller's

die() {
	printf '%s: %s\n' "$bench" "$*" >&2
	exit 1
}

say() {
	printf '%s\n' "$*" >&2
}

wants() {
	case ,$parts, in *,"$1",*) return 0 ;; *) return 1 ;; esac
}

# Sets tool to the program that is measured: PATH, or the one that was built.
# A libtool wrapper is a shell script; what it wraps is measured, not the shell.
find_tool() { # NAME PATH
	tool=$2
	if [ -z "$tool" ]; then
		tool=$builddir/src/tools/$1
		if [ -x "$builddir/src/tools/.libs/$1" ]; then
			tool=$builddir/src/tools/.libs/$1
			LD_LIBRARY_PATH=$(cd "$builddir" && pwd)/.libs:$(cd "$builddir" && pwd)/src/lib/.libs
			export LD_LIBRARY_PATH
		fi
	fi
	[ -x "$tool" ] || die "$tool: no such program (--tool=PATH names another)"
	tool=$(cd "$(dirname "$tool")" && pwd)/$(basename "$tool")
	"$tool" --version >/dev/null || die "$tool does not run"
}

scratch='' mounted='' child=''
# shellcheck disable=SC2317,SC2329 # called by trap
clean_up() {
	status=$?
	trap - EXIT
	trap '' INT TERM HUP
	cd /
	if [ -n "$child" ]; then
		kill "$child" 2>/dev/null
		wait "$child"
	fi
	if [ -n "$mounted" ]; then
		umount "$mounted" || umount -l "$mounted"
	fi
	[ -z "$scratch" ] || rm -rf "$scratch"
	exit "$status"
}

# A DIR given is where things are measured; images go where mktemp puts them.
make_scratch() {
	if [ -n "$place" ] && [ -n "$filesystems" ]; then
		die "DIR and --fs exclude each other"
	fi
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	if [ -n "$place" ]; then
		scratch=$(mktemp -d "$place/$bench-bench.XXXXXX") || exit 1
	elif [ -n "$filesystems" ]; then
		scratch=$(mktemp -d "${TMPDIR:-/tmp}/$bench-bench.XXXXXX") || exit 1
	else
		scratch=$(mktemp -d "./$bench-bench.XXXXXX") || exit 1
	fi
	scratch=$(cd "$scratch" && pwd)
	raw=$scratch/raw
	: >"$raw"
}

# Runs a command in the background and waits, because a shell that waits for a
# foreground command puts signals off until it ends.
run_child() { # COMMAND...
	"$@" &
	child=$!
	wait "$child"
	set -- $?
	child=
	return "$1"
}

mount_image() { # TYPE
	mkdir -p "$scratch/mnt"
	if [ "$1" = tmpfs ]; then
		mount -t tmpfs -o size=6g "$bench-bench" "$scratch/mnt" || return 1
	else
		rm -f "$scratch/image"
		truncate -s "${image_size:-8g}" "$scratch/image" || return 1
		case $1 in
		ext4) mkfs.ext4 -q -F "$scratch/image" ;;
		xfs) mkfs.xfs -q "$scratch/image" ;;
		btrfs) mkfs.btrfs -q "$scratch/image" ;;
		*) die "--fs=$1: not one of ext4, xfs, btrfs, tmpfs" ;;
		esac >/dev/null || return 1
		# detached by umount: no loop device can stay behind
		mount -o loop "$scratch/image" "$scratch/mnt" || return 1
	fi
	mounted=$scratch/mnt
}

unmount_image() {
	umount "$mounted" || umount -l "$mounted"
	mounted=
	rm -f "$scratch/image"
}

# Calls FUNCTION with the name of a file system and a directory on it: for each
# of --fs, or for the one of the scratch directory.
for_each_filesystem() { # FUNCTION
	if [ -z "$filesystems" ]; then
		mkdir "$scratch/files"
		"$1" "$(df --output=fstype "$scratch" | sed -n 2p)" "$scratch/files"
		return
	fi
	[ "$(id -u)" = 0 ] || die "--fs mounts images: it must run as root"
	for fs in $(printf '%s' "$filesystems" | tr , ' '); do
		if ! mount_image "$fs"; then
			printf 'S\t%s\tall\tan image of it could not be made or mounted\n' "$fs" >>"$raw"
			continue
		fi
		"$1" "$fs" "$mounted"
		unmount_image
	done
}
