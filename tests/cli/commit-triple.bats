#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The command line of commit-triple: forms, what is refused with 2, exit
# statuses, messages, JSON. Pitfalls are in triple-pitfalls-54-65.bats.

load triple-helper

# shellcheck disable=SC2154 # OUT and ERR are set by scratch

setup() {
	scratch
	mkdir a b c
}

teardown() { sweep; }

@test "three forms of a write, and a read" {
	put one
	triple 0 read
	[ "$(cat "$OUT")" = one ]
	echo two >src
	triple 0 write --from=src
	all two
	triple 0 write -- echo three
	all three
	triple 4 write -- sh -c 'echo four; exit 3'
	all three
	triple 0 write --ok=3 -- sh -c 'echo four; exit 3'
	all four
	triple 0 read --to=there
	holds there 'four\n'
}

@test "usage errors are 2, say why, and touch nothing" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086 # words of a command line
		gives 2 commit-triple $words </dev/null
		[ -s "$ERR" ]
	done <<-'END'

		write
		write a/s b/s
		write a/s b/s c/s d/s
		write a/s b/s -
		mangle a/s b/s c/s
		write --from=x a/s b/s c/s -- echo y
		read --from=x a/s b/s c/s
		read a/s b/s c/s -- echo
		check --to=x a/s b/s c/s
		check -r
		check -r --raw .
		check -r --list=x .
		check --resume=x a/s b/s c/s
		check -0 a/s b/s c/s
		write --min-copies=4 a/s b/s c/s
		write --min-copies=0 a/s b/s c/s
		write --block-size=5000 a/s b/s c/s
		write --block-size=2K a/s b/s c/s
		check --bwlimit=fast a/s b/s c/s
		write a/s a/s c/s --from=/dev/null --allow-empty
	END
	[ -z "$(find a b c -type f)" ]
}

@test "empty input is refused, unless it is meant" {
	put one
	triple 4 write </dev/null
	says --allow-empty
	all one
	triple 0 write --allow-empty </dev/null
	[ ! -s b/s ]
	triple 0 read
	[ ! -s "$OUT" ]
}

@test "check says what is wrong and changes nothing; repair mends; 0 with --repaired-ok" {
	put one
	triple 0 check
	[ ! -s "$OUT" ]
	rots b/s
	triple 10 check
	grep -q '^B b/s damaged.*1 blocks bad' "$OUT"
	holds b/s '#ne\n'
	triple 0 check --repaired-ok
	triple 10 repair
	grep -q '^B b/s damaged.*repaired' "$OUT"
	all one
	triple 0 check
	rm c/s
	triple 10 check
	grep -q '^C c/s missing' "$OUT"
	triple 0 repair --repaired-ok
	all one
}

@test "a dry run of write and repair" {
	put one
	echo two | triple 0 write -n
	all one
	rots a/s
	triple 10 repair -n
	holds a/s '#ne\n'
	clean
}

@test "nothing valid: refused, and what --raw would take" {
	put one
	rots a/s
	rots b/s
	rots c/s
	triple 11 read
	says --raw
	triple 0 read --raw
}

@test "the raw rule on bare files" {
	echo one | triple 0 write --raw
	all one
	[ ! -e a/.s.triple ]
	echo rot >c/s
	triple 10 check --raw
	triple 10 repair --raw
	all one
}

@test "--json: an object for each copy and one for the set" {
	[ -n "$LC_JSON" ] || skip "no JSON in this build"
	echo one | triple 0 write --json
	[ "$(wc -l <"$OUT")" = 4 ]
	grep -q '"command":"write".*"generation":1.*"good":3' "$OUT"
	rots b/s
	triple 10 check --json
	grep -q '"copy":"B".*"state":"damaged".*"bad_blocks":1' "$OUT"
	triple 0 read --json --to=there
	triple 2 read --json
}

@test "many sets: -r, --list, --prom" {
	local i
	for i in 1 2 3; do
		echo "$i" | gives 0 commit-triple write -q "a/$i" "b/$i" "c/$i"
	done
	gives 0 commit-triple check -v -q -r a
	[ "$(grep -c good "$OUT")" = 9 ]
	rots b/2
	gives 10 commit-triple check -q -r . --prom=metrics
	grep -q 'commit_triple_sets 3' metrics
	grep -q 'copies{state="damaged"} 1' metrics
	printf '%s\n' a/1 b/1 c/1 a/2 b/2 c/2 >list
	gives 10 commit-triple check -q --list=list
	printf '%s\0' a/1 b/1 c/1 | gives 0 commit-triple check -q -0 --list=-
	printf '%s\n' a/1 b/1 | gives 1 commit-triple check -q --list=-
	says 'ends within a set'
	gives 10 commit-triple repair -q -r c
	gives 0 commit-triple check -q -r .
}

# What is noted as done is not looked at again; the note goes when all is done.
@test "many sets: --resume goes on where it was stopped" {
	need_json
	local i
	for i in 1 2 3; do
		echo "$i" | gives 0 commit-triple write -q "a/$i" "b/$i" "c/$i"
	done
	rots b/3
	commit-triple check -q -r . --json | sed -n 's/.*"set":"\([0-9a-f]*\)".*/\1/p' >noted
	gives 0 commit-triple check -q -r . --resume=noted
	[ ! -e noted ]
	gives 10 commit-triple check -q -r . --resume=noted
	[ ! -e noted ]
}

@test "many sets: a run that a signal has ended notes what it did, and the next one does the rest" {
	mkdir -p first/a first/b first/c
	echo x | gives 0 commit-triple write -q first/a/s first/b/s first/c/s
	dd if=/dev/zero bs=64k count=4 status=none | triple 0 write
	gives 124 timeout -s INT 1 commit-triple check -q -r --bwlimit=20K --resume=noted first a
	[ "$(wc -l <noted)" = 1 ]
	gives 0 commit-triple check -v -r --resume=noted first a
	says ' 1 sets'
	[ ! -e noted ]
}

# A second passes before the first line, so that short work prints none.
@test "progress: on a terminal, when the work is long; the limit is kept" {
	local begun
	command -v script >/dev/null || skip 'script is not installed'
	dd if=/dev/zero bs=64k count=2 status=none | triple 0 write
	begun=$(date +%s%N)
	gives 0 script -qec 'commit-triple check --bwlimit=128K a/s b/s c/s' typescript
	# 384 KiB at 128 a second
	[ $((($(date +%s%N) - begun) / 1000000)) -ge 2500 ]
	grep -q '[KM]iB read' typescript
	# and the line is taken away again
	grep -q "$(printf '\r  *\r')" typescript
	gives 0 script -qec 'commit-triple check -q --bwlimit=128K a/s b/s c/s' typescript
	! grep -q '[KM]iB read' typescript || false
	gives 0 commit-triple check --bwlimit=1M a/s b/s c/s
	! grep -q '[KM]iB read' "$ERR" || false
}

# It replaces all three, and the votes need sidecars only: see also pitfall 54.
@test "a write does not read what it replaces: rot in it is neither seen nor said" {
	put one
	rots a/s
	rots b/s
	rots c/s
	put two
	[ ! -s "$ERR" ]
	all two
	triple 0 check
}

@test "a sidecar of somebody else is not obeyed by repair -r" {
	[ "$(id -u)" = 0 ] || skip "not root"
	put one
	rots b/s
	chown 1000 a/.s.triple b/.s.triple c/.s.triple
	gives 4 commit-triple repair -q -r .
	holds b/s '#ne\n'
}

@test "--bwlimit holds back, and a signal ends it" {
	dd if=/dev/zero bs=64k count=4 status=none | triple 0 write
	gives 124 timeout -s INT 1 sh -c 'commit-triple check -q --bwlimit=1K a/s b/s c/s'
}

@test "commit-recover leaves a copy without a sidecar to a person" {
	put one
	cp -p b/s .
	put two
	cp -p s b/s
	rm b/.s.triple
	gives 11 commit-recover -r .
	grep -q '^conflict triple.*name the three to commit-triple repair' "$OUT"
	gives 11 commit-recover -r --repaired-ok .
	[ "$(cat b/s)" = one ]
	gives 10 commit-triple repair -q a/s b/s c/s
	gives 0 commit-recover -r .
	all two
}

@test "commit-recover takes sidecars for what they are" {
	put one
	cp -p b/s .
	put two
	gives 0 commit-recover -r .
	[ ! -s "$OUT" ]
	cp s b/s
	touch -r s b/s
	gives 0 commit-recover -r -n .
	grep -q '^roll-forward triple' "$OUT"
	gives 10 commit-recover -r .
	all two
}
