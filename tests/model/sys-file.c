/* SPDX-License-Identifier: ISC */
/* sys-file.c - sys.h over the model: descriptors and content */
#include "config.h"

#include "model.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#undef lc_sys_fsync
#undef lc_sys_fsync_stat
#undef lc_sys_fdatasync
#undef lc_sys_syncfs

static unsigned flushes;

struct effect *effect_now(enum effect_kind kind, unsigned node)
{
	mutant_before_effect();
	machine.clock++;
	return trace_add(&machine.trace, kind, node);
}

static int open_node(unsigned number, int flags)
{
	const struct node *node = look_at(number);

	if (S_ISLNK(node->at.mode) && !(flags & O_PATH))
		return flags & O_DIRECTORY ? -ENOTDIR : -ELOOP;
	if (flags & O_DIRECTORY && !S_ISDIR(node->at.mode))
		return -ENOTDIR;
	if (S_ISDIR(node->at.mode) && (flags & O_ACCMODE) != O_RDONLY)
		return -EISDIR;
	return file_open(number, flags);
}

int lc_sys_open(int dirfd, const char *name, int flags)
{
	unsigned number;
	int rc = look_up(dirfd, name, !(flags & O_NOFOLLOW), &number);

	return rc ? rc : open_node(number, flags);
}

int lc_sys_open_beneath(int dirfd, const char *path, int flags, int links)
{
	struct place place;
	int rc = place_find(dirfd, path, !(flags & O_NOFOLLOW), links ? 1 : 2, &place);

	if (!rc && !place.node)
		rc = -ENOENT;
	if (!rc && !links && look_at(place.node)->link)
		rc = -ELOOP;
	return rc ? rc : open_node(place.node, flags);
}

unsigned node_born(mode_t mode, const char *link)
{
	unsigned number = disk_add(&machine.disk, mode);
	struct node *node = disk_own(&machine.disk, number);

	node->at.atime = node->at.mtime = node->ctime = machine_now();
	if (link) {
		node->link = intern(link, strlen(link));
		node->size = (off_t)strlen(link);
	}
	effect_now(EFFECT_BIRTH, number)->u.birth = node;
	node->refs++;
	return number;
}

int lc_sys_create(int dirfd, const char *name, int flags, mode_t mode)
{
	struct place place;
	unsigned number;
	int rc = place_find(dirfd, name, 0, 0, &place);

	if (rc || place.node)
		return rc ? rc : -EEXIST;
	number = node_born(S_IFREG | (mode & 07777 & ~(mode_t)UMASK), NULL);
	names_change(1, place.dir, place.name, number, 0, NULL, 0);
	return file_open(number, flags);
}

int lc_sys_tmpfile(int dirfd, int flags, mode_t mode)
{
	return node_of(dirfd)
	               ? file_open(node_born(S_IFREG | (mode & 07777 & ~(mode_t)UMASK), NULL),
	                           flags)
	               : -EBADF;
}

int lc_sys_close(int fd)
{
	struct description *file = description_of(fd);

	if (!file)
		return -EBADF;
	file->refs--;
	machine.files[fd] = -1;
	machine.open--;
	return 0;
}

void lc_sys_drop(int *fd)
{
	if (*fd >= 0)
		lc_sys_close(*fd);
	*fd = -1;
}

void lc_sys_forget(int fd)
{
	(void)fd;
}

int lc_sys_dup(int fd)
{
	struct description *file = description_of(fd);
	int copy;

	if (!file)
		return -EBADF;
	for (copy = FILE_FIRST; copy < FILES_MAX && machine.files[copy] >= 0; copy++)
		;
	if (copy == FILES_MAX)
		return -EMFILE;
	file->refs++;
	machine.files[copy] = machine.files[fd];
	machine.open++;
	return copy;
}

/* --- reading and writing --------------------------------------------------------- */

ssize_t lc_sys_pread(int fd, void *buffer, size_t length, off_t offset)
{
	const struct description *file = description_of(fd);
	const struct node *node = file ? look_at(file->node) : NULL;
	size_t done = 0, part, within;
	unsigned index;

	if (!node || file->flags & O_PATH || (file->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	if (!S_ISREG(node->at.mode))
		return -EISDIR;
	if (offset >= node->size)
		return 0;
	if (length > (size_t)(node->size - offset))
		length = (size_t)(node->size - offset);
	for (; done < length; done += part) {
		index = (unsigned)((offset + (off_t)done) / PAGE_SIZE);
		within = (size_t)((offset + (off_t)done) % PAGE_SIZE);
		part = PAGE_SIZE - within < length - done ? PAGE_SIZE - within : length - done;
		if (index < node->page_count && node->pages[index])
			memcpy((char *)buffer + done, node->pages[index]->bytes + within, part);
		else
			memset((char *)buffer + done, 0, part);
	}
	return (ssize_t)length;
}

static int is_zero(const unsigned char *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

/* What is written reaches the disk by whole sectors, as they are in the cache then. */
static void write_page(unsigned number, unsigned index, size_t within, const unsigned char *bytes,
                       size_t length)
{
	struct node *node = disk_own(&machine.disk, number);
	struct effect *effect;
	unsigned first = (unsigned)(within / SECTOR);
	unsigned last = (unsigned)((within + length - 1) / SECTOR);

	if (length == PAGE_SIZE && is_zero(bytes, length))
		node_set_page(node, index, NULL);
	else
		memcpy(node_page(node, index)->bytes + within, bytes, length);
	effect = effect_now(EFFECT_DATA, number);
	effect->u.data.index = index;
	effect->u.data.mask = (0xffu << first) & (0xffu >> (7 - last));
	effect->u.data.page = look_at(number)->pages[index];
	page_hold(effect->u.data.page);
}

static void touch(unsigned number)
{
	struct node *node = disk_own(&machine.disk, number);
	struct effect *effect = effect_now(EFFECT_ATTRIBUTES, number);

	node->at.mtime = node->ctime = machine_now();
	effect->u.at = node->at;
}

ssize_t lc_sys_pwrite(int fd, const void *buffer, size_t length, off_t offset)
{
	const struct description *file = description_of(fd);
	size_t done, part, within;
	struct node *node;

	if (!file || (file->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	for (done = 0; done < length; done += part) {
		within = (size_t)((offset + (off_t)done) % PAGE_SIZE);
		part = PAGE_SIZE - within < length - done ? PAGE_SIZE - within : length - done;
		write_page(file->node, (unsigned)((offset + (off_t)done) / PAGE_SIZE), within,
		           (const unsigned char *)buffer + done, part);
	}
	node = disk_own(&machine.disk, file->node);
	if (length && offset + (off_t)length > node->size) {
		node->size = offset + (off_t)length;
		effect_now(EFFECT_EXTEND, file->node)->u.size = node->size;
	}
	touch(file->node);
	return (ssize_t)length;
}

ssize_t lc_sys_read(int fd, void *buffer, size_t length)
{
	struct description *file = description_of(fd);
	ssize_t done = file ? lc_sys_pread(fd, buffer, length, file->at) : -EBADF;

	if (done > 0)
		file->at += done;
	return done;
}

ssize_t lc_sys_write(int fd, const void *buffer, size_t length)
{
	struct description *file = description_of(fd);
	ssize_t done;

	if (!file)
		return -EBADF;
	if (file->flags & O_APPEND)
		file->at = look_at(file->node)->size;
	done = lc_sys_pwrite(fd, buffer, length, file->at);
	if (done > 0)
		file->at += done;
	return done;
}

off_t lc_sys_lseek(int fd, off_t offset, int whence)
{
	struct description *file = description_of(fd);
	off_t size = file ? look_at(file->node)->size : 0;

	if (!file)
		return -EBADF;
	if ((whence == SEEK_DATA || whence == SEEK_HOLE) && offset >= size)
		return -ENXIO;
	/* As on file systems that know of no holes */
	if (whence == SEEK_HOLE)
		offset = size;
	else if (whence == SEEK_CUR)
		offset += file->at;
	else if (whence == SEEK_END)
		offset += size;
	return file->at = offset;
}

int lc_sys_ftruncate(int fd, off_t length)
{
	const unsigned number = node_of(fd);

	if (!number)
		return -EBADF;
	node_resize(disk_own(&machine.disk, number), length);
	effect_now(EFFECT_TRUNCATE, number)->u.size = length;
	touch(number);
	return 0;
}

int lc_sys_reserve(int fd, off_t offset, off_t length)
{
	(void)offset, (void)length;
	return node_of(fd) ? 0 : -EBADF;
}

int lc_sys_punch(int fd, off_t offset, off_t length)
{
	static const unsigned char zeros[PAGE_SIZE];
	const unsigned number = node_of(fd);
	off_t size = look_at(number)->size, part;

	if (offset + length > size)
		length = size > offset ? size - offset : 0;
	for (; length > 0; length -= part, offset += part) {
		part = PAGE_SIZE - offset % PAGE_SIZE;
		part = part < length ? part : length;
		write_page(number, (unsigned)(offset / PAGE_SIZE), (size_t)(offset % PAGE_SIZE),
		           zeros, (size_t)part);
	}
	return 0;
}

/* --- copying --------------------------------------------------------------------- */

ssize_t lc_sys_copy_range(int from, off_t *from_offset, int to, off_t *to_offset, size_t length)
{
	unsigned char buffer[PAGE_SIZE];
	ssize_t done = lc_sys_pread(from, buffer, length < sizeof buffer ? length : sizeof buffer,
	                            *from_offset);

	if (done > 0)
		done = lc_sys_pwrite(to, buffer, (size_t)done, *to_offset);
	if (done > 0) {
		*from_offset += done;
		*to_offset += done;
	}
	return done;
}

ssize_t lc_sys_sendfile(int to, int from, off_t *from_offset, size_t length)
{
	struct description *file = description_of(to);
	ssize_t done = file ? lc_sys_copy_range(from, from_offset, to, &file->at, length) : -EBADF;

	return done;
}

int lc_sys_clone(int to, int from)
{
	off_t at = 0, there = 0;

	if (!machine.clones)
		return -EOPNOTSUPP;
	while (at < look_at(node_of(from))->size)
		lc_sys_copy_range(from, &at, to, &there, PAGE_SIZE);
	return 0;
}

int lc_sys_clone_range(int to, off_t to_offset, int from, off_t from_offset, off_t length)
{
	off_t end = from_offset + length;

	if (!machine.clones || from_offset % PAGE_SIZE || to_offset % PAGE_SIZE)
		return -EOPNOTSUPP;
	while (from_offset < end &&
	       lc_sys_copy_range(from, &from_offset, to, &to_offset,
	                         end - from_offset < PAGE_SIZE ? (size_t)(end - from_offset)
	                                                       : PAGE_SIZE) > 0)
		;
	return 0;
}

/* --- flushing -------------------------------------------------------------------- */

static int flush(enum effect_kind kind, int fd)
{
	const unsigned number = node_of(fd);

	flushes++;
	if (!number || description_of(fd)->flags & O_PATH)
		return -EBADF;
	if (!lc_fault_skips_flush(fd))
		effect_now(kind, number);
	return 0;
}

int lc_sys_fsync(int fd)
{
	return flush(EFFECT_FSYNC, fd);
}

int lc_sys_fsync_stat(int fd, struct stat *st)
{
	int rc = flush(EFFECT_FSYNC, fd);

	return rc ? rc : lc_sys_fstat(fd, st);
}

int lc_sys_fdatasync(int fd)
{
	return flush(EFFECT_FDATASYNC, fd);
}

int lc_sys_syncfs(int fd)
{
	return flush(EFFECT_SYNCFS, fd);
}

unsigned lc_sys_flushes(void)
{
	return flushes;
}
