#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# No room: full disks at every size, quotas. A save that fails leaves the file
# as it was, and the room as it was.

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

# full_disk NAME CONTENT [OPTION]...: CONTENT onto d/f with 0, 1, ... KiB free,
# in steps, until it works. Before that: exit 1, ENOSPC, nothing has changed.
full_disk() {
	local name=$1 dir=$FS/$1/d content=$2 room=0 failures=0 before free
	shift 2
	mkdir -p "$dir"
	fs_text o 3000 >"$dir/f"
	setfattr -n user.test -v kept "$dir/f"
	while :; do
		fs_fill "$FS/$name/fill" "$room"
		before=$(state "$dir/f")
		free=$(fs_free "$name")
		exits_0_or_1 commit-save "$@" "$dir/f" < <(cat "$content")
		clean "$dir"
		[ "$status" -ne 0 ] || break
		failures=$((failures + 1))
		says ENOSPC
		sync -f "$dir"
	as_it_was "$dir/f" "$before"
		[ "$(fs_free "$name")" -eq "$free" ]
		[ "$(find "$dir" -type f | wc -l)" -eq 1 ]
		room=$((room + 1 + room / 8))
		[ "$room" -lt 4000 ]
	done
	same "$dir/f" "$content"
	[ "$failures" -ge 5 ] || { echo "only $failures failures"; return 1; }
}

exits_0_or_1() {
	status=0
	"$@" >/dev/null 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
	stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
	[ "$status" -le 1 ] || { echo "status $status: $stderr"; return 1; }
}

# in the kernel
@test "full ext4: --from" {
	small_ext4 from
	mkdir "$FS/from/d"
	echo old >"$FS/from/d/f"
	fs_fill "$FS/from/fill" 30
	before=$(state "$FS/from/d/f")
	exits 1 commit-save --from="$FS/content" "$FS/from/d/f"
	says ENOSPC
	clean "$FS/from/d"
	as_it_was "$FS/from/d/f" "$before"
}

small_ext4() {
	fs_new ext4 "$1" 8M -b 1024
	fs_text n 40000 >"$FS/content"
}

@test "full ext4, at every size: content from standard input" {
	small_ext4 stdin
	full_disk stdin "$FS/content"
}

@test "full ext4: append" {
	small_ext4 append
	fs_text n 40000 >"$FS/addition"
	(fs_text o 3000 && fs_text n 40000) >"$FS/sum"
	mkdir "$FS/append/d"
	fs_text o 3000 >"$FS/append/d/f"
	fs_fill "$FS/append/fill" 60
	before=$(state "$FS/append/d/f")
	exits 1 commit-save -a "$FS/append/d/f" <"$FS/addition"
	says ENOSPC
	clean "$FS/append/d"
	as_it_was "$FS/append/d/f" "$before"
	truncate -s -100K "$FS/append/fill"
	exits 0 commit-save -a "$FS/append/d/f" <"$FS/addition"
	same "$FS/append/d/f" "$FS/sum"
}

@test "full ext4: --from, with a backup of a large file" {
	small_ext4 backup
	mkdir "$FS/backup/d"
	fs_text o 60000 >"$FS/backup/d/f"
	fs_fill "$FS/backup/fill" 50
	before=$(state "$FS/backup/d/f")
	exits 1 commit-save -b --from="$FS/content" "$FS/backup/d/f"
	says ENOSPC
	clean "$FS/backup/d"
	[ ! -e "$FS/backup/d/f~" ]
	as_it_was "$FS/backup/d/f" "$before"
	truncate -s -100K "$FS/backup/fill"
	exits 0 commit-save -b --from="$FS/content" "$FS/backup/d/f"
	same "$FS/backup/d/f" "$FS/content"
	[ "$(stat -c %s "$FS/backup/d/f~")" -eq 60000 ]
}

@test "full ext4, at every size: in place, file grows" {
	small_ext4 grow
	full_disk grow "$FS/content" --in-place
}

@test "full tmpfs, at every size" {
	fs_new tmpfs ram 2M
	fs_text n 300000 >"$FS/content"
	full_disk ram "$FS/content"
}

# The journal lies on another file system, so that it is the edited file alone
# that finds no room.
journal_elsewhere() {
	small_ext4 "$1"
	mkdir -p "$FS/$1/d" "$FS/$1.view" "$FS/$1.journals"
	touch "$FS/$1.view/f" "$FS/$1/d/f"
	mount --bind "$FS/$1.view" "$FS/$1.view"
	mount -o remount,bind,ro "$FS/$1.view"
	mount --bind "$FS/$1/d/f" "$FS/$1.view/f"
}

fails_before_commit() {
	local file=$FS/$1.view/f before free blocks
	before=$(state "$file")
	blocks=$(stat -c %b "$file")
	free=$(fs_free "$1")
	exits 1 commit-save --in-place --journal-dir="$FS/$1.journals" "$file" <"$FS/content"
	says ENOSPC
	clean "$FS/$1.journals"
	sync -f "$FS/$1"
	as_it_was "$file" "$before"
	[ "$(stat -c %b "$file")" -eq "$blocks" ]
	[ "$(fs_free "$1")" -eq "$free" ]
}

@test "in place, no room for what is added: fails before the commit, room is given back" {
	journal_elsewhere end
	fs_text o 3000 >"$FS/end/d/f"
	fs_fill "$FS/end/fill" 20
	fails_before_commit end
	truncate -s -40K "$FS/end/fill"
	exits 0 commit-save --in-place --journal-dir="$FS/end.journals" "$FS/end.view/f" <"$FS/content"
	same "$FS/end/d/f" "$FS/content"
}

@test "in place, no room for what falls into holes: fails before the commit, room is given back" {
	journal_elsewhere hole
	# data, a hole, data, a hole
	fs_text o 4096 >"$FS/hole/d/f"
	fs_text o 4096 | dd of="$FS/hole/d/f" bs=1k seek=20 conv=notrunc status=none
	truncate -s 40000 "$FS/hole/d/f"
	fs_fill "$FS/hole/fill" 10
	fails_before_commit hole
	truncate -s -40K "$FS/hole/fill"
	exits 0 commit-save --in-place --journal-dir="$FS/hole.journals" "$FS/hole.view/f" <"$FS/content"
	same "$FS/hole/d/f" "$FS/content"
}

# To reserve room takes capabilities away, so it is not done: no room is found
# out after the commit, and recovery finishes the edit.
@test "in place, a file with capabilities: keeps them, whatever happens" {
	journal_elsewhere caps
	fs_text o 3000 >"$FS/caps/d/f"
	dress "$FS/caps/d/f"
	fs_fill "$FS/caps/fill" 20
	exits 3 commit-save --in-place --journal-dir="$FS/caps.journals" "$FS/caps.view/f" <"$FS/content"
	says ENOSPC
	rm "$FS/caps/fill"
	exits 10 commit-recover --journal-dir="$FS/caps.journals" "$FS/caps.view/f"
	same "$FS/caps/d/f" "$FS/content"
	dressed "$FS/caps/d/f"
	# killed before the commit
	exits 137 env COMMIT_FAULT=1:kill:noreplace "$LC_FAULT_BIN/commit-save" --in-place \
		--journal-dir="$FS/caps.journals" "$FS/caps.view/f" -- cat "$FS/content" "$FS/content"
	dressed "$FS/caps/d/f"
}

# Where overwriting needs new blocks, room cannot be promised: the edit is
# committed, and finished when there is room.
cow_in_place() {
	local dir=$FS/$1/d
	mkdir "$dir" "$FS/$1.j"
	fs_text o 200000 >"$dir/f"
	fs_text n 200000 >"$FS/content"
	for room in 0 16 64 128 256 400; do
		fs_fill "$FS/$1/fill" "$room"
		status=0
		commit-save --in-place "$dir/f" <"$FS/content" 2>"$FS/stderr" || status=$?
		stderr=$(cat "$FS/stderr")
		case $status in
		0) break ;;
		1 | 3 | 6) says ENOSPC ;;
		*) false ;;
		esac
		rm "$FS/$1/fill"
		sync -f "$FS/$1"
		commit-recover -r --repaired-ok "$FS/$1"
		clean "$dir"
		if [ "$status" -eq 3 ]; then
			same "$dir/f" "$FS/content"
			break
		fi
	done
	[ "$status" -ne 0 ] || same "$dir/f" "$FS/content"
	[ "$status" -ne 1 ] || [ "$(tr -d o <"$dir/f" | wc -c)" -eq 0 ]
}

@test "full xfs, in place: exit 1 before the commit, or finished when there is room" {
	fs_new xfs xfs
	cow_in_place xfs
}

@test "full btrfs, in place: exit 1 before the commit, or finished when there is room" {
	fs_new btrfs btrfs
	cow_in_place btrfs
}

# over_quota DIR: an unprivileged user's 1000 KiB are used up in it
over_quota() {
	local dir=$1 before
	fs_text o 300000 >"$dir/f"
	chown 65534:65534 "$dir/f"
	sync -f "$dir"
	before=$(state "$dir/f")
	fs_text n 2000000 >"$BATS_TEST_TMPDIR/content"
	for options in '' --in-place -a -b; do
		# shellcheck disable=SC2086 # no word or one
		exits 1 as_nobody "$(command -v commit-save)" $options "$dir/f" < <(cat "$BATS_TEST_TMPDIR/content")
		says EDQUOT
		clean "$dir"
		[ "$(find "$dir" -type f | wc -l)" -eq 1 ]
	as_it_was "$dir/f" "$before"
	done
	exits 1 as_nobody "$(command -v commit-save)" "$dir/new" <"$BATS_TEST_TMPDIR/content"
	says EDQUOT
	[ ! -e "$dir/new" ]
	echo small >"$BATS_TEST_TMPDIR/small"
	exits 0 as_nobody "$(command -v commit-save)" "$dir/f" <"$BATS_TEST_TMPDIR/small"
	same "$dir/f" "$BATS_TEST_TMPDIR/small"
}

@test "user quota on ext4: EDQUOT, the old file is whole" {
	fs_needs setquota mkfs.ext4
	truncate -s 32M "$FS/quota.img"
	mkfs.ext4 -q -m 0 -O quota -E quotatype=usrquota "$FS/quota.img"
	mkdir "$FS/quota"
	mount -t ext4 -o loop,usrquota "$FS/quota.img" "$FS/quota" ||
		skip 'the kernel has no quota on ext4 (CONFIG_QFMT_V2)'
	mkdir -m 777 "$FS/quota/d"
	setquota -u 65534 0 1000 0 0 "$FS/quota"
	over_quota "$FS/quota/d"
}

@test "quota of a btrfs subvolume: EDQUOT, the old file is whole" {
	fs_needs btrfs
	fs_new btrfs qgroups
	btrfs -q subvolume create "$FS/qgroups/d"
	btrfs quota enable "$FS/qgroups"
	btrfs qgroup limit 1000K "$FS/qgroups/d"
	btrfs quota rescan -w "$FS/qgroups" >/dev/null
	chmod 777 "$FS/qgroups/d"
	over_quota "$FS/qgroups/d"
}

# xfs refuses renames between projects (EXDEV) also where quotas are not built
# in; what is staged in the file's own directory is always of its project.
@test "a directory with a project id: saves work, also of a file of another project" {
	local p
	fs_needs chattr lsattr
	fs_new xfs project
	p=$FS/project/p
	mkdir "$p" "$FS/project/q"
	chattr -p 7 +P "$p" || skip 'no project ids here'
	# the control: a file of another project cannot come here
	touch "$FS/project/q/g"
	chattr -p 9 "$FS/project/q/g"
	exits 1 ln "$FS/project/q/g" "$p/g"
	says cross-device
	for options in '' -a -b --validate=true --in-place -e; do
		echo old >"$p/f"
		[ "$options" != -e ] || options="-e $(commit-save --token "$p/f")"
		# shellcheck disable=SC2086 # words
		exits 0 commit-save $options "$p/f" <<<"new $options"
		[ "$(tail -n 1 "$p/f")" = "new $options" ]
		lsattr -p "$p/f" | grep -q '^ *7 '
		clean "$p"
	done
	# made in p under its project, then given to another
	chattr -p 9 "$p/f"
	exits 0 commit-save -e "$(commit-save --token "$p/f")" "$p/f" <<<other
	[ "$(cat "$p/f")" = other ]
	clean "$p"
}
