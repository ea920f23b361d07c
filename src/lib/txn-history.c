/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "bytes.h"
#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void lc_history_release(struct lc_history *history)
{
	size_t i;

	for (i = 0; i < history->count; i++)
		lc_change_list_release(&history->items[i].list);
	free(history->items);
}

struct lc_logged *lc_history_find(const struct lc_history *history, uint64_t number)
{
	size_t i;

	for (i = history->count; i > 0; i--)
		if (history->items[i - 1].number == number)
			return &history->items[i - 1];
	return NULL;
}

static int begin(struct lc_history *history, const struct lc_record *record)
{
	struct lc_logged *bigger, *logged;

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

static int add_change(struct lc_logged *logged, const struct lc_record *record)
{
	struct lc_change change;
	int rc = lc_change_decode(record->type, record->payload, record->length, &change);

	return rc ? rc : lc_change_list_add(&logged->list, &change);
}

static int read_record(void *context, const struct lc_record *record)
{
	struct lc_history *history = context;
	struct lc_logged *logged;

	if (record->type == LC_LOG_BEGIN)
		return begin(history, record);
	logged = lc_history_find(history, record->transaction);
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

int lc_history_read(struct commit_store *store, struct lc_history *history,
                    struct commit_error *err)
{
	int rc = lc_log_scan(store->log, LC_LOG_FORWARD, read_record, history);

	if (rc == -EBADMSG)
		return lc_error_set(err, COMMIT_ECONFLICT, EBADMSG, "read log", store->path,
		                    "a record makes no sense; nothing was changed");
	return rc ? lc_store_fail(store, rc, "read log", NULL, err) : 0;
}
