# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# For the tests of commit-triple: one set in the directories a, b and c

load options-helper

readonly set="a/s b/s c/s"

# triple STATUS COMMAND [OPTION]...: on the set, without warnings of one file system
triple() {
	local wanted=$1 command=$2
	shift 2
	# shellcheck disable=SC2086 # the three names
	gives "$wanted" commit-triple "$command" -q $set "$@"
}

# put TEXT: a write of one line
put() { printf '%s\n' "$1" | triple 0 write; }

# rots FILE [OFFSET]: one byte of it, its time stays
rots() {
	local stamp
	stamp=$(stat -c %y "$1")
	printf '#' | dd of="$1" bs=1 seek="${2:-0}" conv=notrunc status=none
	touch -d "$stamp" "$1"
}

# all TEXT: each copy holds that line
all() {
	local copy
	for copy in $set; do holds "$copy" "$1\n"; done
}

# answers TEXT: a read says so
answers() {
	triple 0 read
	# shellcheck disable=SC2154 # set by scratch
	[ "$(cat "$OUT")" = "$1" ] || { echo "the answer is '$(cat "$OUT")', not '$1'"; return 1; }
}

# killed CALL COMMAND [OPTION]...: before its Nth rename: sidecars are 1 to 3, contents 4 to 6
killed() {
	local call=$1
	shift
	# shellcheck disable=SC2086,SC2154 # the three names; set by scratch
	COMMIT_FAULT=$call:kill:rename gives 137 bash -c '"$@"' - "$FAULTY/commit-triple" "$1" -q $set "${@:2}"
}
