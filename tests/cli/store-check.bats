#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-recover --check: the four invariants of the lectures. Each breach is made
# by hand here, found, named, graded, and not touched.

# shellcheck disable=SC2154 # published is set in store-helper

load txn-helper
load store-helper

setup() { store_scratch; }
teardown() { sweep; }

# breach STATUS GRADE NUMBER WHERE [TEXT]: what --check says about root
breach() {
	local before
	before=$(state)
	gives "$1" commit-recover --check root
	has "$2 store root/$4" "breach of invariant $3," "${5-}"
	[ "$(state)" = "$before" ]
}

disaster() { breach 11 disaster "$@"; }
leak() { breach 10 leak 4 "$@"; }

segment() { find root/.commit/log -name 'segment-*' | sort | tail -n 1; }

# flip FILE OFFSET: one bit of one byte
flip() {
	local byte
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059 # the format is made here
	printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "nothing to say of a new store, of one in use, of one after a crash, of none" {
	gives 0 commit-recover --check root
	prints ''
	# history that is kept makes one file more
	gives 0 commit-txn init -C root --keep=3
	gives 0 commit-recover --check root
	prints ''
	begins
	echo new | commit-txn put -C root "$T" a
	commit-txn script -C root <<<'write b new'
	gives 0 commit-recover --check -r .
	prints ''
	commit-txn abort -C root "$T"
	printf 'old b\n' >root/b
	for at in 1:kill:exchange 2:kill:exchange 1:kill:noreplace "$published"; do
		pends "$at"
		gives 0 commit-recover --check root
		prints ''
		commit-recover -q --repaired-ok root
		printf 'old a\n' >root/a
		printf 'old b\n' >root/b
		rm root/c
		gives 0 commit-recover --check root
	done
	mkdir none
	gives 0 commit-recover --check none
}

@test "nothing to say of a store with settings and kept versions" {
	commit-txn init -C root --keep=2
	commit-txn script -C root <<<'write a two'
	gives 0 commit-recover --check root
	prints ''
}

@test "1: two use one thing: an edit by others, a copied store, a store in a store" {
	pends
	echo theirs >root/a
	disaster 1 a 'changed by somebody else'
	commit-recover -q --repaired-ok --resolve="$T:abort" root
	gives 0 commit-recover --check root
	cp -a root copy
	gives 11 commit-recover --check -r .
	has 'disaster store ./copy/.commit' 'invariant 1' 'copy of another'
	run ! grep -q './root/' "$OUT"
}

@test "1: two transactions refer to one object" {
	begins
	echo one | commit-txn put -C root "$T" a
	one=$T
	begins
	echo two | commit-txn put -C root "$T" b
	# the ids have one length, and so the records; only their checksums differ
	cp "root/.commit/stage/$one/ops" "root/.commit/stage/$T/ops"
	disaster 1 ".commit/stage/$one/in-0" 'another transaction refers to it'
}

@test "2: what is not whole: format, log, operations" {
	cp root/.commit/format format
	echo rubbish >root/.commit/format
	disaster 2 .commit 'format file is damaged'
	cp format root/.commit/format
	mv root/.commit/log log
	disaster 2 .commit 'a part of it is missing'
	mv log root/.commit/log
	commit-txn script -C root <<<'write a one'
	commit-txn script -C root <<<'write a two'
	cp "$(segment)" whole
	flip "$(segment)" 4200
	disaster 2 .commit 'damaged at position'
	cp whole "$(segment)"
	gives 0 commit-recover --check root
	begins
	rm "root/.commit/stage/$T/ops"
	mkfifo "root/.commit/stage/$T/ops"
	disaster 2 ".commit/stage/$T"
}

@test "3: what is referred to is gone: a staged object, of an open and of a committed one" {
	begins
	echo new | commit-txn put -C root "$T" a
	rm "root/.commit/stage/$T/in-0"
	disaster 3 ".commit/stage/$T/in-0" 'not there'
	commit-txn abort -C root "$T"
	pends
	rm "root/.commit/stage/$T/in-0"
	gives 11 commit-recover --check root
	has 'breach of invariant 3' 'is nowhere'
}

@test "4: what nobody refers to: stages, objects, parts, segments, files of saves" {
	begins
	echo new | commit-txn put -C root "$T" a
	touch "root/.commit/stage/$T/in-7"
	leak ".commit/stage/$T/in-7" 'nothing refers to it'
	rm "root/.commit/stage/$T/in-7"
	commit-txn abort -C root "$T"
	mkdir root/.commit/stage/odd
	leak .commit/stage/odd 'not a stage'
	rmdir root/.commit/stage/odd
	touch root/.commit/format.new
	leak .commit/format.new
	rm root/.commit/format.new
	# commits that fill the log, and others that leave its beginning behind
	for n in 1 2 3; do
		yes 'chmod 644 a' | head -n 9000 | commit-txn script -C root
		commit-txn script -C root <<<"write a $n"
	done
	[ ! -e root/.commit/log/segment-0000000000000001 ]
	touch root/.commit/log/segment-0000000000000001
	leak .commit/log/segment-0000000000000001 'no superblock counts'
	rm root/.commit/log/segment-0000000000000001
	touch root/.commit/log/x
	leak .commit/log/x 'not a part of a log'
	rm root/.commit/log/x
	printf x | dd of=root/.commit/log/super bs=1 seek=0 conv=notrunc status=none
	leak .commit/log/super 'superblocks'
	commit-txn script -C root <<<'write a one'
	gives 0 commit-recover --check root
	# killed in its stage
	killed 3:kill:create commit-txn script -C root <<<'write a one'
	leak .commit/stage/ 'nobody will go on'
	gives 0 commit-recover --check --repaired-ok root
	gives 10 commit-recover root
	gives 0 commit-recover --check root
	mkdir half half/.commit
	gives 10 commit-recover --check half
	has 'leak store half/.commit' 'never finished'
}

@test "history: old versions and lists of steps that are not whole, or not there" {
	ln root/b other
	commit-txn init -C root --keep=5
	commit-txn script -C root <<<'write a two'
	first=$(find root/.commit/history -name '*-*' -type d)
	commit-txn script -C root <<<'rm b'
	second=$(find root/.commit/history -name '*-*' -type d ! -path "$first")
	first=${first#root/} second=${second#root/}
	gives 0 commit-recover --check root
	prints ''
	cp -a root/.commit/history before
	# what was there stays, aside: its inode numbers shall not be given out again
	again() {
		mv root/.commit/history "$(mktemp -d aside-XXXX)"
		cp -a before root/.commit/history
	}
	# a copy of history has other inodes, but for what was a copy before
	again
	disaster 2 "$first/in-0" 'is not the old version'
	rm -rf "root/$first"
	gives 0 commit-recover --check root
	echo longer >>"root/$second/copy-out-0"
	disaster 2 "$second/copy-out-0" 'is not the old version'
	rm "root/$second/copy-out-0"
	disaster 3 "$second/out-0" 'not there'
	again
	rm -rf "root/$first"
	flip "root/$second/steps" 100
	disaster 2 "$second/steps" 'damaged'
	rm "root/$second/steps"
	disaster 2 "$second/steps" 'not there'
	rm -r "root/$second"
	echo no >"root/$second"
	disaster 2 "$second" 'is no directory'
	rm "root/$second"
	flip root/.commit/history/index 60
	disaster 2 .commit/history/index 'a record in it is damaged'
	again
	rm -rf "root/$first"
	touch root/.commit/history/odd
	leak .commit/history/odd 'not a part of history'
}

@test "history: an old version that the disk cannot read any more" {
	commit-txn init -C root --keep=5
	commit-txn script -C root <<<'write a two'
	old=$(find root/.commit/history -name in-0)
	rm -f trace
	COMMIT_FAULT_TRACE=trace "$LC_FAULT_BIN/commit-recover" --check root
	n=$(awk -v file="$(stat -c %i "$old")" '$3 == "pread" { n++; if ($4 == file) print n }' trace)
	[ -n "$n" ] || { cat trace; false; }
	gives 11 fault "${n%%[!0-9]*}:EIO:pread" commit-recover --check root
	has 'in-0' 'cannot be read'
}

@test "history: one that was killed while it was removed is a leak, and recovery removes it" {
	commit-txn init -C root --keep=1
	commit-txn script -C root <<<'write a two'
	first=$(basename "$(find root/.commit/history -name '*-*' -type d)")
	mv "root/.commit/history/$first" "root/.commit/history/gone-$first"
	leak ".commit/history/gone-$first"
	gives 0 commit-recover --repaired-ok root
	[ ! -e "root/.commit/history/gone-$first" ]
	gives 0 commit-recover --check root
}

@test "4: what saves have left, outside stores" {
	echo old >f
	killed 1:EOPNOTSUPP:forever:tmpfile,1:kill:rename commit-save f <<<new
	gives 10 commit-recover --check .
	has 'leak staged ./.commit-' 'invariant 4'
	gives 10 commit-recover .
	gives 0 commit-recover --check .
}

@test "--json and --prom of breaches; the gravest wins" {
	need_json
	touch root/.commit/format.new
	pends
	echo theirs >root/a
	gives 11 commit-recover --check --json --prom=p.prom root
	jq -es 'map(select(.decision == "leak")) | length == 1 and .[0].invariant == 4 and .[0].holds != ""' "$OUT"
	jq -es 'map(select(.decision == "disaster")) | length == 1 and .[0].invariant == 1 and .[0].path == "root/a"' "$OUT"
	json '.summary and .leak == 1 and .disaster == 1 and .exit == 11'
	grep -qx 'commit_recover_findings{decision="disaster"} 1' p.prom
	grep -qx 'commit_recover_findings{decision="leak"} 1' p.prom
}
