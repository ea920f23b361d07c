/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "publish-internal.h"

#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
	const struct lc_change *const *left = a, *const *right = b;

	return strcmp((*left)->path, (*right)->path);
}

/* The steps of one type, by path. */
struct step_index {
	const struct lc_change **steps;
	size_t count;
};

static int index_steps(const struct lc_change_list *list, enum lc_change_type type,
                       struct step_index *index)
{
	size_t i;

	index->count = 0;
	index->steps = calloc(list->count + 1, sizeof(const struct lc_change *));
	if (!index->steps)
		return -ENOMEM;
	for (i = 0; i < list->count; i++)
		if (list->items[i].type == type)
			index->steps[index->count++] = &list->items[i];
	qsort(index->steps, index->count, sizeof(const struct lc_change *), by_path);
	return 0;
}

static int has_path(const void *path, const void *step)
{
	const struct lc_change *const *change = step;

	return strcmp(path, (*change)->path);
}

static const struct lc_change *step_at(const struct step_index *index, const char *path)
{
	const struct lc_change *const *found = bsearch(path, index->steps, index->count,
	                                               sizeof(const struct lc_change *), has_path);

	return found ? *found : NULL;
}

/* "a/b" of "a/b/c"; 0 at the root. */
static int go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	return slash != NULL;
}

/* Both ends of renames, and the steps by path, while a list is looked at. */
struct examination {
	struct lc_ends ends;
	struct step_index takes;
	struct step_index puts;
	/* steps are done in order: this one was, so all before it were */
	const struct lc_change *last_done;
};

/*
 * What stands at such a path now, or at one above it, is not what will be there
 * when its turn comes; the step that takes it away is examined itself. A step
 * that has done so does not tell what stands there since.
 */
static int is_below_take(struct examination *e, const char *path)
{
	struct lc_identity now;
	const struct lc_change *take;
	char prefix[PATH_MAX];
	int rc;

	strcpy(prefix, path);
	do {
		take = step_at(&e->takes, prefix);
		rc = take ? lc_ends_identify(&e->ends, &e->ends.paths, prefix, &now) : 0;
		if (rc)
			return rc;
		if (take && lc_judge_is_object(&now, &take->before))
			return 1;
	} while (go_up(prefix));
	return 0;
}

/*
 * Where what will be put is now: in its place, or still at the path that a step
 * before will take it from. NULL: at neither, so it was put.
 */
static int locate(struct examination *e, const struct lc_change *put, const char **where)
{
	struct lc_identity now;
	size_t i;
	int rc = lc_ends_identify(&e->ends, &e->ends.places, put->place, &now);

	*where = NULL;
	if (rc)
		return rc;
	if (lc_judge_is_object(&now, &put->after)) {
		*where = put->place;
		return 0;
	}
	for (i = 0; i < e->takes.count; i++) {
		const struct lc_change *take = e->takes.steps[i];

		if (take->after.mode == 0 || strcmp(take->place, put->place) != 0)
			continue;
		rc = lc_ends_identify(&e->ends, &e->ends.paths, take->path, &now);
		if (!rc && lc_judge_is_object(&now, &take->before))
			*where = take->path;
		return rc;
	}
	return 0;
}

static int still_waits(struct examination *e, const struct lc_change *put)
{
	const char *where;
	int rc;

	/* The log holds it still. */
	if (put->after.inode == 0)
		return 1;
	rc = locate(e, put, &where);
	return rc ? rc : where != NULL;
}

static int is_new(const struct lc_change *put)
{
	const char *slash = strrchr(put->place, '/');

	return lc_judge_in_stage(put->place) &&
	       strncmp(slash ? slash + 1 : put->place, "in-", 3) == 0;
}

/*
 * 1: the directory that c's path will be in is on its way still, and where it is
 * now something has that name that no step takes. Not what c itself has put there:
 * where renames reach the disk in any order the directory's own may be missing.
 */
static int is_occupied(struct examination *e, const struct lc_change *c)
{
	const char *path = c->path;
	const struct lc_change *put = NULL;
	char prefix[PATH_MAX], inside[2 * PATH_MAX];
	const char *where;
	struct lc_identity now;
	int rc;

	strcpy(prefix, path);
	while (!put && go_up(prefix))
		put = step_at(&e->puts, prefix);
	if (!put || is_new(put))
		return 0;
	rc = locate(e, put, &where);
	if (rc || !where)
		return rc;
	snprintf(inside, sizeof inside, "%s%s", where, path + strlen(prefix));
	if (strlen(inside) >= PATH_MAX || step_at(&e->takes, inside))
		return 0;
	rc = lc_ends_identify(&e->ends, &e->ends.paths, inside, &now);
	return rc ? rc : now.mode != 0 && !lc_judge_is_object(&now, &c->after);
}

/* 1: the directory that path shall be put into is gone, and no step brings it. */
static int is_homeless(struct examination *e, const char *path)
{
	const struct lc_change *put;
	struct lc_identity now;
	char prefix[PATH_MAX];
	int rc, missing = 0;

	strcpy(prefix, path);
	while (go_up(prefix)) {
		put = step_at(&e->puts, prefix);
		rc = put ? still_waits(e, put) : 0;
		if (rc)
			return rc < 0 ? rc : 0;
		rc = lc_ends_identify(&e->ends, &e->ends.paths, prefix, &now);
		if (rc)
			return rc;
		if (now.mode != 0)
			return missing || !S_ISDIR(now.mode);
		missing = 1;
	}
	return missing;
}

/*
 * The path that what will stand at path has now: that which holds it may be on
 * its way still. 1; 0 if the log alone holds it; or a negative errno.
 */
static int find_now(struct examination *e, const char *path, char now[2 * PATH_MAX])
{
	const struct lc_change *put;
	const char *where;
	char prefix[PATH_MAX];
	int rc;

	strcpy(prefix, path);
	do {
		put = step_at(&e->puts, prefix);
	} while (!put && go_up(prefix));
	strcpy(now, path);
	if (!put)
		return 1;
	if (put->after.inode == 0)
		return 0;
	rc = locate(e, put, &where);
	if (rc)
		return rc;
	if (where)
		snprintf(now, 2 * (size_t)PATH_MAX, "%s%s", where, path + strlen(prefix));
	return strlen(now) < PATH_MAX ? 1 : -ENAMETOOLONG;
}

static int examine_meta(struct examination *e, const struct lc_change *c)
{
	struct lc_identity now;
	char real[2 * PATH_MAX];
	int rc;

	/* What is to be taken away is looked at by the step that does so. */
	if (c->place[0])
		return 0;
	rc = find_now(e, c->path, real);
	if (rc <= 0)
		return rc;
	rc = lc_ends_identify(&e->ends, &e->ends.paths, real, &now);
	if (rc)
		return rc;
	return lc_judge_is_object(&now, &c->after) ? 0 : -ESTALE;
}

static int examine_patch(struct examination *e, const struct lc_change *c)
{
	char real[2 * PATH_MAX];
	int rc = find_now(e, c->path, real);

	if (rc > 0)
		rc = lc_judge_patch(&e->ends, c, real);
	return rc == -ENOENT ? LC_FOREIGN_LOST : rc == -ESTALE ? LC_FOREIGN : rc;
}

/* A directory that is to go, and what steps before are to take out of it. */
struct emptied {
	struct examination *e;
	const struct lc_change *take;
};

/* 1 if nothing takes it away, or what was taken had that name before. */
static int stays(void *context, const char *name)
{
	const struct emptied *emptied = context;
	char path[PATH_MAX + NAME_MAX + 2];
	const struct lc_change *take;
	struct lc_identity now;
	int rc;

	snprintf(path, sizeof path, "%s/%s", emptied->take->path, name);
	take = strlen(path) < PATH_MAX ? step_at(&emptied->e->takes, path) : NULL;
	if (!take)
		return 1;
	rc = lc_ends_identify(&emptied->e->ends, &emptied->e->ends.paths, path, &now);
	return rc ? rc : !lc_judge_is_object(&now, &take->before);
}

/* 1: somebody has put something into it. Nobody who may not read it can tell. */
static int holds_others(struct examination *e, const struct lc_change *take)
{
	struct emptied emptied = {e, take};
	const char *base;
	int dir = lc_mounts_parent(&e->ends.mounts, &e->ends.paths, take->path, &base);
	int fd = dir < 0 ? dir : lc_sys_open(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd == -EACCES ? 0 : lc_dir_each(fd, stays, &emptied);
}

/* Something shows that the step was done. 1, 0, or a negative errno. */
static int is_surely_done(struct examination *e, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	int rc;

	if ((c->type != LC_CHANGE_TAKE && c->type != LC_CHANGE_PUT) ||
	    (c->type == LC_CHANGE_PUT && c->after.inode == 0))
		return 0;
	rc = lc_ends_look(&e->ends, c, &now, &waiting);
	if (rc)
		return rc;
	if (c->type == LC_CHANGE_TAKE || !lc_judge_is_object(&waiting, &c->after)) {
		if (lc_judge_is_object(&waiting, &c->before))
			return 1;
		return c->type == LC_CHANGE_PUT &&
		       (is_new(c) || lc_judge_is_object(&now, &c->after));
	}
	return 0;
}

static int find_last_done(struct examination *e, const struct lc_change_list *list,
                          const struct lc_change **bad)
{
	size_t i;
	int rc = 0;

	for (i = list->count; i > 0 && !rc; i--) {
		*bad = &list->items[i - 1];
		rc = is_surely_done(e, *bad);
		if (rc > 0)
			e->last_done = *bad;
	}
	return rc < 0 ? rc : 0;
}

/* The two steps of a move share a place; NULL: it has no such step. */
static const struct lc_change *other_half(const struct examination *e, const struct lc_change *c)
{
	const struct step_index *index = c->type == LC_CHANGE_TAKE ? &e->puts : &e->takes;
	size_t i;

	for (i = 0; i < index->count; i++)
		if (strcmp(index->steps[i]->place, c->place) == 0)
			return index->steps[i];
	return NULL;
}

/*
 * What was to be moved is neither where it was, nor on its way, nor there, and
 * nothing shows that it ever arrived: somebody has replaced or removed it before.
 * That is a conflict unless nothing stands at either path. 1, 0, or a negative errno.
 */
static int is_lost(struct examination *e, const struct lc_change *c)
{
	const struct lc_change *other, *take, *put;
	struct lc_identity source, target, waiting;
	int rc;

	if (c->after.mode == 0 || (e->last_done && c <= e->last_done))
		return 0;
	other = other_half(e, c);
	if (!other)
		return 0;
	take = c->type == LC_CHANGE_TAKE ? c : other;
	put = c->type == LC_CHANGE_TAKE ? other : c;
	rc = lc_ends_look(&e->ends, take, &source, &waiting);
	if (!rc)
		rc = lc_ends_identify(&e->ends, &e->ends.paths, put->path, &target);
	if (rc)
		return rc;
	return !lc_judge_is_object(&source, &take->before) &&
	       !lc_judge_is_object(&waiting, &take->before) &&
	       !lc_judge_is_object(&target, &take->before) &&
	       (source.mode != 0 || (c == put && target.mode != 0));
}

static int examine_place(struct examination *e, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	enum lc_verdict verdict;
	int rc;

	rc = c->type == LC_CHANGE_PUT ? is_occupied(e, c) : 0;
	if (rc)
		return rc < 0 ? rc : -ESTALE;
	rc = c->type == LC_CHANGE_PUT ? is_below_take(e, c->path) : 0;
	if (rc)
		return rc < 0 ? rc : 0;
	rc = lc_ends_look(&e->ends, c, &now, &waiting);
	if (rc)
		return rc;
	verdict = c->type == LC_CHANGE_TAKE ? lc_judge_take(c, &now, &waiting)
	                                    : lc_judge_put(c, &now, &waiting);
	if (verdict == LC_STEP_TO_DO && c->type == LC_CHANGE_TAKE && S_ISDIR(c->before.mode) &&
	    c->after.mode == 0) {
		rc = holds_others(e, c);
		if (rc)
			return rc < 0 ? rc : -ESTALE;
	}
	if (verdict == LC_STEP_TO_DO && c->type == LC_CHANGE_PUT && now.mode == 0) {
		rc = is_homeless(e, c->path);
		if (rc)
			return rc < 0 ? rc : -ESTALE;
	}
	return verdict == LC_STEP_FOREIGN ? -ESTALE : 0;
}

/* 0, LC_FOREIGN, LC_FOREIGN_LOST, or a negative errno */
static int examine(struct examination *e, const struct lc_change *c)
{
	int rc;

	if (c->type == LC_CHANGE_PATCH)
		return examine_patch(e, c);
	if (c->type != LC_CHANGE_TAKE && c->type != LC_CHANGE_PUT) {
		rc = lc_change_is_meta(c) ? examine_meta(e, c) : 0;
		return rc == -ESTALE ? LC_FOREIGN_LOST : rc;
	}
	rc = is_lost(e, c);
	if (rc)
		return rc < 0 ? rc : c->type == LC_CHANGE_PUT ? LC_FOREIGN_LOST : LC_FOREIGN;
	rc = examine_place(e, c);
	return rc == -ESTALE ? LC_FOREIGN : rc;
}

int lc_publish_judge(int root, const struct lc_change_list *list, unsigned char *foreign,
                     const struct lc_change **bad)
{
	struct examination e = {.takes = {NULL, 0}};
	size_t i;
	int rc;

	rc = lc_ends_init(&e.ends, root, list, bad);
	if (!rc)
		rc = index_steps(list, LC_CHANGE_TAKE, &e.takes);
	if (!rc)
		rc = index_steps(list, LC_CHANGE_PUT, &e.puts);
	if (!rc)
		rc = find_last_done(&e, list, bad);
	for (i = 0; i < list->count && !rc; i++) {
		*bad = &list->items[i];
		rc = examine(&e, &list->items[i]);
		foreign[i] = rc > 0 ? (unsigned char)rc : 0;
		rc = rc < 0 ? rc : 0;
	}
	lc_ends_release(&e.ends);
	free(e.takes.steps);
	free(e.puts.steps);
	return rc;
}

int lc_publish_examine(int root, const struct lc_change_list *list, const struct lc_change **bad)
{
	unsigned char *foreign = calloc(list->count + 1, 1);
	size_t i;
	int rc = foreign ? lc_publish_judge(root, list, foreign, bad) : -ENOMEM;

	for (i = 0; i < list->count && !rc; i++) {
		if (!foreign[i])
			continue;
		*bad = &list->items[i];
		rc = -ESTALE;
	}
	free(foreign);
	return rc;
}
