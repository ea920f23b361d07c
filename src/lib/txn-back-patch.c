/* SPDX-License-Identifier: ISC */
/*
 * Edits in place, taken back: what is old or new becomes old, by steps that go
 * through the log like others. Where somebody else has written his stays, and the
 * old bytes go to a file beside.
 */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* One step, with its file and its contents open, while its sectors pass. */
struct taking {
	const struct lc_patch_case *decided;
	const struct lc_change *change;
	struct lc_patch patch;
	int file;
	int contents;
	struct lc_change_list *back;
	/* the path that the file will have */
	const char *path;
	/* the file may get the size that it had */
	int cuts;
	/* sectors of one kind so far: known, or somebody else's */
	uint64_t from;
	uint64_t to;
	int known;
};

static uint64_t part_of(uint64_t length, uint64_t from, uint64_t to)
{
	if (from >= length)
		return 0;
	return (to < length ? to : length) - from;
}

/* The bytes from `from` to `to` of the range change sides. */
static int add_step(const struct taking *t)
{
	const struct lc_change *c = t->change;
	const struct lc_patch *p = &t->patch;
	uint64_t least = c->before.size < c->after.size ? c->before.size : c->after.size;
	struct lc_patch turned = {.flags = LC_PATCH_BACK,
	                          .offset = p->offset + t->from,
	                          .total = p->total,
	                          .digest = p->digest};
	struct lc_change back = {.type = LC_CHANGE_PATCH,
	                         .mode = UINT32_MAX,
	                         .uid = UINT32_MAX,
	                         .gid = UINT32_MAX,
	                         .before = c->after,
	                         .after = c->before};

	turned.new_length = part_of(p->old_length, t->from, t->to);
	turned.old_length = part_of(p->new_length, t->from, t->to);
	turned.new_at = turned.new_length ? p->old_at + t->from : 0;
	turned.old_at = turned.old_length ? p->new_at + t->from : 0;
	if (!t->cuts)
		back.before.size = back.after.size = least;
	back.path = strdup(t->path);
	back.place = strdup(c->place);
	if (!back.path || !back.place || lc_change_set_patch(&back, &turned) != 0) {
		lc_change_release(&back);
		return -ENOMEM;
	}
	return lc_change_list_add(t->back, &back);
}

static int keep_old(const struct taking *t)
{
	uint64_t length = part_of(t->patch.old_length, t->from, t->to);

	return length == 0 ? 0
	                   : lc_txn_patch_aside(t->decided, t->change->path, "before",
	                                        t->patch.offset + t->from, t->contents,
	                                        t->patch.old_at + t->from, length);
}

static int end_run(struct taking *t, uint64_t next)
{
	int rc = 0;

	if (t->to > t->from)
		rc = t->known ? add_step(t) : keep_old(t);
	t->from = t->to = next;
	return rc;
}

static int pass_sector(void *context, uint64_t at, size_t length, unsigned is)
{
	struct taking *t = context;
	int rc = t->known != (is != 0) ? end_run(t, at) : 0;

	t->known = is != 0;
	t->to = at + length;
	return rc;
}

static int is_foreign(void *context, uint64_t at, size_t length, unsigned is)
{
	(void)context, (void)at, (void)length;
	return is ? 0 : -ESTALE;
}

static int open_both(struct taking *t)
{
	int root = t->decided->store->root;
	int rc = lc_change_get_patch(t->change, &t->patch);

	if (!rc)
		rc = t->contents = lc_beneath_open(root, t->change->place, O_RDONLY | O_NONBLOCK);
	if (rc >= 0)
		rc = lc_publish_patch_prove(t->contents, &t->patch);
	if (!rc)
		rc = t->file = lc_beneath_open(root, t->change->path, O_RDONLY | O_NONBLOCK);
	return rc < 0 ? rc : 0;
}

static void close_both(struct taking *t)
{
	lc_sys_drop(&t->file);
	lc_sys_drop(&t->contents);
}

/* 1 if all of the step's range is ours, and nobody has appended to it; 0; or a negative errno. */
static int is_ours(const struct lc_patch_case *decided, const struct lc_change *c)
{
	struct taking t = {.decided = decided, .change = c, .file = -1, .contents = -1};
	uint64_t most = c->before.size > c->after.size ? c->before.size : c->after.size;
	struct stat st;
	int rc = open_both(&t);

	if (!rc)
		rc = lc_sys_fstat(t.file, &st);
	if (!rc && (uint64_t)st.st_size > most)
		rc = -ESTALE;
	if (!rc)
		rc = lc_publish_patch_look(t.file, t.contents, &t.patch, is_foreign, NULL);
	close_both(&t);
	return rc == -ESTALE ? 0 : rc ? rc : 1;
}

/* What others have put behind the old end of a file would be cut off with what is ours. */
static int may_cut(const struct lc_patch_case *decided, const struct lc_change *c)
{
	const struct lc_change_list *list = decided->list;
	size_t i;
	int rc = 1;

	for (i = 0; i < list->count && rc == 1; i++)
		if (list->items[i].type == LC_CHANGE_PATCH &&
		    list->items[i].after.inode == c->after.inode)
			rc = is_ours(decided, &list->items[i]);
	return rc;
}

/* Where the steps will have brought it. */
static int find_end(const struct lc_change_list *back, char path[PATH_MAX])
{
	size_t i;
	int rc = 0;

	for (i = 0; i < back->count && rc >= 0; i++) {
		const struct lc_change *c = &back->items[i];
		int take = c->type == LC_CHANGE_TAKE;

		if (c->type != LC_CHANGE_TAKE && c->type != LC_CHANGE_PUT)
			continue;
		rc = lc_txn_carry(path, take ? c->path : c->place, take ? c->place : c->path);
		if (!rc && !take && c->before.mode != 0)
			rc = lc_txn_carry(path, c->path, c->place);
	}
	return rc < 0 ? rc : 0;
}

static int take_back(struct taking *t)
{
	int rc = may_cut(t->decided, t->change);

	t->cuts = rc == 1;
	if (rc >= 0)
		rc = open_both(t);
	if (!rc)
		rc = lc_publish_patch_look(t->file, t->contents, &t->patch, pass_sector, t);
	if (!rc)
		rc = end_run(t, 0);
	close_both(t);
	return rc;
}

/* Another file may stand at its path, which is not ours to look at: the old bytes are kept. */
static int keep_all(struct taking *t)
{
	int rc = lc_change_get_patch(t->change, &t->patch);

	if (!rc)
		rc = t->contents = lc_beneath_open(t->decided->store->root, t->change->place,
		                                   O_RDONLY | O_NONBLOCK);
	t->to = lc_patch_span(&t->patch);
	rc = rc < 0 ? rc : keep_old(t);
	close_both(t);
	return rc;
}

static int take_one_back(const struct lc_patch_case *decided, const struct lc_change *c,
                         struct lc_change_list *back)
{
	struct taking t = {
	        .decided = decided, .change = c, .file = -1, .contents = -1, .back = back};
	char path[PATH_MAX];
	int rc = lc_txn_patch_find(decided, c, path);

	if (rc == -ENOENT)
		return keep_all(&t);
	/* It was not put there yet, so it was not edited either. */
	if (strcmp(path, c->path) != 0)
		return 0;
	rc = find_end(back, path);
	t.path = path;
	return rc ? rc : take_back(&t);
}

int lc_txn_patch_back(const struct lc_patch_case *decided, struct lc_change_list *back)
{
	const struct lc_change_list *list = decided->list;
	size_t i;
	int rc = 0;

	for (i = 0; i < list->count && !rc; i++)
		if (list->items[i].type == LC_CHANGE_PATCH)
			rc = take_one_back(decided, &list->items[i], back);
	return rc;
}
