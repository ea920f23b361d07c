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

	for (i = 0; i < history->count; i++) {
		lc_change_list_release(&history->items[i].list);
		lc_change_list_release(&history->items[i].contents);
		lc_change_list_release(&history->items[i].staged);
	}
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

void lc_txn_put_begin(const struct commit_txn_info *info, unsigned char payload[LC_BEGIN_SIZE])
{
	lc_put_le64(payload + LC_BEGIN_TIME, (uint64_t)info->time);
	lc_put_le64(payload + LC_BEGIN_USER, info->user);
	lc_put_le64(payload + LC_BEGIN_FILES, info->files);
	lc_put_le64(payload + LC_BEGIN_BYTES, info->bytes);
	lc_put_le64(payload + LC_BEGIN_UNDOES, lc_txn_number(info->undoes));
}

int lc_txn_get_begin(const struct lc_record *record, struct commit_txn_info *info)
{
	const unsigned char *payload = record->payload;
	uint64_t undoes;

	if (record->length != LC_BEGIN_SIZE)
		return -EBADMSG;
	memset(info, 0, sizeof *info);
	lc_txn_id(record->transaction, info->id);
	info->time = (int64_t)lc_get_le64(payload + LC_BEGIN_TIME);
	info->user = (uid_t)lc_get_le64(payload + LC_BEGIN_USER);
	info->files = lc_get_le64(payload + LC_BEGIN_FILES);
	info->bytes = lc_get_le64(payload + LC_BEGIN_BYTES);
	undoes = lc_get_le64(payload + LC_BEGIN_UNDOES);
	if (undoes)
		lc_txn_id(undoes, info->undoes);
	return 0;
}

static int begin(struct lc_history *history, const struct lc_record *record)
{
	struct lc_logged *bigger, *logged;

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
	return lc_txn_get_begin(record, &logged->info);
}

static int add_change(struct lc_logged *logged, const struct lc_record *record)
{
	struct lc_change change;
	int rc = lc_change_decode(record->type, record->payload, record->length, &change);

	if (rc)
		return rc;
	if (change.type == LC_CHANGE_CONTENT)
		return lc_change_list_add(&logged->contents, &change);
	if (change.type == LC_CHANGE_STAGED)
		return lc_change_list_add(&logged->staged, &change);
	return lc_change_list_add(&logged->list, &change);
}

/* The last ones of them: before them may stand what was torn. */
static int fill_staged(struct lc_logged *logged)
{
	size_t count = logged->contents.count;
	struct lc_change_list last = {NULL, count, count};

	if (count == 0 || logged->staged.count < count)
		return -EBADMSG;
	last.items = logged->staged.items + (logged->staged.count - count);
	lc_change_list_release(&logged->contents);
	return lc_txn_fill_staged(&logged->list, &last);
}

/* The second one says that contents of the log are staged. */
static int commit(struct lc_logged *logged)
{
	if (logged->committed)
		return fill_staged(logged);
	logged->committed = 1;
	return 0;
}

void lc_history_complete(struct lc_history *history, struct lc_logged *logged)
{
	size_t i;

	logged->complete = 1;
	lc_change_list_release(&logged->contents);
	for (i = 0; i < history->count; i++)
		if (logged->committed && history->items[i].aborted_by == logged->number)
			history->items[i].complete = 1;
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
		return commit(logged);
	case LC_LOG_COMPLETE:
		lc_history_complete(history, logged);
		return 0;
	case LC_LOG_ABORT:
		if (record->length != LC_ABORT_SIZE)
			return -EBADMSG;
		logged->aborted_by = lc_get_le64(record->payload);
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
