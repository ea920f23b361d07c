#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn undo: everything as before, or nothing at all.

# shellcheck disable=SC2016 # validators and scripts expand for themselves

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
	commit-txn init --keep=20
}
teardown() { sweep; }

commits() { printf '%s\n' "$@" | commit-txn script; }
ids() { commit-txn log | cut -d' ' -f2; }
last() { ids | tail -1; }

# links DIR: which names share a file
links() {
	(cd "$1" && find . -path ./.commit -prune -o -type f -links +1 -printf '%i %p\n' | sort -k2 |
		awk '{ if (!($1 in n)) n[$1] = ++k; print n[$1], $2 }')
}

# state DIR: its tree, attributes too
state() {
	tree "$1"
	[ -z "$(command -v getfattr)" ] || (cd "$1" && getfattr -dRhP -m 'user|security.cap' -e hex -- * 2>/dev/null)
	echo "links:"
	links "$1"
}

# takes_back LINE...: a commit of these operations, undone, and that undone too
takes_back() {
	local before after
	before=$(state root)
	commits "$@" || return 1
	after=$(state root)
	if [ "$after" = "$before" ]; then
		echo "nothing was changed by: $*"
		return 1
	fi
	gives 0 commit-txn undo "$(last)" || return 1
	diff <(echo "$before") <(state root) || { echo "undo of: $*"; return 1; }
	gives 0 commit-txn undo "$(last)" || return 1
	diff <(echo "$after") <(state root) || { echo "undo of undo of: $*"; return 1; }
	gives 0 commit-txn undo "$(last)" || return 1
	diff <(echo "$before") <(state root) || { echo "third undo of: $*"; return 1; }
	idle
}

fill() {
	mkdir -p root/d/sub root/e
	echo a >root/a
	echo b >root/b
	echo x >root/d/x
	echo y >root/d/sub/y
	echo x >root/e/x
	ln root/a root/a2
	ln -s a root/l
	chmod 640 root/b
	chmod 750 root/d
}

@test "contents, new files, removed ones" {
	fill
	takes_back 'write b new'
	takes_back 'write n new' 'mkdir m' 'write m/n new'
	takes_back 'rm b' 'rm l'
	takes_back 'rm d/sub/y' 'rmdir d/sub' 'rm d/x' 'rmdir d'
	takes_back 'write b 1' 'rm d/x' 'write d/x 2' 'symlink b s'
}

@test "content of many bytes, with holes, and its time" {
	head -c 3000000 /dev/urandom >root/big
	truncate -s 9M root/big
	touch -d 2001-02-03T04:05:06 root/big
	sum=$(md5sum <root/big)
	takes_back 'write big small'
	[ "$(md5sum <root/big)" = "$sum" ]
	[ "$(date -r root/big +%Y)" = 2001 ]
}

@test "moves, swaps, directories that move, kinds that change" {
	fill
	takes_back 'mv b c'
	takes_back 'mv b a'
	takes_back 'mv a t' 'mv b a' 'mv t b'
	takes_back 'mv d f'
	takes_back 'mv d f' 'write f/x new' 'rm f/sub/y' 'write f/z z'
	takes_back 'mv d t' 'mv e d' 'mv t e'
	takes_back 'mv d t' 'mv e d' 'mv t e' 'rm e/x' 'write d/x new'
	takes_back 'mv d/sub s2' 'mv d s2/d'
	takes_back 'rm b' 'mkdir b' 'mv a b/a'
	takes_back 'rm d/sub/y' 'rmdir d/sub' 'rm d/x' 'rmdir d' 'write d file'
	takes_back 'rm l' 'write l file'
	takes_back 'rm b' 'symlink nowhere b'
}

@test "hard links" {
	fill
	takes_back 'link b b2'
	takes_back 'write a 1' 'write a2 2'
	takes_back 'rm a' 'rm a2'
	takes_back 'link b k' 'rm b'
	takes_back 'write a 1'
	takes_back 'rm a'
	takes_back 'mv b a' 'mv d k'
	# through a name that the undo takes away
	takes_back 'link b new' 'chmod 600 new'
	takes_back 'chmod 600 b' 'link b new' 'chmod 644 new'
	# changed by a name that goes with the same commit
	takes_back 'chmod 600 a' 'rm a'
	takes_back 'chmod 600 a' 'write a 1'
	takes_back 'chmod 600 a' 'rm a' 'rm a2'
	takes_back 'chmod 600 a' 'rm a' 'chmod 640 a2'
	takes_back 'link b k' 'chmod 600 k' 'rm k'
	# the other name is outside of the tree, or was written to since
	ln root/b outside
	commits 'write b new'
	gives 0 commit-txn undo "$(last)"
	says 'b: warning: undo: had other names' EMLINK
	holds root/b 'b\n'
	rm outside
	ln root/b outside
	commits 'chmod 600 b' 'rm b'
	[ "$(mode outside)" = 600 ]
	gives 0 commit-txn undo "$(last)"
	[ "$(mode root/b)" = 640 ]
	commits 'write a new'
	echo changed >root/a2
	gives 0 commit-txn undo "$(last)"
	says 'a: warning: undo: had other names'
	holds root/a 'a\n'
	holds root/a2 'changed\n'
	[ ! root/a -ef root/a2 ]
}

@test "modes" {
	fill
	takes_back 'chmod 600 b'
	takes_back 'chmod 600 b' 'chmod 644 b' 'mv b c'
	takes_back 'chmod 700 d' 'write d/x new'
	chmod 2755 root/e
	takes_back 'rm e/x' 'rmdir e'
}

@test "new directories that may not be written are kept and taken back" {
	fill
	before=$(state root)
	mkdir -p src/ro/sub
	echo f >src/ro/f
	echo new >src/b
	chmod 500 src/ro/sub src/ro
	gives 0 commit-txn apply --from=src
	silent
	[ "$(mode root/ro)" = 500 ]
	[ -d "root/.commit/history/$(last)" ]
	gives 0 commit-txn undo "$(last)"
	diff <(echo "$before") <(state root)
	chmod -R u+w src
	# one that is made so, and one that an undo brings back
	umask 0277
	takes_back 'mkdir n'
	umask 022
	mkdir root/ro
	chmod 555 root/ro
	takes_back 'rmdir ro' 'write b new'
}

their_last() { as_user commit-txn log | tail -1 | cut -d' ' -f2; }

@test "files that their owner may not open: their old modes and contents are kept" {
	need_user
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 root
	printf '%s\n' 'write f old' 'chmod 0 f' 'write g old' >ops
	gives 0 as_user commit-txn script <ops
	before=$(state root)
	printf '%s\n' 'chmod 200 f' 'write g new' >ops
	gives 0 as_user commit-txn script <ops
	silent
	[ "$(mode root/f)" = 200 ]
	gives 0 as_user commit-txn undo "$(their_last)"
	diff <(echo "$before") <(state root)
	printf '%s\n' 'rm f' >ops
	gives 0 as_user commit-txn script <ops
	silent
	# it cannot be copied, and that is said before anything happens
	gives 1 as_user commit-txn undo "$(their_last)"
	says 'f: undo' EACCES
	[ ! -e root/f ]
	# an attribute that cannot be read cannot be put back: said before anything happens
	for mode in 0 200; do
		printf '%s\n' 'write h old' "chmod $mode h" >ops
		gives 0 as_user commit-txn script <ops
		before=$(state root)
		printf '%s\n' 'chmod 600 g' 'setxattr user.a=1 h' >ops
		gives 1 as_user commit-txn script <ops
		says 'h: setxattr' EACCES
		diff <(echo "$before") <(state root)
		printf '%s\n' 'chmod 600 h' 'rm h' >ops
		gives 0 as_user commit-txn script <ops
	done
}

@test "owners, set-id bits, attributes, capabilities, access lists" {
	need_root
	need getfattr setfattr setfacl
	fill
	chown 5:6 root/b
	chmod 4755 root/b
	takes_back 'chown 7:8 b'
	takes_back 'write b new'
	takes_back 'rm b'
	takes_back 'chown 7 l'
	chown -h 9:9 root/l
	takes_back 'rm l'
	attributes=$(getfattr -d root/b)
	takes_back 'setxattr user.new=1 b'
	takes_back 'setxattr user.empty= b' 'setxattr user.new=2 b'
	takes_back 'chmod 600 b' 'setxattr user.new=1 b' 'chown 1 b' 'chmod 640 b'
	[ "$(getfattr -d root/b)" = "$attributes" ]
	setfattr -n user.old -v value root/b
	takes_back 'setxattr user.old=other b'
	[ "$(getfattr --only-values -n user.old root/b)" = value ]
	takes_back 'write b more'
	[ "$(getfattr --only-values -n user.old root/b)" = value ]
	setfacl -m u:33:rw root/a root/d
	setfacl -d -m u:33:rwx root/d/sub
	takes_back 'chmod 600 a'
	takes_back 'rm d/sub/y' 'rmdir d/sub'
	# root's effective capability, as setcap writes it
	setfattr -n security.capability -v 0x0100000201000000000000000000000000000000 root/b ||
		skip 'no capabilities here'
	capability=$(getfattr -e hex -n security.capability root/b)
	takes_back 'chown 1 b'
	[ "$(getfattr -e hex -n security.capability root/b)" = "$capability" ]
}

@test "names with blanks and line feeds, and a fifo" {
	printf x >$'root/new\nline'
	mkfifo root/fifo
	takes_back 'rm "new\nline"'
	takes_back 'rm fifo'
	[ -p root/fifo ]
}

@test "undone only if every path is as the commit has left it" {
	fill
	commits 'write b new' 'rm d/x' 'mkdir m' 'mv e f' 'chmod 600 a' 'symlink b s' 'write z 1'
	id=$(last)
	state=$(tree root)
	refuses b sh -c 'echo other >root/b'
	refuses b sh -c 'rm root/b'
	refuses b sh -c 'echo new >t; mv t root/b'
	refuses b chmod 606 root/b
	refuses d/x sh -c 'echo back >root/d/x'
	refuses m sh -c 'echo used >root/m/file'
	refuses m sh -c 'rmdir root/m; ln -s d root/m'
	refuses f mkdir root/e
	refuses f sh -c 'mv root/f t'
	refuses a chmod 644 root/a
	refuses s sh -c 'rm root/s; ln -s other root/s'
	[ "$(tree root)" = "$state" ]
	gives 0 commit-txn undo "$id"
	holds root/b 'b\n'
}

# refuses PATH CMD...: after CMD the undo is refused and names PATH; then all is as before
refuses() {
	local path=$1
	shift
	rm -rf saved
	mv root saved
	mkdir root
	commit-txn init --keep=20
	fill
	commits 'write b new' 'rm d/x' 'mkdir m' 'mv e f' 'chmod 600 a' 'symlink b s' 'write z 1'
	"$@"
	changed=$(tree root)
	gives 4 commit-txn undo "$(last)" || { echo "after: $*"; return 1; }
	says "$path: undo: is not as" || { echo "after: $*"; return 1; }
	[ "$(tree root)" = "$changed" ]
	idle
	[ "$(ids | wc -l)" -eq 1 ]
	rm -rf root t
	mv saved root
}

@test "a later commit on one of its paths stands in the way, until it is undone itself" {
	commits 'write a 1'
	commits 'write a 2' 'write b 2'
	second=$(last)
	commits 'write b 3'
	third=$(last)
	gives 4 commit-txn undo "$second"
	says 'b: undo'
	gives 0 commit-txn undo "$third"
	gives 4 commit-txn undo "$second"
	# another path is in nobody's way
	commits 'write c 4'
	gives 0 commit-txn undo "$(last)"
	[ ! -e root/c ]
}

@test "an edit between the look and the commit is not lost" {
	commits 'write a 1'
	commits 'write a 2'
	gives 4 commit-txn undo "$(last)" --validate='echo theirs >"$COMMIT_ROOT/a"'
	says 'a: commit: was changed'
	holds root/a 'theirs\n'
}

@test "dry run, validator" {
	commits 'write a 1'
	commits 'write a 2' 'write b 2'
	gives 0 commit-txn undo -n "$(last)"
	prints 'M a\nD b\n'
	holds root/a 2
	gives 4 commit-txn undo "$(last)" --validate='grep -q 2 "$1/a"'
	holds root/a 2
	gives 0 commit-txn undo "$(last)" --validate='grep -q 1 "$1/a"'
	holds root/a 1
}

@test "log says what was undone" {
	need_json
	commits 'write a 1'
	id=$(last)
	gives 0 commit-txn undo "$id" --json
	json '.committed and .files == 1'
	gives 0 commit-txn log
	has "undoes $id"
	gives 0 commit-txn log --json
	[ "$(sed -n 2p "$OUT" | jq -r .undoes)" = "$id" ]
}

@test "no such commit, none kept, not kept so long" {
	gives 1 commit-txn undo 12345678-12345678
	says 'no such commit'
	gives 2 commit-txn undo nonsense
	begins
	gives 1 commit-txn undo "$T"
	says 'still open; abort it'
	commits 'write a 1'
	commits 'write a 2'
	id=$(ids | head -1)
	gives 0 commit-txn init --keep=1
	gives 1 commit-txn undo "$id"
	says 'has left the bound' '--keep'
	gives 0 commit-txn init --keep=0
	gives 1 commit-txn undo "$(last)"
	says 'not kept here' 'commit-txn init --keep=N'
	holds root/a 2
}

@test "metadata that was committed without --keep is wholly undone" {
	need_faults
	commit-txn init --keep=0
	fill
	before=$(mode root/b)
	printf '%s\n' 'chmod 600 b' 'write a 2' >ops
	COMMIT_FAULT=1:kill:exchange "$LC_FAULT_BIN/commit-txn" script <ops || true
	# keep is on when recovery finishes it: the old mode is in the log
	printf '%s\n' 'libcommit store config' 'version 1' 'keep count 5' >root/.commit/config
	gives 10 commit-recover root
	holds root/a 2
	[ "$(mode root/b)" = 600 ]
	gives 0 commit-txn undo "$(last)"
	[ "$(mode root/b)" = "$before" ]
	[ "$(cat root/a)" != 2 ]
}

@test "kept versions that were tampered with are not put back" {
	commits 'write a 1'
	commits 'write a 2'
	echo other >"root/.commit/history/$(last)/in-0"
	gives 1 commit-txn undo "$(last)"
	says 'not kept whole'
	holds root/a 2
	commits 'write b 1'
	commits 'write b 2'
	truncate -s 300 "root/.commit/history/$(last)/steps"
	gives 1 commit-txn undo "$(last)"
	says 'list of steps cannot be read'
	idle
}

@test "where syncfs is not believed what undo puts back is flushed before its record" {
	need_faults
	fill
	commits 'write b new' 'rm d/sub/y' 'rmdir d/sub'
	COMMIT_FAULT_TRACE=trace COMMIT_FAULT=1:ENOSYS:forever:fstype \
		"$LC_FAULT_BIN/commit-txn" undo "$(last)"
	holds root/b 'b\n'
	# the record is flushed just before the first rename
	sed -n '1,/ fdatasync /p' trace >before
	[ "$(grep -cE ' (exchange|noreplace) ' before)" -eq 0 ]
	for file in root/b root/d/sub root/d/sub/y; do
		grep -qE "^call [0-9]+ fsync $(stat -c %i "$file") " before || {
			echo "$file is not flushed before the record"
			cat trace
			false
		}
	done
}

# killed_undo N ID: true once N is beyond the last call
killed_undo() {
	{ COMMIT_FAULT=$1:kill "$LC_FAULT_BIN/commit-txn" undo "$2"; } 2>/dev/null
}

@test "kill -9 at every call of an undo" {
	need_faults
	swiftly
	local n=0 news=0 olds=0
	while :; do
		n=$((n + ${LC_EVERY:-1}))
		rm -rf root fired
		mkdir root
		commit-txn init --keep=3
		commits 'write a 1' 'write c 1' 'link c c2' 'mkdir d' 'write d/x 1' 'write b 1'
		before=$(tree root)
		commits 'write a 3' 'write c 3' 'rm d/x' 'rmdir d' 'chmod 600 b' 'mv b e' 'write n 3'
		after=$(tree root)
		id=$(last)
		killed_undo "$n" "$id" && break
		commit-recover -q --repaired-ok root >/dev/null
		idle
		if [ "$(tree root)" = "$after" ]; then
			olds=$((olds + 1))
			[ "$(ids | wc -l)" -eq 2 ]
			gives 0 commit-txn undo "$id"
			diff <(echo "$before") <(tree root) || { echo "call $n"; return 1; }
		else
			news=$((news + 1))
			diff <(echo "$before") <(tree root) || { echo "call $n"; return 1; }
			[ "$(ids | wc -l)" -eq 3 ]
			gives 0 commit-txn undo "$(last)"
			[ "$(tree root)" = "$after" ]
		fi
	done
	echo "# $n calls, $olds old, $news new" >&3
	((olds * ${LC_EVERY:-1} > 30))
	((news * ${LC_EVERY:-1} > 20))
}
