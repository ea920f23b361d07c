# SPDX-License-Identifier: ISC
# shellcheck shell=bash
# fs.bash - loaded by the tests on file systems of their own
#
#     setup_file() { load fs; fs_setup_file; }
#     teardown_file() { load fs; fs_teardown_file; }
#     setup() { load fs; fs_setup; }
#
# Everything is mounted below $FS, loop devices free themselves when their
# file system is unmounted. tests/tap/bats.sh runs these files in a mount
# namespace of their own, so that even a test run that is killed leaves nothing.

FS_PACE=0.05

# Why file systems cannot be mounted here; nothing if they can.
fs_why_not() {
	[ "$(id -u)" = 0 ] || { echo 'not root'; return; }
	[ -e /dev/loop-control ] || { echo 'no loop devices'; return; }
	mkdir -p "$FS/probe"
	mount -t tmpfs probe "$FS/probe" 2>/dev/null || { echo 'no right to mount'; return; }
	umount "$FS/probe"
}

# fs_setup_file [memory]: the devices lie in memory, where there is plenty
fs_setup_file() {
	FS=$(mktemp -d "$BATS_FILE_TMPDIR/fs.XXXXXX")
	export FS
	FS_WHY_NOT=$(fs_why_not)
	export FS_WHY_NOT
	if [ "${1:-}" = memory ] && [ -z "$FS_WHY_NOT" ] &&
		awk '/^MemAvailable:/ { exit $2 < 2500000 }' /proc/meminfo; then
		mount -t tmpfs -o size=1g,mode=755 images "$FS"
	fi
}

fs_setup() {
	[ -z "$FS_WHY_NOT" ] || skip "$FS_WHY_NOT"
	# nothing of the caller's may decide where journals go
	export HOME=$BATS_TEST_TMPDIR COMMIT_JOURNAL_DIR=$BATS_TEST_TMPDIR/journals
	unset XDG_STATE_HOME COMMIT_FAULT COMMIT_FAULT_LOG
	umask 022
	# a test may leave an unprivileged user's directory to look at
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$FS" "$BATS_TEST_TMPDIR"
	cd "$FS" || return 1
}

# Mount points below $FS, the last mounted first
fs_mounted() {
	awk -v top="$FS" '$5 == top || index($5, top "/") == 1 { print $5 }' /proc/self/mountinfo | tac
}

fs_teardown_file() {
	local point image device
	cd /
	[ -n "$FS" ] || return 0
	while read -r point; do
		umount "$point" 2>/dev/null || umount -l "$point"
	done < <(fs_mounted | grep -vxF "$FS")
	for image in "$FS"/*.img; do
		[ -e "$image" ] || continue
		for device in $(losetup -n -O NAME -j "$image"); do
			losetup -d "$device" || :
		done
	done
	! mountpoint -q "$FS" || umount "$FS" || umount -l "$FS"
}

# fs_umount NAME: also what is still being closed by a process that was killed
fs_umount() {
	local try
	for try in 1 2 3 4 5 6 7 8 9 10; do
		umount "$FS/$1" 2>/dev/null && return
		sleep "$FS_PACE"
	done
	umount "$FS/$1"
	: "$try"
}

# fs_needs COMMAND...
fs_needs() {
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || skip "$command is not installed"
	done
}

# fs_needs_kernel TYPE
fs_needs_kernel() {
	grep -qw "$1" /proc/filesystems || modprobe "$1" 2>/dev/null || :
	grep -qw "$1" /proc/filesystems || skip "the kernel has no $1"
}

# How a kind is made and mounted. noauto_da_alloc: ext4 shall not flush on a
# rename what we have forgotten to flush.
fs_mkfs_options() {
	case $1 in
	ext4-nojournal) echo -q -m 0 -O '^has_journal' ;;
	ext4*) echo -q -m 0 ;;
	xfs) echo -q -m reflink=1 ;;
	btrfs) echo -q ;;
	esac
}

fs_mount_options() {
	case $1 in
	ext4) echo loop,noauto_da_alloc ;;
	ext4-journal) echo loop,data=journal ;;
	ext4-writeback) echo loop,noauto_da_alloc,data=writeback ;;
	btrfs) echo loop,commit=300 ;;
	*) echo loop ;;
	esac
}

fs_size() {
	case $1 in
	ext4*) echo 96M ;;
	xfs) echo 320M ;;
	btrfs) echo 192M ;;
	esac
}

# fs_new KIND NAME [SIZE [MKFS-OPTION]...]: $FS/NAME is a fresh file system.
# tmpfs takes a size only.
fs_new() {
	local kind=$1 name=$2 size=${3:-$(fs_size "$1")} type=${1%%-*}
	shift 2
	[ $# -eq 0 ] || shift
	fs_needs_kernel "$type"
	mkdir -p "$FS/$name"
	if [ "$kind" = tmpfs ]; then
		mount -t tmpfs -o "size=${size:-16M}" "$name" "$FS/$name"
		return
	fi
	fs_needs "mkfs.$type"
	rm -f "$FS/$name.img"
	truncate -s "$size" "$FS/$name.img"
	# shellcheck disable=SC2046 # words
	"mkfs.$type" $(fs_mkfs_options "$kind") "$@" "$FS/$name.img" >"$FS/mkfs.log" 2>&1 ||
		{ cat "$FS/mkfs.log"; return 1; }
	fs_mount "$kind" "$name"
}

fs_mount() {
	mount -t "${1%%-*}" -o "$(fs_mount_options "$1")" "$FS/$2.img" "$FS/$2"
}

# fs_free NAME: KiB that can be written
fs_free() {
	stat -f -c '%a %S' "$FS/$1" | awk '{ print int($1 * $2 / 1024) }'
}

# fs_used NAME: KiB in use, after all is written
fs_used() {
	sync -f "$FS/$1"
	stat -f -c '%b %f %S' "$FS/$1" | awk '{ print int(($1 - $2) * $3 / 1024) }'
}

# fs_fill FILE [KIB]: the file takes all room there is, but for KIB
fs_fill() {
	dd if=/dev/zero of="$1" bs=64k 2>/dev/null || :
	dd if=/dev/zero of="$1" bs=1k oflag=append conv=notrunc 2>/dev/null || :
	sync -f "$1"
	[ -z "${2:-}" ] || truncate -s "-${2}K" "$1"
	sync -f "$1"
}

# fs_text LETTER BYTES
fs_text() {
	head -c "$2" /dev/zero | tr '\0' "$1"
}

# state FILE: all that a failed save must leave as it was
state() {
	stat -c '%i %a %u %g %s %Y %y %h' "$1"
	getfattr -d -m - -e hex "$1" 2>/dev/null || :
	cksum <"$1"
}

# A directory has nothing of ours
clean() {
	local left
	left=$(find "$1" -name '.commit-*')
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

# exits STATUS COMMAND...: with that status; output is in $output, $stderr
exits() {
	local wanted=$1
	shift
	status=0
	"$@" >"$BATS_TEST_TMPDIR/stdout" 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
	output=$(cat "$BATS_TEST_TMPDIR/stdout")
	stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
	[ "$status" -eq "$wanted" ] || {
		echo "status $status, not $wanted: $*"
		echo "$output$stderr"
		return 1
	}
}

# says TEXT: the last command of exits said so on stderr
says() {
	[[ $stderr == *"$1"* ]] || { echo "'$1' is not in: $stderr"; return 1; }
}

# same FILE CONTENT-FILE
same() {
	cmp "$1" "$2"
}

# as_nobody COMMAND...: without privileges
as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

# as_it_was FILE STATE: state has not changed
as_it_was() {
	diff <(echo "$2") <(state "$1")
}

# A capability as it is stored: cap_net_raw, permitted and effective
FS_CAPABILITY=0x0100000200200000000000000000000000000000

# dress FILE: owner, mode, ACL, attribute and capability that no new file has
dress() {
	chown 12:34 "$1"
	chmod 2755 "$1"
	! command -v setfacl >/dev/null || setfacl -m u:99:r "$1"
	setfattr -n user.test -v kept "$1"
	setfattr -n security.capability -v "$FS_CAPABILITY" "$1"
}

# dressed FILE: it has them all; prints what is missing
dressed() {
	diff - <(stat -c '%u %g %a' "$1" && getfattr --only-values -n user.test "$1" 2>/dev/null && echo &&
		getfattr -e hex -n security.capability "$1" 2>/dev/null | grep '=' &&
		{ ! command -v getfacl >/dev/null || getfacl -cpn "$1" | grep 99; }) <<-END
		12 34 2755
		kept
		security.capability=$FS_CAPABILITY
		$(! command -v getfacl >/dev/null || echo user:99:r--)
	END
}
