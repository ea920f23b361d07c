/* SPDX-License-Identifier: ISC */
/* sys-rest.c - sys.h over the model: attributes, locks, the file system, time */
#include "config.h"

#include "model.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* --- looking ---------------------------------------------------------------------- */

enum { DEVICE = 7, EXT = 0xef53 };

static void tell(unsigned number, struct stat *st)
{
	const struct node *node = look_at(number);

	memset(st, 0, sizeof *st);
	st->st_dev = DEVICE;
	st->st_ino = disk_inode(number);
	st->st_mode = node->at.mode;
	st->st_nlink = node->nlink;
	st->st_uid = node->at.uid;
	st->st_gid = node->at.gid;
	st->st_size = node->size;
	st->st_atim = node->at.atime;
	st->st_mtim = node->at.mtime;
	st->st_ctim = node->ctime;
	st->st_blksize = PAGE_SIZE;
	st->st_blocks = (node->size + SECTOR - 1) / SECTOR;
}

int lc_sys_fstat_times(int fd, struct stat *st)
{
	if (!node_of(fd))
		return -EBADF;
	tell(node_of(fd), st);
	return 0;
}

int lc_sys_lstat_times(int dirfd, const char *name, struct stat *st)
{
	unsigned number;
	int rc = look_up(dirfd, name, 0, &number);

	if (!rc)
		tell(number, st);
	return rc;
}

int lc_sys_fstat(int fd, struct stat *st)
{
	return lc_sys_fstat_times(fd, st);
}

int lc_sys_lstat(int dirfd, const char *name, struct stat *st)
{
	return lc_sys_lstat_times(dirfd, name, st);
}

int lc_sys_answers(int fd)
{
	return node_of(fd) ? 0 : -EBADF;
}

int lc_sys_access(int dirfd, const char *name, int how)
{
	unsigned number;

	(void)how;
	return look_up(dirfd, name, 1, &number);
}

int lc_sys_fs_type(int fd, long *type)
{
	*type = EXT;
	return lc_sys_answers(fd);
}

int lc_sys_fs_id(int fd, uint64_t *id)
{
	*id = 42;
	return lc_sys_answers(fd);
}

int lc_sys_fs_instance(int fd, uint64_t *instance)
{
	*instance = 1000 + machine.boot;
	return lc_sys_answers(fd);
}

int lc_sys_mount(int dirfd, const char *name, struct lc_sys_mount *mount)
{
	unsigned number = node_of(dirfd);
	int rc = *name ? look_up(dirfd, name, 0, &number) : lc_sys_answers(dirfd);

	if (!rc)
		*mount = (struct lc_sys_mount){1, DEVICE, number == NODE_ROOT};
	return rc;
}

int lc_sys_fs_traits(int fd, struct lc_sys_traits *traits)
{
	*traits = (struct lc_sys_traits){.syncs = machine.syncs, .block = PAGE_SIZE};
	return lc_sys_answers(fd);
}

int lc_sys_project(int fd, uint32_t *project, int *inherited)
{
	*project = 0;
	*inherited = 0;
	return lc_sys_answers(fd);
}

/* --- attributes ------------------------------------------------------------------- */

static struct attributes *change(unsigned number)
{
	struct node *node = disk_own(&machine.disk, number);

	node->ctime = machine_now();
	return &node->at;
}

static int changed(unsigned number)
{
	struct effect *effect = effect_now(EFFECT_ATTRIBUTES, number);

	effect->u.at = look_at(number)->at;
	return 0;
}

static int set_mode(unsigned number, mode_t mode)
{
	struct attributes *at = change(number);

	at->mode = (at->mode & S_IFMT) | (mode & 07777);
	return changed(number);
}

int lc_sys_fchmod(int fd, mode_t mode)
{
	return node_of(fd) ? set_mode(node_of(fd), mode) : -EBADF;
}

int lc_sys_chmod_found(int fd, mode_t mode)
{
	return lc_sys_fchmod(fd, mode);
}

int lc_sys_chmod(int dirfd, const char *name, mode_t mode)
{
	unsigned number;
	int rc = look_up(dirfd, name, 1, &number);

	return rc ? rc : set_mode(number, mode);
}

static int set_owner(unsigned number, uid_t uid, gid_t gid)
{
	struct attributes *at = change(number);

	if (uid != (uid_t)-1)
		at->uid = uid;
	if (gid != (gid_t)-1)
		at->gid = gid;
	if (S_ISREG(at->mode))
		at->mode &= (mode_t) ~(S_ISUID | (at->mode & S_IXGRP ? S_ISGID : 0));
	return changed(number);
}

int lc_sys_fchown(int fd, uid_t uid, gid_t gid)
{
	return node_of(fd) ? set_owner(node_of(fd), uid, gid) : -EBADF;
}

int lc_sys_lchown(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	unsigned number;
	int rc = look_up(dirfd, name, 0, &number);

	return rc ? rc : set_owner(number, uid, gid);
}

static int set_times(unsigned number, const struct stat *st)
{
	struct attributes *at = change(number);

	at->atime = st->st_atim;
	at->mtime = st->st_mtim;
	return changed(number);
}

int lc_sys_set_times(int fd, const struct stat *st)
{
	return node_of(fd) ? set_times(node_of(fd), st) : -EBADF;
}

int lc_sys_set_times_at(int dirfd, const char *name, const struct stat *st)
{
	unsigned number;
	int rc = look_up(dirfd, name, 0, &number);

	return rc ? rc : set_times(number, st);
}

static const struct xattr *find_xattr(const struct attributes *at, const char *name)
{
	unsigned i;

	for (i = 0; i < at->xattr_count; i++)
		if (strcmp(at->xattrs[i].name, name) == 0)
			return &at->xattrs[i];
	return NULL;
}

ssize_t lc_sys_listxattr(int fd, char *list, size_t size)
{
	const struct attributes *at;
	size_t length, done = 0;
	unsigned i;

	if (!node_of(fd))
		return -EBADF;
	at = &look_at(node_of(fd))->at;
	for (i = 0; i < at->xattr_count; i++, done += length) {
		length = strlen(at->xattrs[i].name) + 1;
		if (size && done + length > size)
			return -ERANGE;
		if (size)
			memcpy(list + done, at->xattrs[i].name, length);
	}
	return (ssize_t)done;
}

ssize_t lc_sys_getxattr(int fd, const char *name, void *value, size_t size)
{
	const struct xattr *found =
	        node_of(fd) ? find_xattr(&look_at(node_of(fd))->at, name) : NULL;

	if (!found)
		return -ENODATA;
	if (size && size < found->length)
		return -ERANGE;
	if (size)
		memcpy(value, found->value, found->length);
	return (ssize_t)found->length;
}

int lc_sys_setxattr(int fd, const char *name, const void *value, size_t size)
{
	const unsigned number = node_of(fd);
	struct attributes *at;
	struct xattr *found;

	if (!number)
		return -EBADF;
	if (strncmp(name, "user.", 5) != 0)
		return -EOPNOTSUPP;
	at = change(number);
	found = (struct xattr *)(uintptr_t)find_xattr(at, name);
	if (size > VALUE_MAX || (!found && at->xattr_count == XATTRS_MAX))
		return -ENOSPC;
	if (!found)
		found = &at->xattrs[at->xattr_count++];
	found->name = intern(name, strlen(name));
	found->length = size;
	memcpy(found->value, value, size);
	return changed(number);
}

int lc_sys_removexattr(int fd, const char *name)
{
	const unsigned number = node_of(fd);
	struct attributes *at;
	struct xattr *found;

	if (!number)
		return -EBADF;
	if (!find_xattr(&look_at(number)->at, name))
		return -ENODATA;
	at = change(number);
	found = (struct xattr *)(uintptr_t)find_xattr(at, name);
	*found = at->xattrs[--at->xattr_count];
	return changed(number);
}

/* There are none but those that the mode tells. */
int lc_sys_copy_acl(int from, int to)
{
	return lc_sys_fchmod(to, look_at(node_of(from))->at.mode);
}

/* --- locks ------------------------------------------------------------------------- */

static int lock(int fd, int how)
{
	struct description *mine = description_of(fd), *other;
	int i;

	if (!mine)
		return -EBADF;
	for (i = 0; i < FILES_MAX; i++) {
		other = &machine.descriptions[i];
		if (other->refs && other != mine && other->node == mine->node && other->lock &&
		    (how == LOCK_EX || other->lock == LOCK_EX))
			return -EWOULDBLOCK;
	}
	mine->lock = how;
	return 0;
}

int lc_sys_lock(int fd)
{
	return lock(fd, LOCK_EX);
}

int lc_sys_lock_shared(int fd)
{
	return lock(fd, LOCK_SH);
}

int lc_sys_unlock(int fd)
{
	struct description *mine = description_of(fd);

	if (!mine)
		return -EBADF;
	mine->lock = 0;
	return 0;
}

/* --- chance and time ----------------------------------------------------------------- */

int lc_sys_random(void *buffer, size_t length)
{
	unsigned char *bytes = buffer;

	while (length-- > 0)
		*bytes++ = (unsigned char)next_random(&machine.random);
	return 0;
}

int64_t lc_sys_clock_ms(void)
{
	return (int64_t)machine.clock;
}

int64_t lc_sys_clock_ns(void)
{
	return lc_sys_clock_ms() * 1000000;
}

/* No log of recoverable memory runs here, and no other asks for it. */
ssize_t lc_sys_pwrite_durable(int fd, const void *buffer, size_t length, off_t offset)
{
	(void)fd, (void)buffer, (void)length, (void)offset;
	return -EOPNOTSUPP;
}

/* There is nobody else who could do what is waited for. */
int lc_sys_wait(int fd, int cancel_fd, int timeout_ms)
{
	(void)fd, (void)cancel_fd;
	machine.clock += timeout_ms > 0 ? (uint64_t)timeout_ms : 1000000;
	return -ETIMEDOUT;
}

/* --- sets of three copies: no program makes one, but recovery looks for them ---------- */

void(lc_sys_flush_side)(struct lc_sys_flush *jobs, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		jobs[i].rc = lc_sys_fsync(jobs[i].fd);
}

int lc_sys_start_flush(int fd)
{
	(void)fd;
	return 0;
}

int lc_sys_drop_cache(int fd)
{
	(void)fd;
	return 0;
}

int lc_sys_fs_uuid(int fd, uint64_t *id)
{
	return lc_sys_fs_id(fd, id);
}

int lc_sys_same_disk(dev_t a, dev_t b)
{
	return a == b;
}

int lc_sys_first_extent(int fd, uint64_t *physical)
{
	(void)fd, (void)physical;
	return -EOPNOTSUPP;
}
