#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Stores of others, and what they could ask of whoever recovers them: root leaves
# them alone, and --as-owner can do no more than their owner. Bits that flip are in
# tests/unit/test-txn-hostile.c.

# shellcheck disable=SC2094 # the command named script does not write the file named script

load txn-helper
load store-helper

setup() {
	scratch
	need_root
	need_user
	getent passwd 65534 >/dev/null || skip 'user 65534 has no account'
	# All may write it: what keeps them out is not its mode.
	mkdir outside
	echo secret >outside/f
	echo in >outside/in-0
	chmod 777 outside
	chmod 666 outside/f outside/in-0
	printf 'old a\n' >root/a
	printf 'old b\n' >root/b
	mkdir root/d
	echo 'old f' >root/d/f
	chown -R 65534:65534 root
	as_user commit-txn init -C root
	before=$(tree outside)
}
teardown() { sweep; }

outside_untouched() {
	[ "$(tree outside)" = "$before" ] || { tree outside; return 1; }
}

# theirs SPEC: a commit of theirs that SPEC kills; the script is standard input
theirs() {
	local got=0
	cat >script
	as_user env PATH="$LC_FAULT_BIN:$PATH" COMMIT_FAULT="$1" commit-txn script -C root <script 2>"$ERR" || got=$?
	[ "$got" -eq 137 ] || { echo "not killed: $got"; cat "$ERR"; return 1; }
}

@test "root leaves a foreign store alone, and says so; nothing in it is obeyed" {
	theirs 1:kill:exchange <<<'write a new'
	before_root=$(state)
	gives 0 commit-recover root
	has 'foreign store root:' 'owner nobody'
	gives 0 commit-recover -r .
	gives 0 commit-recover --check -r .
	has 'foreign store'
	gives 0 commit-recover --list root
	gives 0 commit-recover --resolve=12345678-12345678:abort root
	for words in 'list' 'read -- true' 'begin' 'status 12345678-12345678' 'diff 12345678-12345678' 'commit 12345678-12345678'; do
		want=1
		[ "${words%% *}" != read ] || want=125
		# shellcheck disable=SC2086
		gives "$want" env COMMIT_ROOT=root commit-txn $words
		says 'another user'
	done
	[ "$(state)" = "$before_root" ]
	holds root/a 'old a\n'
}

@test "--as-owner: finished as its owner, listed, checked, resolved" {
	theirs 1:kill:exchange <<<'write a new'
	gives 0 commit-recover --as-owner --list -r .
	has 'pending transaction'
	gives 0 commit-recover --as-owner -n root
	has 'roll-forward transaction'
	holds root/a 'old a\n'
	gives 0 commit-recover --as-owner --check -r .
	gives 10 commit-recover --as-owner --prom=p.prom -r .
	has 'roll-forward transaction' 'owner nobody'
	grep -qx 'commit_recover_findings{decision="roll-forward"} 1' p.prom
	holds root/a new
	gives 0 commit-recover --as-owner root
	theirs 1:kill:exchange <<<'write a newer'
	echo mine >root/a
	gives 11 commit-recover --as-owner root
	has 'conflict transaction'
	T=$(ls root/.commit/stage)
	gives 10 commit-recover --as-owner --resolve="$T:commit" -r .
	has 'beside file'
	holds root/a newer
	holds "root/a.theirs-$T" 'mine\n'
	need_json
	touch root/.commit/odd
	gives 10 commit-recover --as-owner --check --json root
	json '.leak == 1 and .foreign == 0 and .exit == 10'
}

@test "--as-owner: a directory that became a link leads nowhere" {
	theirs 1:kill:exchange <<-'END'
		write d/f new
		write a new
	END
	rm -r root/d
	ln -s "$ROOT/w/outside" root/d
	chown -h 65534 root/d
	gives 11 commit-recover --as-owner root
	outside_untouched
	T=$(ls root/.commit/stage)
	gives 10 commit-recover --as-owner --resolve="$T:commit" root
	outside_untouched
	holds root/d/f new
	[ ! -L root/d ]
	[ -L "root/d.theirs-$T" ]
}

@test "--as-owner: .commit, stages, logs and locks that are links or fifos" {
	for part in .commit .commit/stage .commit/log .commit/lock .commit/format .commit/log/super; do
		for kind in link fifo; do
			rm -rf root
			mkdir root
			echo 'old a' >root/a
			chown -R 65534:65534 root
			theirs 1:kill:exchange <<<'write a new'
			rm -rf "root/${part:?}"
			if [ "$kind" = link ]; then
				as_user ln -s "$ROOT/w/outside" "root/$part"
			else
				as_user mkfifo "root/$part"
			fi
			for option in -v --check --list; do
				got=0
				timeout 20 commit-recover --as-owner "$option" root >"$OUT" 2>"$ERR" || got=$?
				case $got in
				0 | 1 | 3 | 10 | 11) ;;
				*) echo "$part as $kind, $option: $got"; cat "$ERR"; return 1 ;;
				esac
				timeout 20 commit-recover "$option" root >"$OUT" 2>"$ERR" || { echo "root's own: $?"; cat "$OUT" "$ERR"; return 1; }
			done
			outside_untouched || { echo "$part as $kind"; return 1; }
		done
	done
}

@test "--as-owner: a stage that is a link to somewhere is not emptied" {
	theirs 3:kill:create <<<'write a new'
	T=$(ls root/.commit/stage)
	rm -r "root/.commit/stage/$T"
	as_user ln -s "$ROOT/w/outside" "root/.commit/stage/$T"
	timeout 20 commit-recover --as-owner root || true
	timeout 20 commit-recover --as-owner --resolve="$T:abort" root || true
	outside_untouched
}

@test "--as-owner: nothing is done with root's rights" {
	echo root >root/mine
	chmod 600 root/mine
	mkdir root/closed
	echo root >root/closed/f
	chmod 755 root/closed
	theirs 1:kill:exchange <<-'END'
		write a new
		write b new
	END
	# what they will find there now is root's, and their directory is not theirs
	chown 0:0 root/d
	got=0
	commit-recover --as-owner root >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -eq 10 ]
	holds root/closed/f 'root\n'
	theirs 1:kill:exchange <<<'write a newer'
	chown 0:0 root
	chmod 755 root
	# they cannot write their tree any more: not finished, and root does not help
	got=0
	commit-recover --as-owner root >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -eq 3 ]
	holds root/a new
	[ "$(stat -c %u root/a)" -eq 65534 ]
}

@test "a store of root's in a tree of somebody else's is not obeyed" {
	mkdir tree
	commit-txn init -C tree
	echo 'old a' >tree/a
	killed 1:kill:exchange commit-txn script -C tree <<<'write a new'
	chown 65534 tree
	gives 0 commit-recover tree
	has 'foreign store'
	gives 1 commit-txn begin -C tree
	chown 0 tree
	gives 10 commit-recover tree
}

@test "an owner who stops the one that works for him does not stop the others" {
	[ -n "${LC_SLOW-}" ] || skip 'takes a minute: LC_SLOW=1'
	theirs 1:kill:exchange <<<'write a new'
	mkdir second
	cp -a root/a second/a
	commit-recover --as-owner -r . 3>&- &
	child=$!
	until_true pgrep -P "$child" -u 65534
	kill -STOP "$(pgrep -P "$child" -u 65534)"
	status=0
	wait "$child" || status=$?
	[ "$status" -ne 0 ]
}
