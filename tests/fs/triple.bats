#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Three copies on three file systems of their own: faults below the file system,
# lost, read-only and full mounts, and the six failures of flash by name.

setup_file() {
	load fs
	fs_setup_file memory
}

teardown_file() {
	load fs
	fs_teardown_file
}

setup() {
	load fs
	fs_setup
}

teardown() {
	local name
	cd /
	for name in a b c; do
		! mountpoint -q "$FS/$name" || umount "$FS/$name" || umount -l "$FS/$name"
	done
}

copies() { echo "$FS/a/s" "$FS/b/s" "$FS/c/s"; }

# triple STATUS COMMAND [OPTION]...
triple() {
	local wanted=$1 command=$2
	shift 2
	# shellcheck disable=SC2046 # three names
	exits "$wanted" commit-triple "$command" $(copies) "$@"
}

# set_up KIND KIND KIND: three devices, and one version on them that no other text looks like
set_up() {
	local text=$BATS_TEST_TMPDIR/text
	fs_new "$1" a
	fs_new "$2" b
	fs_new "$3" c
	seq 1 30000 | sed 's/^/needle /' >"$text"
	triple 0 write --from="$text"
	[ -z "$stderr" ] || { echo "not silent: $stderr"; return 1; }
	good
}

# The answer is the text, and all copies hold it
good() {
	local copy
	triple 0 read --to="$BATS_TEST_TMPDIR/answer"
	same "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/text"
	for copy in $(copies); do
		same "$copy" "$BATS_TEST_TMPDIR/text"
	done
	triple 0 check
}

# below NAME TEXT: that text is written over in the image, with the file system unmounted
below() {
	local at
	sync -f "$FS/$1"
	fs_umount "$1"
	at=$(grep -abo -m 1 "$2" "$FS/$1.img" | head -n 1 | cut -d : -f 1)
	[ -n "$at" ] || { echo "no '$2' in the image"; return 1; }
	printf 'ROTTEN' | dd of="$FS/$1.img" bs=1 seek="$at" conv=notrunc status=none
}

# Bit corruption: a block changes below the file system, which then returns it or EIO
rot_below() {
	set_up "$1" "$2" "$3"
	below b 'needle 20000'
	fs_mount "$2" b
	triple 10 check
	[[ $output == *"B $FS/b/s damaged"* ]]
	good
}

@test "bit corruption below ext4" { rot_below xfs ext4 btrfs; }
@test "bit corruption below xfs" { rot_below ext4 xfs btrfs; }
@test "bit corruption below btrfs, which answers EIO" { rot_below ext4 btrfs xfs; }

@test "bit corruption in every copy, in different blocks (57)" {
	set_up ext4 xfs ext4
	below a 'needle 1000$'
	fs_mount ext4 a
	below b 'needle 15000'
	fs_mount xfs b
	below c 'needle 29000'
	fs_mount ext4 c
	triple 10 check
	[ "$(grep -c damaged <<<"$output")" = 3 ]
	good
}

@test "flying write: a copy and its sidecar land in another's place (58)" {
	set_up ext4 xfs btrfs
	cp -p "$FS/b/s" "$FS/b/.s.triple" "$FS/c/"
	triple 10 check
	[[ $output == *"C $FS/c/s misplaced"* ]]
	good
}

@test "flying write: a copy and its sidecar land on another file system (58)" {
	set_up ext4 xfs btrfs
	cp -p "$FS/c/s" "$FS/c/.s.triple" "$BATS_TEST_TMPDIR"
	fs_umount c
	fs_new ext4 c
	cp -p "$BATS_TEST_TMPDIR/s" "$BATS_TEST_TMPDIR/.s.triple" "$FS/c/"
	triple 10 check
	[[ $output == *"C $FS/c/s misplaced"* ]]
	good
}

@test "shorn write: of a block the first sectors are new, the rest is what lay there" {
	local at
	set_up ext4 xfs btrfs
	sync -f "$FS/b"
	fs_umount b
	at=$(grep -abo -m 1 'needle 20000' "$FS/b.img" | cut -d : -f 1)
	at=$((at / 4096 * 4096))
	dd if=/dev/urandom of="$FS/b.img" bs=512 seek=$((at / 512 + 3)) count=5 conv=notrunc status=none
	fs_mount xfs b
	triple 10 check
	[[ $output == *"B $FS/b/s damaged, 1 blocks bad"* ]]
	good
}

@test "shorn write: the end of a copy is what it was before" {
	local stamp
	set_up ext4 xfs btrfs
	stamp=$(stat -c %y "$FS/c/s")
	truncate -s 100000 "$FS/c/s"
	truncate -s "$(stat -c %s "$BATS_TEST_TMPDIR/text")" "$FS/c/s"
	touch -d "$stamp" "$FS/c/s"
	triple 10 check
	good
}

@test "unserializable writes: the content arrived, the sidecar did not, and the other way round" {
	set_up ext4 xfs btrfs
	cp -p "$FS/a/.s.triple" "$BATS_TEST_TMPDIR/a"
	cp -p "$FS/b/s" "$BATS_TEST_TMPDIR/b"
	tac "$BATS_TEST_TMPDIR/text" >"$BATS_TEST_TMPDIR/other"
	mv "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/text"
	triple 0 write --from="$BATS_TEST_TMPDIR/text"
	cp -p "$BATS_TEST_TMPDIR/a" "$FS/a/.s.triple"
	cp -p "$BATS_TEST_TMPDIR/b" "$FS/b/s"
	good
}

@test "metadata corruption: a name is gone, and a sidecar is another file's" {
	set_up ext4 xfs btrfs
	rm "$FS/a/s"
	head -c 500 "$BATS_TEST_TMPDIR/text" >"$FS/b/.s.triple"
	good
}

@test "metadata corruption: the inode of a copy is cleared below the file system" {
	fs_needs debugfs
	set_up xfs ext4 btrfs
	fs_umount b
	debugfs -w -R 'clri s' "$FS/b.img" 2>/dev/null
	fs_mount ext4 b
	triple 0 read --to="$BATS_TEST_TMPDIR/answer"
	same "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/text"
	same "$FS/a/s" "$BATS_TEST_TMPDIR/text"
	same "$FS/c/s" "$BATS_TEST_TMPDIR/text"
}

@test "dead device: a lost mount, and it comes back old (64, 65)" {
	set_up ext4 xfs btrfs
	fs_umount b
	rmdir "$FS/b"
	triple 0 read --to="$BATS_TEST_TMPDIR/answer"
	same "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/text"
	triple 1 write --from="$BATS_TEST_TMPDIR/text"
	says '--min-copies=2'
	tac "$BATS_TEST_TMPDIR/text" >"$BATS_TEST_TMPDIR/other"
	mv "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/text"
	triple 0 write --min-copies=2 --from="$BATS_TEST_TMPDIR/text"
	mkdir "$FS/b"
	fs_mount xfs b
	good
}

@test "dead device: the image is cut short while it is mounted, and its end answers EIO (64)" {
	set_up ext4 xfs btrfs
	# the blocks of the copy are behind the new end, what the file system needs is in the cache
	sync -f "$FS/a"
	at=$(grep -abo -m 1 'needle 20000' "$FS/a.img" | cut -d : -f 1)
	truncate -s $((at / 4096 * 4096)) "$FS/a.img"
	if dd if="$FS/a/s" of=/dev/null bs=4k iflag=direct status=none 2>/dev/null; then false; fi
	triple 10 check
	[[ $output == *"A $FS/a/s damaged"* ]]
	# settled on what is left of the device, or on the two others
	triple 0 read --to="$BATS_TEST_TMPDIR/answer"
	same "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/text"
	same "$FS/b/s" "$BATS_TEST_TMPDIR/text"
	same "$FS/c/s" "$BATS_TEST_TMPDIR/text"
}

@test "dead device: the image is cut short, and cannot be mounted any more" {
	set_up ext4 xfs btrfs
	below c 'needle 20000'
	truncate -s 16M "$FS/c.img"
	fs_mount btrfs c 2>/dev/null || mkdir -p "$FS/c"
	# Mounted or not: it is one copy less, or a bad one.
	status=0
	# shellcheck disable=SC2046 # three names
	commit-triple read -q $(copies) >"$BATS_TEST_TMPDIR/answer" 2>/dev/null || status=$?
	[ "$status" = 0 ]
	same "$BATS_TEST_TMPDIR/answer" "$BATS_TEST_TMPDIR/text"
}

@test "a mount that became read-only (64)" {
	set_up ext4 xfs btrfs
	mount -o remount,ro "$FS/b"
	triple 0 read --to="$BATS_TEST_TMPDIR/answer"
	triple 1 write --from=/etc/passwd
	for copy in $(copies); do same "$copy" "$BATS_TEST_TMPDIR/text"; done
	clean "$FS"
	mount -o remount,rw "$FS/b"
	good
}

@test "a full one (64)" {
	set_up ext4 xfs btrfs
	fs_fill "$FS/c/ballast"
	triple 1 write --from="$BATS_TEST_TMPDIR/text"
	says ENOSPC
	for copy in $(copies); do same "$copy" "$BATS_TEST_TMPDIR/text"; done
	clean "$FS/c"
	rm "$FS/c/ballast"
	good
}

@test "what the cache has is not what is compared (61)" {
	set_up ext4 ext4 ext4
	cat "$FS/b/s" >/dev/null
	# Below the file system, while it is mounted and has the pages cached
	at=$(grep -abo -m 1 'needle 20000' "$FS/b.img" | cut -d : -f 1)
	printf 'ROTTEN' | dd of="$FS/b.img" bs=1 seek="$at" conv=notrunc status=none
	blockdev --flushbufs "$(losetup -n -O NAME -j "$FS/b.img")"
	grep -q 'needle 20000' "$FS/b/s"
	triple 10 check
	[[ $output == *"B $FS/b/s damaged"* ]]
}

@test "copies that are clones of each other are one copy (60)" {
	fs_new btrfs a
	mkdir "$FS/a/1" "$FS/a/2" "$FS/a/3"
	head -c 100000 /etc/ld.so.cache >"$FS/a/1/s"
	sync -f "$FS/a"
	cp --reflink=always "$FS/a/1/s" "$FS/a/2/s"
	cp --reflink=always "$FS/a/1/s" "$FS/a/3/s"
	exits 0 commit-triple check --raw "$FS/a/1/s" "$FS/a/2/s" "$FS/a/3/s"
	says 'shares blocks'
	exits 4 commit-triple check --raw --strict "$FS/a/1/s" "$FS/a/2/s" "$FS/a/3/s"
	# What is written is never a clone.
	exits 0 commit-triple write --from="$FS/a/1/s" "$FS/a/1/s" "$FS/a/2/s" "$FS/a/3/s"
	exits 0 commit-triple check "$FS/a/1/s" "$FS/a/2/s" "$FS/a/3/s"
	[[ $stderr != *'shares blocks'* ]]
}

@test "vfat: no modes, no owners, no times but even seconds" {
	fs_needs_kernel vfat
	set_up ext4 vfat xfs
	below b 'needle 20000'
	fs_mount vfat b
	good
}
