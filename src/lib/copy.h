/* SPDX-License-Identifier: ISC */
/*
 * copy.h - moving content between files in constant memory
 *
 * All functions return 0 or a negative errno and report progress through
 * *offset, the position in the destination, which advances by what was copied
 * also when they fail. cancel_fd may be -1; once it is readable they return
 * -ECANCELED.
 */
#ifndef LC_COPY_H
#define LC_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "digest.h"

/* Writes all of buffer at *offset. */
int lc_copy_bytes(int to, off_t *offset, const void *buffer, size_t length);

/*
 * Copies everything that from yields, from its current offset to its end. A
 * regular file is cloned as a whole where that is possible, else copied piece
 * by piece inside the kernel; its holes stay holes. A file that grows is
 * copied up to the end that is met.
 */
int lc_copy_all(int from, int to, off_t *offset, int cancel_fd);

/* The same, and tells of *offset now and then; watch and its tick may be NULL. */
struct lc_copy_watch {
	void (*tick)(void *context, uint64_t offset);
	void *context;
};
int lc_copy_watched(int from, int to, off_t *offset, int cancel_fd,
                    const struct lc_copy_watch *watch);

/* Copies length bytes at from_offset of a regular file; -ENODATA if it is shorter. */
int lc_copy_part(int from, off_t from_offset, off_t length, int to, off_t *offset, int cancel_fd);

/* 1 if file a from a_start on holds the same bytes as file b, 0 if not. */
int lc_copy_same(int a, off_t a_start, int b, int cancel_fd);

/* Digest of length bytes at offset; -ENODATA if the file is shorter. */
int lc_copy_digest(int fd, off_t offset, off_t length, struct lc_digest *digest, int cancel_fd);

/* Fills buffer from offset; returns the bytes read, fewer only at end of file. */
ssize_t lc_copy_read(int fd, void *buffer, size_t length, off_t offset);

#endif
