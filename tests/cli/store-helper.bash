# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2034 # the files that load this use the variables
#
# For store-*.bats, after txn-helper: a root with a store, and transactions that
# a crash has interrupted.

store_scratch() {
	scratch
	printf 'old a\n' >root/a
	printf 'old b\n' >root/b
	commit-txn init -C root
}

# fault SPEC CMD...: with the tools that have the seam
fault() {
	local spec=$1
	shift
	env PATH="$LC_FAULT_BIN:$PATH" COMMIT_FAULT="$spec" "$@"
}

# killed SPEC CMD...: it must be
killed() {
	local got=0
	fault "$@" || got=$?
	[ "$got" -eq 137 ] || { echo "not killed: $got"; return 1; }
}

# begins [OPTION]...: a transaction of root, its id in $T
begins() {
	T=$(commit-txn begin -C root "$@")
	[ -n "$T" ]
}

# the_unfinished: the id of what is pending in root
the_unfinished() {
	commit-recover --list root 2>/dev/null | sed -n 's,^[a-z]* transaction root/.commit/stage/\([0-9a-f-]*\):.*not published to the end,\1,p'
}

# script_pends_at SPEC: the script on standard input is committed, and SPEC kills it
# then. "write PATH TEXT" may have a text of several words, and writes a line.
script_pends_at() {
	local got=0
	sed 's/^write \([^ ]*\) \(.*\)/write \1 "\2\\n"/' >"$ROOT/script"
	fault "$1" commit-txn script -C root <"$ROOT/script" 2>"$ERR" || got=$?
	[ "$got" -eq 137 ] || { echo "not killed: $got"; cat "$ERR"; return 1; }
	T=$(the_unfinished)
	[ -n "$T" ] || { echo "not committed"; return 1; }
}

# All is published, and nobody knows: the first flush is of what was staged.
export published=2:kill:syncfs

# pends [SPEC]: new a, new b, new c committed together; killed at the first rename
pends() {
	script_pends_at "${1-1:kill:exchange}" <<-END
		write a new a
		write b new b
		write c new c
	END
}

all_new() {
	holds root/a 'new a\n' && holds root/b 'new b\n' && holds root/c 'new c\n'
}

all_old() {
	holds root/a 'old a\n' && holds root/b 'old b\n' && [ ! -e root/c ]
}

# What else is in root
others() { (cd root && find . -path ./.commit -prune -o -type f ! -name a ! -name b ! -name c -print); }

# The tree and the store, byte by byte
state() { (cd root && find . -printf '%p %y %m %s %i %l\n' | sort && find . -type f -print0 | sort -z | xargs -0 md5sum); }
