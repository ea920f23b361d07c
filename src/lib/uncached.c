/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "uncached.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
/* A device that yields less than a sector this often yields nothing. */
#define STALLS_MAX 8

void lc_uncached_init(struct lc_uncached *reader)
{
	reader->fd = -1;
	reader->direct = 0;
	reader->bytes = NULL;
	reader->size = 0;
}

static size_t round_up(uint64_t size)
{
	return (size_t)((size + LC_UNCACHED_ALIGN - 1) / LC_UNCACHED_ALIGN * LC_UNCACHED_ALIGN);
}

static int check_open(struct lc_uncached *reader)
{
	struct stat st;
	int rc = lc_sys_fstat(reader->fd, &st);

	if (!rc && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc)
		return rc;
	reader->size = (uint64_t)st.st_size < LC_UNCACHED_SIZE ? round_up((uint64_t)st.st_size + 1)
	                                                       : LC_UNCACHED_SIZE;
	reader->bytes = aligned_alloc(LC_UNCACHED_ALIGN, reader->size);
	if (!reader->bytes)
		rc = -ENOMEM;
	return rc;
}

int lc_uncached_open(struct lc_uncached *reader, int dirfd, const char *name)
{
	int rc;

	reader->direct = 1;
	reader->fd = lc_sys_open(dirfd, name, OPEN_FLAGS | O_DIRECT);
	if (reader->fd == -EINVAL) {
		reader->direct = 0;
		reader->fd = lc_sys_open(dirfd, name, OPEN_FLAGS);
	}
	if (reader->fd < 0) {
		rc = reader->fd;
		reader->fd = -1;
		return rc;
	}
	rc = check_open(reader);
	/* Where it does not work nothing is lost but the promise. */
	if (!rc && !reader->direct)
		lc_sys_drop_cache(reader->fd);
	if (rc)
		lc_uncached_close(reader);
	return rc;
}

int lc_uncached_open_cached(struct lc_uncached *reader, int dirfd, const char *name)
{
	int rc = lc_sys_open(dirfd, name, OPEN_FLAGS);

	reader->direct = 0;
	reader->fd = rc < 0 ? -1 : rc;
	rc = rc < 0 ? rc : check_open(reader);
	if (rc)
		lc_uncached_close(reader);
	return rc;
}

/* The file system took the flag and now refuses the read. */
static int give_up_direct(struct lc_uncached *reader)
{
	reader->direct = 0;
	return lc_sys_drop_cache(reader->fd);
}

/* What follows a read that was cut short begins at a sector again. */
static size_t usable(const struct lc_uncached *reader, size_t done)
{
	return reader->direct ? done / LC_UNCACHED_ALIGN * LC_UNCACHED_ALIGN : done;
}

ssize_t lc_uncached_read(struct lc_uncached *reader, uint64_t offset, size_t length)
{
	size_t have = 0, want, rounded;
	int stalls = 0;
	struct stat st;
	ssize_t done;
	int rc = lc_sys_fstat(reader->fd, &st);

	if (rc)
		return rc;
	if (offset >= (uint64_t)st.st_size)
		return 0;
	want = length < reader->size ? length : reader->size;
	if ((uint64_t)st.st_size - offset < want)
		want = (size_t)((uint64_t)st.st_size - offset);
	while (have < want) {
		rounded = round_up(want - have);
		done = lc_sys_pread(reader->fd, reader->bytes + have, rounded,
		                    (off_t)(offset + have));
		if (done == -EINTR ||
		    (done == -EINVAL && reader->direct && give_up_direct(reader) == 0))
			continue;
		if (done < 0)
			return done;
		if (done == 0 || have + (size_t)done >= want)
			return (ssize_t)(done == 0 ? have : want);
		if (usable(reader, (size_t)done) == 0 && ++stalls > STALLS_MAX)
			return -EIO;
		have += usable(reader, (size_t)done);
	}
	return (ssize_t)have;
}

void lc_uncached_close(struct lc_uncached *reader)
{
	lc_sys_drop(&reader->fd);
	free(reader->bytes);
	reader->bytes = NULL;
}

static int load(struct lc_uncached *reader, size_t most, unsigned char **bytes, size_t *size)
{
	struct stat st;
	size_t have = 0;
	ssize_t got = 1;
	int rc = lc_sys_fstat(reader->fd, &st);

	if (!rc && (uint64_t)st.st_size > most)
		rc = -EBADMSG;
	if (rc)
		return rc;
	*bytes = malloc((size_t)st.st_size + 1);
	if (!*bytes)
		return -ENOMEM;
	while (got > 0 && have < (size_t)st.st_size) {
		got = lc_uncached_read(reader, have, (size_t)st.st_size - have);
		if (got > 0)
			memcpy(*bytes + have, reader->bytes, (size_t)got);
		have += got > 0 ? (size_t)got : 0;
	}
	*size = have;
	return got < 0 ? (int)got : 0;
}

int lc_uncached_load(int dirfd, const char *name, size_t most, unsigned char **bytes, size_t *size)
{
	struct lc_uncached reader;
	int rc;

	*bytes = NULL;
	*size = 0;
	lc_uncached_init(&reader);
	rc = lc_uncached_open(&reader, dirfd, name);
	if (!rc)
		rc = load(&reader, most, bytes, size);
	lc_uncached_close(&reader);
	if (rc) {
		free(*bytes);
		*bytes = NULL;
	}
	return rc;
}
