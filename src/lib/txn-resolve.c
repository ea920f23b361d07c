/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "bytes.h"
#include "error.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Somebody may go on putting things in the way; at some point a person should look again. */
#define ROUNDS 8

struct resolving {
	struct commit_store *store;
	struct lc_txn_resolution *resolution;
	char id[COMMIT_TXN_ID_SIZE];
	struct lc_history history;
	struct lc_decisions decisions;
	/* the decision about this transaction, decisions.count if there is none */
	size_t at;
};

static void forget(struct resolving *r)
{
	lc_txn_decisions_release(&r->decisions);
	lc_history_release(&r->history);
	memset(&r->history, 0, sizeof r->history);
}

/* SCAN and DECIDE, as recovery does it. */
static int look(struct resolving *r, struct commit_error *err)
{
	int rc;

	forget(r);
	rc = lc_store_read_again(r->store, err);
	if (!rc)
		rc = lc_history_read(r->store, &r->history, err);
	if (rc)
		return rc;
	rc = lc_txn_decide(r->store, &r->history, &r->decisions);
	if (rc)
		return lc_store_fail(r->store, rc, "resolve", NULL, err);
	for (r->at = 0; r->at < r->decisions.count; r->at++)
		if (r->decisions.items[r->at].logged->number == r->resolution->number)
			break;
	return 0;
}

/* Nobody's decision helps: a disk or a mount has to come back. */
static int is_stuck(const struct lc_decision *decision)
{
	return decision->rc || decision->fate == LC_TXN_UNFLUSHED || decision->fate == LC_TXN_WAIT;
}

static int fail_at(const struct resolving *r, int rc, const char *path, struct commit_error *err)
{
	return lc_error_set(err, COMMIT_EPENDING, -rc, "resolve", *path ? path : r->store->path,
	                    NULL);
}

static void tell(const struct resolving *r, const char *path, const char *beside)
{
	if (r->resolution->kept)
		r->resolution->kept(r->resolution->context, path, beside);
}

static int put_aside(const struct resolving *r, const char *path)
{
	char name[PATH_MAX];
	int rc = lc_txn_put_aside(r->store, path, r->id, name);

	if (rc == 0)
		tell(r, path, name);
	/* Somebody was faster: it is looked at again. */
	return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ? 0 : rc;
}

static int make_way(const struct resolving *r, const char *path)
{
	char name[PATH_MAX];
	int rc;

	while ((rc = lc_txn_make_way(r->store, path, name)) == -ENOTDIR) {
		rc = put_aside(r, name);
		if (rc)
			return rc;
	}
	return rc;
}

/*
 * What is to go elsewhere was written to where it stands: it goes, as it is now.
 * There is no other version of it.
 */
static int take_as_it_is(const struct resolving *r, const struct lc_change *c)
{
	struct lc_beneath_cache paths, places;
	const char *from, *to;
	int from_dir, to_dir, rc;

	lc_beneath_init(&paths, r->store->root);
	lc_beneath_init(&places, r->store->root);
	from_dir = lc_beneath_parent(&paths, c->path, &from);
	to_dir = lc_beneath_parent(&places, c->place, &to);
	rc = from_dir < 0 ? from_dir : to_dir;
	if (rc >= 0)
		rc = lc_sys_rename(from_dir, from, to_dir, to);
	lc_beneath_release(&paths);
	lc_beneath_release(&places);
	return rc;
}

/* A directory that is to go, and is there, but holds something of others. */
static int is_filled(const struct lc_change *c, const struct stat *st)
{
	return c->type == LC_CHANGE_TAKE && c->after.mode == 0 && S_ISDIR(c->before.mode) &&
	       S_ISDIR(st->st_mode) && st->st_ino == c->before.inode;
}

/* Ours leaves the directory, so that what goes aside with it is theirs. It borrows the steps. */
static int take_out(const struct resolving *r, const struct lc_change *directory)
{
	const struct lc_decision *decision = &r->decisions.items[r->at];
	const struct lc_change_list *list = &decision->logged->list;
	size_t i, length = strlen(directory->path);
	struct lc_change_list steps = {NULL, 0, 0};
	const struct lc_change *bad;
	int rc;

	steps.items = calloc(list->count + 1, sizeof *steps.items);
	if (!steps.items)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		const struct lc_change *c = &list->items[i];

		if (!lc_change_is_step(c) ||
		    (c->type == LC_CHANGE_TAKE && !decision->foreign[i] &&
		     strncmp(c->path, directory->path, length) == 0 && c->path[length] == '/'))
			steps.items[steps.count++] = *c;
	}
	rc = lc_publish_apply(r->store->root, &steps, &bad);
	free(steps.items);
	/* Somebody was faster: it is looked at again. */
	return rc == -ESTALE ? 0 : rc;
}

/* An edit in place, and what is kept aside for it. */
static struct lc_patch_case patches_of(const struct resolving *r)
{
	return (struct lc_patch_case){.store = r->store,
	                              .id = r->id,
	                              .list = &r->decisions.items[r->at].logged->list,
	                              .kept = r->resolution->kept,
	                              .context = r->resolution->context};
}

/* What stands in the way of one step goes out of it. */
static int clear_step(const struct resolving *r, const struct lc_change *c)
{
	struct lc_beneath_cache cache;
	struct stat st;
	int rc;

	lc_beneath_init(&cache, r->store->root);
	rc = lc_beneath_stat(&cache, c->path, &st);
	lc_beneath_release(&cache);
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP)
		return c->type == LC_CHANGE_PUT ? make_way(r, c->path) : 0;
	if (rc)
		return rc;
	if (c->type == LC_CHANGE_TAKE && c->after.mode != 0 && st.st_ino == c->before.inode)
		return take_as_it_is(r, c);
	rc = is_filled(c, &st) ? take_out(r, c) : 0;
	return rc ? rc : put_aside(r, c->path);
}

/* 1: something was cleared, look again. */
static int clear_all(const struct resolving *r, struct commit_error *err)
{
	const struct lc_decision *decision = &r->decisions.items[r->at];
	const struct lc_change_list *list = &decision->logged->list;
	const struct lc_patch_case patches = patches_of(r);
	int cleared = 0, rc;
	size_t i;

	for (i = 0; i < list->count; i++) {
		const struct lc_change *c = &list->items[i];
		int patch = c->type == LC_CHANGE_PATCH;

		/* What is gone needs no room, but what was to be written in it is kept. */
		if (decision->foreign[i] == LC_FOREIGN)
			rc = patch ? lc_txn_patch_force(&patches, c) : clear_step(r, c);
		else
			rc = patch && decision->foreign[i] ? lc_txn_patch_rescue(&patches, c) : 0;
		if (rc)
			return fail_at(r, rc, c->path, err);
		cleared |= decision->foreign[i] == LC_FOREIGN;
	}
	return cleared;
}

/* The steps but for those about what is gone. It borrows what they hold. */
static int pick_steps(const struct lc_decision *decision, struct lc_change_list *steps)
{
	const struct lc_change_list *list = &decision->logged->list;
	size_t i;

	steps->items = calloc(list->count + 1, sizeof *steps->items);
	if (!steps->items)
		return -ENOMEM;
	for (i = 0; i < list->count; i++)
		if (!decision->foreign || !decision->foreign[i])
			steps->items[steps->count++] = list->items[i];
	return 0;
}

/* What the log holds before all that is unfinished. */
static uint64_t oldest(const struct resolving *r)
{
	return r->decisions.items[0].logged->position;
}

static int publish_and_conclude(struct resolving *r, struct commit_error *err)
{
	const struct lc_decision *decision = &r->decisions.items[r->at];
	struct lc_logged logged = *decision->logged;
	const struct lc_logged *done = &logged;
	int rc;

	memset(&logged.list, 0, sizeof logged.list);
	rc = pick_steps(decision, &logged.list);
	if (rc)
		rc = fail_at(r, rc, "", err);
	else
		rc = lc_txn_publish(r->store, &logged, err);
	if (!rc)
		rc = lc_txn_conclude(r->store, &done, 1, oldest(r), err);
	free(logged.list.items);
	if (!rc)
		r->resolution->outcome = LC_TXN_FINISHED;
	return rc;
}

/* A run that was killed has put some aside already. */
static void tell_earlier(const struct resolving *r)
{
	const struct lc_change_list *list = &r->decisions.items[r->at].logged->list;
	struct lc_beneath_cache cache;
	char name[PATH_MAX];
	struct stat st;
	size_t i;

	lc_beneath_init(&cache, r->store->root);
	for (i = 0; i < list->count; i++)
		if (!lc_change_is_meta(&list->items[i]) &&
		    lc_txn_beside(list->items[i].path, "theirs", r->id, 1, name) == 0 &&
		    lc_beneath_stat(&cache, name, &st) == 0)
			tell(r, list->items[i].path, name);
	lc_beneath_release(&cache);
}

static int commit_it(struct resolving *r, struct commit_error *err)
{
	int round, rc = 0;

	tell_earlier(r);
	for (round = 0; round < ROUNDS; round++) {
		const struct lc_decision *decision = &r->decisions.items[r->at];

		if (is_stuck(decision))
			return lc_txn_tell_why(r->store, decision, err);
		rc = decision->fate == LC_TXN_CONFLICT ? clear_all(r, err) : 0;
		if (rc < 0)
			return rc;
		if (rc == 0)
			return publish_and_conclude(r, err);
		rc = look(r, err);
		if (rc)
			return rc;
	}
	return lc_txn_tell_why(r->store, &r->decisions.items[r->at], err);
}

/* The record that says who takes it back, and then he himself: one batch. */
static int fill_batch(const struct resolving *r, const struct lc_logged *back,
                      const unsigned char *begin, const unsigned char *abort,
                      struct lc_batch *batch)
{
	int rc = lc_batch_add_raw(batch, LC_LOG_ABORT, r->resolution->number, abort, LC_ABORT_SIZE);

	if (!rc)
		rc = lc_batch_add_raw(batch, LC_LOG_BEGIN, back->number, begin, LC_BEGIN_SIZE);
	if (!rc)
		rc = lc_batch_add(batch, back->number, &back->list);
	return rc ? rc : lc_batch_close(batch, back->number);
}

static int log_back(const struct resolving *r, const struct lc_logged *back,
                    struct commit_error *err)
{
	unsigned char begin[LC_BEGIN_SIZE] = {0}, abort[LC_ABORT_SIZE];
	struct lc_batch batch = {NULL, NULL, 0, 0};
	struct lc_log *log = r->store->log;
	uint64_t end;
	int rc;

	lc_put_le64(begin + LC_BEGIN_TIME, (uint64_t)time(NULL));
	lc_put_le64(begin + LC_BEGIN_USER, geteuid());
	lc_put_le64(begin + LC_BEGIN_FILES, back->list.count);
	lc_put_le64(abort, back->number);
	rc = fill_batch(r, back, begin, abort, &batch);
	if (!rc)
		rc = lc_log_reserve(log, lc_log_batch_size(log, batch.entries, batch.count));
	if (!rc)
		rc = lc_log_append(log, batch.entries, batch.count, &end);
	if (rc)
		rc = lc_store_fail(r->store, rc, "write log", NULL, err);
	else if (lc_log_force(log, end) != 0)
		rc = lc_error_set(err, COMMIT_EUNDECIDED, EIO, "flush log", r->store->path,
		                  "the disk did not answer; commit-recover decides");
	lc_batch_release(&batch);
	return rc;
}

static void tell_beside(const struct resolving *r, const struct lc_change_list *back)
{
	const char *tail;
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < back->count; i++) {
		tail = strstr(back->items[i].path, ".before-");
		if (back->items[i].type != LC_CHANGE_PUT || !tail || !strstr(tail, r->id))
			continue;
		memcpy(path, back->items[i].path, (size_t)(tail - back->items[i].path));
		path[tail - back->items[i].path] = '\0';
		tell(r, path, back->items[i].path);
	}
}

static int new_number(struct lc_logged *back)
{
	uint32_t random;
	int rc = lc_sys_random(&random, sizeof random);

	back->number = (uint64_t)(uint32_t)time(NULL) << 32 | random;
	lc_txn_id(back->number, back->info.id);
	return rc;
}

static int abort_it(struct resolving *r, struct commit_error *err)
{
	const struct lc_decision *decision = &r->decisions.items[r->at];
	struct lc_logged back = {.number = 0};
	const struct lc_logged *done[2] = {&back, decision->logged};
	const struct lc_patch_case patches = patches_of(r);
	int rc;

	/* What a flush after it says could not be believed either. */
	if (is_stuck(decision))
		return lc_txn_tell_why(r->store, decision, err);
	rc = new_number(&back);
	if (!rc)
		rc = lc_txn_take_back(r->store, r->id, &decision->logged->list, &back.list);
	if (!rc)
		rc = lc_txn_patch_back(&patches, &back.list);
	rc = rc ? fail_at(r, rc, "", err) : log_back(r, &back, err);
	if (!rc) {
		tell_beside(r, &back.list);
		rc = lc_txn_publish(r->store, &back, err);
	}
	if (!rc)
		rc = lc_txn_conclude(r->store, done, 2, oldest(r), err);
	lc_change_list_release(&back.list);
	if (!rc)
		r->resolution->outcome = LC_TXN_TAKEN_BACK;
	return rc;
}

/* One that is only staged: it can be dropped, unless somebody works on it. */
static int resolve_open(struct resolving *r, struct commit_error *err)
{
	struct stat st;
	int dir, ops = -1;
	int rc = lc_sys_lstat(r->store->stage, r->id, &st);

	if (rc == -ENOENT)
		return 0;
	if (!r->resolution->abort)
		return lc_error_set(err, COMMIT_EREFUSED, EINPROGRESS, "resolve", r->id,
		                    "is open: only who works on it knows whether it is whole "
		                    "(commit-txn commit)");
	dir = lc_sys_open(r->store->stage, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (dir >= 0)
		ops = lc_sys_open(dir, "ops", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (ops >= 0 && lc_sys_lock(ops) == -EWOULDBLOCK)
		rc = lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "resolve", r->id,
		                  "another process works on this transaction");
	else if ((rc = lc_txn_remove_stage(r->store, r->id)) != 0)
		rc = lc_store_fail(r->store, rc, "abort", NULL, err);
	lc_sys_drop(&ops);
	lc_sys_drop(&dir);
	if (!rc)
		r->resolution->outcome = LC_TXN_ABORTED;
	return rc;
}

static int resolve_committed(struct resolving *r, struct commit_error *err)
{
	size_t first = 0;
	/* Those before it first: it may build on them. */
	int rc = lc_txn_replay(r->store, &r->decisions, r->at, err);

	if (rc == COMMIT_ECONFLICT) {
		while (r->decisions.items[first].fate == LC_TXN_FINISH)
			first++;
		return lc_error_format(err, COMMIT_EREFUSED, EAGAIN, "resolve", r->id,
		                       "transaction %s was committed before it and must be "
		                       "decided first",
		                       r->decisions.items[first].logged->info.id);
	}
	if (!rc && r->at > 0)
		rc = look(r, err);
	if (rc || r->at == r->decisions.count)
		return rc;
	return r->resolution->abort ? abort_it(r, err) : commit_it(r, err);
}

int lc_txn_resolve(struct commit_store *store, struct lc_txn_resolution *resolution,
                   struct commit_error *err)
{
	struct resolving r = {.store = store, .resolution = resolution};
	const struct lc_logged *logged;
	int rc;

	resolution->outcome = LC_TXN_UNKNOWN;
	lc_txn_id(resolution->number, r.id);
	rc = look(&r, err);
	if (!rc && r.at < r.decisions.count) {
		rc = resolve_committed(&r, err);
	} else if (!rc) {
		logged = lc_history_find(&r.history, resolution->number);
		/* Finished, or being taken back: recovery does the rest. */
		if (!logged || !logged->committed)
			rc = resolve_open(&r, err);
	}
	forget(&r);
	if (!rc)
		rc = lc_store_read_again(store, err);
	return rc ? rc : lc_txn_recover(store, err);
}
