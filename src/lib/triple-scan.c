/* SPDX-License-Identifier: ISC */
/* triple-scan.c - a file's blocks, read past the page cache, at a pace */
#include "config.h"

#include "triple-internal.h"

#include "sys.h"

#include <errno.h>

int lc_triple_pace(struct lc_triple *t, size_t bytes)
{
	int64_t due, left;

	t->bytes_read += bytes;
	if (t->opt.progress)
		t->opt.progress(t->opt.context, t->bytes_read);
	if (!t->opt.bwlimit)
		return lc_triple_cancelled(t) ? -ECANCELED : 0;
	due = t->started + (int64_t)((double)t->bytes_read / (double)t->opt.bwlimit * 1000.0);
	left = due - lc_sys_clock_ms();
	if (left > 0 &&
	    lc_sys_wait(-1, t->opt.cancel_fd, (int)(left < 60000 ? left : 60000)) == -ECANCELED)
		return -ECANCELED;
	return 0;
}

/* One piece of a block: whole blocks, or parts of one that is larger than a read. */
static int scan_piece(const struct lc_triple_scan *scan, struct lc_digest_stream *stream,
                      uint64_t at, size_t want, int *bad)
{
	ssize_t got = lc_uncached_read(scan->reader, at, want);

	if (got == -ENOMEM)
		return (int)got;
	/* What cannot be read is bad, and what comes after it may be good. */
	if (got < 0 || (size_t)got < want)
		*bad = 1;
	else
		lc_digest_update(stream, scan->reader->bytes, want);
	return lc_triple_pace(scan->triple, want);
}

static int scan_one_block(const struct lc_triple_scan *scan, struct lc_digest_stream *stream,
                          uint64_t index)
{
	uint64_t at = index * scan->block, end = at + scan->block;
	struct lc_digest digest;
	int bad = 0, rc = 0;
	size_t want;

	if (end > scan->length)
		end = scan->length;
	lc_digest_restart(stream);
	for (; at < end && !rc; at += want) {
		want = end - at < LC_UNCACHED_SIZE ? (size_t)(end - at) : LC_UNCACHED_SIZE;
		rc = scan_piece(scan, stream, at, want, &bad);
	}
	if (rc)
		return rc;
	digest = lc_digest_value(stream);
	return scan->each(scan->context, index, bad ? NULL : &digest);
}

/* As many small blocks as one read holds; *index advances. -EAGAIN: one by one. */
static int scan_many(const struct lc_triple_scan *scan, struct lc_digest_stream *stream,
                     uint64_t *index, uint64_t blocks)
{
	uint64_t at = *index * scan->block, length = scan->length - at, first = *index;
	size_t want = length < LC_UNCACHED_SIZE ? (size_t)length : LC_UNCACHED_SIZE;
	ssize_t got = lc_uncached_read(scan->reader, at, want);
	struct lc_digest digest;
	size_t part;
	int rc = 0;

	if (got < 0 || (size_t)got < want)
		return -EAGAIN;
	for (; *index < blocks && (*index - first) * scan->block < want && !rc; ++*index) {
		size_t start = (size_t)((*index - first) * scan->block);

		part = want - start < scan->block ? want - start : scan->block;
		lc_digest_restart(stream);
		lc_digest_update(stream, scan->reader->bytes + start, part);
		digest = lc_digest_value(stream);
		rc = scan->each(scan->context, *index, &digest);
	}
	return rc ? rc : lc_triple_pace(scan->triple, want);
}

int lc_triple_scan_blocks(const struct lc_triple_scan *scan)
{
	uint64_t blocks = (scan->length + scan->block - 1) / scan->block, index = 0, tries;
	struct lc_digest_stream *stream = lc_digest_new();
	int rc = stream ? 0 : -ENOMEM;

	while (!rc && index < blocks) {
		rc = scan->block < LC_UNCACHED_SIZE ? scan_many(scan, stream, &index, blocks)
		                                    : -EAGAIN;
		if (rc != -EAGAIN)
			continue;
		/* A part of what one read holds is bad: find out which. */
		rc = 0;
		for (tries = LC_UNCACHED_SIZE / scan->block + 1; !rc && tries && index < blocks;
		     tries--)
			rc = scan_one_block(scan, stream, index++);
	}
	lc_digest_free(stream);
	return rc;
}
