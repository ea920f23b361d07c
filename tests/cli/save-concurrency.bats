#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Pitfall 27: many writers and readers of one file. Each guard was removed once,
# and the test failed: tests/mutants.

# shellcheck disable=SC2154 # status, output and helper's variables
# shellcheck disable=SC2016 # commands for another shell, in single quotes

load helper

setup() {
	start_here
	writers=20
}

# content WORD: some 200 kB in which each line is the same
content() {
	yes "$1 and nothing else" | head -n 8000
}

# a version is one of ours if all its lines are equal and all are there
whole_version() {
	[ "$(wc -l <"$1")" -eq 8000 ] && [ "$(sort -u "$1" | wc -l)" -eq 1 ]
}

# read_on NAME: look at f until $notes/stop; the number of looks to $notes/NAME.looks
read_on() {
	local looks=0
	while [ ! -e "$notes/stop" ]; do
		cat f >"$notes/$1.seen" 2>/dev/null || continue
		whole_version "$notes/$1.seen" || cp "$notes/$1.seen" "$notes/torn.$1"
		looks=$((looks + 1))
	done
	echo "$looks" >"$notes/$1.looks"
}

# race ARG...: all writers at once, each with its own content; how each ended is
# in $notes/status.N
race() {
	local n all=() readers=()
	rm -f "$notes/stop"
	for n in 1 2 3; do
		read_on "reader$n" 3>&- &
		readers+=("$!")
	done
	for ((n = 1; n <= writers; n++)); do
		(
			status=0
			commit-save "$@" f <"$notes/content.$n" 2>"$notes/said.$n" || status=$?
			echo "$status" >"$notes/status.$n"
		) 3>&- &
		all+=("$!")
	done
	wait "${all[@]}"
	touch "$notes/stop"
	wait "${readers[@]}"
}

all_exit_0() {
	local n
	for ((n = 1; n <= writers; n++)); do
		[ "$(cat "$notes/status.$n")" = 0 ] || { echo "writer $n: $(cat "$notes/status.$n" "$notes/said.$n")"; return 1; }
	done
}

no_reader_saw_a_mix() {
	[ -z "$(find "$notes" -name 'torn.*')" ]
	[ "$(cat "$notes"/reader?.looks | awk '{ n += $1 } END { print n }')" -gt 0 ]
}

contents() {
	local n
	for ((n = 1; n <= writers; n++)); do
		content "writer $n" >"$notes/content.$n"
	done
}

@test "pitfall 27: twenty writers of one file: none torn, none fails, nothing left" {
	contents
	content old >f
	# which holds the lock long enough for all to meet
	race --validate='cmp "$1" "$1"'
	all_exit_0
	no_reader_saw_a_mix
	whole_version f
	grep -q '^writer' f
	no_residue
	[ "$(ls -A)" = f ]
}

@test "pitfall 27: who has the file open goes on reading what it was" {
	local start rest
	exec 6<f
	read -r start <&6
	commit-save f <"$new"
	rest=$(cat <&6)
	exec 6<&-
	printf '%s\n' "$start" "$rest" | cmp - "$old"
	is_new
}

@test "pitfall 27: twenty writers that create one file" {
	contents
	rm f
	race
	all_exit_0
	no_reader_saw_a_mix
	whole_version f
	no_residue
	[ "$(ls -A)" = f ]
}

@test "pitfall 27: of twenty exclusive creators one succeeds, the others are refused" {
	local n winner=
	contents
	rm f
	race --create
	no_reader_saw_a_mix
	for ((n = 1; n <= writers; n++)); do
		case $(cat "$notes/status.$n") in
		0) winner="$winner$n" ;;
		4) ;;
		*) echo "writer $n: $(cat "$notes/status.$n" "$notes/said.$n")"; return 1 ;;
		esac
	done
	cmp f "$notes/content.$winner"
	no_residue
}

@test "pitfall 27: twenty appenders lose no line" {
	local n
	for ((n = 1; n <= writers; n++)); do
		echo "line $n" >"$notes/content.$n"
	done
	: >f
	race --append --validate='cmp "$1" "$1"'
	all_exit_0
	[ "$(wc -l <f)" -eq 20 ]
	[ "$(sort -u f | wc -l)" -eq 20 ]
	no_residue
}

@test "pitfall 27: twenty appenders to a file that is not there lose no line" {
	local n
	for ((n = 1; n <= writers; n++)); do
		echo "line $n" >"$notes/content.$n"
	done
	rm f
	race --append
	all_exit_0
	[ "$(sort -u f | wc -l)" -eq 20 ]
	no_residue
}

@test "pitfall 27: twenty read-modify-write commands under --lock lose no step" {
	local n pids=()
	echo 0 >f
	for ((n = 1; n <= writers; n++)); do
		commit-save --lock f -- sh -c 'read n <f; echo $((n + 1))' 3>&- &
		pids+=("$!")
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	[ "$(cat f)" -eq 20 ]
}

@test "pitfall 27: twenty edits in place leave one of the contents, whole" {
	contents
	content old >f
	# readers may see a mix here: libcommit(7) says so
	race --in-place
	all_exit_0
	whole_version f
	no_residue
}

@test "pitfall 27: the last to commit wins" {
	begin commit-save f
	eventually stages "$pid"
	commit-save --wait=2 f -- echo first
	[ "$(cat f)" = first ]
	cat "$new" >&7
	end
	exits 0
	is_new
	no_residue
}

@test "pitfall 27: a writer waits for the lock, no longer than it may" {
	need_tool flock
	exec 8<f
	flock 8
	run limited 10 commit-save --wait=0 f <"$new"
	exits 5
	run limited 10 commit-save --wait=0.1 f <"$new"
	exits 5
	untouched
	begin commit-save f
	cat "$new" >&7
	exec 7>&-
	eventually stages "$pid"
	is_old
	exec 8<&-
	end
	exits 0
	is_new
	no_residue
}

@test "pitfall 27: a file that changes under a conditional save is left alone" {
	# somebody who takes no locks
	run commit-save --validate='cp f theirs && echo theirs >>theirs && mv theirs f' --append f <"$new"
	exits 4 'theirs stays'
	[ "$(tail -n 1 f)" = theirs ]
	run commit-save --validate='echo theirs >made' --create made <"$new"
	exits 4 'theirs stays'
	[ "$(cat made)" = theirs ]
	no_residue
}
