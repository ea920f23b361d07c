/* SPDX-License-Identifier: ISC */
/*
 * mount.h - the mounts that a tree spans
 *
 *     lc_mounts_init(&mounts, root);              the root's own is the first
 *     lc_mounts_add(&mounts, "var/data");         another's topmost directory
 *     mount = lc_mounts_find(&mounts, path);
 *     dir = lc_mounts_parent(&mounts, &cache, path, &base);
 *     lc_mounts_release(&mounts);
 *
 * A rename does not leave a mount, and what is not mounted now looks like an
 * empty directory. So a path is looked up from the topmost directory of the
 * mount on which it was when the commit was made: that directory is held open,
 * it is known by its file system and inode, and a directory that turns out to
 * be on another mount is refused. Nothing is written beneath.
 *
 * All functions return 0 or a negative errno, parent a descriptor that belongs
 * to the cache. Paths are as in beneath.h.
 */
#ifndef LC_MOUNT_H
#define LC_MOUNT_H

#include "beneath.h"
#include "change.h"
#include "sys.h"

#include <stdint.h>

struct lc_mount {
	/* its topmost directory in the tree, relative to the root; "": the root */
	char *top;
	size_t length;
	int fd;
	struct lc_sys_mount id;
	uint64_t fs;
	uint64_t inode;
	struct lc_sys_traits traits;
};

struct lc_mounts {
	struct lc_mount *items;
	size_t count;
};

int lc_mounts_init(struct lc_mounts *mounts, int root);
/* The new one is the last. -ENOTDIR, -ENOENT, ... */
int lc_mounts_add(struct lc_mounts *mounts, const char *top);
/* The same for one that was described: -ENODEV if it is not there. */
int lc_mounts_add_described(struct lc_mounts *mounts, const struct lc_change *change);
void lc_mounts_release(struct lc_mounts *mounts);

/*
 * Adds those that the list of a commit names. -ENODEV: the file system that
 * was mounted at (*bad)->path then is not mounted there now.
 */
int lc_mounts_add_all(struct lc_mounts *mounts, const struct lc_change_list *list,
                      const struct lc_change **bad);

/* The mount on which the directory of that path is. */
const struct lc_mount *lc_mounts_find(const struct lc_mounts *mounts, const char *path);

/*
 * As lc_beneath_parent with the root of that mount, whatever root the cache
 * had. -EXDEV: the directory is on a mount that is not known here.
 */
int lc_mounts_parent(const struct lc_mounts *mounts, struct lc_beneath_cache *cache,
                     const char *path, const char **base);

int lc_mount_same(const struct lc_sys_mount *a, const struct lc_sys_mount *b);

/* A record of the mount and of the stage on it. 0 or -ENOMEM. */
int lc_mount_describe(const struct lc_mount *mount, const char *stage, struct lc_change *change);

/* Makes all below a directory durable, and the directory: where syncfs is not relied on. */
int lc_mount_flush_below(int dirfd);
/* The directory itself; where it cannot be read, all of its file system. */
int lc_mount_flush_directory(int dirfd, int fallback);

#endif
