/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Times go last: they tell of a copy what they tell of the original. */
static int copy_file(struct commit_txn *txn, size_t at, int from, const struct stat *st,
                     char real[PATH_MAX], struct commit_error *err)
{
	static const struct lc_node nothing;
	struct lc_identity identity;
	const char *name;
	int dir, fd, rc;

	rc = lc_txn_stage_file(txn, at, NULL, &nothing, from, from, NULL, 0, real, &identity, err);
	if (rc)
		return rc;
	name = strrchr(real, '/') + 1;
	dir = lc_txn_stage_on(txn, at);
	rc = lc_sys_set_times_at(dir, name, st);
	if (!rc && lc_txn_needs_flush(txn, at)) {
		fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW);
		rc = fd < 0 ? lc_sys_syncfs(dir) : lc_sys_fsync(fd);
		lc_sys_drop(&fd);
	}
	return rc ? lc_txn_fail(txn, rc, "stage", real, NULL, err) : 0;
}

/* Its own mode is for the end, when everything is in it; see txn-move.c. */
static int copy_directory(struct commit_txn *txn, size_t at, int from, const char *path,
                          char real[PATH_MAX], struct commit_error *err)
{
	struct lc_identity identity;
	int dir = -1;
	int rc = lc_txn_stage_directory(txn, at, NULL, 0700, real, &identity);

	if (!rc)
		rc = dir = lc_sys_open(lc_txn_stage_on(txn, at), strrchr(real, '/') + 1,
		                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (rc < 0)
		return lc_txn_fail(txn, rc, "stage", real, NULL, err);
	rc = lc_txn_copy_metadata(txn->store, from, path, dir, 0700, err);
	if (!rc && lc_txn_needs_flush(txn, at)) {
		rc = lc_sys_fsync(dir);
		if (rc)
			rc = lc_txn_fail(txn, rc, "flush", real, NULL, err);
	}
	lc_sys_drop(&dir);
	return rc;
}

static int copy_symlink(struct commit_txn *txn, size_t at, const struct lc_node *node,
                        char real[PATH_MAX], struct commit_error *err)
{
	struct lc_identity identity;
	struct lc_beneath_cache cache;
	char target[PATH_MAX];
	const char *base, *name;
	struct stat st;
	ssize_t length = 0;
	int rc;

	lc_beneath_init(&cache, txn->store->root);
	rc = lc_beneath_stat(&cache, node->real, &st);
	if (!rc) {
		int dir = lc_beneath_parent(&cache, node->real, &base);

		length = lc_sys_readlink(dir, base, target, sizeof target - 1);
		rc = length < 0 ? (int)length : 0;
	}
	lc_beneath_release(&cache);
	target[length > 0 ? length : 0] = '\0';
	if (!rc)
		rc = lc_txn_stage_symlink(txn, at, NULL, target, real, &identity);
	name = rc ? NULL : strrchr(real, '/') + 1;
	if (!rc)
		rc = lc_txn_own_link(txn, at, lc_txn_stage_on(txn, at), name, st.st_uid, st.st_gid);
	/* As with a file: who may not give it away keeps it. */
	if (rc == -EPERM && name)
		rc = 0;
	if (!rc)
		rc = lc_sys_set_times_at(lc_txn_stage_on(txn, at), name, &st);
	return rc ? lc_txn_fail(txn, rc, "stage", node->real, NULL, err) : 0;
}

/* What was looked at is what is copied; see txn-move.c for what changes meanwhile. */
static int copy_open(struct commit_txn *txn, size_t at, const struct lc_node *node, int from,
                     char real[PATH_MAX], struct commit_error *err)
{
	struct lc_identity now;
	struct stat st;
	int rc = lc_sys_fstat_times(from, &st);

	if (rc)
		return lc_txn_fail(txn, rc, "stage", node->real, NULL, err);
	lc_identity_of(&st, &now);
	if (!lc_identity_same(&now, &node->identity))
		return lc_txn_fail(txn, -ESTALE, "stage", node->real, NULL, err);
	if (S_ISDIR(st.st_mode))
		return copy_directory(txn, at, from, node->real, real, err);
	return copy_file(txn, at, from, &st, real, err);
}

int lc_txn_stage_copy(struct commit_txn *txn, size_t at, const struct lc_node *node,
                      char real[PATH_MAX], struct lc_identity *identity, struct commit_error *err)
{
	int from, rc;

	if (S_ISLNK(node->identity.mode)) {
		rc = copy_symlink(txn, at, node, real, err);
	} else {
		from = lc_beneath_open(txn->store->root, node->real, O_RDONLY | O_NONBLOCK);
		if (from < 0)
			return lc_txn_fail(txn, from, "stage", node->real, NULL, err);
		rc = copy_open(txn, at, node, from, real, err);
		lc_sys_drop(&from);
	}
	if (rc)
		return rc;
	rc = lc_txn_identify(lc_txn_stage_on(txn, at), strrchr(real, '/') + 1, identity);
	return rc ? lc_txn_fail(txn, rc, "stage", real, NULL, err) : 0;
}
