/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "publish-internal.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>

static int set_time(int fd, const struct lc_identity *version)
{
	struct stat st;
	int rc = lc_sys_fstat_times(fd, &st);

	if (rc)
		return rc;
	st.st_mtim.tv_sec = version->seconds;
	st.st_mtim.tv_nsec = version->nanoseconds;
	return lc_sys_set_times(fd, &st);
}

int lc_publish_set(int fd, const struct lc_change *c)
{
	int rc = 0;

	if (c->uid != UINT32_MAX || c->gid != UINT32_MAX)
		rc = lc_sys_fchown(fd, c->uid, c->gid);
	if (!rc && c->type == LC_CHANGE_UNSET)
		rc = lc_sys_removexattr(fd, c->attribute);
	/* Done before, or gone anyway */
	if (rc == -ENODATA && c->type == LC_CHANGE_UNSET)
		return 0;
	if (!rc && c->attribute && c->type != LC_CHANGE_UNSET)
		rc = lc_sys_setxattr(fd, c->attribute, c->value, c->value_length);
	if (!rc && c->mode != UINT32_MAX)
		rc = lc_sys_fchmod(fd, c->mode);
	if (!rc && c->before.mode != 0)
		rc = set_time(fd, &c->before);
	return rc;
}

/*
 * Opens what its owner may not: he gets the right for as long as it takes. Set
 * anew is the mode by the step itself, or by the one behind it that took it away.
 */
static int open_locked(int dir, const char *name, struct stat *st)
{
	int fd, found = lc_sys_open(dir, name, O_PATH | O_NOFOLLOW);
	mode_t rights = S_IRUSR | S_IWUSR;
	int rc = found < 0 ? found : lc_sys_fstat(found, st);

	if (!rc && !S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		rc = -EACCES;
	if (!rc && S_ISDIR(st->st_mode))
		rights |= S_IXUSR;
	if (!rc)
		rc = lc_sys_chmod_found(found, (st->st_mode & 07777) | rights);
	if (rc) {
		lc_sys_drop(&found);
		return rc == -EPERM ? -EACCES : rc;
	}
	fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	lc_sys_drop(&found);
	return fd;
}

int lc_publish_set_at(int dir, const char *name, const struct lc_change *c, int flush)
{
	struct stat st = {0};
	int rc, locked = 0;
	int fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd == -EACCES) {
		fd = open_locked(dir, name, &st);
		locked = 1;
	}
	if (fd < 0)
		return fd;
	rc = lc_publish_set(fd, c);
	if (locked && (rc || c->mode == UINT32_MAX)) {
		int back = lc_sys_fchmod(fd, st.st_mode & 07777);

		rc = rc ? rc : back;
	}
	if (!rc && flush)
		rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

/* A link cannot be opened to be flushed: all is, where that is not done anyway. */
static int set_link_owner(const struct lc_mount *mount, const struct lc_change *c, int dir,
                          const char *name)
{
	int rc = lc_sys_lchown(dir, name, c->uid, c->gid);

	return rc || mount->traits.syncs ? rc : lc_sys_syncfs(mount->fd);
}

/*
 * The path that the object has now. One that steps take to a place is at one of
 * both ends; at neither, where nothing can be exchanged, the step that put another
 * over it came after this one.
 */
static int locate(struct lc_ends *ends, const struct lc_change *c, const char **path,
                  struct lc_identity *now)
{
	int rc;

	*path = c->path;
	rc = lc_ends_identify(ends, &ends->paths, c->path, now);
	if (rc || lc_judge_is_object(now, &c->after))
		return rc;
	if (!c->place[0])
		return -ESTALE;
	*path = c->place;
	rc = lc_ends_identify(ends, &ends->places, c->place, now);
	if (!rc && !lc_judge_is_object(now, &c->after))
		*path = NULL;
	return rc;
}

/* Only a mode can be told from what was there before. */
static int is_done(const struct lc_change *c, const struct lc_identity *now)
{
	return c->uid == UINT32_MAX && c->gid == UINT32_MAX && !c->attribute &&
	       c->before.mode == 0 && (now->mode & 07777) == c->mode;
}

int lc_publish_meta(struct lc_ends *ends, const struct lc_change *c)
{
	const struct lc_mount *mount;
	struct lc_identity now;
	const char *name, *path;
	int dir;
	int rc = locate(ends, c, &path, &now);

	if (rc || !path)
		return rc;
	mount = lc_mounts_find(&ends->mounts, path);
	/* By one who was perhaps killed before he flushed it */
	if (mount->traits.syncs && is_done(c, &now))
		return 0;
	dir = lc_mounts_parent(&ends->mounts, path == c->path ? &ends->paths : &ends->places, path,
	                       &name);
	if (dir < 0)
		return dir;
	if (S_ISLNK(now.mode))
		return set_link_owner(mount, c, dir, name);
	/* What syncfs does not do for all of them later is done while it is open. */
	return lc_publish_set_at(dir, name, c, !mount->traits.syncs);
}
