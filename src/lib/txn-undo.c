/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"
#include "txn-patch.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An inode of history, and what stands for it in our stage. */
struct restored {
	uint64_t inode;
	unsigned serial;
};

/*
 * A commit that is taken back: its steps from the last to the first, each turned
 * round, on the view. What a step had moved to a place on its way elsewhere has
 * that place as its name in the view for a while.
 */
struct undo {
	struct commit_txn *txn;
	const char *id;
	/* its directory in history */
	int dir;
	struct lc_change_list list;
	/* its steps that take, by place */
	const struct lc_change **takes;
	size_t take_count;
	struct restored *restored;
	size_t restored_count;
	/* old versions of which only a copy was kept, as they live on */
	struct lc_live *live;
	size_t live_count;
	struct commit_error *err;
};

static int fail(const struct undo *undo, int rc, const char *path, const char *text)
{
	return lc_txn_fail(undo->txn, rc, "undo", path, text, undo->err);
}

static int refuse(const struct undo *undo, const char *path)
{
	return lc_error_format(undo->err, COMMIT_EREFUSED, ESTALE, "undo", path,
	                       "is not as %s has left it; nothing was changed", undo->id);
}

static int by_place(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;

	return strcmp((*left)->place, (*right)->place);
}

static int has_place(const void *place, const void *item)
{
	const struct lc_change *const *change = item;

	return strcmp(place, (*change)->place);
}

static int index_takes(struct undo *undo)
{
	size_t i;

	undo->takes = calloc(undo->list.count + 1, sizeof(const struct lc_change *));
	undo->restored = calloc(undo->list.count + 1, sizeof *undo->restored);
	if (!undo->takes || !undo->restored)
		return -ENOMEM;
	for (i = 0; i < undo->list.count; i++)
		if (undo->list.items[i].type == LC_CHANGE_TAKE)
			undo->takes[undo->take_count++] = &undo->list.items[i];
	qsort(undo->takes, undo->take_count, sizeof(const struct lc_change *), by_place);
	return 0;
}

/* The next object of our stage. */
static unsigned next_object(struct undo *undo, char name[32], char real[PATH_MAX])
{
	unsigned serial = undo->txn->serial++;

	snprintf(name, 32, "in-%u", serial);
	snprintf(real, PATH_MAX, "%s/%s", undo->txn->place, name);
	return serial;
}

/* Names of one inode become names of one inode again. */
static const struct restored *find_restored(const struct undo *undo, const struct stat *st)
{
	size_t i;

	for (i = undo->restored_count; st->st_nlink > 1 && i > 0; i--)
		if (undo->restored[i - 1].inode == st->st_ino)
			return &undo->restored[i - 1];
	return NULL;
}

static int copy_object(struct undo *undo, const char *old, const char *name, const struct stat *st)
{
	const struct restored *twin = find_restored(undo, st);
	char first[32];

	if (twin) {
		snprintf(first, sizeof first, "in-%u", twin->serial);
		return lc_sys_link(undo->txn->dir, first, undo->txn->dir, name);
	}
	if (S_ISREG(st->st_mode))
		undo->txn->bytes += (uint64_t)st->st_size;
	return lc_undo_copy(undo->txn, undo->dir, old, name, st);
}

static void warn_of_links(const struct undo *undo, const char *path)
{
	const struct commit_store_options *opt = &undo->txn->store->opt;
	struct commit_error warning = COMMIT_ERROR_INIT;

	if (!opt->warn)
		return;
	lc_error_set(&warning, COMMIT_OK, EMLINK, "undo", path,
	             "had other names, which keep the file that they have; this one gets a file of "
	             "its own");
	opt->warn(opt->context, &warning);
}

/* A name of the file that has lived on, or a copy of what it was. */
static int stage_old(struct undo *undo, const struct lc_change *c, const char *old,
                     const struct stat *st, int copied, char real[PATH_MAX])
{
	struct commit_txn *txn = undo->txn;
	char name[32];
	unsigned serial = next_object(undo, name, real);
	int rc = -ENOENT;

	if (copied)
		rc = lc_relink_stage(txn->store->root,
		                     lc_relink_find(undo->live, undo->live_count, c->before.inode),
		                     &c->before, txn->dir, name);
	if (rc == 0)
		return 0;
	if (copied)
		warn_of_links(undo, c->path);
	rc = copy_object(undo, old, name, st);
	undo->restored[undo->restored_count++] = (struct restored){st->st_ino, serial};
	return rc;
}

/* The old version comes back to its path. */
static int restore(struct undo *undo, const struct lc_change *c)
{
	char old[LC_KEEP_NAME_SIZE], real[PATH_MAX];
	struct lc_identity identity;
	struct stat st;
	int rc, copied = lc_keep_find(undo->dir, c, undo->id, old, &st);

	if (copied < 0)
		return fail(undo, copied, c->path, "its old version was not kept whole");
	rc = stage_old(undo, c, old, &st, copied, real);
	if (!rc)
		rc = lc_sys_lstat_times(undo->txn->dir, strrchr(real, '/') + 1, &st);
	if (rc)
		return fail(undo, rc, c->path, NULL);
	lc_identity_of(&st, &identity);
	rc = lc_view_put(undo->txn->view, c->path, real, &identity);
	return rc ? fail(undo, rc, c->path, NULL) : 0;
}

/* What the step has moved there waits at its place again. */
static int is_passage(const struct undo *undo, const struct lc_change *c)
{
	if (strncmp(c->place, LC_STORE_NAME "/", sizeof LC_STORE_NAME) != 0)
		return 1;
	return bsearch(c->place, undo->takes, undo->take_count, sizeof(const struct lc_change *),
	               has_place) != NULL;
}

static int undo_put(struct undo *undo, const struct lc_change *c)
{
	struct lc_view *view = undo->txn->view;
	int rc;

	if (is_passage(undo, c)) {
		rc = lc_view_move(view, c->path, c->place);
	} else {
		rc = S_ISDIR(c->after.mode) ? lc_view_has_entries(view, c->path) : 0;
		/* Somebody has used the new directory since. */
		if (rc > 0)
			return refuse(undo, c->path);
		if (!rc)
			rc = lc_view_remove(view, c->path);
	}
	if (rc)
		return fail(undo, rc, c->path, NULL);
	return c->before.mode ? restore(undo, c) : 0;
}

static int undo_take(struct undo *undo, const struct lc_change *c)
{
	int rc;

	if (c->after.mode == 0)
		return restore(undo, c);
	rc = lc_view_move(undo->txn->view, c->place, c->path);
	return rc ? fail(undo, rc, c->path, NULL) : 0;
}

/* The old content of a range becomes the new one, and the file gets its old size. */
static int undo_patch(struct undo *undo, const struct lc_change *c)
{
	const char *name = lc_keep_name(c, undo->id);
	struct lc_patch_source source = {.is_part = 1, .size = c->before.size};
	struct lc_patch patch;
	int rc = lc_change_get_patch(c, &patch);

	source.fd = rc ? rc : lc_sys_open(undo->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (source.fd < 0)
		return fail(undo, source.fd, c->path, "its old content was not kept");
	source.at = patch.old_at;
	source.length = patch.old_length;
	source.span = patch.new_length;
	rc = lc_txn_patch(undo->txn, c->path, patch.offset, &source, undo->err);
	lc_sys_drop(&source.fd);
	return rc;
}

/* Takes over attribute and value. */
static int put_meta(struct undo *undo, const char *path, struct lc_change *meta)
{
	int rc;

	meta->path = strdup(path);
	meta->place = strdup("");
	if (meta->path && meta->place) {
		rc = lc_view_meta(undo->txn->view, path, meta);
	} else {
		lc_change_release(meta);
		rc = -ENOMEM;
	}
	return rc ? fail(undo, rc, path, NULL) : 0;
}

/* A name that the commit has made, which will be gone. */
static int is_new_name(const struct undo *undo, const char *path)
{
	size_t i;

	for (i = 0; i < undo->list.count; i++) {
		const struct lc_change *c = &undo->list.items[i];

		if (c->type == LC_CHANGE_PUT && strcmp(c->path, path) == 0)
			return !is_passage(undo, c);
	}
	return 0;
}

/* It was changed by a name that the commit has taken from it. */
static int has_left(const struct lc_change *was)
{
	return was->place[0] != '\0';
}

/* NULL: there is none any more that the commit has not made. */
static const char *name_of(const struct undo *undo, const struct lc_change *was)
{
	const struct lc_live *live;

	if (!has_left(was) && !is_new_name(undo, was->path))
		return was->path;
	live = lc_relink_find(undo->live, undo->live_count, was->after.inode);
	return live ? live->path : NULL;
}

static int undo_meta(struct undo *undo, const struct lc_change *was, const char *path)
{
	int there = was->value_length > 0 && was->value[0];
	struct lc_change meta = {
	        .type = LC_OPERATION_META, .mode = was->mode, .uid = was->uid, .gid = was->gid};

	if (!was->attribute)
		return put_meta(undo, path, &meta);
	if (!there)
		meta.type = LC_CHANGE_UNSET;
	meta.attribute = strdup(was->attribute);
	meta.value = malloc((size_t)was->value_length + 1);
	if (!meta.attribute || !meta.value) {
		lc_change_release(&meta);
		return fail(undo, -ENOMEM, was->path, NULL);
	}
	if (there) {
		meta.value_length = was->value_length - 1;
		memcpy(meta.value, was->value + 1, meta.value_length);
	}
	return put_meta(undo, path, &meta);
}

/*
 * First, of all that is where the commit has left it. What has no name any more
 * but the one that it gets back has to wait for that.
 */
static int undo_metas(struct undo *undo, int is_back)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < undo->list.count && !rc; i++) {
		const struct lc_change *was = &undo->list.items[i];
		const char *path = was->type == LC_CHANGE_WAS ? name_of(undo, was) : NULL;

		if (path && !is_back)
			rc = undo_meta(undo, was, path);
		if (was->type == LC_CHANGE_WAS && !path && is_back && has_left(was) &&
		    !lc_txn_in_stage(was->path))
			rc = undo_meta(undo, was, was->path);
	}
	return rc;
}

static int turn_round(struct undo *undo)
{
	size_t i;
	int rc = undo_metas(undo, 0);

	for (i = undo->list.count; i > 0 && !rc; i--) {
		const struct lc_change *c = &undo->list.items[i - 1];

		if (c->type == LC_CHANGE_PUT)
			rc = undo_put(undo, c);
		else if (c->type == LC_CHANGE_TAKE)
			rc = undo_take(undo, c);
		else if (c->type == LC_CHANGE_PATCH)
			rc = undo_patch(undo, c);
	}
	return rc ? rc : undo_metas(undo, 1);
}

/* Before, and after the view has seen all paths: what changes later, the commit finds. */
static int check(struct undo *undo)
{
	const char *bad = undo->id;
	int rc = lc_undo_check(undo->txn->store->root, undo->dir, &undo->list, &bad);

	if (rc == -ESTALE)
		return refuse(undo, bad);
	return rc ? fail(undo, rc, bad, NULL) : 0;
}

static int is_open(const struct undo *undo)
{
	struct stat st;

	return lc_sys_lstat(undo->txn->store->stage, undo->id, &st) == 0;
}

/* Why there is nothing to undo it by. */
static int explain(struct undo *undo, uint64_t number)
{
	struct commit_store *store = undo->txn->store;
	struct lc_store_config config = {COMMIT_BOUND_SAME, 0};
	const struct lc_indexed *entry;
	struct lc_index index;
	int known, rc = lc_index_read(store, &index);

	if (rc)
		return fail(undo, rc, undo->id, NULL);
	entry = lc_index_find(&index, number);
	known = entry != NULL;
	lc_index_release(&index);
	lc_store_read_config(store, &config);
	if (!known)
		return fail(undo, -ENOENT, undo->id,
		            is_open(undo) ? "is still open; abort it"
		                          : "there is no such commit in the history");
	if (config.bound == COMMIT_BOUND_SAME || config.keep == 0)
		return fail(
		        undo, -ENODATA, undo->id,
		        "old versions are not kept here; commit-txn init --keep=N keeps those of "
		        "the next commits");
	return fail(undo, -ENODATA, undo->id,
	            "its old versions are not there: it is from before --keep, or spans file "
	            "systems, or has left the bound, which commit-txn init --keep=N widens");
}

static int skips(void *context, const char *path)
{
	return is_new_name(context, path);
}

static int has_copy(const struct undo *undo, const struct lc_change *c)
{
	const char *old = lc_keep_name(c, undo->id);
	char copy[64];
	struct stat st;

	if (!old)
		return 0;
	lc_keep_copy_name(old, copy);
	return lc_sys_lstat(undo->dir, copy, &st) == 0;
}

/*
 * Old versions of which there is a copy have other names, somewhere; and so have
 * files that were changed through a name that will be gone.
 */
static int find_live(struct undo *undo)
{
	size_t i;

	undo->live = calloc(undo->list.count + 1, sizeof *undo->live);
	if (!undo->live)
		return -ENOMEM;
	for (i = 0; i < undo->list.count; i++) {
		const struct lc_change *c = &undo->list.items[i];

		if (has_copy(undo, c))
			undo->live[undo->live_count++].inode = c->before.inode;
		else if (c->type == LC_CHANGE_WAS && (has_left(c) || is_new_name(undo, c->path)))
			undo->live[undo->live_count++].inode = c->after.inode;
	}
	return lc_relink_look(undo->txn->store->root, undo->live, &undo->live_count, skips, undo);
}

static void release(struct undo *undo)
{
	size_t i;

	for (i = 0; i < undo->live_count; i++)
		free(undo->live[i].path);
	free(undo->live);
	lc_sys_drop(&undo->dir);
	lc_change_list_release(&undo->list);
	free(undo->takes);
	free(undo->restored);
}

static int open_kept(struct undo *undo, uint64_t number)
{
	struct commit_txn_info info;
	int rc;

	undo->dir = lc_keep_open(undo->txn->store, number);
	if (undo->dir < 0)
		return explain(undo, number);
	rc = lc_steps_read(undo->dir, number, &info, &undo->list);
	if (!rc)
		rc = index_takes(undo);
	return rc ? fail(undo, rc, undo->id, "its list of steps cannot be read") : 0;
}

static int found_one(void *context, const char *path, const struct lc_node *before,
                     const struct lc_node *after)
{
	(void)context, (void)path, (void)before, (void)after;
	return 1;
}

static int check_use(struct commit_txn *txn, const char *id, struct commit_error *err)
{
	if (txn->state != LC_TXN_OPEN || txn->info.keep || txn->serial > 0 ||
	    lc_view_each(txn->view, found_one, NULL) != 0)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "undo", id,
		                    "needs a transaction that is new and ends with its process");
	if (!lc_txn_number(id))
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "undo", id, "not a transaction id");
	return 0;
}

int commit_txn_undo(struct commit_txn *txn, const char *id, struct commit_error *err)
{
	struct undo undo = {.txn = txn, .id = id, .dir = -1, .err = err};
	int rc = check_use(txn, id, err);

	if (rc)
		return rc;
	rc = open_kept(&undo, lc_txn_number(id));
	if (!rc)
		rc = check(&undo);
	if (!rc) {
		rc = find_live(&undo);
		rc = rc ? fail(&undo, rc, id, NULL) : turn_round(&undo);
	}
	if (!rc)
		rc = check(&undo);
	if (rc)
		lc_txn_poison(txn);
	else
		txn->undoes = lc_txn_number(id);
	release(&undo);
	return rc;
}
