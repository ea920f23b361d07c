#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The pitfalls that replacing a file has, 1 to 15. Each guard against one was
# removed once, and the test named after the pitfall failed: tests/mutants.

# shellcheck disable=SC2154 # status, output and helper's variables
# shellcheck disable=SC2016 # commands for another shell, in single quotes

load helper
setup() { start_here; }
teardown() { chmod -R u+rwX "$BATS_TEST_TMPDIR"; }

# 1. write returns short

@test "pitfall 01: short writes of a stream are continued" {
	seq 40000 >"$new"
	fault 1:short:forever:pwrite f < <(cat "$new")
	exits 0
	is_new
}

@test "pitfall 01: short copies inside the kernel are continued" {
	seq 40000 >"$new"
	fault "$no_clone,1:short:forever:copyrange" --from="$new" f
	exits 0
	is_new
	cp "$old" f
	fault "$no_clone,1:EXDEV:forever:copyrange,1:short:forever:sendfile" --from="$new" f
	exits 0
	is_new
}

@test "pitfall 01: short reads are no end of file" {
	seq 40000 >"$new"
	fault 1:short:forever:read f < <(cat "$new")
	exits 0
	is_new
}

@test "pitfall 01: a staged file of another size than was written is not published" {
	begin env COMMIT_FAULT="$no_tmpfile" "$LC_FAULT_BIN/commit-save" f
	printf 'ten bytes\n' >&7
	eventually staged_bytes 10
	truncate -s 3 .commit-*.staged
	end
	exits 1 EIO
	untouched
}

@test "pitfall 01: past a file size limit it is EFBIG, and nobody dies" {
	seq 40000 >"$new"
	run bash -c 'ulimit -f 8; cat "$1" | commit-save f' sh "$new"
	exits 1 EFBIG
	untouched
}

# 2. the producer fails

@test "pitfall 02: a producer that exits non-zero leaves the file as it was" {
	run commit-save f -- sh -c 'echo half; exit 3'
	exits 4 'status 3'
	untouched
	run commit-save absent -- sh -c 'echo half; exit 3'
	exits 4
	[ ! -e absent ]
	no_residue
}

@test "pitfall 02: a producer that dies of a signal leaves the file as it was" {
	local signal
	for signal in KILL TERM SEGV PIPE; do
		run commit-save f -- sh -c 'echo half; kill -"$1" $$' sh "$signal"
		exits 4 "SIG$signal"
		untouched
	done
}

@test "pitfall 02: a producer that cannot be started leaves the file as it was" {
	run commit-save f -- ./no-such-command
	exits 4 127
	run commit-save f -- ./f
	exits 4 126
	untouched
}

@test "pitfall 02: a pipe whose producer said nothing leaves the file as it was" {
	run sh -c 'false | commit-save f'
	exits 4 empty
	untouched
	run sh -c 'sh -c "kill -KILL \$\$" | commit-save absent'
	exits 4 empty
	[ ! -e absent ]
}

# 3. the flush fails

@test "pitfall 03: a failed flush drops the staged file and is not tried again" {
	local errnum
	for errnum in EIO ENOSPC EDQUOT; do
		# once: a second flush would say "fine"
		fault "1:$errnum:once:fsync" f <"$new"
		exits 1 "$errnum"
		untouched
	done
}

@test "pitfall 03: a failed flush of the backup ends the save" {
	fault 1:EIO:once:fsync -b f <"$new"
	exits 1 EIO
	untouched
	[ ! -e f~ ]
}

# 4. errors at close

@test "pitfall 04: an error that only close reports ends the save" {
	local errnum
	for errnum in EIO ENOSPC EDQUOT; do
		fault "1:$errnum:once:close" f <"$new"
		exits 1 "$errnum"
		untouched
	done
	fault 1:EIO:once:close --sync=none f <"$new"
	exits 1 EIO
	untouched
}

# 5. owner, ACL, xattr before mode, mode before flush

# dies CALL: the save of f is killed when it is about to make that call
dies() {
	fault "1:kill:once:$1" f <"$new"
	exits 137
	staged=$(echo .commit-*.staged)
	[ -f "$staged" ]
}

@test "pitfall 05: attributes and ACL are there before the mode" {
	need_xattr
	need_acl
	setfattr -n user.note -v kept f
	setfacl -m "u:$other:r" f
	dies chmod
	[ "$(getfattr --only-values -n user.note "$staged")" = kept ]
	getfacl -n "$staged" | grep "^user:$other:r"
}

@test "pitfall 05: the owner is there before the mode" {
	need_root
	chown "$other:$other" f
	chmod 4755 f
	dies chmod
	[ "$(stat -c %u:%g "$staged")" = "$other:$other" ]
}

@test "pitfall 05: the mode is there before the flush" {
	chmod 0751 f
	dies fsync
	[ "$(mode_of "$staged")" = 751 ]
}

@test "pitfall 05: set-id bits survive the change of owner" {
	need_root
	chown "$other:$other" f
	chmod 6755 f
	commit-save f <"$new"
	[ "$(stat -c %a:%u:%g f)" = "6755:$other:$other" ]
}

# 6. 0600 first; a new file is 0666 less umask, or as the default ACL says

@test "pitfall 06: nobody else may look at a staged file" {
	umask 0
	chmod 0666 f
	fault "$no_tmpfile,1:kill:once:pwrite" f < <(cat "$new")
	exits 137
	[ "$(mode_of .commit-*.staged)" = 600 ]
	rm .commit-*.staged
	# nor through the name that a validator gets
	seen=$notes/mode commit-save --validate='stat -c %a "${1%/*}" >"$seen"' f <"$new"
	[ "$(cat "$notes/mode")" = 700 ]
}

@test "pitfall 06: a new file is 0666 less the umask" {
	local mask
	for mask in 000 002 022 027 077; do
		umask "$mask"
		rm -f made
		commit-save made <"$new"
		[ "$(mode_of made)" = "$(printf '%o' $((0666 & ~0$mask)))" ]
	done
	rm made
	umask 027
	fault "$no_tmpfile" made <"$new"
	[ "$(mode_of made)" = 640 ]
}

@test "pitfall 06: a new file has what the default ACL says" {
	need_acl
	setfacl -d -m "u::rw,u:$other:rw,g::r,o::-" .
	umask 077
	touch asked-of-kernel
	commit-save made <"$new"
	[ "$(getfacl -cn made)" = "$(getfacl -cn asked-of-kernel)" ]
	getfacl -cn made | grep "^user:$other:rw"
}

@test "pitfall 06: a new file has no more than its source, and no set-id" {
	chmod 6750 "$new"
	umask 022
	commit-save --from="$new" made
	[ "$(mode_of made)" = 750 ]
}

# 7. what the group or the owner was trusted with goes with them

@test "pitfall 07: without the group its bits go" {
	need_root
	chown "0:$other" f
	chmod 0671 f
	fault 1:EPERM:forever:chown f <"$new"
	exits 0 'cannot keep group'
	is_new
	[ "$(mode_of f)" = 611 ]
}

@test "pitfall 07: without the owner set-id bits go" {
	need_root
	chown "$other:0" f
	chmod 6755 f
	fault 1:EPERM:forever:chown f <"$new"
	exits 0 'cannot keep owner'
	is_new
	[ "$(stat -c %a:%u f)" = 755:0 ]
}

@test "pitfall 07: somebody who may keep neither gets safe bits" {
	need_other
	chmod 0777 .
	chmod 6676 f
	run as_other commit-save f <"$new"
	exits 0 'cannot keep owner' 'cannot keep group'
	is_new
	[ "$(stat -c %a:%u:%g f)" = "666:$other:$other" ]
}

# 8. links have no mode

@test "pitfall 08: the mode is that of the file that the link leads to" {
	chmod 0640 f
	ln -s f link
	commit-save link <"$new"
	[ -L link ]
	is_new f
	[ "$(mode_of f)" = 640 ]
	commit-save --symlink=replace link <"$old"
	[ ! -L link ]
	[ "$(mode_of link)" = 640 ]
	is_old link
	is_new f
}

# 9. the directory of the resolved file is flushed

@test "pitfall 09: the directory that holds the resolved file is flushed last" {
	need_tool strace
	strace -o "$notes/probe" true 2>/dev/null || skip "no right to trace"
	mkdir links files
	mv f files/
	ln -s ../files/f links/f
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace -f -y -o "$notes/calls" \
		-e trace=fsync,syncfs,rename,renameat,renameat2 commit-save links/f <"$new"
	cat "$notes/calls"
	is_new files/f
	grep -v '^[0-9]* *[+-]' "$notes/calls" >"$notes/only"
	tail -n 2 "$notes/only" | head -n 1 | grep -F '/files>, "f")'
	tail -n 1 "$notes/only" | grep 'fsync(.*/files>)'
	refute grep 'sync(.*/links' "$notes/calls"
}

@test "pitfall 09: a directory that may not be read is flushed too" {
	local run_as=
	mkdir links files
	mv f files/
	ln -s ../files/f links/f
	cp "$LC_FAULT_BIN/commit-save" "$notes/fault-save"
	if [ "$(id -u)" -eq 0 ]; then
		need_other
		chown -R "$other:$other" files links
		run_as=as_other
	fi
	chmod 0300 files
	run $run_as env COMMIT_FAULT=1:EIO:once:syncfs "$notes/fault-save" links/f <"$new"
	chmod 0700 files
	exits 3 'flush the directory' EIO
	is_new files/f
}

@test "pitfall 09: in a plain save, too, the directory is flushed after the rename" {
	fault 2:EIO:once:fsync f <"$new"
	exits 3 'flush the directory'
	is_new
	no_residue
}

# 10. links resolve as the kernel does it

@test "pitfall 10: dots after a link to a directory are those of the directory" {
	mkdir -p far/deep near
	ln -s ../far/deep near/alias
	ln -s alias/../x near/link
	echo theirs >near/x
	echo ours >far/x
	[ "$(cat near/link)" = ours ]
	commit-save near/link <"$new"
	is_new far/x
	[ "$(cat near/x)" = theirs ]
	[ "$(readlink near/link)" = alias/../x ]
	# and where the file is not there yet
	rm far/x
	commit-save near/link <"$new"
	is_new far/x
}

@test "pitfall 10: a loop of links is ELOOP and touches nothing" {
	ln -s b a
	ln -s a b
	ln -s self self
	for link in a b self; do
		run limited 5 commit-save "$link" <"$new"
		exits 1 ELOOP
		[ -L "$link" ]
	done
	[ "$(find . | wc -l)" -eq 5 ]
}

@test "pitfall 10: as many links as the kernel follows, and no more" {
	local n
	ln -s f l1
	for n in $(seq 2 41); do
		ln -s "l$((n - 1))" "l$n"
	done
	cat l40
	refute cat l41
	commit-save l40 <"$new"
	is_new
	run commit-save l41 <"$old"
	exits 1 ELOOP
	is_new
}

# 11. file systems that cannot flush directories

@test "pitfall 11: a directory that knows no flush is no error, and -v says so" {
	local errnum
	for errnum in EINVAL EOPNOTSUPP; do
		cp "$old" f
		fault "2:$errnum:once:fsync" f <"$new"
		exits 0
		[ -z "$output" ]
		is_new
		cp "$old" f
		fault "2:$errnum:once:fsync" -v f <"$new"
		exits 0 'flush the directory' "$errnum"
		is_new
	done
}

@test "pitfall 11: a directory whose flush fails is exit 3" {
	local errnum
	for errnum in EIO ENOSPC EDQUOT EACCES; do
		cp "$old" f
		fault "2:$errnum:once:fsync" f <"$new"
		exits 3 "$errnum"
		is_new
		no_residue
	done
}

# 12. what cannot be renamed over

@test "pitfall 12: a mount point fails and names the way out" {
	need_mounts
	cp f source
	run unshare -m sh -c 'mount --bind source f && commit-save f <"$1"' sh "$new"
	exits 1 EBUSY --in-place
	is_old source
	untouched
	run unshare -m sh -c 'mount --bind source f && commit-save --in-place f <"$1"' sh "$new"
	exits 0
	is_new source
	untouched
}

@test "pitfall 12: a read-only file system fails with EROFS" {
	need_mounts
	mkdir d
	mv f d/
	run unshare -m sh -c 'mount --bind d d && mount -o remount,bind,ro d && commit-save d/f <"$1"' sh "$new"
	exits 1 EROFS
	untouched d/f
}

@test "pitfall 12: a directory that may not be written fails and names the way out" {
	local run_as=
	mkdir d
	mv f d/
	if [ "$(id -u)" -eq 0 ]; then
		need_other
		chown -R "$other" d
		run_as=as_other
	fi
	chmod 0555 d
	run $run_as commit-save d/f <"$new"
	exits 1 EACCES --in-place
	untouched d/f
	mkdir -m 0777 "$notes/journals"
	run $run_as commit-save --in-place --journal-dir="$notes/journals" d/f <"$new"
	exits 0
	is_new d/f
}

@test "pitfall 12: a rename across mounts fails and names the way out" {
	fault 1:EXDEV:once:rename f <"$new"
	exits 1 EXDEV --in-place
	untouched
}

@test "pitfall 12: no disk trouble leads to an edit in place" {
	local errnum inode
	inode=$(stat -c %i f)
	for errnum in ENOSPC EDQUOT EIO EBUSY EXDEV EROFS EACCES; do
		fault "1:$errnum:forever:rename" f <"$new"
		exits 1 "$errnum"
		untouched
		[ "$(stat -c %i f)" = "$inode" ]
	done
	for errnum in ENOSPC EIO; do
		fault "1:$errnum:forever:rename" f <"$new"
		[[ $output != *--in-place* ]]
		fault "1:$errnum:forever:pwrite" f < <(cat "$new")
		exits 1 "$errnum"
		[[ $output != *--in-place* ]]
		untouched
	done
}

# 13. bind mounts share st_dev

@test "pitfall 13: a bind mount with the same st_dev is found out by the rename" {
	need_mounts
	cp "$old" source
	run unshare -m sh -c 'mount --bind source f && stat -c %d f . && commit-save f <"$1"' sh "$new"
	exits 1 EBUSY
	[ "${lines[0]}" = "${lines[1]}" ]
	is_old source
	untouched
}

@test "pitfall 13: inside a bind-mounted directory saves work" {
	need_mounts
	mkdir real seen
	mv f real/
	ln -s ../seen/f real/round
	run unshare -m sh -c 'mount --bind real seen && commit-save seen/f <"$1" && commit-save -a real/round <"$1"' \
		sh "$new"
	exits 0
	cat "$new" "$new" | cmp - real/f
	no_residue
}

# 14. names of staged files

@test "pitfall 14: the longest names can be saved" {
	local name
	name=$(printf '%0255d' 0)
	commit-save "$name" <"$old"
	commit-save "$name" <"$new"
	is_new "$name"
	commit-save -a "$name" <"$new"
	commit-save --in-place "$name" <"$new"
	commit-save --validate='cmp "$1" f' "$name" <"$old"
	is_old "$name"
	fault "$no_tmpfile" "$name" < <(cat "$new")
	exits 0
	is_new "$name"
	no_residue
	run commit-save "${name}x" <"$new"
	exits 1 ENAMETOOLONG
}

@test "pitfall 14: names are random, not made of the pid" {
	local n
	for n in 1 2 3 4 5 6; do
		fault "$no_tmpfile,1:kill:once:pwrite" f < <(cat "$new")
	done
	# the upper half of six random words: equal ones do not happen
	[ "$(printf '%s\n' .commit-*.staged | cut -c 9-16 | sort -u | wc -l)" -eq 6 ]
}

@test "pitfall 14: a name that is taken is not written to" {
	printf '%s\n' '#include <stddef.h>' '#include <string.h>' '#include <sys/types.h>' \
		'ssize_t getrandom(void *, size_t, unsigned);' \
		'ssize_t getrandom(void *to, size_t n, unsigned how)' \
		'{ (void)how; memset(to, 7, n); return (ssize_t)n; }' >"$notes/seven.c"
	${CC:-cc} -shared -fPIC -o "$notes/seven.so" "$notes/seven.c" || skip "cannot build a shared object"
	export LD_PRELOAD=$notes/seven.so
	"$LC_FAULT_BIN/commit-save" --version || skip "nothing can be preloaded here"
	fault "$no_tmpfile,1:kill:once:pwrite" f < <(cat "$new")
	taken=$(echo .commit-0707070707070707-*.staged)
	echo precious >"$taken"
	fault "$no_tmpfile" f < <(cat "$new")
	exits 1 EEXIST
	[ "$(cat "$taken")" = precious ]
	run commit-save f <"$new"
	exits 1 EEXIST
	[ "$(cat "$taken")" = precious ]
	is_old
}

# 15. hard links

@test "pitfall 15: by default a file with two names is refused" {
	ln f sibling
	run commit-save f <"$new"
	exits 4 'hard links' EMLINK
	untouched
	is_old sibling
	[ f -ef sibling ]
}

@test "pitfall 15: break gives this name alone the new content" {
	ln f sibling
	commit-save --hardlink=break f <"$new"
	is_new
	is_old sibling
	[ "$(stat -c %h f)" -eq 1 ]
	no_residue
}

@test "pitfall 15: in-place gives it to all names" {
	ln f sibling
	commit-save --hardlink=in-place f <"$new"
	is_new
	is_new sibling
	[ f -ef sibling ]
	commit-save --in-place sibling <"$old"
	is_old
	[ f -ef sibling ]
	no_residue
}

@test "pitfall 15: a link that was made during the save is found" {
	begin commit-save f
	eventually stages "$pid"
	ln f sibling
	cat "$new" >&7
	end
	exits 4 'hard links'
	untouched
	is_old sibling
}
