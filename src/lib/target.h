/* SPDX-License-Identifier: ISC */
/*
 * target.h - the file that a save replaces: found, locked, found again
 *
 *     rc = lc_target_open(&target, path, COMMIT_SYMLINK_FOLLOW, err);
 *     rc = lc_target_lock(&target, deadline, cancel_fd, err);
 *     ... target.exists, target.fd, target.st ...
 *     lc_target_release(&target);
 *
 * The lock is on the inode that is replaced, or on the directory while there
 * is none. Because a rename gives the name to another inode, the name is looked
 * up again under the lock until both agree.
 */
#ifndef LC_TARGET_H
#define LC_TARGET_H

#include "dir.h"

#include <stdint.h>
#include <sys/stat.h>

struct lc_target {
	struct lc_place place;
	enum commit_symlink policy;
	/* the old file, open for reading where that is allowed; -1 if none */
	int fd;
	/* its state; of a link that is replaced, the state of what it leads to */
	struct stat st;
	/* there is an old file whose content and metadata count */
	int exists;
	/* the name itself is a symbolic link that will be replaced */
	int is_link;
	int locked;
};

/*
 * Errors: those of lc_dir_resolve; COMMIT_EFAILED with EISDIR or EINVAL for
 * what is no regular file.
 */
int lc_target_open(struct lc_target *target, const char *path, enum commit_symlink policy,
                   struct commit_error *err);

/*
 * Errors: COMMIT_EBUSY, COMMIT_ECANCELED, COMMIT_EFAILED. A file system
 * without locks is no error: target->locked is then 0 and *unsupported the errno.
 */
int lc_target_lock(struct lc_target *target, int64_t deadline, int cancel_fd, int *unsupported,
                   struct commit_error *err);

/* Adds the times to target->st, which look-ups leave out. 0 or a negative errno. */
int lc_target_times(struct lc_target *target);

/* The name leads to the same inode as when it was looked up; -ESTALE if not. */
int lc_target_unmoved(const struct lc_target *target);

void lc_target_release(struct lc_target *target);

#endif
