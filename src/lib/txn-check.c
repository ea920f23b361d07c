/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"
#include "txn-patch.h"

#include "beneath.h"
#include "copy.h"
#include "error.h"
#include "record.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in txn.c: no list of operations is longer. */
#define OPS_MAX ((off_t)1 << 30)

struct checking {
	struct commit_store *store;
	struct lc_history history;
	struct lc_decisions decisions;
	lc_txn_breach *found;
	void *context;
};

/* The paths in stages that something refers to. */
struct places {
	char **items;
	size_t count;
	size_t room;
};

static int tell(const struct checking *check, int invariant, const char *path, const char *reason)
{
	check->found(check->context, invariant, path, reason);
	return 0;
}

static int add_place(struct places *places, const char *place)
{
	char **bigger;

	if (places->count == places->room) {
		places->room = places->room ? 2 * places->room : 64;
		bigger = realloc(places->items, places->room * sizeof(char *));
		if (!bigger)
			return -ENOMEM;
		places->items = bigger;
	}
	places->items[places->count] = strdup(place);
	return places->items[places->count++] ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int has_place(const struct places *places, const char *place)
{
	return places->count > 0 &&
	       bsearch(&place, places->items, places->count, sizeof(char *), by_name) != NULL;
}

static void places_release(struct places *places)
{
	size_t i;

	for (i = 0; i < places->count; i++)
		free(places->items[i]);
	free(places->items);
}

static int stands_at(const struct checking *check, const char *path,
                     const struct lc_identity *wanted)
{
	struct lc_beneath_cache cache;
	struct stat st;
	int rc;

	lc_beneath_init(&cache, check->store->root);
	rc = lc_beneath_stat(&cache, path, &st);
	lc_beneath_release(&cache);
	if (rc)
		return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ? 0 : rc;
	return st.st_ino == wanted->inode && (st.st_mode & S_IFMT) == (wanted->mode & S_IFMT);
}

/* Both contents of an edit in place wait until it is complete. 1, 0, or a negative errno. */
static int has_contents(const struct checking *check, const struct lc_change *c)
{
	struct lc_beneath_cache cache;
	struct lc_patch patch;
	struct stat st;
	int rc = lc_change_get_patch(c, &patch);

	lc_beneath_init(&cache, check->store->root);
	if (!rc)
		rc = lc_beneath_stat(&cache, c->place, &st);
	lc_beneath_release(&cache);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == patch.total;
}

/* 3: what is to be put waits, or has been put. */
static int check_steps(const struct checking *check, const struct lc_logged *logged)
{
	size_t i;
	int rc;

	for (i = 0; i < logged->list.count; i++) {
		const struct lc_change *c = &logged->list.items[i];

		if (c->type == LC_CHANGE_PATCH) {
			rc = has_contents(check, c);
			if (rc < 0)
				return rc;
			if (!rc)
				tell(check, 3, c->path,
				     "was committed, and what is to be written is not there");
		}
		/* What the log holds need not be staged. */
		if (c->type != LC_CHANGE_PUT || !lc_txn_in_stage(c->place) || c->after.inode == 0)
			continue;
		rc = stands_at(check, c->place, &c->after);
		if (!rc)
			rc = stands_at(check, c->path, &c->after);
		if (rc < 0)
			return rc;
		if (!rc)
			tell(check, 3, c->path,
			     "was committed, and what is to be put there is nowhere");
	}
	return 0;
}

/* 1: one place waits for one commit, one path was changed by nobody else. */
static int check_unfinished(const struct checking *check)
{
	struct places places = {NULL, 0, 0};
	size_t i, k;
	int rc = 0;

	for (i = 0; i < check->decisions.count && !rc; i++) {
		const struct lc_decision *decision = &check->decisions.items[i];
		const struct lc_change_list *list = &decision->logged->list;
		size_t before = places.count;

		if (decision->rc)
			rc = decision->rc;
		else if (decision->fate == LC_TXN_CONFLICT)
			tell(check, 1, decision->bad->path,
			     "was committed, and changed by somebody else before it was "
			     "published");
		else if (check->decisions.count == 1)
			rc = check_steps(check, decision->logged);
		for (k = 0; k < list->count && !rc; k++) {
			const char *place = list->items[k].place;

			if (list->items[k].type != LC_CHANGE_PUT || !lc_txn_in_stage(place))
				continue;
			if (before > 0 &&
			    bsearch(&place, places.items, before, sizeof(char *), by_name))
				tell(check, 1, place, "two commits refer to it");
			rc = add_place(&places, place);
		}
		if (places.count > 0)
			qsort(places.items, places.count, sizeof(char *), by_name);
	}
	places_release(&places);
	return rc;
}

/* 1: a commit is logged once. */
static void check_numbers(const struct checking *check)
{
	size_t i;

	for (i = 0; i < check->history.count; i++) {
		const struct lc_logged *logged = &check->history.items[i];

		if (logged->committed && lc_history_find(&check->history, logged->number) != logged)
			tell(check, 1, LC_STORE_NAME "/log", "a transaction was committed twice");
	}
}

static int collect_steps(const struct lc_logged *logged, struct places *places)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < logged->list.count && !rc; i++)
		if (lc_txn_in_stage(logged->list.items[i].place))
			rc = add_place(places, logged->list.items[i].place);
	return rc;
}

/* 1 and 3: an operation refers to an object of its own stage, and that is there. */
static int check_operation(const struct checking *check, const char *stage,
                           const struct lc_change *op)
{
	int rc;

	if (op->type != LC_OPERATION_PUT && op->type != LC_OPERATION_PATCH)
		return 0;
	if (strncmp(op->place, stage, strlen(stage)) != 0 || op->place[strlen(stage)] != '/')
		return lc_txn_in_stage(op->place)
		               ? tell(check, 1, op->place, "another transaction refers to it")
		               : 0;
	rc = lc_change_is_patch(op) ? has_contents(check, op)
	                            : stands_at(check, op->place, &op->after);
	if (rc == 0)
		tell(check, 3, op->place, "was staged, and is not there");
	return rc < 0 ? rc : 0;
}

static int read_operations(const struct checking *check, const char *stage, const unsigned char *p,
                           size_t size, struct places *places)
{
	struct lc_record record;
	struct lc_change op;
	size_t at = 0;
	int rc = 0;

	while (!rc && lc_record_open(p + at, size - at, &record) == 0 && record.position == at) {
		rc = lc_change_decode(record.type, record.payload, record.length, &op);
		if (rc == -EBADMSG) {
			tell(check, 2, stage, "an operation makes no sense");
			return 0;
		}
		if (!rc)
			rc = check_operation(check, stage, &op);
		if (!rc && op.place)
			rc = add_place(places, op.place);
		lc_change_release(&op);
		at += lc_record_size(record.length);
	}
	return rc;
}

static int load_operations(const struct checking *check, const char *stage, int ops,
                           struct places *places)
{
	unsigned char *bytes;
	struct stat st;
	ssize_t length;
	int rc = lc_sys_fstat(ops, &st);

	if (rc)
		return rc;
	if (!S_ISREG(st.st_mode) || st.st_size > OPS_MAX)
		return tell(check, 2, stage, "its operations are no file, or too many");
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	length = lc_copy_read(ops, bytes, (size_t)st.st_size, 0);
	rc = length < 0 ? (int)length
	                : read_operations(check, stage, bytes, (size_t)length, places);
	free(bytes);
	return rc;
}

struct strays {
	const struct checking *check;
	const char *stage;
	const struct places *places;
	/* publishing may have begun, and with it history */
	int committed;
};

static int check_object(void *context, const char *name)
{
	/* What a stage has beside objects; room is kept for what comes after the commit. */
	static const char *const parts[] = {"info", "ops", "mounts", "home", "room", LC_ROOM_NAME};
	const struct strays *strays = context;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strcmp(name, parts[i]) == 0)
			return 0;
	if ((strays->committed && lc_keep_is_made(name)) || lc_txn_is_shown(name))
		return 0;
	snprintf(path, sizeof path, "%s/%s", strays->stage, name);
	if (!has_place(strays->places, path))
		tell(strays->check, 4, path, "nothing refers to it");
	return 0;
}

/* 4: nothing lies in a stage that nobody refers to. */
static int check_objects(const struct checking *check, const char *stage, int dir,
                         struct places *places, int committed)
{
	struct strays strays = {check, stage, places, committed};

	if (places->count > 0)
		qsort(places->items, places->count, sizeof(char *), by_name);
	return lc_store_each_name(dir, check_object, &strays);
}

static int check_open(const struct checking *check, const char *stage, const char *name, int dir)
{
	struct places places = {NULL, 0, 0};
	int ops, rc;

	if (lc_txn_stage_is_dead(check->store, name))
		return tell(check, 4, stage, "nobody will go on with it");
	ops = lc_sys_open(dir, "ops", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (ops < 0)
		return ops == -ENOENT ? tell(check, 2, stage, "has no list of operations") : ops;
	/* Somebody works on it: it is as he is about to leave it. */
	rc = lc_sys_lock_shared(ops) == -EWOULDBLOCK ? 0
	                                             : load_operations(check, stage, ops, &places);
	if (!rc && lc_sys_lock_shared(ops) != -EWOULDBLOCK)
		rc = check_objects(check, stage, dir, &places, 0);
	places_release(&places);
	lc_sys_drop(&ops);
	return rc;
}

static int check_logged(const struct checking *check, const struct lc_logged *logged,
                        const char *stage, int dir)
{
	const struct lc_logged *by = NULL;
	struct places places = {NULL, 0, 0};
	int rc;

	if (logged->complete)
		return tell(check, 4, stage, "its transaction is complete");
	if (logged->aborted_by)
		by = lc_history_find(&check->history, logged->aborted_by);
	rc = collect_steps(logged, &places);
	if (!rc && by)
		rc = collect_steps(by, &places);
	if (!rc)
		rc = check_objects(check, stage, dir, &places, 1);
	places_release(&places);
	return rc;
}

static int check_stage(void *context, const char *name)
{
	const struct checking *check = context;
	uint64_t number = lc_txn_number(name);
	const struct lc_logged *logged = number ? lc_history_find(&check->history, number) : NULL;
	char stage[PATH_MAX];
	int dir, rc;

	snprintf(stage, sizeof stage, LC_STORE_STAGE "/%s", name);
	if (!number)
		return tell(check, 4, stage, "not a stage");
	dir = lc_sys_open(check->store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (dir == -ENOTDIR || dir == -ELOOP)
		return tell(check, 2, stage, "is no directory");
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	rc = logged && logged->committed ? check_logged(check, logged, stage, dir)
	                                 : check_open(check, stage, name, dir);
	lc_sys_drop(&dir);
	return rc;
}

static int check_part(void *context, const char *name)
{
	const struct checking *check = context;
	char path[PATH_MAX];

	if (lc_store_is_part(name))
		return 0;
	snprintf(path, sizeof path, LC_STORE_NAME "/%s", name);
	return tell(check, 4, path, "not a part of a store");
}

static int check_log_file(void *context, const char *name, const char *reason)
{
	const struct checking *check = context;
	char path[PATH_MAX];

	snprintf(path, sizeof path, LC_STORE_NAME "/log/%s", name);
	return tell(check, 4, path, reason);
}

int lc_txn_check(struct commit_store *store, lc_txn_breach *found, void *context,
                 struct commit_error *err)
{
	struct checking check = {.store = store, .found = found, .context = context};
	int rc = lc_history_read(store, &check.history, err);

	if (!rc) {
		rc = lc_txn_decide(store, &check.history, &check.decisions);
		check_numbers(&check);
		if (!rc)
			rc = check_unfinished(&check);
		if (!rc)
			rc = lc_store_each_stage(store, check_stage, &check);
		if (!rc)
			rc = lc_store_each_name(store->home, check_part, &check);
		if (!rc)
			rc = lc_keep_check(store, found, context);
		if (!rc)
			rc = lc_log_check(store->log, check_log_file, &check);
		if (rc)
			rc = lc_store_fail(store, rc, "check", NULL, err);
	}
	lc_txn_decisions_release(&check.decisions);
	lc_history_release(&check.history);
	return rc;
}
