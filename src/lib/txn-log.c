/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <string.h>

static int is_kept(const struct commit_store *store, uint64_t number)
{
	int fd = lc_keep_open(store, number);
	int kept = fd >= 0;

	lc_sys_drop(&fd);
	return kept;
}

static void describe(const struct commit_store *store, const struct lc_indexed *entry,
                     struct commit_txn_info *info)
{
	memset(info, 0, sizeof *info);
	lc_txn_id(entry->number, info->id);
	info->state = COMMIT_TXN_COMMITTED;
	info->time = entry->time;
	info->user = (uid_t)entry->user;
	info->files = entry->files;
	info->bytes = entry->bytes;
	info->sequence = entry->sequence;
	info->kept = is_kept(store, entry->number);
	if (entry->undoes)
		lc_txn_id(entry->undoes, info->undoes);
}

struct telling {
	struct commit_store *store;
	struct lc_index index;
	struct lc_history logged;
	size_t told;
	int (*found)(void *context, const struct commit_txn_info *info);
	void *context;
};

static int is_pending(const struct telling *telling, uint64_t number)
{
	const struct lc_logged *logged = lc_history_find(&telling->logged, number);

	return logged && logged->committed && !logged->complete;
}

/* Those before that one in the log that the index has not, or not yet. */
static int tell_logged(struct telling *telling, size_t end)
{
	int rc = 0;

	for (; telling->told < end && !rc; telling->told++) {
		struct lc_logged *logged = &telling->logged.items[telling->told];

		if (!logged->committed ||
		    (logged->complete && lc_index_find(&telling->index, logged->number)))
			continue;
		logged->info.state = logged->complete ? COMMIT_TXN_COMMITTED : COMMIT_TXN_PENDING;
		rc = telling->found(telling->context, &logged->info);
	}
	return rc;
}

static int tell(struct telling *telling)
{
	const struct lc_logged *logged;
	struct commit_txn_info info;
	size_t i;
	int rc = 0;

	for (i = 0; i < telling->index.count && !rc; i++) {
		const struct lc_indexed *entry = &telling->index.items[i];

		if (is_pending(telling, entry->number))
			continue;
		logged = lc_history_find(&telling->logged, entry->number);
		if (logged)
			rc = tell_logged(telling, (size_t)(logged - telling->logged.items));
		describe(telling->store, entry, &info);
		if (!rc)
			rc = telling->found(telling->context, &info);
	}
	return rc ? rc : tell_logged(telling, telling->logged.count);
}

int commit_store_history(struct commit_store *store,
                         int (*found)(void *context, const struct commit_txn_info *info),
                         void *context, struct commit_error *err)
{
	struct telling telling = {.store = store, .found = found, .context = context};
	int rc = lc_store_enter(store, err);

	if (rc)
		return rc;
	rc = lc_index_read(store, &telling.index);
	if (rc)
		rc = lc_store_fail(store, rc, "read index", NULL, err);
	else
		rc = lc_history_read(store, &telling.logged, err);
	lc_store_leave(store);
	/* Whoever reads the list may be slow; nobody waits for that. */
	if (!rc)
		rc = tell(&telling);
	lc_index_release(&telling.index);
	lc_history_release(&telling.logged);
	return rc;
}
