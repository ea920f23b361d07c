/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "bytes.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* commit-rvm(5) */
enum { AT_NUMBER = 0, AT_PATH_LENGTH = 4, AT_FS = 8, AT_INODE = 16, SEGMENT_HEAD = 24 };

uint32_t lc_rvm_put_segment(const struct lc_rvm_segment *segment,
                            unsigned char payload[LC_RVM_SEGMENT_MAX])
{
	size_t length = strlen(segment->path);

	lc_put_le32(payload + AT_NUMBER, segment->number);
	lc_put_le32(payload + AT_PATH_LENGTH, (uint32_t)length);
	lc_put_le64(payload + AT_FS, segment->fs);
	lc_put_le64(payload + AT_INODE, segment->inode);
	memcpy(payload + SEGMENT_HEAD, segment->path, length);
	return (uint32_t)(SEGMENT_HEAD + length);
}

struct lc_rvm_file *lc_rvm_files_find(const struct lc_rvm_files *files, uint32_t number)
{
	struct lc_rvm_file *file;

	for (file = files->list; file && file->number != number; file = file->next)
		;
	return file;
}

static int wrong(struct lc_rvm_files *files, const char *why, const char *path)
{
	files->why = why;
	files->path = path;
	return -ESTALE;
}

/* The descriptor of a segment that is in use, or -1; while others map. */
static int mapped(struct commit_rvm *rvm, const struct lc_rvm_file *file)
{
	const struct lc_rvm_segment *segment;
	int fd = -1;

	pthread_mutex_lock(&rvm->mutex);
	for (segment = rvm->segments; segment; segment = segment->next)
		if (segment->fs == file->fs && segment->inode == file->inode)
			fd = segment->fd;
	pthread_mutex_unlock(&rvm->mutex);
	return fd;
}

/* By its path and identity. One that nothing has been mapped of in this life is opened. */
static int open_file(struct lc_rvm_files *files, struct lc_rvm_file *file)
{
	int rc;

	file->fd = mapped(files->rvm, file);
	if (file->fd >= 0)
		return 0;
	file->owned = 1;
	file->fd = lc_sys_open(AT_FDCWD, file->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (file->fd == -ENOENT || file->fd == -ENOTDIR || file->fd == -ELOOP)
		return wrong(files, "a segment that the log has changes of is gone", file->path);
	if (file->fd < 0)
		return file->fd;
	rc = lc_rvm_same_segment(file->fd, file->fs, file->inode);
	if (rc == -ESTALE)
		return wrong(files, "a segment that the log has changes of is another file now",
		             file->path);
	return !rc && lc_sys_lock(file->fd) == -EWOULDBLOCK ? -EBUSY : rc;
}

int lc_rvm_files_take(struct lc_rvm_files *files, const unsigned char *p, size_t size)
{
	struct lc_rvm_file *file;
	uint32_t length;

	if (size < SEGMENT_HEAD)
		return -EBADMSG;
	length = lc_get_le32(p + AT_PATH_LENGTH);
	if (length >= PATH_MAX || length != size - SEGMENT_HEAD || p[SEGMENT_HEAD] != '/')
		return -EBADMSG;
	file = lc_rvm_files_find(files, lc_get_le32(p + AT_NUMBER));
	if (file)
		return file->inode == lc_get_le64(p + AT_INODE) ? 0 : -EBADMSG;
	file = calloc(1, sizeof *file);
	if (!file)
		return -ENOMEM;
	file->next = files->list;
	files->list = file;
	file->fd = -1;
	file->number = lc_get_le32(p + AT_NUMBER);
	file->fs = lc_get_le64(p + AT_FS);
	file->inode = lc_get_le64(p + AT_INODE);
	memcpy(file->path, p + SEGMENT_HEAD, length);
	return open_file(files, file);
}

int lc_rvm_files_flush(const struct lc_rvm_files *files)
{
	const struct lc_rvm_file *file;
	int rc = 0;

	for (file = files->list; file && !rc; file = file->next)
		if (file->touched)
			rc = lc_sys_fdatasync(file->fd);
	return rc;
}

void lc_rvm_files_release(struct lc_rvm_files *files)
{
	struct lc_rvm_file *file;

	while ((file = files->list)) {
		files->list = file->next;
		if (file->owned)
			lc_sys_drop(&file->fd);
		free(file);
	}
}
