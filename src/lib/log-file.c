/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* What is asked of the kernel at once */
#define PIECE ((uint64_t)8 * 1024 * 1024)
/* Smaller files read as if they had so many bytes. */
#define SMALL ((uint64_t)2 * LC_LOG_BLOCK)
/* Reads in a row that bring not even one block, before the file's end */
#define STALLS_MAX 16

/*
 * Looked at before it is opened: opening a fifo would wait for ever, opening a
 * device may do something.
 */
int lc_log_open_file(int dirfd, const char *name, int flags, struct stat *st)
{
	struct stat before;
	int rc = lc_sys_lstat(dirfd, name, &before);
	int fd;

	if (rc)
		return rc;
	if (!S_ISREG(before.st_mode))
		return -EBADMSG;
	fd = lc_sys_open(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd == -ELOOP ? -EBADMSG : fd;
	rc = lc_sys_fstat(fd, st);
	if (!rc && (st->st_ino != before.st_ino || st->st_dev != before.st_dev))
		rc = -EBADMSG;
	if (rc)
		lc_sys_drop(&fd);
	return rc ? rc : fd;
}

/* From block to block: a read past the cache that starts elsewhere fails or goes through it. */
static int read_blocks(int fd, struct lc_log_image *image)
{
	uint64_t at = 0, left;
	int stalls = 0;
	ssize_t done;

	while (at < image->size) {
		left = image->size - at;
		done = lc_sys_pread(fd, image->bytes + at, (size_t)(left < PIECE ? left : PIECE),
		                    (off_t)at);
		if (done == -EINTR)
			continue;
		if (done < 0)
			return (int)done;
		if (done == 0 || at + (uint64_t)done >= image->file_size) {
			at += (uint64_t)done;
			break;
		}
		if ((uint64_t)done < LC_LOG_BLOCK && ++stalls > STALLS_MAX)
			return -EIO;
		at += (uint64_t)done / LC_LOG_BLOCK * LC_LOG_BLOCK;
	}
	memset(image->bytes + at, 0, (size_t)(image->size - at));
	return 0;
}

static int load_with(int dirfd, const char *name, int flags, uint64_t size,
                     struct lc_log_image *image)
{
	struct stat st = {0};
	int fd = lc_log_open_file(dirfd, name, O_RDONLY | flags, &st);
	uint64_t there;
	int rc = -ENOMEM;

	image->bytes = NULL;
	if (fd < 0)
		return fd;
	image->file_size = (uint64_t)st.st_size;
	/* No more memory than the file has bytes, whatever somebody says of it. */
	there = lc_log_align(image->file_size, LC_LOG_BLOCK);
	if (there < SMALL)
		there = SMALL;
	image->size = size < there ? size : there;
	image->bytes = aligned_alloc(LC_LOG_BLOCK, (size_t)image->size);
	if (image->bytes)
		rc = read_blocks(fd, image);
	lc_sys_drop(&fd);
	if (rc)
		lc_log_unload(image);
	return rc;
}

int lc_log_load(int dirfd, const char *name, uint64_t size, struct lc_log_image *image)
{
	int rc = load_with(dirfd, name, O_DIRECT, size, image);

	/* Some file systems have nothing but the cache; tmpfs is nothing else. */
	return rc == -EINVAL ? load_with(dirfd, name, 0, size, image) : rc;
}

void lc_log_unload(struct lc_log_image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

uint64_t lc_log_nonzero(const struct lc_log_image *image, uint64_t offset)
{
	uint64_t end = image->size;

	while (end > offset && image->bytes[end - 1] == 0)
		end--;
	return end > offset ? end - offset : 0;
}

int lc_log_share(int dirfd, int fd)
{
	struct stat st;
	int rc = lc_sys_fstat(dirfd, &st);

	return rc || !(st.st_mode & S_IWGRP) ? rc : lc_sys_fchmod(fd, 0660);
}

int lc_log_flush_dir(int dirfd)
{
	int rc = lc_sys_fsync(dirfd);

	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}
