/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "copy.h"

#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)128 * 1024)
/* What is handed to the kernel at once: the distance between two looks at cancel_fd. */
#define PIECE_SIZE ((off_t)64 * 1024 * 1024)

/* The ways to copy, best first; a way that fails for this pair is not tried again. */
enum way { WAY_COPY_RANGE, WAY_SENDFILE, WAY_BUFFER };

struct copier {
	int from;
	off_t in;
	int to;
	off_t *out;
	int cancel_fd;
	const struct lc_copy_watch *watch;
	enum way way;
	unsigned char *buffer;
};

static int cancelled(int cancel_fd)
{
	return cancel_fd >= 0 && lc_sys_wait(-1, cancel_fd, 0) == -ECANCELED ? -ECANCELED : 0;
}

int lc_copy_bytes(int to, off_t *offset, const void *buffer, size_t length)
{
	const unsigned char *next = buffer;
	ssize_t done;

	while (length > 0) {
		done = lc_sys_pwrite(to, next, length, *offset);
		if (done == -EINTR)
			continue;
		if (done < 0)
			return (int)done;
		/* A device that takes nothing and says no error would hold us for ever. */
		if (done == 0)
			return -EIO;
		next += done;
		length -= (size_t)done;
		*offset += done;
	}
	return 0;
}

ssize_t lc_copy_read(int fd, void *buffer, size_t length, off_t offset)
{
	size_t total = 0;
	ssize_t done;

	while (total < length) {
		done = lc_sys_pread(fd, (char *)buffer + total, length - total,
		                    offset + (off_t)total);
		if (done == -EINTR)
			continue;
		if (done < 0)
			return done;
		if (done == 0)
			break;
		total += (size_t)done;
	}
	return (ssize_t)total;
}

static void tick(const struct copier *c)
{
	if (c->watch && c->watch->tick)
		c->watch->tick(c->watch->context, (uint64_t)*c->out);
}

static int copy_stream(struct copier *c)
{
	ssize_t done;
	int rc;

	for (;;) {
		if (c->cancel_fd >= 0) {
			rc = lc_sys_wait(c->from, c->cancel_fd, -1);
			if (rc)
				return rc;
		}
		done = lc_sys_read(c->from, c->buffer, BUFFER_SIZE);
		if (done == -EINTR)
			continue;
		if (done == -EAGAIN) {
			/* Somebody made our standard input non-blocking. */
			rc = lc_sys_wait(c->from, c->cancel_fd, -1);
			if (rc)
				return rc;
			continue;
		}
		if (done <= 0)
			return (int)done;
		rc = lc_copy_bytes(c->to, c->out, c->buffer, (size_t)done);
		if (rc)
			return rc;
		tick(c);
	}
}

/* The errno says "not this way between these files", not "the copy failed". */
static int wrong_way(ssize_t rc)
{
	return rc == -EXDEV || rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP ||
	       rc == -EBADF || rc == -EPERM || rc == -ETXTBSY;
}

static ssize_t copy_by_buffer(struct copier *c, size_t length)
{
	ssize_t done;
	int rc;

	if (length > BUFFER_SIZE)
		length = BUFFER_SIZE;
	done = lc_sys_pread(c->from, c->buffer, length, c->in);
	if (done <= 0)
		return done;
	rc = lc_copy_bytes(c->to, c->out, c->buffer, (size_t)done);
	if (rc)
		return rc;
	c->in += done;
	return done;
}

static ssize_t copy_by_sendfile(struct copier *c, size_t length)
{
	off_t at = lc_sys_lseek(c->to, *c->out, SEEK_SET);
	ssize_t done = at < 0 ? (ssize_t)at : lc_sys_sendfile(c->to, c->from, &c->in, length);

	if (done > 0)
		*c->out += done;
	return done;
}

/* One piece by the best way that works; 0 at the end of the source. */
static ssize_t copy_piece(struct copier *c, size_t length)
{
	ssize_t done;

	for (;;) {
		switch (c->way) {
		case WAY_COPY_RANGE:
			done = lc_sys_copy_range(c->from, &c->in, c->to, c->out, length);
			break;
		case WAY_SENDFILE:
			done = copy_by_sendfile(c, length);
			break;
		default:
			return copy_by_buffer(c, length);
		}
		/*
		 * Some file systems say "0 copied" for files whose size they do not
		 * know: only a read that yields nothing is the end.
		 */
		if (done > 0 || (done < 0 && done != -EINTR && !wrong_way(done)))
			return done;
		if (done != -EINTR)
			c->way++;
	}
}

/* Copies [c->in, end), all data. Stops early, with 0, at the end of the source. */
static int copy_data(struct copier *c, off_t end)
{
	off_t length;
	ssize_t done;
	int rc;

	while (c->in < end) {
		rc = cancelled(c->cancel_fd);
		if (rc)
			return rc;
		length = end - c->in;
		done = copy_piece(c, (size_t)(length < PIECE_SIZE ? length : PIECE_SIZE));
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return (int)done;
		tick(c);
	}
	return 0;
}

/* There is no data behind c->in: a hole up to the end, which may have come nearer. */
static int end_in_hole(const struct copier *c, off_t *end)
{
	struct stat st;
	int rc = lc_sys_fstat(c->from, &st);

	if (!rc && st.st_size < *end)
		*end = st.st_size > c->in ? st.st_size : c->in;
	return rc;
}

/*
 * Finds the next data at or after c->in, before *end. Without holes all is
 * data. *end shrinks with the file.
 */
static int next_data(struct copier *c, off_t *end, off_t *data, off_t *hole)
{
	int rc = 0;

	*data = lc_sys_lseek(c->from, c->in, SEEK_DATA);
	if (*data == -ENXIO || *data >= *end) {
		if (*data == -ENXIO)
			rc = end_in_hole(c, end);
		*data = *hole = *end;
		return rc;
	}
	if (*data < 0) {
		*data = c->in;
		*hole = *end;
		return 0;
	}
	*hole = lc_sys_lseek(c->from, *data, SEEK_HOLE);
	if (*hole < 0)
		return (int)*hole;
	if (*hole > *end)
		*hole = *end;
	return 0;
}

/* Copies [c->in, end) and leaves holes where the source has them. */
static int copy_sparse(struct copier *c, off_t end)
{
	off_t data, hole;
	int rc;

	while (c->in < end) {
		rc = next_data(c, &end, &data, &hole);
		if (rc)
			return rc;
		*c->out += data - c->in;
		c->in = data;
		rc = copy_data(c, hole);
		if (rc)
			return rc;
		if (c->in < hole)
			break;
	}
	/* A hole at the end has to be made by the size. */
	return lc_sys_ftruncate(c->to, *c->out);
}

static int try_clone(struct copier *c, off_t size)
{
	int rc;

	if (c->in != 0 || *c->out != 0)
		return -EOPNOTSUPP;
	rc = lc_sys_clone(c->to, c->from);
	if (rc)
		return rc;
	c->in = *c->out = size;
	return 0;
}

/* The end of a file moves while it grows: the one that was met is the end. */
static int copy_regular(struct copier *c, off_t size)
{
	struct stat st;
	off_t at;
	int rc;

	if (try_clone(c, size) == 0) {
		rc = lc_sys_fstat(c->to, &st);
		if (rc == 0)
			*c->out = st.st_size;
		return rc;
	}
	rc = copy_sparse(c, size);
	if (rc || c->in < size)
		return rc;
	/* What was added meanwhile is read like a stream. */
	at = lc_sys_lseek(c->from, c->in, SEEK_SET);
	return at < 0 ? (int)at : copy_stream(c);
}

static int copier_init(struct copier *c, int from, int to, off_t *offset, int cancel_fd)
{
	memset(c, 0, sizeof *c);
	c->from = from;
	c->to = to;
	c->out = offset;
	c->cancel_fd = cancel_fd;
	c->buffer = malloc(BUFFER_SIZE);
	return c->buffer ? 0 : -ENOMEM;
}

int lc_copy_watched(int from, int to, off_t *offset, int cancel_fd,
                    const struct lc_copy_watch *watch)
{
	struct copier c;
	struct stat st;
	int rc = lc_sys_fstat(from, &st);

	if (rc)
		return rc;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	rc = copier_init(&c, from, to, offset, cancel_fd);
	if (rc)
		return rc;
	c.watch = watch;
	c.in = S_ISREG(st.st_mode) ? lc_sys_lseek(from, 0, SEEK_CUR) : -1;
	/* Files in /proc say that they are empty; reading tells. */
	if (c.in >= 0 && st.st_size > c.in)
		rc = copy_regular(&c, st.st_size);
	else
		rc = copy_stream(&c);
	free(c.buffer);
	return rc;
}

int lc_copy_all(int from, int to, off_t *offset, int cancel_fd)
{
	return lc_copy_watched(from, to, offset, cancel_fd, NULL);
}

int lc_copy_part(int from, off_t from_offset, off_t length, int to, off_t *offset, int cancel_fd)
{
	struct copier c;
	int rc = copier_init(&c, from, to, offset, cancel_fd);

	if (rc)
		return rc;
	c.in = from_offset;
	rc = lc_sys_clone_range(to, *offset, from, from_offset, length);
	if (rc == 0) {
		*offset += length;
		c.in += length;
	} else {
		rc = copy_sparse(&c, from_offset + length);
	}
	if (rc == 0 && c.in < from_offset + length)
		rc = -ENODATA;
	free(c.buffer);
	return rc;
}

int lc_copy_same(int a, off_t a_start, int b, int cancel_fd)
{
	unsigned char *buffer = malloc(2 * BUFFER_SIZE);
	ssize_t from_a = 1, from_b = 1;
	off_t at = 0;
	int rc = buffer ? 1 : -ENOMEM;

	while (rc == 1 && from_a > 0) {
		from_a = lc_copy_read(a, buffer, BUFFER_SIZE, a_start + at);
		from_b = lc_copy_read(b, buffer + BUFFER_SIZE, BUFFER_SIZE, at);
		if (from_a < 0 || from_b < 0)
			rc = (int)(from_a < 0 ? from_a : from_b);
		else if (from_a != from_b ||
		         memcmp(buffer, buffer + BUFFER_SIZE, (size_t)from_a) != 0)
			rc = 0;
		else if (cancelled(cancel_fd))
			rc = -ECANCELED;
		at += from_a;
	}
	free(buffer);
	return rc;
}

int lc_copy_digest(int fd, off_t offset, off_t length, struct lc_digest *digest, int cancel_fd)
{
	struct lc_digest_stream *stream = lc_digest_new();
	unsigned char *buffer = malloc(BUFFER_SIZE);
	int rc = stream && buffer ? 0 : -ENOMEM;
	size_t want;
	ssize_t done;

	while (rc == 0 && length > 0) {
		want = length < (off_t)BUFFER_SIZE ? (size_t)length : BUFFER_SIZE;
		done = lc_copy_read(fd, buffer, want, offset);
		if (done < 0 || (size_t)done < want) {
			rc = done < 0 ? (int)done : -ENODATA;
			break;
		}
		lc_digest_update(stream, buffer, want);
		offset += done;
		length -= done;
		rc = cancelled(cancel_fd);
	}
	if (rc == 0)
		*digest = lc_digest_value(stream);
	lc_digest_free(stream);
	free(buffer);
	return rc;
}
