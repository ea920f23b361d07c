/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SEGMENT ((uint32_t)1024 * 1024)

void lc_log_options_init(struct lc_log_options *options)
{
	memset(options, 0, sizeof *options);
	options->segment_size = DEFAULT_SEGMENT;
	options->block = LC_LOG_BLOCK;
}

int lc_log_options_check(const struct lc_log_options *options)
{
	if (options->block < LC_RECORD_ALIGN || options->block > LC_LOG_BLOCK ||
	    (options->block & (options->block - 1)) != 0)
		return -EINVAL;
	if (options->segment_size < 2 * LC_LOG_BLOCK ||
	    options->segment_size > LC_LOG_SEGMENT_MAX || options->segment_size % LC_LOG_BLOCK != 0)
		return -EINVAL;
	/* A direct write begins with a block, and must not share it. */
	return options->direct && options->block != LC_LOG_BLOCK ? -EINVAL : 0;
}

void lc_log_close(struct lc_log *log)
{
	if (!log)
		return;
	lc_log_force_release(log);
	lc_sys_drop(&log->current.fd);
	lc_sys_drop(&log->ahead.fd);
	lc_log_unload(&log->opened);
	pthread_cond_destroy(&log->flushed);
	pthread_mutex_destroy(&log->mutex);
	free(log);
}

uint64_t lc_log_batch_size(const struct lc_log *log, const struct lc_log_entry *batch, size_t count)
{
	uint64_t size = 0;
	size_t i;

	for (i = 0; i < count; i++)
		size += batch[i].type == LC_LOG_COMMIT ? lc_record_size(LC_COMMIT_PAYLOAD)
		                                       : lc_record_size(batch[i].length);
	return size + log->options.block;
}

/* Where the next record goes: never into a block that a flush has covered. */
static uint64_t next_position(const struct lc_log *log)
{
	if (log->next == log->started)
		return lc_log_align(log->next, log->options.block);
	return log->next;
}

static uint64_t room(const struct lc_log *log)
{
	uint64_t limit = log->current.first + (log->current.size - LC_LOG_BLOCK);
	uint64_t next = next_position(log);

	return next < limit ? limit - next : 0;
}

static int usable(const struct lc_log *log)
{
	if (log->options.look_only)
		return -EROFS;
	return log->failed ? -EIO : 0;
}

/* Before the first record in a new segment */
static int flush_segment(struct lc_log *log)
{
	int rc = log->unflushed ? lc_segment_flush(log->dirfd, &log->current) : 0;

	/* It may be there or not: nothing may follow in any segment. */
	if (rc)
		log->failed = 1;
	else
		log->unflushed = 0;
	return rc;
}

/* Room for a header, the batch, and what completes it, which goes into another block. */
static uint64_t size_for(const struct lc_log *log, uint64_t bytes)
{
	uint64_t size = lc_log_align(bytes, LC_LOG_BLOCK) + 2 * LC_LOG_BLOCK;

	if (size > LC_LOG_SEGMENT_MAX)
		size -= LC_LOG_BLOCK;
	return size < log->options.segment_size ? log->options.segment_size : size;
}

/* The next segment: what was made ahead, if that is large enough. */
static int next_segment(struct lc_log *log, uint64_t size, struct lc_segment *next)
{
	if (log->ahead.fd < 0 || log->ahead.number != log->current.number + 1 ||
	    log->ahead.size < size) {
		/* One with that number is replaced. */
		lc_sys_drop(&log->ahead.fd);
		return lc_segment_make(log->dirfd, log->current.number + 1, size, next);
	}
	*next = log->ahead;
	log->ahead.fd = -1;
	return 0;
}

/*
 * Goes on in another segment, which is not flushed yet. Everything in this one
 * is durable before that one begins.
 */
static int change_segment(struct lc_log *log, uint64_t bytes)
{
	uint64_t first = lc_log_align(log->next, LC_LOG_BLOCK);
	struct lc_segment next;
	int rc;

	if (bytes > LC_LOG_SEGMENT_MAX - LC_LOG_BLOCK || first > LC_LOG_FIRST_MAX)
		return -EFBIG;
	/* From here on the mutex is held: what is durable now is all there is. */
	while (log->flushing || log->preparing)
		pthread_cond_wait(&log->flushed, &log->mutex);
	/* One that has never been flushed must not be left behind. */
	rc = flush_segment(log);
	if (!rc)
		rc = lc_log_force_all(log);
	if (!rc)
		rc = next_segment(log, size_for(log, bytes), &next);
	if (rc)
		return rc;
	first = lc_log_align(log->next, LC_LOG_BLOCK);
	rc = lc_segment_begin(&next, first, log->last, log->current.epoch);
	if (rc) {
		/* Its header may be there or not: nothing may follow in this one either. */
		log->failed = 1;
		lc_sys_drop(&next.fd);
		return rc;
	}
	lc_log_force_leave(log);
	lc_sys_drop(&log->current.fd);
	log->current = next;
	log->next = log->durable = log->started = first;
	log->unflushed = 1;
	return 0;
}

int lc_log_wants_prepare(struct lc_log *log)
{
	int wanted;

	pthread_mutex_lock(&log->mutex);
	wanted = !usable(log) && log->ahead.fd < 0 && !log->preparing &&
	         room(log) < log->current.size / 2;
	pthread_mutex_unlock(&log->mutex);
	return wanted;
}

int lc_log_prepare(struct lc_log *log)
{
	struct lc_segment next = {.fd = -1};
	uint64_t number;
	int rc;

	pthread_mutex_lock(&log->mutex);
	rc = usable(log);
	if (rc || log->ahead.fd >= 0 || log->preparing) {
		pthread_mutex_unlock(&log->mutex);
		return rc;
	}
	/* Until it is made, nobody else makes the one with that number. */
	log->preparing = 1;
	number = log->current.number + 1;
	pthread_mutex_unlock(&log->mutex);
	rc = lc_segment_make(log->dirfd, number, log->options.segment_size, &next);
	if (!rc)
		rc = lc_segment_flush(log->dirfd, &next);
	if (rc)
		lc_sys_drop(&next.fd);
	pthread_mutex_lock(&log->mutex);
	log->preparing = 0;
	log->ahead = next;
	pthread_cond_broadcast(&log->flushed);
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

static int reserve(struct lc_log *log, uint64_t bytes, int flush)
{
	int rc;

	pthread_mutex_lock(&log->mutex);
	rc = usable(log);
	if (!rc && room(log) < bytes)
		rc = change_segment(log, bytes);
	if (!rc && flush)
		rc = flush_segment(log);
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

int lc_log_reserve(struct lc_log *log, uint64_t bytes)
{
	return reserve(log, bytes, 1);
}

int lc_log_reserve_unflushed(struct lc_log *log, uint64_t bytes)
{
	return reserve(log, bytes, 0);
}

void lc_log_flushed(struct lc_log *log)
{
	pthread_mutex_lock(&log->mutex);
	log->unflushed = 0;
	pthread_mutex_unlock(&log->mutex);
}

/* The bytes of a batch as they will stand at a position. */
struct encoding {
	struct lc_log *log;
	struct lc_commit_check check;
	unsigned char *bytes;
	size_t length;
	uint64_t start;
	uint64_t last;
};

static void encode_entry(struct encoding *e, const struct lc_log_entry *entry)
{
	unsigned char *at = e->bytes + e->length;
	unsigned char *payload = at + LC_RECORD_HEAD;
	struct lc_record record = {.type = entry->type,
	                           .length = entry->length,
	                           .transaction = entry->transaction,
	                           .position = e->start + e->length,
	                           .previous = e->last,
	                           .salt = e->log->current.salt,
	                           .durable = e->log->durable};
	size_t size;

	if (entry->type == LC_LOG_COMMIT) {
		record.length = LC_COMMIT_PAYLOAD;
		lc_commit_check_fill(&e->check, entry->transaction, payload);
	} else if (entry->length > 0) {
		memcpy(payload, entry->payload, entry->length);
	}
	size = lc_record_seal(at, &record);
	if (entry->type != LC_LOG_COMMIT)
		lc_commit_check_add(&e->check, entry->transaction, at,
		                    LC_RECORD_HEAD + (size_t)entry->length);
	e->last = record.position;
	e->length += size;
}

static int write_batch(struct lc_log *log, const struct lc_log_entry *batch, size_t count,
                       uint64_t size)
{
	struct encoding e = {.log = log, .start = next_position(log), .last = log->last};
	uint64_t offset = LC_LOG_BLOCK + (e.start - log->current.first);
	size_t i;
	int rc = lc_commit_check_init(&e.check);

	if (rc)
		return rc;
	e.bytes = size > 0 ? malloc((size_t)size) : NULL;
	rc = e.bytes ? 0 : -ENOMEM;
	for (i = 0; i < count && !rc; i++)
		encode_entry(&e, &batch[i]);
	if (!rc) {
		rc = lc_log_put(log, offset, e.bytes, e.length);
		/* Half a batch stands there now: nothing may follow it. */
		log->failed = rc != 0;
	}
	if (!rc) {
		log->last = e.last;
		log->next = e.start + e.length;
	}
	free(e.bytes);
	lc_commit_check_release(&e.check);
	return rc;
}

static int check_batch(const struct lc_log_entry *batch, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (batch[i].type == 0 ||
		    (batch[i].length > 0 && !batch[i].payload && batch[i].type != LC_LOG_COMMIT))
			return -EINVAL;
	return 0;
}

int lc_log_append(struct lc_log *log, const struct lc_log_entry *batch, size_t count, uint64_t *end)
{
	uint64_t size = lc_log_batch_size(log, batch, count);
	int rc = check_batch(batch, count);

	if (rc)
		return rc;
	pthread_mutex_lock(&log->mutex);
	rc = usable(log);
	if (!rc && count > 0 && room(log) < size)
		rc = change_segment(log, size);
	if (!rc && count > 0)
		rc = flush_segment(log);
	if (!rc && count > 0)
		rc = write_batch(log, batch, count, size);
	if (!rc)
		*end = log->next;
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

int lc_log_mark(struct lc_log *log)
{
	int rc;

	pthread_mutex_lock(&log->mutex);
	rc = usable(log);
	if (!rc)
		rc = lc_log_force_all(log);
	if (!rc) {
		log->scan_segment = log->current.number;
		log->scan_last = log->last;
		lc_log_unload(&log->opened);
	}
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

/* The number of the segment that holds the position, among those that count. */
static int segment_of(const struct lc_log *log, uint64_t position, uint64_t *number)
{
	struct lc_segment segment;
	uint64_t next;
	int rc;

	*number = log->super.segment;
	for (next = log->super.segment + 1; next <= log->current.number; next++) {
		rc = lc_segment_open(log->dirfd, next, 1, &segment);
		if (rc)
			return rc;
		lc_sys_drop(&segment.fd);
		if (segment.first > position)
			break;
		*number = next;
	}
	return 0;
}

/*
 * The superblock that is not overwritten still counts older segments; they stay
 * until it has been overwritten too, so that each is enough to open the log.
 */
static int advance(struct lc_log *log, uint64_t segment)
{
	struct lc_super next = log->super;
	int rc;

	next.segment = segment;
	next.tail = log->tail;
	next.floor = log->super.segment;
	rc = lc_super_write(log->dirfd, &next);
	if (rc)
		return rc;
	log->super = next;
	return lc_segment_sweep(log->dirfd, next.floor);
}

int lc_log_trim(struct lc_log *log, uint64_t position)
{
	uint64_t keep;
	int rc;

	pthread_mutex_lock(&log->mutex);
	rc = usable(log);
	if (position > log->durable)
		position = log->durable;
	if (!rc && position > log->tail)
		log->tail = position;
	if (!rc)
		rc = segment_of(log, log->tail, &keep);
	if (!rc && (keep > log->super.segment || log->super.floor < keep))
		rc = advance(log, keep);
	pthread_mutex_unlock(&log->mutex);
	return rc;
}

static uint64_t read_position(struct lc_log *log, const uint64_t *position)
{
	uint64_t value;

	pthread_mutex_lock(&log->mutex);
	value = *position;
	pthread_mutex_unlock(&log->mutex);
	return value;
}

uint64_t lc_log_end(struct lc_log *log)
{
	return read_position(log, &log->next);
}

uint64_t lc_log_tail(struct lc_log *log)
{
	return read_position(log, &log->tail);
}

uint64_t lc_log_durable(struct lc_log *log)
{
	return read_position(log, &log->durable);
}

uint64_t lc_log_epoch(struct lc_log *log)
{
	return read_position(log, &log->current.epoch);
}
