/* SPDX-License-Identifier: ISC */
#include "crash.h"

#include <string.h>

#define MIB ((uint64_t)1024 * 1024)
/* Everything is written by mkfs: nothing is left for a thread of the kernel. */
#define EXT4(options)                                                                              \
	"mkfs.ext4 -q -F -b 4096 -N 512 -E lazy_itable_init=0,lazy_journal_init=0 -O "             \
	"^resize_inode"                                                                            \
	",^metadata_csum_seed" options " \"$1\""

const struct fs fs_table[] = {
        {"ext4", "ext4", 12 * MIB, EXT4(" -J size=4"), "data=ordered", NULL, 0},
        {"ext4-journal", "ext4", 12 * MIB, EXT4(" -J size=4"), "data=journal", NULL, 0},
        {"ext4-writeback", "ext4", 12 * MIB, EXT4(" -J size=4"), "data=writeback,noauto_da_alloc",
         NULL, 0},
        {"ext4-nojournal", "ext4", 8 * MIB, EXT4(",^has_journal"), "",
         "e2fsck -fy \"$1\"; test $? -le 2", 1},
        /* mkfs.xfs makes small ones for tests only */
        {"xfs", "xfs", 16 * MIB, "TEST_DIR=x TEST_DEV=x QA_CHECK_FS=x mkfs.xfs -q -f \"$1\"",
         "nouuid,noquota", NULL, 0},
        {"btrfs", "btrfs", 48 * MIB, "mkfs.btrfs -q -f -m single -d single \"$1\"", "", NULL, 0},
        {NULL, NULL, 0, NULL, NULL, NULL, 0},
};

const struct fs *fs_find(const char *name)
{
	const struct fs *fs;

	for (fs = fs_table; fs->name; fs++)
		if (strcmp(fs->name, name) == 0)
			return fs;
	return NULL;
}
