/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"
#include "txn-keep.h"
#include "txn-patch.h"

#include "beneath.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A record that names one staged object, with its path. */
#define STAGED_RECORD_MAX 256

int lc_txn_changed(const struct commit_txn *txn, const char *path, struct commit_error *err)
{
	return lc_error_format(err, COMMIT_EREFUSED, ESTALE, "commit", path,
	                       "was changed by somebody else since transaction %s touched it",
	                       txn->id);
}

/* Rights are asked for once a directory: neighbours come together. */
static int check_right(struct lc_beneath_cache *cache, const char *path)
{
	const char *base;
	int dir;

	cache->fresh = 0;
	dir = lc_beneath_parent(cache, path, &base);
	/* A directory that is still to be put is ours, be it in the place of a link. */
	if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP)
		return 0;
	if (dir < 0 || !cache->fresh)
		return dir < 0 ? dir : 0;
	return lc_sys_access(dir, ".", W_OK | X_OK);
}

/* What goes straight from its old path to its new one leaves a directory too. */
static const char *left_by(const struct lc_change *c)
{
	return c->type == LC_CHANGE_PUT && !lc_txn_in_stage(c->place) ? c->place : NULL;
}

static int check_rights(struct commit_txn *txn, const struct lc_change_list *list,
                        struct commit_error *err)
{
	struct lc_beneath_cache paths, places;
	const char *path = NULL;
	size_t i;
	int rc = 0;

	lc_beneath_init(&paths, txn->store->root);
	lc_beneath_init(&places, txn->store->root);
	for (i = 0; i < list->count && !rc; i++) {
		const struct lc_change *c = &list->items[i];

		if (c->type != LC_CHANGE_TAKE && c->type != LC_CHANGE_PUT)
			continue;
		path = c->path;
		rc = check_right(&paths, path);
		if (rc || !left_by(c))
			continue;
		path = left_by(c);
		rc = check_right(&places, path);
	}
	lc_beneath_release(&paths);
	lc_beneath_release(&places);
	return rc ? lc_txn_fail(txn, rc, "check", path,
	                        rc == -EACCES ? "no right to change its directory" : NULL, err)
	          : 0;
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
		return lc_txn_changed(txn, path, err);
	if (rc)
		return lc_txn_fail(txn, rc, "prepare", *path ? path : txn->id, NULL, err);
	rc = check_rights(txn, list, err);
	if (!rc)
		rc = lc_txn_check_modes(txn, list, err);
	return rc ? rc : lc_txn_check_mounts(txn, list, err);
}

/* What all steps on metadata change, those that come with lent modes too. */
static int note(struct commit_txn *txn, struct lc_change_list *list, struct commit_error *err)
{
	int rc = lc_keep_note(txn, list);

	return rc ? lc_txn_fail(txn, rc, "prepare", txn->id, NULL, err) : 0;
}

int commit_txn_prepare(struct commit_txn *txn, struct commit_error *err)
{
	struct lc_change_list list = {NULL, 0, 0};
	int rc = check_state(txn, "prepare", err);

	if (!rc)
		rc = plan(txn, &list, err);
	if (!rc)
		rc = note(txn, &list, err);
	if (!rc)
		rc = lc_txn_hold(txn, &list, err);
	lc_txn_let_go(txn);
	lc_change_list_release(&list);
	return rc;
}

static int count_path(void *context, const char *path, const struct lc_node *before,
                      const struct lc_node *after)
{
	uint64_t *count = context;

	(void)path, (void)before, (void)after;
	++*count;
	return 0;
}

/* What history will say of it. */
static void describe(const struct commit_txn *txn, struct commit_txn_info *info)
{
	memset(info, 0, sizeof *info);
	strcpy(info->id, txn->id);
	info->time = (int64_t)time(NULL);
	info->user = geteuid();
	info->bytes = txn->bytes;
	lc_view_each(txn->view, count_path, &info->files);
	if (txn->undoes)
		lc_txn_id(txn->undoes, info->undoes);
}

/* Begin, contents, steps, commit. */
static int fill_batch(struct commit_txn *txn, const struct lc_change_list *list,
                      const unsigned char *begin, struct lc_batch *batch)
{
	int rc = lc_batch_add_raw(batch, LC_LOG_BEGIN, txn->number, begin, LC_BEGIN_SIZE);

	if (!rc)
		rc = lc_batch_add(batch, txn->number, &txn->contents);
	if (!rc)
		rc = lc_batch_add(batch, txn->number, list);
	return rc ? rc : lc_batch_close(batch, txn->number);
}

/*
 * In the same segment, where contents ride, there is room to say that they are
 * staged; and always to say that all is done.
 */
static uint64_t room_of(const struct commit_txn *txn, const struct lc_batch *batch)
{
	const struct lc_log_entry complete = {.type = LC_LOG_COMPLETE};
	struct lc_log *log = txn->store->log;
	uint64_t size = lc_log_batch_size(log, batch->entries, batch->count) +
	                lc_log_batch_size(log, &complete, 1);

	if (txn->contents.count > 0)
		size += (txn->contents.count + 1) * STAGED_RECORD_MAX;
	return size;
}

/* Staged content is durable before the record that names it. */
static int flush_stage(struct commit_txn *txn)
{
	int rc = lc_txn_flush_stages(txn, 1);

	if (!rc && txn->mounts.items[txn->home].traits.syncs)
		lc_log_flushed(txn->store->log);
	return rc;
}

/* What rides in the log is staged later; recovery looks for the stage's name. */
static int prepare_log_contents(struct commit_txn *txn)
{
	int rc = lc_txn_reserve(txn);

	if (!rc)
		rc = lc_txn_flush_stages(txn, 0);
	return rc ? rc : lc_sys_fsync(txn->store->stage);
}

/* The commit: one batch, one flush. Nobody knows what a failed flush has done. */
static int write_commit(struct commit_txn *txn, const struct lc_batch *batch,
                        struct commit_error *err)
{
	struct lc_log *log = txn->store->log;
	uint64_t end;
	int rc = lc_log_append(log, batch->entries, batch->count, &end);

	if (rc)
		return lc_txn_fail(txn, rc, "write log", txn->store->path, NULL, err);
	txn->state = LC_TXN_ENDED;
	if (lc_log_force(log, end) == 0)
		return 0;
	return lc_error_set(err, COMMIT_EUNDECIDED, EIO, "flush log", txn->store->path,
	                    "the disk did not answer; commit-recover decides");
}

/* All that can fail is behind us but room in the log, and the flushes. */
static int make_durable(struct commit_txn *txn, const struct commit_txn_info *info,
                        const struct lc_change_list *list, struct commit_error *err)
{
	struct lc_batch batch = {NULL, NULL, 0, 0};
	unsigned char begin[LC_BEGIN_SIZE];
	int rc;

	lc_txn_put_begin(info, begin);
	rc = fill_batch(txn, list, begin, &batch);
	if (!rc)
		rc = lc_log_reserve_unflushed(txn->store->log, room_of(txn, &batch));
	if (!rc)
		rc = txn->contents.count > 0 ? prepare_log_contents(txn) : flush_stage(txn);
	if (rc)
		rc = lc_txn_fail(txn, rc, "prepare", txn->store->path, NULL, err);
	else
		rc = write_commit(txn, &batch, err);
	lc_batch_release(&batch);
	return rc;
}

static int commit_list(struct commit_txn *txn, struct lc_change_list *list,
                       struct commit_txn_result *result, struct commit_error *err)
{
	struct commit_txn_info info;
	int rc;

	if (list->count == 0)
		return commit_txn_abort(txn, err);
	describe(txn, &info);
	rc = lc_txn_hold(txn, list, err);
	if (!rc)
		rc = lc_txn_keep_room(txn, list, err);
	if (!rc)
		rc = make_durable(txn, &info, list, err);
	if (rc)
		return rc;
	result->files = info.files;
	if (txn->committed)
		txn->committed(txn->context);
	if (txn->contents.count > 0)
		rc = lc_txn_restage(txn->store, txn->number, &txn->contents, list, err);
	return rc ? rc : lc_txn_finish(txn->store, &info, list, err);
}

int commit_txn_commit(struct commit_txn *txn, struct commit_txn_result *result,
                      struct commit_error *err)
{
	struct lc_change_list list = {NULL, 0, 0};
	struct commit_txn_result done = {0};
	int rc = check_state(txn, "commit", err);

	if (rc)
		return rc;
	rc = lc_store_enter(txn->store, err);
	if (rc)
		return rc;
	rc = lc_txn_recover_first(txn->store, err);
	if (!rc && !lc_txn_logs_all(txn))
		rc = lc_txn_stage_contents(txn, err);
	if (!rc)
		rc = plan(txn, &list, err);
	if (!rc)
		rc = lc_txn_lend_modes(txn, &list, err);
	if (!rc)
		rc = note(txn, &list, err);
	if (!rc)
		rc = commit_list(txn, &list, &done, err);
	lc_txn_let_go(txn);
	lc_store_leave(txn->store);
	if (result && (rc == 0 || rc == COMMIT_EPENDING)) {
		*result = done;
		result->bytes = txn->bytes;
		result->flushes = lc_sys_flushes() - txn->flushes_before;
	}
	lc_change_list_release(&list);
	return rc;
}
