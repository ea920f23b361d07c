/* SPDX-License-Identifier: ISC */
/*
 * sys.h - the one seam between libcommit and the kernel
 *
 * Every call returns 0, a descriptor or a count on success and a negative
 * errno on failure; errno itself is not used. Descriptors are opened with
 * O_CLOEXEC. Nothing here retries, loops or decides: that is for higher
 * floors. Every call asks the fault seam first (fault.h) under the name that
 * its comment gives.
 *
 * Where a call is missing on a system it returns -ENOSYS and the caller has a
 * fallback.
 */
#ifndef LC_SYS_H
#define LC_SYS_H

#include "fault.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* "open": without O_CREAT */
int lc_sys_open(int dirfd, const char *name, int flags);
/*
 * "openat2": a path that stays below dirfd and has no magic links; without
 * links no symbolic link at all. -ENOSYS where the kernel cannot.
 */
int lc_sys_open_beneath(int dirfd, const char *path, int flags, int links);
/* "create": exclusive */
int lc_sys_create(int dirfd, const char *name, int flags, mode_t mode);
/* "tmpfile": an unnamed file in the directory; -EOPNOTSUPP where it is unknown */
int lc_sys_tmpfile(int dirfd, int flags, mode_t mode);
/* "close": the descriptor is gone in any case */
int lc_sys_close(int fd);
/* closes *fd if it is one and sets it to -1; for clean-up, asks no seam */
void lc_sys_drop(int *fd);
/* fd now belongs to somebody else, such as a DIR, who closes it */
void lc_sys_forget(int fd);
/* "dup" */
int lc_sys_dup(int fd);

/* "read", "write", "pread", "pwrite": as the system call, may be short */
ssize_t lc_sys_read(int fd, void *buffer, size_t length);
ssize_t lc_sys_write(int fd, const void *buffer, size_t length);
ssize_t lc_sys_pread(int fd, void *buffer, size_t length, off_t offset);
ssize_t lc_sys_pwrite(int fd, const void *buffer, size_t length, off_t offset);
/*
 * "pwrite-durable": durable when it returns, as after "fdatasync"; made for
 * descriptors opened with O_DIRECT. -EOPNOTSUPP: there is no such call here.
 */
ssize_t lc_sys_pwrite_durable(int fd, const void *buffer, size_t length, off_t offset);
/* "lseek" */
off_t lc_sys_lseek(int fd, off_t offset, int whence);
/* "truncate", "reserve" (allocates, size stays), "punch" (frees, size stays) */
int lc_sys_ftruncate(int fd, off_t length);
int lc_sys_reserve(int fd, off_t offset, off_t length);
int lc_sys_punch(int fd, off_t offset, off_t length);

/* "clone": whole file; "clonerange": part; -EOPNOTSUPP where impossible */
int lc_sys_clone(int to, int from);
int lc_sys_clone_range(int to, off_t to_offset, int from, off_t from_offset, off_t length);
/* "copyrange", "sendfile": from and to at the given offsets, advanced */
ssize_t lc_sys_copy_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length);
ssize_t lc_sys_sendfile(int to, int from, off_t *from_offset, size_t length);

/*
 * "stat", "access", "readlink", "statfs"; links are not followed. Without times
 * (0) and blocks, because asking for them makes the next change dearer; with
 * times for those who compare versions.
 */
int lc_sys_fstat(int fd, struct stat *st);
int lc_sys_lstat(int dirfd, const char *name, struct stat *st);
int lc_sys_fstat_times(int fd, struct stat *st);
/* 0, or the error with which a file system that has shut down answers for fd; no seam */
int lc_sys_answers(int fd);
int lc_sys_lstat_times(int dirfd, const char *name, struct stat *st);
/* with the effective ids */
int lc_sys_access(int dirfd, const char *name, int how);
ssize_t lc_sys_readlink(int dirfd, const char *name, char *buffer, size_t size);
/* the file system's magic number, see statfs(2) */
int lc_sys_fs_type(int fd, long *type);
/* an id that survives a remount: of the UUID where it can be had, else f_fsid */
int lc_sys_fs_id(int fd, uint64_t *id);
/* The whole UUID, where the kernel tells it; no seam */
int lc_sys_uuid(int fd, uint8_t uuid[16]);
/*
 * "instance": a number that stays as long as the file system is mounted
 * somewhere, and so as long as its page cache lives; 0 where that cannot be known
 */
int lc_sys_fs_instance(int fd, uint64_t *instance);

/*
 * "mount": what a rename cannot leave. Two directories are on the same one if
 * id and device are the same; id is 0 where the kernel does not tell it.
 */
struct lc_sys_mount {
	uint64_t id;
	dev_t device;
	/* something is mounted just here, also on a file */
	int is_top;
};
int lc_sys_mount(int dirfd, const char *name, struct lc_sys_mount *mount);

/* "fstype": what a file system can do, of which its kind alone tells */
struct lc_sys_traits {
	/* syncfs makes new files durable and tells of errors: known by test */
	int syncs;
	/* an overlay: a directory of a lower layer cannot be renamed */
	int layers;
	uint32_t block;
};
int lc_sys_fs_traits(int fd, struct lc_sys_traits *traits);
/* "project": of quotas; what is renamed into a directory that hands it on must have it too */
int lc_sys_project(int fd, uint32_t *project, int *inherited);

/* "fsync", "fdatasync", "syncfs": counted for lc_sys_flushes */
int lc_sys_fsync(int fd);
/* and what it then is, as lc_sys_fstat says it */
int lc_sys_fsync_stat(int fd, struct stat *st);
int lc_sys_fdatasync(int fd);
int lc_sys_syncfs(int fd);
/* flush calls of this thread so far */
unsigned lc_sys_flushes(void);

/*
 * "fsync" of each descriptor, asked of the seam in their order; then all run side by
 * side, so that a device gets what it has to flush at once. Not counted for
 * lc_sys_flushes.
 */
#define LC_SYS_FLUSH_MAX 6
struct lc_sys_flush {
	int fd;
	int rc;
	/* of the seam: it is left out */
	int skipped;
};
void lc_sys_flush_side(struct lc_sys_flush *jobs, unsigned count);
/* "startflush": begins to write dirty pages out and does not wait; a hint */
int lc_sys_start_flush(int fd);
/* "dropcache": from here on fd is read through the page cache, without what is clean in it */
int lc_sys_drop_cache(int fd);
/* The file system's UUID or a part of it; 0 where it has none that survives a mount. */
int lc_sys_fs_uuid(int fd, uint64_t *id);
/* 1: the two devices are one, or partitions of one disk; asks no seam */
int lc_sys_same_disk(dev_t a, dev_t b);
/* "fiemap": where the file's first extent lies; -ENODATA if it is nowhere yet */
int lc_sys_first_extent(int fd, uint64_t *physical);

/* "linkfd": names an unnamed or open file; "link": by name */
int lc_sys_link_fd(int fd, int dirfd, const char *name);
int lc_sys_link(int from_dir, const char *from, int to_dir, const char *to);
/* "rename"; "noreplace": -EEXIST if to exists; "exchange": both exist */
int lc_sys_rename(int from_dir, const char *from, int to_dir, const char *to);
int lc_sys_rename_new(int from_dir, const char *from, int to_dir, const char *to);
int lc_sys_exchange(int from_dir, const char *from, int to_dir, const char *to);
/* "unlink", "rmdir", "mkdir" */
int lc_sys_unlink(int dirfd, const char *name);
int lc_sys_rmdir(int dirfd, const char *name);
int lc_sys_mkdir(int dirfd, const char *name, mode_t mode);

/* "mkfifo" */
int lc_sys_mkfifo(int dirfd, const char *name, mode_t mode);
/* "symlink" */
int lc_sys_symlink(const char *target, int dirfd, const char *name);
/* "utimens": access and modification time of st */
int lc_sys_set_times(int fd, const struct stat *st);
int lc_sys_set_times_at(int dirfd, const char *name, const struct stat *st);
/* "chmod", "chown"; -1 leaves an id alone; lchown is for a name that may be a link */
int lc_sys_lchown(int dirfd, const char *name, uid_t uid, gid_t gid);
int lc_sys_fchmod(int fd, mode_t mode);
/* The same by a descriptor of O_PATH, so of what may not be opened. It needs /proc. */
int lc_sys_chmod_found(int fd, mode_t mode);
/* follows symbolic links: for names of our own making */
int lc_sys_chmod(int dirfd, const char *name, mode_t mode);
int lc_sys_fchown(int fd, uid_t uid, gid_t gid);
/* "listxattr", "getxattr", "setxattr", "removexattr" */
ssize_t lc_sys_listxattr(int fd, char *list, size_t size);
ssize_t lc_sys_getxattr(int fd, const char *name, void *value, size_t size);
int lc_sys_setxattr(int fd, const char *name, const void *value, size_t size);
int lc_sys_removexattr(int fd, const char *name);
/* "acl": copies the access ACL; -ENOSYS in a build without libacl */
int lc_sys_copy_acl(int from, int to);

/* "flock": exclusive or shared, does not wait; -EWOULDBLOCK: held by someone else */
int lc_sys_lock(int fd);
int lc_sys_lock_shared(int fd);
int lc_sys_unlock(int fd);

/*
 * "mmap": a part of a file, readable and writable, whose changes stay in this
 * process; at wanted, if that is not NULL, else -EEXIST. "munmap"
 */
int lc_sys_map_private(int fd, off_t offset, size_t length, void *wanted, void **memory);
/*
 * The same, and changes are the file's at once, for all processes. *persistent: the
 * bytes are persistent memory, durable when pmem.h has written them back.
 */
int lc_sys_map_shared(int fd, off_t offset, size_t length, void *wanted, void **memory,
                      int *persistent);
int lc_sys_unmap(void *memory, size_t length);

/*
 * "userfaultfd": which pages of this process were written, where the kernel can tell
 * (Linux 6.7); the descriptor to watch by, and *pages to ask. Watching ends with it.
 * written: the first run of pages of from to to that were written since they were asked
 * for, and it is asked for from now on: 1, or 0 if there is none.
 */
int lc_sys_watch_open(int *pages);
int lc_sys_watch(int fd, void *memory, size_t length);
int lc_sys_written(int pages, unsigned char *from, unsigned char *to, unsigned char **start,
                   unsigned char **end);

/* "random": length random bytes */
int lc_sys_random(void *buffer, size_t length);

/*
 * Waits up to timeout_ms (-1: for ever) until fd is readable; fd and cancel_fd
 * may be -1. Returns 0, or -ECANCELED when cancel_fd became readable, or
 * -ETIMEDOUT. Interruptions by handlers do not count.
 */
int lc_sys_wait(int fd, int cancel_fd, int timeout_ms);
/* milliseconds, nanoseconds of a clock that is never set */
int64_t lc_sys_clock_ms(void);
int64_t lc_sys_clock_ns(void);

#ifdef LC_FAULT
/* Test builds know a flush by the function that asks for it, see fault.h. */
#define lc_sys_fsync(fd) (lc_fault_site(__func__), lc_sys_fsync(fd))
#define lc_sys_fsync_stat(fd, st) (lc_fault_site(__func__), lc_sys_fsync_stat(fd, st))
#define lc_sys_fdatasync(fd) (lc_fault_site(__func__), lc_sys_fdatasync(fd))
#define lc_sys_syncfs(fd) (lc_fault_site(__func__), lc_sys_syncfs(fd))
#define lc_sys_flush_side(jobs, count) (lc_fault_site(__func__), lc_sys_flush_side(jobs, count))
#endif

#endif
