#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# The command line of commit-save: forms, `--`, what is refused with 2, messages,
# JSON, exit statuses.

load options-helper

setup() { scratch; }
teardown() { sweep; }

@test "the four forms" {
	echo one | gives 0 commit-save f
	silent
	holds f 'one\n'
	gives 0 commit-save f -- echo two
	silent
	holds f 'two\n'
	echo three > src
	gives 0 commit-save --from=src f
	silent
	holds f 'three\n'
	echo four | gives 0 commit-save --from=- f
	holds f 'four\n'
	echo five | gives 0 commit-save --from - f
	holds f 'five\n'
	[ ! -s "$OUT" ]
	clean
}

@test "options stand anywhere before --" {
	echo old > f
	echo one | gives 0 commit-save f -b
	holds f~ 'old\n'
	gives 0 commit-save f -m 600 -- echo two
	[ "$(mode f)" = 600 ]
	# After -- they are the command's.
	gives 0 commit-save f -- echo -b
	holds f '-b\n'
	holds f~ 'old\n'
}

@test "-- before FILE ends the options; the next starts the command" {
	echo one | gives 0 commit-save -- -f
	holds ./-f 'one\n'
	gives 0 commit-save -- -f -- echo two
	holds ./-f 'two\n'
	gives 0 commit-save -- f -- echo -- x
	holds f '-- x\n'
	gives 0 commit-save f -- echo --
	holds f '--\n'
	# A command is a command, whatever it looks like.
	gives 4 commit-save f -- --help
	says --help
	holds f '--\n'
}

@test "usage errors are 2, say why, and touch nothing" {
	local words text
	echo old > f
	before=$(tree)
	while IFS='|' read -r words text; do
		eval "set -- $words"
		echo new | gives 2 commit-save "$@" || { echo "case: $words"; return 1; }
		says "$text" || { echo "case: $words"; return 1; }
		[ ! -s "$OUT" ]
		[ "$(wc -l < "$ERR")" -eq 1 ]
	done <<-'END'
		|FILE is missing
		-a|FILE is missing
		--|FILE is missing
		-- --|no command follows
		''|empty
		-|./-
		--from=f -|./-
		f g|g: a second FILE
		-- f g|g: a second FILE
		f --|no command follows
		-- f --|no command follows
		--from=f f -- cat|one source
		--from=f --from=f g|twice
		--from= f|empty
		--token f -- cat|--token
		--token --from=g f|--token
		--nonsense f|--nonsense
		-Z f|-Z
		--m f|--m
		--append=yes f|takes no value
		--wait f|no number of seconds
		--wait 1|FILE is missing
		f --wait|needs a value
		f -S|needs a value
		--wait=soon f|soon
		--wait=-1 f|-1
		--wait= f|seconds
		--backup=sometimes f|simple, never, numbered
		--backup= f|simple
		-bt f|-t
		-S a/b f|a/b
		-S '' f|empty
		-m 888 f|888
		-m 17777 f|17777
		-m rw f|rw
		-m '' f|no mode
		-o no_such_user_here f|no_such_user_here
		-o :no_such_group_here f|no_such_group_here
		-o '' f|USER
		-o : f|USER
		-o 4294967295 f|4294967295
		--symlink=maybe f|follow, replace, refuse
		--hardlink=maybe f|refuse, break, in-place
		--sync=maybe f|full, data, none
		--no-preserve=mode,luck f|luck
		--ok=1 f|there is none
		--ok=256 f -- cat|256
		--ok=3-1 f -- cat|3-1
		--ok=1, f -- cat|1,
		--unchanged=3 f|--if-changed
		--unchanged=256 -u f|256
		-x --must-exist f|contradicts
		-e '' f|empty
		-e rubbish f|token
		-e 1-2 f|token
		--validate= f|empty
		--journal-dir= f|empty
		--in-place --symlink=replace f|in place
	END
	[ "$(tree)" = "$before" ]
}

@test "a FILE named - is ./-" {
	echo x | gives 0 commit-save ./-
	holds ./- 'x\n'
}

@test "--help and --version go to standard output and need no FILE" {
	gives 0 commit-save --help
	silent
	prints 'usage: commit-save' '--unchanged=CODE' 'Exit status'
	gives 0 commit-save --version
	silent
	[[ $(cat "$OUT") =~ ^commit-save\ \(libcommit\)\ [0-9]+\.[0-9]+ ]]
	# The first that is met, whatever follows.
	gives 0 commit-save f --help -- false
	[ ! -e f ]
}

@test "--help names every option of the manual, and the manual those of --help" {
	gives 0 commit-save --help
	grep -oE -- '--[a-z][a-z-]+' "$OUT" | sort -u > helped
	{
		grep -E '^\.It Fl' "$LC_SRCDIR/man/commit-save.1" | grep -oE 'Fl -[a-z-]+|, -[a-z-]+' |
			sed -E 's/^(Fl|,) -/--/'
	} | sort -u > documented
	diff helped documented
}

@test "-q: no warnings; errors remain" {
	need_user
	echo old > f
	give .
	# its owner cannot be kept by somebody else
	[ "$(id -u)" -eq 0 ] || skip 'needs files of another user'
	echo new | gives 0 as_user commit-save -f f
	says 'warning: ' owner EPERM
	echo old > g
	echo new | gives 0 as_user commit-save -q -f g
	silent
	chmod 400 g
	echo new | gives 4 as_user commit-save -q g
	says --force
}

@test "-v says what was done" {
	echo x | gives 0 commit-save -v f
	says f created '2 bytes' flushes
	echo x | gives 0 commit-save -v -u f
	says unchanged
	echo y | gives 0 commit-save -v -b f
	says saved 'f~'
	[ ! -s "$OUT" ]
}

@test "--json: the keys, and no others" {
	need_json
	keys='keys == ["backup","bytes","error","exit","flushes","outcome","path","tool","version","warnings","would"]'
	echo x | gives 0 commit-save --json f
	silent
	json "$keys"
	json '.tool == "commit-save" and .path == "f" and .outcome == "created" and .would == false and
		.bytes == 2 and .flushes == 2 and .backup == null and .exit == 0 and .error == null and
		.warnings == []'
	echo xy | gives 0 commit-save --json -b f
	json "$keys and .outcome == \"saved\" and .backup == \"f~\" and .bytes == 3"
	echo xy | gives 7 commit-save --json -u --unchanged=7 f
	json "$keys and .outcome == \"unchanged\" and .exit == 7 and .bytes == 3 and .backup == null"
	: | gives 0 commit-save --json -a f
	json '.outcome == "unchanged" and .bytes == 3'
	echo z | gives 0 commit-save --json -a f
	json '.outcome == "saved" and .bytes == 5'
	echo in | gives 0 commit-save --json --in-place f
	json '.outcome == "edited" and .bytes == 3'
	echo n | gives 0 commit-save --json -n f
	json "$keys and .would == true and .outcome == \"saved\" and .bytes == 2"
	echo n | gives 0 commit-save --json -n -a f
	json '.would == true and .bytes == 5'
}

@test "--json: errors too, on standard output, beside the message" {
	echo old > f
	gives 4 commit-save --json f -- false
	json '.outcome == "failed" and .exit == 4 and .error.operation == "run" and .error.path == "f" and
		.error.errno == null and (.error.text | test("status 1")) and .bytes == 0'
	says 'status 1'
	gives 1 commit-save --json --from=missing f
	json '.exit == 1 and .error.errno == "ENOENT" and .error.path == "missing"'
	echo x | gives 2 commit-save --json -e rubbish f
	json '.exit == 2 and .error.errno == "EINVAL"'
	gives 1 commit-save --json --token f/g
	json '.token == null and .exit == 1 and .error.errno == "ENOTDIR"'
	gives 0 commit-save --json --token f
	json 'keys == ["error","exit","path","token","tool","version"] and (.token | length) > 40'
	gives 0 commit-save --json --token missing
	json '.token == "absent" and .exit == 0 and .error == null'
}

@test "--json: warnings are errors without failing" {
	need_root
	need_user
	echo old > f
	give .
	echo new | gives 0 as_user commit-save --json -f f
	json '.exit == 0 and .error == null and (.warnings | length) >= 1 and
		all(.warnings[]; .path == "f" and .errno == "EPERM" and .operation != null)'
}

@test "--json: a path that is not UTF-8 is bytes in base64" {
	name=$'caf\xe9\n"x'
	echo x | gives 0 commit-save --json "$name"
	json '.path.bytes != null'
	[ "$(jq -r .path.bytes "$OUT" | base64 -d; echo .)" = "$name." ]
	echo x | gives 4 commit-save --json -x "$name"
	[ "$(jq -r .error.path.bytes "$OUT" | base64 -d; echo .)" = "$name." ]
	echo x | gives 0 commit-save --json $'caf\xc3\xa9\n"'
	json '.path == "café\n\""'
	# of each length modulo three
	for name in $'\xff' $'\xffa' $'\xffab' $'\xffabc'; do
		echo x | gives 0 commit-save --json "$name"
		[ "$(jq -r .path.bytes "$OUT")" = "$(printf %s "$name" | base64)" ]
	done
}

@test "messages are one line, whatever the name is" {
	name=$'new\nline\e[31m'
	echo x > "$name"
	echo x | gives 4 commit-save -x "$name"
	[ "$(wc -l < "$ERR")" -eq 1 ]
	says 'new\012line\033[31m' 'commit-save: '
}

@test "JSON that cannot be written is 1 only if nothing was done" {
	need_json
	[ -c /dev/full ] || skip 'no /dev/full'
	echo x > f
	status=0
	echo y | commit-save --json f > /dev/full 2> "$ERR" || status=$?
	[ "$status" -eq 0 ]
	holds f 'y\n'
	says ENOSPC
	status=0
	commit-save --token f > /dev/full 2> "$ERR" || status=$?
	[ "$status" -eq 1 ]
	says ENOSPC
	status=0
	commit-save --help > /dev/full 2> "$ERR" || status=$?
	[ "$status" -eq 1 ]
}

@test "exit 0, 1, 3: before the commit, after it" {
	need_json
	echo old > f
	# the flush of the content
	echo new | COMMIT_FAULT=1:EIO:fsync gives 1 "$FAULTY/commit-save" f
	says EIO
	holds f 'old\n'
	clean
	# the flush of the directory
	echo new | COMMIT_FAULT=2:EIO:fsync gives 3 "$FAULTY/commit-save" --json f
	says EIO commit-recover
	json '.outcome == "saved" and .exit == 3 and .error.errno == "EIO"'
	holds f 'new\n'
	clean
	# a file system that cannot flush directories: tolerated, said with -v
	echo newer | COMMIT_FAULT=2:EINVAL:fsync gives 0 "$FAULTY/commit-save" f
	silent
	echo newer | COMMIT_FAULT=2:EINVAL:fsync gives 0 "$FAULTY/commit-save" -v f
	says 'cannot flush directories'
}

@test "exit 6: the journal's flush does not tell; commit-recover decides" {
	echo old > f
	echo new | COMMIT_FAULT=2:EIO:fsync gives 6 "$FAULTY/commit-save" --in-place f
	says EIO commit-recover
	holds f 'old\n'
	# the message names the journal by a path that exists
	journal=$(remains .)
	says "${journal#./}"
	gives 10 commit-recover .
	holds f 'new\n'
	clean
}

@test "a terminal is announced" {
	command -v script > /dev/null || skip 'no script(1)'
	printf 'typed\n\004' | script -qec 'commit-save f' /dev/null > "$OUT" 2>&1
	prints 'f: reading its new content from the terminal' 'Ctrl-D'
	holds f 'typed\n'
	printf 'again\n\004' | script -qec 'commit-save -q f' /dev/null > "$OUT" 2>&1
	lacks "$OUT" terminal
	holds f 'again\n'
	# Not where the terminal is not read.
	script -qec 'commit-save f -- echo x' /dev/null < /dev/null > "$OUT" 2>&1
	lacks "$OUT" terminal
}
