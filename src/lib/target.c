/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "target.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define OPEN_FLAGS (O_NONBLOCK | O_NOCTTY)
/* A name that changes its inode between two calls this often is no accident. */
#define LOOK_TRIES 100

/* What is open is not read from before it is known to be a regular file. */
static int open_old(int dirfd, const char *name, int nofollow)
{
	int fd = lc_sys_open(dirfd, name, O_RDONLY | OPEN_FLAGS | nofollow);

	if (fd == -EACCES)
		fd = lc_sys_open(dirfd, name, O_WRONLY | OPEN_FLAGS | nofollow);
#ifdef O_PATH
	if (fd == -EACCES)
		fd = lc_sys_open(dirfd, name, O_PATH | nofollow);
#endif
	return fd;
}

static int check_type(const struct stat *st, const char *path, struct commit_error *err)
{
	const char *what = "not a regular file";
	int errnum = EINVAL;

	if (S_ISREG(st->st_mode))
		return 0;
	if (S_ISDIR(st->st_mode)) {
		what = "is a directory";
		errnum = EISDIR;
	} else if (S_ISFIFO(st->st_mode)) {
		what = "is a FIFO; only regular files can be saved";
	} else if (S_ISSOCK(st->st_mode)) {
		what = "is a socket; only regular files can be saved";
	} else if (S_ISBLK(st->st_mode)) {
		what = "is a block device; only regular files can be saved";
	} else if (S_ISCHR(st->st_mode)) {
		what = "is a character device; only regular files can be saved";
	}
	return lc_error_set(err, COMMIT_EFAILED, errnum, "look at", path, what);
}

/* A link that will be replaced: what it leads to, if that is a file, has the metadata. */
static int look_through_link(struct lc_target *t, struct commit_error *err)
{
	int rc;

	t->is_link = 1;
	t->fd = open_old(t->place.fd, t->place.name, 0);
	if (t->fd == -ENOENT || t->fd == -ELOOP)
		return 0;
	if (t->fd < 0)
		return lc_error_set(err, COMMIT_EFAILED, -t->fd, "open", t->place.path, NULL);
	rc = lc_sys_fstat(t->fd, &t->st);
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "stat", t->place.path, NULL);
	t->exists = 1;
	return check_type(&t->st, t->place.path, err);
}

/* One look: 1 if the name changed meanwhile, 0, or a negative code. */
static int look_once(struct lc_target *t, struct commit_error *err)
{
	struct stat by_name = t->place.found;
	int rc = 0;

	/* What resolving the path has just seen will do for once. */
	t->place.found.st_ino = 0;
	if (!by_name.st_ino)
		rc = lc_sys_lstat(t->place.fd, t->place.name, &by_name);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "stat", t->place.path, NULL);
	if (S_ISLNK(by_name.st_mode)) {
		if (t->policy == COMMIT_SYMLINK_REPLACE)
			return look_through_link(t, err);
		return lc_error_set(err, COMMIT_EREFUSED, ELOOP, "look at", t->place.path,
		                    "became a symbolic link while it was looked at");
	}
	/* Before the open: opening a device can do things. */
	rc = check_type(&by_name, t->place.path, err);
	if (rc)
		return rc;
	t->fd = open_old(t->place.fd, t->place.name, O_NOFOLLOW);
	if (t->fd == -ENOENT || t->fd == -ELOOP)
		return 1;
	if (t->fd < 0)
		return lc_error_set(err, COMMIT_EFAILED, -t->fd, "open", t->place.path, NULL);
	rc = lc_sys_fstat(t->fd, &t->st);
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "stat", t->place.path, NULL);
	t->exists = 1;
	if (t->st.st_ino != by_name.st_ino || t->st.st_dev != by_name.st_dev)
		return 1;
	/* Again: until it was open, a new inode may have got the old one's number. */
	return check_type(&t->st, t->place.path, err);
}

static void forget_old(struct lc_target *t)
{
	lc_sys_drop(&t->fd);
	t->exists = t->is_link = t->locked = 0;
	memset(&t->st, 0, sizeof t->st);
}

static int look(struct lc_target *t, struct commit_error *err)
{
	int tries, rc = 1;

	for (tries = 0; rc == 1 && tries < LOOK_TRIES; tries++) {
		forget_old(t);
		rc = look_once(t, err);
	}
	if (rc == 1)
		rc = lc_error_set(err, COMMIT_EFAILED, ESTALE, "look at", t->place.path,
		                  "changes all the time");
	return rc;
}

int lc_target_open(struct lc_target *t, const char *path, enum commit_symlink policy,
                   struct commit_error *err)
{
	int rc;

	memset(t, 0, sizeof *t);
	t->fd = -1;
	t->policy = policy;
	rc = lc_dir_resolve(path, policy, &t->place, err);
	if (rc)
		return rc;
	rc = look(t, err);
	if (rc)
		lc_target_release(t);
	return rc;
}

int lc_target_times(struct lc_target *t)
{
	return t->exists ? lc_sys_fstat_times(t->fd, &t->st) : 0;
}

/* 0 and what the name leads to now, or -ESTALE if that is another file, or an errno. */
static int look_again(const struct lc_target *t, struct stat *now)
{
	int rc = lc_sys_lstat(t->place.fd, t->place.name, now);

	if (rc == -ENOENT)
		return t->exists || t->is_link ? -ESTALE : 0;
	if (rc)
		return rc;
	if (t->is_link)
		return S_ISLNK(now->st_mode) ? 0 : -ESTALE;
	return t->exists && now->st_ino == t->st.st_ino && now->st_dev == t->st.st_dev ? 0
	                                                                               : -ESTALE;
}

int lc_target_unmoved(const struct lc_target *t)
{
	struct stat now;

	return look_again(t, &now);
}

/* Who held the lock before may have written it. by_name is what it is, unless a link. */
static int refresh(struct lc_target *t, const struct stat *by_name, struct commit_error *err)
{
	int rc = 0;

	if (t->exists && t->is_link)
		rc = lc_sys_fstat(t->fd, &t->st);
	else if (t->exists)
		t->st = *by_name;
	return rc ? lc_error_set(err, COMMIT_EFAILED, -rc, "stat", t->place.path, NULL) : 0;
}

/* What stands for the name: its inode, or its directory where it has none of its own. */
static int lock_object(const struct lc_target *t)
{
	return t->exists && !t->is_link ? t->fd : t->place.fd;
}

static int lock_failed(const struct lc_target *t, int rc, struct commit_error *err)
{
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", t->place.path,
		                    "somebody else is writing it and did not finish in time "
		                    "(--wait)");
	if (rc == -ECANCELED)
		return lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "lock", t->place.path, NULL);
	return lc_error_set(err, COMMIT_EFAILED, -rc, "lock", t->place.path, NULL);
}

int lc_target_lock(struct lc_target *t, int64_t deadline, int cancel_fd, int *unsupported,
                   struct commit_error *err)
{
	struct stat now;
	int object, rc;

	*unsupported = 0;
	if (t->locked && lc_target_unmoved(t) == 0)
		return 0;
	for (;;) {
		object = lock_object(t);
		rc = lc_lock_acquire(object, deadline, cancel_fd);
		if (lc_lock_unsupported(rc))
			*unsupported = -rc;
		else if (rc)
			return lock_failed(t, rc, err);
		if (look_again(t, &now) == 0)
			break;
		if (object == t->place.fd && !rc)
			lc_sys_unlock(object);
		rc = look(t, err);
		if (rc)
			return rc;
	}
	t->locked = !*unsupported;
	return refresh(t, &now, err);
}

void lc_target_release(struct lc_target *t)
{
	forget_old(t);
	lc_dir_release(&t->place);
}
