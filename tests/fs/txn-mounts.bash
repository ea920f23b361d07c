# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# txn-mounts.bash - trees that span mounts, for fs/txn-*.bats (after fs.bash)

# tree KIND: $FS/root with a file system of that kind on $FS/root/mnt
span() {
	mkdir -p "$FS/root"
	case $1 in
	bind)
		mkdir -p "$FS/behind" "$FS/root/mnt"
		mount --bind "$FS/behind" "$FS/root/mnt"
		;;
	*) fs_new "$1" root/mnt "${2:-}" ;;
	esac
}

unspan() {
	local point
	cd "$FS" || return
	while read -r point; do
		umount "$point" || umount -l "$point"
	done < <(fs_mounted | grep "^$FS/root/\|^$FS/root\$")
	rm -rf "$FS/root" "$FS/behind" "$FS"/root.img "$FS/trace" "$FS/log"
}

# What the tree holds, but for the store
shape() {
	(
		cd "$FS/root" || exit
		find . \( -path ./.commit -o -name lost+found -o -name '*.img' \) -prune -o ! -path . ! -path ./mnt \
			-printf '%p %y %m %U %G %n %l\n' | sort
		find . \( -path ./.commit -o -name lost+found -o -name '*.img' \) -prune -o -type f -print0 |
			sort -z | xargs -0r md5sum
	)
}

# Stages on other mounts, and in the store
stages() {
	find "$FS/root" -name '.commit-stage-*'
	find "$FS/root/.commit/stage" -mindepth 1 -maxdepth 1 2>/dev/null || :
}

idle() {
	local left
	left=$(stages)
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

# A tree on both mounts, made anew
furnish() {
	find "$FS/root" -mindepth 1 -maxdepth 1 ! -name mnt ! -name '*.img' -exec rm -rf {} +
	find "$FS/root/mnt" -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
	(
		cd "$FS/root" || exit
		mkdir near mnt/far mnt/far/empty near/dir
		echo near >near/keep
		echo old-near >near/old
		echo old-far >mnt/far/old
		echo gone >mnt/far/gone
		echo in-dir >near/dir/file
		ln near/dir/file near/dir/twin
		ln -s file near/dir/link
		echo back >mnt/far/back
		chmod 640 near/dir/file
		setfattr -n user.test -v kept near/dir/file
		touch -d '2001-02-03 04:05:06' near/dir/file near/dir
		touch -h -d '2001-02-03 04:05:06' near/dir/link
	)
}

# One transaction that does everything on both
# shellcheck disable=SC2034
changes='write near/old near-new
write mnt/far/old far-new
write mnt/far/fresh fresh
mkdir mnt/made
write mnt/made/inside inside
rm mnt/far/gone
rmdir mnt/far/empty
mv near/dir mnt/moved
mv mnt/far/back near/back
symlink far/old mnt/link
chmod 600 mnt/far/old'

# changing TRACE: the numbers of the calls that change something. Who is killed
# before one that only looks leaves what he would leave before the next of these.
changing() {
	awk '$3 !~ /^(stat|mount|open|openat2|pread|read|lseek|statfs|fstype|project|listxattr|getxattr|readlink|access|dup|flock|random)$/ { print $2 }' "$1"
}

# not COMMAND...: it fails; a ! in front of it would not end a test
not() {
	if "$@"; then
		echo "should fail: $*"
		return 1
	fi
}

# gone PATH...: nothing is there, seen from $FS
gone() {
	local path
	for path; do
		if [ -e "$FS/$path" ] || [ -L "$FS/$path" ]; then
			echo "still there: $path"
			return 1
		fi
	done
}
