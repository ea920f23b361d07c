#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# commit-save --in-place: the inode stays; where the journal goes; what an
# interrupted edit means for the next save.
# shellcheck disable=SC2016 # validators expand their own $1
# shellcheck disable=SC2034 # the helper reads RUN and PIDS
# shellcheck disable=SC2030,SC2031 # each test is a subshell, and so it should be

load options-helper

setup() { scratch; }
teardown() { sweep; }

@test "the inode, its other names and its metadata stay" {
	echo old > f
	ln f g
	chmod 640 f
	[ "$(id -u)" -ne 0 ] || chown 1:2 f
	old=$(stat -c '%i %a %u %g %h' f)
	echo new | gives 0 commit-save --in-place f
	holds f 'new\n'
	holds g 'new\n'
	[ "$(stat -c '%i %a %u %g %h' f)" = "$old" ]
	[ ! -e "$ROOT/journals" ]
	clean
}

@test "shrinking, growing, to nothing, from nothing, by many megabytes" {
	local size
	: > f
	old=$(inode f)
	for size in 1 511 512 513 100000 3 70000 65536 5000001 1; do
		head -c "$size" /dev/urandom > want
		gives 0 commit-save --in-place f < want
		cmp f want
	done
	gives 4 commit-save --in-place f < /dev/null
	cmp f want
	gives 0 commit-save --in-place --allow-empty f < /dev/null
	[ ! -s f ]
	echo new | gives 0 commit-save --in-place f
	holds f 'new\n'
	[ "$(inode f)" = "$old" ]
	clean
}

@test "no space for a file that grows: 1, before anything is committed" {
	echo old > f
	# of the times only the one that nobody can set may change
	before=$(stat -c '%i %a %s %b %Y' f)
	echo longer | COMMIT_FAULT=1:ENOSPC:reserve gives 1 "$FAULTY/commit-save" --in-place -b f
	says f ENOSPC
	[ "$(stat -c '%i %a %s %b %Y' f)" = "$before" ]
	holds f 'old\n'
	[ ! -e f~ ]
	clean
	# nothing to reserve
	echo new | COMMIT_FAULT=1:ENOSPC:reserve gives 0 "$FAULTY/commit-save" --in-place f
}

@test "with other options: -a, -u, -m, -o, -b, --validate, -e, a command, --from" {
	echo old > f
	old=$(inode f)
	echo more | gives 0 commit-save --in-place -a f
	holds f 'old\nmore\n'
	before=$(state f)
	printf 'old\nmore\n' | gives 6 commit-save --in-place -u --unchanged=6 f
	[ "$(state f)" = "$before" ]
	gives 0 commit-save --in-place -b -m 600 f -- echo three
	holds f~ 'old\nmore\n'
	[ "$(mode f) $(mode f~)" = '600 644' ]
	echo four > src
	gives 0 commit-save --in-place --backup=numbered --from=src f
	holds f.~1~ 'three\n'
	token=$(commit-save --token f)
	echo five | gives 0 commit-save --in-place -e "$token" --validate='grep -q five "$1"' f
	echo six | gives 4 commit-save --in-place -e "$token" f
	echo six | gives 4 commit-save --in-place -x f
	echo six | gives 4 commit-save --in-place -b --validate='grep -q five "$1"' f
	[ ! -e f~~ ]
	holds f 'five\n'
	if [ "$(id -u)" -eq 0 ]; then
		echo six | gives 0 commit-save --in-place -o 3:4 -m u+s f
		[ "$(stat -c '%u %g %a' f)" = '3 4 4600' ]
	fi
	[ "$(inode f)" = "$old" ]
	clean
}

@test "read-only needs --force here too; a new FILE is an ordinary one" {
	echo old > f
	chmod 444 f
	echo new | gives 4 commit-save --in-place f
	holds f 'old\n'
	echo new | gives 0 commit-save --in-place --json g
	json '.outcome == "created"'
	clean
}

@test "a running reader that holds the file open sees the new content" {
	echo old > f
	exec 7< f
	echo new | gives 0 commit-save --in-place f
	[ "$(cat <&7)" = new ]
	exec 7<&-
}

# A file that its owner may write, in a directory that he may not.
shut_in()
{
	need_root
	need_user
	mkdir shut state
	echo old > shut/f
	give shut/f state "$ROOT/home"
	chmod 755 shut
	old=$(inode shut/f)
	# a relative path would mean another place after a crash
	STATE=$ROOT/w/state
}

# saved_by DIR: the save worked, and DIR is where its journal was
saved_by()
{
	echo new | gives 0 as_user commit-save --in-place "${@:2}" shut/f
	silent
	holds shut/f 'new\n'
	[ "$(inode shut/f)" = "$old" ]
	[ -d "$1" ]
	[ -z "$(ls -A "$1")" ]
	[ "$(mode "$1")" = 700 ]
	[ "$(stat -c %u "$1")" = 65534 ]
	rm -r "$1"
	printf 'old\n' > shut/f
}

@test "an unwritable directory: --journal-dir, COMMIT_JOURNAL_DIR, XDG_STATE_HOME, HOME, in that order" {
	shut_in
	echo new | gives 1 as_user commit-save shut/f
	says shut/f --in-place EACCES
	export COMMIT_JOURNAL_DIR=$STATE/env XDG_STATE_HOME=$STATE/xdg
	saved_by "$STATE/option" --journal-dir="$STATE/option"
	[ ! -e "$STATE/env" ] && [ ! -e "$STATE/xdg" ]
	saved_by "$STATE/env"
	[ ! -e "$STATE/xdg" ]
	unset COMMIT_JOURNAL_DIR
	saved_by "$STATE/xdg/commit"
	unset XDG_STATE_HOME
	saved_by "$HOME/.local/state/commit"
	# the XDG rule: what is not absolute is ignored
	export XDG_STATE_HOME=relative
	saved_by "$HOME/.local/state/commit"
	[ ! -e relative ]
	unset XDG_STATE_HOME HOME
	echo new | gives 1 as_user commit-save --in-place shut/f
	says shut/f
	holds shut/f 'old\n'
	clean
}

@test "an unwritable directory: -a, --validate, a new mode, an old journal directory" {
	shut_in
	mkdir "$STATE/j"
	give "$STATE/j"
	export COMMIT_JOURNAL_DIR=$STATE/j
	echo more | gives 0 as_user commit-save --in-place -a -m 600 \
		--validate='grep -q old "$1" && grep -q more "$1" && test "${1##*/}" = f' shut/f
	holds shut/f 'old\nmore\n'
	[ "$(mode shut/f)" = 600 ]
	before=$(state shut/f)
	echo no | gives 4 as_user commit-save --in-place --validate='test -f "$1" && exit 1' shut/f
	says 'status 1'
	# a backup would have to be beside it
	echo no | gives 1 as_user commit-save --in-place -b shut/f
	says 'back up' EACCES
	echo no | gives 0 as_user commit-save --in-place -n shut/f
	[ "$(state shut/f)" = "$before" ]
	[ -z "$(ls -A "$STATE/j")" ]
	clean
}

@test "a journal directory that cannot be made" {
	shut_in
	echo new | gives 1 as_user commit-save --in-place --journal-dir=/proc/nothing shut/f
	says shut/f
	echo new | gives 1 as_user commit-save --in-place --journal-dir="$PWD/shut/f" shut/f
	echo new | gives 1 as_user commit-save --in-place --journal-dir="$PWD/shut/j" shut/f
	holds shut/f 'old\n'
	clean
}

@test "interrupted: the next save finishes it first; a dry run and a token say so and do not" {
	orphan inplace .
	before=$(tree)
	gives 3 commit-save --token f
	says f commit-recover
	echo newer | gives 3 commit-save -n f
	says f commit-recover
	echo newer | gives 3 commit-save -n --in-place --json f
	json '.exit == 3 and .outcome == "failed"'
	[ "$(tree)" = "$before" ]
	gives 0 commit-save f -- sh -c 'echo "$(cat f), then newer"'
	holds f 'new, then newer\n'
	clean
}

@test "interrupted, then edited by somebody: no save, 11, and nothing is overwritten" {
	orphan inplace .
	echo theirs > f
	before=$(tree)
	echo newer | gives 11 commit-save f
	says f somebody "${LEFT#./}"
	echo newer | gives 11 commit-save --in-place f
	gives 11 commit-save --json f -- sh -c 'touch ran; echo x'
	json '.exit == 11'
	[ ! -e ran ]
	[ "$(tree)" = "$before" ]
	# the way out that the manual names
	mv "$LEFT" f.journal
	echo newer | gives 0 commit-save f
	holds f 'newer\n'
	clean
}

@test "a journal of another user is not obeyed: it says who shall own what" {
	need_root
	need_user
	mkdir theirs
	give theirs
	RUN=as_user orphan inplace theirs
	before=$(tree)
	echo x | gives 11 commit-save theirs/f
	says theirs/f 65534 --as-owner
	echo x | gives 11 commit-save --in-place theirs/f
	gives 3 commit-save --token theirs/f
	# not even if it is about our file
	chown root theirs/f
	echo x | gives 11 commit-save theirs/f
	[ "$(cat theirs/f)" = old ]
	chown 65534 theirs/f
	# its own user finishes it
	echo newer | gives 0 as_user commit-save theirs/f
	holds theirs/f 'newer\n'
	clean
}

@test "what stands under the journal's name and is no journal" {
	orphan inplace .
	name=$LEFT
	for what in 'mkfifo' 'mkdir' 'ln -s f'; do
		rm -rf "$name"
		$what "$name"
		status=0
		echo x | commit-save f 2> "$ERR" || status=$?
		echo "$what: $status"
		cat "$ERR"
		[ "$status" -eq 1 ] || [ "$status" -eq 11 ]
		holds f 'old\n'
	done
	rm -rf "$name"
	# a journal of nothing, and one cut short
	: > "$name"
	echo x | gives 11 commit-save f
	says damaged
	orphan inplace .
	truncate -s -1 "$LEFT"
	echo x | gives 11 commit-save f
	holds f 'old\n'
}
