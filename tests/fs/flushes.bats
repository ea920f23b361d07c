#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# However many files: a commit makes few calls that flush, and counts them right.

setup_file() {
	load fs
	fs_setup_file
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

# tree COUNT: an archive of that many new contents
tree() {
	rm -rf "$BATS_TEST_TMPDIR/tree"
	mkdir "$BATS_TEST_TMPDIR/tree"
	seq -f "%g $RANDOM" "$1" | split -l 1 -a 4 - "$BATS_TEST_TMPDIR/tree/"
	tar cf "$BATS_TEST_TMPDIR/tree.tar" -C "$BATS_TEST_TMPDIR/tree" .
}

# apply MORE: flush calls of a commit of it: at most 8, and as many as it says,
# but for MORE, those of making the store
apply() {
	local counted told
	strace --seccomp-bpf -f -qq -e trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync -o "$BATS_TEST_TMPDIR/trace" \
		commit-txn apply -v -C "$FS/flushes" "$BATS_TEST_TMPDIR/tree.tar" 2>"$BATS_TEST_TMPDIR/said"
	counted=$(grep -cE '^[0-9]+ +[a-z_]+\(' "$BATS_TEST_TMPDIR/trace")
	told=$(sed -n 's/.* \([0-9]*\) flushes.*/\1/p' "$BATS_TEST_TMPDIR/said")
	echo "$counted calls, $told told"
	[ "$counted" -gt 1 ]
	[ "$counted" -le 8 ]
	[ "$counted" -eq $((told + $1)) ]
}

# 6000 files need a segment of the log of their own, after which it is trimmed
check_flushes() {
	fs_needs_kernel "$1"
	fs_new "$1" flushes 320M
	tree 6000
	apply 1
	tree 6000
	apply 0
	tree 1
	apply 0
}

@test "ext4: at most 8 flush calls" { check_flushes ext4; }
@test "xfs: at most 8 flush calls" { check_flushes xfs; }
@test "btrfs: at most 8 flush calls" { check_flushes btrfs; }
