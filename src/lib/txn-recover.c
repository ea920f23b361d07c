/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"
#include "txn-keep.h"

#include "error.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* One record each, and one flush. */
static int complete(struct commit_store *store, const struct lc_logged *const *done, size_t count)
{
	uint64_t end = 0;
	size_t i;
	int rc = 0;

	for (i = 0; i < count && !rc; i++) {
		struct lc_log_entry entry = {.type = LC_LOG_COMPLETE,
		                             .transaction = done[i]->number};

		rc = lc_log_append(store->log, &entry, 1, &end);
	}
	return rc ? rc : lc_log_force(store->log, end);
}

static int pending(int rc, const char *path, struct commit_error *err)
{
	if (rc == -ENODEV)
		return lc_error_format(err, COMMIT_EPENDING, ENODEV, "publish", path,
		                       "the file system that was mounted here is missing; "
		                       "committed, mount it and commit-recover finishes it");
	if (rc == -EBUSY)
		return lc_error_set(err, COMMIT_EPENDING, EBUSY, "publish", path,
		                    "somebody else edits this file just now; committed, "
		                    "commit-recover finishes it");
	if (rc == -EXDEV)
		return lc_error_format(err, COMMIT_EPENDING, EXDEV, "publish", path,
		                       "something else is mounted over its directory now; "
		                       "committed, unmount that and commit-recover finishes it");
	return lc_error_format(err, COMMIT_EPENDING, -rc, "publish", path,
	                       "%s; committed, commit-recover finishes it", commit_errno_name(-rc));
}

static int unflushed(const char *path, int rc, struct commit_error *err)
{
	return lc_error_format(err, COMMIT_EPENDING, -rc, "flush", path,
	                       "committed and published, but the flush failed, and until its file "
	                       "system was unmounted everywhere or the machine rebooted no flush "
	                       "can be believed; then commit-recover finishes it");
}

static int conflict(uint64_t number, const char *path, struct commit_error *err)
{
	char id[COMMIT_TXN_ID_SIZE];

	lc_txn_id(number, id);
	return lc_error_format(err, COMMIT_ECONFLICT, ESTALE, "publish", path,
	                       "was changed by somebody else after the commit; theirs stays, ours "
	                       "waits in .commit/stage until a person decides: commit-recover "
	                       "--resolve=%s:commit or %s:abort",
	                       id, id);
}

/*
 * The room that was kept is given up when it is needed, and some file systems
 * let nobody have it before their journal is written.
 */
static int apply(const struct commit_store *store, const struct lc_logged *logged,
                 const struct lc_change **bad)
{
	int rc = lc_publish_apply(store->root, &logged->list, bad);

	if (rc != -ENOSPC && rc != -EDQUOT)
		return rc;
	lc_txn_give_room(store, logged->number, &logged->list);
	rc = lc_publish_flush(store->root, &logged->list, bad);
	return rc ? rc : lc_publish_apply(store->root, &logged->list, bad);
}

int lc_txn_publish(struct commit_store *store, struct lc_logged *logged, struct commit_error *err)
{
	const struct lc_change *bad = NULL;
	int rc = 0;

	if (logged->contents.count > 0)
		rc = lc_txn_restage(store, logged->number, &logged->contents, &logged->list, err);
	if (rc)
		return rc;
	rc = apply(store, logged, &bad);
	if (rc == -ESTALE)
		return conflict(logged->number, bad->path, err);
	if (rc == LC_PUBLISH_UNFLUSHED) {
		lc_txn_note_unflushed(store, logged);
		return unflushed(bad->path, -EIO, err);
	}
	return rc ? pending(rc, bad->path, err) : 0;
}

/* A trim flushes twice: so not after every commit, but before the log takes long to read. */
static void trim(struct lc_log *log, uint64_t finished)
{
	uint64_t tail = lc_log_tail(log);

	if (finished > tail && finished - tail >= LC_STORE_LOG)
		lc_log_trim(log, finished);
}

/* All of them at once: one call does for each file system. It borrows the steps. */
static int flush_all(const struct commit_store *store, const struct lc_logged *const *done,
                     size_t count, const struct lc_change **bad)
{
	struct lc_change_list all = {NULL, 0, 0};
	size_t i, total = 0;
	int rc;

	for (i = 0; i < count; i++)
		total += done[i]->list.count;
	all.items = calloc(total + 1, sizeof *all.items);
	if (!all.items)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		const struct lc_change_list *list = &done[i]->list;

		if (list->count > 0)
			memcpy(all.items + all.count, list->items, list->count * sizeof *all.items);
		all.count += list->count;
	}
	rc = lc_publish_flush(store->root, &all, bad);
	/* It must not outlive what it points into. */
	*bad = NULL;
	free(all.items);
	return rc;
}

static int flush(const struct commit_store *store, const struct lc_logged *const *done,
                 size_t count, struct commit_error *err)
{
	const struct lc_change *bad = NULL;
	size_t i;
	int rc = flush_all(store, done, count, &bad);

	if (!rc)
		rc = lc_keep_flush(store, done, count);
	if (rc == -ENODEV || rc == -EXDEV)
		return pending(rc, store->path, err);
	for (i = 0; i < count && rc; i++)
		lc_txn_note_unflushed(store, done[i]);
	return rc ? unflushed(store->path, rc, err) : 0;
}

/* What history wants is there before the flush that makes all durable. */
static int keep(struct commit_store *store, const struct lc_logged *const *done, size_t count,
                struct commit_error *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < count && !rc; i++)
		rc = lc_keep_prepare(store, &done[i]->info, &done[i]->list);
	return rc ? pending(rc, store->path, err) : 0;
}

/*
 * The note is for the next who comes: to him the same flush would say that all
 * is well. Their own records stay in the log until the next time: a stage that
 * a power cut brings back must not look like one of an open transaction.
 */
int lc_txn_conclude(struct commit_store *store, const struct lc_logged *const *done, size_t count,
                    uint64_t finished, struct commit_error *err)
{
	size_t i;
	int rc = keep(store, done, count, err);

	if (!rc)
		rc = flush(store, done, count, err);
	if (rc)
		return rc;
	rc = complete(store, done, count);
	if (rc)
		return pending(rc, store->path, err);
	trim(store->log, finished);
	/* What is left of them does no harm; the next recovery tries again. */
	for (i = 0; i < count; i++)
		lc_keep_finish(store, done[i]->number);
	return 0;
}

int lc_txn_finish(struct commit_store *store, const struct commit_txn_info *info,
                  const struct lc_change_list *list, struct commit_error *err)
{
	struct lc_logged logged = {.number = lc_txn_number(info->id), .info = *info, .list = *list};
	const struct lc_logged *done = &logged;
	int rc = lc_txn_publish(store, &logged, err);

	return rc ? rc : lc_txn_conclude(store, &done, 1, store->settled, err);
}

int lc_txn_tell_why(const struct commit_store *store, const struct lc_decision *decision,
                    struct commit_error *err)
{
	if (decision->rc)
		return pending(decision->rc, decision->bad ? decision->bad->path : store->path,
		               err);
	if (decision->fate == LC_TXN_WAIT)
		return pending(-ENODEV, decision->bad->path, err);
	if (decision->fate == LC_TXN_UNFLUSHED)
		return unflushed(store->path, -EIO, err);
	return conflict(decision->logged->number, decision->bad->path, err);
}

/*
 * Up to the first that cannot be finished: those behind it may build on it. All
 * paths of all of them have been looked at before the first is touched.
 */
int lc_txn_replay(struct commit_store *store, struct lc_decisions *decisions, size_t count,
                  struct commit_error *err)
{
	const struct lc_logged **done = calloc(count + 1, sizeof(const struct lc_logged *));
	struct commit_error first = COMMIT_ERROR_INIT;
	size_t published = 0;
	int stopped = 0, rc = 0;

	if (!done)
		return lc_store_fail(store, -ENOMEM, "recover", NULL, err);
	while (published < count && !stopped) {
		const struct lc_decision *decision = &decisions->items[published];

		done[published] = decision->logged;
		if (decision->fate != LC_TXN_FINISH || decision->rc)
			stopped = lc_txn_tell_why(store, decision, &first);
		else
			stopped = lc_txn_publish(store, decision->logged, &first);
		published += !stopped;
	}
	if (published > 0)
		rc = lc_txn_conclude(store, done, published, done[0]->position, err);
	while (!rc && published > 0)
		decisions->items[--published].finished = 1;
	free(done);
	if (!rc && stopped && err)
		*err = first;
	return rc ? rc : stopped;
}

struct sweep {
	struct commit_store *store;
	struct lc_history *history;
	/* read when it is asked */
	struct lc_index index;
};

int lc_txn_stage_is_dead(const struct commit_store *store, const char *name)
{
	struct lc_txn_info info;
	int dir = lc_sys_open(store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int ops = -1, dead = 0;

	if (dir < 0)
		return 0;
	ops = lc_sys_open(dir, "ops", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	/* Without operations or information it never got as far as to begin. */
	if (ops == -ENOENT || (ops >= 0 && lc_txn_read_info(dir, &info) != 0))
		dead = ops < 0 || lc_sys_lock(ops) == 0;
	else if (ops >= 0)
		dead = lc_txn_is_dead(ops, &info);
	lc_sys_drop(&ops);
	lc_sys_drop(&dir);
	return dead;
}

/* The log may have forgotten it already; the index has not. */
static int is_complete(struct sweep *sweep, const struct lc_logged *logged, uint64_t number)
{
	if (logged && logged->committed)
		return logged->complete;
	if (!sweep->index.items && lc_index_read(sweep->store, &sweep->index) != 0)
		return 0;
	return lc_index_find(&sweep->index, number) != NULL;
}

static int sweep_one(void *context, const char *name)
{
	struct sweep *sweep = context;
	uint64_t number = lc_txn_number(name);
	const struct lc_logged *logged = number ? lc_history_find(sweep->history, number) : NULL;

	int rc = 0;

	/* A name that is not ours is not ours to remove. */
	if (!number)
		return 0;
	if (is_complete(sweep, logged, number))
		rc = lc_keep_finish(sweep->store, number);
	else if (!(logged && logged->committed) && lc_txn_stage_is_dead(sweep->store, name))
		rc = lc_txn_remove_stage(sweep->store, name);
	/* That keeps nobody from working; who wants it gone asks. */
	if (rc)
		sweep->store->unswept = rc;
	return 0;
}

int lc_txn_recover(struct commit_store *store, struct commit_error *err)
{
	struct lc_history history = {NULL, 0, 0};
	struct lc_decisions decisions = {NULL, 0};
	struct sweep sweep = {store, &history, {NULL, 0}};
	size_t i;
	int rc = lc_history_read(store, &history, err);

	if (!rc) {
		rc = lc_txn_decide(store, &history, &decisions);
		if (rc)
			rc = lc_store_fail(store, rc, "recover", NULL, err);
		else
			rc = lc_txn_replay(store, &decisions, decisions.count, err);
		for (i = 0; i < decisions.count; i++)
			if (decisions.items[i].finished)
				lc_history_complete(&history, decisions.items[i].logged);
		store->unswept = 0;
		lc_store_each_stage(store, sweep_one, &sweep);
	}
	if (!rc)
		store->settled = lc_log_end(store->log);
	lc_txn_decisions_release(&decisions);
	lc_index_release(&sweep.index);
	lc_history_release(&history);
	return rc;
}

int lc_txn_recover_first(struct commit_store *store, struct commit_error *err)
{
	struct commit_error before = COMMIT_ERROR_INIT;
	int rc = lc_txn_recover(store, &before);

	if (rc == COMMIT_EPENDING)
		return lc_error_format(err, COMMIT_EFAILED, before.errnum, "finish", before.path,
		                       "an earlier transaction is not finished, so nothing was "
		                       "done: %s",
		                       before.text);
	if (rc && err)
		*err = before;
	return rc;
}

int lc_txn_is_unfinished(struct commit_store *store, uint64_t number, struct commit_error *err)
{
	struct lc_history history = {NULL, 0, 0};
	const struct lc_logged *logged;
	int rc = lc_history_read(store, &history, err);

	if (!rc) {
		logged = lc_history_find(&history, number);
		rc = logged && logged->committed && !logged->complete;
	}
	lc_history_release(&history);
	return rc;
}

int lc_txn_has_unfinished(struct commit_store *store, struct commit_error *err)
{
	struct lc_history history = {NULL, 0, 0};
	int rc = lc_history_read(store, &history, err);
	size_t i;

	for (i = 0; i < history.count && !rc; i++)
		rc = history.items[i].committed && !history.items[i].complete;
	lc_history_release(&history);
	return rc;
}

static int found_dead(void *context, const char *name)
{
	return lc_txn_number(name) && lc_txn_stage_is_dead(context, name);
}

/* What is dead is swept, but nobody waits for that. */
static void sweep_dead(struct commit_store *store)
{
	struct commit_error unwanted = COMMIT_ERROR_INIT;
	int64_t wait_ms = store->opt.wait_ms;
	int rc;

	store->opt.wait_ms = 0;
	rc = lc_store_enter(store, &unwanted);
	store->opt.wait_ms = wait_ms;
	if (rc)
		return;
	lc_txn_recover(store, &unwanted);
	lc_store_leave(store);
}

int lc_txn_settle(struct commit_store *store, struct commit_error *err)
{
	int dead, rc;

	/* What is committed but not published has its stage still. */
	if (!lc_store_has_stages(store))
		return 0;
	/* Others look too, and read: the store for oneself only if there is something to do. */
	rc = lc_store_enter_shared(store, err);
	if (rc)
		return rc;
	rc = lc_txn_has_unfinished(store, err);
	dead = rc == 0 && lc_store_each_stage(store, found_dead, store) > 0;
	lc_store_leave(store);
	if (dead)
		sweep_dead(store);
	if (rc <= 0)
		return rc;
	rc = lc_store_enter(store, err);
	if (rc)
		return rc;
	rc = lc_txn_recover_first(store, err);
	lc_store_leave(store);
	return rc;
}

int commit_store_open(struct commit_store **out, const char *root, unsigned flags,
                      const struct commit_store_options *opt, struct commit_error *err)
{
	struct commit_store *store;
	int rc = lc_store_open(&store, root, flags, opt, err);

	if (rc)
		return rc;
	if (!store->look_only)
		rc = lc_txn_settle(store, err);
	if (rc) {
		lc_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}

void commit_store_close(struct commit_store *store)
{
	lc_store_close(store);
}
