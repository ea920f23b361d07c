#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The pitfalls of three copies, 54 to 65, as a user meets them. Each guard against
# one was removed once, and a test named after the pitfall failed: tests/mutants.
# Those that need devices, 60, 61 and 64, are in tests/fs/triple.bats too.

# shellcheck disable=SC2154 # OUT and ERR are set by scratch
# shellcheck disable=SC2119 # sweep takes no arguments

load triple-helper

setup() {
	scratch
	[ -x "$FAULTY/commit-triple" ] || skip 'no tools with the fault seam'
	mkdir a b c
}

teardown() { sweep; }

# of FILE: what changes if it is written to or replaced
of() { stat -c '%i %Z %z %s' "$1"; }

@test "pitfall 54: rot in C and a torn A: raw is wrong, the default is not" {
	local stamp
	put one
	stamp=$(stat -c %y a/s)
	echo torn >a/s
	touch -d "$stamp" a/s
	rots c/s
	answers one
	all one
	mkdir raw
	printf 'torn\n' >raw/a
	printf 'one\n' >raw/b
	printf '#ne\n' >raw/c
	gives 0 commit-triple read -q --raw raw/a raw/b raw/c
	[ "$(cat "$OUT")" = torn ]
}

@test "pitfall 54: rot in C, and a write that was killed before, at and behind A" {
	local call
	for call in 1 2 3 4 5 6; do
		put one
		echo two >new
		rots c/s
		killed "$call" write --from=new
		triple 0 read
		if [ "$call" -le 4 ]; then [ "$(cat "$OUT")" = one ]; else [ "$(cat "$OUT")" = two ]; fi
		triple 0 check
		rm -f a/.commit-* b/.commit-* c/.commit-*
	done
}

@test "pitfall 55: a repair of two copies does not touch the good one" {
	local before
	put one
	before=$(of a/s)
	rots b/s
	rots c/s
	rots c/.s.triple 200
	triple 10 repair
	[ "$(of a/s)" = "$before" ]
	all one
}

@test "pitfall 55: nor does one that is killed on the way" {
	local before call
	put one
	before=$(of a/s)
	for call in 1 2 3 4; do
		rots b/s
		rots c/s
		killed "$call" repair
		[ "$(of a/s)" = "$before" ]
		answers one
		rm -f a/.commit-* b/.commit-* c/.commit-*
	done
}

@test "pitfall 56: losers are rewritten before the answer" {
	put one
	cp -p a/s a/.s.triple .
	put two
	cp -p s .s.triple b/
	answers two
	all two
}

@test "pitfall 56: the answer stays when the only copy that had it dies" {
	put one
	echo two >new
	killed 5 write --from=new
	answers two
	rm -r a
	answers two
}

@test "pitfall 56: an answer that was given without A stays when A comes back" {
	put one
	echo two >new
	killed 5 write --from=new
	mv a a.away
	answers one
	mv a.away a
	answers one
	all one
}

@test "pitfall 57: every copy bad in another block" {
	seq 100000 103999 >new
	triple 0 write --from=new --block-size=4K
	rots a/s 100
	rots a/s 5000
	rots b/s 9000
	rots c/s 13000
	rots c/s 19000
	triple 10 check
	[ "$(grep -c damaged "$OUT")" = 3 ]
	triple 10 repair
	cmp a/s new
	cmp b/s new
	cmp c/s new
}

@test "pitfall 57: a block that is bad everywhere is refused, and nothing is written" {
	local before
	seq 100000 103999 >new
	triple 0 write --from=new --block-size=4K
	rots a/s 5000
	rots b/s 5001
	rots c/s 5002
	before=$(of a/s; of b/s; of c/s)
	triple 11 read
	triple 11 repair
	[ "$(of a/s; of b/s; of c/s)" = "$before" ]
}

@test "pitfall 58: a valid copy in the wrong slot" {
	put one
	cp -p b/s b/.s.triple c/
	triple 10 check
	grep -q '^C c/s misplaced' "$OUT"
	answers one
	triple 0 check
}

@test "pitfall 58: an older one of another slot does not win by number" {
	put one
	cp -p b/s b/.s.triple .
	put two
	cp -p s .s.triple c/
	answers two
	all two
}

@test "pitfall 58: the copies named in another order" {
	put one
	gives 11 commit-triple read -q b/s a/s c/s
	says 'in the order A, B, C'
	gives 11 commit-triple repair -q b/s a/s c/s
	triple 0 check
}

@test "pitfall 58: a valid copy of the right slot under another name" {
	put one
	mv c/s c/t
	mv c/.s.triple c/.t.triple
	gives 10 commit-triple check -q a/s b/s c/t
	grep -q '^C c/t misplaced' "$OUT"
	gives 0 commit-triple check -q --repaired-ok a/s b/s c/t
}

@test "pitfall 59: one version with two contents is a fork" {
	put one
	mv b b.away
	mv c c.away
	echo left | triple 0 write --min-copies=1
	mv b.away b
	mv c.away c
	mv a a.away
	echo right | triple 0 write --min-copies=2
	mv a.away a
	triple 11 read
	triple 11 repair
	echo three | triple 11 write
	holds a/s 'left\n'
	holds b/s 'right\n'
	triple 0 write --force --from=b/s
	all right
}

@test "pitfall 60: copies on one file system are said, and refused with --strict" {
	# shellcheck disable=SC2086 # the three names
	echo one | gives 0 commit-triple write $set
	says 'same file system'
	# shellcheck disable=SC2086 # the three names
	echo two | gives 4 commit-triple write --strict $set
	all one
	ln -f a/s b/s
	# shellcheck disable=SC2086 # the three names
	gives 2 commit-triple check $set
	says 'same file'
}

@test "pitfall 62: an edit by hand is asked about, and both ways out work" {
	put one
	echo edited >b/s
	touch -d '+1 hour' b/s
	triple 11 check
	grep -q '^B b/s edited' "$OUT"
	triple 11 read
	triple 11 repair
	echo two | triple 11 write
	holds b/s 'edited\n'
	triple 0 write --force --from=b/s
	all edited
	echo again >b/s
	touch -d '+2 hours' b/s
	rm b/s
	triple 10 repair
	all edited
}

@test "pitfall 62: a crash between sidecar and content is none" {
	local call
	for call in 2 3 4 5 6; do
		put one
		echo two >new
		killed "$call" write --from=new
		triple 10 repair
		triple 0 check
		rm -f a/.commit-* b/.commit-* c/.commit-*
	done
}

@test "pitfall 63: a writer and a reader that find the set locked say so" {
	put one
	echo two | gives 5 flock b sh -c 'commit-triple write -q --wait=0 a/s b/s c/s'
	gives 5 flock b sh -c 'commit-triple read -q --wait=0 a/s b/s c/s'
	echo two | gives 5 flock -s b sh -c 'commit-triple write -q --wait=0 a/s b/s c/s'
	gives 0 flock -s b sh -c 'commit-triple read -q --wait=0 a/s b/s c/s'
	all one
	clean
}

@test "pitfall 63: ten writers at once: one after the other, none torn" {
	local i
	put one
	for i in 0 1 2 3 4 5 6 7 8 9; do
		# shellcheck disable=SC2086 # the three names
		echo "$i$i$i$i" | commit-triple write -q $set &
	done
	wait
	triple 0 check -v
	[ "$(grep -c 'good, version 11$' "$OUT")" = 3 ]
	triple 0 read
	grep -qxE '(.)\1\1\1' "$OUT"
	clean
}

@test "pitfall 64: a missing directory" {
	put one
	mv b b.gone
	answers one
	triple 1 check
	echo two | triple 1 write
	says --min-copies=2
	echo two | triple 0 write --min-copies=2
	mv b.gone b
	answers two
	all two
}

@test "pitfall 64: one device that is full, fails or became read-only, at every call" {
	local errno call
	put one
	for errno in ENOSPC EIO EROFS; do
		for call in pwrite linkfd rename fsync; do
			echo two >new
			# shellcheck disable=SC2086 # the three names
			COMMIT_FAULT=2:$errno:once:$call gives 1 "$FAULTY/commit-triple" write -q --from=new $set
			says "$errno" --min-copies=2
			answers one
			all one
			clean
		done
	done
}

@test "pitfall 65: a copy from a backup does not win" {
	put one
	mkdir backup
	cp -p a/s a/.s.triple backup
	put two
	cp -p backup/s backup/.s.triple a/
	triple 10 check
	grep -q '^A a/s stale' "$OUT"
	answers two
	all two
}

@test "pitfall 65: nor do two of them, of another time" {
	put one
	mkdir backup
	cp -p a/s backup/a
	cp -p a/.s.triple backup/a.side
	cp -p b/s backup/b
	cp -p b/.s.triple backup/b.side
	put two
	put three
	cp -p backup/a a/s
	cp -p backup/a.side a/.s.triple
	cp -p backup/b b/s
	cp -p backup/b.side b/.s.triple
	triple 11 read
	holds c/s 'three\n'
}
