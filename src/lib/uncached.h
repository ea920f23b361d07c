/* SPDX-License-Identifier: ISC */
/*
 * uncached.h - reading what the device has, not what the page cache has
 *
 *     rc = lc_uncached_open(&reader, dirfd, name);
 *     got = lc_uncached_read(&reader, offset, length);
 *     ... reader.bytes, got of them ...
 *     lc_uncached_close(&reader);
 *
 * A cached read hides rot, and after a flush that failed it shows what the
 * device never got. O_DIRECT goes round the cache. Where a file system has no
 * such thing, clean pages are dropped first, once, and then it is an ordinary
 * read; where pages cannot be dropped (tmpfs) there is no device behind them.
 */
#ifndef LC_UNCACHED_H
#define LC_UNCACHED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Most that one read yields. Offsets are multiples of LC_UNCACHED_ALIGN. */
#define LC_UNCACHED_SIZE ((size_t)1 << 20)
#define LC_UNCACHED_ALIGN 4096

struct lc_uncached {
	int fd;
	/* O_DIRECT is on */
	int direct;
	unsigned char *bytes;
	/* of the buffer: no more than the file had when it was opened needs */
	size_t size;
};

void lc_uncached_init(struct lc_uncached *reader);
/* 0 or a negative errno; a symbolic link is -ELOOP, what is no regular file -EINVAL. */
int lc_uncached_open(struct lc_uncached *reader, int dirfd, const char *name);
/* The same through the page cache, for what was written a moment ago and not flushed yet. */
int lc_uncached_open_cached(struct lc_uncached *reader, int dirfd, const char *name);
/*
 * Reads length bytes at offset, fewer at the end of the file only. Returns
 * their number or a negative errno.
 */
ssize_t lc_uncached_read(struct lc_uncached *reader, uint64_t offset, size_t length);
void lc_uncached_close(struct lc_uncached *reader);

/*
 * All of a file, into *bytes, which the caller frees. -EBADMSG: it has more
 * than most bytes.
 */
int lc_uncached_load(int dirfd, const char *name, size_t most, unsigned char **bytes, size_t *size);

#endif
