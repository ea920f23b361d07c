/* SPDX-License-Identifier: ISC */
/*
 * dir.h - from a path to a pinned directory and the last component in it
 *
 *     struct lc_place place;
 *     rc = lc_dir_resolve("/etc/app.conf", COMMIT_SYMLINK_FOLLOW, &place, err);
 *     ... openat(place.fd, place.name, ...) ...
 *     lc_dir_release(&place);
 *
 * The kernel resolves directories; only symbolic links in the last component
 * are followed here, because the rename and the flush belong to the directory
 * that holds the file the last link leads to. The directory is held by
 * descriptor from the first look to the last flush, so renaming it or its
 * parents meanwhile changes nothing.
 */
#ifndef LC_DIR_H
#define LC_DIR_H

#include <commit_error.h>
#include <commit_save.h>

#include <sys/stat.h>

struct lc_place {
	/* the directory; -1: released */
	int fd;
	/* fd is open for reading: it can be flushed and locked */
	int readable;
	ino_t inode;
	/* the last component, never with a slash, never "." or ".." */
	char name[256];
	/* what it was when it was resolved; st_ino 0: nothing was there */
	struct stat found;
	/* the path of the file that the links lead to, for people */
	char *path;
};

/*
 * Resolves path, whose last component need not exist. On failure *place needs
 * no release. Errors: COMMIT_EUSAGE (empty path), COMMIT_EREFUSED (policy),
 * COMMIT_EFAILED with ELOOP, EISDIR ("/", ".", "..", trailing slash), EACCES
 * (also for a link in a sticky directory that somebody else planted there, as
 * fs.protected_symlinks would say), ENAMETOOLONG, ENOMEM, and those of open.
 */
int lc_dir_resolve(const char *path, enum commit_symlink policy, struct lc_place *place,
                   struct commit_error *err);

void lc_dir_release(struct lc_place *place);

/*
 * Opens a directory for reading, or, where only search is allowed, as a handle
 * for lookups; *readable tells which. Returns a descriptor or a negative errno.
 */
int lc_dir_open(int dirfd, const char *path, int *readable);

/*
 * Calls found with each name in the directory but . and .., until it returns
 * something else than 0, which is returned then; else 0, or a negative errno of
 * reading: what cannot be read is not the end. fd, which may be a negative
 * errno itself, is closed in any case.
 */
int lc_dir_each(int fd, int (*found)(void *context, const char *name), void *context);

/*
 * Makes the entries of the directory durable. member is an open file in it,
 * by which the whole file system is flushed where the directory itself cannot
 * be opened for reading. Returns 0 or a negative errno; -EINVAL and
 * -EOPNOTSUPP mean that this file system knows no such flush.
 */
int lc_dir_flush(const struct lc_place *place, int member);

#endif
