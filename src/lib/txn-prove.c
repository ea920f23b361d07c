/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define USER "user."
/* Removing what is not there asks whether one may, and changes nothing. */
#define NOBODYS_ATTRIBUTE USER "libcommit.not-there"

static int prove_owner(const struct commit_txn *txn, const char *real)
{
	int fd = lc_beneath_open(txn->store->root, real, O_PATH | O_NOFOLLOW);
	struct stat st;
	int rc = fd < 0 ? fd : lc_sys_fstat(fd, &st);

	if (!rc && st.st_uid != geteuid())
		rc = -EACCES;
	lc_sys_drop(&fd);
	return rc;
}

/*
 * The object itself, opened as publishing will. Only its owner, and who may do
 * anything, can open it so that its access time stays; attributes of users need
 * the right to write instead.
 */
static int prove_rights(const struct commit_txn *txn, const char *real,
                        const struct lc_change *meta)
{
	int is_users = meta->attribute && strncmp(meta->attribute, USER, strlen(USER)) == 0;
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (is_users ? 0 : O_NOATIME);
	int fd = lc_beneath_open(txn->store->root, real, flags);
	int rc = fd < 0 ? fd : 0;

	/* Its mode says so: who owns it can change that. */
	if (rc == -EACCES && !meta->attribute && meta->mode != UINT32_MAX)
		return prove_owner(txn, real);
	if (!rc && is_users)
		rc = lc_sys_removexattr(fd, NOBODYS_ATTRIBUTE);
	lc_sys_drop(&fd);
	return rc == -ENODATA ? 0 : rc;
}

/* The same done to an object of the same kind that is ours. */
static int try_it(int dir, mode_t type, const struct lc_change *meta)
{
	int is_dir = S_ISDIR(type);
	int rc = is_dir ? lc_sys_mkdir(dir, LC_PROVE_NAME, 0700) : 0;
	int fd = -1;

	if (rc)
		return rc;
	fd = is_dir ? lc_sys_open(dir, LC_PROVE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
	            : lc_sys_create(dir, LC_PROVE_NAME, O_RDWR, 0600);
	if (fd < 0)
		return fd;
	if (meta->attribute)
		rc = lc_sys_setxattr(fd, meta->attribute, meta->value, meta->value_length);
	else
		rc = lc_sys_fchown(fd, meta->uid, meta->gid);
	lc_sys_drop(&fd);
	return rc;
}

/* Also what a process that was killed has left. */
static int remove_it(int dir)
{
	int rc = lc_sys_unlink(dir, LC_PROVE_NAME);

	if (rc == -EISDIR || rc == -EPERM)
		rc = lc_sys_rmdir(dir, LC_PROVE_NAME);
	return rc == -ENOENT ? 0 : rc;
}

int lc_txn_prove_meta(struct commit_txn *txn, size_t at, const struct lc_node *node,
                      const struct lc_change *meta)
{
	int changes_owner = meta->uid != UINT32_MAX || meta->gid != UINT32_MAX;
	int dir, rc = 0, removed;

	if (!S_ISLNK(node->identity.mode))
		rc = prove_rights(txn, node->real, meta);
	if (rc || (!meta->attribute && !changes_owner))
		return rc;
	dir = lc_txn_stage_on(txn, at);
	rc = dir < 0 ? dir : remove_it(dir);
	if (rc)
		return rc;
	rc = try_it(dir, node->identity.mode, meta);
	removed = remove_it(dir);
	return rc ? rc : removed;
}
