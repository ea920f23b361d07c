/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "bytes.h"
#include "copy.h"
#include "record.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/*
 * commit-store(5). Two files of records of one size: the one that is full
 * becomes the old one. So nothing is ever written anew, and no flush is needed
 * but the one that precedes the complete record.
 */
#define INDEX "index"
#define OLD_INDEX "index.old"
#define RECORD_TYPE 1
enum {
	AT_SEQUENCE = 0,
	AT_TIME = 8,
	AT_USER = 16,
	AT_FILES = 24,
	AT_BYTES = 32,
	AT_KEPT = 40,
	AT_UNDOES = 48,
	PAYLOAD = 72,
	SIZE = LC_RECORD_HEAD + PAYLOAD
};
#ifndef LC_INDEX_RECORDS
#define LC_INDEX_RECORDS 4096
#endif
/* A commit that recovery repeats is not further from the end than this. */
#define TAIL 64

static void encode(const struct lc_indexed *entry, uint64_t offset, unsigned char bytes[SIZE])
{
	struct lc_record record = {.type = RECORD_TYPE, .length = PAYLOAD, .position = offset};
	unsigned char *p = bytes + LC_RECORD_HEAD;

	memset(bytes, 0, SIZE);
	record.transaction = entry->number;
	lc_put_le64(p + AT_SEQUENCE, entry->sequence);
	lc_put_le64(p + AT_TIME, (uint64_t)entry->time);
	lc_put_le64(p + AT_USER, entry->user);
	lc_put_le64(p + AT_FILES, entry->files);
	lc_put_le64(p + AT_BYTES, entry->bytes);
	lc_put_le64(p + AT_KEPT, entry->kept);
	lc_put_le64(p + AT_UNDOES, entry->undoes);
	lc_record_seal(bytes, &record);
}

static int decode(const unsigned char *bytes, uint64_t offset, struct lc_indexed *entry)
{
	struct lc_record record;
	const unsigned char *p;

	if (lc_record_open(bytes, SIZE, &record) != 0 || record.type != RECORD_TYPE ||
	    record.length != PAYLOAD || record.position != offset)
		return -EBADMSG;
	p = record.payload;
	entry->number = record.transaction;
	entry->sequence = lc_get_le64(p + AT_SEQUENCE);
	entry->time = (int64_t)lc_get_le64(p + AT_TIME);
	entry->user = lc_get_le64(p + AT_USER);
	entry->files = lc_get_le64(p + AT_FILES);
	entry->bytes = lc_get_le64(p + AT_BYTES);
	entry->kept = lc_get_le64(p + AT_KEPT);
	entry->undoes = lc_get_le64(p + AT_UNDOES);
	return 0;
}

/* Opens one of the two, and tells how many whole records it may have. */
static int open_file(const struct commit_store *store, const char *name, int flags, uint64_t *count)
{
	struct stat st;
	int rc, fd = lc_sys_open(store->history, name, flags | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return fd;
	rc = lc_sys_fstat(fd, &st);
	if (!rc && !S_ISREG(st.st_mode))
		rc = -EBADMSG;
	if (rc) {
		lc_sys_drop(&fd);
		return rc;
	}
	*count = (uint64_t)st.st_size / SIZE;
	if (*count > LC_INDEX_RECORDS)
		*count = LC_INDEX_RECORDS;
	return fd;
}

/* Adds what one of the files holds, up to the first record that is none. */
static int read_file(const struct commit_store *store, const char *name, struct lc_index *index)
{
	uint64_t count = 0, i;
	unsigned char *bytes;
	ssize_t length;
	int fd = open_file(store, name, O_RDONLY, &count);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	bytes = malloc(count * SIZE + 1);
	length = bytes ? lc_copy_read(fd, bytes, count * SIZE, 0) : -ENOMEM;
	lc_sys_drop(&fd);
	for (i = 0; length >= 0 && i < (uint64_t)length / SIZE; i++)
		if (decode(bytes + i * SIZE, i * SIZE, &index->items[index->count]) == 0)
			index->count++;
		else
			break;
	free(bytes);
	return length < 0 ? (int)length : 0;
}

static int by_number(const void *a, const void *b)
{
	const struct lc_indexed *left = a, *right = b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static int by_sequence(const void *a, const void *b)
{
	const struct lc_indexed *left = a, *right = b;

	if (left->sequence != right->sequence)
		return left->sequence < right->sequence ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static void remove_duplicates(struct lc_index *index)
{
	size_t i, kept = 0;

	qsort(index->items, index->count, sizeof *index->items, by_number);
	for (i = 0; i < index->count; i++)
		if (kept == 0 || index->items[kept - 1].number != index->items[i].number)
			index->items[kept++] = index->items[i];
	index->count = kept;
	qsort(index->items, index->count, sizeof *index->items, by_sequence);
}

int lc_index_read(const struct commit_store *store, struct lc_index *index)
{
	int rc;

	index->count = 0;
	index->items = calloc((size_t)2 * LC_INDEX_RECORDS, sizeof *index->items);
	if (!index->items)
		return -ENOMEM;
	if (store->history < 0)
		return 0;
	rc = read_file(store, OLD_INDEX, index);
	if (!rc)
		rc = read_file(store, INDEX, index);
	if (rc)
		lc_index_release(index);
	else
		remove_duplicates(index);
	return rc;
}

void lc_index_release(struct lc_index *index)
{
	free(index->items);
	memset(index, 0, sizeof *index);
}

const struct lc_indexed *lc_index_find(const struct lc_index *index, uint64_t number)
{
	size_t i;

	for (i = index->count; i > 0; i--)
		if (index->items[i - 1].number == number)
			return &index->items[i - 1];
	return NULL;
}

/* The end of a file: how many records are good, the last of them, and whether one is this one. */
struct tail {
	uint64_t count;
	struct lc_indexed last;
	int found;
};

static int read_tail(int fd, uint64_t count, uint64_t number, struct tail *tail)
{
	unsigned char bytes[TAIL * SIZE];
	uint64_t first = count > TAIL ? count - TAIL : 0;
	struct lc_indexed entry;
	ssize_t length = lc_copy_read(fd, bytes, (count - first) * SIZE, (off_t)(first * SIZE));
	uint64_t i;

	memset(tail, 0, sizeof *tail);
	if (length < 0)
		return (int)length;
	for (i = first; i < first + (uint64_t)length / SIZE; i++) {
		if (decode(bytes + (i - first) * SIZE, i * SIZE, &entry) != 0)
			break;
		tail->count = i + 1;
		tail->last = entry;
		tail->found |= entry.number == number;
	}
	return 0;
}

/* What is behind the last good record was never flushed: it is written over. */
static int append(int fd, const struct tail *tail, struct lc_indexed *entry)
{
	unsigned char bytes[SIZE];
	off_t at = (off_t)(tail->count * SIZE);
	int rc = lc_sys_ftruncate(fd, at);

	entry->sequence = tail->last.sequence + 1;
	encode(entry, (uint64_t)at, bytes);
	return rc ? rc : lc_copy_bytes(fd, &at, bytes, sizeof bytes);
}

static int begin_file(struct commit_store *store)
{
	int fd = lc_sys_create(store->history, INDEX, O_RDWR, 0600);
	int rc = fd < 0 ? fd : lc_store_share(store, fd, LC_STORE_GROUP_FILE);

	if (rc)
		lc_sys_drop(&fd);
	return rc ? rc : fd;
}

/* The end of the old file, where a new one goes on. */
static int read_old_tail(struct commit_store *store, uint64_t number, struct tail *tail)
{
	uint64_t count = 0;
	int rc, fd = open_file(store, OLD_INDEX, O_RDONLY, &count);

	memset(tail, 0, sizeof *tail);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	rc = read_tail(fd, count, number, tail);
	lc_sys_drop(&fd);
	return rc;
}

/* The file that is written; a full one makes room. */
static int open_end(struct commit_store *store, uint64_t number, struct tail *tail)
{
	uint64_t count = 0;
	int rc, fd = open_file(store, INDEX, O_RDWR, &count);

	if (fd < 0 && fd != -ENOENT)
		return fd;
	if (fd >= 0) {
		rc = read_tail(fd, count, number, tail);
		if (rc || tail->found || (tail->count > 0 && tail->count < LC_INDEX_RECORDS)) {
			if (rc)
				lc_sys_drop(&fd);
			return rc ? rc : fd;
		}
		lc_sys_drop(&fd);
		/* All but what has been added since the last flush is durable. */
		rc = tail->count ? lc_sys_rename(store->history, INDEX, store->history, OLD_INDEX)
		                 : lc_sys_unlink(store->history, INDEX);
		if (rc)
			return rc;
	}
	rc = read_old_tail(store, number, tail);
	if (!rc)
		rc = begin_file(store);
	/* The numbers go on; the records begin anew. */
	tail->count = 0;
	return rc;
}

int lc_index_add(struct commit_store *store, const struct lc_indexed *entry)
{
	struct lc_indexed copy = *entry;
	struct tail tail = {0};
	int rc = lc_store_make_history(store);
	int fd = rc ? rc : open_end(store, entry->number, &tail);

	if (fd < 0)
		return fd;
	if (!tail.found)
		rc = append(fd, &tail, &copy);
	lc_sys_drop(&fd);
	return rc;
}

int lc_index_flush(const struct commit_store *store)
{
	uint64_t count;
	int fd, rc;

	/* Where it could not be written history has a gap. */
	if (store->history < 0)
		return 0;
	fd = open_file(store, INDEX, O_RDONLY, &count);
	if (fd == -ENOENT)
		return 0;
	rc = fd < 0 ? fd : lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	/* It may be a new one, and so may its directory. */
	if (!rc)
		rc = lc_mount_flush_directory(store->history, store->history);
	return rc ? rc : lc_mount_flush_directory(store->home, store->home);
}

/* 1 if a record is good behind one that is not: no tail that was cut off. */
static int has_damage(const unsigned char *bytes, uint64_t count)
{
	struct lc_indexed entry;
	uint64_t i;
	int bad = 0;

	for (i = 0; i < count; i++) {
		if (decode(bytes + i * SIZE, i * SIZE, &entry) != 0)
			bad = 1;
		else if (bad)
			return 1;
	}
	return 0;
}

static int check_file(const struct commit_store *store, const char *name)
{
	uint64_t count = 0;
	unsigned char *bytes;
	ssize_t length;
	int damaged, fd = open_file(store, name, O_RDONLY, &count);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	bytes = malloc(count * SIZE + 1);
	length = bytes ? lc_copy_read(fd, bytes, count * SIZE, 0) : -ENOMEM;
	lc_sys_drop(&fd);
	damaged = length > 0 && has_damage(bytes, (uint64_t)length / SIZE);
	free(bytes);
	return length < 0 ? (int)length : damaged ? -EBADMSG : 0;
}

int lc_index_check(const struct commit_store *store)
{
	int rc = check_file(store, OLD_INDEX);

	return rc ? rc : check_file(store, INDEX);
}

int lc_index_is_part(const char *name)
{
	return strcmp(name, INDEX) == 0 || strcmp(name, OLD_INDEX) == 0;
}
