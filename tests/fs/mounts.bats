#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What is mounted: read-only, one file over another, a directory twice, layers,
# and file systems that know less.

setup_file() {
	load fs
	fs_setup_file
}

teardown_file() {
	load fs
	fs_teardown_file
}

setup() {
	load fs
	fs_setup
	save=$(command -v commit-save)
	recover=$(command -v commit-recover)
	fs_text n 200000 >"$FS/content"
}

@test "read-only file system: exit 1, EROFS, and the way out is named" {
	fs_new ext4 ro
	echo old >"$FS/ro/f"
	mount -o remount,ro "$FS/ro"
	before=$(state "$FS/ro/f")
	for options in '' --in-place -f -a -b "--in-place --journal-dir=$FS/j"; do
		# shellcheck disable=SC2086 # words
		exits 1 commit-save $options "$FS/ro/f" <<<new
		says EROFS
		says 'remount,rw'
	done
	exits 1 commit-save "$FS/ro/new" <<<new
	says EROFS
	says 'remount,rw'
	as_it_was "$FS/ro/f" "$before"
	exits 0 commit-recover -r "$FS/ro"
}

# bound NAME: $FS/NAME/f is a mount of $FS/NAME.host/f
bound() {
	mkdir "$FS/$1" "$FS/$1.host"
	# the same content, so that the content is not what tells them apart
	fs_text o 200000 | tee "$FS/$1/f" >"$FS/$1.host/f"
	mount --bind "$FS/$1.host/f" "$FS/$1/f"
}

@test "bind-mounted file: EBUSY names --in-place, nothing has changed" {
	bound busy
	before=$(state "$FS/busy/f")
	for options in '' -a -b "--expect=$(commit-save --token "$FS/busy/f")" --validate=true --hardlink=break; do
		exits 1 commit-save ${options:+"$options"} "$FS/busy/f" <"$FS/content"
		says EBUSY
		says --in-place
		as_it_was "$FS/busy/f" "$before"
		clean "$FS/busy"
		[ "$(find "$FS/busy" -mindepth 1 | wc -l)" -eq 1 ]
	done
	clean "$FS/busy.host"
}

@test "bind-mounted file: --in-place works and both views see it" {
	bound both
	inode=$(stat -c %i "$FS/both.host/f")
	exits 0 commit-save --in-place "$FS/both/f" <"$FS/content"
	same "$FS/both.host/f" "$FS/content"
	same "$FS/both/f" "$FS/content"
	[ "$(stat -c %i "$FS/both.host/f")" = "$inode" ]
	exits 0 commit-save --in-place -a -b "$FS/both/f" <<<more
	[ "$(tail -c 5 "$FS/both.host/f")" = more ]
	same "$FS/both/f~" "$FS/content"
	exits 0 commit-save "$FS/both.host/g" <<<other
	clean "$FS/both"
	clean "$FS/both.host"
}

# killed_editing FILE N [OPTION]...: an in-place save dies before its Nth pwrite;
# false if there is none. $as is put before the commands.
killed_editing() {
	local file=$1 n=$2 status=0
	shift 2
	COMMIT_FAULT=$n:kill:pwrite ${as:-} "$LC_FAULT_BIN/commit-save" --in-place "$@" "$file" \
		<"$FS/content" 2>/dev/null || status=$?
	[ "$status" -eq 137 ] || [ "$status" -eq 0 ]
	[ "$status" -eq 137 ]
}

# whole FILE: old or new
whole() {
	same "$1" "$FS/content" || same "$1" "$FS/old"
}

@test "bind-mounted file: killed at each write, journal beside it, recovery finishes" {
	bound killed
	cp "$FS/killed.host/f" "$FS/old"
	finished=0 mixed=0 n=1
	while cat "$FS/old" >"$FS/killed.host/f" && killed_editing "$FS/killed/f" $n; do
		n=$((n + 1))
		[ -z "$(find "$FS/killed.host" -name '.commit*')" ]
		journal=$(find "$FS/killed" -name '.commit-*.inplace')
		[ -z "$journal" ] || finished=$((finished + 1))
		whole "$FS/killed/f" >/dev/null || mixed=$((mixed + 1))
		commit-recover --repaired-ok -r "$FS/killed"
		clean "$FS/killed"
		if [ -n "$journal" ]; then
			same "$FS/killed.host/f" "$FS/content"
		else
			same "$FS/killed.host/f" "$FS/old"
		fi
	done
	# the writes of the target itself were among them
	[ "$finished" -ge 3 ]
	[ "$mixed" -ge 2 ]
	same "$FS/killed.host/f" "$FS/content"
}

# half_edited FILE [OPTION]...: killed when a part of it is written
half_edited() {
	local n=0 file=$1
	shift
	cp "$file" "$FS/old"
	while whole "$file" >/dev/null; do
		n=$((n + 1))
		${as:-} "$recover" -q --repaired-ok "$@" "$file" >/dev/null
		cat "$FS/old" >"$file"
		killed_editing "$file" $n "$@"
	done
}

@test "bind-mounted file: the next save of it finishes what was killed" {
	bound next
	half_edited "$FS/next/f"
	exits 0 commit-save --in-place -a "$FS/next/f" <<<more
	(cat "$FS/content" && echo more) >"$FS/sum"
	same "$FS/next.host/f" "$FS/sum"
	clean "$FS/next"
}

@test "bind-mounted file: recovery without the mount decides nothing, with it finishes" {
	bound gone
	half_edited "$FS/gone/f"
	cp "$FS/gone.host/f" "$FS/half"
	umount "$FS/gone/f"
	exits 11 commit-recover -r "$FS/gone"
	exits 11 commit-save "$FS/gone/f" <<<new
	same "$FS/gone/f" "$FS/old"
	same "$FS/gone.host/f" "$FS/half"
	mount --bind "$FS/gone.host/f" "$FS/gone/f"
	exits 10 commit-recover -r "$FS/gone"
	same "$FS/gone.host/f" "$FS/content"
	clean "$FS/gone"
}

@test "bind-mounted file: edited by somebody through the other view, a person decides" {
	bound foreign
	half_edited "$FS/foreign/f"
	printf edited | dd of="$FS/foreign.host/f" bs=1 seek=150000 conv=notrunc status=none
	cp "$FS/foreign.host/f" "$FS/edited"
	exits 11 commit-recover -r "$FS/foreign"
	exits 11 commit-save --in-place "$FS/foreign/f" <<<new
	same "$FS/foreign.host/f" "$FS/edited"
	# the journal has both contents
	journal=$(find "$FS/foreign" -name '.commit-*.inplace')
	[ "$(tr -cd o <"$journal" | wc -c)" -ge 200000 ]
	[ "$(tr -cd n <"$journal" | wc -c)" -ge 200000 ]
}

# In a read-only directory one file is writable: containers are made so.
read_only_directory() {
	bound "$1"
	umount "$FS/$1/f"
	mount --bind "$FS/$1" "$FS/$1"
	mount -o remount,bind,ro "$FS/$1"
	mount --bind "$FS/$1.host/f" "$FS/$1/f"
}

@test "writable file in a read-only directory: the way out is --in-place" {
	read_only_directory rodir
	before=$(state "$FS/rodir/f")
	exits 1 commit-save "$FS/rodir/f" <"$FS/content"
	says EROFS
	says --in-place
	as_it_was "$FS/rodir/f" "$before"
	exits 0 commit-save --in-place --journal-dir="$FS/rodir.j" "$FS/rodir/f" <"$FS/content"
	same "$FS/rodir.host/f" "$FS/content"
	clean "$FS/rodir.j"
	# no place for the journal: nothing is written
	exits 1 commit-save --in-place --journal-dir="$FS/rodir/j" "$FS/rodir/f" <<<new
	says --journal-dir
	same "$FS/rodir.host/f" "$FS/content"
}

@test "writable file in a read-only directory: killed, recovered from --journal-dir" {
	read_only_directory rokill
	half_edited "$FS/rokill/f" --journal-dir="$FS/rokill.j"
	[ -n "$(find "$FS/rokill.j" -name '*.inplace')" ]
	exits 0 commit-recover -r "$FS/rokill"
	exits 1 commit-save --in-place --journal-dir="$FS/rokill.j" "$FS/rokill/f" <<<new
	says commit-recover
	exits 10 commit-recover -r --journal-dir="$FS/rokill.j" "$FS/rokill"
	same "$FS/rokill.host/f" "$FS/content"
	clean "$FS/rokill.j"
}

@test "bind mount of a directory: saves and recovery through either view" {
	mkdir "$FS/one" "$FS/two"
	mount --bind "$FS/one" "$FS/two"
	for options in '' -a -b --in-place -u --validate=true; do
		exits 0 commit-save ${options:+"$options"} "$FS/two/f" <<<"new $options"
		[ "$(tail -n 1 "$FS/one/f")" = "new $options" ]
	done
	clean "$FS/one"
	exits 137 env COMMIT_FAULT=1:kill:rename "$LC_FAULT_BIN/commit-save" "$FS/two/f" <<<killed
	[ -n "$(find "$FS/one" -name '*.staged')" ]
	exits 10 commit-recover "$FS/one"
	clean "$FS/one"
}

@test "unwritable directory, unprivileged: refused with the way out, --in-place works" {
	mkdir -m 755 "$FS/unwritable"
	mkdir -m 777 "$FS/home"
	fs_text o 200000 >"$FS/unwritable/f"
	chown 65534:65534 "$FS/unwritable/f"
	before=$(state "$FS/unwritable/f")
	for options in '' -a -b; do
		exits 1 as_nobody "$save" ${options:+"$options"} "$FS/unwritable/f" <"$FS/content"
		says EACCES
		says --in-place
		as_it_was "$FS/unwritable/f" "$before"
	done
	export HOME=$FS/home
	unset COMMIT_JOURNAL_DIR
	exits 0 as_nobody "$save" --in-place "$FS/unwritable/f" <"$FS/content"
	same "$FS/unwritable/f" "$FS/content"
	[ -d "$FS/home/.local/state/commit" ]
	clean "$FS/home"
	exits 1 as_nobody "$save" --in-place -b "$FS/unwritable/f" <<<backup
	same "$FS/unwritable/f" "$FS/content"
	clean "$FS/home"
	# killed half way; found by its owner in the default directory
	fs_text o 200000 >"$FS/unwritable/f"
	as=as_nobody half_edited "$FS/unwritable/f"
	exits 10 as_nobody "$recover" "$FS/unwritable/f"
	same "$FS/unwritable/f" "$FS/content"
	clean "$FS/home"
}

# overlay NAME [OPTION]: lower and upper on file systems of their own
overlay() {
	fs_needs_kernel overlay
	fs_new ext4 "$1.lower"
	fs_new ext4 "$1.upper"
	mkdir "$FS/$1" "$FS/$1.upper/up" "$FS/$1.upper/work"
	overlay_files "$FS/$1.lower"
	fs_overlay "$1" "${2:-}"
}

fs_overlay() {
	mount -t overlay -o "${2:+$2,}lowerdir=$FS/$1.lower,upperdir=$FS/$1.upper/up,workdir=$FS/$1.upper/work" \
		overlay "$FS/$1" || skip "no overlay with $2"
}

overlay_files() {
	local name
	for name in plain append expect place backup validate new; do
		fs_text o 200000 >"$1/$name"
		dress "$1/$name"
	done
	echo linked >"$1/linked"
	ln "$1/linked" "$1/linked2"
	rm "$1/new"
}

overlay_matrix() {
	local o=$FS/$1 low=$FS/$1.lower name
	before=$(find "$low" -type f -exec cksum {} + | sort)
	exits 0 commit-save "$o/plain" <"$FS/content"
	exits 0 commit-save -a "$o/append" <"$FS/content"
	exits 0 commit-save -e "$(commit-save --token "$o/expect")" "$o/expect" <"$FS/content"
	exits 0 commit-save --in-place "$o/place" <"$FS/content"
	exits 0 commit-save -b "$o/backup" <"$FS/content"
	# shellcheck disable=SC2016 # "$1" is the validator's
	exits 0 commit-save --validate='grep -q n "$1"' "$o/validate" <"$FS/content"
	exits 0 commit-save -x --from="$low/plain" "$o/new"
	for name in plain expect place backup validate; do
		same "$o/$name" "$FS/content"
		dressed "$o/$name"
	done
	(cat "$low/append" "$FS/content") >"$FS/sum"
	same "$o/append" "$FS/sum"
	dressed "$o/append"
	same "$o/backup~" "$low/backup"
	dressed "$o/backup~"
	same "$o/new" "$low/plain"
	exits 4 commit-save "$o/linked" <<<new
	exits 0 commit-save --hardlink=break "$o/linked" <<<new
	[ "$(cat "$o/linked2")" = linked ]
	[ "$(find "$low" -type f -exec cksum {} + | sort)" = "$before" ]
	clean "$FS/$1.upper"
	exits 0 commit-recover -r "$o"
}

@test "overlayfs: files of the lower layer are copied up, all forms, metadata kept" {
	overlay ov
	overlay_matrix ov
}

@test "overlayfs without stable inode numbers (xino=off)" {
	overlay xino xino=off
	overlay_matrix xino
}

@test "overlayfs: killed at each rename and write, recovered" {
	overlay ovkill
	cp "$FS/ovkill.lower/plain" "$FS/old"
	for fault in 1:kill:rename 1:kill:noreplace 2:kill:pwrite 1:kill:unlink; do
		for options in '' --in-place; do
			cat "$FS/old" >"$FS/ovkill/plain"
			COMMIT_FAULT=$fault exits_killed "$LC_FAULT_BIN/commit-save" ${options:+"$options"} \
				"$FS/ovkill/plain" <"$FS/content"
			commit-recover --repaired-ok -r "$FS/ovkill"
			whole "$FS/ovkill/plain"
			clean "$FS/ovkill.upper"
			exits 0 commit-save "$FS/ovkill/plain" <"$FS/content"
		done
	done
}

exits_killed() {
	status=0
	"$@" 2>/dev/null || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 137 ]
}

@test "vfat: saves work, what cannot be kept is said" {
	fs_needs_kernel vfat
	fs_needs mkfs.vfat
	truncate -s 64M "$FS/vfat.img"
	mkfs.vfat "$FS/vfat.img" >/dev/null
	mkdir "$FS/vfat"
	mount -t vfat -o loop "$FS/vfat.img" "$FS/vfat"
	echo old >"$FS/vfat/f"
	for options in '' -a -u -b --in-place --validate=true; do
		exits 0 commit-save ${options:+"$options"} "$FS/vfat/f" <"$FS/content"
		clean "$FS/vfat"
	done
}

# fuse_matrix DIR: forms of saves where there may be no O_TMPFILE and no flags
# of renameat2
fuse_matrix() {
	local dir=$1
	echo old >"$dir/f"
	exits 0 commit-save "$dir/f" <"$FS/content"
	same "$dir/f" "$FS/content"
	exits 0 commit-save -e "$(commit-save --token "$dir/f")" "$dir/f" <<<expected
	[ "$(cat "$dir/f")" = expected ]
	exits 0 commit-save -a "$dir/f" <<<appended
	[ "$(tail -n 1 "$dir/f")" = appended ]
	exits 4 commit-save -e "$(echo x | commit-save "$dir/g" && commit-save --token "$dir/g")" "$dir/f" <<<no
	exits 4 commit-save -x "$dir/f" <<<no
	exits 0 commit-save -x "$dir/created" <<<yes
	exits 0 commit-save -b "$dir/f" <"$FS/content"
	exits 0 commit-save -b "$dir/f" <<<twice
	same "$dir/f~" "$FS/content"
	# shellcheck disable=SC2016 # "$1" is the validator's
	exits 0 commit-save --validate='grep -q valid "$1"' "$dir/f" <<<valid
	exits 4 commit-save --validate=false "$dir/f" <<<invalid
	[ "$(cat "$dir/f")" = valid ]
	exits 0 commit-save --in-place "$dir/f" <"$FS/content"
	same "$dir/f" "$FS/content"
	clean "$dir"
	fs_text o 1000 >"$dir/f"
	cp "$dir/f" "$FS/old"
	for fault in 1:kill:rename 1:kill:noreplace 1:kill:link 1:kill:unlink 2:kill:pwrite; do
		COMMIT_FAULT=$fault exits_killed "$LC_FAULT_BIN/commit-save" -e \
			"$(commit-save --token "$dir/f")" "$dir/f" <"$FS/content"
		commit-recover --repaired-ok -r "$dir"
		whole "$dir/f"
		clean "$dir"
		cat "$FS/old" >"$dir/f"
	done
}

needs_fuse() {
	fs_needs "$1"
	[ -e /dev/fuse ] || skip 'no /dev/fuse'
}

@test "FUSE (bindfs): all forms, killed and recovered" {
	needs_fuse bindfs
	mkdir "$FS/bindfs" "$FS/bindfs.below"
	bindfs "$FS/bindfs.below" "$FS/bindfs"
	fuse_matrix "$FS/bindfs"
}

@test "FUSE (fuse2fs): all forms, killed and recovered" {
	needs_fuse fuse2fs
	truncate -s 64M "$FS/fuse2fs.img"
	mkfs.ext4 -q "$FS/fuse2fs.img"
	mkdir "$FS/fuse2fs"
	fuse2fs -o fakeroot "$FS/fuse2fs.img" "$FS/fuse2fs" >/dev/null 2>&1 || skip 'fuse2fs does not mount here'
	fuse_matrix "$FS/fuse2fs"
}
