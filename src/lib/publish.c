/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "publish-internal.h"

#include "beneath.h"
#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Places are in one of these, but for those of moves that are one rename. */
#define STORE ".commit"
#define OTHER_STAGE "/.commit-stage-"

/* The mounts are held while anything below them is looked at. */
int lc_ends_init(struct lc_ends *ends, int root, const struct lc_change_list *list,
                 const struct lc_change **bad)
{
	int rc;

	lc_beneath_init(&ends->paths, root);
	lc_beneath_init(&ends->places, root);
	*bad = list->count > 0 ? &list->items[0] : NULL;
	rc = lc_mounts_init(&ends->mounts, root);
	return rc ? rc : lc_mounts_add_all(&ends->mounts, list, bad);
}

void lc_ends_release(struct lc_ends *ends)
{
	lc_beneath_release(&ends->paths);
	lc_beneath_release(&ends->places);
	lc_mounts_release(&ends->mounts);
}

static int path_parent(struct lc_ends *ends, const char *path, const char **base)
{
	return lc_mounts_parent(&ends->mounts, &ends->paths, path, base);
}

static int place_parent(struct lc_ends *ends, const char *place, const char **base)
{
	return lc_mounts_parent(&ends->mounts, &ends->places, place, base);
}

/* What stands at path now; nothing is an identity too. */
int lc_ends_identify(struct lc_ends *ends, struct lc_beneath_cache *cache, const char *path,
                     struct lc_identity *now)
{
	const char *base;
	struct stat st;
	int dir = lc_mounts_parent(&ends->mounts, cache, path, &base);
	int rc = dir < 0 ? dir : lc_sys_lstat_times(dir, base, &st);

	memset(now, 0, sizeof *now);
	/* A link on the way is somebody else's doing: what was there is not there. */
	if (rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP)
		return 0;
	if (rc)
		return rc;
	lc_identity_of(&st, now);
	return 0;
}

/* The object, whoever has written to it meanwhile. */
int lc_judge_is_object(const struct lc_identity *now, const struct lc_identity *wanted)
{
	return wanted->mode != 0 && now->inode == wanted->inode &&
	       (now->mode & S_IFMT) == (wanted->mode & S_IFMT);
}

/*
 * What is gone from its path and waits nowhere was put at its new path, if it
 * has one (after tells), or was removed by somebody who had the same wish.
 */
enum lc_verdict lc_judge_take(const struct lc_change *c, const struct lc_identity *now,
                              const struct lc_identity *waiting)
{
	if (lc_judge_is_object(waiting, &c->before))
		return LC_STEP_DONE;
	if (lc_judge_is_object(now, &c->before))
		return lc_identity_same(now, &c->before) ? LC_STEP_TO_DO : LC_STEP_FOREIGN;
	return now->mode == 0 || c->after.mode != 0 ? LC_STEP_DONE : LC_STEP_FOREIGN;
}

int lc_judge_in_stage(const char *place)
{
	return strncmp(place, STORE, strlen(STORE)) == 0 || strstr(place, OTHER_STAGE);
}

/*
 * What does not wait any more was put; what became of it then is not our business.
 * But where something else waits nobody knows whether it was: what an exchange
 * has brought out is not what was expected, or what was to be moved is another.
 */
static enum lc_verdict judge_put_away(const struct lc_change *c, const struct lc_identity *now,
                                      const struct lc_identity *waiting)
{
	int unexpected = lc_judge_in_stage(c->place)
	                         ? c->before.mode != 0 && !lc_judge_is_object(waiting, &c->before)
	                         : !lc_judge_is_object(now, &c->after);

	return waiting->mode != 0 && unexpected ? LC_STEP_FOREIGN : LC_STEP_DONE;
}

enum lc_verdict lc_judge_put(const struct lc_change *c, const struct lc_identity *now,
                             const struct lc_identity *waiting)
{
	/* Not even staged: nothing was renamed yet. */
	if (c->after.inode == 0)
		return now->mode == 0 || lc_identity_same(now, &c->before) ? LC_STEP_TO_DO
		                                                           : LC_STEP_FOREIGN;
	if (!lc_judge_is_object(waiting, &c->after))
		return judge_put_away(c, now, waiting);
	if (now->mode == 0 || lc_judge_is_object(now, &c->after) ||
	    lc_identity_same(now, &c->before))
		return LC_STEP_TO_DO;
	return LC_STEP_FOREIGN;
}

/* Both ends of a step as they are now. */
int lc_ends_look(struct lc_ends *ends, const struct lc_change *c, struct lc_identity *now,
                 struct lc_identity *waiting)
{
	const char *base;
	int dir = place_parent(ends, c->place, &base);
	int rc = lc_ends_identify(ends, &ends->paths, c->path, now);

	/* A stage stays until the commit is complete: without it nothing is known. */
	if (!rc && dir < 0 && lc_judge_in_stage(c->place))
		rc = dir == -ENOTDIR ? -ENOENT : dir;
	return rc ? rc : lc_ends_identify(ends, &ends->places, c->place, waiting);
}

static int put_new(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_sys_rename_new(from_dir, from, to_dir, to);

	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP)
		rc = lc_sys_rename(from_dir, from, to_dir, to);
	return rc == -EEXIST ? -ESTALE : rc;
}

static int found_one(void *context, const char *name)
{
	(void)context, (void)name;
	return 1;
}

/* 1 if there is nothing in the directory, or it may not be read. */
static int is_empty(int dirfd, const char *name)
{
	int fd = lc_sys_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

	return fd < 0 || lc_dir_each(fd, found_one, NULL) == 0;
}

/*
 * What was taken is looked at again: between the look before and the rename
 * somebody may have written to it, or put something into a directory that is
 * to go. Then it goes back.
 */
static int take_away(int from_dir, const char *from, int to_dir, const char *to,
                     const struct lc_change *c)
{
	int removed_dir = S_ISDIR(c->before.mode) && c->after.mode == 0;
	struct lc_identity taken;
	struct stat st;
	int rc = lc_sys_rename(from_dir, from, to_dir, to);

	/* A directory of an overlay's lower layer cannot be moved, but it can go. */
	if (rc == -EXDEV && removed_dir)
		return lc_sys_rmdir(from_dir, from);
	if (!rc)
		rc = lc_sys_lstat_times(to_dir, to, &st);
	if (rc)
		return rc;
	lc_identity_of(&st, &taken);
	if (lc_identity_same(&taken, &c->before) && (!removed_dir || is_empty(to_dir, to)))
		return 0;
	rc = put_new(to_dir, to, from_dir, from);
	return rc ? rc : -ESTALE;
}

static int take(struct lc_ends *ends, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	const char *from, *to;
	int from_dir, to_dir;
	int rc = lc_ends_look(ends, c, &now, &waiting);
	enum lc_verdict verdict;

	if (rc)
		return rc;
	verdict = lc_judge_take(c, &now, &waiting);
	if (verdict != LC_STEP_TO_DO)
		return verdict == LC_STEP_DONE ? 0 : -ESTALE;
	from_dir = path_parent(ends, c->path, &from);
	to_dir = place_parent(ends, c->place, &to);
	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	return take_away(from_dir, from, to_dir, to, c);
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

static int put(struct lc_ends *ends, const struct lc_change *c)
{
	struct lc_identity now, waiting;
	const char *from, *to;
	int from_dir, to_dir;
	int rc = c->after.inode == 0 ? -EBADMSG : lc_ends_look(ends, c, &now, &waiting);
	enum lc_verdict verdict;

	if (rc)
		return rc;
	verdict = lc_judge_put(c, &now, &waiting);
	if (verdict != LC_STEP_TO_DO)
		return verdict == LC_STEP_DONE ? 0 : -ESTALE;
	from_dir = place_parent(ends, c->place, &from);
	to_dir = path_parent(ends, c->path, &to);
	if (from_dir < 0 || to_dir < 0)
		return from_dir < 0 ? from_dir : to_dir;
	/* Two links of one inode: a rename between them does nothing and keeps both. */
	if (lc_judge_is_object(&now, &c->after))
		return lc_sys_unlink(from_dir, from);
	if (now.mode == 0)
		return put_new(from_dir, from, to_dir, to);
	return put_over(from_dir, from, to_dir, to, c);
}

static int carry_out(struct lc_ends *ends, const struct lc_change *c)
{
	switch (c->type) {
	case LC_CHANGE_TAKE:
		return take(ends, c);
	case LC_CHANGE_PUT:
		return put(ends, c);
	case LC_CHANGE_META:
	case LC_CHANGE_UNSET:
		return lc_publish_meta(ends, c);
	case LC_CHANGE_PATCH:
		return lc_publish_patch(ends, c);
	default:
		return 0;
	}
}

int lc_publish_apply(int root, const struct lc_change_list *list, const struct lc_change **bad)
{
	const struct lc_change *dirty = NULL;
	struct lc_ends ends;
	size_t i;
	int rc;

	rc = lc_ends_init(&ends, root, list, bad);
	for (i = 0; i < list->count && !rc; i++) {
		const struct lc_change *c = &list->items[i];

		rc = carry_out(&ends, c);
		*bad = c;
		/* What has to wait for another mount need not keep readers waiting. */
		if (rc == LC_PUBLISH_UNFLUSHED) {
			dirty = c;
			rc = 0;
		}
		/* A directory that moved takes its paths along. */
		if ((c->type == LC_CHANGE_TAKE || c->type == LC_CHANGE_PUT) &&
		    (S_ISDIR(c->after.mode) || S_ISDIR(c->before.mode)))
			lc_beneath_forget(&ends.paths);
	}
	lc_ends_release(&ends);
	if (rc || !dirty)
		return rc;
	*bad = dirty;
	return LC_PUBLISH_UNFLUSHED;
}
