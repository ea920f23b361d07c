/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A directory that goes to another one gets a new entry "..", so whoever is not
 * root must have the right to write the directory itself; and to fill it, too.
 * New directories therefore get such modes last. For those of others that is
 * asked for before the commit, because after it nothing may fail.
 */
#define OWNER_WRITES (S_IWUSR | S_IXUSR)

/* The stage is flat, and the place's directory is there. */
static int chmod_staged(struct commit_txn *txn, const char *place, mode_t mode)
{
	struct lc_beneath_cache cache;
	const char *base;
	int dir, rc;

	lc_beneath_init(&cache, txn->store->root);
	dir = lc_beneath_parent(&cache, place, &base);
	rc = dir < 0 ? dir : lc_sys_chmod(dir, base, mode);
	lc_beneath_release(&cache);
	return rc;
}

static int is_new_directory(const struct lc_change *c)
{
	return c->type == LC_CHANGE_PUT && S_ISDIR(c->after.mode) && lc_txn_in_stage(c->place);
}

/* One of the steps that were planned, which are first, sets it anyway; those come last. */
static int gets_mode(const struct lc_change_list *list, size_t planned, const char *path)
{
	const struct lc_change *c;
	size_t i;

	for (i = planned; i > 0; i--) {
		c = &list->items[i - 1];
		if (c->type == LC_CHANGE_TAKE || c->type == LC_CHANGE_PUT)
			return 0;
		if (c->type == LC_CHANGE_META && c->mode != UINT32_MAX &&
		    strcmp(c->path, path) == 0)
			return 1;
	}
	return 0;
}

static int lend(struct commit_txn *txn, const struct lc_change *put, size_t planned,
                struct lc_change_list *list)
{
	struct lc_change meta = {.type = LC_CHANGE_META,
	                         .after = put->after,
	                         .mode = put->after.mode & 07777,
	                         .uid = UINT32_MAX,
	                         .gid = UINT32_MAX};
	int rc = chmod_staged(txn, put->place, meta.mode | S_IRWXU);

	if (rc || gets_mode(list, planned, put->path))
		return rc;
	meta.path = strdup(put->path);
	meta.place = strdup("");
	if (!meta.path || !meta.place) {
		lc_change_release(&meta);
		return -ENOMEM;
	}
	return lc_change_list_add(list, &meta);
}

static size_t depth(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

/* A step on metadata, and where it stood in the list. */
struct turn {
	struct lc_change change;
	/* of a directory, plus one */
	size_t depth;
	size_t at;
};

static int by_turn(const void *a, const void *b)
{
	const struct turn *left = a, *right = b;

	if (!left->depth != !right->depth)
		return left->depth ? 1 : -1;
	if (left->depth != right->depth)
		return left->depth > right->depth ? -1 : 1;
	return left->at < right->at ? -1 : 1;
}

/*
 * Files in the order in which it was asked for, since several paths may be one of
 * them; then directories, the deepest first: behind one that may not be searched
 * any more nothing can be set. What is taken away later comes before that.
 */
static int order_metas(struct lc_change_list *list)
{
	struct turn *turns = calloc(list->count + 1, sizeof *turns);
	size_t i, count = 0, kept = 0;

	if (!turns)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		const struct lc_change c = list->items[i];

		if (lc_change_is_meta(&c) && !c.place[0])
			turns[count++] =
			        (struct turn){c, S_ISDIR(c.after.mode) ? depth(c.path) + 1 : 0, i};
		else
			list->items[kept++] = c;
	}
	qsort(turns, count, sizeof *turns, by_turn);
	for (i = 0; i < count; i++)
		list->items[kept + i] = turns[i].change;
	free(turns);
	return 0;
}

int lc_txn_lend_modes(struct commit_txn *txn, struct lc_change_list *list, struct commit_error *err)
{
	size_t i, planned = list->count;
	int rc;

	for (i = planned; i > 0; i--) {
		/* The list may move while it grows. */
		struct lc_change put = list->items[i - 1];

		if (!is_new_directory(&put) || (put.after.mode & OWNER_WRITES) == OWNER_WRITES)
			continue;
		rc = lend(txn, &put, planned, list);
		if (rc)
			return lc_txn_fail(txn, rc, "prepare", put.path, NULL, err);
	}
	rc = order_metas(list);
	return rc ? lc_txn_fail(txn, rc, "prepare", txn->id, NULL, err) : 0;
}

/* Both lie in one directory: its entry ".." stays what it is. */
static int are_neighbours(const char *a, const char *b)
{
	const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
	size_t length_a = slash_a ? (size_t)(slash_a - a) : 0;
	size_t length_b = slash_b ? (size_t)(slash_b - b) : 0;

	return length_a == length_b && memcmp(a, b, length_a) == 0;
}

/* The path at which a directory stands now that the step moves elsewhere. */
static const char *moved_directory(const struct lc_change *c)
{
	if (c->type == LC_CHANGE_TAKE && S_ISDIR(c->before.mode))
		return c->path;
	if (c->type == LC_CHANGE_PUT && S_ISDIR(c->after.mode) && !lc_txn_in_stage(c->place) &&
	    !are_neighbours(c->path, c->place))
		return c->place;
	return NULL;
}

int lc_txn_check_modes(struct commit_txn *txn, const struct lc_change_list *list,
                       struct commit_error *err)
{
	struct lc_beneath_cache cache;
	const char *path = NULL, *base;
	size_t i;
	int dir, rc = 0;

	lc_beneath_init(&cache, txn->store->root);
	for (i = 0; i < list->count && !rc; i++) {
		path = moved_directory(&list->items[i]);
		if (!path)
			continue;
		dir = lc_beneath_parent(&cache, path, &base);
		rc = dir < 0 ? dir : lc_sys_access(dir, base, W_OK);
	}
	lc_beneath_release(&cache);
	return rc ? lc_txn_fail(txn, rc, "check", path,
	                        rc == -EACCES ? "no right to write this directory, which it takes "
	                                        "to move or remove it"
	                                      : NULL,
	                        err)
	          : 0;
}
