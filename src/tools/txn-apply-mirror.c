/* SPDX-License-Identifier: ISC */
#include <config.h>

#ifdef HAVE_LIBARCHIVE

#include "cli.h"
#include "txn-apply-internal.h"
#include "txn-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * Only names that are on the disk are looked for: those that the transaction
 * has made are the archive's own.
 */
struct level {
	struct apply *apply;
	const char *path;
	int (*act)(struct apply *apply, const char *path);
	/* something in it stays */
	bool spared;
};

static bool is_mount_point(const struct apply *apply, const char *path)
{
	struct statx st;
	struct statx parent;
	char above[PATH_MAX];
	char *slash;

	if (statx(apply->session->root, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE,
	          &st) != 0)
		return false;
	if ((st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0)
		return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	/* an older kernel: what is mounted from the same device escapes */
	snprintf(above, sizeof(above), "./%s", path);
	slash = strrchr(above, '/');
	*slash = '\0';
	return statx(apply->session->root, above, 0, STATX_TYPE, &parent) == 0 &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) !=
	               makedev(parent.stx_dev_major, parent.stx_dev_minor);
}

static bool is_spared(const struct apply *apply, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return strcmp(name, ".commit") == 0 || strncmp(name, ".commit-stage-", 14) == 0 ||
	       strcmp(name, "lost+found") == 0 || txn_apply_excluded(apply, path) ||
	       is_mount_point(apply, path);
}

static int visit(void *context, const char *name)
{
	struct level *level = context;
	char path[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s%s%s", level->path, level->path[0] != '\0' ? "/" : "",
	             name) >= (int)sizeof(path))
		return cli_fail(&level->apply->session->err, COMMIT_EFAILED, ENAMETOOLONG,
		                "--mirror", level->path, "a name in it is too long");
	rc = level->act(level->apply, path);
	if (rc == 1) {
		level->spared = true;
		rc = COMMIT_OK;
	}
	return rc;
}

/* act for each name in a directory of the disk. Returns 1 if something is spared. */
static int for_each(struct apply *apply, const char *path, const char *real,
                    int (*act)(struct apply *apply, const char *path))
{
	struct level level = {apply, path, act, false};
	int rc = txn_tree_names(apply->session->root, real, visit, &level);

	/* a code of ours has its text already */
	if (rc == -1 && apply->session->err.code == 0)
		return cli_fail(&apply->session->err, COMMIT_EFAILED, errno, "read", path, "%s",
		                strerror(errno));
	return rc == COMMIT_OK ? level.spared : rc;
}

int txn_apply_clear(struct apply *apply, const char *path)
{
	struct txn_session *session = apply->session;
	enum commit_kind kind;
	char real[PATH_MAX];
	int rc;

	if (is_spared(apply, path))
		return 1;
	rc = txn_apply_look(apply, path, &kind, real, sizeof(real));
	if (rc != COMMIT_OK || kind == COMMIT_KIND_ABSENT)
		return rc;
	if (kind != COMMIT_KIND_DIRECTORY)
		return commit_txn_rm(session->txn, path, &session->err);
	if (txn_tree_is_directory(session->root, real))
		rc = for_each(apply, path, real, txn_apply_clear);
	if (rc == COMMIT_OK)
		rc = commit_txn_rmdir(session->txn, path, &session->err);
	return rc;
}

static int sweep(struct apply *apply, const char *path)
{
	const struct txn_name *name = txn_names_find(&apply->names, path);

	if (name == NULL)
		return txn_apply_clear(apply, path);
	if (name->kind != TXN_NAME_DIRECTORY || is_spared(apply, path) ||
	    !txn_tree_is_directory(apply->session->root, path))
		return COMMIT_OK;
	return for_each(apply, path, path, sweep);
}

int txn_apply_sweep(struct apply *apply)
{
	int rc = for_each(apply, "", ".", sweep);

	return rc == 1 ? COMMIT_OK : rc;
}

#endif
