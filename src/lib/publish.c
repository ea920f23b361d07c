/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "publish.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Both ends of the renames: places and paths each have their neighbours. */
struct ends {
	struct lc_beneath_cache paths;
	struct lc_beneath_cache places;
};

static void ends_init(struct ends *ends, int root)
{
	lc_beneath_init(&ends->paths, root);
	lc_beneath_init(&ends->places, root);
}

static void ends_release(struct ends *ends)
{
	lc_beneath_release(&ends->paths);
	lc_beneath_release(&ends->places);
}

/* What stands at path now; nothing is an identity too. */
static int identify(struct lc_beneath_cache *cache, const char *path, struct lc_identity *now)
{
	struct stat st;
	int rc = lc_beneath_stat(cache, path, &st);

	memset(now, 0, sizeof *now);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc)
		return rc;
	lc_identity_of(&st, now);
	return 0;
}

/* The object, whoever has written to it meanwhile. */
static int is_object(const struct lc_identity *now, const struct lc_identity *wanted)
{
	return wanted->mode != 0 && now->inode == wanted->inode &&
	       (now->mode & S_IFMT) == (wanted->mode & S_IFMT);
}

enum verdict { DONE, TO_DO, FOREIGN };

/*
 * What is gone from its path and waits nowhere was put at its new path, if it
 * has one (after tells), or was removed by somebody who had the same wish.
 */
static enum verdict judge_take(const struct lc_change *c, const struct lc_identity *now,
                               const struct lc_identity *waiting)
{
	if (is_object(waiting, &c->before))
		return DONE;
	if (is_object(now, &c->before))
		return lc_identity_same(now, &c->before) ? TO_DO : FOREIGN;
	return now->mode == 0 || c->after.mode != 0 ? DONE : FOREIGN;
}

/* What does not wait any more was put; what became of it then is not our business. */
static enum verdict judge_put(const struct lc_change *c, const struct lc_identity *now,
                              const struct lc_identity *waiting)
{
	if (!is_object(waiting, &c->after))
		return DONE;
	if (now->mode == 0 || is_object(now, &c->after) || lc_identity_same(now, &c->before))
		return TO_DO;
	return FOREIGN;
}

/* Both ends of a step as they are now. */
static int look(struct ends *ends, const struct lc_change *c, struct lc_identity *now,
                struct lc_identity *waiting)
{
	int rc = identify(&ends->paths, c->path, now);

	return rc ? rc : identify(&ends->places, c->place, waiting);
}

static int take(struct ends *ends, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	const char *from, *to;
	int from_dir, to_dir;
	int rc = look(ends, c, &now, &waiting);
	enum verdict verdict;

	if (rc)
		return rc;
	verdict = judge_take(c, &now, &waiting);
	if (verdict != TO_DO)
		return verdict == DONE ? 0 : -ESTALE;
	from_dir = lc_beneath_parent(&ends->paths, c->path, &from);
	to_dir = lc_beneath_parent(&ends->places, c->place, &to);
	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	return lc_sys_rename(from_dir, from, to_dir, to);
}

/* Exchange, then look at what came out; a foreign version goes back. */
static int put_over(int from_dir, const char *from, int to_dir, const char *to,
                    const struct lc_change *c)
{
	struct lc_identity out;
	struct stat st;
	int rc = lc_sys_exchange(from_dir, from, to_dir, to);

	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP)
		return lc_sys_rename(from_dir, from, to_dir, to);
	if (rc)
		return rc;
	rc = lc_sys_lstat_times(from_dir, from, &st);
	if (rc)
		return rc;
	lc_identity_of(&st, &out);
	if (lc_identity_same(&out, &c->before))
		return 0;
	rc = lc_sys_exchange(from_dir, from, to_dir, to);
	return rc ? rc : -ESTALE;
}

static int put_new(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_sys_rename_new(from_dir, from, to_dir, to);

	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP)
		rc = lc_sys_rename(from_dir, from, to_dir, to);
	return rc == -EEXIST ? -ESTALE : rc;
}

static int put(struct ends *ends, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	const char *from, *to;
	int from_dir, to_dir;
	int rc = look(ends, c, &now, &waiting);
	enum verdict verdict;

	if (rc)
		return rc;
	verdict = judge_put(c, &now, &waiting);
	if (verdict != TO_DO)
		return verdict == DONE ? 0 : -ESTALE;
	from_dir = lc_beneath_parent(&ends->places, c->place, &from);
	to_dir = lc_beneath_parent(&ends->paths, c->path, &to);
	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	/* Two links of one inode: a rename between them does nothing and keeps both. */
	if (is_object(&now, &c->after))
		return lc_sys_unlink(from_dir, from);
	if (now.mode == 0)
		return put_new(from_dir, from, to_dir, to);
	return put_over(from_dir, from, to_dir, to, c);
}

int lc_publish_set(int fd, const struct lc_change *c)
{
	int rc = 0;

	if (c->uid != UINT32_MAX || c->gid != UINT32_MAX)
		rc = lc_sys_fchown(fd, c->uid, c->gid);
	if (!rc && c->attribute)
		rc = lc_sys_setxattr(fd, c->attribute, c->value, c->value_length);
	if (!rc && c->mode != UINT32_MAX)
		rc = lc_sys_fchmod(fd, c->mode);
	return rc;
}

static int set_meta(struct ends *ends, const struct lc_change *c)
{
	struct lc_identity now;
	const char *name;
	int dir, fd;
	int rc = identify(&ends->paths, c->path, &now);

	if (!rc && !is_object(&now, &c->after))
		rc = -ESTALE;
	if (rc)
		return rc;
	dir = lc_beneath_parent(&ends->paths, c->path, &name);
	if (dir < 0)
		return dir;
	if (S_ISLNK(now.mode))
		return lc_sys_lchown(dir, name, c->uid, c->gid);
	fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	rc = lc_publish_set(fd, c);
	lc_sys_drop(&fd);
	return rc;
}

static int carry_out(struct ends *ends, const struct lc_change *c)
{
	switch (c->type) {
	case LC_CHANGE_TAKE:
		return take(ends, c);
	case LC_CHANGE_PUT:
		return put(ends, c);
	default:
		return set_meta(ends, c);
	}
}

int lc_publish_apply(int root, const struct lc_change_list *list, const struct lc_change **bad)
{
	struct ends ends;
	size_t i;
	int rc = 0;

	ends_init(&ends, root);
	for (i = 0; i < list->count && !rc; i++) {
		const struct lc_change *c = &list->items[i];

		rc = carry_out(&ends, c);
		*bad = c;
		/* A directory that moved takes its paths along. */
		if (c->type != LC_CHANGE_META &&
		    (S_ISDIR(c->after.mode) || S_ISDIR(c->before.mode)))
			lc_beneath_forget(&ends.paths);
	}
	ends_release(&ends);
	return rc;
}

static int by_path(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

/* The steps that take something away, by path. */
static const struct lc_change **index_takes(const struct lc_change_list *list, size_t *count)
{
	const struct lc_change **takes = calloc(list->count + 1, sizeof(const struct lc_change *));
	size_t i;

	*count = 0;
	for (i = 0; takes && i < list->count; i++)
		if (list->items[i].type == LC_CHANGE_TAKE)
			takes[(*count)++] = &list->items[i];
	if (takes)
		qsort(takes, *count, sizeof(const struct lc_change *), by_path);
	return takes;
}

static int has_path(const void *path, const void *take)
{
	const struct lc_change *const *change = take;

	return strcmp(path, (*change)->path);
}

static int is_taken(const struct lc_change **takes, size_t count, const char *path)
{
	return bsearch(path, takes, count, sizeof(const struct lc_change *), has_path) != NULL;
}

/*
 * What stands at such a path now, or at one above it, is not what will be
 * there when its turn comes; the step that takes it away is examined itself.
 */
static int is_vacated(const struct lc_change **takes, size_t count, const char *path)
{
	char prefix[PATH_MAX];
	char *slash;

	strcpy(prefix, path);
	do {
		if (is_taken(takes, count, prefix))
			return 1;
		slash = strrchr(prefix, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	return 0;
}

static int examine(struct ends *ends, const struct lc_change *c, const struct lc_change **takes,
                   size_t count)
{
	struct lc_identity now, waiting;
	enum verdict verdict;
	int rc;

	/* Its path may be there only after the steps before it. */
	if (c->type == LC_CHANGE_META)
		return 0;
	if (c->type == LC_CHANGE_PUT && is_vacated(takes, count, c->path))
		return 0;
	rc = look(ends, c, &now, &waiting);
	if (rc)
		return rc;
	verdict = c->type == LC_CHANGE_TAKE ? judge_take(c, &now, &waiting)
	                                    : judge_put(c, &now, &waiting);
	return verdict == FOREIGN ? -ESTALE : 0;
}

int lc_publish_examine(int root, const struct lc_change_list *list, const struct lc_change **bad)
{
	const struct lc_change **takes;
	struct ends ends;
	size_t i, count;
	int rc;

	takes = index_takes(list, &count);
	rc = takes ? 0 : -ENOMEM;
	ends_init(&ends, root);
	for (i = 0; i < list->count && !rc; i++) {
		rc = examine(&ends, &list->items[i], takes, count);
		*bad = &list->items[i];
	}
	ends_release(&ends);
	free(takes);
	return rc;
}
