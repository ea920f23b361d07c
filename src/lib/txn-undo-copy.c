/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#define DEFAULT_ACL "system.posix_acl_default"
#define ACL_MAX 65536

/* The directory of history, and who copies out of it. */
struct source {
	struct commit_txn *txn;
	int dir;
};

/* A default ACL is an attribute that copies of metadata leave out. */
static int copy_default_acl(int from, int to)
{
	unsigned char *value = malloc(ACL_MAX);
	ssize_t length = value ? lc_sys_getxattr(from, DEFAULT_ACL, value, ACL_MAX) : -ENOMEM;
	int rc = 0;

	if (length > 0)
		rc = lc_sys_setxattr(to, DEFAULT_ACL, value, (size_t)length);
	else if (length == -ENOMEM)
		rc = -ENOMEM;
	free(value);
	return rc;
}

static int copy_open(const struct source *source, const char *old, const char *name,
                     int is_directory)
{
	int stage = source->txn->dir;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (is_directory ? O_DIRECTORY : 0);
	int from = lc_sys_open(source->dir, old, flags);
	int to = -1, rc = from < 0 ? from : 0;

	if (!rc && is_directory) {
		rc = lc_sys_mkdir(stage, name, 0700);
		to = rc ? rc : lc_sys_open(stage, name, flags);
	} else if (!rc) {
		to = lc_sys_create(stage, name, O_RDWR, 0600);
	}
	if (!rc && to < 0)
		rc = to;
	if (!rc)
		rc = lc_keep_copy(from, to, old, source->txn->store);
	if (!rc && is_directory)
		rc = copy_default_acl(from, to);
	if (!rc && lc_txn_needs_flush(source->txn, source->txn->home))
		rc = lc_sys_fsync(to);
	lc_sys_drop(&to);
	lc_sys_drop(&from);
	return rc;
}

static int copy_metadata(const struct source *source, const char *old, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
	int from = lc_sys_open(source->dir, old, flags);
	int to = from < 0 ? from : lc_sys_open(source->txn->dir, name, flags);
	int rc = to < 0 ? to : lc_keep_copy(from, to, old, source->txn->store);

	lc_sys_drop(&to);
	lc_sys_drop(&from);
	return rc;
}

static int copy_symlink(const struct source *source, const char *old, const char *name,
                        const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t length = lc_sys_readlink(source->dir, old, target, sizeof target - 1);
	int rc;

	if (length < 0)
		return (int)length;
	target[length] = '\0';
	rc = lc_sys_symlink(target, source->txn->dir, name);
	if (!rc && lc_sys_lchown(source->txn->dir, name, st->st_uid, st->st_gid) == -EPERM)
		rc = 0;
	return rc;
}

int lc_undo_copy(struct commit_txn *txn, int dir, const char *old, const char *name,
                 const struct stat *st)
{
	const struct source source = {txn, dir};
	int rc;

	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return copy_open(&source, old, name, 0);
	case S_IFDIR:
		return copy_open(&source, old, name, 1);
	case S_IFLNK:
		return copy_symlink(&source, old, name, st);
	case S_IFIFO:
		rc = lc_sys_mkfifo(txn->dir, name, 0600);
		return rc ? rc : copy_metadata(&source, old, name);
	default:
		/* A socket or a device: it has no content that somebody could write. */
		return lc_sys_link(dir, old, txn->dir, name);
	}
}
