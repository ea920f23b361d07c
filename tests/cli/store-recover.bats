#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Recovery of stores: what commit-recover decides about transactions, what a
# person decides, and that it may be killed at any of its calls.

# shellcheck disable=SC2154,SC2030,SC2031 # published and T are set in store-helper

load txn-helper
load store-helper

setup() { store_scratch; }
teardown() { sweep; }

@test "what cannot be removed is not told as removed" {
	need_faults
	sleep 60 3>&- &
	PIDS=$!
	T=$(commit-txn begin -C root --owner="$PIDS")
	kill "$PIDS"
	wait "$PIDS" || true
	PIDS=
	for call in rmdir unlink; do
		gives 1 fault 1:EIO:forever:$call commit-recover root
		says 'EIO'
		[ -d "root/.commit/stage/$T" ]
	done
	# who works in the tree is not kept from it
	gives 0 fault 1:EIO:once:rmdir commit-txn read -C root -- true
	gives 10 commit-recover root
	idle
}

# What fsck can make of a directory that was being emptied when the power went
@test "a directory that was removed and has something in it again is a person's" {
	mkdir -p root/.commit/stage/00000001-00000001/taken/again
	gives 11 commit-recover root
	says '00000001-00000001' 'has something in it again' 'ENOTEMPTY'
	[ -d root/.commit/stage/00000001-00000001/taken/again ]
	gives 0 commit-txn read -C root -- true
	rmdir root/.commit/stage/00000001-00000001/taken/again
	gives 10 commit-recover root
	mkdir -p root/.commit/stage/00000001-00000001/ops
	gives 10 commit-recover root
	idle
}

@test "a commit that was not published: listed, told, and finished" {
	pends
	before=$(state)
	gives 0 commit-recover -n root
	has 'roll-forward transaction' "$T" 'not published to the end'
	gives 0 commit-recover --list root
	has "pending transaction root/.commit/stage/$T:"
	[ "$(state)" = "$before" ]
	gives 10 commit-recover --prom=p.prom root
	has 'roll-forward transaction'
	grep -qx 'commit_recover_findings{decision="roll-forward"} 1' p.prom
	all_new
	idle
	gives 0 commit-recover root
	prints ''
	pends
	gives 0 commit-recover --repaired-ok -r .
	all_new
}

@test "--json: transactions have an id; the totals count them" {
	need_json
	pends
	gives 0 commit-recover --list --json root
	jq -es --arg id "$T" '.[0].id == $id and .[0].decision == "pending" and .[0].kind == "transaction"' "$OUT"
	json '.summary and .would and .["roll-forward"] == 1 and .exit == 0'
	echo theirs >root/a
	gives 11 commit-recover --list --json root
	jq -es '.[0].decision == "conflict" and .[0].target == "root/a" and .[0].code == 11' "$OUT"
	json '.conflict == 1 and .conflicts == 1 and .exit == 11'
	gives 10 commit-recover --json --resolve="$T:commit" root
	jq -es '.[0].decision == "beside" and .[0].kind == "file" and .[0].target == "root/a" and .[1].done' "$OUT"
	json '.beside == 1 and .["roll-forward"] == 1 and .exit == 10'
}

@test "--list: open, dead, pending and conflict; nothing changes" {
	begins
	open=$T
	pends
	pending=$T
	# nobody has opened the store since, who would have finished it
	mkdir other
	commit-txn init -C other
	sleep 60 3>&- &
	PIDS=$!
	dead=$(commit-txn begin -C other --owner="$PIDS")
	kill "$PIDS"
	wait "$PIDS" || true
	PIDS=
	before=$(state)
	gives 0 commit-recover --list root
	has "open transaction root/.commit/stage/$open:" "pending transaction root/.commit/stage/$pending:"
	[ "$(state)" = "$before" ]
	gives 0 commit-recover --list other
	has "dead transaction other/.commit/stage/$dead:"
	rm root/b
	echo theirs >root/b
	gives 11 commit-recover --list -r .
	has "conflict transaction ./root/.commit/stage/$T" 'for ./root/b' "--resolve=$T:commit"
	has "open transaction ./root/.commit/stage/$open"
	before=$(state)
	gives 11 commit-recover --list -r .
	[ "$(state)" = "$before" ]
	# files of saves are not transactions
	touch "root/.commit-0123456789abcdef-01234567-0123456789abcdef.staged"
	gives 11 commit-recover --list root
	run ! grep -q staged: "$OUT"
}

@test "a conflict: nothing is published, nobody goes on, and nothing is lost" {
	pends
	echo theirs >root/b
	before=$(state)
	gives 11 commit-recover root
	gives 11 commit-recover root
	[ "$(state)" = "$before" ]
	holds root/b 'theirs\n'
	holds root/a 'old a\n'
	gives 11 commit-txn begin -C root
	says "--resolve=$T:commit"
	gives 125 commit-txn read -C root -- cat root/a
}

@test "--resolve=TXN:commit: ours is published, theirs is beside it, and named" {
	pends
	echo theirs >root/b
	gives 10 commit-recover --resolve="$T:commit" root
	has "beside file root/b.theirs-$T" 'for root/b' 'roll-forward transaction'
	all_new
	holds "root/b.theirs-$T" 'theirs\n'
	idle
	gives 0 commit-recover --resolve="$T:commit" root
	prints ''
	says 'no such unfinished transaction'
	gives 0 commit-recover --check root
}

@test "--resolve=TXN:commit: more than one, a taken name, a name of 255 bytes, directories" {
	long=$(printf '%0255d' 7)
	echo 'old long' >"root/$long"
	mkdir root/d root/gone
	echo 'old d' >root/d/f
	echo 'old e' >root/e
	script_pends_at 1:kill:rename <<-END
		write a new a
		write $long new long
		write d/f new f
		write gone/f new gone
		rm e
		mkdir new
		write new/f new f
	END
	echo theirs >root/a
	echo other >"root/a.theirs-$T"
	echo theirs >"root/$long"
	rm root/d/f
	mkdir root/d/f
	echo theirs >root/d/f/x
	rmdir root/gone
	echo theirs >>root/e
	echo theirs >root/new
	gives 10 commit-recover --resolve="$T:commit" root
	holds root/a 'new a\n'
	holds "root/a.theirs-$T" 'other\n'
	holds "root/a.theirs-$T-2" 'theirs\n'
	has "root/a.theirs-$T-2"
	holds "root/$long" 'new long\n'
	grep -qx theirs root/00*.theirs-"$T"
	holds root/d/f 'new f\n'
	holds "root/d/f.theirs-$T/x" 'theirs\n'
	holds root/gone/f 'new gone\n'
	[ ! -e root/e ]
	holds "root/e.theirs-$T" 'old e\ntheirs\n'
	holds root/new/f 'new f\n'
	holds "root/new.theirs-$T" 'theirs\n'
	idle
}

@test "--resolve=TXN:commit: a file that was to move goes as it is now; what is gone gets no mode" {
	echo 'old m' >root/m
	echo 'old n' >root/n
	script_pends_at 1:kill:rename <<-END
		write a new a
		mv m n
		chmod 600 b
	END
	echo theirs >>root/m
	rm root/b
	gives 10 commit-recover --resolve="$T:commit" root
	holds root/a 'new a\n'
	[ ! -e root/m ]
	holds root/n 'old m\ntheirs\n'
	[ ! -e root/b ]
	idle
}

@test "--resolve=TXN:commit: of a directory that somebody has filled theirs goes aside, ours its way" {
	mkdir -p root/d/e
	echo moved >root/d/e/m
	echo gone >root/d/e/g
	script_pends_at 1:kill:rename <<-END
		mv d/e/m m
		rm d/e/g
		rmdir d/e
		rmdir d
	END
	echo theirs >root/d/e/t
	before=$(state)
	gives 11 commit-recover root
	[ "$(state)" = "$before" ]
	gives 10 commit-recover --resolve="$T:commit" root
	holds root/m 'moved\n'
	[ "$(find root -name t -exec cat {} +)" = theirs ]
	[ -z "$(find root -path root/.commit -prune -o -name g -print)" ]
	[ ! -e root/d ]
	idle
}

# What was to move was replaced while nothing was published.
moves_what_is_replaced() {
	echo moved >root/c
	echo old >root/b
	echo 'old a' >root/a
	script_pends_at 1:kill:rename <<-END
		mv c b
		write a new
	END
	echo theirs >root/theirs
	mv root/theirs root/c
	before=$(state)
	gives 11 commit-recover root
	[ "$(state)" = "$before" ]
}

@test "a file that was to move was replaced by somebody: a person decides" {
	moves_what_is_replaced
	gives 10 commit-recover --resolve="$T:abort" root
	holds root/a 'old a\n'
	holds root/b 'old\n'
	holds root/c 'theirs\n'
	[ -z "$(others)" ]
	idle
	moves_what_is_replaced
	gives 10 commit-recover --resolve="$T:commit" root
	holds root/a 'new\n'
	holds root/b 'old\n'
	holds "root/c.theirs-$T" 'theirs\n'
	idle
}

@test "--resolve=TXN:abort: nothing was published, and nothing is" {
	pends
	echo theirs >root/b
	gives 10 commit-recover --resolve="$T:abort" root
	has 'take-back transaction'
	holds root/a 'old a\n'
	holds root/b 'theirs\n'
	[ ! -e root/c ]
	[ -z "$(others)" ]
	idle
	gives 0 commit-recover --resolve="$T:abort" root
	gives 0 commit-recover --check root
	# and the store goes on
	gives 0 commit-txn script -C root <<<'write a newer'
	holds root/a newer
}

@test "--resolve=TXN:abort: what was published is taken back, theirs stays" {
	pends 2:kill:exchange
	holds root/a 'new a\n'
	holds root/b 'old b\n'
	gives 10 commit-recover --resolve="$T:abort" root
	all_old
	idle
	pends "$published"
	all_new
	echo theirs >root/b
	gives 10 commit-recover --resolve="$T:abort" root
	has "beside file root/b.before-$T" 'for root/b'
	holds root/a 'old a\n'
	holds root/b 'theirs\n'
	holds "root/b.before-$T" 'old b\n'
	[ ! -e root/c ]
	idle
}

@test "--resolve=TXN:abort: directories, moves, links and modes go back" {
	mkdir -p root/d/sub root/empty
	echo 'old f' >root/d/sub/f
	echo 'old m' >root/m
	echo 'old n' >root/n
	ln -s old root/l
	chmod 640 root/b
	cp -a root before
	script_pends_at "$published" <<-END
		mv d moved
		write moved/sub/f new f
		mv m n
		rmdir empty
		write empty now a file
		rm l
		symlink new l
		mkdir x
		mkdir x/y
		write x/y/z new z
		chmod 600 b
		link a hard
		rm a
	END
	[ ! -e root/a ]
	holds root/moved/sub/f 'new f\n'
	[ "$(mode root/b)" = 600 ]
	rm -rf before/.commit
	gives 10 commit-recover --resolve="$T:abort" root
	same before root
	idle
	gives 0 commit-recover --check root
}

@test "--resolve=TXN:abort: the mode of a file that was to lose a name goes back" {
	for fault in 1:kill:rename 1:kill:exchange "$published"; do
		rm -rf root other
		mkdir root
		printf 'old a\n' >root/a
		printf 'old b\n' >root/b
		commit-txn init -C root
		ln root/a other
		ln root/b root/b2
		script_pends_at "$fault" <<-END
			chmod 600 a
			rm a
			chmod 601 b
			write b new
			write c new
		END
		echo theirs >root/c.theirs
		mv root/c.theirs root/c
		gives 10 commit-recover --resolve="$T:abort" root
		holds root/a 'old a\n'
		holds root/b 'old b\n'
		[ "$(mode other)" = 644 ]
		[ "$(mode root/a)" = 644 ]
		[ "$(mode root/b2)" = 644 ]
		[ root/a -ef other ]
		[ root/b -ef root/b2 ]
		idle
	done
}

@test "--resolve=TXN:abort: owner, attributes and capabilities go back too" {
	need_root
	need getfattr setfattr
	echo o >root/o
	chmod 4755 root/o
	chown 3:4 root/b
	setfattr -n user.k -v old root/b || skip 'no attributes here'
	setfattr -n security.capability -v 0sAQAAAgAEAAAAAAAAAAAAAAAAAAA= root/a
	script_pends_at "$published" <<-END
		chown 5:6 b
		setxattr user.k=new b
		setxattr user.n=1 b
		chown 7 o
		chown 7 a
	END
	[ "$(stat -c %u:%g root/b) $(getfattr --only-values -n user.k root/b)" = '5:6 new' ]
	setfattr -n user.n -v theirs root/b
	gives 10 commit-recover --resolve="$T:abort" root
	[ "$(stat -c %u:%g root/b) $(getfattr --only-values -n user.k root/b)" = '3:4 old' ]
	[ "$(getfattr --only-values -n user.n root/b)" = theirs ]
	[ "$(stat -c %u:%a root/o)" = 0:4755 ]
	[ "$(stat -c %u root/a)" = 0 ]
	getfattr -n security.capability root/a
	idle
}

@test "--resolve=TXN:abort: what others have done since stays, old versions have a place" {
	mkdir root/d root/old
	echo 'old f' >root/d/f
	echo 'old g' >root/old/g
	script_pends_at "$published" <<-END
		mkdir x
		write x/ours new x
		write d/f new f
		rm old/g
		write a new a
		mv b moved
	END
	echo theirs >root/x/theirs
	rm -r root/d
	echo theirs >root/old/g
	rm root/a
	echo theirs >root/b
	gives 10 commit-recover --resolve="$T:abort" root
	# a directory that holds something of theirs stays, what was ours in it goes
	[ ! -e root/x/ours ]
	holds root/x/theirs 'theirs\n'
	# what they have removed is put back as it was; without its directory, beside that
	holds root/a 'old a\n'
	holds "root/f.before-$T" 'old f\n'
	holds root/old/g 'theirs\n'
	holds "root/old/g.before-$T" 'old g\n'
	holds root/b 'theirs\n'
	holds root/moved 'old b\n'
	idle
}

@test "--resolve of an open one: abort drops it, commit is refused, a busy one is busy" {
	begins
	echo new | commit-txn put -C root "$T" a
	gives 4 commit-recover --resolve="$T:commit" root
	says 'is open' 'commit-txn commit'
	gives 0 commit-recover --list root
	has "open transaction"
	gives 10 commit-recover --resolve="$T:abort" -r .
	has 'remove transaction'
	idle
	all_old
	gives 0 commit-recover --resolve="$T:abort" root
	mkfifo ready go
	commit-txn script -C root --validate='echo > ready; read -r _ < go' <<<'write a "new a\n"' 3>&- &
	PIDS=$!
	read -r -t 20 _ <>ready
	T=$(ls root/.commit/stage)
	gives 5 commit-recover --resolve="$T:abort" root
	says 'another process works on'
	echo >go
	wait "$PIDS"
	holds root/a 'new a\n'
}

@test "--resolve: usage" {
	gives 2 commit-recover --resolve=x root
	gives 2 commit-recover --resolve=12345678-12345678 root
	gives 2 commit-recover --resolve=12345678-12345678:undo root
	gives 2 commit-recover --resolve=1234567-123456789:abort root
	gives 2 commit-recover --resolve=12345678-12345678:abort -n root
	gives 2 commit-recover --resolve=12345678-12345678:abort --list root
	gives 2 commit-recover --check --list root
	gives 0 commit-recover --resolve=12345678-12345678:abort root
	says 'no such unfinished transaction'
}

# resolves WORD STATE: killed at each call of each kind, it gets there
resolves() {
	local word=$1 call n
	for call in rename noreplace exchange unlink rmdir mkdir pwrite fdatasync syncfs; do
		for n in 1 2 3 4 5 6 7 8 9; do
			rm -rf root fired
			mkdir root
			echo 'old a' >root/a
			echo 'old b' >root/b
			pends 2:kill:exchange
			echo theirs >root/b
			! COMMIT_FAULT_LOG=fired fault "$n:kill:$call" commit-recover -q --resolve="$T:$word" root >/dev/null 2>&1 || break
			grep -q '^fired' fired || break
			# what is left is for the same decision, or for recovery, which knows it
			commit-recover -q --repaired-ok --resolve="$T:$word" root >"$OUT" 2>"$ERR" || {
				echo "after $n:kill:$call"
				cat "$OUT" "$ERR"
				return 1
			}
			"$2" || { echo "after $n:kill:$call"; find root -type f ! -path '*/.commit/*' -exec grep . {} +; return 1; }
			gives 0 commit-recover --check root
			idle || { echo "after $n:kill:$call"; return 1; }
			KILLS=$((KILLS + 1))
		done
	done
}

committed_so() {
	all_new && holds "root/b.theirs-$T" 'theirs\n' && [ "$(others | wc -l)" -eq 1 ]
}

aborted_so() {
	holds root/a 'old a\n' && holds root/b 'theirs\n' && [ ! -e root/c ] && [ -z "$(others)" ]
}

@test "--resolve=TXN:commit, killed at each of its calls" {
	KILLS=0
	resolves commit committed_so
	[ "$KILLS" -ge 10 ]
}

@test "--resolve=TXN:abort, killed at each of its calls" {
	KILLS=0
	resolves abort aborted_so
	[ "$KILLS" -ge 10 ]
}

@test "one store that is locked, damaged, foreign or half made does not stop the others" {
	mkdir locked damaged half
	commit-txn init -C locked
	commit-txn init -C damaged
	echo rubbish >damaged/.commit/format
	mkdir half/.commit
	pends
	mkfifo ready go
	flock locked/.commit/lock sh -c 'echo > ready; read -r _ < go' 3>&- &
	PIDS=$!
	read -r -t 20 _ <>ready
	gives 11 commit-recover -v -r .
	has 'live store ./locked' 'conflict store ./damaged' 'roll-forward transaction ./root'
	all_new
	run ! grep -q half "$OUT"
	echo >go
	wait "$PIDS"
}

@test "a store in the tree of another: refused, and told if there is one" {
	mkdir -p root/in/deep
	gives 4 commit-txn init -C root/in/deep
	says "lies in the tree of the store of $ROOT/w/root"
	[ ! -e root/in/deep/.commit ]
	gives 4 commit-txn begin -C root/in
	# the outer one was made after the inner one
	mkdir -p outer/inner
	gives 0 commit-txn init -C outer/inner
	gives 0 commit-txn init -C outer
	gives 11 commit-recover outer/inner
	has 'conflict store outer/inner' "store of $ROOT/w/outer,"
	gives 11 commit-recover --check -r outer
	has 'disaster store outer/inner' 'invariant 1'
	gives 0 commit-recover outer
}

@test "a store that somebody else has put above keeps nobody from having one" {
	need_root
	need_user
	mkdir -m 1777 all
	as_user mkdir -m 700 all/.commit
	as_user touch all/.commit/format
	mkdir all/mine
	gives 0 commit-txn init -C all/mine
}

@test "settings and a link that never got their names are removed" {
	commit-txn init -C root
	touch root/.commit/config.new root/.commit/link.new
	gives 10 commit-recover --check root
	gives 0 commit-recover -n root
	[ -e root/.commit/config.new ]
	gives 0 commit-recover root
	[ ! -e root/.commit/config.new ] && [ ! -e root/.commit/link.new ]
	gives 0 commit-recover --check root
}
