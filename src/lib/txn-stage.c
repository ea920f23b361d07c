/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "copy.h"
#include "error.h"
#include "meta.h"
#include "publish.h"
#include "sys.h"

#include <commit_save.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define KEEP_ALL (COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR)

int lc_txn_next_object(struct commit_txn *txn, size_t at, char name[32], char real[PATH_MAX])
{
	int dir = lc_txn_stage_on(txn, at);

	snprintf(name, 32, "in-%u", txn->serial++);
	if (dir >= 0)
		snprintf(real, PATH_MAX, "%s/%s", txn->stages[at].path, name);
	else
		strcpy(real, txn->mounts.items[at].top);
	return dir;
}

int lc_txn_identify(int dir, const char *name, struct lc_identity *identity)
{
	struct stat st;
	int rc = lc_sys_lstat_times(dir, name, &st);

	if (!rc)
		lc_identity_of(&st, identity);
	return rc;
}

/*
 * One that outlives us: another process may commit it, and a write-back error
 * must not get lost between. And where no syncfs will do it for all.
 */
int lc_txn_needs_flush(const struct commit_txn *txn, size_t at)
{
	return txn->info.keep || !txn->mounts.items[at].traits.syncs;
}

static void init_plan(const struct commit_store *store, struct lc_meta_plan *plan)
{
	memset(plan, 0, sizeof *plan);
	plan->keep = KEEP_ALL;
	plan->mode_and = 07777;
	plan->owner = (uid_t)-1;
	plan->group = (gid_t)-1;
	plan->warn = store->opt.warn;
	plan->context = store->opt.context;
}

int lc_txn_copy_metadata(struct commit_store *store, int from, const char *path, int fd,
                         mode_t mode_or, struct commit_error *err)
{
	struct lc_meta_plan plan;
	struct stat st;
	int rc = lc_sys_fstat(from, &st);

	init_plan(store, &plan);
	plan.mode_or = mode_or;
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "read metadata", path, NULL);
	return lc_meta_apply(from, &st, 0, fd, &plan, path, err);
}

int lc_txn_keep_metadata(struct commit_store *store, const char *old, int fd,
                         struct commit_error *err)
{
	int from = lc_beneath_open(store->root, old, O_RDONLY | O_NONBLOCK);
	int rc;

	if (from < 0)
		return lc_error_set(err, COMMIT_EFAILED, -from, "read metadata", old, NULL);
	rc = lc_txn_copy_metadata(store, from, old, fd, 0, err);
	lc_sys_drop(&from);
	return rc;
}

/*
 * Metadata of the file that is replaced, or of the one that mode_of is; else
 * what the kernel has given a new file stays.
 */
static int keep_metadata(struct commit_txn *txn, const struct lc_node *old, int mode_of, int fd,
                         struct commit_error *err)
{
	if (S_ISREG(old->identity.mode))
		return lc_txn_keep_metadata(txn->store, old->real, fd, err);
	return mode_of < 0 ? 0 : lc_txn_copy_metadata(txn->store, mode_of, old->real, fd, 0, err);
}

static int fill(struct commit_txn *txn, int fd, int from, const void *buffer, size_t length)
{
	off_t end = 0;
	int rc;

	if (from >= 0)
		rc = lc_copy_all(from, fd, &end, txn->store->opt.cancel_fd);
	else
		rc = lc_copy_bytes(fd, &end, buffer, length);
	txn->bytes += (uint64_t)end;
	return rc;
}

int lc_txn_stage_file(struct commit_txn *txn, size_t at, const char *path,
                      const struct lc_node *old, int mode_of, int from, const void *buffer,
                      size_t length, char real[PATH_MAX], struct lc_identity *identity,
                      struct commit_error *err)
{
	char name[32];
	int dir = lc_txn_next_object(txn, at, name, real);
	int fd, rc;

	if (mode_of >= 0 || S_ISREG(old->identity.mode))
		path = NULL;
	fd = dir < 0 ? dir : lc_txn_create(txn, path, dir, name);
	if (fd < 0)
		return lc_txn_fail(txn, fd, "stage", real, NULL, err);
	rc = fill(txn, fd, from, buffer, length);
	if (rc) {
		lc_sys_drop(&fd);
		return lc_txn_fail(txn, rc, "stage", real, NULL, err);
	}
	rc = keep_metadata(txn, old, mode_of, fd, err);
	if (!rc && lc_txn_needs_flush(txn, at)) {
		rc = lc_sys_fsync(fd);
		if (rc)
			rc = lc_txn_fail(txn, rc, "flush", real, NULL, err);
	}
	lc_sys_drop(&fd);
	if (rc)
		return rc;
	rc = lc_txn_identify(dir, name, identity);
	return rc ? lc_txn_fail(txn, rc, "stage", real, NULL, err) : 0;
}

/* A directory that its owner may not read has nothing in it to flush. */
static int flush_directory(struct commit_txn *txn, size_t at, int dir, const char *name)
{
	int fd, rc;

	if (!lc_txn_needs_flush(txn, at))
		return 0;
	fd = lc_sys_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return fd == -EACCES ? 0 : fd;
	rc = lc_mount_flush_directory(fd, dir);
	lc_sys_drop(&fd);
	return rc;
}

int lc_txn_stage_directory(struct commit_txn *txn, size_t at, const char *path, mode_t mode,
                           char real[PATH_MAX], struct lc_identity *identity)
{
	char name[32];
	int dir = lc_txn_next_object(txn, at, name, real);
	int rc = dir < 0 ? dir : lc_txn_mkdir(txn, path, dir, name, mode);

	if (!rc)
		rc = flush_directory(txn, at, dir, name);
	return rc ? rc : lc_txn_identify(dir, name, identity);
}

int lc_txn_own_link(const struct commit_txn *txn, size_t at, int dir, const char *name, uid_t uid,
                    gid_t gid)
{
	struct stat st;
	int rc = lc_sys_lstat(dir, name, &st);

	/* What is right already needs no flush of everything. */
	if (rc ||
	    ((uid == (uid_t)-1 || uid == st.st_uid) && (gid == (gid_t)-1 || gid == st.st_gid)))
		return rc;
	rc = lc_sys_lchown(dir, name, uid, gid);
	return rc || !lc_txn_needs_flush(txn, at) ? rc : lc_sys_syncfs(dir);
}

int lc_txn_stage_symlink(struct commit_txn *txn, size_t at, const char *path, const char *target,
                         char real[PATH_MAX], struct lc_identity *identity)
{
	char name[32];
	int dir = lc_txn_next_object(txn, at, name, real);
	int rc = dir < 0 ? dir : lc_txn_symlink(txn, at, path, target, dir, name);

	return rc ? rc : lc_txn_identify(dir, name, identity);
}

int lc_txn_stage_link(struct commit_txn *txn, size_t at, const struct lc_node *from,
                      char real[PATH_MAX], struct lc_identity *identity)
{
	struct lc_beneath_cache cache;
	const char *base;
	char name[32];
	int stage = lc_txn_next_object(txn, at, name, real);
	int dir, rc;

	if (stage < 0)
		return stage;
	lc_beneath_init(&cache, txn->store->root);
	dir = lc_beneath_parent(&cache, from->real, &base);
	rc = dir < 0 ? dir : lc_sys_link(dir, base, stage, name);
	lc_beneath_release(&cache);
	return rc ? rc : lc_txn_identify(stage, name, identity);
}

/* Nothing would change. With set-id bits a chown does, for it takes them away. */
static int has_meta(const struct stat *st, const struct lc_change *meta)
{
	return !meta->attribute && (st->st_mode & (S_ISUID | S_ISGID)) == 0 &&
	       (meta->uid == UINT32_MAX || meta->uid == st->st_uid) &&
	       (meta->gid == UINT32_MAX || meta->gid == st->st_gid) &&
	       (meta->mode == UINT32_MAX || meta->mode == (st->st_mode & 07777));
}

int lc_txn_stage_meta(struct commit_txn *txn, const struct lc_node *node,
                      const struct lc_change *meta, struct lc_identity *identity)
{
	const char *name = strrchr(node->real, '/') + 1;
	size_t at = lc_txn_stage_of(txn, node->real);
	int dir = at < txn->mounts.count ? lc_txn_stage_on(txn, at) : -ENODEV;
	struct stat st;
	int rc;

	if (dir < 0)
		return dir;
	/* Nobody else changes what is staged: its mode is known. */
	st.st_mode = node->identity.mode;
	if (meta->uid == UINT32_MAX && meta->gid == UINT32_MAX && has_meta(&st, meta)) {
		*identity = node->identity;
		return 0;
	}
	rc = lc_sys_lstat_times(dir, name, &st);
	if (rc)
		return rc;
	if (has_meta(&st, meta)) {
		lc_identity_of(&st, identity);
		return 0;
	}
	if (st.st_nlink > 1 && !S_ISDIR(st.st_mode))
		return -EMLINK;
	if (S_ISLNK(node->identity.mode)) {
		rc = lc_txn_own_link(txn, at, dir, name, meta->uid, meta->gid);
		return rc ? rc : lc_txn_identify(dir, name, identity);
	}
	rc = lc_publish_set_at(dir, name, meta, lc_txn_needs_flush(txn, at));
	return rc ? rc : lc_txn_identify(dir, name, identity);
}
