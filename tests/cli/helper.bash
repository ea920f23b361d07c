# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# helper.bash - shared by the tests of commit-save in save-*.bats
#
#     load helper
#     setup() { start_here; }
#
# Each test works in a directory of its own, in which nothing else lies: what is
# there at the end is what the tool left. Content to save is in $new, what f
# held is in $old, notes of the tests go to $notes; these are outside.

# shellcheck disable=SC2154 # status and output are set by bats
# shellcheck disable=SC2034 # what is set here is used there

start_here() {
	umask 022
	notes=$BATS_TEST_TMPDIR/notes
	old=$notes/old
	new=$notes/new
	fired=$notes/fired
	mkdir "$BATS_TEST_TMPDIR/work" "$notes"
	cd "$BATS_TEST_TMPDIR/work" || return
	printf 'old content\nin two lines\n' >"$old"
	printf 'new content\n' >"$new"
	cp "$old" f
}

# Fails, loudly, where a `!` would be overlooked by set -e.
refute() {
	if "$@"; then
		echo "true, but must not be: $*"
		return 1
	fi
}

is_old() { cmp "${1:-f}" "$old"; }
is_new() { cmp "${1:-f}" "$new"; }
mode_of() { stat -c %a "$1"; }

no_residue() {
	local found
	found=$(find . -name '.commit-*')
	[ -z "$found" ] || { echo "left behind: $found"; return 1; }
}

# What every failed save must leave: the old file and nothing else.
untouched() {
	is_old "${1:-f}"
	no_residue
}

# exits STATUS [WORD]...: what `run` has found; every WORD is in the output
exits() {
	local word
	if [ "$status" -ne "$1" ]; then
		echo "status $status, not $1: $output"
		return 1
	fi
	shift
	for word in "$@"; do
		[[ $output == *"$word"* ]] || { echo "no '$word' in: $output"; return 1; }
	done
}

# fault SPEC [ARG]...: run commit-save with that fault, which must fire
fault() {
	rm -f "$fired"
	run env COMMIT_FAULT="$1" COMMIT_FAULT_LOG="$fired" "$LC_FAULT_BIN/commit-save" "${@:2}"
	grep -q '^fired' "$fired" || { echo "$1 never fired; status $status: $output"; return 1; }
}

# Two faults that stand for a file system
readonly no_tmpfile=1:EOPNOTSUPP:forever:tmpfile
readonly no_clone=1:EOPNOTSUPP:forever:clone

# eventually CMD...: until CMD is true; fails after twenty seconds
eventually() {
	local end=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || { echo "did not happen: $*"; return 1; }
		sleep 0.01
	done
}

# limited SECONDS CMD...: KILL, because the tool blocks TERM until it looks
limited() {
	timeout -s KILL "$@"
}

# begin CMD...: CMD in the background as $pid; what is written to >&7 is its input
begin() {
	[ -p "$notes/input" ] || mkfifo "$notes/input"
	# 8 is a lock of the test, 3 is bats's own
	"$@" <"$notes/input" >"$notes/output" 2>&1 3>&- 8<&- &
	pid=$!
	exec 7>"$notes/input"
}

# end: no more input; $status and $output as with run
end() {
	exec 7>&-
	status=0
	wait "$pid" || status=$?
	output=$(cat "$notes/output")
}

# The process has a staged file, with or without a name
stages() {
	find "/proc/$1/fd" -lname '*(deleted)' -o -lname '*/.commit-*' | grep -q .
}

# The one staged file here has that many bytes
staged_bytes() {
	[ "$(stat -c %s .commit-*.staged)" = "$1" ]
}

# ended FILE CMD...: runs CMD with default signals (IGNORE=NAME: one ignored);
# its pid goes to FILE.pid, and "exit N" or "signal N" to FILE
ended() {
	# shellcheck disable=SC2016 # perl's variables
	perl -e '
		$file = shift;
		$SIG{$_} = "DEFAULT" for qw(INT TERM HUP PIPE);
		$SIG{$ENV{IGNORE}} = "IGNORE" if $ENV{IGNORE};
		defined($pid = fork) or die;
		if (!$pid) { exec @ARGV or die }
		open F, ">", "$file.new"; print F $pid; close F; rename "$file.new", "$file.pid";
		waitpid $pid, 0;
		open F, ">", $file;
		print F $? & 127 ? "signal " . ($? & 127) : "exit " . ($? >> 8), "\n";
	' "$@"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "not root"
}

need_tool() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

need_mounts() {
	need_root
	unshare -m true 2>/dev/null || skip "no right to make a mount namespace"
}

need_acl() {
	need_tool setfacl
	: >"$notes/probe"
	setfacl -m u:65534:r "$notes/probe" 2>/dev/null || skip "no ACLs on this file system"
}

need_xattr() {
	need_tool setfattr
	: >"$notes/probe"
	setfattr -n user.test -v x "$notes/probe" 2>/dev/null || skip "no user attributes on this file system"
}

# Somebody without rights, and a place for the tools that this user can reach
readonly other=65534

need_other() {
	local tool
	need_root
	need_tool setpriv
	mkdir "$notes/bin" "$notes/lib"
	tool=$(command -v commit-save)
	cp "$tool" "$notes/bin/"
	cp -P "$LC_BUILDDIR"/src/lib/.libs/libcommit.so* "$notes/lib/" 2>/dev/null || :
	chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR" "$notes"
	chmod -R go+rX "$notes"
	as_other commit-save --version >/dev/null 2>&1 || skip "the tools cannot run as another user here"
}

# as_other CMD...: without any right or group of ours
as_other() {
	env PATH="$notes/bin:$PATH" LD_LIBRARY_PATH="$notes/lib:${LD_LIBRARY_PATH-}" \
		setpriv --reuid="$other" --regid="$other" --clear-groups -- "$@"
}
