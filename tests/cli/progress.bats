#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
#
# Progress of long work: on a terminal, after a while, wiped off at the end, and not
# there for whom it is not. Each work here waits for more than the second after which
# it is told.

# shellcheck disable=SC2154 # the helpers set variables
load txn-helper

setup() {
	need script python3
	scratch
	export TERM=xterm
	unset NO_COLOR
}
teardown() { sweep; }

# on_terminal CMD: a shell's command with a terminal for standard output and error; what
# came there is in the file seen. It must give 0.
on_terminal() {
	script -qec "$1" seen </dev/null >/dev/null
}

# sees TEXT...: it came on the terminal
sees() {
	local text
	for text; do
		grep -qF -- "$text" seen && continue
		echo "no '$text' on the terminal:"
		cat -A seen
		return 1
	done
}

sees_no() {
	if grep -F -- "$1" seen; then
		cat -A seen
		return 1
	fi
}

# leaves PATTERN: what a terminal shows of it in the end, without empty lines
leaves() {
	python3 - "$1" <<-'END'
		import re, sys
		shown, column, line = [], 0, []
		data = open("seen", encoding="utf-8", newline="").read()
		# script's own first and last line
		data = re.sub(r"\ASc[^\n]*\n|\n?Sc[^\n]*\n\Z", "", data)
		data = re.sub("\x1b\\[[0-9;]*m", "", data)
		for character in data:
		    if character == "\r":
		        column = 0
		    elif character == "\n":
		        shown.append("".join(line).rstrip())
		        line, column = [], 0
		    else:
		        line[column:column + 1] = [character]
		        column += 1
		shown.append("".join(line).rstrip())
		got = "\n".join(text for text in shown if text)
		assert re.fullmatch(sys.argv[1], got), repr(got)
	END
}

# A pipe that has two pieces, with a rest between them that begins when the first was read
slowly='{ head -c 3000000 /dev/zero; sleep 1.3; head -c 3000000 /dev/zero; }'

@test "commit-save: how much was copied, and nothing of it stays on the terminal" {
	on_terminal "$slowly | commit-save f"
	sees ' MiB copied' $'\e[2m' $'\r'
	leaves ''
	[ "$(stat -c %s f)" -eq 6000000 ]
}

@test "commit-save: a message comes on a line of its own" {
	on_terminal "$slowly | commit-save -v f"
	leaves 'commit-save: f: created, 6000000 bytes, 2 flushes'
}

@test "not with -q, not into a file" {
	on_terminal "$slowly | commit-save -q f"
	sees_no copied
	script -qec "$slowly | commit-save f 2>messages" seen </dev/null >/dev/null
	sees_no copied
	[ ! -s messages ]
}

@test "NO_COLOR and a dumb terminal: no escape sequences" {
	export NO_COLOR=1
	on_terminal "$slowly | commit-save f"
	sees copied
	sees_no $'\e'
	# empty counts as not set
	export NO_COLOR=
	on_terminal "$slowly | commit-save f"
	sees $'\e[2m'
	unset NO_COLOR
	export TERM=dumb
	on_terminal "$slowly | commit-save f"
	sees copied
	sees_no $'\e'
	leaves ''
}

@test "what a command or a validator says is not mixed with it" {
	on_terminal "commit-save f -- sh -c '$slowly; echo said >&2'"
	sees_no copied
	leaves said
	on_terminal "$slowly | commit-save --validate='echo checked >&2' f"
	leaves checked
}

@test "commit-txn apply: entries and bytes, of many and of one large one" {
	need_archive
	mkdir many
	head -c 3000000 /dev/urandom >many/large
	for n in $(seq 30); do
		echo "$n" >"many/$n"
	done
	tar -cf a.tar -C many .
	on_terminal "{ head -c 1000000 a.tar; sleep 1.3; tail -c +1000001 a.tar; } | commit-txn apply -C root -"
	sees ' entries, '
	leaves ''
	cmp root/large many/large
	on_terminal "{ head -c 1000000 a.tar; sleep 1.3; tail -c +1000001 a.tar; } | commit-txn apply -q -C root -"
	sees_no entries
}

@test "commit-recover: entries looked at; a finding comes on a line of its own" {
	need strace
	strace -o trace true 2>/dev/null || skip 'strace may not trace'
	mkdir tree
	(cd tree && seq 699 | xargs touch && touch .commit-0123456789abcdef-01234567-0123456789abcdef.staged)
	# the search for leaks cannot be traced
	export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0"
	on_terminal "strace -f -qq -o trace -e trace=getdents64 -e inject=getdents64:delay_enter=1300000:when=1 \
		commit-recover -v tree"
	sees ' directory entries looked at'
	leaves $'unproven staged tree/[^\n]*\ncommit-recover: 700 directory entries, 1 findings, 0 repaired, 0 not, 0 to be decided by a person'
}
