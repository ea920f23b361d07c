/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#ifdef HAVE_LIBACL
#include <sys/acl.h>
#endif

/* Kernel numbers that libc headers of some systems lack; part of its ABI. */
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif
struct clone_range {
	int64_t from_fd;
	uint64_t from_offset;
	uint64_t length;
	uint64_t to_offset;
};
#ifndef FICLONERANGE
#define FICLONERANGE _IOW(0x94, 13, struct clone_range)
#endif
struct open_how_v0 {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};
/* RESOLVE_BENEATH and RESOLVE_NO_MAGICLINKS; RESOLVE_NO_SYMLINKS */
#define RESOLVE_BENEATH_BITS (0x08u | 0x02u)
#define RESOLVE_NO_LINKS 0x04u
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1u << 0)
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE (1u << 1)
#endif

#undef lc_sys_fsync
#undef lc_sys_fsync_stat
#undef lc_sys_fdatasync
#undef lc_sys_syncfs

static _Thread_local unsigned flushes;

static int result(int rc)
{
	return rc < 0 ? -errno : rc;
}

static ssize_t result_size(ssize_t rc)
{
	return rc < 0 ? -(ssize_t)errno : rc;
}

int lc_sys_open(int dirfd, const char *name, int flags)
{
	int rc = lc_fault_on("open", dirfd, name);

	if (rc)
		return rc;
	return lc_fault_opened(result(openat(dirfd, name, flags | O_CLOEXEC)));
}

int lc_sys_open_beneath(int dirfd, const char *path, int flags, int links)
{
	struct open_how_v0 how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	                          .resolve = RESOLVE_BENEATH_BITS | (links ? 0 : RESOLVE_NO_LINKS)};
	int rc = lc_fault("openat2");

	if (rc)
		return rc;
#ifdef SYS_openat2
	return lc_fault_opened(result((int)syscall(SYS_openat2, dirfd, path, &how, sizeof how)));
#else
	(void)dirfd, (void)path, (void)how;
	return -ENOSYS;
#endif
}

int lc_sys_create(int dirfd, const char *name, int flags, mode_t mode)
{
	int rc = lc_fault_on("create", dirfd, name);

	if (rc)
		return rc;
	flags |= O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	return lc_fault_opened(result(openat(dirfd, name, flags, mode)));
}

int lc_sys_tmpfile(int dirfd, int flags, mode_t mode)
{
	int rc = lc_fault_on("tmpfile", dirfd, NULL);

	if (rc)
		return rc;
#ifdef O_TMPFILE
	return lc_fault_opened(result(openat(dirfd, ".", flags | O_TMPFILE | O_CLOEXEC, mode)));
#else
	(void)dirfd, (void)flags, (void)mode;
	return -EOPNOTSUPP;
#endif
}

int lc_sys_close(int fd)
{
	int rc = lc_fault_on("close", fd, NULL);
	int real = result(close(lc_fault_closed(fd)));

	/* Linux has closed it also when it says EINTR. */
	if (real == -EINTR)
		real = 0;
	return rc ? rc : real;
}

void lc_sys_drop(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(lc_fault_closed(*fd));
	*fd = -1;
	errno = saved;
}

void lc_sys_forget(int fd)
{
	lc_fault_closed(fd);
}

int lc_sys_dup(int fd)
{
	int rc = lc_fault_on("dup", fd, NULL);

	if (rc)
		return rc;
	return lc_fault_opened(result(fcntl(fd, F_DUPFD_CLOEXEC, 3)));
}

ssize_t lc_sys_read(int fd, void *buffer, size_t length)
{
	int rc = lc_fault_length("read", fd, &length);

	return rc ? rc : result_size(read(fd, buffer, length));
}

ssize_t lc_sys_write(int fd, const void *buffer, size_t length)
{
	int rc = lc_fault_length("write", fd, &length);

	return rc ? rc : result_size(write(fd, buffer, length));
}

ssize_t lc_sys_pread(int fd, void *buffer, size_t length, off_t offset)
{
	int rc = lc_fault_length("pread", fd, &length);

	return rc ? rc : result_size(pread(fd, buffer, length, offset));
}

ssize_t lc_sys_pwrite(int fd, const void *buffer, size_t length, off_t offset)
{
	int rc = lc_fault_length("pwrite", fd, &length);

	return rc ? rc : result_size(pwrite(fd, buffer, length, offset));
}

off_t lc_sys_lseek(int fd, off_t offset, int whence)
{
	int rc = lc_fault("lseek");
	off_t at;

	if (rc)
		return rc;
	at = lseek(fd, offset, whence);
	return at < 0 ? -(off_t)errno : at;
}

int lc_sys_ftruncate(int fd, off_t length)
{
	int rc = lc_fault_on("truncate", fd, NULL);

	return rc ? rc : result(ftruncate(fd, length));
}

int lc_sys_reserve(int fd, off_t offset, off_t length)
{
	int rc = lc_fault_on("reserve", fd, NULL);

	if (rc)
		return rc;
#ifdef FALLOC_FL_KEEP_SIZE
	return result(fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length));
#else
	(void)fd, (void)offset, (void)length;
	return -EOPNOTSUPP;
#endif
}

int lc_sys_punch(int fd, off_t offset, off_t length)
{
	int rc = lc_fault("punch");

	if (rc)
		return rc;
#if defined(FALLOC_FL_KEEP_SIZE) && defined(FALLOC_FL_PUNCH_HOLE)
	return result(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length));
#else
	(void)fd, (void)offset, (void)length;
	return -EOPNOTSUPP;
#endif
}

int lc_sys_clone(int to, int from)
{
	int rc = lc_fault_on("clone", to, NULL);

	return rc ? rc : result(ioctl(to, FICLONE, from));
}

int lc_sys_clone_range(int to, off_t to_offset, int from, off_t from_offset, off_t length)
{
	struct clone_range range = {from, (uint64_t)from_offset, (uint64_t)length,
	                            (uint64_t)to_offset};
	int rc = lc_fault_on("clonerange", to, NULL);

	return rc ? rc : result(ioctl(to, FICLONERANGE, &range));
}

ssize_t lc_sys_copy_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length)
{
	int rc = lc_fault_length("copyrange", to, &length);

	if (rc)
		return rc;
#ifdef HAVE_COPY_FILE_RANGE
	return result_size(copy_file_range(from, from_offset, to, to_offset, length, 0));
#else
	(void)from, (void)from_offset, (void)to, (void)to_offset;
	return -ENOSYS;
#endif
}

ssize_t lc_sys_sendfile(int to, int from, off_t *from_offset, size_t length)
{
	int rc = lc_fault_length("sendfile", to, &length);

	return rc ? rc : result_size(sendfile(to, from, from_offset, length));
}

static int force(int fd)
{
	int rc = lc_fault_on("fsync", fd, NULL);

	flushes++;
	return rc || lc_fault_skips_flush(fd) ? rc : result(fsync(fd));
}

/*
 * xfs that has shut down after an I/O error says that a directory was flushed,
 * if the log's error went to somebody else's flush. Its attributes say EIO.
 */
int lc_sys_fsync(int fd)
{
	int rc = force(fd);

	return rc ? rc : lc_sys_answers(fd);
}

int lc_sys_fsync_stat(int fd, struct stat *st)
{
	int rc = force(fd);

	return rc ? rc : lc_sys_fstat(fd, st);
}

int lc_sys_fdatasync(int fd)
{
	int rc = lc_fault_on("fdatasync", fd, NULL);

	flushes++;
	if (!rc && lc_fault_skips_flush(fd))
		return 0;
	return rc ? rc : result(fdatasync(fd));
}

int lc_sys_syncfs(int fd)
{
	int rc = lc_fault_on("syncfs", fd, NULL);

	flushes++;
	if (!rc && !lc_fault_skips_flush(fd))
		rc = result(syncfs(fd));
	return rc ? rc : lc_sys_answers(fd);
}

unsigned lc_sys_flushes(void)
{
	return flushes;
}

int lc_sys_link_fd(int fd, int dirfd, const char *name)
{
	char path[64];
	int rc = lc_fault_on("linkfd", fd, name);

	if (rc)
		return rc;
	/* The direct form needs a capability before Linux 6.10, the other needs /proc. */
	if (linkat(fd, "", dirfd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return result(linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW));
}

int lc_sys_link(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_fault_on("link", to_dir, to);

	return rc ? rc : result(linkat(from_dir, from, to_dir, to, 0));
}

int lc_sys_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_fault_on("rename", to_dir, to);

	return rc ? rc : result(renameat(from_dir, from, to_dir, to));
}

static int rename_flags(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
#ifdef SYS_renameat2
	/* Through the number: musl got the wrapper late. */
	return result((int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
#else
	(void)from_dir, (void)from, (void)to_dir, (void)to, (void)flags;
	return -ENOSYS;
#endif
}

int lc_sys_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_fault_on("noreplace", to_dir, to);

	return rc ? rc : rename_flags(from_dir, from, to_dir, to, RENAME_NOREPLACE);
}

int lc_sys_exchange(int from_dir, const char *from, int to_dir, const char *to)
{
	int rc = lc_fault_on("exchange", to_dir, to);

	return rc ? rc : rename_flags(from_dir, from, to_dir, to, RENAME_EXCHANGE);
}

int lc_sys_unlink(int dirfd, const char *name)
{
	int rc = lc_fault_on("unlink", dirfd, name);

	return rc ? rc : result(unlinkat(dirfd, name, 0));
}

int lc_sys_rmdir(int dirfd, const char *name)
{
	int rc = lc_fault_on("rmdir", dirfd, name);

	return rc ? rc : result(unlinkat(dirfd, name, AT_REMOVEDIR));
}

int lc_sys_mkfifo(int dirfd, const char *name, mode_t mode)
{
	int rc = lc_fault_on("mkfifo", dirfd, name);

	return rc ? rc : result(mkfifoat(dirfd, name, mode));
}

int lc_sys_mkdir(int dirfd, const char *name, mode_t mode)
{
	int rc = lc_fault_on("mkdir", dirfd, name);

	return rc ? rc : result(mkdirat(dirfd, name, mode));
}

int lc_sys_set_times(int fd, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	int rc = lc_fault_on("utimens", fd, NULL);

	return rc ? rc : result(futimens(fd, times));
}

int lc_sys_symlink(const char *target, int dirfd, const char *name)
{
	int rc = lc_fault_on("symlink", dirfd, name);

	return rc ? rc : result(symlinkat(target, dirfd, name));
}

int lc_sys_lchown(int dirfd, const char *name, uid_t uid, gid_t gid)
{
	int rc = lc_fault_on("chown", dirfd, name);

	return rc ? rc : result(fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW));
}

int lc_sys_fchmod(int fd, mode_t mode)
{
	int rc = lc_fault_on("chmod", fd, NULL);

	return rc ? rc : result(fchmod(fd, mode));
}

int lc_sys_chmod(int dirfd, const char *name, mode_t mode)
{
	int rc = lc_fault_on("chmod", dirfd, name);

	return rc ? rc : result(fchmodat(dirfd, name, mode, 0));
}

int lc_sys_fchown(int fd, uid_t uid, gid_t gid)
{
	int rc = lc_fault_on("chown", fd, NULL);

	return rc ? rc : result(fchown(fd, uid, gid));
}

ssize_t lc_sys_listxattr(int fd, char *list, size_t size)
{
	int rc = lc_fault_on("listxattr", fd, NULL);

	return rc ? rc : result_size(flistxattr(fd, list, size));
}

ssize_t lc_sys_getxattr(int fd, const char *name, void *value, size_t size)
{
	int rc = lc_fault_on("getxattr", fd, name);

	return rc ? rc : result_size(fgetxattr(fd, name, value, size));
}

int lc_sys_setxattr(int fd, const char *name, const void *value, size_t size)
{
	int rc = lc_fault_on("setxattr", fd, name);

	return rc ? rc : result(fsetxattr(fd, name, value, size, 0));
}

int lc_sys_removexattr(int fd, const char *name)
{
	int rc = lc_fault_on("removexattr", fd, name);

	return rc ? rc : result(fremovexattr(fd, name));
}

int lc_sys_copy_acl(int from, int to)
{
	int rc = lc_fault_on("acl", to, NULL);

	if (rc)
		return rc;
#ifdef HAVE_LIBACL
	acl_t acl = acl_get_fd(from);

	if (!acl)
		return -errno;
	rc = result(acl_set_fd(to, acl));
	acl_free(acl);
	return rc;
#else
	(void)from, (void)to;
	return -ENOSYS;
#endif
}

int lc_sys_lock(int fd)
{
	int rc = lc_fault_on("flock", fd, NULL);

	return rc ? rc : result(flock(fd, LOCK_EX | LOCK_NB));
}

int lc_sys_lock_shared(int fd)
{
	int rc = lc_fault("flock");

	return rc ? rc : result(flock(fd, LOCK_SH | LOCK_NB));
}

int lc_sys_unlock(int fd)
{
	return result(flock(fd, LOCK_UN));
}
