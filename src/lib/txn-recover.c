/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "error.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>

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
static int finish(struct commit_store *store, const struct lc_logged *logged,
                  struct commit_error *err)
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
	struct lc_history *history;
	int rc;
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
		dead = lc_txn_is_dead(dir, ops, &info);
	lc_sys_drop(&ops);
	lc_sys_drop(&dir);
	return dead;
}

static int sweep_one(void *context, const char *name)
{
	struct sweep *sweep = context;
	uint64_t number = lc_txn_number(name);
	const struct lc_logged *logged = number ? lc_history_find(sweep->history, number) : NULL;

	/* A name that is not ours is not ours to remove. */
	if (!number)
		return 0;
	if (logged && logged->committed ? logged->complete
	                                : lc_txn_stage_is_dead(sweep->store, name))
		lc_store_remove_stage(sweep->store, name);
	return 0;
}

int lc_txn_recover(struct commit_store *store, struct commit_error *err)
{
	struct lc_history history = {NULL, 0, 0};
	struct sweep sweep = {store, &history, 0};
	size_t i;
	int rc = lc_history_read(store, &history, err);

	for (i = 0; i < history.count && !rc; i++)
		if (history.items[i].committed && !history.items[i].complete)
			rc = finish(store, &history.items[i], err);
	/* Those that were finished just now have no stage any more. */
	if (!rc)
		lc_store_each_stage(store, sweep_one, &sweep);
	lc_history_release(&history);
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
