/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* The steps on their way past. */
struct check {
	struct commit_txn *txn;
	struct lc_beneath_cache cache;
	struct lc_beneath_cache places;
	/* a directory that is not there yet: its files come one after the other */
	char absent[PATH_MAX];
	/* for each mount: a step is on it */
	char *used;
	struct commit_error *err;
};

static int fail(struct check *check, int rc, const char *path, const char *text)
{
	return lc_txn_fail(check->txn, rc, "check", path, text, check->err);
}

/*
 * Where quotas go by project, a directory that hands its project on takes
 * nothing of another. Not every file system knows of projects.
 */
static int check_project(struct check *check, int dir, const struct lc_mount *mount,
                         const char *path)
{
	size_t at = (size_t)(mount - check->txn->mounts.items);
	uint32_t theirs, ours;
	int inherits, ignored;
	int stage, fd, rc;

	if (!check->txn->stages[at].path)
		return 0;
	stage = lc_txn_stage_on(check->txn, at);
	fd = lc_sys_open(dir, ".", O_RDONLY | O_DIRECTORY);
	if (stage < 0 || fd < 0) {
		lc_sys_drop(&fd);
		return stage < 0 ? fail(check, stage, path, NULL) : 0;
	}
	rc = lc_sys_project(fd, &theirs, &inherits);
	if (!rc && inherits)
		rc = lc_sys_project(stage, &ours, &ignored);
	lc_sys_drop(&fd);
	if (rc || !inherits || ours == theirs)
		return 0;
	return fail(check, -EXDEV, path, "its directory belongs to another quota project");
}

/* A directory that goes elsewhere would take along what is mounted below it. */
static int check_below(struct check *check, const char *directory)
{
	const struct lc_mounts *mounts = &check->txn->mounts;
	size_t length = strlen(directory), i;

	for (i = 0; i < mounts->count; i++)
		if (strncmp(mounts->items[i].top, directory, length) == 0 &&
		    mounts->items[i].top[length] == '/')
			return fail(check, -EBUSY, directory, "a file system is mounted below it");
	return 0;
}

static int check_top(struct check *check, int dir, const char *base, const char *path)
{
	struct lc_sys_mount mount;
	int rc = lc_sys_mount(dir, base, &mount);

	if (rc == -ENOENT)
		return 0;
	if (!rc && mount.is_top)
		return fail(check, -EBUSY, path, "is a mount point");
	return rc ? fail(check, rc, path, NULL) : 0;
}

/* What goes straight from its old path to its new one. */
static int check_source(struct check *check, const struct lc_change *c)
{
	const char *base;
	int dir;

	if (c->type != LC_CHANGE_PUT ||
	    lc_txn_stage_of(check->txn, c->place) < check->txn->mounts.count)
		return 0;
	dir = lc_mounts_parent(&check->txn->mounts, &check->places, c->place, &base);
	return dir < 0 ? fail(check, dir, c->place, NULL) : check_top(check, dir, base, c->place);
}

/* 1 if it is the same directory as the last that was not there. */
static int is_absent(const struct check *check, const char *path)
{
	size_t length = strlen(check->absent);

	return length > 0 && strncmp(path, check->absent, length) == 0 && path[length] == '/' &&
	       !strchr(path + length + 1, '/');
}

static void set_absent(struct check *check, const char *path, const char *base)
{
	size_t length = (size_t)(base - path);

	memcpy(check->absent, path, length);
	check->absent[length > 0 ? length - 1 : 0] = '\0';
}

/* Both ends on one mount, and that is the one it is on just now. */
static int check_step(struct check *check, const struct lc_change *c)
{
	const struct lc_mounts *mounts = &check->txn->mounts;
	const struct lc_mount *mount = lc_mounts_find(mounts, c->path);
	int moves = c->type == LC_CHANGE_TAKE || c->type == LC_CHANGE_PUT;
	const char *base;
	int dir, rc = 0;

	check->used[mount - mounts->items] = 1;
	if (moves && lc_mounts_find(mounts, c->place) != mount)
		return fail(check, -EXDEV, c->path, "would have to go to another file system");
	if (is_absent(check, c->path))
		return 0;
	dir = lc_mounts_parent(mounts, &check->cache, c->path, &base);
	/* Still to be put, be it in the place of a link. */
	if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP) {
		set_absent(check, c->path, base);
		return 0;
	}
	if (dir < 0)
		return fail(check, dir, c->path,
		            dir == -EXDEV ? "something was mounted there meanwhile" : NULL);
	if (moves && check->cache.fresh)
		rc = check_project(check, dir, mount, c->path);
	if (!rc && moves && (c->type == LC_CHANGE_TAKE || c->before.mode != 0))
		rc = check_top(check, dir, base, c->path);
	return rc;
}

static int check_moved(struct check *check, const struct lc_change *c)
{
	if (c->type == LC_CHANGE_TAKE && S_ISDIR(c->before.mode))
		return check_below(check, c->path);
	if (c->type == LC_CHANGE_PUT && S_ISDIR(c->after.mode))
		return check_below(check, c->place);
	return 0;
}

static int add_records(struct check *check, struct lc_change_list *list)
{
	const struct lc_mounts *mounts = &check->txn->mounts;
	struct lc_change record;
	size_t i;
	int rc = 0;

	for (i = 0; i < mounts->count && !rc; i++) {
		if (!check->used[i] || mounts->items[i].length == 0)
			continue;
		/* If only for the room that is kept there. */
		rc = lc_txn_stage_on(check->txn, i);
		if (rc < 0)
			break;
		rc = lc_mount_describe(&mounts->items[i], check->txn->stages[i].path, &record);
		if (!rc)
			rc = lc_change_list_add(list, &record);
	}
	return rc < 0 ? fail(check, rc, check->txn->id, NULL) : 0;
}

int lc_txn_check_mounts(struct commit_txn *txn, struct lc_change_list *list,
                        struct commit_error *err)
{
	struct check check = {.txn = txn, .err = err};
	size_t i, count = list->count;
	int rc = 0;

	if (txn->missing)
		return fail(&check, -ENODEV, txn->missing,
		            "the file system that was mounted here, with content for this "
		            "transaction, is missing");
	check.used = calloc(txn->mounts.count, 1);
	if (!check.used)
		return fail(&check, -ENOMEM, txn->id, NULL);
	lc_beneath_init(&check.cache, txn->store->root);
	lc_beneath_init(&check.places, txn->store->root);
	for (i = 0; i < count && !rc; i++)
		rc = check_moved(&check, &list->items[i]);
	for (i = 0; i < count && !rc; i++) {
		rc = check_source(&check, &list->items[i]);
		if (!rc)
			rc = check_step(&check, &list->items[i]);
	}
	if (!rc)
		rc = add_records(&check, list);
	lc_beneath_release(&check.cache);
	lc_beneath_release(&check.places);
	free(check.used);
	return rc;
}

int lc_txn_flush_stages(struct commit_txn *txn, int home)
{
	size_t i;
	int dir, rc = 0;

	for (i = 0; i < txn->mounts.count && !rc; i++) {
		dir = i == txn->home ? txn->dir : txn->stages[i].dir;
		if (dir < 0 || (i == txn->home && !home))
			continue;
		if (txn->mounts.items[i].traits.syncs)
			rc = lc_sys_syncfs(dir);
		else
			rc = lc_mount_flush_directory(dir, dir);
		/* The way down to it is new too. */
		if (!rc && !txn->mounts.items[i].traits.syncs)
			rc = lc_mount_flush_directory(
			        i == txn->home ? txn->store->stage : txn->mounts.items[i].fd, dir);
	}
	return rc;
}
