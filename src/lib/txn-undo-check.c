/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "beneath.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 65536
#define SET_ID (S_ISUID | S_ISGID)

/* Steps of one kind, in some order. */
struct steps {
	const struct lc_change **items;
	size_t count;
};

struct check {
	struct lc_beneath_cache cache;
	/* what was kept of the commit */
	int kept;
	/* by path */
	struct steps puts;
	/* by inode */
	struct steps metas;
	struct steps patches;
};

static int compare_paths(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

static int compare_path(const void *path, const void *item)
{
	const struct lc_change *const *change = item;

	return strcmp(path, (*change)->path);
}

static int is_put(const struct lc_change *change)
{
	return change->type == LC_CHANGE_PUT;
}

static int compare_inodes(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;

	return (*left)->after.inode < (*right)->after.inode
	               ? -1
	               : (*left)->after.inode > (*right)->after.inode;
}

/* Those of one inode in the order in which they were made. */
static int compare_steps(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;
	int order = compare_inodes(a, b);

	return order ? order : *left < *right ? -1 : *left > *right;
}

static int collect(const struct lc_change_list *list, int (*wanted)(const struct lc_change *),
                   int (*compare)(const void *, const void *), struct steps *found)
{
	size_t i;

	found->items = calloc(list->count + 1, sizeof(const struct lc_change *));
	if (!found->items)
		return -ENOMEM;
	for (i = 0; i < list->count; i++)
		if (wanted(&list->items[i]))
			found->items[found->count++] = &list->items[i];
	qsort(found->items, found->count, sizeof(const struct lc_change *), compare);
	return 0;
}

static int has(const struct steps *steps, const char *path)
{
	return bsearch(path, steps->items, steps->count, sizeof(const struct lc_change *),
	               compare_path) != NULL;
}

/* A step changes metadata of that object, under whatever name. */
static int has_meta(const struct check *check, const struct lc_change *c)
{
	return bsearch(&c, check->metas.items, check->metas.count, sizeof(const struct lc_change *),
	               compare_inodes) != NULL;
}

/* The object, and its version too, unless that was edited: then its ranges tell. */
static int is_version(const struct check *check, const struct lc_identity *now,
                      const struct lc_change *c)
{
	if (bsearch(&c, check->patches.items, check->patches.count,
	            sizeof(const struct lc_change *), compare_inodes))
		return now->inode == c->after.inode && S_ISREG(now->mode);
	return lc_identity_same(now, &c->after);
}

/* Something else was put there, or at a directory above: that is looked at itself. */
static int is_put_over(const struct check *check, const char *path)
{
	char prefix[PATH_MAX];
	char *slash;

	strcpy(prefix, path);
	do {
		if (has(&check->puts, prefix))
			return 1;
		slash = strrchr(prefix, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	return 0;
}

/* Nothing there, and no link or file in the place of a directory above: 0. */
static int identify(struct check *check, const char *path, struct stat *st)
{
	int rc = lc_beneath_stat(&check->cache, path, st);

	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP) {
		memset(st, 0, sizeof *st);
		return 0;
	}
	return rc;
}

static int check_absent(struct check *check, const char *path)
{
	struct stat st;
	int rc;

	if (is_put_over(check, path))
		return 0;
	rc = identify(check, path, &st);
	return rc ? rc : st.st_mode ? -ESTALE : 0;
}

static int check_put(struct check *check, const struct lc_change *c)
{
	struct lc_identity now = {0};
	struct stat st;
	int rc = identify(check, c->path, &st);

	if (rc)
		return rc;
	if (st.st_mode)
		lc_identity_of(&st, &now);
	if (!is_version(check, &now, c) || !now.mode)
		return -ESTALE;
	if (!has_meta(check, c) && now.mode != c->after.mode)
		return -ESTALE;
	/* One that was moved directly has left its path. */
	return strncmp(c->place, LC_STORE_NAME "/", sizeof LC_STORE_NAME) == 0
	               ? 0
	               : check_absent(check, c->place);
}

static int changes(const struct lc_change *step, const struct lc_change *c, int what)
{
	switch (what) {
	case 'm':
		return step->mode != UINT32_MAX;
	case 'u':
		return step->uid != UINT32_MAX;
	case 'g':
		return step->gid != UINT32_MAX;
	case 's':
		return step->uid != UINT32_MAX || step->gid != UINT32_MAX;
	default:
		return step->attribute && strcmp(step->attribute, c->attribute) == 0;
	}
}

/* A later step on the same object changes the same: that one counts. */
static int is_overruled(const struct check *check, const struct lc_change *c, int what)
{
	const struct lc_change **end = check->metas.items + check->metas.count;
	const struct lc_change **at = bsearch(&c, check->metas.items, check->metas.count,
	                                      sizeof(const struct lc_change *), compare_steps);

	while (++at < end && (*at)->after.inode == c->after.inode)
		if (changes(*at, c, what))
			return 1;
	return 0;
}

static int check_attribute(struct check *check, const struct lc_change *c)
{
	const char *base;
	int dir = lc_beneath_parent(&check->cache, c->path, &base);
	int fd = dir < 0 ? dir : lc_sys_open(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	unsigned char *value = malloc(VALUE_MAX);
	ssize_t length = -ENOMEM;
	int rc;

	if (value)
		length = fd < 0 ? fd : lc_sys_getxattr(fd, c->attribute, value, VALUE_MAX);
	if (c->type == LC_CHANGE_UNSET)
		rc = length == -ENODATA ? 0 : length < 0 ? (int)length : -ESTALE;
	else if (length < 0)
		rc = length == -ENODATA ? -ESTALE : (int)length;
	else
		rc = (size_t)length == c->value_length &&
		                     (length == 0 || memcmp(value, c->value, (size_t)length) == 0)
		             ? 0
		             : -ESTALE;
	lc_sys_drop(&fd);
	free(value);
	return rc;
}

static int check_meta(struct check *check, const struct lc_change *c)
{
	mode_t bits = is_overruled(check, c, 's') ? 07777 & ~SET_ID : 07777;
	struct lc_identity now;
	struct stat st;
	int rc;

	/* It has left its path, and lives on wherever. */
	if (c->place[0])
		return 0;
	rc = identify(check, c->path, &st);
	if (rc || !st.st_mode)
		return rc ? rc : -ESTALE;
	lc_identity_of(&st, &now);
	if (now.inode != c->after.inode || !is_version(check, &now, c))
		return -ESTALE;
	if (c->mode != UINT32_MAX && !is_overruled(check, c, 'm') &&
	    (st.st_mode & bits) != (c->mode & bits))
		return -ESTALE;
	if (c->uid != UINT32_MAX && !is_overruled(check, c, 'u') && st.st_uid != c->uid)
		return -ESTALE;
	if (c->gid != UINT32_MAX && !is_overruled(check, c, 'g') && st.st_gid != c->gid)
		return -ESTALE;
	return c->attribute && !is_overruled(check, c, 'a') ? check_attribute(check, c) : 0;
}

static int is_new(void *context, uint64_t at, size_t length, unsigned is)
{
	(void)context, (void)at, (void)length;
	return is & LC_PATCH_IS_NEW ? 0 : -ESTALE;
}

/* What else was written to the file is not ours, and stays. */
static int check_patch(struct check *check, const struct lc_change *c)
{
	struct lc_patch patch;
	struct stat st;
	int contents = -1, file = lc_beneath_open(check->cache.root, c->path, O_RDONLY | O_NONBLOCK);
	int rc = file == -ENOENT || file == -ENOTDIR || file == -ELOOP ? -ESTALE : file;

	if (rc >= 0)
		rc = lc_sys_fstat(file, &st);
	if (!rc && (st.st_ino != c->after.inode || (uint64_t)st.st_size != c->after.size))
		rc = -ESTALE;
	if (!rc)
		rc = lc_change_get_patch(c, &patch);
	if (!rc)
		rc = contents = lc_sys_open(check->kept, strrchr(c->place, '/') + 1,
		                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (rc >= 0)
		rc = lc_publish_patch_prove(contents, &patch);
	if (!rc)
		rc = lc_publish_patch_look(file, contents, &patch, is_new, NULL);
	lc_sys_drop(&contents);
	lc_sys_drop(&file);
	return rc;
}

static int check_step(struct check *check, const struct lc_change *c)
{
	if (c->type == LC_CHANGE_TAKE)
		return check_absent(check, c->path);
	if (c->type == LC_CHANGE_PUT)
		return check_put(check, c);
	if (c->type == LC_CHANGE_PATCH)
		return check_patch(check, c);
	return lc_change_is_meta(c) ? check_meta(check, c) : 0;
}

int lc_undo_check(int root, int kept, const struct lc_change_list *list, const char **bad)
{
	struct check check = {.kept = kept};
	size_t i;
	int rc;

	lc_beneath_init(&check.cache, root);
	rc = collect(list, is_put, compare_paths, &check.puts);
	if (!rc)
		rc = collect(list, lc_change_is_meta, compare_steps, &check.metas);
	if (!rc)
		rc = collect(list, lc_change_is_patch, compare_steps, &check.patches);
	for (i = 0; i < list->count && !rc; i++) {
		*bad = list->items[i].path;
		rc = check_step(&check, &list->items[i]);
	}
	lc_beneath_release(&check.cache);
	free(check.puts.items);
	free(check.metas.items);
	free(check.patches.items);
	return rc;
}
