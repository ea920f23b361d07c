/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A kernel number that libc headers of some systems lack; part of its ABI. */
struct fs_uuid {
	uint8_t length;
	uint8_t uuid[16];
};
#define GET_FS_UUID _IOR(0x15, 0, struct fs_uuid)

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

int lc_sys_chmod_found(int fd, mode_t mode)
{
	char path[64];
	int rc = lc_fault_on("chmod", fd, NULL);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return rc ? rc : result(chmod(path, mode));
}

int lc_sys_fstat_times(int fd, struct stat *st)
{
	int rc = lc_fault_on("stat", fd, NULL);

	return rc ? rc : result(fstat(fd, st));
}

int lc_sys_lstat_times(int dirfd, const char *name, struct stat *st)
{
	int rc = lc_fault_on("stat", dirfd, name);

	return rc ? rc : result(fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW));
}

int lc_sys_set_times(int fd, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int rc = lc_fault_on("utimens", fd, NULL);

	return rc ? rc : result(futimens(fd, times));
}

int lc_sys_set_times_at(int dirfd, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int rc = lc_fault_on("utimens", dirfd, name);

	if (!rc && utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
		rc = -errno;
	return rc;
}

/*
 * Linux gives a file a finer time stamp at its next change once somebody has
 * looked at the present one, and the file system then writes more: who does
 * not want the times shall not ask for them.
 */
#ifdef HAVE_STATX
#define TIMELESS                                                                                   \
	(STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_INO | STATX_SIZE)

static int look(int dirfd, const char *name, int flags, struct stat *st)
{
	struct statx found;

	if (statx(dirfd, name, flags, TIMELESS, &found) != 0)
		return -errno;
	memset(st, 0, sizeof *st);
	st->st_dev = makedev(found.stx_dev_major, found.stx_dev_minor);
	st->st_ino = found.stx_ino;
	st->st_mode = found.stx_mode;
	st->st_nlink = found.stx_nlink;
	st->st_uid = found.stx_uid;
	st->st_gid = found.stx_gid;
	st->st_size = (off_t)found.stx_size;
	return 0;
}
#else
static int look(int dirfd, const char *name, int flags, struct stat *st)
{
	return result(*name ? fstatat(dirfd, name, st, flags & AT_SYMLINK_NOFOLLOW)
	                    : fstat(dirfd, st));
}
#endif

int lc_sys_answers(int fd)
{
	struct stat st;

	return look(fd, "", AT_EMPTY_PATH, &st);
}

int lc_sys_fstat(int fd, struct stat *st)
{
	int rc = lc_fault_on("stat", fd, NULL);

	return rc ? rc : look(fd, "", AT_EMPTY_PATH, st);
}

int lc_sys_lstat(int dirfd, const char *name, struct stat *st)
{
	int rc = lc_fault_on("stat", dirfd, name);

	return rc ? rc : look(dirfd, name, AT_SYMLINK_NOFOLLOW, st);
}

int lc_sys_access(int dirfd, const char *name, int how)
{
	int rc = lc_fault_on("access", dirfd, name);

	return rc ? rc : result(faccessat(dirfd, name, how, AT_EACCESS));
}

ssize_t lc_sys_readlink(int dirfd, const char *name, char *buffer, size_t size)
{
	int rc = lc_fault_on("readlink", dirfd, name);
	ssize_t length;

	if (rc)
		return rc;
	length = readlinkat(dirfd, name, buffer, size);
	return length < 0 ? -(ssize_t)errno : length;
}

int lc_sys_fs_type(int fd, long *type)
{
	struct statfs fs;
	int rc = lc_fault("statfs");

	if (!rc)
		rc = result(fstatfs(fd, &fs));
	if (!rc)
		*type = (long)fs.f_type;
	return rc;
}

int lc_sys_uuid(int fd, uint8_t uuid[16])
{
	struct fs_uuid found = {0};

	if (ioctl(fd, GET_FS_UUID, &found) != 0)
		return -errno;
	memcpy(uuid, found.uuid, sizeof found.uuid);
	return 0;
}

/* Some images are made with a UUID of zeros, which tells nothing: 0. */
static uint64_t part_of_uuid(int fd)
{
	uint8_t uuid[16];
	uint64_t part = 0;

	if (lc_sys_uuid(fd, uuid) == 0)
		memcpy(&part, uuid, sizeof part);
	return part;
}

/* File systems whose f_fsid is made of their UUID: ext2 to ext4, btrfs. */
static const long uuid_in_fsid[] = {0xef53, 0x9123683e};

int lc_sys_fs_uuid(int fd, uint64_t *id)
{
	struct statfs fs;
	int rc = lc_fault("statfs");
	size_t i;

	if (rc)
		return rc;
	*id = part_of_uuid(fd);
	if (*id || fstatfs(fd, &fs) != 0)
		return 0;
	for (i = 0; i < sizeof uuid_in_fsid / sizeof *uuid_in_fsid; i++)
		if ((long)fs.f_type == uuid_in_fsid[i])
			memcpy(id, &fs.f_fsid, sizeof *id);
	return 0;
}

int lc_sys_fs_id(int fd, uint64_t *id)
{
	struct statfs fs;
	int rc = lc_fault("statfs");

	if (rc)
		return rc;
	*id = part_of_uuid(fd);
	if (*id)
		return 0;
	rc = result(fstatfs(fd, &fs));
	if (!rc)
		memcpy(id, &fs.f_fsid, sizeof *id);
	return rc;
}
