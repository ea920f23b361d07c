/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "copy.h"
#include "error.h"
#include "meta.h"
#include "sys.h"

#include <commit_save.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_PREFIX "copy-"
#define KEEP_ALL (COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR)

int lc_keep_is_on(const struct commit_store *store)
{
	return store->config.bound != COMMIT_BOUND_SAME && store->config.keep > 0;
}

int lc_keep_open(const struct commit_store *store, uint64_t number)
{
	char id[COMMIT_TXN_ID_SIZE];

	lc_txn_id(number, id);
	return store->history < 0
	               ? -ENOENT
	               : lc_sys_open(store->history, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

static int leaves_old(const struct lc_change *change)
{
	return change->type == LC_CHANGE_PATCH ||
	       (change->type == LC_CHANGE_TAKE && change->after.mode == 0) ||
	       (change->type == LC_CHANGE_PUT && change->before.mode != 0);
}

const char *lc_keep_name(const struct lc_change *change, const char *id)
{
	size_t prefix = strlen(LC_STORE_STAGE), length = strlen(id);
	const char *name = change->place;

	if (!leaves_old(change))
		return NULL;
	if (strncmp(name, LC_STORE_STAGE "/", prefix + 1) != 0 ||
	    strncmp(name + prefix + 1, id, length) != 0 || name[prefix + 1 + length] != '/')
		return "";
	return name + prefix + 1 + length + 1;
}

void lc_keep_copy_name(const char *name, char copy[64])
{
	snprintf(copy, 64, COPY_PREFIX "%s", name);
}

/* Is the kept version what the commit has replaced? Of a range it is both contents. */
static int is_intact(const struct stat *st, const struct lc_change *change, int copied)
{
	struct lc_identity now;
	struct lc_patch patch;

	if (change->type == LC_CHANGE_PATCH)
		return lc_change_get_patch(change, &patch) == 0 && S_ISREG(st->st_mode) &&
		       (uint64_t)st->st_size == patch.total;
	lc_identity_of(st, &now);
	if (copied)
		now.inode = change->before.inode;
	return lc_identity_same(&now, &change->before);
}

int lc_keep_find(int dir, const struct lc_change *change, const char *id,
                 char name[LC_KEEP_NAME_SIZE], struct stat *st)
{
	const char *old = lc_keep_name(change, id);
	int copied, rc;

	lc_keep_copy_name(old, name);
	rc = lc_sys_lstat_times(dir, name, st);
	copied = rc == 0;
	if (rc == -ENOENT) {
		snprintf(name, LC_KEEP_NAME_SIZE, "%s", old);
		rc = lc_sys_lstat_times(dir, name, st);
	}
	if (rc)
		return rc;
	return is_intact(st, change, copied) ? copied : -EBADMSG;
}

/* An old version that waits in the stage. */
struct old {
	const char *name;
	uint64_t inode;
	uint64_t size;
	uint32_t links;
	mode_t type;
};

struct olds {
	struct old *items;
	size_t count;
	uint64_t bytes;
};

static int by_inode(const void *a, const void *b)
{
	const struct old *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return strcmp(left->name, right->name);
}

/* -ENOTSUP: an old version lies elsewhere, or may: the commit went over mounts. */
static int collect(int dir, const char *id, const struct lc_change_list *list, struct olds *olds)
{
	struct stat st;
	const char *name;
	size_t i;
	int rc = 0;

	olds->items = calloc(list->count + 1, sizeof *olds->items);
	if (!olds->items)
		return -ENOMEM;
	for (i = 0; i < list->count && !rc; i++) {
		name = lc_keep_name(&list->items[i], id);
		if (list->items[i].type == LC_CHANGE_MOUNT)
			return -ENOTSUP;
		if (!name)
			continue;
		rc = *name && strlen(name) < 32 ? lc_sys_lstat(dir, name, &st) : -ENOTSUP;
		if (rc)
			break;
		olds->items[olds->count++] =
		        (struct old){name, st.st_ino, (uint64_t)st.st_size, (uint32_t)st.st_nlink,
		                     st.st_mode & S_IFMT};
		olds->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	}
	qsort(olds->items, olds->count, sizeof *olds->items, by_inode);
	return rc;
}

int lc_keep_copy(int from, int to, const char *path, const struct commit_store *store)
{
	struct lc_meta_plan plan = {.keep = KEEP_ALL, .mode_and = 07777};
	struct stat st;
	off_t end = 0;
	int rc = lc_sys_fstat_times(from, &st);

	plan.owner = (uid_t)-1;
	plan.group = (gid_t)-1;
	plan.warn = store->opt.warn;
	plan.context = store->opt.context;
	if (!rc && S_ISREG(st.st_mode))
		rc = lc_copy_all(from, to, &end, -1);
	if (!rc && lc_meta_apply(from, &st, 0, to, &plan, path, NULL) != 0)
		rc = -EIO;
	return rc ? rc : lc_sys_set_times(to, &st);
}

static int copy_file(const struct commit_store *store, int dir, const char *name, const char *copy)
{
	int from = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = from < 0 ? from : lc_sys_create(dir, copy, O_RDWR, 0600);
	int rc = to < 0 ? to : lc_keep_copy(from, to, name, store);

	lc_sys_drop(&to);
	lc_sys_drop(&from);
	return rc;
}

/*
 * The names of one inode, of which there are more than we hold: what is written
 * under the others would change what we keep. The copies are links again.
 */
static int separate(const struct commit_store *store, int dir, const struct old *olds, size_t count)
{
	char first[64], copy[64];
	size_t i;
	int rc = 0;

	lc_keep_copy_name(olds[0].name, first);
	for (i = 0; i < count && !rc; i++) {
		lc_keep_copy_name(olds[i].name, copy);
		rc = lc_sys_unlink(dir, copy);
		if (rc == -ENOENT)
			rc = 0;
		if (!rc)
			rc = i == 0 ? copy_file(store, dir, olds[0].name, copy)
			            : lc_sys_link(dir, first, dir, copy);
	}
	return rc;
}

static int separate_all(const struct commit_store *store, int dir, const struct olds *olds)
{
	size_t i, count;
	int rc = 0;

	for (i = 0; i < olds->count && !rc; i += count) {
		const struct old *old = &olds->items[i];

		for (count = 1; i + count < olds->count && old[count].inode == old->inode; count++)
			;
		if (S_ISREG(old->type) && old->links > count)
			rc = separate(store, dir, old, count);
	}
	return rc;
}

/* Without the values before, metadata cannot be put back: keep was off at the commit. */
static int has_all_values(const struct lc_change_list *list)
{
	size_t i, metas = 0, values = 0;

	for (i = 0; i < list->count; i++) {
		metas += (size_t)lc_change_is_meta(&list->items[i]);
		values += list->items[i].type == LC_CHANGE_WAS;
	}
	return values >= metas;
}

static int prepare(struct commit_store *store, const struct commit_txn_info *info,
                   const struct lc_change_list *list, uint64_t *kept)
{
	struct olds olds = {NULL, 0, 0};
	int dir = lc_sys_open(store->stage, info->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc = dir < 0 ? dir : collect(dir, info->id, list, &olds);

	if (!rc)
		rc = separate_all(store, dir, &olds);
	if (!rc)
		rc = lc_steps_write(store, dir, info, list);
	/* Without its list it is not kept. */
	if (rc && dir >= 0)
		lc_sys_unlink(dir, LC_KEEP_STEPS);
	*kept = olds.bytes;
	lc_sys_drop(&dir);
	free(olds.items);
	return rc;
}

static void warn(const struct commit_store *store, int rc, const char *operation, const char *id,
                 const char *text)
{
	struct commit_error warning = COMMIT_ERROR_INIT;

	if (!store->opt.warn)
		return;
	lc_error_set(&warning, COMMIT_OK, -rc, operation, id, text);
	store->opt.warn(store->opt.context, &warning);
}

/*
 * History is not worth a commit: where there is no room for it, it has a gap. Only
 * a disk that fails makes the commit wait.
 */
static int forgive(const struct commit_store *store, int rc, const char *operation, const char *id,
                   const char *text)
{
	if (rc == 0 || rc == -EIO)
		return rc;
	warn(store, rc, operation, id, text);
	return 0;
}

int lc_keep_prepare(struct commit_store *store, const struct commit_txn_info *info,
                    const struct lc_change_list *list)
{
	struct lc_indexed entry = {.number = lc_txn_number(info->id)};
	int rc = 0;

	if (lc_keep_is_on(store) && has_all_values(list))
		rc = prepare(store, info, list, &entry.kept);
	rc = forgive(store, rc, "keep", info->id, "its old versions cannot be kept: no undo");
	if (rc)
		return rc;
	entry.time = info->time;
	entry.user = info->user;
	entry.files = info->files;
	entry.bytes = info->bytes;
	entry.undoes = lc_txn_number(info->undoes);
	rc = lc_index_add(store, &entry);
	return forgive(store, rc, "write index", info->id, "it will be missing in the history");
}

static int by_text(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

/* What stays in a directory of history: names in order. */
struct staying {
	const char **names;
	size_t count;
	int dir;
};

int lc_keep_is_made(const char *name)
{
	return strcmp(name, LC_KEEP_STEPS) == 0 ||
	       strncmp(name, COPY_PREFIX, strlen(COPY_PREFIX)) == 0;
}

static int stays(const struct staying *staying, const char *name)
{
	char copy[64];
	struct stat st;

	if (lc_keep_is_made(name))
		return 1;
	if (strlen(name) >= 32 ||
	    !bsearch(&name, staying->names, staying->count, sizeof(const char *), by_text))
		return 0;
	lc_keep_copy_name(name, copy);
	return lc_sys_lstat(staying->dir, copy, &st) == -ENOENT;
}

/* Operations, what was never used, and what a copy stands for. */
static int clean_one(void *context, const char *name)
{
	struct staying *staying = context;

	return stays(staying, name) ? 0 : lc_store_remove_name(staying->dir, name);
}

static int clean(int dir, const char *id, const struct lc_change_list *list)
{
	struct staying staying = {.dir = dir};
	const char *name;
	size_t i;
	int rc;

	staying.names = calloc(list->count + 1, sizeof(const char *));
	if (!staying.names)
		return -ENOMEM;
	for (i = 0; i < list->count; i++) {
		name = lc_keep_name(&list->items[i], id);
		if (name)
			staying.names[staying.count++] = name;
	}
	qsort(staying.names, staying.count, sizeof(const char *), by_text);
	rc = lc_store_each_name(dir, clean_one, &staying);
	free(staying.names);
	return rc;
}

/* 1: its stage is history now; 0: there is nothing to keep. */
static int move_stage(struct commit_store *store, uint64_t number, const char *id)
{
	struct lc_change_list list = {NULL, 0, 0};
	struct commit_txn_info info;
	int dir = lc_sys_open(store->stage, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc = dir < 0 ? dir : lc_steps_read(dir, number, &info, &list);

	if (!rc)
		rc = lc_store_make_history(store);
	if (!rc)
		rc = clean(dir, id, &list);
	if (!rc)
		rc = lc_sys_rename(store->stage, id, store->history, id);
	lc_change_list_release(&list);
	lc_sys_drop(&dir);
	return rc == 0;
}

int lc_keep_finish(struct commit_store *store, uint64_t number)
{
	char id[COMMIT_TXN_ID_SIZE];

	lc_txn_id(number, id);
	if (!lc_keep_is_on(store) || !move_stage(store, number, id))
		return lc_txn_remove_stage(store, id);
	lc_keep_prune(store);
	return 0;
}
