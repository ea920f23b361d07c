#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# --validate and --validate-at-root: a command looks at the result before it is one.

# shellcheck disable=SC2016 # validators expand their own $1
# shellcheck disable=SC2030,SC2031 # what is exported is for one test
# shellcheck disable=SC2034 # the helper reads PIDS
# shellcheck disable=SC2094 # the command named script does not write the file named script

load txn-helper

setup() {
	scratch
	export COMMIT_ROOT=$ROOT/w/root
	mkdir -p root/d/deep root/gone/sub root/only
	echo a >root/a
	echo x >root/d/x
	echo y >root/d/deep/y
	echo g >root/gone/sub/g
	echo o >root/only/o
	ln -s a root/l
	# as the result should be
	cat >script <<-'END'
		write a "new a\n"
		rm d/x
		write d/n n
		mkdir d/e
		write d/e/f f
		rm gone/sub/g
		rmdir gone/sub
		rmdir gone
		rm l
		symlink d l
		rm only/o
		rmdir only
		write only "a file now\n"
	END
}
teardown() { sweep; }

need_view() {
	commit-txn script -n --validate-at-root=true <script >"$OUT" 2>"$ERR" ||
		skip "no view at the root: $(cat "$ERR")"
}

# The validator puts a copy of what it sees into $ROOT/seen.
copy='cp -a "$1/." "$SEEN"'

@test "the validator sees the whole result, and nothing else" {
	export SEEN=$ROOT/seen
	mkdir "$SEEN"
	before=$(tree root)
	gives 0 commit-txn script -n --validate="$copy" <script
	[ "$(tree root)" = "$before" ]
	gives 0 commit-txn script <script
	same root "$SEEN"
	[ ! -e "$SEEN/.commit" ]
	idle
}

@test "a whole directory moved, replaced, removed below, and a file in the place of another" {
	export SEEN=$ROOT/seen
	mkdir "$SEEN"
	cat >script <<-'END'
		mv d m
		rm m/x
		write m/deep/z z
		mv gone d
		write d/here h
	END
	gives 0 commit-txn script -n --validate="$copy" <script
	gives 0 commit-txn script <script
	same root "$SEEN"
}

@test "owner, mode and attributes of what was staged" {
	export SEEN=$ROOT/seen
	mkdir "$SEEN"
	cat >script <<-'END'
		write a "new"
		chmod 4711 a
		write fresh x
		chmod 600 fresh
	END
	if [ "$(id -u)" -eq 0 ]; then
		echo 'chown 3:4 fresh' >>script
	fi
	gives 0 commit-txn script -n --validate="$copy" <script
	gives 0 commit-txn script <script
	same root "$SEEN"
}

@test "a validator that says no: 4, and all is as it was" {
	before=$(tree root)
	gives 4 commit-txn script --validate='echo told; exit 3' <script
	says told 'the validator exited with status 3' 'nothing was changed'
	[ ! -s "$OUT" ]
	gives 4 commit-txn script --validate='kill -9 $$' <script
	says SIGKILL
	[ "$(tree root)" = "$before" ]
	idle
}

@test "after a no the transaction can be mended" {
	begins
	echo bad | gives 0 commit-txn put "$T" a
	gives 4 commit-txn commit "$T" --validate='grep -q good "$1/a"'
	echo good | gives 0 commit-txn put "$T" a
	gives 0 commit-txn commit "$T" --validate='grep -q good "$1/a"'
	holds root/a 'good\n'
}

@test "run and apply have it too" {
	gives 4 commit-txn run --validate='grep -q good "$1/a"' -- sh -c 'echo bad | commit-txn put @ a'
	holds root/a 'a\n'
	gives 0 commit-txn run --validate='grep -q good "$1/a"' -- sh -c 'echo good | commit-txn put @ a'
	holds root/a 'good\n'
	need_archive
	mkdir src
	echo src >src/a
	gives 4 commit-txn apply --validate='exit 1' --from=src
	holds root/a 'good\n'
	gives 0 commit-txn apply --validate='grep -q src "$1/a"' --from=src
	holds root/a 'src\n'
}

@test "the tree is read-only" {
	need_view
	gives 0 commit-txn script --validate='
		! touch "$1/new" 2>/dev/null && ! echo x >"$1/a" && ! rm "$1/d/n" &&
		! touch "$1/d/deep/y"' <script
	holds root/a 'new a\n'
}

@test "nothing of it is seen outside, and nothing stays" {
	need_view
	gives 4 commit-txn script --validate='echo "$1"; grep -c " $1 " /proc/self/mountinfo; exit 1' <script
	seen=$(head -n 1 "$ERR")
	[[ $seen == /*/view ]]
	[ "$(sed -n 2p "$ERR")" = 1 ]
	[ ! -e "$seen" ]
	run ! grep -F "${seen%/view}" /proc/self/mountinfo
	idle
}

@test "--validate-at-root: absolute paths lead to the result, for the validator alone" {
	need_view
	mkfifo ready go
	commit-txn script --validate-at-root='
		[ "$1" = "$COMMIT_ROOT" ] && [ "$(cat "$COMMIT_ROOT/a")" = "new a" ] &&
		[ -f "$COMMIT_ROOT/only" ] && [ ! -e "$COMMIT_ROOT/gone" ] &&
		[ ! -e "$COMMIT_ROOT/.commit" ] && ! touch "$COMMIT_ROOT/new" 2>/dev/null &&
		echo > ready && read -r _ < go' <script 3>&- &
	PIDS=$!
	read -r -t 20 _ <>ready
	holds root/a 'a\n'
	[ -e root/gone/sub/g ]
	timeout 20 sh -c 'echo >go'
	wait $!
	holds root/a 'new a\n'
}

@test "--validate-at-root: the working directory inside the root is the new one" {
	need_view
	cd root/d
	gives 0 commit-txn script -C .. --validate-at-root='test -e n && test ! -e x' <../../script
}

@test "--validate-at-root: where it cannot be had, nothing is begun" {
	need_root
	need setpriv
	before=$(tree root)
	# no right to mount, and none to make user namespaces
	gives 1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- \
		unshare -U true 2>/dev/null || true
	unshare -Ur true 2>/dev/null && ! max=$(cat /proc/sys/user/max_user_namespaces) && skip 'no limit to set'
	gives 1 unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces || exit 99
		exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin commit-txn script --validate-at-root=true < script'
	says 'validate-at-root: cannot be had here'
	[ "$(tree root)" = "$before" ]
	[ ! -e root/.commit ]
}

@test "without namespaces the validator sees a copy" {
	need_root
	need setpriv
	export SEEN=$ROOT/seen
	mkdir "$SEEN"
	gives 0 unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_user_namespaces || exit 99
		exec setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin commit-txn script -n --validate='"'$copy; touch \"\$1/trace\"'"' < script'
	[ -e "$SEEN/a" ]
	rm -f "$SEEN/trace"
	gives 0 commit-txn script <script
	same root "$SEEN"
	[ ! -e root/trace ]
	idle
}

@test "not as root: the same, with a user namespace" {
	need_root
	need_user
	chown -R 65534:65534 root
	chmod 644 script
	gives 0 as_user commit-txn script -n --validate='
		[ "$(cat "$1/a")" = "new a" ] && [ ! -e "$1/gone" ] && [ "$(id -u)" = 65534 ]' <script
	holds root/a 'a\n'
	as_user unshare -Um true 2>/dev/null || skip 'no user namespaces for others'
	gives 4 as_user commit-txn script --validate-at-root='
		[ "$(cat "$COMMIT_ROOT/a")" = "new a" ] && [ "$(id -u)" = 65534 ] && exit 9' <script
	says 'status 9'
}

@test "roots with odd names, and with mounts below" {
	need_root
	need_view
	mv root 'r,o:o\t 1'
	export COMMIT_ROOT="$ROOT/w/r,o:o\\t 1"
	mkdir "$COMMIT_ROOT/mnt" "$COMMIT_ROOT/mnt2" other other/sub
	echo m >other/m
	gives 4 unshare -m sh -c '
		mount --bind other "$COMMIT_ROOT/mnt" && mount --bind other/sub "$COMMIT_ROOT/mnt2" || exit 99
		commit-txn script --validate='"'"'
			[ "$(cat "$1/a")" = "new a" ] && [ "$(cat "$1/mnt/m")" = m ] &&
			! touch "$1/mnt/m" "$1/mnt2/x" 2>/dev/null && [ -d "$1/mnt2" ] && exit 9'"'"' <script'
	says 'status 9'
	mv "$COMMIT_ROOT" root
}

@test "content that does not fit into memory's share is shown from the disk" {
	head -c 70000000 /dev/zero >big
	gives 0 commit-txn run --validate='cmp "$1/big" big' -- commit-txn put @ big --from=big
	cmp big root/big
	idle
}

@test "a signal ends the validator, and nothing is committed" {
	before=$(tree root)
	mkfifo ready
	commit-txn script --validate='echo $$ > ready; exec sleep 60' <script 3>&- &
	PIDS=$!
	read -r -t 20 child <>ready
	kill -TERM $!
	status=0
	wait $! || status=$?
	[ "$status" -eq 143 ]
	! kill -0 "$child" 2>/dev/null || return 1
	[ "$(tree root)" = "$before" ]
	idle
}
