#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Power cuts. What a file system has not sent to its device is lost: by its own
# shutdown where it has one (ext4, xfs), else by a copy of the device as it is
# beneath the mount (btrfs, ext4 without a journal). Then it is mounted again,
# recovery runs, and the file is looked at.

setup_file() {
	load fs
	fs_setup_file memory
	fs_text o 150000 >"$FS/old"
	fs_text n 200000 >"$FS/new"
}

teardown_file() {
	load fs
	fs_teardown_file
}

setup() {
	load fs
	fs_setup
	shutdown=$LC_BUILDDIR/tests/fs/shutdown
	[ -x "$shutdown" ] || skip 'tests/fs/shutdown is not built'
}

# on KIND CHECK...
on() {
	kind=$1
	shift
	mountpoint -q "$FS/$kind" || fs_new "$kind" "$kind"
	dir=$FS/$kind/d
	file=$dir/f
	rm -rf "$dir"
	mkdir "$dir"
	"$@"
}

cut_by_copy() {
	cp --sparse=always "$FS/$kind.img" "$FS/$kind.cut"
	fs_umount "$kind"
	mv "$FS/$kind.cut" "$FS/$kind.img"
	if [ "$kind" = ext4-nojournal ]; then
		local rc=0
		e2fsck -fy "$FS/$kind.img" >"$FS/fsck" 2>&1 || rc=$?
		[ "$rc" -le 1 ] || { cat "$FS/fsck"; return 1; }
	fi
}

power_cut() {
	case $kind in
	ext4-nojournal) cut_by_copy ;;
	*)
		local rc=0
		"$shutdown" "$FS/$kind" || rc=$?
		case $rc in
		0) fs_umount "$kind" ;;
		2) cut_by_copy ;;
		*) false ;;
		esac
		;;
	esac
	fs_mount "$kind" "$kind"
}

# The old file, on the device
old_file() {
	rm -rf "$dir"
	mkdir "$dir"
	cp "$FS/old" "$file"
	dress "$file"
	sync -f "$dir"
}

# What the checks below rest on: what was not flushed is lost.
check_control() {
	old_file
	exits 0 commit-save --sync=none "$file" <"$FS/new"
	same "$file" "$FS/new"
	power_cut
	! same "$file" "$FS/new" >/dev/null
	old_file
	fs_text x 150000 | dd of="$file" conv=notrunc status=none
	power_cut
	same "$file" "$FS/old"
}

# acknowledged [OPTION]...: exit 0, and the new content is there
acknowledged() {
	old_file
	exits 0 commit-save --strict "$@" "$file" < <(cat "$FS/new")
	power_cut
	exits 0 commit-recover -r "$dir"
	clean "$dir"
	same "$file" "${wanted:-$FS/new}"
	dressed "$file"
}

check_acknowledged() {
	acknowledged
	acknowledged -u
	acknowledged --from="$FS/new"
	acknowledged --in-place
	# the validator's directory is empty and named, so that recovery knows it
	old_file
	exits 0 commit-save --validate=true "$file" <"$FS/new"
	power_cut
	commit-recover --repaired-ok -r "$dir"
	clean "$dir"
	same "$file" "$FS/new"
	old_file
	token=$(commit-save --token "$file")
	exits 0 commit-save -e "$token" "$file" <"$FS/new"
	power_cut
	exits 0 commit-recover -r "$dir"
	same "$file" "$FS/new"
	dressed "$file"
}

check_acknowledged_more() {
	cat "$FS/old" "$FS/new" >"$FS/sum"
	wanted=$FS/sum acknowledged -a
	wanted=$FS/sum acknowledged -a --in-place
	acknowledged -b
	same "$file~" "$FS/old"
	dressed "$file~"
	acknowledged -b --in-place
	same "$file~" "$FS/old"
	old_file
	exits 0 commit-save -x "$dir/created" <"$FS/new"
	exits 0 commit-save "$dir/made" <"$FS/new"
	power_cut
	same "$dir/created" "$FS/new"
	same "$dir/made" "$FS/new"
	# clones are durable as well
	cp "$FS/new" "$dir/src"
	exits 0 commit-save --from="$dir/src" "$file"
	power_cut
	same "$file" "$FS/new"
	# a shorter one in place, and one that was edited twice
	exits 0 commit-save --in-place "$file" <"$FS/old"
	exits 0 commit-save --in-place "$file" <<<short
	power_cut
	exits 0 commit-recover -r "$dir"
	[ "$(cat "$file")" = short ]
}

# whole: old or new, with the metadata of the old
whole() {
	if cmp -s "$file" "$FS/new"; then
		news=$((news + 1))
	else
		same "$file" "$FS/old"
		olds=$((olds + 1))
	fi
	dressed "$file"
}

# What changes something. Killed before one of these is killed after the one
# before it.
changing='copyrange pwrite truncate reserve linkfd chown acl setxattr chmod utimens
	fsync rename noreplace exchange unlink mkdir rmdir'

# died_at FAULT [OPTION]...: killed there, then the cut; false if it did not get
# there. Before the cut the $settled reach the device: "target", "all".
died_at() {
	local died=0 fault=$1
	shift
	rm -f "$FS/log"
	old_file
	COMMIT_FAULT=$fault COMMIT_FAULT_LOG=$FS/log \
		"$LC_FAULT_BIN/commit-save" "$@" "$file" <"$FS/new" 2>/dev/null || died=$?
	grep -q '^fired' "$FS/log" || [ "$died" -eq 0 ]
	[ "$died" -eq 137 ] || return
	case ${settled:-} in
	target) sync "$file" ;;
	all) sync -f "$dir" ;;
	esac
	power_cut
	cmp -s "$file" "$FS/old" || cmp -s "$file" "$FS/new" || mixed=$((mixed + 1))
}

# calls_it CALL [OPTION]...: such a save has that call at all
calls_it() {
	local call=$1
	shift
	cp "$FS/old" "$file"
	dress "$file"
	rm -f "$FS/log"
	COMMIT_FAULT=1:kill:$call COMMIT_FAULT_LOG=$FS/log \
		"$LC_FAULT_BIN/commit-save" "$@" "$file" <"$FS/new" 2>/dev/null || :
	grep -q '^fired' "$FS/log"
}

# walk [OPTION]...: killed before each call that changes something
walk() {
	local n call
	olds=0 news=0 mixed=0
	for call in $changing; do
		n=1
		calls_it "$call" "$@" || continue
		while died_at $n:kill:"$call" "$@"; do
			exits_repaired commit-recover -r "$dir"
			clean "$dir"
			whole || { echo "killed at $call $n: commit-save $*, settled: ${settled:-}"; return 1; }
			exits 0 commit-recover -r "$dir"
			n=$((n + 1))
		done
	done
	echo "$kind, commit-save $*: $olds times old, $news times new, $mixed times mixed before"
	[ "$olds" -ge 5 ]
}

exits_repaired() {
	status=0
	"$@" >"$FS/recovered" 2>&1 || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 10 ] || {
		echo "status $status:"
		cat "$FS/recovered"
		return 1
	}
}

check_replace() {
	settled='' walk
	[ "$kind" = ext4 ] || return 0
	settled=all walk
	[ "$news" -ge 1 ]
}

# Exchanged, not renamed over; with a backup
check_exchange() {
	settled='' walk --must-exist -b
	[ "$kind" = ext4 ] || return 0
	settled=all walk --must-exist -b
	[ "$news" -ge 1 ]
}

check_in_place() {
	settled='' walk --in-place
	[ "$news" -ge 1 ]
	settled=target walk --in-place
	# what recovery is for has happened
	[ "$mixed" -ge 2 ]
}

# half_edited: on the device there is a mixture and a journal
half_edited() {
	local n=0
	old_file
	while cmp -s "$file" "$FS/old" || cmp -s "$file" "$FS/new"; do
		n=$((n + 1))
		old_file
		COMMIT_FAULT=$n:kill:pwrite "$LC_FAULT_BIN/commit-save" --in-place "$file" <"$FS/new" 2>/dev/null ||
			[ $? -eq 137 ]
	done
	sync -f "$dir"
}

# Recovery is killed before each call that changes something, then the cut, then
# it runs again.
check_recovery() {
	local n call died deaths=0
	for call in $changing; do
		n=0 died=137
		while [ "$died" -eq 137 ]; do
			n=$((n + 1)) died=0
			half_edited
			COMMIT_FAULT=$n:kill:$call "$LC_FAULT_BIN/commit-recover" -r "$dir" >/dev/null 2>&1 ||
				died=$?
			[ "$died" -eq 137 ] || break
			deaths=$((deaths + 1))
			[ $((n % 2)) -eq 0 ] || sync "$file"
			power_cut
			exits_repaired commit-recover -r "$dir"
			same "$file" "$FS/new"
			dressed "$file"
			clean "$dir"
		done
		[ "$died" -eq 10 ]
	done
	[ "$deaths" -ge 7 ]
}

@test "ext4: what is not flushed is lost (control)" { on ext4 check_control; }
@test "ext4: exit 0 is durable: replaced, exchanged, in place, validated" { on ext4 check_acknowledged; }
@test "ext4: exit 0 is durable: append, backup, new, clone, in place" { on ext4 check_acknowledged_more; }
@test "ext4: killed at each change of a replacement: old or new" { on ext4 check_replace; }
@test "ext4: killed at each change of an exchange with a backup: old or new" { on ext4 check_exchange; }
@test "ext4: killed at each change of an in-place save: old or new" { on ext4 check_in_place; }
@test "ext4: recovery of an in-place save killed at each change: new" { on ext4 check_recovery; }

@test "ext4-writeback: what is not flushed is lost (control)" { on ext4-writeback check_control; }
@test "ext4-writeback: exit 0 is durable: replaced, exchanged, in place, validated" { on ext4-writeback check_acknowledged; }
@test "ext4-writeback: exit 0 is durable: append, backup, new, clone, in place" { on ext4-writeback check_acknowledged_more; }
@test "ext4-writeback: killed at each change of an in-place save: old or new" { on ext4-writeback check_in_place; }

@test "ext4-nojournal: what is not flushed is lost (control)" { on ext4-nojournal check_control; }
@test "ext4-nojournal: exit 0 is durable: replaced, exchanged, in place, validated" { on ext4-nojournal check_acknowledged; }
@test "ext4-nojournal: exit 0 is durable: append, backup, new, clone, in place" { on ext4-nojournal check_acknowledged_more; }

@test "xfs: what is not flushed is lost (control)" { on xfs check_control; }
@test "xfs: exit 0 is durable: replaced, exchanged, in place, validated" { on xfs check_acknowledged; }
@test "xfs: exit 0 is durable: append, backup, new, clone, in place" { on xfs check_acknowledged_more; }
@test "xfs: killed at each change of a replacement: old or new" { on xfs check_replace; }
@test "xfs: killed at each change of an exchange with a backup: old or new" { on xfs check_exchange; }
@test "xfs: killed at each change of an in-place save: old or new" { on xfs check_in_place; }
@test "xfs: recovery of an in-place save killed at each change: new" { on xfs check_recovery; }

@test "btrfs: what is not flushed is lost (control)" { on btrfs check_control; }
@test "btrfs: exit 0 is durable: replaced, exchanged, in place, validated" { on btrfs check_acknowledged; }
@test "btrfs: exit 0 is durable: append, backup, new, clone, in place" { on btrfs check_acknowledged_more; }
@test "btrfs: killed at each change of a replacement: old or new" { on btrfs check_replace; }
@test "btrfs: killed at each change of an exchange with a backup: old or new" { on btrfs check_exchange; }
@test "btrfs: killed at each change of an in-place save: old or new" { on btrfs check_in_place; }
@test "btrfs: recovery of an in-place save killed at each change: new" { on btrfs check_recovery; }
