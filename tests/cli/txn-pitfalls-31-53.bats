#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The pitfalls that transactions and their recovery have, 31 to 53. Each guard
# against one was removed once, and the test named after the pitfall failed:
# tests/mutants.

# shellcheck disable=SC2030,SC2031 # T is local to a test, and is meant to be
# shellcheck disable=SC2034 # the helper reads PIDS
# shellcheck disable=SC2016 # commands expand their own variables

load txn-helper

setup() {
	scratch
	need_faults
	PATH=$LC_FAULT_BIN:$PATH
	export COMMIT_ROOT=$ROOT/w/root
	log=$ROOT/log
	fill
}
teardown() { sweep; }

fill() {
	mkdir root/d
	echo a >root/a
	echo b >root/b
	echo x >root/d/x
	echo new >new
	commit-txn init
}

# many_commits: the same tree again, where they take less time
many_commits() {
	swiftly
	[ -z "$SWIFT" ] || fill
}

# script STATUS FAULT LINE...: a transaction of these operations; the fault must fire
script() {
	local want=$1 fault=$2
	shift 2
	rm -f "$log"
	printf '%s\n' "$@" >ops
	COMMIT_FAULT=$fault COMMIT_FAULT_LOG=$log gives "$want" commit-txn script --wait=0 <ops
	[ -z "$fault" ] || grep -q '^fired' "$log" || { echo "$fault never fired"; return 1; }
}

# traced LINE...: the same without a fault, its calls in the file trace
traced() {
	rm -f trace
	printf '%s\n' "$@" | COMMIT_FAULT_TRACE=trace gives 0 commit-txn script
}

# line PATTERN [last]: number of the first (last) such call, or of none 0
line() {
	grep -nE "^call [0-9]+ ($1)" trace | if [ "${2-}" = last ]; then tail -n 1; else head -n 1; fi |
		cut -d : -f 1 | grep . || echo 0
}

# in_order N...: each is there, and behind the one before
in_order() {
	local last=0 next
	for next; do
		[ "$next" -gt "$last" ] || { echo "not in this order: $*"; cat trace; return 1; }
		last=$next
	done
}

recovers() { gives "${1:-10}" commit-recover root; }

# whole TREE: root is as the directory TREE, and nothing is left
whole() {
	same "$1" root && idle
}

# 31. rename between two links of one inode

@test "pitfall 31: a move onto another name of the same file removes the old name" {
	ln root/a root/l
	script 0 '' 'mv a l'
	[ ! -e root/a ]
	holds root/l 'a\n'
	[ "$(stat -c %h root/l)" = 1 ]
	idle
}

@test "pitfall 31: so does one that was killed on the way" {
	for call in 1:kill:once:rename 1:kill:once:unlink 2:kill:once:unlink; do
		echo a >root/a
		ln -f root/a root/l
		script 137 "$call" 'mv a l'
		recovers
		[ ! -e root/a ]
		holds root/l 'a\n'
		[ "$(stat -c %h root/l)" = 1 ]
		idle
	done
}

@test "pitfall 31: nor is a name lost that somebody else has made of it meanwhile" {
	script 137 1:kill:once:noreplace 'link a n'
	ln root/a root/n
	recovers
	[ root/a -ef root/n ]
	[ "$(stat -c %h root/a)" = 2 ]
	idle
}

@test "pitfall 31: nor is one that takes the place of another, published and then killed" {
	ln root/a root/l
	cp -a root want
	rm -r want/.commit
	mv want/a want/t
	mv want/l want/a
	script 137 2:kill:once:syncfs 'mv a t' 'mv l a'
	recovers
	whole want
	[ root/a -ef root/t ]
}

# 32. never unlink before a rename

@test "pitfall 32: nothing is unlinked before the last rename" {
	traced 'put a new' 'mv b n' 'rm d/x' 'rmdir d'
	in_order "$(line 'rename|exchange|noreplace' last)" "$(line 'unlink|rmdir')"
}

@test "pitfall 32: nor where names cannot be exchanged" {
	rm -f trace
	printf 'put a new\n' | COMMIT_FAULT=1:EINVAL:forever:exchange COMMIT_FAULT_TRACE=trace \
		gives 0 commit-txn script
	holds root/a 'new\n'
	in_order "$(line 'exchange')" "$(line 'rename' last)" "$(line 'unlink|rmdir')"
}

@test "pitfall 32: a file that is put anew is there at every moment" {
	local n=1
	many_commits
	while :; do
		printf 'put a new\n' >ops
		COMMIT_FAULT=$n:kill COMMIT_FAULT_LOG=$log commit-txn script <ops 2>/dev/null && break
		[ -s root/a ] || { echo "there is no file when killed at call $n"; return 1; }
		n=$((n + ${LC_EVERY:-1}))
	done
	[ "$n" -gt 60 ]
}

@test "pitfall 32: so is one that is moved, under one name or the other" {
	local n=1
	while :; do
		printf 'mv d/x n\n' >ops
		COMMIT_FAULT=$n:kill:once:noreplace commit-txn script <ops 2>/dev/null && break
		[ -s root/d/x ] || [ -s root/n ] || { echo "neither is there when killed at $n"; return 1; }
		recovers
		mv root/n root/d/x
		n=$((n + 1))
	done
	[ "$n" -gt 1 ]
}

# 33. everything a COMMIT names is flushed before it

@test "pitfall 33: staged content is flushed before the commit record, that before the renames" {
	local exchange written
	traced 'put a new' 'put n new'
	exchange=$(line 'exchange|noreplace')
	written=$(head -n "$exchange" trace | grep -nE '^call [0-9]+ pwrite' | tail -n 1 | cut -d : -f 1)
	in_order "$(line 'create [0-9]+ in-' last)" "$(line syncfs)" "$written" \
		"$(head -n "$exchange" trace | grep -nE '^call [0-9]+ f(data)?sync' | tail -n 1 | cut -d : -f 1)" \
		"$exchange"
}

@test "pitfall 33: if that flush fails nothing is committed" {
	cp -a root old
	script 1 1:EIO:once:syncfs 'put a new' 'put n new'
	says EIO
	whole old
	recovers 0
}

@test "pitfall 33: a put of a process of its own is flushed before it ends, or poisons" {
	begins
	rm -f trace
	COMMIT_FAULT_TRACE=trace gives 0 commit-txn put "$T" a --from=new
	in_order "$(line create)" "$(line fsync last)" "$(line pwrite last)" "$(line fdatasync last)"
	COMMIT_FAULT=1:EIO:once:fsync gives 1 commit-txn put "$T" b --from=new
	gives 1 commit-txn commit "$T"
	holds root/a 'a\n'
}

# Where one flush does not do for a whole file system, or nobody knows whether it does
unsynced=1:ENOSYS:forever:fstype

# flushed FIRST LAST FILE...: each is, between these lines of the trace
flushed() {
	local first=$1 last=$2 file
	shift 2
	for file; do
		sed -n "$first,${last}p" trace | grep -qE "^call [0-9]+ fsync $(stat -c %i "$file") " && continue
		echo "$file is not flushed between the lines $first and $last"
		cat trace
		return 1
	done
}

@test "pitfall 33: where one flush does not do for all, each file and directory is flushed" {
	local stage
	rm -f trace
	printf 'put a new\nmkdir n\nput n/f new\n' >ops
	COMMIT_FAULT=$unsynced COMMIT_FAULT_TRACE=trace gives 0 commit-txn script <ops
	flushed 1 "$(line 'exchange|noreplace')" root/a root/n root/n/f root/.commit/stage
	# the directory that the files were made in
	stage=$(sed -n 's/^call [0-9]* create \([0-9]*\) in-0$/\1/p' trace)
	in_order "$(line 'mkdir [0-9]+ in-' last)" "$(line "fsync $stage")" "$(line 'exchange|noreplace')"
}

# 34. a torn tail hides nothing before it

segment() { find root/.commit/log -name 'segment-*' | sort | tail -n 1; }

# The bytes up to and with the last one that is not zero
used() { cmp -l "$1" /dev/zero 2>/dev/null | tail -n 1 | awk '{ print $1 }'; }

@test "pitfall 34: what a power cut left behind the commit does not hide it" {
	local file
	for tail in 1 40 5000; do
		echo a >root/a
		script 137 1:kill:once:exchange 'put a new' 'put n new'
		file=$(segment)
		head -c "$tail" /dev/urandom |
			dd of="$file" bs=1 seek="$(($(used "$file") + 8))" conv=notrunc status=none
		recovers
		holds root/a 'new\n'
		holds root/n 'new\n'
		idle
		rm root/n
	done
}

# 35. a failed COMMIT flush is "unknown"

@test "pitfall 35: a failed flush of the commit record is said to be undecided" {
	local n fired
	fired=0
	for n in 1 2 3 4 5 6; do
		rm -rf root
		mkdir root
		echo a >root/a
		commit-txn init
		rm -f trace "$log"
		printf 'put a new\nput n new\n' >ops
		got=0
		COMMIT_FAULT=$n:EIO:once:fdatasync COMMIT_FAULT_LOG=$log \
			commit-txn script <ops >"$OUT" 2>"$ERR" || got=$?
		grep -q '^fired' "$log" || break
		case $got in
		6) fired=1; says 'commit-recover decides' ;;
		1) holds root/a 'a\n' ;;
		3) holds root/a 'new\n' ;;
		*) echo "exit $got"; return 1 ;;
		esac
		gives 0 commit-recover --repaired-ok root
		cp -a root first
		recovers 0
		same first root
		if [ "$(cat root/a)" = new ]; then
			holds root/n 'new\n'
		else
			holds root/a 'a\n'
			[ ! -e root/n ]
		fi
		rm -r first
		idle
	done
	[ "$fired" = 1 ]
}

@test "pitfall 35: and nothing of it is published before that is known" {
	cp -a root old
	traced 'put a new'
	n=$(head -n "$(line exchange)" trace | grep -cE '^call [0-9]+ fdatasync')
	echo a >root/a
	cp -a root/. old/
	rm -r old/.commit
	script 6 "$n:EIO:once:fdatasync" 'put a new' 'put n new'
	same old root
}

# 36. recovery matches identity, not existence

@test "pitfall 36: what stands at a path is told from ours by what it is, not that it is there" {
	script 137 1:kill:once:exchange 'put a new' 'put n new'
	echo theirs >root/theirs
	mv root/theirs root/a
	recovers 11
	holds root/a 'theirs\n'
	[ ! -e root/n ]
	recovers 11
}

@test "pitfall 36: what was published before the crash, and changed then, is not published again" {
	# all is done but for the record that says so
	script 137 2:kill:once:syncfs 'put a new' 'put n new'
	echo theirs >root/a
	recovers
	holds root/a 'theirs\n'
	holds root/n 'new\n'
	idle
}

# 37. killed at any call, recovery converges; depth two

@test "pitfall 37: killed, and killed again while it recovers, the tree is old or new" {
	local n m=1 status
	many_commits
	mkdir want
	cp -a root/. want
	rm -r want/.commit
	cp new want/a
	mv want/b want/n
	rm want/d/x
	rmdir want/d
	mkdir old
	cp -a root/. old
	rm -r old/.commit
	n=1
	while :; do
		rm -rf root
		mkdir root
		cp -a old/. root
		commit-txn init
		printf 'put a new\nmv b n\nrm d/x\nrmdir d\n' >ops
		COMMIT_FAULT=$n:kill commit-txn script <ops 2>/dev/null && break
		COMMIT_FAULT=$m:kill commit-recover root >/dev/null 2>&1 || true
		COMMIT_FAULT=$((m / 2)):kill commit-recover root >/dev/null 2>&1 || true
		gives 0 commit-recover --repaired-ok root
		same old root >/dev/null || same want root || { echo "killed at $n, $m"; return 1; }
		idle
		n=$((n + 3 * ${LC_EVERY:-1}))
		m=$((m * 5 % 83 + 1))
	done
	[ "$n" -gt 60 ]
}

@test "pitfall 37: what is finished is finished once" {
	script 0 '' 'put a new'
	recovers 0
	script 137 1:kill:once:exchange 'put b new'
	recovers
	recovers 0
	recovers 0
}

# 38. swaps, cycles, a directory into its own new child; 39. files and directories

# each_kill CALL LINE...: killed at each call of that name; afterwards root is as want
each_kill() {
	local call=$1 n=1
	shift
	cp -a root before
	rm -r before/.commit
	printf '%s\n' "$@" >ops
	while :; do
		rm -rf root
		mkdir root
		cp -a before/. root
		commit-txn init
		COMMIT_FAULT=$n:kill:once:$call commit-txn script <ops 2>/dev/null && break
		recovers
		whole want || { echo "killed at $call $n"; return 1; }
		n=$((n + 1))
	done
	whole want
	[ "$n" -gt 1 ]
}

@test "pitfall 38: two files swapped, killed at each rename" {
	cp -a root want
	rm -r want/.commit
	mv want/a want/t
	mv want/b want/a
	mv want/t want/b
	each_kill rename 'mv a t' 'mv b a' 'mv t b'
	rm -rf root before
	mkdir root
	echo a >root/a
	echo b >root/b
	mkdir root/d
	echo x >root/d/x
	commit-txn init
	each_kill noreplace 'mv a t' 'mv b a' 'mv t b'
}

@test "pitfall 38: a cycle of three, killed at each rename" {
	cp -a root want
	rm -r want/.commit
	mv want/a want/t
	mv want/b want/a
	mv want/d/x want/b
	mv want/t want/d/x
	each_kill rename 'mv a t' 'mv b a' 'mv d/x b' 'mv t d/x'
}

@test "pitfall 38: a directory into its own new child, killed at each rename" {
	cp -a root want
	rm -r want/.commit
	mv want/d want/t
	mkdir want/d
	mv want/t want/d/in
	each_kill noreplace 'mv d t' 'mkdir d' 'mv t d/in'
}

@test "pitfall 38: a directory into itself is refused" {
	cp -a root old
	script 1 '' 'put a new' 'mv d d/in'
	says 'into itself'
	whole old
}

@test "pitfall 39: a file becomes a directory, and a directory a file" {
	cp -a root want
	rm -r want/.commit want/a want/d
	mkdir want/a
	cp new want/a/n
	cp new want/d
	each_kill noreplace 'rm a' 'mkdir a' 'put a/n new' 'rm d/x' 'rmdir d' 'put d new'
	rm -rf root before
	mkdir root
	cp -a want/. root
	commit-txn init
	rm -rf want/a want/d
	mkdir want/d
	cp new want/d/x
	cp new want/a
	each_kill rename 'rm a/n' 'rmdir a' 'put a new' 'rm d' 'mkdir d' 'put d/x new'
}

@test "pitfall 39: a file does not take the place of a directory that was not removed" {
	cp -a root old
	for line in 'put d new' 'mv a d'; do
		script 1 '' 'put b new' "$line"
		says EISDIR
		whole old
	done
}

# 40. both parents of a move are flushed; so are new ancestors

@test "pitfall 40: what was renamed is flushed before the commit is called complete" {
	mkdir root/e
	traced 'mv d/x e/y' 'mkdir n' 'mkdir n/m' 'put n/m/f new'
	in_order "$(line 'rename|noreplace' last)" "$(line syncfs last)" "$(line pwrite last)" \
		"$(line fdatasync last)" "$(line unlink)"
}

@test "pitfall 40: if that flush fails it is committed, and finish is pending" {
	script 3 2:EIO:once:syncfs 'mv d/x y' 'put a new'
	holds root/y 'x\n'
	holds root/a 'new\n'
}

@test "pitfall 40: where one flush does not do for all, both parents and new ancestors are" {
	mkdir root/e
	rm -f trace
	printf 'mv d/x e/y\nmkdir n\nmkdir n/m\nput n/m/f new\n' >ops
	COMMIT_FAULT=$unsynced COMMIT_FAULT_TRACE=trace gives 0 commit-txn script <ops
	flushed "$(line 'rename|exchange|noreplace' last)" "$(line fdatasync last)" \
		root root/d root/e root/n root/n/m
}

# 41. directory-only chmod

@test "pitfall 41: a transaction that only changes metadata of a directory commits" {
	script 0 '' 'chmod 711 d'
	[ "$(mode root/d)" = 711 ]
	idle
	script 137 1:kill:once:chmod 'chmod 700 d' 'chmod 600 a'
	[ "$(mode root/d)" = 711 ]
	recovers
	[ "$(mode root/d)" = 700 ]
	[ "$(mode root/a)" = 600 ]
	idle
}

@test "pitfall 41: metadata are for the object that they were meant for" {
	script 137 1:kill:once:exchange 'put a new' 'chmod 600 b' 'chmod 700 d'
	echo theirs >root/t
	mv root/t root/b
	cp -a root edited
	recovers 11
	same edited root
}

# 42. hard-link groups of an archive

@test "pitfall 42: names of one file in an archive are names of one file afterwards" {
	need_archive
	mkdir src src/d
	echo one >src/1
	ln src/1 src/d/2
	ln src/1 src/3
	echo other >src/4
	tar -C src -cf a.tar .
	gives 0 commit-txn apply a.tar
	[ root/1 -ef root/d/2 ]
	[ root/1 -ef root/3 ]
	[ ! root/1 -ef root/4 ]
	[ "$(stat -c %h root/1)" = 3 ]
	# and when they replace others
	gives 0 commit-txn apply a.tar
	[ root/1 -ef root/d/2 ]
	[ "$(stat -c %h root/1)" = 3 ]
}

# 43. edits made by others since begin

@test "pitfall 43: an edit by somebody else is found before anything is renamed" {
	begins
	gives 0 commit-txn put "$T" a --from=new
	gives 0 commit-txn put "$T" b --from=new
	gives 0 commit-txn rm "$T" d/x
	echo theirs >root/b
	cp -a root edited
	gives 4 commit-txn commit "$T"
	says b
	same edited root
}

@test "pitfall 43: also one that keeps name and length, or removes, or creates" {
	for edit in 'echo B >b' 'rm b' 'rm b; mkdir b' 'echo n >n' 'echo y >y; mv y b'; do
		rm -rf root/b root/n
		echo b >root/b
		begins
		gives 0 commit-txn put "$T" a --from=new
		gives 0 commit-txn put "$T" b --from=new
		gives 0 commit-txn put "$T" n --from=new
		(cd root && sh -c "$edit")
		rm -rf edited
		cp -a root edited
		gives 4 commit-txn commit "$T" || { echo "$edit"; return 1; }
		same edited root
		gives 0 commit-txn abort "$T"
	done
}

@test "pitfall 43: after a crash too, before the first rename of the recovery" {
	for edit in 'echo theirs >b' 'rm b; mkdir b' 'echo theirs >n'; do
		rm -rf root
		mkdir root
		echo a >root/a
		echo b >root/b
		commit-txn init
		script 137 1:kill:once:exchange 'put a new' 'put b new' 'put n new'
		(cd root && sh -c "$edit")
		rm -rf edited
		cp -a root edited
		recovers 11
		same edited root
		# whoever wants to commit is told too
		script 11 '' 'put other new'
		same edited root
	done
}

@test "pitfall 43: also a name that somebody has made in a directory on its way" {
	for call in rename noreplace; do
		rm -rf root
		mkdir root root/c
		echo c >root/c/x
		echo a >root/a
		commit-txn init
		script 137 1:kill:once:$call 'mv c d' 'put d/n new' 'put c new' 'put a new'
		dir=root/c
		[ -d root/c ] || dir=$(echo root/.commit/stage/*/out-0)
		echo theirs >"$dir/n"
		rm -rf edited
		cp -a root edited
		recovers 11
		same edited root
	done
}

@test "pitfall 43: what somebody puts into a directory that is to go" {
	local line
	for line in 'rmdir d' 'put d new'; do
		rm -rf root edited
		mkdir -p root/d
		echo a >root/a
		echo x >root/d/x
		commit-txn init
		begins
		gives 0 commit-txn put "$T" a --from=new
		gives 0 commit-txn rm "$T" d/x
		gives 0 commit-txn rmdir "$T" d
		[ "$line" = 'rmdir d' ] || gives 0 commit-txn put "$T" d --from=new
		echo theirs >root/d/n
		cp -a root edited
		gives 4 commit-txn commit "$T"
		says d 'somebody else'
		same edited root
		gives 0 commit-txn abort "$T"
	done
}

@test "pitfall 43: a directory that somebody has removed, after a crash" {
	mkdir root/e
	script 137 1:kill:once:exchange 'put a new' 'put e/n new'
	rmdir root/e
	cp -a root edited
	recovers 11
	same edited root
}

# 44. stale staging never shadows new data

@test "pitfall 44: what a dead transaction has staged is not published by a later one" {
	script 137 1:kill:once:syncfs 'put a new' 'put n new'
	echo newer >newer
	script 0 '' 'put a newer'
	holds root/a 'newer\n'
	[ ! -e root/n ]
	idle
	recovers 0
	holds root/a 'newer\n'
}

@test "pitfall 44: an older transaction does not put its old data over newer" {
	begins
	gives 0 commit-txn put "$T" a --from=new
	echo newer >newer
	script 0 '' 'put a newer'
	gives 4 commit-txn commit "$T"
	holds root/a 'newer\n'
}

@test "pitfall 44: nor does what a put has left that was killed" {
	begins
	# its file is there, and no operation that names it
	gives 137 env COMMIT_FAULT=1:kill:once:fsync "$LC_FAULT_BIN/commit-txn" put "$T" a --from=new
	gives 0 commit-txn put "$T" a -- echo newer
	gives 0 commit-txn commit "$T"
	holds root/a 'newer\n'
	idle
}

@test "pitfall 44: nor what of an operation was written before it was killed" {
	begins
	gives 0 commit-txn put "$T" b --from=new
	printf 'torn, and no operation' >>"root/.commit/stage/$T/ops"
	gives 0 commit-txn put "$T" a -- echo newer
	gives 0 commit-txn commit "$T"
	holds root/a 'newer\n'
	holds root/b 'new\n'
}

# 45. names

@test "pitfall 45: newlines, invalid UTF-8, leading dashes, 255 bytes" {
	local long name
	long=$(head -c 255 /dev/zero | tr '\0' l)
	for name in "$(printf 'new\nline')" "$(printf 'no\377utf\200')" -dash --dash "$long" ' ' "\\" '"'; do
		begins
		gives 0 commit-txn put --from=new -- "$T" "$name"
		gives 0 commit-txn mkdir -- "$T" "d/$name"
		gives 0 commit-txn commit "$T"
		holds "root/$name" 'new\n'
		[ -d "root/d/$name" ]
		begins
		gives 0 commit-txn mv -- "$T" "$name" "d/$name/f"
		gives 137 env COMMIT_FAULT=1:kill:once:noreplace "$LC_FAULT_BIN/commit-txn" commit "$T"
		recovers
		holds "root/d/$name/f" 'new\n'
		idle
	done
	begins
	gives 1 commit-txn put --from=new -- "$T" "${long}l"
	says EINVAL || says ENAMETOOLONG
}

@test "pitfall 45: what is not UTF-8 is told as bytes" {
	need_json
	begins
	gives 0 commit-txn put --from=new "$T" "$(printf 'no\377utf')"
	gives 0 commit-txn status --json "$T"
	[ "$(head -n 1 "$OUT" | jq -r .path.bytes)" = bm//dXRm ]
}

@test "pitfall 45: paths of up to 4095 bytes" {
	local part path i
	part=$(head -c 250 /dev/zero | tr '\0' p)
	path=$part
	printf 'mkdir %s\n' "$path" >ops
	for i in 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		path=$path/$part
		printf 'mkdir %s\n' "$path" >>ops
	done
	printf 'put %s/f new\nput a new\n' "$path" >>ops
	gives 0 commit-txn script <ops
	path=$path/f
	[ "${#path}" -gt 3700 ]
	(cd "root/${path%/*}" && [ "$(cat f)" = new ])
	begins
	path=${path%/f}/$part/$part/$part
	[ "${#path}" -gt 4096 ]
	gives 1 commit-txn mkdir "$T" "$path"
	says EINVAL || says ENAMETOOLONG
	idle || gives 0 commit-txn abort "$T"
}

# 46. archives: see commit-txn-hostile.bats, which has many

@test "pitfall 46: an archive that wants out is refused whole, and the entry named" {
	need_archive
	mkdir src
	echo bad >src/bad
	echo good >src/good
	tar -C src -cf a.tar --transform='s,bad,../out,' -P good bad
	cp -a root old
	gives 4 commit-txn apply a.tar
	says ../out
	[ ! -e out ]
	whole old
}

# 47. space is reserved before COMMIT

@test "pitfall 47: where room ends, it ends before the commit" {
	need_root
	unshare -m true 2>/dev/null || skip 'may not make a mount namespace'
	unshare -m sh -c '
		mount -t tmpfs -o size=2m none root || exit 99
		mkdir root/old
		i=0
		while [ $i -lt 40 ]; do echo $i >root/old/$i; i=$((i + 1)); done
		commit-txn init || exit 98
		fill=2000
		while [ $fill -gt 0 ]; do
			# one page after the other is left free
			rm -f root/fill
			head -c 4000000 /dev/zero >root/fill 2>/dev/null
			truncate -s -$(((2000 - fill) * 500)) root/fill
			i=0
			: >ops
			while [ $i -lt 40 ]; do
				printf "put old/%s new\nput new%s new\n" $i $i >>ops
				i=$((i + 1))
			done
			commit-txn script <ops >/dev/null 2>err
			status=$?
			left=$(find root -maxdepth 1 -name "new*" | wc -l)
			case $status/$left in
			0/40) exit 0 ;;
			1/0) grep -q ENOSPC err || { cat err; exit 97; } ;;
			*) echo "exit $status, $left files, fill $fill"; cat err; exit 96 ;;
			esac
			fill=$((fill - 40))
		done
		exit 95'
}

@test "pitfall 47: a log that cannot grow is a failure, not a commit" {
	cp -a root old
	for call in pwrite create; do
		script 1 "1:ENOSPC:forever:$call" 'put a new'
		says ENOSPC
		whole old
	done
}

@test "pitfall 47: the right to change a directory is asked for before the commit" {
	need_user
	mkdir root/closed
	echo c >root/closed/c
	chown -R 65534:65534 root
	chown root root/closed
	chmod 755 root/closed
	chmod 644 new
	cp -a root old
	for line in 'put closed/n new' 'rm closed/c' 'mv closed/c c'; do
		printf 'put a new\n%s\n' "$line" >ops
		chmod 644 ops
		gives 1 as_user commit-txn script <ops
		says 'no right to change'
		whole old
	done
}

# 48. two transactions on one path

@test "pitfall 48: of two transactions on one path the second is told" {
	begins
	first=$T
	begins
	gives 0 commit-txn put "$first" a -- echo first
	gives 0 commit-txn put "$T" a -- echo second
	gives 0 commit-txn put "$T" b -- echo second
	gives 0 commit-txn commit "$first"
	gives 4 commit-txn commit "$T"
	says a 'somebody else'
	holds root/a 'first\n'
	holds root/b 'b\n'
}

# 49. bit flip inside the log with good records behind

@test "pitfall 49: damage inside the log is exit 11, and nothing is dropped" {
	local file sum
	script 0 '' 'put a new'
	script 137 1:kill:once:exchange 'put b new'
	file=$(segment)
	sum=$(used "$file")
	# inside the first transaction, which is complete
	printf '\377\377' | dd of="$file" bs=1 seek=$((sum / 3)) conv=notrunc status=none
	cp -a root damaged
	recovers 11
	says damaged
	script 11 '' 'put d/x new'
	same damaged root
	cmp "$file" "damaged/${file#root/}"
}

# 50. recovery by root in a store owned by another user

@test "pitfall 50: root leaves the store of another user alone, unless it is told to be that user" {
	need_user
	chown -R 65534:65534 root
	printf 'put a new\nput n new\n' >ops
	chmod 644 ops new
	gives 137 as_user env COMMIT_FAULT=1:kill:once:exchange "$LC_FAULT_BIN/commit-txn" script <ops
	commit-recover root >"$OUT" 2>"$ERR" || true
	holds root/a 'a\n'
	[ ! -e root/n ]
	gives 1 commit-txn script <ops
	says 'another user'
	gives 10 commit-recover --as-owner root
	holds root/a 'new\n'
	holds root/n 'new\n'
	[ "$(stat -c %u root/n)" = 65534 ]
	idle
}

@test "pitfall 50: and what it does then it does with that user's rights" {
	need_user
	mkdir root/mine
	chown -R 65534:65534 root
	printf 'put a new\nput mine/n new\n' >ops
	chmod 644 ops new
	gives 137 as_user env COMMIT_FAULT=1:kill:once:exchange "$LC_FAULT_BIN/commit-txn" script <ops
	# what the user could not do, recovery for the user cannot
	chown 0:0 root/mine
	chmod 755 root/mine
	commit-recover --as-owner root >"$OUT" 2>"$ERR" || true
	[ ! -e root/mine/n ]
}

@test "pitfall 50: nor with the rights of root's groups" {
	need_user
	mkdir root/mine
	chown -R 65534:65534 root
	printf 'put a new\nput mine/n new\n' >ops
	chmod 644 ops new
	gives 137 as_user env COMMIT_FAULT=1:kill:once:exchange "$LC_FAULT_BIN/commit-txn" script <ops
	chown 0:0 root/mine
	chmod 775 root/mine
	commit-recover --as-owner root >"$OUT" 2>"$ERR" || true
	[ ! -e root/mine/n ]
}

# 51. what is dead and what lives

@test "pitfall 51: a live transaction is left alone, a dead one is not" {
	# of a process that lives
	mkfifo in
	commit-txn script <in >"$OUT" 2>&1 3>&- &
	PIDS=$!
	exec 8>in
	echo 'put a new' >&8
	until_true sh -c 'ls root/.commit/stage/*/in-0 >/dev/null 2>&1'
	recovers 0
	echo 'put b new' >&8
	exec 8>&-
	wait $!
	holds root/a 'new\n'
	holds root/b 'new\n'
	# one that nobody holds, and that has time
	begins
	gives 0 commit-txn put "$T" a -- echo later
	recovers 0
	gives 0 commit-txn commit "$T"
	holds root/a 'later\n'
}

@test "pitfall 51: age, and the end of its owner, end a transaction" {
	T=$(commit-txn begin --ttl=0s)
	sleep 1.1
	recovers
	gives 1 commit-txn commit "$T"
	sleep 60 3>&- &
	PIDS=$!
	T=$(commit-txn begin --owner=$!)
	recovers 0
	gives 0 commit-txn put "$T" a -- echo x
	kill $!
	wait $! || true
	recovers
	gives 1 commit-txn commit "$T"
	holds root/a 'a\n'
}

@test "pitfall 51: an owner is known by more than its number, and lives in this boot" {
	local info
	sleep 60 3>&- &
	PIDS=$!
	for edit in "s/^owner $PIDS .*/owner $PIDS 1/" 's/^boot [0-9]*/boot 12345/'; do
		T=$(commit-txn begin --owner=$PIDS)
		recovers 0
		info=root/.commit/stage/$T/info
		sed -i "$edit" "$info"
		grep -q -e " 1$" -e 'boot 12345' "$info"
		recovers
		[ ! -e "$info" ]
	done
}

# 52. log full

@test "pitfall 52: a transaction larger than a segment of the log is committed, killed or not" {
	local i
	many_commits
	for i in $(seq 1500); do
		printf 'put f%s-%s new\n' "$i" "$(printf '%0200d' "$i")"
	done >ops
	gives 137 env COMMIT_FAULT=700:kill:once:noreplace commit-txn script <ops
	recovers
	[ "$(find root -maxdepth 1 -name 'f*' | wc -l)" = 1500 ]
	idle
}

@test "pitfall 52: the log does not grow with the number of transactions" {
	local dir i part size
	many_commits
	part=$(printf 'p%.0s' {1..250})
	dir=$part/$part/$part/$part/$part/$part/$part/$part
	mkdir -p "root/$dir"
	# two kilobytes each
	for i in $(seq 100); do echo "put $dir/$i new"; done >puts
	for i in $(seq 100); do echo "rm $dir/$i"; done >removes
	for i in $(seq 20); do
		gives 0 commit-txn script <puts
		gives 0 commit-txn script <removes
	done
	size=$(du -sk root/.commit/log | cut -f 1)
	echo "$size kilobytes"
	[ "$size" -lt 4096 ]
}

# 53. clock set back

# What is preloaded with past.so believes that it is 2001
clock_back() {
	cat >past.c <<-'END'
		#include <time.h>
		time_t time(time_t *t) { time_t past = 1000000000; if (t) *t = past; return past; }
	END
	"${CC:-cc}" -shared -fPIC -o past.so past.c 2>/dev/null || skip 'no compiler'
	LD_PRELOAD=$PWD/past.so "$LC_FAULT_BIN/commit-txn" --version || skip 'nothing can be preloaded here'
}

@test "pitfall 53: the order is by the log, whatever the clock says" {
	need "${CC:-cc}"
	clock_back
	script 0 '' 'put a new'
	echo newer >newer
	printf 'put a newer\n' >ops
	LD_PRELOAD=$PWD/past.so gives 0 commit-txn script <ops
	holds root/a 'newer\n'
	gives 0 commit-txn list -v
	[ "$(wc -l <"$OUT")" = 2 ]
	tail -n 1 "$OUT" | grep -q ' 2001-'
	gives 0 commit-txn log
	tail -n 1 "$OUT" | grep -q ' 2001-'
	# and of one that has to be finished
	echo newest >newest
	printf 'put a newest\n' >ops
	LD_PRELOAD=$PWD/past.so gives 137 env COMMIT_FAULT=1:kill:once:exchange commit-txn script <ops
	recovers
	holds root/a 'newest\n'
	recovers 0
}

@test "pitfall 53: a transaction of the future is not old" {
	need "${CC:-cc}"
	clock_back
	begins
	LD_PRELOAD=$PWD/past.so gives 0 commit-recover root
	gives 0 commit-txn put "$T" a --from=new
	gives 0 commit-txn commit "$T"
	holds root/a 'new\n'
}
