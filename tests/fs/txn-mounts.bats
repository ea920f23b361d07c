#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Transactions in trees that span mounts.
#
# shellcheck disable=SC2154 # txn-mounts.bash has the changes
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
	recover=$(command -v commit-recover)
}

teardown() {
	[ -n "$FS_WHY_NOT" ] || unspan
}

# steps TEXT: one transaction of these operations
steps() { printf '%s\n' "$1" | timeout 60 commit-txn script -C "$FS/root"; }

device() { stat -c %d "$1"; }

# Where on the other mount a transaction has its stage
far_stage() { echo "$FS/root/mnt/.commit-stage-$1"; }

for_each_kind() {
	local kind
	for kind in tmpfs bind ext4 xfs btrfs; do
		case $kind in
		tmpfs | bind) ;;
		*)
			command -v "mkfs.$kind" >/dev/null || continue
			grep -qw "$kind" /proc/filesystems || continue
			;;
		esac
		echo "# $kind"
		span "$kind"
		"$1"
		unspan
	done
}

everything() {
	furnish
	exits 0 steps "$changes"
	idle
	holds near/old near-new
	holds mnt/far/old far-new
	holds mnt/far/fresh fresh
	holds mnt/made/inside inside
	holds near/back back
	gone root/mnt/far/gone root/mnt/far/empty root/mnt/far/back root/near/dir
	[ "$(readlink "$FS/root/mnt/link")" = far/old ] || return 1
	[ "$(stat -c %a "$FS/root/mnt/far/old")" = 600 ] || return 1
	# what was moved is as it was, times and names and all
	cd "$FS/root/mnt/moved" || return 1
	[ "$(stat -c '%a %h %Y' file)" = '640 2 981173106' ] || { stat file; return 1; }
	[ ./file -ef ./twin ] || return 1
	[ "$(readlink link)" = file ] || return 1
	[ "$(stat -c %Y link)" = 981173106 ] || { stat link; return 1; }
	[ "$(stat -c %Y .)" = 981173106 ] || { stat .; return 1; }
	[ "$(getfattr --only-values -n user.test file)" = kept ] || return 1
	[ "$(cat file)" = in-dir ] || return 1
	cd "$FS" || return 1
}

# holds FILE LINE
holds() {
	[ "$(cat "$FS/root/$1")" = "$2" ] || { echo "$1: $(cat "$FS/root/$1")"; return 1; }
}

@test "one transaction over two mounts: tmpfs, bind, ext4, xfs, btrfs" {
	TZ=UTC
	export TZ
	for_each_kind everything
}

@test "content is staged on the mount of its target, 0700, and goes with an abort" {
	span tmpfs
	furnish
	T=$(commit-txn begin -C root)
	echo far | commit-txn put -C root "$T" mnt/far/fresh
	echo near | commit-txn put -C root "$T" near/fresh
	[ "$(stat -c '%a %U' "$(far_stage "$T")")" = '700 root' ]
	[ -f "$(far_stage "$T")/in-0" ]
	[ ! -e "$(far_stage "$T")/in-1" ]
	[ -f "root/.commit/stage/$T/in-1" ]
	exits 0 commit-txn abort -C root "$T"
	idle
}

@test "a mount below the tree's second one has a stage of its own" {
	span tmpfs
	mkdir root/mnt/deep
	mount -t tmpfs deep root/mnt/deep
	mkdir root/mnt/deep/dir
	exits 0 steps 'write mnt/deep/dir/f one
write mnt/g two
write h three'
	idle
	holds mnt/deep/dir/f one
	holds mnt/g two
	# and what is taken stays there: a removal of each
	exits 0 steps 'rm mnt/deep/dir/f
rmdir mnt/deep/dir
rm mnt/g
rm h'
	idle
	gone root/mnt/deep/dir root/mnt/g root/h
}

@test "the same file system bound twice: each mount for itself" {
	fs_new ext4 root
	mkdir root/here root/there
	mount --bind root/here root/there
	echo old >root/there/f
	exits 0 steps 'write here/f new
mv here/f there/g'
	idle
	holds here/g new
	gone root/here/f
}

@test "moves: back and forth, over what is there, of what was just put" {
	span ext4
	furnish
	exits 0 steps 'write near/new one
chmod 640 near/new
mv near/new mnt/new
mv mnt/far/old near/old
mkdir near/d
write near/d/x inner
mv near/d mnt/d
write mnt/d/y more
mv mnt/d near/e'
	idle
	holds mnt/new one
	holds near/old old-far
	holds near/e/x inner
	holds near/e/y more
	[ "$(stat -c %a root/mnt/new)" = 640 ]
	gone root/mnt/far/old root/mnt/d
}

@test "a directory that nobody may write moves with its mode, also for one who is not root" {
	span tmpfs
	mkdir -p root/closed/in
	echo f >root/closed/in/f
	chmod 555 root/closed/in
	chown -R 65534:65534 root
	chmod 755 root
	as_nobody true 2>/dev/null || skip 'no setpriv'
	as_nobody test -x "$(command -v commit-txn)" || skip 'another user cannot run the tools'
	# taking it apart takes the right to write in it
	exits 1 as_nobody commit-txn script -C root <<<'mv closed mnt/closed'
	says EACCES
	idle
	chmod 755 root/closed/in
	T=$(as_nobody commit-txn begin -C root)
	as_nobody commit-txn chmod -C root "$T" 555 closed/in
	as_nobody commit-txn mv -C root "$T" closed mnt/closed
	exits 0 as_nobody commit-txn commit -C root "$T"
	[ "$(stat -c '%a %u' root/mnt/closed/in)" = '555 65534' ]
	holds mnt/closed/in/f f
	gone root/closed
}

@test "what cannot go to another file system is refused before the commit" {
	span tmpfs
	furnish
	mkfifo root/near/fifo
	mkdir -p root/near/nest/.commit
	before=$(shape)
	exits 1 steps 'link near/keep mnt/keep'
	says 'a hard link cannot'
	says EXDEV
	exits 1 steps 'mv near/fifo mnt/fifo'
	says EOPNOTSUPP
	says near/fifo
	exits 1 steps 'mv near mnt/all'
	says EOPNOTSUPP
	exits 1 steps 'mv near/nest mnt/nest'
	says near/nest/.commit
	idle
	diff <(echo "$before") <(shape)
}

@test "mount points stay where they are: EBUSY before the commit" {
	span tmpfs
	mkdir root/up root/up/here root/mnt/in
	mount -t tmpfs here root/up/here
	echo behind >behind-file
	echo front >root/file
	mount --bind behind-file root/file
	before=$(shape)
	for what in 'rmdir mnt/in
rmdir up/here' 'mv up/here moved' 'mv up/here mnt/moved' 'mv up mnt/moved' 'write file new' 'rm file' \
		'mv file other' 'write up/here/f x
mv up other' 'mv up other
write other/here/f x'; do
		exits 1 steps "$what"
		says EBUSY
		idle
		diff <(echo "$before") <(shape)
	done
}

@test "a stage is out of reach, is spared by --mirror and not read by apply --from" {
	span tmpfs
	furnish
	T=$(commit-txn begin -C root)
	echo far | commit-txn put -C root "$T" mnt/far/fresh
	stage=mnt/.commit-stage-$T
	for step in "write $stage/in-0 x" "rm $stage/in-0" "mv near/old $stage/x" "rmdir $stage" \
		"mkdir near/.commit-stage-x"; do
		exits 1 steps "$step"
		says EPERM
	done
	mkdir from
	cp -a root/mnt/. from
	[ -d "from/.commit-stage-$T" ]
	mkdir copy
	exits 0 commit-txn apply -C copy --from=from
	[ -d copy/far ]
	gone "copy/.commit-stage-$T"
	# a tree whose own mount is another one than the store's
	mkdir from/mnt
	mkdir "root/near/.commit-stage-$T"
	mkdir -p two/near
	exits 0 commit-txn apply -C root --mirror --from=two
	[ -d "root/near/.commit-stage-$T" ]
	gone root/near/old
	rmdir "root/near/.commit-stage-$T"
	exits 0 commit-txn abort -C root "$T"
	idle
	tar -C from -cf hostile.tar "./.commit-stage-$T"
	exits 4 commit-txn apply -C root hostile.tar
	says .commit-stage-
}

@test "the validator sees the result, and no stage" {
	span tmpfs
	furnish
	printf '%s\n' "$changes" >script
	# shellcheck disable=SC2016 # "$1" is the validator's
	exits 0 commit-txn script -C root --validate='cd "$1" && find . -path ./mnt/lost+found -prune -o -print >'"$FS/seen"' && grep -q far-new mnt/far/old' <script
	grep -q './mnt/moved/file' seen
	not grep -q commit-stage seen
	idle
}

@test "the target is durable before the source leaves the stage" {
	span ext4
	furnish
	COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-txn" script -C root <<<'mv near/old mnt/moved'
	top=$(stat -c %i root/mnt)
	# after the rename to its place: a flush of that file system, and only then the unlink
	awk -v top="$top" '
		$3 == "noreplace" && $5 == "moved" { put = NR }
		$3 == "syncfs" && $4 == top && put { flushed = NR }
		$3 == "unlink" && $5 ~ /^out-/ { if (!flushed) exit 1; gone = NR }
		END { exit !(put && flushed && gone) }' trace
}

@test "one flush for each file system before the record and one after" {
	span ext4
	furnish
	fs_new xfs root/mnt2
	mkdir root/mnt2/d
	(
		cd root
		for i in $(seq 40); do
			echo "write near/n$i x"
			echo "write mnt/far/n$i x"
			echo "write mnt2/d/n$i x"
		done
	) >script
	commit-txn init -C root
	COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-txn" script -C root <script
	idle
	[ "$(grep -c ' syncfs ' trace)" -eq 6 ]
	# two new stages, written down before they are made, and nothing for single files
	[ "$(grep -c ' fsync ' trace)" -eq 6 ]
}

# What was flushed by itself, from a trace
flushed_of() {
	awk '$3 == "fsync" { print $4 }' "$1" | sort -u
}

@test "where syncfs is not relied on each file and each directory is flushed" {
	span tmpfs
	furnish
	printf '%s\n' "$changes" >script
	COMMIT_FAULT=1:ENOSYS:forever:fstype COMMIT_FAULT_TRACE=$FS/trace \
		"$LC_FAULT_BIN/commit-txn" script -C root <script
	idle
	not grep -q ' syncfs ' trace
	flushed_of trace >flushed
	for path in near/old mnt/far/old mnt/far/fresh mnt/made mnt/made/inside mnt/moved \
		mnt/moved/file near/back near mnt mnt/far; do
		grep -qx "$(stat -c %i "root/$path")" flushed || { echo "$path was not flushed"; false; }
	done
	# each staged file before the record, which is the first flush of the log
	awk -v file="$(stat -c %i root/mnt/far/old)" '
		$3 == "fsync" && $4 == file { early = NR }
		$3 == "exchange" { exit !early }' trace
}

@test "on an overlay: flushed file by file, directories of the lower layer moved and removed" {
	fs_needs_kernel overlay
	mkdir lower upper work root
	mkdir -p lower/old/sub lower/gone
	echo f >lower/old/sub/f
	touch -d '2001-02-03 04:05:06' lower/old/sub
	mount -t overlay -o "lowerdir=$FS/lower,upperdir=$FS/upper,workdir=$FS/work" over root
	COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-txn" script -C root <<-'END'
		mv old new
		rmdir gone
		write f x
	END
	idle
	not grep -q ' syncfs ' trace
	gone root/old root/gone
	holds new/sub/f f
	holds f x
	[ "$(TZ=UTC stat -c %Y root/new/sub)" = 981173106 ]
}

@test "through fuse: commits, and recovers" {
	fs_needs bindfs
	[ -e /dev/fuse ] || skip 'no /dev/fuse'
	mkdir -p root/mnt behind
	bindfs behind root/mnt || skip 'no fuse mounts here'
	furnish
	COMMIT_FAULT=1:kill:noreplace "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
	exits 0 commit-recover --repaired-ok root
	idle
	holds mnt/moved/file in-dir
	holds mnt/far/old far-new
}

@test "quota projects: what no rename can do is refused before the commit" {
	fs_needs xfs_io
	span xfs
	mkdir root/mnt/project
	xfs_io -c 'chproj 42' -c 'chattr +P' root/mnt/project || skip 'no projects here'
	exits 1 steps 'write mnt/project/f x'
	says EXDEV
	says project
	idle
	gone root/mnt/project/f
}

@test "something that was mounted after the operation: refused before the commit" {
	span tmpfs
	mkdir root/late
	T=$(commit-txn begin -C root)
	echo x | commit-txn put -C root "$T" late/f
	mount -t tmpfs late root/late
	exits 1 commit-txn commit -C root "$T"
	says EXDEV
	gone root/late/f
	commit-txn abort -C root "$T"
	umount root/late
	# and one that is gone
	T=$(commit-txn begin -C root)
	echo x | commit-txn put -C root "$T" mnt/f
	umount root/mnt
	exits 1 commit-txn commit -C root "$T"
	says 'missing'
	says ENODEV
	[ -z "$(ls -A root/mnt)" ]
	exits 1 commit-txn abort -C root "$T"
	says 'not mounted'
}

@test "killed after the record, and the mount is missing: pending, and nothing is written beneath" {
	span ext4
	furnish
	before=$(shape)
	for call in 1:kill:exchange 1:kill:noreplace 3:kill:syncfs; do
		furnish
		rm -rf root/.commit
		commit-txn init -C root
		COMMIT_FAULT=$call "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
		[ -n "$(stages)" ]
		fs_umount root/mnt
		find root/mnt root/near | sort >beneath
		exits 3 commit-recover -n root
		exits 3 commit-recover root
		says "mnt"
		says 'missing'
		# that one is not committed, and must not look so
		exits 1 commit-txn script -C root <<<'write other x'
		says 'missing'
		find root/mnt root/near | sort | diff beneath -
		# another one in its place is another one
		mount -t tmpfs other root/mnt
		exits 3 commit-recover root
		[ -z "$(ls -A root/mnt)" ]
		umount root/mnt
		fs_mount ext4 root/mnt
		exits 0 commit-recover --repaired-ok root
		idle
		holds mnt/moved/file in-dir
		holds near/back back
		holds mnt/far/old far-new
	done
	[ "$(shape)" != "$before" ]
}

@test "something mounted over a directory of the commit: pending until it is gone" {
	span tmpfs
	furnish
	COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
	mount -t tmpfs over root/near
	exits 3 commit-recover root
	[ -z "$(ls -A root/near)" ]
	umount root/near
	exits 0 commit-recover --repaired-ok root
	idle
	holds near/old near-new
}

@test "a stage on another mount that is lost is not taken for one that is done" {
	span tmpfs
	furnish
	COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
	rm -r root/mnt/.commit-stage-*
	exits 3 commit-recover root
	says ENOENT
	[ -n "$(ls root/.commit/stage)" ]
}

@test "a foreign edit between crash and recovery is found on the other mount too" {
	span tmpfs
	furnish
	COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
	echo theirs >root/mnt/far/old
	exits 11 commit-recover root
	[[ $output == *"for root/mnt/far/old"* ]]
	holds mnt/far/old theirs
	holds near/old old-near
}

# Everything is old, or everything is new.
judge() {
	local now
	now=$(shape)
	[ "$now" = "$1" ] || [ "$now" = "$2" ] || {
		echo "killed at call $n:"
		diff <(echo "$1") <(echo "$now")
		diff <(echo "$2") <(echo "$now")
		return 1
	}
	idle
}

@test "killed at any call of a commit over two mounts: all old or all new after recovery" {
	span tmpfs
	furnish
	old=$(shape)
	exits 0 steps "$changes"
	new=$(shape)
	furnish
	rm -rf root/.commit
	COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes"
	seen_old=0
	seen_new=0
	changing trace >calls
	[ "$(wc -l <calls)" -gt 100 ]
	while read -r n; do
		furnish
		rm -rf root/.commit log
		COMMIT_FAULT=$n:kill COMMIT_FAULT_LOG=$FS/log "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" 2>/dev/null || :
		grep -q fired log
		"$recover" -q --repaired-ok root >said 2>&1 || { echo "call $n: $(cat said)"; false; }
		judge "$old" "$new"
		if [ "$(shape)" = "$old" ]; then seen_old=1; else seen_new=1; fi
	done <calls
	[ "$seen_old$seen_new" = 11 ]
}

# crashed FAULT: a transaction that was killed there, after its record
crashed() {
	furnish
	rm -rf root/.commit log
	commit-txn init -C root
	COMMIT_FAULT=$1 "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" 2>/dev/null || :
}

@test "recovery over two mounts killed at any call converges" {
	span tmpfs
	furnish
	exits 0 steps "$changes"
	new=$(shape)
	for call in 1:kill:exchange 3:kill:syncfs; do
		crashed "$call"
		COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-recover" -q root || :
		changing trace >calls
		rm trace
		[ "$(wc -l <calls)" -gt 25 ]
		while read -r n; do
			crashed "$call"
			COMMIT_FAULT=$n:kill COMMIT_FAULT_LOG=$FS/log "$LC_FAULT_BIN/commit-recover" -q root >/dev/null 2>&1 || :
			grep -q fired log
			"$recover" -q --repaired-ok root >/dev/null
			judge "$new" "$new"
		done <calls
	done
}

@test "killed at any call of a put on another mount: what is left is known and goes" {
	span tmpfs
	furnish
	commit-txn init -C root
	for ((n = 1; ; n++)); do
		T=$(commit-txn begin -C root --ttl=0)
		rm -f log
		COMMIT_FAULT=$n:kill COMMIT_FAULT_LOG=$FS/log "$LC_FAULT_BIN/commit-txn" put -C root "$T" mnt/far/fresh <<<x 2>/dev/null || :
		if [ -e "$(far_stage "$T")" ]; then
			[ -s "root/.commit/stage/$T/mounts" ]
		fi
		exits 0 commit-txn abort -C root "$T"
		idle
		grep -q fired log || break
	done
	[ "$n" -gt 20 ]
}

@test "a directory that somebody has filled since is not taken away" {
	span tmpfs
	furnish
	for step in 'rmdir mnt/far/empty' 'mv near/dir mnt/moved'; do
		case $step in mv*) dir=near/dir ;; *) dir=mnt/far/empty ;; esac
		T=$(commit-txn begin -C root)
		# shellcheck disable=SC2086 # words
		set -- $step
		commit-txn "$1" -C root "$T" "${@:2}"
		echo theirs >"root/$dir/theirs"
		exits 4 commit-txn commit -C root "$T"
		says "$dir"
		holds "$dir/theirs" theirs
		commit-txn abort -C root "$T"
		idle
	done
	# what it has put there itself is no surprise
	exits 0 steps 'mkdir near/d2
write near/d2/f x'
	exits 0 steps 'rm near/d2/f
rmdir near/d2
mkdir near/d2
write near/d2/f y
write near/d2/g z'
	holds near/d2/f y
	idle
}

@test "a source that is written to between copy and commit: refused" {
	span tmpfs
	furnish
	T=$(commit-txn begin -C root)
	commit-txn mv -C root "$T" near/old mnt/moved
	echo theirs >root/near/old
	exits 4 commit-txn commit -C root "$T"
	holds near/old theirs
	gone root/mnt/moved
	commit-txn abort -C root "$T"
	idle
}

@test "half a moved directory cannot be committed" {
	span tmpfs
	furnish
	commit-txn init -C root
	before=$(shape)
	T=$(commit-txn begin -C root)
	COMMIT_FAULT_TRACE=$FS/trace "$LC_FAULT_BIN/commit-txn" mv -C root "$T" near/dir mnt/moved
	commit-txn abort -C root "$T"
	changing trace >calls
	[ "$(wc -l <calls)" -gt 30 ]
	while read -r n; do
		T=$(commit-txn begin -C root)
		rm -f log
		COMMIT_FAULT=$n:kill COMMIT_FAULT_LOG=$FS/log "$LC_FAULT_BIN/commit-txn" mv -C root "$T" near/dir mnt/moved 2>/dev/null || :
		grep -q fired log
		commit-txn commit -C root "$T" >/dev/null 2>&1 || commit-txn abort -C root "$T"
		if [ -e root/mnt/moved ]; then
			# then it was all of it
			[ -e root/mnt/moved/file ]
			[ -e root/mnt/moved/twin ]
			gone root/near/dir
			furnish
			rm -rf root/.commit
			commit-txn init -C root
		fi
		diff <(echo "$before") <(shape)
		idle
	done <calls
}

@test "a dead transaction is swept on all mounts, when they are there" {
	span ext4
	furnish
	commit-txn init -C root
	COMMIT_FAULT=1:kill:exchange,2:kill:syncfs "$LC_FAULT_BIN/commit-txn" script -C root --validate='exit 1' <<<"$changes" || :
	idle
	COMMIT_FAULT=2:kill:create "$LC_FAULT_BIN/commit-txn" script -C root <<<'write mnt/far/fresh x' || :
	COMMIT_FAULT=1:kill:syncfs "$LC_FAULT_BIN/commit-txn" script -C root <<<"$changes" || :
	[ -n "$(ls -d root/mnt/.commit-stage-*)" ]
	fs_umount root/mnt
	exits 0 commit-recover --repaired-ok root
	# it is still known when the file system comes back
	[ -n "$(ls root/.commit/stage)" ]
	fs_mount ext4 root/mnt
	exits 0 commit-recover --repaired-ok root
	idle
	holds near/old old-near
}

orphan() {
	furnish
	rm -rf root/.commit
	T=$(commit-txn begin -C root)
	echo far | commit-txn put -C root "$T" mnt/far/fresh
}

@test "orphans: removed if the store knows nothing of them, kept if the store is gone" {
	span tmpfs
	orphan
	# a part of an open transaction is no finding
	exits 0 commit-recover --repaired-ok -r root/mnt
	[ -e "$(far_stage "$T")/in-0" ]
	# the store is there, the transaction is not
	rm -r "root/.commit/stage/$T"
	exits 0 commit-recover --repaired-ok -r -n root
	[ -e "$(far_stage "$T")/in-0" ]
	chown 65534 "$(far_stage "$T")"
	exits 0 commit-recover -r root
	[ -e "$(far_stage "$T")/in-0" ]
	chown 0 "$(far_stage "$T")"
	exits 0 commit-recover --repaired-ok -r --older-than=1h root
	[ -e "$(far_stage "$T")/in-0" ]
	exits 0 commit-recover --repaired-ok -r root
	idle
	# the store is gone
	orphan
	rm -r root/.commit
	exits 11 commit-recover -r root
	says "$(basename "$(far_stage "$T")")"
	[ -e "$(far_stage "$T")/in-0" ]
	rm "$(far_stage "$T")/in-0"
	exits 0 commit-recover --repaired-ok -r root
	idle
	# another store is not its store
	orphan
	rm -r root/.commit
	commit-txn init -C root
	exits 11 commit-recover -r root
	[ -e "$(far_stage "$T")/in-0" ]
	rm -r "$(far_stage "$T")"
}

@test "orphans: a copy, another user's and a probe" {
	span tmpfs
	orphan
	mkdir other
	cp -a "$(far_stage "$T")" other
	commit-txn init -C other
	exits 0 commit-recover --repaired-ok -r other
	[ -e "other/.commit-stage-$T/in-0" ]
	chown -R 65534 "other/.commit-stage-$T"
	exits 0 commit-recover --repaired-ok -r other
	[ -e "other/.commit-stage-$T/in-0" ]
	rm -r other
	: >"$(far_stage "$T").probe"
	exits 0 commit-recover --repaired-ok -r root
	[ -e "$(far_stage "$T").probe" ]
	commit-txn abort -C root "$T"
	idle
	: >"$(far_stage "$T").probe"
	exits 0 commit-recover --repaired-ok -r root
	idle
}
