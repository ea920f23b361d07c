#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# However many files: a commit makes few calls that flush, and counts them right.

setup_file() {
	load fs
	fs_setup_file memory
	[ -z "$FS_WHY_NOT" ] || return 0
	tree first 6000
	tree second 6000
	tree one 1
}

teardown_file() {
	load fs
	fs_teardown_file
}

setup() {
	load fs
	fs_setup
	fs_needs strace tar
}

# tree NAME COUNT: an archive NAME.tar of that many contents, which no other has
tree() {
	mkdir "$BATS_FILE_TMPDIR/$1"
	seq -f "%g $1" "$2" | split -l 1 -a 4 - "$BATS_FILE_TMPDIR/$1/"
	tar cf "$BATS_FILE_TMPDIR/$1.tar" -C "$BATS_FILE_TMPDIR/$1" .
	rm -r "${BATS_FILE_TMPDIR:?}/$1"
}

# apply NAME MORE: flush calls of a commit of it: at most 8, and as many as it says,
# but for MORE, those of making the store
apply() {
	local counted told
	strace --seccomp-bpf -f -qq -e trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync -o "$BATS_TEST_TMPDIR/trace" \
		commit-txn apply -v -C "$FS/flushes" "$BATS_FILE_TMPDIR/$1.tar" 2>"$BATS_TEST_TMPDIR/said"
	counted=$(grep -cE '^[0-9]+ +[a-z_]+\(' "$BATS_TEST_TMPDIR/trace")
	told=$(sed -n 's/.* \([0-9]*\) flushes.*/\1/p' "$BATS_TEST_TMPDIR/said")
	echo "$counted calls, $told told"
	[ "$counted" -gt 1 ]
	[ "$counted" -le 8 ]
	[ "$counted" -eq $((told + $2)) ]
}

# 6000 files need a segment of the log of their own, after which it is trimmed
check_flushes() {
	fs_needs_kernel "$1"
	fs_new "$1" flushes 320M
	apply first 1
	apply second 0
	apply one 0
}

@test "ext4: at most 8 flush calls" { check_flushes ext4; }
@test "xfs: at most 8 flush calls" { check_flushes xfs; }
@test "btrfs: at most 8 flush calls" { check_flushes btrfs; }
