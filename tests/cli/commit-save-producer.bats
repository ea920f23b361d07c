#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# What commit-save runs: the command that makes the content, and the validator.
# shellcheck disable=SC2016 # validators expand their own $1 and $2
# shellcheck disable=SC2034 # the helper reads RUN and PIDS
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and so it should be
# shellcheck disable=SC2094 # a file that is its own source is the point

load options-helper

setup()
{
	scratch
	echo old > f
	before=$(state f)
}
teardown() { sweep; }

untouched()
{
	[ "$(state f)" = "$before" ] || { echo 'f was touched:'; cat f; return 1; }
	clean
}

@test "a command that fails: 4, its status in the message, the file as it was" {
	gives 4 commit-save f -- false
	says f false 'status 1' 'left as it was'
	untouched
	gives 4 commit-save f -- sh -c 'echo half; exit 77'
	says 'status 77'
	untouched
	gives 4 commit-save new -- sh -c 'echo half; exit 1'
	[ ! -e new ]
	# its own messages pass through
	gives 4 commit-save f -- sh -c 'echo complaint >&2; exit 1'
	says complaint
	# what a pipe cannot know
	echo half | gives 0 commit-save f
}

@test "a command that dies of a signal: 4, named" {
	local signal
	for signal in KILL SEGV TERM PIPE HUP; do
		gives 4 commit-save f -- sh -c "echo half; kill -$signal \$\$"
		says "SIG$signal"
		untouched
	done
	gives 4 commit-save --ok=0-255 f -- sh -c 'echo half; kill -9 $$'
	untouched
}

@test "a command that is not there or cannot be run: 4, with 127 or 126" {
	gives 4 commit-save f -- ./no-such-command
	says no-such-command 127
	echo text > text
	gives 4 commit-save f -- ./text
	says 126 EACCES
	gives 4 commit-save f -- .
	untouched
	gives 4 commit-save --json f -- no-such-command-at-all
	json '.error.errno == "ENOENT" and .exit == 4'
}

@test "--ok: statuses that count as success" {
	echo 'ERROR x' > log
	gives 4 commit-save f -- grep NOTHING log
	untouched
	gives 4 commit-save --ok=1 f -- grep NOTHING log
	says empty
	untouched
	gives 0 commit-save --ok=1 --allow-empty f -- grep NOTHING log
	[ ! -s f ]
	gives 0 commit-save --ok=1 f -- grep ERROR log
	holds f 'ERROR x\n'
	gives 4 commit-save --ok=1 f -- grep ERROR no-such-log
	says 'status 2'
	holds f 'ERROR x\n'
	gives 0 commit-save --ok=3-5,9 f -- sh -c 'echo four; exit 4'
	gives 0 commit-save --ok=3-5,9 f -- sh -c 'echo nine; exit 9'
	gives 0 commit-save --ok=7 --ok=9 f -- sh -c 'echo seven; exit 7'
	holds f 'seven\n'
	gives 4 commit-save --ok=3-5,9 f -- sh -c 'echo six; exit 6'
	holds f 'seven\n'
}

@test "the command has our standard input, environment and directory" {
	echo from stdin | X=y gives 0 commit-save f -- sh -c 'cat; echo "$X"; pwd'
	holds f "from stdin\ny\n$PWD\n"
}

@test "the command has no descriptors of ours, and the signals it would have without us" {
	gives 0 commit-save --lock --sync=none f -- sh -c 'ls /proc/$$/fd'
	mine=$(sh -c 'ls /proc/$$/fd')
	[ "$(cat f)" = "$mine" ]
	gives 0 commit-save f -- grep -E '^Sig(Blk|Ign)' /proc/self/status
	# libc's own signals 32 and 33 aside
	low='s/[0-9a-f]*([0-9a-f]{7})$/\1/'
	[ "$(sed -E "$low" f)" = "$(grep -E '^Sig(Blk|Ign)' /proc/self/status | sed -E "$low")" ]
}

@test "huge output" {
	gives 0 commit-save --sync=none f -- head -c 200000000 /dev/zero
	[ "$(stat -c %s f)" -eq 200000000 ]
	gives 4 commit-save --sync=none f -- sh -c 'head -c 50000000 /dev/zero; exit 1'
	[ "$(stat -c %s f)" -eq 200000000 ]
	clean
}

@test "a command that closes its output early is waited for" {
	gives 4 commit-save f -- sh -c 'echo x; exec >&-; sleep 0.2; exit 1'
	untouched
	gives 0 commit-save f -- sh -c 'echo x; exec >&-; sleep 0.2; touch finished'
	holds f 'x\n'
	[ -e finished ]
}

@test "a command without output" {
	gives 4 commit-save f -- sh -c 'exec >&-'
	says empty
	untouched
}

# in_state PID STATE: its command's process is in that state
child_in_state()
{
	local child
	child=$(pgrep -P "$1" | head -n 1)
	[ -n "$child" ] && grep -qs "^State:[[:space:]]*$2" "/proc/$child/status"
}

@test "TERM, INT, HUP while the command is stopped: it ends, we die of the signal" {
	local signal number
	for signal in TERM:143 INT:130 HUP:129; do
		number=${signal#*:}
		signal=${signal%:*}
		# of its own job, or INT would be ignored from the start
		set -m
		commit-save f -- sh -c 'echo $$ > pid; echo half; kill -STOP $$; echo more' 3>&- \
			2> "$ERR" &
		saver=$!
		set +m
		PIDS="$PIDS $saver"
		until_true child_in_state "$saver" T
		kill -"$signal" "$saver"
		start=$SECONDS
		status=0
		wait "$saver" || status=$?
		# it was continued, or KILL would come after five seconds only
		[ $((SECONDS - start)) -lt 4 ]
		[ "$status" -eq "$number" ]
		run ! kill -0 "$(cat pid)"
		untouched
	done
}

# gone PID: reaped, or about to be
gone()
{
	! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

@test "TERM while the validator runs: what it started ends too" {
	mkfifo fifo
	echo new | commit-save --validate='sh -c "echo \$\$ > pid; exec cat fifo"; true' f 3>&- &
	saver=$!
	PIDS="$PIDS $saver"
	until_true test -s pid
	PIDS="$PIDS $(cat pid)"
	kill -TERM "$saver"
	status=0
	wait "$saver" || status=$?
	[ "$status" -eq 143 ]
	untouched
	until_true gone "$(cat pid)"
}

@test "a closed standard input, output, error" {
	gives 1 commit-save f <&-
	says 'closed' --from
	untouched
	gives 0 commit-save f -- echo x <&-
	holds f 'x\n'
	gives 0 sh -c 'echo y | commit-save f >&-'
	holds f 'y\n'
	status=0
	commit-save --token f >&- 2> "$ERR" || status=$?
	[ "$status" -eq 1 ]
	status=0
	commit-save -x f 2>&- < f || status=$?
	[ "$status" -eq 4 ]
	holds f 'y\n'
}

@test "--validate: \$1 is the staged file, \$2 the real path, \$0 sh" {
	mkdir d
	mv f d/f
	ln -s d/f link
	echo new | gives 0 commit-save --validate='echo "$0 $# $1 $2"; cat "$1" "$2"; test -f "$1"' link
	says 'sh 2 ' ' d/f' new old
	[ ! -s "$OUT" ]
	holds d/f 'new\n'
	clean
}

@test "--validate: it sees base name, final mode, owner and content" {
	chmod 640 f
	echo new | gives 0 commit-save -m u+x,g+s --validate='
		test "${1##*/}" = f && stat -c "%a %u %g" "$1" > seen && cmp "$1" want' f -- \
		sh -c 'echo new | tee want'
	[ "$(cat seen)" = "$(stat -c '%a %u %g' f)" ]
	[ "$(mode f)" = 2740 ]
	echo new | gives 0 commit-save -m 600 --validate='stat -c "%a ${1##*/}" "$1" > seen' new
	[ "$(cat seen)" = '600 new' ]
	# in place too
	echo newer | gives 0 commit-save --in-place -m 604 \
		--validate='stat -c "%a ${1##*/} %s" "$1" > seen' f
	[ "$(cat seen)" = '604 f 6' ]
	# appended to what was there
	echo more | gives 0 commit-save -a --validate='cat "$1" > seen' f
	holds seen 'newer\nmore\n'
	clean
}

@test "--validate: a path that has directories, absolute or not" {
	mkdir -p d/e
	echo x | gives 0 commit-save --validate='test -f "$1" && cd / && test "$2" = d/e/f' d/e/f
	echo x | gives 0 commit-save --validate='cd / && test -f "$1"' "$PWD/d/e/f"
	cd d
	echo x | gives 0 commit-save --validate='test -f "$1"' ../f
	holds ../f 'x\n'
}

@test "--validate: {} stands for \$1 on plain paths" {
	echo new | gives 0 commit-save --validate='test -f {} && test {} = "$1" && grep -q new {}' f
	holds f 'new\n'
}

@test "--validate: {} on a path that a shell would misread is 2, and nothing has run" {
	local name
	for name in 'a b' 'a;touch pwned' 'a$(touch pwned)' "a'b" 'a*' 'a`b' 'a&b' $'a\nb' 'ü' '~a' '#a' 'a{b'; do
		gives 2 commit-save --validate='cat {}' "$name" -- sh -c 'touch ran; echo x'
		says '"$1"'
		[ ! -e "$name" ] && [ ! -e ran ] && [ ! -e pwned ]
		echo new | gives 0 commit-save --validate='grep -q new "$1" && test -n "$2"' "$name"
		holds "$name" 'new\n'
	done
	# where the link leads counts, not what was typed
	ln -s 'a b' link
	echo x | gives 2 commit-save --validate='cat {}' link
	clean
}

@test "--validate: no is 4, and nothing has changed" {
	echo new | gives 4 commit-save --validate='exit 3' f
	says f validat 'status 3'
	untouched
	echo new | gives 4 commit-save --validate='kill -9 $$' f
	says SIGKILL
	untouched
	echo new | gives 4 commit-save --validate='no-such-command "$1"' f
	says 'status 127'
	untouched
	echo new | gives 4 commit-save -b --in-place --validate=false f
	[ ! -e f~ ]
	untouched
	echo new | gives 4 commit-save --validate=false new
	[ ! -e new ]
	clean
}

@test "--validate: one that changes, replaces or removes the staged file is refused" {
	local what
	for what in 'echo more >> "$1"' 'chmod 777 "$1"' 'touch "$1"' 'rm "$1"' ': > "$1"' \
		'cp "$1" x; mv x "$1"' 'mv "$1" "$1.away"' 'printf NEW | dd of="$1" conv=notrunc 2> x'; do
		echo new | gives 4 commit-save --validate="$what" f
		says 'changed the staged file' || { echo "case: $what"; return 1; }
		[ "$(state f)" = "$before" ]
		echo new | gives 4 commit-save --in-place --validate="$what" f
		[ "$(state f)" = "$before" ]
	done
}

@test "--validate: what it leaves beside the staged file stays, and is told of" {
	local mode
	for mode in '' --in-place; do
		# shellcheck disable=SC2086
		echo new | gives 0 commit-save $mode --validate='d=${1%/*}; echo a > "$d/a"; mkdir "$d/b"' f
		says warning f 'left files'
		holds f 'new\n'
		left=$(remains .)
		says "${left#./}"
		holds "$left/a" 'a\n'
		gives 0 commit-recover .
		prints unproven 'did not put there'
		holds "$left/a" 'a\n'
		rm -r "$left"
	done
	clean
}

@test "--validate: it has no standard input, and its output is no part of the content" {
	echo new | gives 0 commit-save --validate='test -z "$(cat)"; echo noise' f
	holds f 'new\n'
	[ ! -s "$OUT" ]
	says noise
}

@test "--validate does not run for what will not be saved" {
	echo old | gives 0 commit-save -u --validate='touch ran' f
	gives 4 commit-save --validate='touch ran' f -- false
	gives 4 commit-save --validate='touch ran' f < /dev/null
	gives 0 commit-save -a --validate='touch ran' f < /dev/null
	echo x | gives 4 commit-save -e absent --validate='touch ran' f
	[ ! -e ran ]
	untouched
}

@test "nothing runs with a stale umask or mask of signals" {
	umask 077
	gives 0 commit-save --validate='umask > seen; grep SigBlk /proc/self/status >> seen' new -- \
		sh -c umask
	[ "$(head -n 1 seen)" = 0077 ]
	holds new '0077\n'
	[ "$(tail -n 1 seen)" = "$(grep SigBlk /proc/self/status)" ]
}
