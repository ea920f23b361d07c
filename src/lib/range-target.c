/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range-internal.h"

#include "copy.h"
#include "digest.h"
#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

/* A name that changes its inode between two calls this often is no accident. */
#define LOOK_TRIES 100
#define TEXT_MAX 512

/*
 * Below /sys/dev/block/MAJOR:MINOR: what the device says of itself, and, for a
 * partition, what the disk that it is on says, and where on it.
 */
static const char *const attributes[] = {"dm/uuid",
                                         "md/uuid",
                                         "wwid",
                                         "device/wwid",
                                         "serial",
                                         "device/serial",
                                         "uuid",
                                         "loop/offset",
                                         "loop/backing_file",
                                         "partition",
                                         "start",
                                         "../wwid",
                                         "../device/wwid",
                                         "../serial",
                                         "../device/serial",
                                         "../uuid",
                                         "../loop/backing_file"};

static ssize_t read_attribute(dev_t device, const char *name, char text[TEXT_MAX])
{
	char path[128];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/%s", major(device), minor(device), name);
	fd = lc_sys_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return 0;
	length = lc_copy_read(fd, text, TEXT_MAX, 0);
	lc_sys_drop(&fd);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	return length > 0 ? length : 0;
}

/* A place on a disk names nothing if nothing names the disk. */
static int names_device(const char *name)
{
	return strcmp(name, "partition") != 0 && strcmp(name, "start") != 0 &&
	       strcmp(name, "loop/offset") != 0;
}

static int identify_device(struct lc_range_target *target, dev_t device)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest digest;
	char text[TEXT_MAX];
	int named = 0;
	off_t end = lc_sys_lseek(target->fd, 0, SEEK_END);
	size_t i;

	for (i = 0; stream && i < sizeof attributes / sizeof attributes[0]; i++) {
		ssize_t length = read_attribute(device, attributes[i], text);

		if (length == 0)
			continue;
		named |= names_device(attributes[i]);
		lc_digest_update(stream, attributes[i], strlen(attributes[i]) + 1);
		lc_digest_update(stream, text, (size_t)length);
	}
	if (stream) {
		digest = lc_digest_value(stream);
		memcpy(&target->id, digest.bytes, sizeof target->id);
		lc_digest_free(stream);
	}
	if (!stream || end < 0)
		return stream ? (int)end : -ENOMEM;
	target->size = (uint64_t)end;
	target->inode = 0;
	return named ? 0 : -ENODEV;
}

int lc_range_target_identify(struct lc_range_target *target)
{
	struct stat st;
	int rc = lc_sys_fstat_times(target->fd, &st);

	if (rc)
		return rc;
	target->is_device = S_ISBLK(st.st_mode);
	if (target->is_device)
		return identify_device(target, st.st_rdev);
	target->inode = st.st_ino;
	target->size = (uint64_t)st.st_size;
	return lc_sys_fs_id(target->fd, &target->id);
}

static int refuse(const struct lc_range_target *target, int code, int errnum, const char *operation,
                  const char *why, struct commit_error *err)
{
	return lc_error_set(err, code, errnum, operation, target->place.path, why);
}

/* Only what can be written at any offset, and keeps what it is when it is written. */
static int check_kind(const struct lc_range_target *target, const struct stat *st,
                      struct commit_error *err)
{
	char caps[1];
	ssize_t length;

	if (S_ISDIR(st->st_mode))
		return refuse(target, COMMIT_EFAILED, EISDIR, "look at", NULL, err);
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return refuse(target, COMMIT_EREFUSED, EINVAL, "look at",
		              "neither a regular file nor a block device", err);
	if (S_ISBLK(st->st_mode))
		return 0;
	length = lc_sys_getxattr(target->fd, "security.capability", caps, 0);
	if (length > 0 || st->st_mode & (S_ISUID | S_ISGID))
		return refuse(target, COMMIT_EREFUSED, EPERM, "look at",
		              "it has set-id bits or capabilities, which a write takes away; "
		              "use commit-save",
		              err);
	return 0;
}

static int open_once(struct lc_range_target *target, struct commit_error *err)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	int rc = lc_sys_lstat(target->place.fd, target->place.name, &st);

	if (rc)
		return refuse(target, COMMIT_EFAILED, -rc, "look at", NULL, err);
	/* Opening a FIFO or a character device may do something. */
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return check_kind(target, &st, err);
	target->fd = lc_sys_open(target->place.fd, target->place.name,
	                         S_ISBLK(st.st_mode) ? flags | O_EXCL : flags);
	if (target->fd == -EBUSY)
		return refuse(target, COMMIT_EBUSY, EBUSY, "open",
		              "the device is in use: mounted, or part of another one", err);
	if (target->fd < 0)
		return refuse(target, COMMIT_EFAILED, -target->fd, "open", NULL, err);
	rc = lc_sys_fstat(target->fd, &st);
	if (rc)
		return refuse(target, COMMIT_EFAILED, -rc, "look at", NULL, err);
	return check_kind(target, &st, err);
}

/* 1: the name still leads to what is open and locked. */
static int lock_once(struct lc_range_target *target, struct commit_error *err)
{
	struct stat locked, named;
	int rc = lc_lock_acquire(target->fd, target->deadline, target->cancel_fd);

	if (rc == -EWOULDBLOCK)
		return refuse(target, COMMIT_EBUSY, EWOULDBLOCK, "lock",
		              "somebody else holds the lock", err);
	if (rc == -ECANCELED)
		return refuse(target, COMMIT_ECANCELED, ECANCELED, "lock", NULL, err);
	if (rc && !lc_lock_unsupported(rc))
		return refuse(target, COMMIT_EFAILED, -rc, "lock", NULL, err);
	rc = lc_sys_fstat(target->fd, &locked);
	if (!rc)
		rc = lc_sys_lstat(target->place.fd, target->place.name, &named);
	if (rc)
		return refuse(target, COMMIT_EFAILED, -rc, "look at", NULL, err);
	return locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

int lc_range_target_open(struct lc_range_target *target, const char *path, struct commit_error *err)
{
	int rc = lc_dir_resolve(path, COMMIT_SYMLINK_FOLLOW, &target->place, err);
	int tries, same = 0;

	target->fd = -1;
	if (rc) {
		target->place.fd = -1;
		return rc;
	}
	for (tries = 0; !rc && same == 0 && tries < LOOK_TRIES; tries++) {
		lc_sys_drop(&target->fd);
		rc = open_once(target, err);
		same = rc ? 0 : lock_once(target, err);
	}
	if (rc || same < 0)
		return rc ? rc : same;
	if (!same)
		return refuse(target, COMMIT_EBUSY, EAGAIN, "look at",
		              "it is replaced again and again", err);
	rc = lc_range_target_identify(target);
	if (rc == -ENODEV)
		return refuse(target, COMMIT_EREFUSED, ENODEV, "identify",
		              "the device has no serial number, WWID or UUID to know it by", err);
	return rc ? refuse(target, COMMIT_EFAILED, -rc, "identify", NULL, err) : 0;
}

void lc_range_target_release(struct lc_range_target *target)
{
	lc_sys_drop(&target->fd);
	lc_dir_release(&target->place);
}
