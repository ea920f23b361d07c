/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "stage.h"

#include "copy.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STAGE_DIR_MODE 0700
/* A scanner may take a fresh named file for dead before it is locked. */
#define CREATE_TRIES 8

void lc_stage_init(struct lc_stage *stage)
{
	memset(stage, 0, sizeof *stage);
	stage->fd = -1;
	stage->holder = -1;
	stage->subdir = -1;
}

/* 0 if the name in dirfd leads to the open file, -ESTALE if not. */
static int same_file(int dirfd, const char *name, int fd)
{
	struct stat by_name, by_fd;
	int rc = lc_sys_fstat(fd, &by_fd);

	if (!rc)
		rc = lc_sys_lstat(dirfd, name, &by_name);
	if (rc == -ENOENT)
		return -ESTALE;
	if (rc)
		return rc;
	return by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev ? 0 : -ESTALE;
}

/*
 * The sign of life. A file system without locks cannot have one; recovery then
 * goes by boot and age.
 */
static int mark_alive(int fd)
{
	int rc = lc_sys_lock(fd);

	return lc_lock_unsupported(rc) ? 0 : rc;
}

/* Nobody else makes a name so random: while it is there it is our file's. */
static int still_there(int dirfd, const char *name)
{
	struct stat st;
	int rc = lc_sys_lstat(dirfd, name, &st);

	return rc == -ENOENT ? -ESTALE : rc;
}

/* One try at a named file: -ESTALE if a scanner was faster than our lock. */
static int try_named(struct lc_stage *stage, mode_t mode, const char *name)
{
	int rc;

	stage->fd = lc_sys_create(stage->place->fd, name, O_RDWR, mode);
	if (stage->fd < 0)
		return stage->fd;
	rc = mark_alive(stage->fd);
	if (!rc)
		rc = still_there(stage->place->fd, name);
	if (rc == 0) {
		strcpy(stage->name, name);
		stage->holder = stage->place->fd;
		return 0;
	}
	/* Who holds its lock is a scanner that perhaps only looks. */
	if (rc != -ESTALE)
		lc_sys_unlink(stage->place->fd, name);
	lc_sys_drop(&stage->fd);
	return rc == -EWOULDBLOCK ? -ESTALE : rc;
}

static int open_named(struct lc_stage *stage, mode_t mode)
{
	char name[LC_NAME_SIZE];
	int tries, rc = -ESTALE;

	for (tries = 0; rc == -ESTALE && tries < CREATE_TRIES; tries++) {
		rc = lc_name_make(LC_NAME_STAGED, stage->place->inode, name);
		if (!rc)
			rc = try_named(stage, mode, name);
	}
	return rc;
}

/* The errno says that there are no unnamed files here. */
static int no_tmpfile(int rc)
{
	return rc == -EOPNOTSUPP || rc == -EISDIR || rc == -EINVAL || rc == -ENOENT ||
	       rc == -ENOSYS;
}

int lc_stage_open_named(struct lc_stage *stage, const struct lc_place *place, mode_t mode)
{
	stage->place = place;
	return open_named(stage, mode);
}

int lc_stage_open(struct lc_stage *stage, const struct lc_place *place)
{
	int rc;

	stage->place = place;
	stage->fd = lc_sys_tmpfile(place->fd, O_RDWR, LC_STAGE_MODE);
	if (no_tmpfile(stage->fd))
		return open_named(stage, LC_STAGE_MODE);
	if (stage->fd < 0)
		return stage->fd;
	rc = mark_alive(stage->fd);
	if (rc)
		lc_sys_drop(&stage->fd);
	return rc;
}

int lc_stage_probe(const struct lc_place *place, mode_t mode)
{
	char name[LC_NAME_SIZE];
	int fd = lc_sys_tmpfile(place->fd, O_RDWR, mode);
	int rc;

	if (!no_tmpfile(fd))
		return fd;
	rc = lc_name_make(LC_NAME_STAGED, place->inode, name);
	if (rc)
		return rc;
	fd = lc_sys_create(place->fd, name, O_RDWR, mode);
	if (fd < 0)
		return fd;
	rc = lc_sys_unlink(place->fd, name);
	if (rc) {
		lc_sys_drop(&fd);
		return rc;
	}
	return fd;
}

/*
 * The unnamed file cannot be linked (no /proc, or a file system that has only
 * half of O_TMPFILE): a named one takes its place.
 */
static int replace_by_named(struct lc_stage *stage)
{
	int unnamed = stage->fd;
	off_t end = 0;
	int rc;

	/* From here on the unnamed file is closed here, also if no other is made. */
	stage->fd = -1;
	rc = open_named(stage, LC_STAGE_MODE);
	if (rc == 0)
		rc = (int)lc_sys_lseek(unnamed, 0, SEEK_SET);
	if (rc == 0)
		rc = lc_copy_all(unnamed, stage->fd, &end, -1);
	if (rc == 0 && end != stage->end)
		rc = -EIO;
	lc_sys_drop(&unnamed);
	return rc;
}

static int link_in(struct lc_stage *stage, int dirfd, const char *name)
{
	int rc = -ENOENT;

	if (!stage->name[0]) {
		rc = lc_sys_link_fd(stage->fd, dirfd, name);
		if (rc == -ENOENT || rc == -EOPNOTSUPP || rc == -EPERM || rc == -ENOSYS)
			rc = replace_by_named(stage);
	} else {
		rc = 0;
	}
	if (rc == 0 && stage->name[0])
		rc = lc_sys_rename(stage->holder, stage->name, dirfd, name);
	if (rc == 0) {
		stage->holder = dirfd;
		strcpy(stage->name, name);
	}
	return rc;
}

int lc_stage_link(struct lc_stage *stage, const char *name)
{
	return link_in(stage, stage->place->fd, name);
}

int lc_stage_link_random(struct lc_stage *stage)
{
	char name[LC_NAME_SIZE];
	int rc;

	/* Made with one; no other kind stands there before this is called. */
	if (stage->name[0] && stage->holder == stage->place->fd)
		return 0;
	rc = lc_name_make(LC_NAME_STAGED, stage->place->inode, name);
	return rc ? rc : lc_stage_link(stage, name);
}

/* One try at a private directory: -ESTALE if a scanner was faster. */
static int try_subdir(struct lc_stage *stage)
{
	int parent = stage->place->fd;
	int rc = lc_name_make(LC_NAME_STAGE_DIR, stage->place->inode, stage->subdir_name);

	if (!rc)
		rc = lc_sys_mkdir(parent, stage->subdir_name, STAGE_DIR_MODE);
	if (rc) {
		stage->subdir_name[0] = '\0';
		return rc;
	}
	rc = lc_sys_open(parent, stage->subdir_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	stage->subdir = rc;
	if (rc >= 0)
		rc = mark_alive(stage->subdir);
	if (!rc)
		rc = same_file(parent, stage->subdir_name, stage->subdir);
	if (!rc)
		return 0;
	lc_sys_drop(&stage->subdir);
	lc_sys_rmdir(parent, stage->subdir_name);
	stage->subdir_name[0] = '\0';
	return rc == -ENOENT || rc == -EWOULDBLOCK ? -ESTALE : rc;
}

int lc_stage_link_private(struct lc_stage *stage, const char *base)
{
	int tries, rc = -ESTALE;

	for (tries = 0; rc == -ESTALE && tries < CREATE_TRIES; tries++)
		rc = try_subdir(stage);
	return rc ? rc : link_in(stage, stage->subdir, base);
}

int lc_stage_drop_private(struct lc_stage *stage)
{
	int rc = lc_sys_rmdir(stage->place->fd, stage->subdir_name);

	stage->subdir_name[0] = '\0';
	lc_sys_drop(&stage->subdir);
	return rc;
}

/* Some file systems (NFS, and quotas there) tell of lost writes at close only. */
static int close_duplicate(int fd)
{
	int duplicate = lc_sys_dup(fd);

	return duplicate < 0 ? duplicate : lc_sys_close(duplicate);
}

int lc_stage_flush(struct lc_stage *stage, int force)
{
	struct stat st;
	int rc = force ? lc_sys_fsync_stat(stage->fd, &st) : lc_sys_fstat(stage->fd, &st);

	if (!rc && st.st_size != stage->end)
		rc = -EIO;
	return rc ? rc : close_duplicate(stage->fd);
}

int lc_stage_intact(const struct lc_stage *stage)
{
	return same_file(stage->holder, stage->name, stage->fd);
}

/* The errno says that this file system has no such rename. */
static int no_flags(int rc)
{
	return rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP;
}

void lc_stage_forget_name(struct lc_stage *stage)
{
	stage->name[0] = '\0';
	stage->holder = -1;
}

void lc_stage_take_name(struct lc_stage *stage, const char *name)
{
	strcpy(stage->name, name);
	stage->holder = stage->place->fd;
}

int lc_stage_replace(struct lc_stage *stage, const char *target)
{
	int rc = lc_sys_rename(stage->holder, stage->name, stage->place->fd, target);

	if (!rc)
		lc_stage_forget_name(stage);
	return rc;
}

int lc_stage_create(struct lc_stage *stage, const char *target)
{
	int rc = lc_sys_rename_new(stage->holder, stage->name, stage->place->fd, target);

	if (no_flags(rc)) {
		rc = lc_sys_link(stage->holder, stage->name, stage->place->fd, target);
		/* From here on it is created; a name too many is no failure. */
		if (!rc)
			lc_stage_unlink(stage);
		return rc;
	}
	if (!rc)
		lc_stage_forget_name(stage);
	return rc;
}

int lc_stage_exchange(struct lc_stage *stage, const char *target)
{
	int rc = lc_sys_exchange(stage->holder, stage->name, stage->place->fd, target);

	return no_flags(rc) ? -ENOSYS : rc;
}

int lc_stage_unlink(struct lc_stage *stage)
{
	int rc = lc_sys_unlink(stage->holder, stage->name);

	if (!rc)
		lc_stage_forget_name(stage);
	return rc;
}

void lc_stage_release(struct lc_stage *stage)
{
	/*
	 * NFS and FUSE rename an open file that is unlinked, and what it is then
	 * would keep its directory from being removed: it leaves that first.
	 */
	if (stage->name[0] && stage->subdir >= 0 && stage->holder == stage->subdir)
		lc_stage_link_random(stage);
	if (stage->name[0])
		lc_stage_unlink(stage);
	if (stage->subdir_name[0])
		lc_sys_rmdir(stage->place->fd, stage->subdir_name);
	lc_stage_forget_name(stage);
	stage->subdir_name[0] = '\0';
	lc_sys_drop(&stage->subdir);
	lc_sys_drop(&stage->fd);
}
