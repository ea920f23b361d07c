/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "bytes.h"
#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "commitSG"
#define VERSION 1
#define ZEROS_SIZE ((size_t)64 * 1024)
/* A log is input from a stranger: no segment is larger. */
#define SEGMENT_MAX ((uint64_t)1 << 32)

/* commit-log(5): the header is magic, version, and one record */
enum { AT_VERSION = 8, AT_RECORD = 16, RECORD_TYPE = 2 };
enum { AT_NUMBER = 0, AT_FIRST = 8, AT_EPOCH = 16, AT_SIZE = 24, PAYLOAD = 32 };

uint64_t lc_log_align(uint64_t position, uint64_t unit)
{
	return (position + unit - 1) / unit * unit;
}

void lc_segment_name(uint64_t number, char name[LC_LOG_NAME_SIZE])
{
	snprintf(name, LC_LOG_NAME_SIZE, "segment-%016" PRIx64, number);
}

/*
 * Zeros ahead of use: then a commit changes no metadata of the file, and what
 * stands behind the last record is known to be nothing.
 */
static int write_zeros(int fd, uint64_t size)
{
	unsigned char *zeros = calloc(1, ZEROS_SIZE);
	off_t at = 0;
	uint64_t left;
	int rc = zeros ? 0 : -ENOMEM;

	while (!rc && (uint64_t)at < size) {
		left = size - (uint64_t)at;
		rc = lc_copy_bytes(fd, &at, zeros, left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE);
	}
	free(zeros);
	return rc;
}

int lc_segment_make(int dirfd, uint64_t number, uint64_t size, struct lc_segment *segment)
{
	char name[LC_LOG_NAME_SIZE];
	int rc;

	memset(segment, 0, sizeof *segment);
	segment->number = number;
	segment->size = size;
	lc_segment_name(number, name);
	segment->fd = lc_sys_create(dirfd, name, O_RDWR, 0600);
	if (segment->fd < 0)
		return segment->fd;
	rc = write_zeros(segment->fd, size);
	if (!rc)
		rc = lc_sys_fsync(segment->fd);
	if (!rc)
		rc = lc_sys_fsync(dirfd);
	if (!rc)
		return 0;
	lc_sys_drop(&segment->fd);
	lc_sys_unlink(dirfd, name);
	return rc;
}

int lc_segment_begin(struct lc_segment *segment, uint64_t first, uint64_t epoch)
{
	struct lc_record record = {.type = RECORD_TYPE, .length = PAYLOAD};
	unsigned char head[LC_LOG_BLOCK];
	unsigned char *p = head + AT_RECORD + LC_RECORD_HEAD;
	off_t at = 0;
	int rc = lc_sys_random(&segment->salt, sizeof segment->salt);

	if (rc)
		return rc;
	segment->first = first;
	segment->epoch = epoch;
	memset(head, 0, sizeof head);
	memcpy(head, MAGIC, strlen(MAGIC));
	lc_put_le32(head + AT_VERSION, VERSION);
	lc_put_le64(p + AT_NUMBER, segment->number);
	lc_put_le64(p + AT_FIRST, first);
	lc_put_le64(p + AT_EPOCH, epoch);
	lc_put_le64(p + AT_SIZE, segment->size);
	record.salt = segment->salt;
	record.position = record.durable = first;
	lc_record_seal(head + AT_RECORD, &record);
	return lc_copy_bytes(segment->fd, &at, head, sizeof head);
}

static int all_zero(const unsigned char *bytes, size_t length)
{
	return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static int decode(const unsigned char head[LC_LOG_BLOCK], uint64_t file_size,
                  struct lc_segment *segment)
{
	struct lc_record record;

	if (all_zero(head, LC_LOG_BLOCK))
		return -ENODATA;
	if (memcmp(head, MAGIC, strlen(MAGIC)) != 0)
		return -EBADMSG;
	if (lc_get_le32(head + AT_VERSION) != VERSION)
		return -EPROTONOSUPPORT;
	if (lc_record_open(head + AT_RECORD, LC_LOG_BLOCK - AT_RECORD, &record) != 0 ||
	    record.type != RECORD_TYPE || record.length != PAYLOAD ||
	    lc_get_le64(record.payload + AT_NUMBER) != segment->number)
		return -EBADMSG;
	segment->first = lc_get_le64(record.payload + AT_FIRST);
	segment->epoch = lc_get_le64(record.payload + AT_EPOCH);
	segment->size = lc_get_le64(record.payload + AT_SIZE);
	segment->salt = record.salt;
	if (segment->first < LC_LOG_START || segment->first % LC_LOG_BLOCK != 0 ||
	    segment->first > UINT64_MAX - SEGMENT_MAX || segment->size > SEGMENT_MAX ||
	    segment->size < LC_LOG_BLOCK || segment->size > file_size)
		return -EBADMSG;
	return 0;
}

/* Past the cache where the file system can; tmpfs and others have only the cache. */
static int open_direct(int dirfd, const char *name)
{
	int fd = lc_sys_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_DIRECT);

	return fd == -EINVAL ? lc_sys_open(dirfd, name, O_RDONLY | O_NOFOLLOW) : fd;
}

static int read_direct(int dirfd, uint64_t number, uint64_t size, struct lc_segment_image *image)
{
	char name[LC_LOG_NAME_SIZE];
	ssize_t length = 0;
	int fd;

	image->size = lc_log_align(size, LC_LOG_BLOCK);
	image->bytes = aligned_alloc(LC_LOG_BLOCK, (size_t)image->size);
	if (!image->bytes)
		return -ENOMEM;
	lc_segment_name(number, name);
	fd = open_direct(dirfd, name);
	if (fd >= 0)
		length = lc_copy_read(fd, image->bytes, (size_t)image->size, 0);
	if (fd < 0 || length < 0) {
		lc_segment_unload(image);
		lc_sys_drop(&fd);
		return fd < 0 ? fd : (int)length;
	}
	lc_sys_drop(&fd);
	memset(image->bytes + length, 0, (size_t)image->size - (size_t)length);
	return 0;
}

int lc_segment_open(int dirfd, uint64_t number, int look_only, struct lc_segment *segment)
{
	char name[LC_LOG_NAME_SIZE];
	struct lc_segment_image head = {NULL, 0};
	struct stat st;
	int rc;

	memset(segment, 0, sizeof *segment);
	segment->number = number;
	lc_segment_name(number, name);
	segment->fd = lc_sys_open(dirfd, name, (look_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW);
	if (segment->fd < 0)
		return segment->fd;
	rc = lc_sys_fstat(segment->fd, &st);
	if (!rc && !S_ISREG(st.st_mode))
		rc = -EBADMSG;
	if (!rc)
		rc = read_direct(dirfd, number, LC_LOG_BLOCK, &head);
	if (!rc)
		rc = decode(head.bytes, (uint64_t)st.st_size, segment);
	lc_segment_unload(&head);
	if (rc)
		lc_sys_drop(&segment->fd);
	return rc;
}

int lc_segment_load(int dirfd, const struct lc_segment *segment, struct lc_segment_image *image)
{
	return read_direct(dirfd, segment->number, segment->size, image);
}

void lc_segment_unload(struct lc_segment_image *image)
{
	free(image->bytes);
	image->bytes = NULL;
}

int lc_segment_cache_agrees(const struct lc_segment *segment, const struct lc_segment_image *image)
{
	unsigned char *buffer = malloc(ZEROS_SIZE);
	uint64_t at, left;
	ssize_t length;
	int rc = buffer ? 1 : -ENOMEM;

	for (at = 0; rc == 1 && at < segment->size; at += (uint64_t)length) {
		left = segment->size - at;
		length = lc_copy_read(segment->fd, buffer,
		                      left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE, (off_t)at);
		if (length < 0)
			rc = (int)length;
		else if (length == 0 || memcmp(buffer, image->bytes + at, (size_t)length) != 0)
			rc = 0;
	}
	free(buffer);
	return rc;
}

/* The record at exactly that position, if it belongs there. */
static int record_at(const struct lc_segment *segment, const struct lc_segment_image *image,
                     uint64_t position, struct lc_record *record)
{
	uint64_t offset = LC_LOG_BLOCK + (position - segment->first);
	int rc;

	if (offset > segment->size)
		return -EAGAIN;
	rc = lc_record_open(image->bytes + offset, (size_t)(segment->size - offset), record);
	if (!rc && (record->position != position || record->salt != segment->salt))
		rc = -EBADMSG;
	return rc;
}

/* Records form a chain, so that one that is left over from a lost tail has no place. */
static int follows(const struct lc_record *record, uint64_t previous)
{
	return previous == LC_LOG_ANY || record->previous == previous;
}

int lc_segment_next(const struct lc_segment *segment, const struct lc_segment_image *image,
                    uint64_t previous, uint64_t *position, struct lc_record *record)
{
	uint64_t padded = lc_log_align(*position, LC_LOG_BLOCK);
	int rc = record_at(segment, image, *position, record);

	/* Behind a forced batch the rest of its block is left alone. */
	if (rc && padded != *position) {
		rc = record_at(segment, image, padded, record);
		if (!rc && follows(record, previous))
			*position = padded;
	}
	if (rc || !follows(record, previous))
		return 0;
	*position += lc_record_size(record->length);
	return 1;
}

/*
 * Behind a damaged record there may be good ones. If one of them knew the
 * damaged one to be durable, this is no torn tail.
 */
static void search_claims(const struct lc_segment *segment, const struct lc_segment_image *image,
                          struct lc_segment_end *end)
{
	uint64_t limit = segment->first + (segment->size - LC_LOG_BLOCK);
	uint64_t at;
	struct lc_record record;

	for (at = end->position; at + LC_RECORD_HEAD <= limit; at += LC_RECORD_ALIGN)
		if (record_at(segment, image, at, &record) == 0 && record.durable > end->claimed)
			end->claimed = record.durable;
}

void lc_segment_find_end(const struct lc_segment *segment, const struct lc_segment_image *image,
                         uint64_t start, uint64_t previous, struct lc_segment_end *end)
{
	struct lc_record record;
	uint64_t offset;

	memset(end, 0, sizeof *end);
	end->position = start;
	end->last = previous;
	end->claimed = segment->first;
	while (lc_segment_next(segment, image, end->last, &end->position, &record)) {
		end->last = record.position;
		end->records++;
		if (record.durable > end->claimed)
			end->claimed = record.durable;
	}
	offset = LC_LOG_BLOCK + (end->position - segment->first);
	end->dirty = !all_zero(image->bytes + offset, (size_t)(image->size - offset));
	if (end->dirty)
		search_claims(segment, image, end);
}
