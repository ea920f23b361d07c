/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "bytes.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int changed_by_others(struct commit_txn *txn, const char *path, struct commit_error *err)
{
	return lc_error_format(err, COMMIT_EREFUSED, ESTALE, "commit", path,
	                       "was changed by somebody else since transaction %s touched it",
	                       txn->id);
}

/* Rights are asked for once a directory: neighbours come together. */
struct rights {
	struct lc_beneath_cache cache;
	int last;
};

static int check_right(struct rights *rights, const char *path)
{
	const char *base;
	int dir = lc_beneath_parent(&rights->cache, path, &base);

	/* A directory that is still to be put is ours, be it in the place of a link. */
	if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP || dir == rights->last)
		return 0;
	if (dir < 0)
		return dir;
	rights->last = dir;
	return lc_sys_access(dir, ".", W_OK | X_OK);
}

static int check_rights(struct commit_txn *txn, const struct lc_change_list *list,
                        struct commit_error *err)
{
	struct rights rights = {.last = -1};
	size_t i;
	int rc = 0;

	lc_beneath_init(&rights.cache, txn->store->root);
	for (i = 0; i < list->count && !rc; i++) {
		if (list->items[i].type == LC_CHANGE_META)
			continue;
		rc = check_right(&rights, list->items[i].path);
		if (rc)
			rc = lc_txn_fail(txn, rc, "check", list->items[i].path,
			                 rc == -EACCES ? "no right to change its directory" : NULL,
			                 err);
	}
	lc_beneath_release(&rights.cache);
	return rc;
}

static int check_state(struct commit_txn *txn, const char *operation, struct commit_error *err)
{
	if (txn->state == LC_TXN_POISONED)
		return lc_error_set(err, COMMIT_EFAILED, ECANCELED, operation, txn->id,
		                    "an operation of this transaction failed; abort it");
	if (txn->state == LC_TXN_ENDED)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, operation, txn->id,
		                    "the transaction has ended");
	return 0;
}

/* Everything that can fail: after it only the record is missing. */
static int plan(struct commit_txn *txn, struct lc_change_list *list, struct commit_error *err)
{
	const char *path;
	int rc = lc_view_plan(txn->view, list, &path);

	if (rc == -ESTALE)
		return changed_by_others(txn, path, err);
	if (rc)
		return lc_txn_fail(txn, rc, "prepare", txn->id, NULL, err);
	return check_rights(txn, list, err);
}

int commit_txn_prepare(struct commit_txn *txn, struct commit_error *err)
{
	struct lc_change_list list = {NULL, 0, 0};
	int rc = check_state(txn, "prepare", err);

	if (!rc)
		rc = plan(txn, &list, err);
	lc_change_list_release(&list);
	return rc;
}

static void fill_begin(const struct commit_txn *txn, size_t files,
                       unsigned char payload[LC_BEGIN_SIZE])
{
	lc_put_le64(payload + LC_BEGIN_TIME, (uint64_t)time(NULL));
	lc_put_le64(payload + LC_BEGIN_USER, geteuid());
	lc_put_le64(payload + LC_BEGIN_FILES, files);
	lc_put_le64(payload + LC_BEGIN_BYTES, txn->bytes);
}

/* Begin, the steps, commit; payloads are those of the steps. */
struct batch {
	struct lc_log_entry *entries;
	unsigned char **payloads;
	size_t steps;
};

static void free_batch(struct batch *batch)
{
	size_t i;

	for (i = 0; batch->payloads && i < batch->steps; i++)
		free(batch->payloads[i]);
	free(batch->payloads);
	free(batch->entries);
}

static int make_batch(struct commit_txn *txn, const struct lc_change_list *list,
                      const unsigned char *begin, struct batch *batch)
{
	struct lc_log_entry *entry;
	size_t i;
	int rc = 0;

	batch->steps = list->count;
	batch->entries = calloc(list->count + 2, sizeof *batch->entries);
	batch->payloads = calloc(list->count + 1, sizeof(unsigned char *));
	if (!batch->entries || !batch->payloads)
		return -ENOMEM;
	entry = batch->entries;
	*entry++ = (struct lc_log_entry){LC_LOG_BEGIN, LC_BEGIN_SIZE, txn->number, begin};
	for (i = 0; i < list->count && !rc; i++, entry++) {
		rc = lc_change_encode(&list->items[i], &batch->payloads[i], &entry->length);
		entry->payload = batch->payloads[i];
		entry->type = list->items[i].type;
		entry->transaction = txn->number;
	}
	*entry = (struct lc_log_entry){LC_LOG_COMMIT, 0, txn->number, NULL};
	return rc;
}

/* The commit: one batch, one flush. Nobody knows what a failed flush has done. */
static int write_commit(struct commit_txn *txn, const struct lc_change_list *list,
                        struct commit_error *err)
{
	struct lc_log *log = txn->store->log;
	unsigned char begin[LC_BEGIN_SIZE];
	struct batch batch = {NULL, NULL, 0};
	uint64_t end;
	int rc;

	fill_begin(txn, list->count, begin);
	rc = make_batch(txn, list, begin, &batch);
	if (!rc)
		rc = lc_log_reserve(log, lc_log_batch_size(log, batch.entries, list->count + 2));
	if (!rc)
		rc = lc_log_append(log, batch.entries, list->count + 2, &end);
	if (rc) {
		rc = lc_txn_fail(txn, rc, "write log", txn->store->path, NULL, err);
	} else if (lc_log_force(log, end) != 0) {
		txn->state = LC_TXN_ENDED;
		rc = lc_error_set(err, COMMIT_EUNDECIDED, EIO, "flush log", txn->store->path,
		                  "the disk did not answer; commit-recover decides");
	}
	free_batch(&batch);
	return rc;
}

/* Staged content is durable before the record that names it. */
static int flush_stage(struct commit_txn *txn, struct commit_error *err)
{
	int rc = lc_sys_syncfs(txn->dir);

	return rc ? lc_txn_fail(txn, rc, "flush", txn->id, NULL, err) : 0;
}

static int commit_list(struct commit_txn *txn, const struct lc_change_list *list,
                       struct commit_error *err)
{
	int rc;

	if (list->count == 0)
		return commit_txn_abort(txn, err);
	rc = flush_stage(txn, err);
	if (!rc)
		rc = write_commit(txn, list, err);
	if (rc)
		return rc;
	txn->state = LC_TXN_ENDED;
	return lc_txn_finish(txn->store, txn->number, list, err);
}

int commit_txn_commit(struct commit_txn *txn, struct commit_txn_result *result,
                      struct commit_error *err)
{
	struct lc_change_list list = {NULL, 0, 0};
	int rc = check_state(txn, "commit", err);

	if (rc)
		return rc;
	rc = lc_store_enter(txn->store, err);
	if (rc)
		return rc;
	rc = lc_txn_recover(txn->store, err);
	if (!rc)
		rc = plan(txn, &list, err);
	if (!rc)
		rc = commit_list(txn, &list, err);
	lc_store_leave(txn->store);
	if (result && (rc == 0 || rc == COMMIT_EPENDING)) {
		result->files = list.count;
		result->bytes = txn->bytes;
		result->flushes = lc_sys_flushes() - txn->flushes_before;
	}
	lc_change_list_release(&list);
	return rc;
}
