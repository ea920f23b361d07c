#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The pitfalls that replacing a file has, 16 to 30 (27 in save-concurrency.bats).
# Each guard against one was removed once, and the test named after the pitfall
# failed: tests/mutants.

# shellcheck disable=SC2154 # status, output and helper's variables
# shellcheck disable=SC2016 # commands for another shell, in single quotes
# shellcheck disable=SC2094 # a file that is its own input is what 24 is about

load helper
setup() { start_here; }

# 16. read-only files

@test "pitfall 16: a read-only file is refused, by root too" {
	chmod 0444 f
	run commit-save f <"$new"
	exits 4 read-only --force
	untouched
	[ "$(mode_of f)" = 444 ]
}

@test "pitfall 16: --force replaces it and keeps its mode" {
	chmod 0444 f
	commit-save --force f <"$new"
	is_new
	[ "$(mode_of f)" = 444 ]
	commit-save -f f <"$old"
	is_old
}

@test "pitfall 16: a file that others may write, but not we, is refused" {
	need_other
	chmod 0777 .
	chmod 0644 f
	run as_other commit-save f <"$new"
	exits 4 read-only
	untouched
}

@test "pitfall 16: a file that became read-only during the save is refused" {
	begin commit-save f
	eventually stages "$pid"
	chmod 0444 f
	cat "$new" >&7
	end
	exits 4 read-only
	untouched
}

# 17. what is no regular file

@test "pitfall 17: each type of file has its own error, and none is opened" {
	local name
	mkfifo fifo
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die'
	mkdir directory
	ln -s fifo link-to-fifo
	: >"$notes/said"
	for name in fifo socket directory; do
		run limited 5 commit-save "$name" <"$new"
		exits 1
		echo "${output#*"$name"}" >>"$notes/said"
		run limited 5 commit-save --in-place "$name" <"$new"
		exits 1
	done
	run limited 5 commit-save link-to-fifo <"$new"
	exits 1 FIFO
	[ -p fifo ]
	[ -S socket ]
	[ -L link-to-fifo ]
	run limited 5 commit-save directory/ <"$new"
	exits 1 EISDIR
	run limited 5 commit-save . <"$new"
	exits 1 EISDIR
	grep FIFO "$notes/said"
	grep socket "$notes/said"
	grep directory "$notes/said" | grep EISDIR
	[ "$(sort -u "$notes/said" | wc -l)" -eq 3 ]
	no_residue
}

@test "pitfall 17: devices have their own errors" {
	need_root
	mknod char c 1 3 || skip "no right to make devices"
	mknod block b 7 250
	run limited 5 commit-save char <"$new"
	exits 1 'character device'
	run limited 5 commit-save block <"$new"
	exits 1 'block device'
	[ -c char ]
	[ -b block ]
	no_residue
}

@test "pitfall 17: an empty path is a usage error" {
	run commit-save '' <"$new"
	exits 2 empty
	no_residue
}

@test "pitfall 17: a directory that is not there is ENOENT, a file in its place ENOTDIR" {
	run commit-save absent/f <"$new"
	exits 1 ENOENT
	run commit-save f/f <"$new"
	exits 1 ENOTDIR
	untouched
}

# 18. signals

# stop_by SIGNAL COMMAND...: COMMAND, which takes our input, is hit while its
# staged file has a name; $end says how it ended
stop_by() {
	begin ended "$notes/end" "${@:2}"
	printf 'half\n' >&7
	eventually test -s "$notes/end.pid"
	eventually staged_bytes 5
	kill -"$1" "$(cat "$notes/end.pid")"
	eventually test -s "$notes/end"
	end
	end=$(cat "$notes/end")
	rm "$notes"/end*
}

@test "pitfall 18: INT, TERM, HUP and PIPE remove the staged file and kill" {
	local signal
	for signal in INT:2 TERM:15 HUP:1 PIPE:13; do
		stop_by "${signal%:*}" env COMMIT_FAULT="$no_tmpfile" "$LC_FAULT_BIN/commit-save" f
		[ "$end" = "signal ${signal#*:}" ]
		untouched
	done
}

@test "pitfall 18: a shell sees 128 and the number" {
	begin commit-save f
	eventually stages "$pid"
	kill -TERM "$pid"
	end
	exits 143
	[ -z "$output" ]
	untouched
}

@test "pitfall 18: a signal ends the producer and the save" {
	ended "$notes/end" commit-save f -- sh -c 'echo half; echo $$ >"$1"; kill -TERM $PPID; exec sleep 60' \
		sh "$notes/producer"
	[ "$(cat "$notes/end")" = 'signal 15' ]
	refute kill -0 "$(cat "$notes/producer")"
	untouched
}

@test "pitfall 18: a signal ends the validator and the save" {
	export notes
	ended "$notes/end" commit-save \
		--validate='echo $$ >"$notes/validator"; kill -HUP $PPID; exec sleep 60' f <"$new"
	[ "$(cat "$notes/end")" = 'signal 1' ]
	refute kill -0 "$(cat "$notes/validator")"
	untouched
}

@test "pitfall 18: a signal ends the wait for a lock" {
	need_tool flock
	exec 8<f
	flock 8
	begin ended "$notes/end" commit-save --wait=10 f
	cat "$new" >&7
	exec 7>&-
	eventually test -s "$notes/end.pid"
	eventually stages "$(cat "$notes/end.pid")"
	kill -INT "$(cat "$notes/end.pid")"
	end
	[ "$(cat "$notes/end")" = 'signal 2' ]
	exec 8<&-
	untouched
}

@test "pitfall 18: a hangup that nohup ignores is ignored" {
	IGNORE=HUP begin ended "$notes/end" commit-save f
	eventually test -s "$notes/end.pid"
	eventually stages "$(cat "$notes/end.pid")"
	kill -HUP "$(cat "$notes/end.pid")"
	cat "$new" >&7
	end
	[ "$(cat "$notes/end")" = 'exit 0' ]
	is_new
	no_residue
}

@test "pitfall 18: a child that a signal kills takes nothing along" {
	fault "$no_tmpfile" f -- sh -c 'ls .commit-*.staged && (kill -TERM $(exec sh -c "echo \$PPID")); ls .commit-*.staged'
	exits 0
	[ "$(wc -l <f)" -eq 2 ]
	[ "$(sort -u f | wc -l)" -eq 1 ]
	no_residue
}

@test "pitfall 18: a child has the signals of its caller" {
	run commit-save f -- sh -c 'kill -TERM $$; echo survived'
	exits 4 SIGTERM
	run commit-save --validate='kill -TERM $$; :' f <"$new"
	exits 4 SIGTERM
	untouched
}

@test "pitfall 18: a child inherits no descriptor of ours" {
	local list='readlink /proc/self/fd/*'
	sh -c "$list" >"$notes/before" || :
	commit-save f --ok=1 -- sh -c "$list"
	refute grep -e work -e deleted -e signalfd -e '\.commit-' f
	[ "$(wc -l <f)" -eq "$(wc -l <"$notes/before")" ]
	fault "$no_tmpfile" --ok=1 f -- sh -c "$list"
	refute grep -e work -e deleted -e signalfd -e '\.commit-' f
}

# 19. SIGKILL at every call

# kill_walk SEES ARG...: dies at the Nth call for N = 1 2 ... to the last; f must
# then be as SEES says, the residue be found, and the next run work
kill_walk() {
	local n sees=$1
	shift
	for ((n = 1; n < 1000; n += ${LC_EVERY:-1})); do
		rm -rf ./* .commit-* "$fired"
		[ "$sees" = whole_or_absent ] || cp "$old" f
		run env COMMIT_FAULT="$n:kill" COMMIT_FAULT_LOG="$fired" "$LC_FAULT_BIN/commit-save" "$@" f <"$new"
		grep -q '^fired' "$fired" || break
		exits 137
		"$sees"
		commit-recover --repaired-ok . >"$notes/said" 2>&1 || { cat "$notes/said"; return 1; }
		no_residue
		recovered "$sees"
		# the next run goes on from there
		commit-save f <"$new"
		is_new
	done
	exits 0
	[ "$n" -gt 15 ]
}

whole() {
	is_old >/dev/null || is_new
}

whole_or_absent() {
	[ ! -e f ] || is_new
}

appended() {
	is_old >/dev/null || cat "$old" "$new" | cmp - f
}

whole_and_backup() {
	whole
	[ ! -e f~ ] || is_old f~
	is_old >/dev/null || is_old f~
}

# while it is edited anything may be seen; the journal has it all
edited() {
	[ -e f ]
}

# after the recovery nothing is half done, whatever was seen before it
recovered() {
	if [ "$1" = edited ]; then whole; else "$1"; fi
}

@test "pitfall 19: killed at any call the file is wholly old or wholly new" {
	kill_walk whole
}

@test "pitfall 19: killed at any call without O_TMPFILE" {
	local n
	for ((n = 1; n < 1000; n += ${LC_EVERY:-1})); do
		cp "$old" f
		rm -f "$fired"
		run env COMMIT_FAULT="$n:kill,$no_tmpfile" COMMIT_FAULT_LOG="$fired" "$LC_FAULT_BIN/commit-save" f <"$new"
		grep -q '^fired.*kill' "$fired" || break
		whole
		commit-recover --repaired-ok .
		no_residue
	done
	exits 0
	[ "$n" -gt 15 ]
}

@test "pitfall 19: killed at any call while it creates the file" {
	kill_walk whole_or_absent --create
}

@test "pitfall 19: killed at any call of an append" {
	kill_walk appended --append
}

@test "pitfall 19: killed at any call with a backup" {
	kill_walk whole_and_backup --backup
}

@test "pitfall 19: killed at any call of an edit in place" {
	kill_walk edited --in-place
}

# 20. no flags of renameat2

@test "pitfall 20: without the flags of renameat2 all kinds of saves work" {
	local errnum none
	for errnum in EINVAL ENOSYS EOPNOTSUPP; do
		none=1:$errnum:forever:exchange,1:$errnum:forever:noreplace
		cp "$old" f
		rm -f made f~
		fault "$none" -a f <"$new"
		exits 0
		cat "$old" "$new" | cmp - f
		fault "$none" -e "$(commit-save --token f)" f <"$old"
		exits 0
		is_old
		fault "$none" -x made <"$new"
		exits 0
		is_new made
		fault "$none" -b f <"$new"
		exits 0
		is_new
		is_old f~
		fault "$none" -b f <"$old"
		exits 0
		is_new f~
		fault "$none" --in-place f <"$new"
		exits 0
		is_new
		no_residue
	done
}

@test "pitfall 20: without them a file that somebody else made is not replaced" {
	begin env COMMIT_FAULT=1:EINVAL:forever:noreplace,1:ENOLCK:forever:flock "$LC_FAULT_BIN/commit-save" \
		--validate='echo theirs >made' -x made
	cat "$new" >&7
	end
	exits 4 EEXIST
	[ "$(cat made)" = theirs ]
	no_residue
}

@test "pitfall 20: without them a file that somebody else changed is not replaced" {
	fault 1:EINVAL:forever:exchange --validate='cp f theirs; echo theirs >>theirs; mv theirs f' -a f <"$new"
	exits 4 'theirs stays'
	[ "$(tail -n 1 f)" = theirs ]
	no_residue
}

# 21. no O_TMPFILE

@test "pitfall 21: without O_TMPFILE all kinds of saves work" {
	local errnum
	for errnum in EOPNOTSUPP EISDIR EINVAL ENOENT ENOSYS; do
		cp "$old" f
		rm -f made
		fault "1:$errnum:forever:tmpfile" f < <(cat "$new")
		exits 0
		is_new
		fault "1:$errnum:forever:tmpfile" -a f <"$new"
		exits 0
		cat "$new" "$new" | cmp - f
		fault "1:$errnum:forever:tmpfile" -x made <"$new"
		exits 0
		is_new made
		fault "1:$errnum:forever:tmpfile" -b --validate='test -s "$1"' made <"$old"
		exits 0
		is_old made
		is_new made~
		fault "1:$errnum:forever:tmpfile" --in-place made <"$new"
		exits 0
		is_new made
		no_residue
	done
}

@test "pitfall 21: an unnamed file that cannot be linked is replaced by a named one" {
	local errnum
	chmod 0640 f
	for errnum in ENOENT EOPNOTSUPP EPERM ENOSYS; do
		cp "$old" f
		fault "1:$errnum:forever:linkfd" f < <(cat "$new")
		exits 0
		is_new
		[ "$(mode_of f)" = 640 ]
		no_residue
	done
}

@test "pitfall 21: the staged file has its name before it is flushed" {
	fault 1:kill:once:fsync f <"$new"
	exits 137
	is_new .commit-*.staged
}

# 22. what a token covers

@test "pitfall 22: a token knows the change time" {
	local token
	touch -d '2020-01-01 00:00:00' f
	token=$(commit-save --token f)
	[ "$(commit-save --token f)" = "$token" ]
	# same inode, size, content, mode and mtime as before
	chmod 0600 f
	chmod 0644 f
	refute [ "$(commit-save --token f)" = "$token" ]
	run commit-save -e "$token" f <"$new"
	exits 4
	untouched
}

@test "pitfall 22: a token knows content whose mtime was put back" {
	local token
	touch -d '2020-01-01 00:00:00' f
	token=$(commit-save --token f)
	printf 'old CONTENT\nin two lines\n' | dd of=f conv=notrunc status=none
	touch -d '2020-01-01 00:00:00' f
	cp f "$notes/theirs"
	run commit-save -e "$token" f <"$new"
	exits 4
	cmp f "$notes/theirs"
	commit-save -e "$(commit-save --token f)" f <"$new"
	is_new
}

# 23. clean-up that fails

@test "pitfall 23: clean-up that fails does not hide the first error" {
	fault "$no_tmpfile,1:EDQUOT:once:fsync,1:EACCES:forever:unlink" f <"$new"
	exits 1 EDQUOT
	[[ $output != *EACCES* ]]
	is_old
	ls .commit-*.staged
	commit-recover --repaired-ok .
	no_residue
}

@test "pitfall 23: nor does it hide a refusal, or the errno in JSON" {
	fault 1:EACCES:forever:unlink,1:EACCES:forever:rmdir --validate='exit 7' f <"$new"
	exits 4 'status 7'
	[[ $output != *EACCES* ]]
	is_old
	commit-recover --repaired-ok .
	no_residue
	fault 1:EIO:once:rename,1:EACCES:forever:unlink --json f <"$new"
	exits 1 '"errno":"EIO"'
	is_old
}

@test "pitfall 23: clean-up after the commit that fails is exit 3" {
	fault 1:EACCES:forever:unlink -a f <"$new"
	exits 3 EACCES
	cat "$old" "$new" | cmp - f
}

# 24. standard input is the target

@test "pitfall 24: a file may be its own input" {
	seq 100000 >f
	cp f "$notes/before"
	commit-save f <f
	cmp f "$notes/before"
	commit-save --from=f f
	cmp f "$notes/before"
	commit-save --in-place f <f
	cmp f "$notes/before"
	commit-save f -- sort -rn f
	sort -rn "$notes/before" | cmp - f
	no_residue
}

@test "pitfall 24: appending a file to itself doubles it, once" {
	seq 100000 >f
	cp f "$notes/before"
	limited 20 commit-save -a f <f
	cat "$notes/before" "$notes/before" | cmp - f
	no_residue
}

# 25. closed descriptors

# closed SET COMMAND...: COMMAND with those of 0, 1 and 2 closed
closed() {
	case $1 in
	0) "${@:2}" <&- ;;
	1) "${@:2}" >&- ;;
	2) "${@:2}" 2>&- ;;
	01) "${@:2}" <&- >&- ;;
	02) "${@:2}" <&- 2>&- ;;
	12) "${@:2}" >&- 2>&- ;;
	012) "${@:2}" <&- >&- 2>&- ;;
	esac
}

# each of these says something on both streams, which must not end up in a file
@test "pitfall 25: with any of the three closed nothing gets into a file" {
	local set
	for set in 0 1 2 01 02 12 012; do
		cp "$old" f
		closed "$set" commit-save -v --json --from="$new" f || [ "$?" -eq 1 ]
		is_new
		cp "$old" f
		closed "$set" commit-save -v f -- cat "$new"
		is_new
		# the command has its three, open
		closed "$set" commit-save f -- sh -c 'cat && echo said && echo warned >&2' </dev/null
		[ "$(cat f)" = said ]
		closed "$set" commit-save -v --validate='echo judged; echo judged >&2; cat' f -- cat "$new"
		is_new
		no_residue
	done
}

@test "pitfall 25: a closed standard input is no empty one" {
	local set
	for set in 0 01 02 012; do
		status=0
		closed "$set" limited 5 commit-save --allow-empty f || status=$?
		[ "$status" -eq 1 ]
		untouched
	done
	run bash -c 'commit-save --allow-empty f <&-'
	exits 1 closed
}

# 26. large, sparse and growing

@test "pitfall 26: sparse files of more than 4 GiB" {
	truncate -s 5G big || skip "no file of 5 GiB here"
	printf 'in the middle' | dd of=big bs=1 seek=4500000000 conv=notrunc status=none
	printf 'at the start' | dd of=big conv=notrunc status=none
	for how in from stdin copied; do
		case $how in
		from) commit-save --from=big f ;;
		stdin) commit-save f <big ;;
		copied) fault "$no_clone" --from=big f ;;
		esac
		[ "$(stat -c %s f)" -eq 5368709120 ]
		[ "$(tail -c +4500000001 f | head -c 13)" = 'in the middle' ]
		[ "$(head -c 12 f)" = 'at the start' ]
		[ "$(du -k f | cut -f1)" -lt 1024 ]
		rm f
	done
	no_residue
}

@test "pitfall 26: an append to a large sparse file keeps the holes" {
	truncate -s 5G f || skip "no file of 5 GiB here"
	fault "$no_clone" -a f <"$new"
	exits 0
	[ "$(stat -c %s f)" -eq $((5368709120 + 12)) ]
	tail -c 12 f | cmp - "$new"
	[ "$(du -k f | cut -f1)" -lt 1024 ]
}

@test "pitfall 26: a source that grows while it is read is read to its new end" {
	seq 30000 >source
	# grows when the first copy is asked for, after its size was
	printf '%s\n' '#define _GNU_SOURCE' '#include <fcntl.h>' '#include <stdlib.h>' \
		'#include <sys/syscall.h>' '#include <unistd.h>' \
		'ssize_t copy_file_range(int a, off64_t *ao, int b, off64_t *bo, size_t n, unsigned f)' \
		'{ static int asked;' \
		'if (!asked++) { int g = open(getenv("GROWS"), O_WRONLY | O_APPEND);' \
		'if (g < 0 || write(g, "and more\n", 9) != 9 || close(g)) abort(); }' \
		'return syscall(SYS_copy_file_range, a, ao, b, bo, n, f); }' >"$notes/grow.c"
	${CC:-cc} -shared -fPIC -o "$notes/grow.so" "$notes/grow.c" || skip "cannot build a shared object"
	LD_PRELOAD=$notes/grow.so "$LC_FAULT_BIN/commit-save" --version || skip "nothing can be preloaded here"
	export GROWS=source
	LD_PRELOAD=$notes/grow.so COMMIT_FAULT=$no_clone limited 20 "$LC_FAULT_BIN/commit-save" --from=source f
	[ "$(tail -n 1 source)" = 'and more' ]
	cmp f source
	no_residue
}

@test "pitfall 26: a file is what it yields, not what its size says" {
	# of /proc, size 0; of /sys, size 4096
	limited 5 commit-save --from=/proc/self/mountinfo f
	[ "$(wc -l <f)" -eq "$(wc -l </proc/self/mountinfo)" ]
	local small=/sys/kernel/mm/transparent_hugepage/enabled
	[ -r "$small" ] || small=/sys/class/net/lo/mtu
	[ -r "$small" ] || skip "no /sys here"
	limited 5 commit-save --from="$small" f
	cmp f "$small"
}

# 28. the directory moves or goes

@test "pitfall 28: a save follows its directory when that is renamed" {
	mkdir d
	mv f d/
	begin commit-save d/f
	eventually stages "$pid"
	mv d elsewhere
	mkdir d
	cp "$old" d/f
	cat "$new" >&7
	end
	exits 0
	is_new elsewhere/f
	is_old d/f
	no_residue
}

@test "pitfall 28: a save whose directory is removed fails and makes nothing" {
	mkdir d
	mv f d/
	begin commit-save d/f
	eventually stages "$pid"
	rm -r d
	cat "$new" >&7
	end
	exits 1 ENOENT
	[ -z "$(ls -A)" ]
}

@test "pitfall 28: a save whose file is removed makes it again" {
	begin commit-save f
	eventually stages "$pid"
	rm f
	cat "$new" >&7
	end
	exits 0
	is_new
	no_residue
}

# 29. full disks

@test "pitfall 29: each write that finds the disk full leaves the old file" {
	local call errnum n
	seq 100000 >"$new"
	for errnum in ENOSPC EDQUOT; do
		for ((n = 1; n < 100; n++)); do
			cp "$old" f
			rm -f "$fired"
			run env COMMIT_FAULT="$n:$errnum:once:pwrite" COMMIT_FAULT_LOG="$fired" \
				"$LC_FAULT_BIN/commit-save" f < <(cat "$new")
			grep -q '^fired' "$fired" || break
			exits 1 "$errnum"
			untouched
		done
		exits 0
		[ "$n" -gt 4 ]
		for call in copyrange truncate linkfd fsync rename; do
			cp "$old" f
			fault "$no_clone,1:$errnum:once:$call" f <"$new"
			exits 1 "$errnum"
			untouched
		done
		for call in create fsync; do
			fault "$no_tmpfile,1:$errnum:once:$call" f <"$new"
			exits 1 "$errnum"
			untouched
		done
	done
}

@test "pitfall 29: a really full disk, at every page" {
	need_mounts
	# run where the file system vanishes with its last process
	cat >"$notes/full.sh" <<-'END'
		fail() { echo "with $pages pages: $*"; exit 1; }
		mount -t tmpfs -o size=256k none . && cd . || exit 77
		cd "$PWD" || exit 77
		cp "$1" f && head -c 40000 /dev/zero | tr '\0' n >"$3/content"
		saved=0 full=0
		for pages in $(seq 0 14); do
			for how in pipe file append; do
				rm -f ballast
				cp "$1" f
				head -c 1m /dev/zero >ballast 2>/dev/null
				truncate -s -$((pages * 4096)) ballast
				case $how in
				pipe) cat "$3/content" | commit-save f 2>"$3/said" ;;
				file) commit-save f <"$3/content" 2>"$3/said" ;;
				append) commit-save -a f <"$3/content" 2>"$3/said" ;;
				esac
				case $? in
				0)
					saved=$((saved + 1))
					[ $how != append ] || { cat "$1" "$3/content" | cmp - f || fail "$how: bad append"; continue; }
					cmp f "$3/content" || fail "$how: not the new content"
					;;
				1)
					full=$((full + 1))
					grep -q ENOSPC "$3/said" || fail "$how: $(cat "$3/said")"
					cmp f "$1" || fail "$how: not the old content"
					;;
				*) fail "$how: status $?" ;;
				esac
				[ -z "$(find . -name '.commit-*')" ] || fail "$how: residue"
			done
		done
		echo "$saved saved, $full full"
		[ "$saved" -gt 5 ] && [ "$full" -gt 20 ]
	END
	mkdir disk
	run unshare -m sh -c 'cd disk && exec sh "$@"' sh "$notes/full.sh" "$old" "$new" "$notes"
	[ "$status" -ne 77 ] || skip "no right to mount a tmpfs"
	exits 0
}

@test "pitfall 29: a disk without free inodes" {
	need_mounts
	mkdir disk
	run unshare -m sh -c 'mount -t tmpfs -o nr_inodes=10 none disk && cd disk || exit 77
		cp "$1" f
		while mkdir "d$((n = n + 1))" 2>/dev/null; do :; done
		commit-save f <"$2"
		status=$?
		cmp f "$1" && [ -z "$(find . -name ".commit-*")" ] || exit 99
		rmdir d1
		commit-save f <"$2" && cmp f "$2" || exit 98
		exit $status' sh "$old" "$new"
	[ "$status" -ne 77 ] || skip "no right to mount a tmpfs"
	exits 1 ENOSPC
}

# 30. umask and modes

# modes NAME: saves with all umasks, of existing and new files
modes() {
	local mask mode
	for mask in 077 000 027; do
		umask "$mask"
		for mode in 600 640 644 755 4755 2755; do
			cp "$old" f
			chmod "$mode" f
			getfacl -c f >"$notes/acl" 2>/dev/null || :
			commit-save f <"$new"
			is_new
			[ "$(mode_of f)" = "$mode" ] || { echo "umask $mask, existing $mode: $(mode_of f)"; return 1; }
			[ ! -s "$notes/acl" ] || getfacl -c f | cmp - "$notes/acl"
			rm -f made asked
			commit-save -m "$mode" made <"$new"
			[ "$(mode_of made)" = "$mode" ] || { echo "umask $mask, new -m $mode: $(mode_of made)"; return 1; }
			rm made
			chmod "$mode" "$notes/source" 2>/dev/null || { cp "$new" "$notes/source" && chmod "$mode" "$notes/source"; }
			commit-save --from="$notes/source" made
			# what the kernel makes of those bits here
			perl -MFcntl -e 'sysopen(F, "asked", O_CREAT | O_WRONLY, oct($ARGV[0]) & 0777) or die' "$mode"
			[ "$(stat -c %a made)" = "$(stat -c %a asked)" ] ||
				{ echo "umask $mask, new of $mode: $(mode_of made), not $(mode_of asked)"; return 1; }
		done
		rm -f made asked
		commit-save made <"$new"
		touch asked
		[ "$(stat -c %a made)" = "$(stat -c %a asked)" ]
		rm -f made asked
	done
	no_residue
}

@test "pitfall 30: umask by mode, existing and new" {
	modes
}

@test "pitfall 30: umask by mode in a directory with a default ACL" {
	need_acl
	setfacl -d -m "u:$other:rwx,g::rx,o::-" .
	modes
}

@test "pitfall 30: a default ACL adds nothing to a file that has none" {
	need_acl
	chmod 0600 f
	setfacl -d -m "u:$other:rwx" .
	commit-save f <"$new"
	refute sh -c "getfacl -cn f | grep '^user:$other'"
	[ "$(mode_of f)" = 600 ]
}

@test "pitfall 30: a umask that takes our own rights away harms nothing" {
	umask 0777
	commit-save f <"$new"
	is_new
	[ "$(mode_of f)" = 644 ]
	commit-save made <"$new"
	[ "$(mode_of made)" = 0 ]
	umask 022
	no_residue
}
