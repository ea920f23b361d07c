#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# shellcheck disable=SC2030,SC2031 # T is local to a test, and is meant to be
# shellcheck disable=SC2034 # the helper reads PIDS
# shellcheck disable=SC2094 # gives writes out and err, which are other files
#
# commit-txn patch: ranges of files, edited in place, and whole files in one commit.
load txn-helper
load store-helper

setup() {
	store_scratch
	export COMMIT_ROOT=$ROOT/w/root
	seq 1 5000 >root/big
	cp root/big old
	chmod 640 root/big
	inode=$(stat -c %i root/big)
}
teardown() { sweep; }

# patched OFFSET TEXT...: old with these ranges is what root/big holds
patched() {
	cp old want
	while [ $# -gt 0 ]; do
		printf %s "$2" | dd of=want bs=1 seek="$1" conv=notrunc status=none
		shift 2
	done
	cmp want root/big
}

# edits OFFSET TEXT: somebody else does
edits() { printf %s "$2" | dd of=root/big bs=1 seek="$1" conv=notrunc status=none; }

last_id() { commit-txn log | awk 'END { print $2 }'; }

# half: a range of big and all of a are committed, and nothing is published
half() {
	script_pends_at "1:kill:exchange" <<-END
		write a new a
		patch big 600 "$(printf '%01500d' 7)"
	END
	cmp old root/big
}

@test "ranges and whole files in one commit: the inode and all else stay" {
	begins
	printf 'HELLO' | gives 0 commit-txn patch "$T" --at=100 big
	echo '  from a file' >src
	gives 0 commit-txn patch "$T" --at=0x2000 --from=src big
	gives 0 commit-txn patch --at=16K "$T" big -- printf 'by a command'
	echo new | gives 0 commit-txn put "$T" a
	cmp old root/big
	gives 0 commit-txn status "$T"
	prints 'M a\nM big\n'
	gives 0 commit-txn diff "$T"
	has '--- a/big' '+++ b/big' 'HELLO' 'by a command' '-old a' '+new'
	cmp old root/big
	gives 0 commit-recover --check root
	gives 0 commit-txn commit "$T" -v
	says '2 files'
	patched 100 HELLO 8192 '  from a file
' 16384 'by a command'
	holds root/a 'new\n'
	[ "$(stat -c %i root/big)" = "$inode" ]
	[ "$(mode root/big)" = 640 ]
	gives 0 commit-recover --check root
	[ -z "$(ls root/.commit/stage)" ]
}

@test "a patch beyond the end makes the file longer, with a hole where nothing is" {
	begins
	printf end | gives 0 commit-txn patch "$T" --at=1M big
	printf 'more of it' | gives 0 commit-txn patch "$T" --at=23890 big
	gives 0 commit-txn commit "$T"
	[ "$(stat -c %s root/big)" -eq 1048579 ]
	patched 23890 'more of it' 1048576 end
}

@test "what cannot be patched is refused, and nothing has changed" {
	ln -s big root/link
	mkfifo root/pipe
	mkdir root/d
	cp root/big root/setid
	chmod 4755 root/setid
	# status, path, and what comes before
	while read -r status path before; do
		begins
		export COMMIT_TXN=$T
		# shellcheck disable=SC2086 # words
		[ -z "$before" ] || gives 0 commit-txn $before
		printf x | gives "$status" commit-txn patch "$T" --at=5 "$path"
		printf x | gives 1 commit-txn patch "$T" --at=5 big
		says 'abort it'
		gives 1 commit-txn commit "$T"
		gives 0 commit-txn abort "$T"
	done <<-END
		1 missing
		1 link
		1 pipe
		1 d
		1 ../w
		1 .commit/format
		4 setid
		4 a put @ a --from=old
		4 hard link @ big hard
		4 big patch @ big --at=5 --from=old
	END
	begins
	gives 4 commit-txn patch "$T" --at=5 big </dev/null
	gives 0 commit-txn abort "$T"
	begins
	gives 4 commit-txn patch "$T" --at=5 big -- sh -c 'echo x; exit 3'
	says 'nothing was put'
	gives 0 commit-txn abort "$T"
	cmp old root/big
}

@test "what is patched is not replaced or removed too" {
	while read -r status command; do
		begins
		export COMMIT_TXN=$T
		printf x | gives 0 commit-txn patch "$T" --at=5 big
		# shellcheck disable=SC2086 # words
		gives "$status" commit-txn $command
		gives 0 commit-txn abort "$T"
	done <<-END
		4 rm @ big
		4 put @ big --from=old
		4 mv @ a big
		4 patch @ big --at=5 --from=old
		0 patch @ big --at=6 --from=old
		0 patch @ big --at=4 -- printf y
		0 mv @ big elsewhere
		0 link @ big hard
		0 chmod @ 600 big
	END
}

@test "usage: --at is needed, and is patch's alone" {
	begins
	gives 2 commit-txn patch "$T" big </dev/null
	says '--at'
	gives 2 commit-txn put "$T" --at=3 big </dev/null
	gives 2 commit-txn patch "$T" --at=x big </dev/null
	gives 2 commit-txn patch "$T" --at=-1 big </dev/null
	gives 2 commit-txn patch --at=3 "$T" </dev/null
	gives 0 commit-txn patch "$T" --at=3 big < <(printf 123)
	gives 0 commit-txn abort "$T"
}

@test "who may not write the file may not patch it" {
	[ "$(id -u)" -ne 0 ] || skip 'root may'
	chmod 444 root/big
	begins
	printf x | gives 1 commit-txn patch "$T" --at=5 big
	says 'no right to write it'
}

@test "one that changes its file's rights is published all the same" {
	printf 'patch big 7 seven\nchmod 400 big\n' | gives 0 commit-txn script
	patched 7 seven
	[ "$(mode root/big)" = 400 ]
}

@test "edited by somebody else since: the commit is refused" {
	begins
	printf x | gives 0 commit-txn patch "$T" --at=5 big
	edits 20000 other
	gives 4 commit-txn commit "$T"
	says 'changed by somebody else'
	gives 0 commit-txn abort "$T"
	# also where size and time say nothing
	touch -d '2001-01-01' root/big
	begins
	printf x | gives 0 commit-txn patch "$T" --at=5 big
	edits 5 y
	touch -d '2001-01-01' root/big
	gives 4 commit-txn commit "$T"
	patched 20000 other 5 y
}

@test "who has the file locked is waited for" {
	begins
	printf x | gives 0 commit-txn patch "$T" --at=5 big
	flock root/big sleep 60 3>&- &
	PIDS=$!
	while flock -n root/big true; do sleep 0.1; done
	gives 5 commit-txn commit "$T" --wait=0
	cmp old root/big
	kill "$PIDS"
	wait "$PIDS" || true
	PIDS=$(pgrep -P "$PIDS" || true)
	# shellcheck disable=SC2086
	[ -z "$PIDS" ] || kill $PIDS
	PIDS=
}

@test "script: words as its neighbours have them, JSON, zero bytes" {
	printf 'patch big 10 "a b\\n"\npatch big 0x40 x # here\n' | gives 0 commit-txn script
	patched 10 'a b
' 64 x
	cp root/big old
	printf '%s\0' patch big 200 'two words' | gives 0 commit-txn script -0
	patched 200 'two words'
	printf 'patch big ten x\n' | gives 2 commit-txn script
	printf 'patch big 10\n' | gives 2 commit-txn script
	printf 'patch big 10 x y\n' | gives 2 commit-txn script
	printf 'patch big 10 ""\n' | gives 4 commit-txn script
	patched 200 'two words'
	need_json
	cp root/big old
	echo '{"op":"patch","path":"big","offset":"300","text":{"bytes":"eHl6"}}' |
		gives 0 commit-txn script
	patched 300 xyz
}

@test "--validate sees the whole result, and its no leaves everything as it was" {
	printf 'patch big 0 AAA\npatch big 9000 BBB\nmkdir d\n' >ops
	# shellcheck disable=SC2016 # the validator's own
	gives 4 commit-txn script --validate='head -c 3 "$1/big" && test -d "$1/d" && cmp "$1/big" old' <ops
	cmp old root/big
	cp old want
	printf AAA | dd of=want bs=1 conv=notrunc status=none
	printf BBB | dd of=want bs=1 seek=9000 conv=notrunc status=none
	# shellcheck disable=SC2016
	gives 0 commit-txn script -n --validate='cmp "$1/big" want && test "$(stat -c %a "$1/big")" = 640' <ops
	cmp old root/big
	# shellcheck disable=SC2016
	gives 0 commit-txn script --validate='cmp "$1/big" want' <ops
	cmp want root/big
	[ -z "$(ls root/.commit/stage)" ]
}

@test "killed after the record: opening the store and commit-recover both finish it" {
	half
	gives 10 commit-recover root
	patched 600 "$(printf '%01500d' 7)"
	holds root/a 'new a\n'
	cp old root/big
	half
	gives 0 commit-txn list
	begins
	patched 600 "$(printf '%01500d' 7)"
	gives 0 commit-txn abort "$T"
	gives 0 commit-recover --check root
}

@test "half of a range is written: it is known, and finished" {
	half
	edits 600 "$(printf '%01000d' 0)"
	gives 10 commit-recover root
	patched 600 "$(printf '%01500d' 7)"
}

@test "a foreign edit after the commit: a person decides, and nothing is overwritten" {
	half
	edits 700 THEIRS
	cp root/big theirs
	gives 11 commit-recover -n root
	has "for root/big"
	gives 11 commit-recover root
	gives 11 commit-txn begin
	cmp theirs root/big
	holds root/a 'old a\n'
	gives 11 commit-recover --check root
}

@test "--resolve=TXN:commit: ours over theirs, which is kept beside" {
	half
	edits 700 THEIRS
	gives 10 commit-recover --resolve="$T:commit" root
	has "root/big.theirs-at-600-$T" 'for root/big'
	patched 600 "$(printf '%01500d' 7)"
	[ "$(stat -c %s "root/big.theirs-at-600-$T")" -eq 1500 ]
	[ "$(tail -c +101 "root/big.theirs-at-600-$T" | head -c 6)" = THEIRS ]
	holds root/a 'new a\n'
	gives 0 commit-recover --check root
}

@test "--resolve=TXN:abort: theirs stays, ours goes, what has no place is kept beside" {
	half
	# our first half was written
	edits 600 "$(printf '%0936d' 0)"
	edits 1800 THEIRS
	gives 10 commit-recover --resolve="$T:abort" root
	patched 1800 THEIRS
	holds root/a 'old a\n'
	has "root/big.before-at-1536-$T"
	tail -c +1537 old | head -c 512 | cmp - "root/big.before-at-1536-$T"
	gives 0 commit-recover --check root
}

@test "--resolve: the file is gone: ours is kept beside, or what was there before" {
	half
	rm root/big
	gives 11 commit-recover root
	gives 10 commit-recover --resolve="$T:commit" root
	has "root/big.ours-at-600-$T"
	[ "$(stat -c %s "root/big.ours-at-600-$T")" -eq 1500 ]
	holds root/a 'new a\n'
	cp old root/big
	half
	rm root/big
	gives 10 commit-recover --resolve="$T:abort" root
	tail -c +601 old | head -c 1500 | cmp - "root/big.before-at-600-$T"
	holds root/a 'new a\n'
}

@test "undo: the old bytes and the old size; not if the range was edited since" {
	commit-txn init --keep=20
	printf 'patch big 10 xyz\npatch big 23890 "longer than it was"\nwrite a new\nmv b c\n' |
		gives 0 commit-txn script
	[ "$(stat -c %s root/big)" -gt 23893 ]
	edits 500 kept
	gives 0 commit-txn undo "$(last_id)"
	patched 500 kept
	[ "$(stat -c %s root/big)" -eq 23893 ]
	[ "$(stat -c %i root/big)" = "$inode" ]
	holds root/a 'old a\n'
	# and that can be taken back too
	gives 0 commit-txn undo "$(last_id)"
	patched 500 kept 10 xyz 23890 'longer than it was'
	edits 11 Y
	gives 4 commit-txn undo "$(last_id)"
	says 'is not as'
	patched 500 kept 10 xYz 23890 'longer than it was'
	gives 0 commit-recover --check root
}

# In memory, where there is such a place: for hundreds of commits
swiftly_here() {
	swiftly
	[ -z "$SWIFT" ] || { cp -p "$ROOT/w/root/big" root/ && cp "$ROOT/w/old" . && commit-txn init -C root; }
}

# resolved HOW: killed at each call, done again, and always the same comes of it
resolved() {
	local n got
	for ((n = 1; n < 2000; n += ${LC_EVERY:-1})); do
		rm -f root/big.* root/a
		cp old root/big
		echo 'old a' >root/a
		half
		edits 600 "$(printf '%0936d' 0)"
		edits 1800 THEIRS
		got=0
		fault "$n:kill" commit-recover --resolve="$T:$1" root >"$OUT" 2>"$ERR" || got=$?
		[ "$got" -ne 137 ] || commit-recover --resolve="$T:$1" root >"$OUT" 2>"$ERR" || [ $? -eq 10 ]
		gives 0 commit-recover --repaired-ok root
		if [ "$1" = commit ]; then
			patched 600 "$(printf '%01500d' 7)"
			grep -qF THEIRS root/big.theirs-at-600-"$T"*
		else
			patched 1800 THEIRS
			tail -c +1537 old | head -c 512 | cmp - "root/big.before-at-1536-$T"
		fi
		[ -z "$(ls root/.commit/stage)" ]
		[ "$got" -eq 137 ] || return 0
	done
	return 1
}

@test "--resolve=TXN:commit killed at each of its calls" {
	swiftly_here
	resolved commit
}

@test "--resolve=TXN:abort killed at each of its calls" {
	swiftly_here
	resolved abort
}
