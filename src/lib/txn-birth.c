/* SPDX-License-Identifier: ISC */
/*
 * What is new is made in a stage, but a directory may hand down its group and
 * its default ACL to what is made in it. So where one of the two directories
 * does, a file is made in the other, without a name, and linked to the stage;
 * a directory gets what such a file got, a symbolic link its group.
 */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"
#define ACL_MAX 65536

/* 1 if what is made in the directory gets something from it, 0, or a negative errno. */
static int hands_down(int dir)
{
	struct stat st;
	ssize_t length;
	int rc = lc_sys_fstat(dir, &st);

	if (rc || st.st_mode & S_ISGID)
		return rc ? rc : 1;
	length = lc_sys_getxattr(dir, ACL_DEFAULT, NULL, 0);
	if (length == -ENODATA || length == -EOPNOTSUPP)
		return 0;
	return length < 0 ? (int)length : 1;
}

void lc_txn_birth_forget(struct commit_txn *txn)
{
	if (txn->birth.known)
		lc_sys_drop(&txn->birth.fd);
	txn->birth.known = 0;
}

/* Opens the directory where it is now; one that may not be read cannot be asked. */
static int open_parent(struct commit_txn *txn, const char *directory)
{
	struct lc_node node = {.real = ""};
	int rc = *directory ? lc_view_look(txn->view, directory, &node) : 0;

	return rc ? rc : lc_beneath_open(txn->store->root, node.real, O_RDONLY | O_DIRECTORY);
}

int lc_txn_birthplace(struct commit_txn *txn, const char *path, int stage)
{
	struct lc_txn_birth *birth = &txn->birth;
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	int rc;

	if (birth->known && strncmp(birth->dir, path, length) == 0 && !birth->dir[length])
		return birth->fd;
	lc_txn_birth_forget(txn);
	memcpy(birth->dir, path, length);
	birth->dir[length] = '\0';
	birth->fd = open_parent(txn, birth->dir);
	if (birth->fd < 0)
		return birth->fd == -EACCES ? -ENOENT : birth->fd;
	birth->known = 1;
	rc = hands_down(birth->fd);
	if (rc == 0)
		rc = hands_down(stage);
	if (rc == 1)
		return birth->fd;
	lc_sys_drop(&birth->fd);
	birth->fd = rc < 0 ? rc : -ENOENT;
	birth->known = rc == 0;
	return birth->fd;
}

/* It is not a disk that fails: such a file cannot be had here. */
static int is_unable(int rc)
{
	return rc == -EOPNOTSUPP || rc == -EISDIR || rc == -EINVAL || rc == -ENOSYS ||
	       rc == -ENOENT || rc == -EXDEV || rc == -EACCES || rc == -EPERM;
}

int lc_txn_create(struct commit_txn *txn, const char *path, int stage, const char *name)
{
	int parent = path ? lc_txn_birthplace(txn, path, stage) : -ENOENT;
	int fd = parent < 0 ? parent : lc_sys_tmpfile(parent, O_RDWR, 0666);
	struct stat st;
	int rc;

	if (fd >= 0) {
		rc = lc_sys_link_fd(fd, stage, name);
		if (rc == 0)
			return fd;
		lc_sys_drop(&fd);
		fd = rc;
	}
	if (!is_unable(fd))
		return fd;
	/* 0666: the kernel takes the umask off; the directory around it is 0700. */
	fd = lc_sys_create(stage, name, O_RDWR, 0666);
	if (fd < 0 || parent < 0)
		return fd;
	rc = lc_sys_fstat(parent, &st);
	if (!rc && st.st_mode & S_ISGID)
		rc = lc_sys_fchown(fd, (uid_t)-1, st.st_gid);
	if (rc && rc != -EPERM)
		lc_sys_drop(&fd);
	return rc && rc != -EPERM ? rc : fd;
}

static int copy_attribute(int from, const char *name, int to, const char *as)
{
	unsigned char *value = malloc(ACL_MAX);
	ssize_t length = value ? lc_sys_getxattr(from, name, value, ACL_MAX) : -ENOMEM;
	int rc = length < 0 ? (int)length : lc_sys_setxattr(to, as, value, (size_t)length);

	if (length == -ENODATA)
		rc = lc_sys_removexattr(to, as);
	free(value);
	return rc == -ENODATA || rc == -EOPNOTSUPP ? 0 : rc;
}

/* probe: a file that was made in the parent with that mode; or -1: there is none */
static int hand_down(int parent, int probe, int dir, mode_t mode)
{
	struct stat above, made = {0};
	int rc = lc_sys_fstat(parent, &above);

	if (!rc)
		rc = lc_sys_fstat(probe >= 0 ? probe : dir, &made);
	if (!rc && (probe >= 0 || above.st_mode & S_ISGID))
		rc = lc_sys_fchown(dir, (uid_t)-1, probe >= 0 ? made.st_gid : above.st_gid);
	/* Who is not of that group cannot give it away. */
	if (rc == -EPERM)
		rc = 0;
	if (!rc)
		rc = copy_attribute(parent, ACL_DEFAULT, dir, ACL_DEFAULT);
	if (!rc && probe >= 0)
		rc = copy_attribute(probe, ACL_ACCESS, dir, ACL_ACCESS);
	if (rc)
		return rc;
	mode &= S_ISVTX;
	return lc_sys_fchmod(dir, mode | (above.st_mode & S_ISGID) | (made.st_mode & 0777));
}

int lc_txn_mkdir(struct commit_txn *txn, const char *path, int stage, const char *name, mode_t mode)
{
	int parent = path ? lc_txn_birthplace(txn, path, stage) : -ENOENT;
	int probe, dir, rc;

	if (parent < 0)
		return is_unable(parent) ? lc_sys_mkdir(stage, name, mode) : parent;
	probe = lc_sys_tmpfile(parent, O_RDWR, mode & 0777);
	if (probe < 0 && !is_unable(probe))
		return probe;
	rc = lc_sys_mkdir(stage, name, probe >= 0 ? 0700 : mode);
	dir = rc ? rc : lc_sys_open(stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = dir < 0 ? dir : hand_down(parent, probe, dir, mode);
	lc_sys_drop(&dir);
	lc_sys_drop(&probe);
	return rc;
}

/* The group that a new file gets in the parent. */
static int group_in(int parent, gid_t *group)
{
	int probe = lc_sys_tmpfile(parent, O_RDWR, 0600);
	struct stat st;
	int rc;

	if (probe < 0 && !is_unable(probe))
		return probe;
	rc = lc_sys_fstat(probe < 0 ? parent : probe, &st);
	*group = probe < 0 && !(st.st_mode & S_ISGID) ? getegid() : st.st_gid;
	lc_sys_drop(&probe);
	return rc;
}

int lc_txn_symlink(struct commit_txn *txn, size_t at, const char *path, const char *target,
                   int stage, const char *name)
{
	int parent = path ? lc_txn_birthplace(txn, path, stage) : -ENOENT;
	int rc = parent < 0 && !is_unable(parent) ? parent : lc_sys_symlink(target, stage, name);
	gid_t group;

	if (rc || parent < 0)
		return rc;
	rc = group_in(parent, &group);
	if (!rc)
		rc = lc_txn_own_link(txn, at, stage, name, (uid_t)-1, group);
	/* Who is not of that group cannot give it away. */
	return rc == -EPERM ? 0 : rc;
}
