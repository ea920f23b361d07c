/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "bytes.h"
#include "copy.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "segment-"
#define MAGIC "commitSG"
#define VERSION 1
#define ZEROS_SIZE ((size_t)64 * 1024)
#define ZEROS_MAX ((uint64_t)1024 * 1024)

/* commit-log(5): the header is magic, version, and one record */
enum { AT_VERSION = 8, AT_RECORD = 16, RECORD_TYPE = 2 };
enum { AT_NUMBER = 0, AT_FIRST = 8, AT_EPOCH = 16, AT_SIZE = 24, PAYLOAD = 32 };

uint64_t lc_log_align(uint64_t position, uint64_t unit)
{
	return (position + unit - 1) / unit * unit;
}

void lc_segment_name(uint64_t number, char name[LC_LOG_NAME_SIZE])
{
	snprintf(name, LC_LOG_NAME_SIZE, PREFIX "%016" PRIx64, number);
}

/* The number in a name that lc_segment_name has made, else 0. */
static uint64_t number_of(const char *name)
{
	char again[LC_LOG_NAME_SIZE];
	uint64_t number;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return 0;
	number = strtoull(name + strlen(PREFIX), NULL, 16);
	lc_segment_name(number, again);
	return strcmp(name, again) == 0 ? number : 0;
}

/*
 * Zeros ahead of use: then a commit changes no metadata of the file, and what
 * stands behind the last record is known to be nothing. A segment that one
 * large batch will fill is reserved only: it would be written twice for nothing.
 */
static int write_zeros(int fd, uint64_t size)
{
	unsigned char *zeros;
	off_t at = 0;
	uint64_t left;
	int rc = size > ZEROS_MAX ? lc_sys_reserve(fd, 0, (off_t)size) : -EOPNOTSUPP;

	if (rc == 0)
		return lc_sys_ftruncate(fd, (off_t)size);
	if (rc != -EOPNOTSUPP && rc != -ENOSYS)
		return rc;
	zeros = calloc(1, ZEROS_SIZE);
	rc = zeros ? 0 : -ENOMEM;

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
	if (segment->fd == -EEXIST) {
		rc = lc_sys_unlink(dirfd, name);
		segment->fd = rc ? rc : lc_sys_create(dirfd, name, O_RDWR, 0600);
	}
	if (segment->fd < 0)
		return segment->fd;
	rc = lc_log_share(dirfd, segment->fd);
	if (!rc)
		rc = write_zeros(segment->fd, size);
	if (!rc)
		return 0;
	lc_sys_drop(&segment->fd);
	lc_sys_unlink(dirfd, name);
	return rc;
}

int lc_segment_begin(struct lc_segment *segment, uint64_t first, uint64_t previous, uint64_t epoch)
{
	struct lc_record record = {.type = RECORD_TYPE, .length = PAYLOAD};
	unsigned char head[LC_LOG_BLOCK];
	unsigned char *p = head + AT_RECORD + LC_RECORD_HEAD;
	off_t at = 0;
	int rc = lc_sys_random(&segment->salt, sizeof segment->salt);

	if (rc)
		return rc;
	segment->first = first;
	segment->previous = previous;
	segment->epoch = epoch;
	memset(head, 0, sizeof head);
	memcpy(head, MAGIC, strlen(MAGIC));
	lc_put_le32(head + AT_VERSION, VERSION);
	lc_put_le64(p + AT_NUMBER, segment->number);
	lc_put_le64(p + AT_FIRST, first);
	lc_put_le64(p + AT_EPOCH, epoch);
	lc_put_le64(p + AT_SIZE, segment->size);
	record.salt = segment->salt;
	record.previous = previous;
	record.position = record.durable = first;
	lc_record_seal(head + AT_RECORD, &record);
	return lc_copy_bytes(segment->fd, &at, head, sizeof head);
}

int lc_segment_flush(int dirfd, const struct lc_segment *segment)
{
	int rc = lc_log_flush_dir(dirfd);

	return rc ? rc : lc_sys_fdatasync(segment->fd);
}

static int decode(const unsigned char head[LC_LOG_BLOCK], struct lc_segment *segment)
{
	struct lc_record record;
	uint32_t version = lc_get_le32(head + AT_VERSION);

	if (memcmp(head, MAGIC, strlen(MAGIC)) != 0 || version == 0)
		return -EBADMSG;
	if (version != VERSION)
		return -EPROTONOSUPPORT;
	if (lc_record_open(head + AT_RECORD, LC_LOG_BLOCK - AT_RECORD, &record) != 0 ||
	    record.type != RECORD_TYPE || record.length != PAYLOAD ||
	    lc_get_le64(record.payload + AT_NUMBER) != segment->number)
		return -EBADMSG;
	segment->first = lc_get_le64(record.payload + AT_FIRST);
	segment->epoch = lc_get_le64(record.payload + AT_EPOCH);
	segment->size = lc_get_le64(record.payload + AT_SIZE);
	segment->previous = record.previous;
	segment->salt = record.salt;
	if (segment->first < LC_LOG_START || segment->first % LC_LOG_BLOCK != 0 ||
	    segment->first > LC_LOG_FIRST_MAX || segment->previous >= segment->first ||
	    segment->size < LC_LOG_BLOCK || segment->size % LC_LOG_BLOCK != 0 ||
	    segment->size > LC_LOG_SEGMENT_MAX)
		return -EBADMSG;
	return 0;
}

/* A header that is not good was never flushed if nothing stands behind it. */
static int never_begun(int dirfd, const char *name, uint64_t file_size)
{
	struct lc_log_image image;
	int rc;

	if (file_size <= LC_LOG_BLOCK)
		return -ENODATA;
	if (file_size > LC_LOG_SEGMENT_MAX)
		return -EBADMSG;
	rc = lc_log_load(dirfd, name, LC_LOG_SEGMENT_MAX, &image);
	if (rc)
		return rc;
	rc = lc_log_nonzero(&image, LC_LOG_BLOCK) ? -EBADMSG : -ENODATA;
	lc_log_unload(&image);
	return rc;
}

int lc_segment_open(int dirfd, uint64_t number, int look_only, struct lc_segment *segment)
{
	char name[LC_LOG_NAME_SIZE];
	struct lc_log_image head;
	struct stat st;
	int rc;

	memset(segment, 0, sizeof *segment);
	segment->number = number;
	lc_segment_name(number, name);
	segment->fd = lc_log_open_file(dirfd, name, look_only ? O_RDONLY : O_RDWR, &st);
	if (segment->fd < 0)
		return segment->fd;
	rc = lc_log_load(dirfd, name, LC_LOG_BLOCK, &head);
	if (!rc) {
		rc = decode(head.bytes, segment);
		if (rc == -EBADMSG)
			rc = never_begun(dirfd, name, head.file_size);
		lc_log_unload(&head);
	}
	if (rc)
		lc_sys_drop(&segment->fd);
	return rc;
}

int lc_segment_load(int dirfd, const struct lc_segment *segment, struct lc_log_image *image)
{
	char name[LC_LOG_NAME_SIZE];

	lc_segment_name(segment->number, name);
	return lc_log_load(dirfd, name, segment->size, image);
}

int lc_segment_cache_agrees(const struct lc_segment *segment, const struct lc_log_image *image)
{
	unsigned char *buffer = malloc(ZEROS_SIZE);
	uint64_t at = 0, left;
	ssize_t length = 1;
	int rc = buffer ? 1 : -ENOMEM;

	while (rc == 1 && at < segment->size && length > 0) {
		left = segment->size - at;
		length = lc_copy_read(segment->fd, buffer,
		                      left < ZEROS_SIZE ? (size_t)left : ZEROS_SIZE, (off_t)at);
		if (length < 0)
			rc = (int)length;
		else if (memcmp(buffer, image->bytes + at, (size_t)length) != 0)
			rc = 0;
		else
			at += (uint64_t)length;
	}
	free(buffer);
	return rc;
}

/* The next number in a directory; 0 at its end or on an error. */
static uint64_t next_number(DIR *dir, int *rc)
{
	struct dirent *entry;
	uint64_t number = 0;

	do {
		errno = 0;
		entry = readdir(dir);
		if (entry)
			number = number_of(entry->d_name);
	} while (entry && number == 0);
	*rc = entry ? 0 : -errno;
	return number;
}

static int open_list(int dirfd, DIR **dir)
{
	int fd = lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY);

	if (fd < 0)
		return fd;
	*dir = fdopendir(fd);
	if (*dir) {
		lc_sys_forget(fd);
		return 0;
	}
	lc_sys_drop(&fd);
	return -ENOMEM;
}

int lc_segment_highest(int dirfd, uint64_t *highest)
{
	uint64_t number;
	DIR *dir;
	int rc = open_list(dirfd, &dir);

	if (rc)
		return rc;
	*highest = 0;
	while ((number = next_number(dir, &rc)))
		if (number > *highest)
			*highest = number;
	closedir(dir);
	return rc;
}

int lc_segment_remove(int dirfd, uint64_t number)
{
	char name[LC_LOG_NAME_SIZE];

	lc_segment_name(number, name);
	return lc_sys_unlink(dirfd, name);
}

int lc_segment_sweep(int dirfd, uint64_t below)
{
	uint64_t number;
	DIR *dir;
	int rc = open_list(dirfd, &dir), failed = 0;

	if (rc)
		return rc;
	while ((number = next_number(dir, &rc))) {
		if (number >= below)
			continue;
		rc = lc_segment_remove(dirfd, number);
		if (rc && !failed)
			failed = rc;
	}
	closedir(dir);
	return failed ? failed : rc;
}
