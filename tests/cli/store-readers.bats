#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Who waits for whom in a store: readers, open transactions, commits; and trees
# that cannot be written.

load txn-helper
load store-helper

setup() {
	store_scratch
	mkfifo ready go
}
teardown() { sweep; }

# reads: somebody reads root until `done_reading`
reads() {
	commit-txn read -C root -- sh -c 'echo > ready; read -r _ < go' 3>&- &
	PIDS="$PIDS $!"
	read -r -t 20 _ <>ready
}

done_reading() {
	echo >go
	# shellcheck disable=SC2086
	wait $PIDS
	PIDS=
}

@test "a reader keeps nobody from working on a transaction, open ones or not" {
	begins
	reads
	gives 0 commit-txn put -C root "$T" a --wait=0 <<<'new a'
	gives 0 commit-txn begin -C root --wait=0
	gives 0 commit-txn list -C root --wait=0
	gives 0 commit-txn status -C root "$T" --wait=0
	gives 0 commit-txn diff -C root "$T" --wait=0
	gives 0 commit-txn read -C root --wait=0 -- cat root/a
	prints 'old a\n'
	gives 0 commit-recover --list root
	has "open transaction"
	run ! grep -q 'store root' "$OUT"
	# but nothing changes under it
	gives 5 commit-txn commit -C root "$T" --wait=0
	holds root/a 'old a\n'
	done_reading
	gives 0 commit-txn commit -C root "$T" --wait=0
	holds root/a 'new a\n'
}

@test "a reader finishes what a crash has left, and reads then" {
	pends
	gives 0 commit-txn read -C root -- cat root/a root/b root/c
	prints 'new a\nnew b\nnew c\n'
	pends
	reads
	all_new
	done_reading
}

@test "two that find an unfinished commit: one finishes it, both go on" {
	pends
	commit-txn read -C root -- cat root/a >one 3>&- &
	PIDS=$!
	commit-txn read -C root -- cat root/a >two 3>&- &
	PIDS="$PIDS $!"
	# shellcheck disable=SC2086
	wait $PIDS
	PIDS=
	holds one 'new a\n'
	holds two 'new a\n'
}

# read_only CMD...: with root mounted read-only
read_only() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m sh -c 'mount --bind root root && mount -o remount,ro,bind root || exit 99
		exec "$@"' sh "$@"
}

need_mounts() {
	need_root
	unshare -m true 2>/dev/null || skip 'may not make a mount namespace'
	read_only true || skip 'may not mount'
}

@test "a tree that cannot be written: open transactions are no obstacle, an unfinished commit is" {
	need_mounts
	begins
	echo new | commit-txn put -C root "$T" a
	gives 0 read_only commit-txn read -C root -- cat root/a
	prints 'old a\n'
	gives 0 read_only commit-recover --list root
	has 'open transaction'
	gives 0 read_only commit-recover root
	commit-txn abort -C root "$T"
	pends
	gives 125 read_only commit-txn read -C root -- cat root/a
	says 'cannot be written'
	gives 3 read_only commit-recover root
	has 'roll-forward transaction' 'EROFS'
	gives 0 read_only commit-recover -n root || gives 3 read_only commit-recover -n root
	holds root/a 'old a\n'
	gives 10 commit-recover root
	all_new
}

@test "a begin that was killed half way leaves nothing that recovery keeps" {
	for n in 1 2; do
		killed "$n:kill:create" commit-txn begin -C root
		[ -n "$(ls root/.commit/stage)" ]
		gives 10 commit-recover root
		has 'remove transaction'
		idle
	done
}
