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

/* The name of the next object, and its path relative to the root. */
static void next_object(struct commit_txn *txn, char name[32], char real[PATH_MAX])
{
	snprintf(name, 32, "in-%u", txn->serial++);
	snprintf(real, PATH_MAX, "%s/%s", txn->place, name);
}

static int identify(struct commit_txn *txn, const char *name, struct lc_identity *identity)
{
	struct stat st;
	int rc = lc_sys_lstat_times(txn->dir, name, &st);

	if (!rc)
		lc_identity_of(&st, identity);
	return rc;
}

static void init_plan(struct commit_txn *txn, struct lc_meta_plan *plan)
{
	memset(plan, 0, sizeof *plan);
	plan->keep = KEEP_ALL;
	plan->mode_and = 07777;
	plan->owner = (uid_t)-1;
	plan->group = (gid_t)-1;
	plan->warn = txn->store->opt.warn;
	plan->context = txn->store->opt.context;
}

/*
 * Metadata of the file that is replaced, or of the one that mode_of is; else
 * what the kernel has given a new file stays.
 */
static int keep_metadata(struct commit_txn *txn, const struct lc_node *old, int mode_of, int fd,
                         struct commit_error *err)
{
	struct lc_meta_plan plan;
	struct stat st;
	int from = -1;
	int rc = 0;

	if (S_ISREG(old->identity.mode))
		rc = from = lc_beneath_open(txn->store->root, old->real, O_RDONLY | O_NONBLOCK);
	else if (mode_of >= 0)
		from = mode_of;
	if (from < 0)
		return rc < 0 ? lc_txn_fail(txn, rc, "read metadata", old->real, NULL, err) : 0;
	init_plan(txn, &plan);
	rc = lc_sys_fstat(from, &st);
	if (rc)
		rc = lc_txn_fail(txn, rc, "read metadata", old->real, NULL, err);
	else
		rc = lc_meta_apply(from, &st, 0, fd, &plan, old->real, err);
	if (from != mode_of)
		lc_sys_drop(&from);
	return rc;
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

int lc_txn_stage_file(struct commit_txn *txn, const struct lc_node *old, int mode_of, int from,
                      const void *buffer, size_t length, char real[PATH_MAX],
                      struct lc_identity *identity, struct commit_error *err)
{
	char name[32];
	int fd, rc;

	next_object(txn, name, real);
	/* 0666: the kernel takes the umask off; the directory around it is 0700. */
	fd = lc_sys_create(txn->dir, name, O_RDWR, 0666);
	if (fd < 0)
		return lc_txn_fail(txn, fd, "stage", real, NULL, err);
	rc = fill(txn, fd, from, buffer, length);
	if (rc) {
		lc_sys_drop(&fd);
		return lc_txn_fail(txn, rc, "stage", real, NULL, err);
	}
	rc = keep_metadata(txn, old, mode_of, fd, err);
	/* Another process may commit it: a write-back error must not get lost between. */
	if (!rc && txn->info.keep) {
		rc = lc_sys_fsync(fd);
		if (rc)
			rc = lc_txn_fail(txn, rc, "flush", real, NULL, err);
	}
	lc_sys_drop(&fd);
	if (rc)
		return rc;
	rc = identify(txn, name, identity);
	return rc ? lc_txn_fail(txn, rc, "stage", real, NULL, err) : 0;
}

int lc_txn_stage_directory(struct commit_txn *txn, mode_t mode, char real[PATH_MAX],
                           struct lc_identity *identity)
{
	char name[32];
	int rc;

	next_object(txn, name, real);
	rc = lc_sys_mkdir(txn->dir, name, mode);
	return rc ? rc : identify(txn, name, identity);
}

int lc_txn_stage_symlink(struct commit_txn *txn, const char *target, char real[PATH_MAX],
                         struct lc_identity *identity)
{
	char name[32];
	int rc;

	next_object(txn, name, real);
	rc = lc_sys_symlink(target, txn->dir, name);
	return rc ? rc : identify(txn, name, identity);
}

int lc_txn_stage_link(struct commit_txn *txn, const struct lc_node *from, char real[PATH_MAX],
                      struct lc_identity *identity)
{
	struct lc_beneath_cache cache;
	const char *base;
	char name[32];
	int dir, rc;

	lc_beneath_init(&cache, txn->store->root);
	dir = lc_beneath_parent(&cache, from->real, &base);
	next_object(txn, name, real);
	rc = dir < 0 ? dir : lc_sys_link(dir, base, txn->dir, name);
	lc_beneath_release(&cache);
	return rc ? rc : identify(txn, name, identity);
}

int lc_txn_stage_meta(struct commit_txn *txn, const struct lc_node *node,
                      const struct lc_change *meta, struct lc_identity *identity)
{
	const char *name = strrchr(node->real, '/') + 1;
	int fd, rc;

	if (S_ISLNK(node->identity.mode)) {
		rc = lc_sys_lchown(txn->dir, name, meta->uid, meta->gid);
		return rc ? rc : identify(txn, name, identity);
	}
	fd = lc_sys_open(txn->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd;
	rc = lc_publish_set(fd, meta);
	if (!rc && txn->info.keep)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc ? rc : identify(txn, name, identity);
}
