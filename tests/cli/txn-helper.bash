# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2034 # the files that load this use the variables
#
# For commit-txn-*.bats: a scratch directory with a root in it, what a command
# gave, and trees to compare.
#
#     load txn-helper
#     setup() { scratch; }
#     teardown() { sweep; }
#     gives 0 commit-txn apply -C root a.tar
#
# Work goes on in $ROOT/w, which has the directory root; output and messages of
# `gives` are in $OUT and $ERR.

bats_require_minimum_version 1.5.0

scratch() {
	ROOT=$(mktemp -d)
	OUT=$ROOT/out
	ERR=$ROOT/err
	PIDS=
	SWIFT=
	chmod 755 "$ROOT"
	mkdir "$ROOT/w" "$ROOT/w/root"
	# our own, or what other tests have there for a moment would be held against us
	mkdir -m 1777 "$ROOT/tmp"
	export TMPDIR=$ROOT/tmp
	unset COMMIT_ROOT COMMIT_TXN COMMIT_FAULT
	umask 022
	cd "$ROOT/w" || return 1
}

# A test that failed half way may have left processes: those in $PIDS are ours.
sweep() {
	cd /
	# shellcheck disable=SC2086
	[ -z "$PIDS" ] || kill -KILL $PIDS 2>/dev/null || true
	[ -z "$SWIFT" ] || rm -rf "$SWIFT"
	if [ -n "$ROOT" ]; then
		chmod -R u+rwx "$ROOT" 2>/dev/null || true
		rm -rf "$ROOT"
	fi
}

# swiftly: from here on in memory, where there is such a place: for hundreds of commits
swiftly() {
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ -w /dev/shm ] || return 0
	SWIFT=$(mktemp -d /dev/shm/commit-txn-XXXXXX)
	mkdir "$SWIFT/root"
	cd "$SWIFT" || return 1
	export COMMIT_ROOT=$SWIFT/root
}

# gives STATUS CMD...: runs it, and fails unless it exits with STATUS
gives() {
	local want=$1 got=0
	shift
	"$@" >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -ne "$want" ] || return 0
	echo "$*"
	echo "exit status $got, not $want"
	sed 's/^/out: /' "$OUT"
	sed 's/^/err: /' "$ERR"
	return 1
}

# says TEXT...: its messages have each of them
says() {
	local text
	for text; do
		grep -qF -- "$text" "$ERR" && continue
		echo "no '$text' in:"
		cat "$ERR"
		return 1
	done
}

# prints TEXT: all of its output, in which \n and the like are escapes
prints() {
	[ "$(cat "$OUT" && echo x)" = "$(printf '%bx' "$1")" ] && return
	echo "it printed:"
	cat -A "$OUT"
	return 1
}

# has TEXT...: its output has each of them
has() {
	local text
	for text; do
		grep -qF -- "$text" "$OUT" && continue
		echo "no '$text' in:"
		cat "$OUT"
		return 1
	done
}

silent() {
	[ ! -s "$ERR" ] && return
	cat "$ERR"
	return 1
}

need_json() {
	[ -n "${LC_JSON-yes}" ] || skip 'built without --json'
	command -v jq >/dev/null || skip 'no jq'
}

# json FILTER: each line of its output is an object; FILTER is true of the last
json() {
	jq -es "all(.[]; type == \"object\" and .version == 1) and (last | $1)" "$OUT" && return
	echo "not: $1"
	cat "$OUT"
	return 1
}

# holds FILE TEXT: all of FILE is TEXT, in which \n and the like are escapes
holds() {
	[ "$(cat "$1" && echo x)" = "$(printf '%bx' "$2")" ] && return
	echo "$1 holds:"
	head -c 300 "$1"
	return 1
}

mode() { stat -c %a "$1"; }

# tree DIR: all that matters of what is below it, but for the store
tree() {
	(
		cd "$1" || exit
		find . -path ./.commit -prune -o ! -path . \
			-printf '%p %y %m %U %G %n %l\n' | sort
		find . -path ./.commit -prune -o -type f -print0 | sort -z | xargs -0r md5sum
		[ -z "$(command -v getfacl)" ] || getfacl -R -n -p . 2>/dev/null | awk -v RS= '!/file: \.\/\.commit/ && !/file: \.\n/ { gsub(/\n/, " "); print }' | sort
	)
}

# same A B: both trees are alike
same() {
	diff <(tree "$1") <(tree "$2")
}

# begins: a transaction of root, its id in $T
begins() {
	T=$(commit-txn begin -C root)
	[ -n "$T" ]
}

# stages: nothing of ours is left in the store but open transactions
idle() {
	local left
	left=$(find root/.commit/stage -mindepth 1 -maxdepth 1 2>/dev/null)
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
	left=$(find "$TMPDIR" -maxdepth 1 -name 'commit-view-*')
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

# until CMD...: at most ten seconds
until_true() {
	local deadline=$((SECONDS + 10))
	until "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "waited too long for: $*"
			return 1
		fi
		sleep 0.02
	done
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "no $program"
	done
}

need_faults() {
	[ -x "${LC_FAULT_BIN-}/commit-txn" ] || skip 'the tools with the fault seam were not built'
}

need_root() { [ "$(id -u)" -eq 0 ] || skip 'needs root'; }

need_archive() {
	if commit-txn apply -C root /dev/null 2>&1 | grep -q 'without libarchive'; then
		skip 'built without libarchive'
	fi
}

# As one who is not root; whoever runs the tests, if that is not root.
as_user() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
	fi
}

need_user() {
	as_user commit-txn --version >/dev/null 2>&1 ||
		skip 'another user cannot run the tools (build directory, or no setpriv)'
}
