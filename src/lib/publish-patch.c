/* SPDX-License-Identifier: ISC */
/*
 * A range of a file that keeps its inode gets other content. Each sector of it is
 * old or new before, in between and after, or somebody else has written it. What
 * is new already is written once more: nobody knows whether it was flushed.
 */
#include "config.h"

#include "publish-internal.h"

#include "copy.h"
#include "fault.h"
#include "inplace.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)128 * LC_SECTOR)
#define OPENING (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

struct pass {
	const struct lc_patch *patch;
	int file;
	int contents;
	unsigned char *now;
	unsigned char *old;
	unsigned char *new;
};

int lc_publish_patch_prove(int contents, const struct lc_patch *patch)
{
	struct lc_digest digest = {{0}};
	int rc = lc_copy_digest(contents, 0, (off_t)patch->total, &digest, -1);

	if (rc)
		return rc == -ENODATA ? -EBADMSG : rc;
	return memcmp(digest.bytes, patch->digest.bytes, sizeof digest.bytes) == 0 ? 0 : -EBADMSG;
}

/* count bytes from at on, and zeros behind the length that there is. */
static int read_side(int fd, uint64_t start, uint64_t length, uint64_t at, unsigned char *bytes,
                     size_t count)
{
	uint64_t there = at < length ? length - at : 0;
	ssize_t got =
	        lc_copy_read(fd, bytes, there < count ? (size_t)there : count, (off_t)(start + at));

	if (got < 0)
		return (int)got;
	memset(bytes + got, 0, count - (size_t)got);
	return 0;
}

static unsigned judge_sector(const struct pass *pass, size_t at, size_t count)
{
	const unsigned char *now = pass->now + at, *old = pass->old + at, *new = pass->new + at;
	unsigned is = (memcmp(now, old, count) == 0 ? LC_PATCH_IS_OLD : 0) |
	              (memcmp(now, new, count) == 0 ? LC_PATCH_IS_NEW : 0);

	if (is)
		return is;
	if (pass->patch->flags & LC_PATCH_BACK ? lc_inplace_bytes_known(now, old, new, count)
	                                       : lc_inplace_sector_known(now, old, new, count))
		return LC_PATCH_IS_TORN;
	return lc_fault_blind("patch") ? LC_PATCH_IS_TORN : 0;
}

static int look_at_chunk(const struct pass *pass, uint64_t at, size_t length,
                         lc_publish_patch_sector *found, void *context)
{
	const struct lc_patch *patch = pass->patch;
	size_t done, count;
	int rc = read_side(pass->file, patch->offset, UINT64_MAX, at, pass->now, length);

	if (!rc)
		rc = read_side(pass->contents, patch->old_at, patch->old_length, at, pass->old,
		               length);
	if (!rc)
		rc = read_side(pass->contents, patch->new_at, patch->new_length, at, pass->new,
		               length);
	for (done = 0; done < length && !rc; done += count) {
		count = LC_SECTOR - (size_t)((patch->offset + at + done) % LC_SECTOR);
		if (count > length - done)
			count = length - done;
		rc = found(context, at + done, count, judge_sector(pass, done, count));
	}
	return rc;
}

int lc_publish_patch_look(int file, int contents, const struct lc_patch *patch,
                          lc_publish_patch_sector *found, void *context)
{
	struct pass pass = {.patch = patch, .file = file, .contents = contents};
	uint64_t at, span = lc_patch_span(patch);
	size_t length;
	int rc = 0;

	pass.now = malloc(3 * CHUNK);
	if (!pass.now)
		return -ENOMEM;
	pass.old = pass.now + CHUNK;
	pass.new = pass.old + CHUNK;
	for (at = 0; at < span && !rc; at += length) {
		/* The first chunk ends where a sector does. */
		length = CHUNK - (size_t)((patch->offset + at) % LC_SECTOR);
		if (length > span - at)
			length = (size_t)(span - at);
		rc = look_at_chunk(&pass, at, length, found, context);
	}
	free(pass.now);
	return rc;
}

int lc_publish_patch_write(int file, int contents, const struct lc_patch *patch)
{
	unsigned char *bytes = malloc(CHUNK);
	off_t to = (off_t)patch->offset;
	uint64_t done;
	size_t count;
	int rc = bytes ? 0 : -ENOMEM;

	for (done = 0; done < patch->new_length && !rc; done += count) {
		count = patch->new_length - done < CHUNK ? (size_t)(patch->new_length - done)
		                                         : CHUNK;
		rc = read_side(contents, patch->new_at, patch->new_length, done, bytes, count);
		if (!rc)
			rc = lc_copy_bytes(file, &to, bytes, count);
	}
	free(bytes);
	return rc;
}

/* What all sectors have in common; -ESTALE: one is of somebody else. */
static int gather(void *context, uint64_t at, size_t length, unsigned is)
{
	unsigned *all = context;

	(void)at, (void)length;
	*all &= is;
	return is ? 0 : -ESTALE;
}

/* Growing and shrinking go from one size to the other; what others append is theirs. */
static int size_known(const struct lc_change *c, uint64_t size)
{
	uint64_t before = c->before.size, after = c->after.size;

	return size >= (before < after ? before : after) && (after >= before || size <= before);
}

/* *is: what all of the range is; -ESTALE: it was replaced, cut off or edited. */
static int look(int file, int contents, const struct lc_change *c, const struct lc_patch *patch,
                unsigned *is)
{
	struct lc_identity now;
	struct stat st;
	int rc = lc_sys_fstat(file, &st);

	*is = LC_PATCH_IS_OLD | LC_PATCH_IS_NEW;
	if (rc)
		return rc;
	lc_identity_of(&st, &now);
	if (!lc_judge_is_object(&now, &c->after) || !size_known(c, now.size))
		return -ESTALE;
	if (now.size != c->after.size)
		*is &= ~LC_PATCH_IS_NEW;
	rc = lc_publish_patch_prove(contents, patch);
	return rc ? rc : lc_publish_patch_look(file, contents, patch, gather, is);
}

static int open_at(struct lc_ends *ends, struct lc_beneath_cache *cache, const char *path,
                   int flags)
{
	const char *base;
	int dir = lc_mounts_parent(&ends->mounts, cache, path, &base);

	return dir < 0 ? dir : lc_sys_open(dir, base, flags | OPENING);
}

static int is_gone(int rc)
{
	return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP || rc == -EISDIR || rc == -ENXIO;
}

/* Without them the file says nothing about itself. */
static int open_contents(struct lc_ends *ends, const struct lc_change *c)
{
	int fd = open_at(ends, &ends->places, c->place, O_RDONLY);

	return is_gone(fd) ? -EBADMSG : fd;
}

int lc_judge_patch(struct lc_ends *ends, const struct lc_change *c, const char *real)
{
	struct lc_patch patch = {0};
	struct lc_identity now;
	int file = -1, contents = -1;
	unsigned is;
	int rc = lc_ends_identify(ends, &ends->paths, real, &now);

	if (!rc && !lc_judge_is_object(&now, &c->after))
		return -ENOENT;
	if (!rc)
		rc = lc_change_get_patch(c, &patch);
	if (!rc)
		rc = file = open_at(ends, &ends->paths, real, O_RDONLY);
	rc = is_gone(rc) ? -ENOENT : rc;
	if (rc >= 0)
		rc = contents = open_contents(ends, c);
	if (rc >= 0)
		rc = look(file, contents, c, &patch, &is);
	lc_sys_drop(&contents);
	lc_sys_drop(&file);
	return rc;
}

/*
 * The mode may be a later step's already: then there is nothing left to write, and
 * a descriptor that reads will do to flush it.
 */
static int open_file(struct lc_ends *ends, const struct lc_change *c, int *writable)
{
	int file = open_at(ends, &ends->paths, c->path, O_RDWR);

	*writable = file >= 0;
	if (file == -EACCES || file == -EPERM || file == -EROFS)
		file = open_at(ends, &ends->paths, c->path, O_RDONLY);
	return is_gone(file) ? -ESTALE : file;
}

static int write_out(int file, int contents, const struct lc_change *c,
                     const struct lc_patch *patch)
{
	int rc = lc_publish_patch_write(file, contents, patch);

	if (!rc && c->after.size < c->before.size)
		rc = lc_sys_ftruncate(file, (off_t)c->after.size);
	return rc;
}

static int patch_file(int file, int contents, const struct lc_change *c, int writable)
{
	struct lc_patch patch;
	unsigned is;
	int rc = lc_change_get_patch(c, &patch);

	if (!rc && !c->held)
		rc = lc_sys_lock(file);
	if (rc == -EWOULDBLOCK)
		return -EBUSY;
	rc = !rc || lc_lock_unsupported(rc) ? look(file, contents, c, &patch, &is) : rc;
	if (!rc && !writable && !(is & LC_PATCH_IS_NEW))
		rc = -EACCES;
	if (!rc && writable)
		rc = write_out(file, contents, c, &patch);
	/* What is in place is flushed by who has written it. */
	if (!rc && lc_sys_fsync(file) != 0)
		rc = LC_PUBLISH_UNFLUSHED;
	return rc;
}

int lc_publish_patch(struct lc_ends *ends, const struct lc_change *c)
{
	int writable, contents;
	int file = open_file(ends, c, &writable);
	int rc;

	if (file < 0)
		return file;
	rc = contents = open_contents(ends, c);
	if (contents >= 0)
		rc = patch_file(file, contents, c, writable);
	lc_sys_drop(&contents);
	lc_sys_drop(&file);
	return rc;
}
