/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "bytes.h"
#include "error.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What the log says about one transaction. */
struct logged {
	uint64_t number;
	uint64_t position;
	struct commit_txn_info info;
	struct lc_change_list list;
	int committed;
	int complete;
};

/* SCAN's result: transactions in the order of their commits. */
struct history {
	struct logged *items;
	size_t count;
	size_t room;
};

static void release(struct history *history)
{
	size_t i;

	for (i = 0; i < history->count; i++)
		lc_change_list_release(&history->items[i].list);
	free(history->items);
}

static struct logged *find(struct history *history, uint64_t number)
{
	size_t i;

	for (i = history->count; i > 0; i--)
		if (history->items[i - 1].number == number)
			return &history->items[i - 1];
	return NULL;
}

static int begin(struct history *history, const struct lc_record *record)
{
	struct logged *bigger, *logged;

	if (record->length != LC_BEGIN_SIZE)
		return -EBADMSG;
	if (history->count == history->room) {
		history->room = history->room ? 2 * history->room : 16;
		bigger = realloc(history->items, history->room * sizeof *bigger);
		if (!bigger)
			return -ENOMEM;
		history->items = bigger;
	}
	logged = &history->items[history->count++];
	memset(logged, 0, sizeof *logged);
	logged->number = record->transaction;
	logged->position = record->position;
	lc_txn_id(record->transaction, logged->info.id);
	logged->info.time = (int64_t)lc_get_le64(record->payload + LC_BEGIN_TIME);
	logged->info.user = (uid_t)lc_get_le64(record->payload + LC_BEGIN_USER);
	logged->info.files = lc_get_le64(record->payload + LC_BEGIN_FILES);
	logged->info.bytes = lc_get_le64(record->payload + LC_BEGIN_BYTES);
	return 0;
}

static int add_change(struct logged *logged, const struct lc_record *record)
{
	struct lc_change change;
	int rc = lc_change_decode(record->type, record->payload, record->length, &change);

	return rc ? rc : lc_change_list_add(&logged->list, &change);
}

static int read_record(void *context, const struct lc_record *record)
{
	struct history *history = context;
	struct logged *logged;

	if (record->type == LC_LOG_BEGIN)
		return begin(history, record);
	logged = find(history, record->transaction);
	/* Its beginning was trimmed: it is complete. */
	if (!logged)
		return 0;
	switch (record->type) {
	case LC_LOG_COMMIT:
		logged->committed = 1;
		return 0;
	case LC_LOG_COMPLETE:
		logged->complete = 1;
		return 0;
	default:
		return add_change(logged, record);
	}
}

static int complete(struct commit_store *store, uint64_t number)
{
	struct lc_log_entry entry = {.type = LC_LOG_COMPLETE, .transaction = number};
	uint64_t end;
	int rc = lc_log_append(store->log, &entry, 1, &end);

	return rc ? rc : lc_log_force(store->log, end);
}

static int pending(struct commit_store *store, int rc, const char *path, struct commit_error *err)
{
	(void)store;
	return lc_error_format(err, COMMIT_EPENDING, -rc, "publish", path,
	                       "%s; committed, commit-recover finishes it", commit_errno_name(-rc));
}

static int conflict(const char *path, struct commit_error *err)
{
	return lc_error_set(err, COMMIT_ECONFLICT, ESTALE, "publish", path,
	                    "was changed by somebody else after the commit; theirs stays, ours "
	                    "waits in .commit/stage until a person decides");
}

int lc_txn_finish(struct commit_store *store, uint64_t number, const struct lc_change_list *list,
                  struct commit_error *err)
{
	const struct lc_change *bad = NULL;
	char id[COMMIT_TXN_ID_SIZE];
	int rc = lc_publish_apply(store->root, list, &bad);

	if (rc == -ESTALE)
		return conflict(bad->path, err);
	if (rc)
		return pending(store, rc, bad->path, err);
	rc = lc_sys_syncfs(store->root);
	if (!rc)
		rc = complete(store, number);
	if (rc)
		return pending(store, rc, store->path, err);
	lc_log_trim(store->log, lc_log_durable(store->log));
	lc_txn_id(number, id);
	/* What is left of it does no harm; the next recovery tries again. */
	lc_store_remove_stage(store, id);
	return 0;
}

/* DECIDE and REPLAY. All its paths are looked at before the first is touched. */
static int finish(struct commit_store *store, const struct logged *logged, struct commit_error *err)
{
	const struct lc_change *bad = NULL;
	int rc = lc_publish_examine(store->root, &logged->list, &bad);

	if (rc == -ESTALE)
		return conflict(bad->path, err);
	if (rc)
		return pending(store, rc, bad->path, err);
	return lc_txn_finish(store, logged->number, &logged->list, err);
}

struct sweep {
	struct commit_store *store;
	struct history *history;
	int rc;
};

static int is_dead(const struct commit_store *store, const char *name)
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
		dead = lc_txn_is_dead(dir, ops, &info);
	lc_sys_drop(&ops);
	lc_sys_drop(&dir);
	return dead;
}

static int sweep_one(void *context, const char *name)
{
	struct sweep *sweep = context;
	uint64_t number = lc_txn_number(name);
	const struct logged *logged = number ? find(sweep->history, number) : NULL;

	/* A name that is not ours is not ours to remove. */
	if (!number)
		return 0;
	if (logged && logged->committed ? logged->complete : is_dead(sweep->store, name))
		lc_store_remove_stage(sweep->store, name);
	return 0;
}

static int scan(struct commit_store *store, struct history *history, struct commit_error *err)
{
	int rc = lc_log_scan(store->log, LC_LOG_FORWARD, read_record, history);

	if (rc == -EBADMSG)
		return lc_error_set(err, COMMIT_ECONFLICT, EBADMSG, "read log", store->path,
		                    "a record makes no sense; nothing was changed");
	return rc ? lc_store_fail(store, rc, "read log", NULL, err) : 0;
}

int lc_txn_recover(struct commit_store *store, struct commit_error *err)
{
	struct history history = {NULL, 0, 0};
	struct sweep sweep = {store, &history, 0};
	size_t i;
	int rc = scan(store, &history, err);

	for (i = 0; i < history.count && !rc; i++)
		if (history.items[i].committed && !history.items[i].complete)
			rc = finish(store, &history.items[i], err);
	/* Those that were finished just now have no stage any more. */
	if (!rc)
		lc_store_each_stage(store, sweep_one, &sweep);
	release(&history);
	return rc;
}

int commit_store_open(struct commit_store **out, const char *root, unsigned flags,
                      const struct commit_store_options *opt, struct commit_error *err)
{
	struct commit_store *store;
	int rc = lc_store_open(&store, root, flags, opt, err);

	if (rc)
		return rc;
	/* What is committed but not published has its stage still. */
	if (!store->look_only && lc_store_has_stages(store)) {
		rc = lc_store_enter(store, err);
		if (!rc) {
			rc = lc_txn_recover(store, err);
			lc_store_leave(store);
		}
	}
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

struct listing {
	struct commit_store *store;
	struct history *history;
	int (*found)(void *context, const struct commit_txn_info *info);
	void *context;
};

static int list_open(void *context, const char *name)
{
	const struct listing *listing = context;
	struct commit_txn_info info = {.state = COMMIT_TXN_OPEN};
	struct lc_txn_info stage;
	uint64_t number = lc_txn_number(name);
	int dir, rc;

	if (!number || find(listing->history, number))
		return 0;
	dir = lc_sys_open(listing->store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = dir < 0 ? dir : lc_txn_read_info(dir, &stage);
	lc_sys_drop(&dir);
	if (rc)
		return 0;
	lc_txn_id(number, info.id);
	info.time = stage.begun;
	info.user = (uid_t)stage.user;
	return listing->found(listing->context, &info);
}

static int list_logged(const struct listing *listing)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < listing->history->count && !rc; i++) {
		struct logged *logged = &listing->history->items[i];

		if (!logged->committed)
			continue;
		logged->info.state = logged->complete ? COMMIT_TXN_COMMITTED : COMMIT_TXN_PENDING;
		rc = listing->found(listing->context, &logged->info);
	}
	return rc;
}

int commit_store_list(struct commit_store *store,
                      int (*found)(void *context, const struct commit_txn_info *info),
                      void *context, struct commit_error *err)
{
	struct history history = {NULL, 0, 0};
	struct listing listing = {store, &history, found, context};
	int rc = lc_store_enter(store, err);

	if (rc)
		return rc;
	rc = scan(store, &history, err);
	if (!rc)
		rc = list_logged(&listing);
	if (!rc)
		rc = lc_store_each_stage(store, list_open, &listing);
	lc_store_leave(store);
	release(&history);
	return rc;
}
