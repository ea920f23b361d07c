#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# A full disk is met before the commit record, at every fill level, or not at
# all: publishing has its room.
#
# shellcheck disable=SC2094 # a tool that is given a file in the tree does not write to it

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
	load txn-mounts
	long=$(printf 'n%.0s' {1..230})
}

teardown() {
	[ -n "$FS_WHY_NOT" ] || unspan
}

# Forty long names go from one directory to another, which has to grow for them.
names=40

# lay_out DIR: files in DIR/from, and DIR/to is new and small
lay_out() {
	local i
	rm -rf "$1/from" "$1/to"
	mkdir "$1/from" "$1/to"
	for ((i = 0; i < names; i++)); do
		: >"$1/from/$long$i"
	done
}

# moves PREFIX: the operations
moves() {
	local i
	for ((i = 0; i < names; i++)); do
		echo "mv $1from/$long$i $1to/$long$i"
	done
	echo "rm $1extra"
	echo "write $1new text"
}

# count DIR: how many files are there
count() {
	find "$1" -type f | wc -l
}

# at_every_level DIR PREFIX FROM TO: DIR is on the small file system, where so many KiB
# are free; steps of one block. The log takes more than the rest.
at_every_level() {
	local free failed=0 done=0
	commit-txn init -C root
	moves "$2" >script
	for ((free = $3; free < $4; free++)); do
		rm -f "$1/fill"
		lay_out "$1"
		rm -f "$1/new"
		: >"$1/extra"
		fs_fill "$1/fill" "$free"
		status=0
		commit-txn script -C root <script 2>err || status=$?
		case $status in
		0)
			done=$((done + 1))
			[ "$(count "$1/to")" -eq "$names" ]
			gone "${1#"$FS/"}/extra"
			[ -s "$1/new" ]
			;;
		1)
			failed=$((failed + 1))
			grep -q ENOSPC err
			[ "$(count "$1/from")" -eq "$names" ]
			[ -e "$1/extra" ]
			gone "${1#"$FS/"}/new"
			;;
		*)
			echo "$free KiB free: status $status, $(cat err)"
			return 1
			;;
		esac
		idle
	done
	echo "# failed $failed times, done $done times" >&3
	[ "$failed" -gt 5 ]
	[ "$done" -gt 5 ]
}

@test "ENOSPC at every fill level, never after the record: ext4" {
	fs_new ext4 root 8M -b 1024
	at_every_level root '' 70 130
}

@test "the same on another mount than the store's" {
	mkdir root
	mount -t tmpfs root root
	fs_new ext4 root/mnt 8M -b 1024
	at_every_level root/mnt mnt/ 0 50
}

@test "the same where the journal is not there to wait for" {
	fs_new ext4-nojournal root 8M -b 1024
	at_every_level root '' 85 125
}

# somebody fills what is left when the record is written
taken_in_between() {
	lay_out "$1"
	: >"$1/extra"
	moves "$2" >script
	commit-txn init -C root
	COMMIT_FAULT=1:kill:noreplace "$LC_FAULT_BIN/commit-txn" script -C root <script || :
	[ -n "$(stages)" ]
	fs_fill "$1/fill"
	[ "$(stat -f -c %a "$1")" -lt 3 ]
	exits 0 commit-recover --repaired-ok root
	idle
	[ "$(count "$1/to")" -eq "$names" ]
}

@test "a disk that is filled after the record does not keep it from being published" {
	fs_new ext4 root 8M -b 1024
	taken_in_between root ''
}

@test "nor another mount" {
	mkdir root
	mount -t tmpfs root root
	fs_new ext4 root/mnt 8M -b 1024
	taken_in_between root/mnt mnt/
}

@test "nor is room in a journal that is still to be written" {
	fs_new ext4-journal root 8M -b 1024
	taken_in_between root ''
}

# until_full OPERATIONS: again and again, until the log has no room for more
until_full() {
	local i
	for ((i = 0; i < 200; i++)); do
		status=0
		commit-txn script -C root <<<"$1" 2>err || status=$?
		[ "$status" -eq 0 ] || break
	done
	if [ "$status" -ne 1 ] || ! grep -q ENOSPC err; then
		echo "commit $i: $status, $(cat err)"
		return 1
	fi
}

@test "the log has room to say that it is done, wherever its segment ends" {
	fs_new ext4 root 8M -b 1024
	mkdir root/d
	steps=
	# records of one block, of nearly two, and of a little more
	for ((k = 0; k < 24; k++)); do
		steps+="${steps:+$'\n'}write d/f$k x"
		[ "$k" -ge 13 ] || continue
		rm -rf root/.commit root/fill
		commit-txn init -C root
		fs_fill root/fill 150
		until_full "$steps"
		idle
	done
}
