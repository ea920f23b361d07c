#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What commit-txn log tells, and what --keep keeps.

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
}
teardown() { sweep; }

# commits LINE...: a script of these operations
commits() { printf '%s\n' "$@" | commit-txn script; }

# ids: of all commits, the oldest first
ids() { commit-txn log | cut -d' ' -f2; }

# kept: names of what is kept in history, in any order
kept() { find root/.commit/history -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort; }

@test "log: who, when, how many, in order" {
	gives 0 commit-txn init
	gives 0 commit-txn log
	prints ''
	before=$(date +%s)
	commits 'write a hello' 'mkdir d' 'write d/b 12345678'
	commits 'rm a' 'chmod 600 d/b'
	gives 0 commit-txn log
	[ "$(wc -l <"$OUT")" -eq 2 ]
	read -r number id when user files bytes rest <"$OUT"
	[ "$number" -eq 1 ]
	[ -z "$rest" ]
	[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{8}$ ]]
	[ "$(date -d "$when" +%s)" -ge "$before" ]
	[ "$user" = "$(id -un)($(id -u))" ]
	[ "$files" -eq 3 ]
	[ "$bytes" -eq 13 ]
	[ "$(sed -n 2p "$OUT" | cut -d' ' -f1,5,6)" = '2 2 0' ]
	gives 0 commit-txn log -0
	[ "$(tr -cd '\0' <"$OUT" | wc -c)" -eq 2 ]
}

@test "log --json" {
	need_json
	gives 0 commit-txn init --keep=5
	commits 'write a hello'
	gives 0 commit-txn log --json
	[ "$(head -1 "$OUT" | jq -c '[.sequence,.state,.user,.files,.bytes,.kept,.undoes]')" = \
		"[1,\"committed\",$(id -u),1,5,true,null]" ]
	json '.exit == 0'
}

@test "log: bytes of a transaction that was made by several processes" {
	begins
	printf 12345 | commit-txn put "$T" a
	printf 123 | commit-txn put "$T" b
	commit-txn chmod "$T" 600 b
	commit-txn link "$T" a hard
	# what is replaced or removed before the commit does not count
	printf 1234567 | commit-txn put "$T" b
	printf 12 | commit-txn put "$T" c
	commit-txn rm "$T" c
	gives 0 commit-txn commit "$T" -v
	says '12 bytes' '3 files'
	[ "$(commit-txn log | cut -d' ' -f5,6)" = '3 12' ]
}

@test "log: also when the log itself has forgotten it" {
	gives 0 commit-txn init
	commits 'write first 1'
	first=$(ids)
	until_true forgotten "$first"
	[ "$(ids | head -1)" = "$first" ]
	[ "$(commit-txn log | cut -d' ' -f1)" = "$(seq "$(commit-txn log | wc -l)")" ]
}

forgotten() {
	seq 2000 | sed 's/^/symlink target link/' | commit-txn script
	seq 2000 | sed 's/^/rm link/' | commit-txn script
	! commit-txn list -v | grep -q "$1"
}

@test "log: a transaction that is open, or was aborted, is not in it" {
	gives 0 commit-txn init
	begins
	echo x | commit-txn put "$T" a
	begins
	gives 0 commit-txn abort "$T"
	gives 0 commit-txn log
	prints ''
}

@test "log: a commit that is not published to the end is pending" {
	need_faults
	gives 0 commit-txn init
	commits 'write a 1'
	COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script <<<'write a 2' || true
	# what only looks finishes nothing
	gives 0 commit-txn log
	has ' pending'
	[ "$(wc -l <"$OUT")" -eq 2 ]
	holds root/a 1
	gives 0 commit-txn begin
	holds root/a 2
	gives 0 commit-txn log
	[ "$(cut -d' ' -f1 "$OUT")" = "$(seq 2)" ]
}

@test "log: a damaged index costs its end, not the commits that come" {
	gives 0 commit-txn init
	commits 'write a 1'
	commits 'write a 2'
	printf x | dd of=root/.commit/history/index bs=1 seek=200 conv=notrunc status=none
	gives 0 commit-txn log
	[ "$(grep -c . "$OUT")" -le 2 ]
	commits 'write a 3'
	gives 0 commit-txn log
	[ "$(tail -1 "$OUT" | cut -d' ' -f1)" -eq 2 ]
	# what only the log remembers stands where it was made
	[ "$(cut -d' ' -f1 "$OUT" | paste -sd,)" = 1,-,2 ]
}

@test "off by default, and off again with 0" {
	gives 0 commit-txn init
	commits 'write a 1'
	commits 'write a 2'
	[ -z "$(kept)" ]
	gives 0 commit-txn init --keep=5
	commits 'write a 3'
	[ "$(kept | wc -l)" -eq 1 ]
	gives 0 commit-txn init --keep=0
	[ -z "$(kept)" ]
	commits 'write a 4'
	[ -z "$(kept)" ]
}

@test "keep=N: the last N, the oldest goes" {
	gives 0 commit-txn init --keep=2
	for i in 1 2 3 4 5; do
		commits "write a $i"
	done
	[ "$(kept)" = "$(ids | tail -2 | sort)" ]
	[ "$(commit-txn log | grep -c ' kept$')" -eq 2 ]
	gives 0 commit-txn init --keep=1
	[ "$(kept)" = "$(ids | tail -1)" ]
	# and another init leaves that alone
	gives 0 commit-txn init
	commits "write a 6"
	[ "$(kept)" = "$(ids | tail -1)" ]
}

@test "keep=SIZE: the bytes of old versions, not of new ones" {
	head -c 3000 /dev/zero >k3
	head -c 6000 /dev/zero >k6
	gives 0 commit-txn init --keep=8K
	commits "put a $PWD/k3"
	commits "put a $PWD/k6" # keeps 3000
	commits "put a $PWD/k3" # keeps 6000: 9000 are too many
	[ "$(kept)" = "$(ids | tail -1)" ]
	commits "put a $PWD/k3" # keeps 3000
	commits "put a $PWD/k3" # keeps 3000
	[ "$(kept)" = "$(ids | tail -2 | sort)" ]
}

@test "keep=AGE: what is older goes at the next commit" {
	gives 0 commit-txn init --keep=1s
	commits 'write a 1'
	commits 'write a 2'
	[ "$(kept | wc -l)" -eq 2 ]
	until_true older
	commits 'write a 3'
	[ "$(kept)" = "$(ids | tail -1)" ]
}

# the last commit was made two seconds ago or earlier
older() {
	[ "$(($(date +%s) - $(date -d "$(commit-txn log | tail -1 | cut -d' ' -f3)" +%s)))" -ge 2 ]
}

@test "what is kept has no name elsewhere, and stays as it was" {
	gives 0 commit-txn init --keep=5
	commits 'write a one' 'link a b' 'write c two'
	ln root/c c.outside
	commits 'write a new' 'rm c'
	# through the names that are left both inodes can be written to
	echo changed >root/b
	echo changed >c.outside
	dir=root/.commit/history/$(ids | tail -1)
	[ -z "$(find "$dir" -type f -links +1)" ]
	[ -z "$(find "$dir" \( -samefile root/b -o -samefile c.outside \))" ]
	grep -rqx one "$dir"
	grep -rqx two "$dir"
}

@test "a stage that was never used, or was copied, does not come along" {
	gives 0 commit-txn init --keep=5
	commits 'write a one' 'write b keep'
	begins
	echo unused | commit-txn put "$T" a
	echo used | commit-txn put "$T" a
	commit-txn link "$T" b b2
	commit-txn rm "$T" b2
	gives 0 commit-txn commit "$T"
	dir=root/.commit/history/$T
	[ "$(find "$dir" -type f | wc -l)" -eq 2 ]
	[ -f "$dir/steps" ]
	[ -z "$(find "$dir" -samefile root/b)" ]
}

@test "no room for history: the commit is made, and said to be without" {
	need_faults
	gives 0 commit-txn init --keep=5
	commits 'write a one'
	# one of the files that are made is the list of steps
	met=
	for n in 1 2 3 4 5 6 7 8; do
		COMMIT_FAULT=$n:ENOSPC:create COMMIT_FAULT_LOG=fired \
			"$LC_FAULT_BIN/commit-txn" script <<<'write a two' >"$OUT" 2>"$ERR" || continue
		grep -q ^fired fired || break
		says 'no undo'
		holds root/a two
		# one without its steps is not kept
		[ ! -e "root/.commit/history/$(ids | tail -1)" ]
		met=$n
		break
	done
	[ -n "$met" ]
}

# The state of everything: which of the trees, and whether history agrees
@test "kill -9 at every call of a commit that keeps" {
	need_faults
	swiftly
	local n=0 news=0 olds=0
	while :; do
		n=$((n + ${LC_EVERY:-1}))
		rm -rf root fired
		mkdir root
		commit-txn init --keep=2
		printf '%s\n' 'write a 1' 'write c 1' 'link c c2' 'mkdir d' 'write d/x 1' |
			commit-txn script
		printf '%s\n' 'write b 2' | commit-txn script
		old=$(tree root)
		killed_commit "$n" && break
		commit-recover -q --repaired-ok root >/dev/null
		entries=$(commit-txn log | wc -l)
		idle
		# half of a history is none
		for dir in root/.commit/history/[0-9a-f]*-*/; do
			[ -f "$dir/steps" ]
		done
		if [ "$(tree root)" = "$old" ]; then
			olds=$((olds + 1))
			[ "$entries" -eq 2 ]
		else
			news=$((news + 1))
			holds root/a 3
			[ "$entries" -eq 3 ]
			# the oldest may be there until the next commit
			[ -z "$(comm -13 <(kept) <(ids | tail -2 | sort))" ]
			gives 0 commit-txn undo "$(ids | tail -1)"
			[ "$(tree root)" = "$old" ]
		fi
		commits 'write b 4'
		[ "$(kept)" = "$(ids | tail -2 | sort)" ]
		commits 'write b 5'
		[ "$(kept)" = "$(ids | tail -2 | sort)" ]
		[ -z "$(find root/.commit/history -name 'gone-*')" ]
	done
	echo "# $n calls, $olds old, $news new" >&3
	((olds * ${LC_EVERY:-1} > 30))
	((news * ${LC_EVERY:-1} > 20))
}

# killed_commit N: true once N is beyond the last call
killed_commit() {
	printf '%s\n' 'write a 3' 'write c 3' 'rm d/x' 'rmdir d' 'chmod 600 b' 'mv b e' 'write n 3' \
		>operations
	{ COMMIT_FAULT=$1:kill "$LC_FAULT_BIN/commit-txn" script <operations; } 2>/dev/null
}

# flushed FILE...: each, by its own descriptor, before the flush of the complete record
flushed() {
	local file last
	last=$(grep -n ' fdatasync ' trace | tail -1 | cut -d: -f1)
	for file; do
		sed -n "1,${last}p" trace | awk '/ exchange / { p = 1 } p' |
			grep -qE "^call [0-9]+ fsync $(stat -c %i "$file") " && continue
		echo "$file is not flushed between publishing and the complete record"
		cat trace
		return 1
	done
}

@test "where syncfs is not believed history is flushed before it is needed" {
	need_faults
	gives 0 commit-txn init --keep=5
	echo a >root/a
	echo b >root/b
	ln root/b other
	export COMMIT_FAULT_TRACE=trace
	printf '%s\n' 'write a new' 'rm b' >ops
	COMMIT_FAULT=1:ENOSYS:forever:fstype "$LC_FAULT_BIN/commit-txn" script <ops
	old=root/.commit/history/$(kept)
	[ -e "$old/copy-out-0" ]
	flushed "$old" "$old/steps" "$old/copy-out-0" "$old/in-0" root/.commit/history/index \
		root/.commit/history root/.commit
	# with nothing kept, the index still; and where one syncfs does for all, none of it
	commit-txn init --keep=0
	rm trace
	printf '%s\n' 'write a newer' >ops
	COMMIT_FAULT=1:ENOSYS:forever:fstype "$LC_FAULT_BIN/commit-txn" script <ops
	flushed root/.commit/history/index
	commit-txn init --keep=5
	rm trace
	printf '%s\n' 'write a newest' >ops
	"$LC_FAULT_BIN/commit-txn" script <ops
	[ "$(grep -c ' fsync ' trace)" -eq 0 ]
	grep -q ' syncfs ' trace
}

@test "history that could not be flushed is waited for" {
	need_faults
	gives 0 commit-txn init --keep=5
	echo a >root/a
	printf '%s\n' 'write a new' >ops
	rm -f trace
	# which of the flushes by descriptor is that of the index
	COMMIT_FAULT_TRACE=trace COMMIT_FAULT=1:ENOSYS:forever:fstype \
		"$LC_FAULT_BIN/commit-txn" script <ops
	n=$(awk -v file="$(stat -c %i root/.commit/history/index)" \
		'$3 == "fsync" { n++; if ($4 == file) print n }' trace)
	[ -n "$n" ]
	printf '%s\n' 'write a newer' >ops
	gives 3 env COMMIT_FAULT="1:ENOSYS:forever:fstype,$n:EIO:once:fsync" \
		"$LC_FAULT_BIN/commit-txn" script <ops
	says 'the flush failed'
	gives 3 commit-recover root
	holds root/a newer
}
