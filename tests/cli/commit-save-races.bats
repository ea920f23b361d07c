#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Many commit-saves on one file: tokens, compare-and-swap, appenders, --lock.
# shellcheck disable=SC2034 # the helper reads RUN and PIDS
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and so it should be
# shellcheck disable=SC2016 # commands expand their own variables

load options-helper

setup() { scratch; }
teardown() { sweep; }

# shell_safe WORD: one that no shell splits, expands or takes for an option
shell_safe()
{
	[[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9.-]*$ ]]
}

# competitors N COMMAND...: N at once, each told its number; statuses in status.N
competitors()
{
	local n=$1 i pids=
	shift
	rm -f status.* message.*
	mkfifo start
	exec 8<> start
	for i in $(seq "$n"); do
		(
			read -r _ <&8
			status=0
			"$@" "$i" 2> "message.$i" 8>&- || status=$?
			echo "$status" > "status.$i"
		) 3>&- &
		pids="$pids $!"
	done
	yes | head -n "$n" >&8
	# shellcheck disable=SC2086
	wait $pids
	exec 8>&-
	rm start
	[ "$(find . -name 'status.*' | wc -l)" -eq "$n" ]
}

# count STATUS: how many ended so
count()
{
	cat status.* | grep -cx "$1" || true
}

@test "--token: one shell-safe word, stable while nothing happens" {
	gives 0 commit-save --token f
	[ "$(cat "$OUT")" = absent ]
	echo x > f
	gives 0 commit-save --token f
	silent
	[ "$(wc -lw < "$OUT" | tr -s ' ')" = ' 1 1' ]
	token=$(cat "$OUT")
	shell_safe "$token"
	cat f > /dev/null
	ln -s f link
	[ "$(commit-save --token f)" = "$token" ]
	[ "$(commit-save --token link)" = "$token" ]
	[ "$(commit-save --token "$PWD/f")" = "$token" ]
	gives 4 commit-save --token --symlink=refuse link
	gives 1 commit-save --token .
	gives 1 commit-save --token nowhere/f
	# it only reads
	chmod 444 f
	gives 0 commit-save --token f
	clean
}

@test "--token: another one after touch, chmod, an edit, an edit that restores the time, a rename" {
	local seen='' what token
	echo one > f
	for what in 'true' 'touch f' 'chmod 600 f' 'echo two > f' \
		'touch -r f ref; echo owt > f; touch -r ref f' 'cp -p f g; mv g f' \
		'ln f g; rm g' 'printf . >> f'; do
		eval "$what"
		token=$(commit-save --token f)
		shell_safe "$token"
		[[ " $seen " != *" $token "* ]] || { echo "the same after: $what"; return 1; }
		seen="$seen $token"
	done
}

@test "-e: saves in the state named, refuses in any other" {
	echo one > f
	token=$(commit-save --token f)
	echo two | gives 0 commit-save -e "$token" f
	holds f 'two\n'
	# used up
	before=$(state f)
	echo three | gives 4 commit-save --expect="$token" f
	says f changed token
	[ "$(state f)" = "$before" ]
	echo three | gives 4 commit-save -e absent f
	rm f
	echo three | gives 4 commit-save -e "$token" f
	[ ! -e f ]
	echo three | gives 0 commit-save -e absent f
	holds f 'three\n'
	# the file behind a link, and with other options
	ln -s f link
	token=$(commit-save --token link)
	echo four | gives 0 commit-save -e "$token" -b link
	holds f 'four\n'
	token=$(commit-save --token f)
	echo four | gives 0 commit-save -u -e "$token" f
	[ "$(commit-save --token f)" = "$token" ]
	echo five | gives 0 commit-save -a -e "$token" f
	echo four | gives 4 commit-save -u -e "$token" f
	holds f 'four\nfive\n'
	clean
}

@test "-e: an edit while the command runs, or the validator, is found" {
	echo one > f
	token=$(commit-save --token f)
	gives 4 commit-save -e "$token" f -- sh -c 'echo theirs > f; echo ours'
	holds f 'theirs\n'
	token=$(commit-save --token f)
	echo ours | gives 4 commit-save -e "$token" --validate='echo other > f' f
	says f 'theirs stays'
	holds f 'other\n'
	token=$(commit-save --token f)
	echo ours | gives 4 commit-save -e "$token" --validate='echo renamed > x; mv x f' f
	holds f 'renamed\n'
	token=$(commit-save --token f)
	echo ours | gives 4 commit-save -e "$token" --validate='rm f' f
	[ ! -e f ]
	echo ours | gives 4 commit-save -e absent --validate='echo theirs > f' f
	holds f 'theirs\n'
	clean
}

swap() { echo "$2" | commit-save -e "$1" f; }

@test "-e: twenty with the same token, one wins, the others get 4" {
	echo start > f
	competitors 20 swap "$(commit-save --token f)"
	[ "$(count 0)" -eq 1 ]
	[ "$(count 4)" -eq 19 ]
	[ "$(cat "status.$(cat f)")" -eq 0 ]
	rm f
	competitors 20 swap absent
	[ "$(count 0)" -eq 1 ]
	[ "$(count 4)" -eq 19 ]
	[ "$(cat "status.$(cat f)")" -eq 0 ]
	clean
}

swap_in_place() { echo "$2" | commit-save --in-place -e "$1" f; }

@test "-e --in-place: twenty with the same token, one wins, the others get 4" {
	echo start > f
	old=$(inode f)
	competitors 20 swap_in_place "$(commit-save --token f)"
	cat message.*
	[ "$(count 0)" -eq 1 ]
	[ "$(count 4)" -eq 19 ]
	[ "$(cat "status.$(cat f)")" -eq 0 ]
	[ "$(inode f)" = "$old" ]
	clean
}

append() { echo "line $1" | commit-save "${OPTIONS[@]}" -a f; }

all_lines()
{
	[ "$(count 0)" -eq 20 ] || { cat message.*; return 1; }
	[ "$(wc -l < f)" -eq "$1" ]
	for i in $(seq 20); do
		[ "$(grep -cx "line $i" f)" -eq $(($1 / 20)) ]
	done
}

@test "-a: twenty at once lose no line, on a new file, an old one, and in place" {
	OPTIONS=()
	competitors 20 append
	all_lines 20
	competitors 20 append
	all_lines 40
	OPTIONS=(--in-place)
	competitors 20 append
	all_lines 60
	OPTIONS=(-b)
	competitors 20 append
	all_lines 80
	[ "$(wc -l < f~)" -eq 79 ]
	clean
}

@test "-a: one that takes no locks adds a line under the validator: refused, not lost" {
	echo one > f
	echo ours | gives 4 commit-save -a --validate='echo theirs >> f' f
	holds f 'one\ntheirs\n'
	echo ours | gives 4 commit-save -a --validate='(cat f; echo theirs) > g; mv g f' f
	holds f 'one\ntheirs\ntheirs\n'
	clean
}

count_up() { commit-save --lock f -- sh -c 'n=$(cat f) && echo $((n + 1))'; }

@test "--lock: twenty counters count to twenty" {
	echo 0 > f
	competitors 20 count_up
	[ "$(count 0)" -eq 20 ]
	holds f '20\n'
	clean
}

@test "--lock is taken before the command runs; without it only around the commit" {
	command -v flock > /dev/null || skip 'no flock(1)'
	echo old > f
	gives 0 commit-save --lock f -- sh -c 'flock -n f true && echo free || echo taken'
	holds f 'taken\n'
	gives 0 commit-save f -- sh -c 'flock -n f true && echo free || echo taken'
	holds f 'free\n'
	# around the commit: a validator runs under it
	echo x | gives 0 commit-save --validate='! flock -n f true' f
	# a new file is guarded by its directory
	gives 0 commit-save --lock new -- sh -c 'flock -n . true && echo free || echo taken'
	holds new 'taken\n'
	# which blocks nobody's save of a file that exists
	gives 0 commit-save --lock newer -- sh -c 'echo in | commit-save --wait=0 f && echo ok'
	holds newer 'ok\n'
	clean
}

@test "--wait=0: 5 at once, for --lock before the command runs" {
	command -v flock > /dev/null || skip 'no flock(1)'
	echo old > f
	before=$(state f)
	hold f
	start=$SECONDS
	echo new | gives 5 commit-save --wait=0 f
	says f --wait
	gives 5 commit-save --wait=0 --lock f -- sh -c 'touch ran; echo x'
	[ ! -e ran ]
	# without --lock the command has run
	gives 5 commit-save --wait=0 f -- sh -c 'touch ran; echo x'
	[ -e ran ]
	echo new | gives 5 commit-save --wait=0 -a f
	echo new | gives 5 commit-save --wait=0 --in-place f
	echo new | gives 5 commit-save --wait=0 -n f
	echo new | gives 5 commit-save --wait=0 --json f
	json '.exit == 5 and .error.errno == "EAGAIN" and .error.operation == "lock"'
	echo new | gives 5 commit-save --wait=0.2 f
	[ $((SECONDS - start)) -lt 5 ]
	# a token needs no lock
	gives 0 commit-save --token f
	release
	[ "$(state f)" = "$before" ]
	clean
	echo new | gives 0 commit-save --wait=0 f
}

# waits PID: it is commit-save, and sleeps
waits()
{
	grep -qs commit-save "/proc/$1/comm" && grep -qs '^State:[[:space:]]*S' "/proc/$1/status"
}

@test "--wait: a lock that is released in time is had" {
	command -v flock > /dev/null || skip 'no flock(1)'
	echo old > f
	hold f
	echo new | commit-save --wait=30 f 3>&- 2> "$ERR" &
	saver=$!
	PIDS="$PIDS $saver"
	until_true waits "$saver"
	holds f 'old\n'
	release
	wait "$saver"
	holds f 'new\n'
	clean
}

@test "TERM while it waits for the lock" {
	command -v flock > /dev/null || skip 'no flock(1)'
	echo old > f
	hold f
	echo new | commit-save f 3>&- &
	saver=$!
	PIDS="$PIDS $saver"
	until_true waits "$saver"
	kill -TERM "$saver"
	status=0
	wait "$saver" || status=$?
	[ "$status" -eq 143 ]
	release
	holds f 'old\n'
	clean
}

@test "who waited saves over what was saved meanwhile, not over an inode that is gone" {
	command -v flock > /dev/null || skip 'no flock(1)'
	echo old > f
	hold f
	echo line | commit-save -a f 3>&- &
	saver=$!
	PIDS="$PIDS $saver"
	until_true waits "$saver"
	# somebody without locks renames over it
	echo renamed > g
	mv g f
	release
	wait "$saver"
	holds f 'renamed\nline\n'
	clean
}
