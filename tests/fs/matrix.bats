#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Each form of a save on each kind of file system; the checks are in matrix.bash.

setup_file() {
	load fs
	fs_setup_file memory
}

teardown_file() {
	load fs
	fs_teardown_file
}

setup() {
	load fs
	load matrix
	fs_setup
}

@test "ext4: content by every door" { on ext4 check_forms; }
@test "ext4: conditions, tokens, validators" { on ext4 check_conditions; }
@test "ext4: backups" { on ext4 check_backups; }
@test "ext4: in place: same inode, metadata, links" { on ext4 check_in_place; }
@test "ext4: owner, mode, ACL, attributes, capability" { on ext4 check_metadata; }
@test "ext4: 255 bytes, odd bytes" { on ext4 check_names; }
@test "ext4: hard and symbolic links" { on ext4 check_links; }
@test "ext4: holes stay holes" { on ext4 check_holes; }
@test "ext4: write, flush, rename, flush of the directory" { on ext4 check_calls; }

@test "ext4-journal: content by every door" { on ext4-journal check_forms; }
@test "ext4-journal: conditions, tokens, validators" { on ext4-journal check_conditions; }
@test "ext4-journal: backups" { on ext4-journal check_backups; }
@test "ext4-journal: in place: same inode, metadata, links" { on ext4-journal check_in_place; }
@test "ext4-journal: owner, mode, ACL, attributes, capability" { on ext4-journal check_metadata; }
@test "ext4-journal: 255 bytes, odd bytes" { on ext4-journal check_names; }
@test "ext4-journal: hard and symbolic links" { on ext4-journal check_links; }
@test "ext4-journal: holes stay holes" { on ext4-journal check_holes; }
@test "ext4-journal: write, flush, rename, flush of the directory" { on ext4-journal check_calls; }

@test "ext4-writeback: content by every door" { on ext4-writeback check_forms; }
@test "ext4-writeback: conditions, tokens, validators" { on ext4-writeback check_conditions; }
@test "ext4-writeback: backups" { on ext4-writeback check_backups; }
@test "ext4-writeback: in place: same inode, metadata, links" { on ext4-writeback check_in_place; }
@test "ext4-writeback: owner, mode, ACL, attributes, capability" { on ext4-writeback check_metadata; }
@test "ext4-writeback: 255 bytes, odd bytes" { on ext4-writeback check_names; }
@test "ext4-writeback: hard and symbolic links" { on ext4-writeback check_links; }
@test "ext4-writeback: holes stay holes" { on ext4-writeback check_holes; }
@test "ext4-writeback: write, flush, rename, flush of the directory" { on ext4-writeback check_calls; }

@test "ext4-nojournal: content by every door" { on ext4-nojournal check_forms; }
@test "ext4-nojournal: conditions, tokens, validators" { on ext4-nojournal check_conditions; }
@test "ext4-nojournal: backups" { on ext4-nojournal check_backups; }
@test "ext4-nojournal: in place: same inode, metadata, links" { on ext4-nojournal check_in_place; }
@test "ext4-nojournal: owner, mode, ACL, attributes, capability" { on ext4-nojournal check_metadata; }
@test "ext4-nojournal: 255 bytes, odd bytes" { on ext4-nojournal check_names; }
@test "ext4-nojournal: hard and symbolic links" { on ext4-nojournal check_links; }
@test "ext4-nojournal: holes stay holes" { on ext4-nojournal check_holes; }
@test "ext4-nojournal: write, flush, rename, flush of the directory" { on ext4-nojournal check_calls; }

@test "xfs: content by every door" { on xfs check_forms; }
@test "xfs: conditions, tokens, validators" { on xfs check_conditions; }
@test "xfs: backups" { on xfs check_backups; }
@test "xfs: in place: same inode, metadata, links" { on xfs check_in_place; }
@test "xfs: owner, mode, ACL, attributes, capability" { on xfs check_metadata; }
@test "xfs: 255 bytes, odd bytes" { on xfs check_names; }
@test "xfs: hard and symbolic links" { on xfs check_links; }
@test "xfs: holes stay holes" { on xfs check_holes; }
@test "xfs: write, flush, rename, flush of the directory" { on xfs check_calls; }
@test "xfs: clones share extents: --from, standard input, backup, append" { on xfs check_clones; }

@test "btrfs: content by every door" { on btrfs check_forms; }
@test "btrfs: conditions, tokens, validators" { on btrfs check_conditions; }
@test "btrfs: backups" { on btrfs check_backups; }
@test "btrfs: in place: same inode, metadata, links" { on btrfs check_in_place; }
@test "btrfs: owner, mode, ACL, attributes, capability" { on btrfs check_metadata; }
@test "btrfs: 255 bytes, odd bytes" { on btrfs check_names; }
@test "btrfs: hard and symbolic links" { on btrfs check_links; }
@test "btrfs: holes stay holes" { on btrfs check_holes; }
@test "btrfs: write, flush, rename, flush of the directory" { on btrfs check_calls; }
@test "btrfs: clones share extents: --from, standard input, backup, append" { on btrfs check_clones; }

@test "tmpfs: content by every door" { on tmpfs check_forms; }
@test "tmpfs: conditions, tokens, validators" { on tmpfs check_conditions; }
@test "tmpfs: backups" { on tmpfs check_backups; }
@test "tmpfs: in place: same inode, metadata, links" { on tmpfs check_in_place; }
@test "tmpfs: owner, mode, ACL, attributes, capability" { on tmpfs check_metadata; }
@test "tmpfs: 255 bytes, odd bytes" { on tmpfs check_names; }
@test "tmpfs: hard and symbolic links" { on tmpfs check_links; }
@test "tmpfs: holes stay holes" { on tmpfs check_holes; }
@test "tmpfs: write, flush, rename, flush of the directory" { on tmpfs check_calls; }
