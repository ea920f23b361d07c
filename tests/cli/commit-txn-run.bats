#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-txn run and read: a command as a transaction, a command that reads.

# shellcheck disable=SC2016 # commands expand their own variables
# shellcheck disable=SC2034 # the helper reads PIDS

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
	echo a >root/a
	echo b >root/b
}
teardown() { sweep; }

@test "run: the command has a root and a transaction; 0 commits" {
	gives 0 commit-txn run -v -- sh -c '
		echo "$COMMIT_ROOT"
		echo A | commit-txn put @ a && commit-txn rm @ b && cat "$COMMIT_ROOT/a"'
	prints "$ROOT/w/root\na\n"
	says committed
	holds root/a 'A\n'
	[ ! -e root/b ]
	idle
}

@test "run: another status aborts, with 4" {
	before=$(tree root)
	gives 4 commit-txn run -- sh -c 'echo A | commit-txn put @ a; exit 7'
	says 'status 7' 'nothing was changed'
	[ "$(tree root)" = "$before" ]
	idle
	gives 4 commit-txn run -- no-such-command
	says 'status 127'
	idle
	gives 4 commit-txn run -- ./root/a
	says 'status 126'
	gives 0 commit-txn list
	prints ''
}

@test "run: a failed operation that the command did not care for" {
	before=$(tree root)
	gives 1 commit-txn run -- sh -c 'echo A | commit-txn put @ a; commit-txn rm @ missing; true'
	[ "$(tree root)" = "$before" ]
	idle
}

@test "run: a relative root is the same for the command elsewhere" {
	mkdir else
	COMMIT_ROOT=root gives 0 commit-txn run -- sh -c 'cd else; echo A | commit-txn put @ a'
	holds root/a 'A\n'
	unset COMMIT_ROOT
	gives 0 commit-txn run -C root -- sh -c 'cd else; echo B | commit-txn put @ a'
	holds root/a 'B\n'
}

@test "run: a signal ends the command, aborts, and is raised again" {
	before=$(tree root)
	mkfifo ready
	for signal in TERM INT HUP; do
		# a shell's background commands ignore SIGINT
		env --default-signal=INT commit-txn run -- sh -c '
			echo A | commit-txn put @ a; echo $$ > ready; exec sleep 60' 3>&- 2>"$ERR" &
		pid=$!
		PIDS="$PIDS $pid"
		read -r -t 20 child <>ready
		kill -s "$signal" $pid
		status=0
		wait $pid || status=$?
		[ "$status" -eq $((128 + $(kill -l "$signal"))) ]
		! kill -0 "$child" 2>/dev/null || return 1
		[ "$(tree root)" = "$before" ]
		gives 0 commit-txn list
		prints ''
	done
	idle
}

@test "run: killed, the transaction dies with it" {
	before=$(tree root)
	mkfifo ready
	commit-txn run -- sh -c 'echo A | commit-txn put @ a; echo > ready; exec sleep 60' 3>&- &
	pid=$!
	read -r -t 20 _ <>ready
	PIDS=$(pgrep -P $pid)
	kill -9 $pid
	wait $pid || true
	gives 0 commit-recover --repaired-ok root
	[ "$(tree root)" = "$before" ]
	idle
}

@test "run -n: all but the commit" {
	before=$(tree root)
	gives 0 commit-txn run -n -- sh -c 'echo A | commit-txn put @ a'
	prints 'M a\n'
	[ "$(tree root)" = "$before" ]
	idle
}

@test "run --json" {
	need_json
	gives 0 commit-txn run --json -- sh -c 'echo A | commit-txn put @ a'
	json '.committed and .files == 1'
	gives 4 commit-txn run --json -- false
	json '.committed == false and .exit == 4 and .error.operation == "run"'
}

@test "run inside run is a transaction of its own" {
	gives 4 commit-txn run -- sh -c '
		echo outer | commit-txn put @ a
		commit-txn run -- sh -c "echo inner | commit-txn put @ b"
		exit 1'
	holds root/a 'a\n'
	holds root/b 'inner\n'
}

@test "read: exit is the command's; ours are 125 to 127" {
	gives 0 commit-txn init
	gives 7 commit-txn read -- sh -c 'exit 7'
	gives 0 commit-txn read -- cat root/a
	prints 'a\n'
	gives 127 commit-txn read -- no-such-command
	says ENOENT
	gives 126 commit-txn read -- ./root/a
	gives 125 commit-txn read -C missing -- true
	gives 125 commit-txn read
	says 'needs a command'
	gives 125 commit-txn read --frob -- true
	status=0
	commit-txn read -- sh -c 'kill -TERM $$' || status=$?
	[ "$status" -eq 143 ]
}

@test "read: readers share" {
	gives 0 commit-txn init
	mkfifo ready go
	commit-txn read -- sh -c 'echo > ready; read -r _ < go; cat root/a' >seen 3>&- &
	PIDS=$!
	read -r -t 20 _ <>ready
	gives 0 commit-txn read --wait=0 -- cat root/a
	prints 'a\n'
	timeout 20 sh -c 'echo >go'
	wait $!
	holds seen 'a\n'
}

@test "read: no commit goes on meanwhile" {
	begins
	echo A | gives 0 commit-txn put "$T" a
	mkfifo ready go
	commit-txn read -- sh -c 'echo > ready; read -r _ < go; cat root/a' >seen 3>&- &
	reader=$!
	PIDS=$reader
	read -r -t 20 _ <>ready
	gives 5 commit-txn commit --wait=0 "$T"
	commit-txn commit "$T" 3>&- &
	PIDS="$PIDS $!"
	timeout 20 sh -c 'echo >go'
	wait $reader
	wait $!
	holds seen 'a\n'
	holds root/a 'A\n'
}

@test "read: what the command leaves running keeps the lock" {
	begins
	echo A | gives 0 commit-txn put "$T" a
	mkfifo go
	gives 0 commit-txn read -- sh -c 'sh -c "read -r _ < go" >/dev/null 2>&1 & echo $!' 3>&-
	PIDS=$(cat "$OUT")
	gives 5 commit-txn commit --wait=0 "$T"
	timeout 20 sh -c 'echo >go'
	until_true commit-txn commit --wait=0 "$T" 2>/dev/null
	holds root/a 'A\n'
}
