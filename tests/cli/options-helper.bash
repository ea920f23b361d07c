# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# shellcheck disable=SC2034 # the files that load this use the variables
#
# For commit-save-*.bats and commit-recover-*.bats: a scratch directory, what a
# command gave, what a file holds, and what is left behind.
#
#     load options-helper
#     setup() { scratch; }
#     teardown() { sweep; }
#     echo new | gives 0 commit-save f
#
# Work goes on in $ROOT/w; output and messages of `gives` are in $OUT and $ERR.

bats_require_minimum_version 1.5.0

scratch()
{
	ROOT=$(mktemp -d)
	OUT=$ROOT/out
	ERR=$ROOT/err
	FAULTY=$LC_FAULT_BIN
	chmod 755 "$ROOT"
	mkdir "$ROOT/w" "$ROOT/home"
	export HOME=$ROOT/home
	unset XDG_STATE_HOME COMMIT_FAULT COMMIT_FAULT_LOG
	# Tests of the defaults for journals unset it.
	export COMMIT_JOURNAL_DIR=$ROOT/journals
	umask 022
	cd "$ROOT/w" || return 1
}

# A test that failed half way may have left processes: those in $PIDS are ours.
sweep()
{
	cd /
	# shellcheck disable=SC2086
	[ -z "$PIDS" ] || kill -KILL $PIDS 2> /dev/null || true
	[ -z "$ROOT" ] || chmod -R u+rwx "$ROOT" 2> /dev/null || true
	[ -z "$ROOT" ] || rm -rf "$ROOT"
}

# gives STATUS CMD...: runs it, and fails unless it exits with STATUS
gives()
{
	local want=$1 got=0
	shift
	"$@" > "$OUT" 2> "$ERR" || got=$?
	[ "$got" -ne "$want" ] || return 0
	know_json
	echo "$*"
	echo "exit status $got, not $want"
	sed 's/^/out: /' "$OUT"
	sed 's/^/err: /' "$ERR"
	return 1
}

# says TEXT...: its messages have each of them
says()
{
	local text
	for text; do
		grep -qF -- "$text" "$ERR" && continue
		echo "no '$text' in:"
		cat "$ERR"
		return 1
	done
}

# prints TEXT...: its output has each of them
prints()
{
	local text
	for text; do
		grep -qF -- "$text" "$OUT" && continue
		echo "no '$text' in:"
		cat "$OUT"
		return 1
	done
}

# lacks FILE TEXT
lacks()
{
	if grep -F -- "$2" "$1"; then
		return 1
	fi
}

silent()
{
	[ ! -s "$ERR" ] && return
	cat "$ERR"
	return 1
}

# A build without jansson refuses --json.
know_json()
{
	if grep -q 'this build has no JSON' "$ERR"; then
		skip 'built without jansson'
	fi
}

need_json()
{
	commit-save --json --version > /dev/null 2>&1 || skip 'built without jansson'
	command -v jq > /dev/null || skip 'no jq'
}

# json FILTER: each line of its output is an object; FILTER is true of the last
json()
{
	command -v jq > /dev/null || skip 'no jq'
	know_json
	jq -es "all(.[]; type == \"object\" and .version == 1) and (last | $1)" "$OUT" && return
	echo "not: $1"
	cat "$OUT"
	return 1
}

# holds FILE TEXT: all of FILE is TEXT, in which \n and the like are escapes
holds()
{
	local want
	want=$(printf '%bx' "$2")
	[ "$(cat "$1" && echo x)" = "$want" ] && return
	echo "$1 holds:"
	head -c 300 "$1"
	return 1
}

inode() { stat -c %i "$1"; }
mode() { stat -c %a "$1"; }

# state FILE: all that a save that does nothing leaves alone
state() { stat -c '%i %a %u %g %h %s %b %Y %y %Z %z' "$1"; md5sum < "$1"; }

# tree: the same of all below; directories change their times when staging
tree()
{
	find . -type d -printf 'd %p %i %m %U %G\n' -o -printf '%y %p %i %m %U %G %n %s %b %T@ %C@ %l\n' |
		sort
	find . -type f ! -name '.commit-*' -exec md5sum {} + | sort
}

# remains DIR: names of ours
remains() { find "$1" -name '.commit-*' -prune; }

clean()
{
	[ -z "$(remains "$ROOT")" ] && return
	echo 'left behind:'
	remains "$ROOT"
	return 1
}

# until CMD...: at most ten seconds
until_true()
{
	local deadline=$((SECONDS + 10))
	until "$@"; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "waited too long for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# hold FILE [PROBE]: somebody has a flock on FILE until `release`
hold()
{
	mkfifo "$ROOT/hold"
	# shellcheck disable=SC2016 # for the inner shell
	flock "$1" sh -c 'echo > "$1.held"; read -r _ < "$1"' sh "$ROOT/hold" 3>&- &
	HOLDER=$!
	PIDS="$PIDS $HOLDER"
	until_true test -e "$ROOT/hold.held"
}

release()
{
	echo > "$ROOT/hold"
	wait "$HOLDER"
	rm -f "$ROOT/hold" "$ROOT/hold.held"
}

# As one who is not root; whoever runs the tests, if that is not root.
as_user()
{
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
	fi
}

need_user()
{
	as_user commit-save --version > /dev/null 2>&1 ||
		skip 'another user cannot run the tools (build directory, or no setpriv)'
}

need_root() { [ "$(id -u)" -eq 0 ] || skip 'needs root'; }

# give FILE...: to the other user
give()
{
	[ "$(id -u)" -ne 0 ] || chown 65534:65534 "$@"
}

# crash FAULT CMD...: CMD with that fault, as the user if $RUN is as_user; its
# status, without the shell's word about it
crash()
{
	local fault=$1
	shift
	[ "$RUN" != as_user ] || [ "$(id -u)" -ne 0 ] ||
		set -- setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
	# shellcheck disable=SC2016
	COMMIT_FAULT=$fault sh -c '"$@"; exit "$?"' sh "$@" 2> /dev/null
}

# orphan KIND DIR [OPTION...]: DIR/f with "old\n", and what remains of a save of
# "new\n" that was killed; its path goes to $LEFT. With RUN=as_user it
# was the user's. KIND: staged;
# stagedir; displaced, before the exchange; exchanged, after it; inplace.
orphan()
{
	local kind=$1 dir=$2 fault status=0
	shift 2
	find "$dir" -maxdepth 1 -name '.commit-*' -exec rm -rf {} +
	printf 'old\n' > "$dir/f"
	[ "$RUN" != as_user ] || give "$dir/f"
	case $kind in
	staged) fault=1:kill:fsync ;;
	stagedir)
		# into the directory, and out of it again
		fault=2:kill:rename
		set -- --validate=: "$@"
		;;
	displaced | exchanged)
		fault=1:kill:unlink
		[ "$kind" = exchanged ] || fault=1:kill:exchange
		set -- -e "$(commit-save --token "$dir/f")" "$@"
		;;
	inplace)
		# the flush that follows the journal's name
		fault=2:kill:fsync
		set -- --in-place "$@"
		;;
	esac
	printf 'new\n' | crash "$fault" "$FAULTY/commit-save" "$@" "$dir/f" || status=$?
	LEFT=$(find "$dir" -maxdepth 1 -name '.commit-*')
	case $status,$LEFT in
	137,*.commit-*."${kind/exchanged/displaced}") ;;
	*)
		echo "no orphan of kind $kind: status $status, left: $LEFT"
		return 1
		;;
	esac
}
