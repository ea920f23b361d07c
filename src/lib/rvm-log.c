/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "bytes.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* commit-rvm(5) */
enum { AT_SEGMENT = 0, AT_LENGTH = 4, AT_OFFSET = 8 };

static size_t padded(size_t length)
{
	return (length + 7) / 8 * 8;
}

/* Ranges that follow each other in memory are one in the log. */
static size_t run_of(const struct commit_rvm_xact *xact, size_t first, size_t *length)
{
	const struct lc_rvm_range *range = &xact->ranges[first];
	size_t i;

	*length = range->length;
	for (i = first + 1; i < xact->count; i++) {
		if (xact->ranges[i].region != range->region ||
		    xact->ranges[i].start != range->start + *length)
			break;
		*length += xact->ranges[i].length;
	}
	return i;
}

/* What payloads and entries take at most. */
static void measure(const struct commit_rvm_xact *xact, size_t *bytes, size_t *records)
{
	size_t at, length, pieces;

	*bytes = 0;
	*records = 1;
	for (at = 0; at < xact->count;) {
		at = run_of(xact, at, &length);
		/* Cut where it fills records, and where it begins in one that is half full. */
		pieces = length / (LC_RVM_RECORD_MAX - LC_RVM_RANGE_HEAD) + 2;
		*bytes += padded(length) + pieces * (LC_RVM_RANGE_HEAD + 8);
	}
	*records += 2 * (*bytes / LC_RVM_RECORD_MAX) + 2;
}

struct encoding {
	struct lc_rvm_batch *batch;
	unsigned char *at;
	/* where the payload of the present record begins */
	unsigned char *begin;
};

static void end_record(struct encoding *e)
{
	struct lc_log_entry *entry = &e->batch->entries[e->batch->count];

	if (e->at == e->begin)
		return;
	*entry = (struct lc_log_entry){LC_RVM_PART, (uint32_t)(e->at - e->begin), 0, e->begin};
	e->batch->bytes += lc_record_size(entry->length);
	e->batch->count++;
	e->begin = e->at;
}

static void put_range(struct encoding *e, const struct lc_rvm_range *range, size_t skip,
                      size_t length)
{
	unsigned char *at = e->at;

	lc_put_le32(at + AT_SEGMENT, range->region->segment->number);
	lc_put_le32(at + AT_LENGTH, (uint32_t)length);
	lc_put_le64(at + AT_OFFSET, range->region->offset +
	                                    (uint64_t)(range->start - range->region->memory) +
	                                    skip);
	memcpy(at + LC_RVM_RANGE_HEAD, range->start + skip, length);
	memset(at + LC_RVM_RANGE_HEAD + length, 0, padded(length) - length);
	e->at += LC_RVM_RANGE_HEAD + padded(length);
}

/* A run is cut where a record is full. */
static void put_run(struct encoding *e, const struct lc_rvm_range *range, size_t length)
{
	size_t done = 0, room, count;

	while (done < length) {
		room = LC_RVM_RECORD_MAX - (size_t)(e->at - e->begin);
		if (room < LC_RVM_RANGE_HEAD + 8) {
			end_record(e);
			continue;
		}
		room -= LC_RVM_RANGE_HEAD;
		count = length - done < room ? length - done : room;
		put_range(e, range, done, count);
		done += count;
	}
}

struct lc_rvm_batch *lc_rvm_encode(const struct commit_rvm_xact *xact)
{
	struct encoding e = {NULL, NULL, NULL};
	size_t bytes, records, at, length, next;

	measure(xact, &bytes, &records);
	e.batch = malloc(sizeof *e.batch + bytes);
	if (!e.batch)
		return NULL;
	memset(e.batch, 0, sizeof *e.batch);
	e.batch->entries = calloc(records, sizeof *e.batch->entries);
	if (!e.batch->entries) {
		free(e.batch);
		return NULL;
	}
	e.at = e.begin = e.batch->payload;
	for (at = 0; at < xact->count; at = next) {
		next = run_of(xact, at, &length);
		put_run(&e, &xact->ranges[at], length);
	}
	end_record(&e);
	/* One record is there or not by itself; more of them need one that says so. */
	if (e.batch->count == 1) {
		e.batch->entries[0].type = LC_RVM_XACT;
	} else if (e.batch->count > 1) {
		e.batch->entries[e.batch->count++] =
		        (struct lc_log_entry){LC_LOG_COMMIT, 0, 0, NULL};
		e.batch->bytes += lc_record_size(24);
	}
	return e.batch;
}

void lc_rvm_batch_free(struct lc_rvm_batch *batch)
{
	if (batch)
		free(batch->entries);
	free(batch);
}

static int append_raw(struct commit_rvm *rvm, const struct lc_log_entry *entries, size_t count,
                      uint64_t bytes, uint64_t *end)
{
	int rc = lc_log_append(rvm->log, entries, count, end);

	if (!rc)
		rvm->statistics.log_bytes += bytes;
	return rc;
}

static int define(struct commit_rvm *rvm, struct lc_rvm_segment *segment)
{
	unsigned char payload[LC_RVM_SEGMENT_MAX];
	const struct lc_log_entry entry = {LC_RVM_SEGMENT, lc_rvm_put_segment(segment, payload), 0,
	                                   payload};
	uint64_t end;
	int rc = append_raw(rvm, &entry, 1, lc_record_size(entry.length), &end);

	segment->defined = rc == 0;
	return rc;
}

static int define_segments(struct commit_rvm *rvm)
{
	struct lc_rvm_segment *segment;
	int rc = 0;

	for (segment = rvm->segments; segment && !rc; segment = segment->next)
		if (!segment->defined)
			rc = define(rvm, segment);
	return rc;
}

/* The log is bounded: who would make it longer waits until it is truncated. */
static int wait_for_room(struct commit_rvm *rvm, uint64_t bytes, int may_wait)
{
	int waited = 0;

	if (bytes > rvm->opt.log_size)
		return -EFBIG;
	while (lc_log_end(rvm->log) - rvm->truncated + bytes > rvm->opt.log_size) {
		if (!may_wait)
			return -EAGAIN;
		if (waited && rvm->truncate_failed)
			return rvm->truncate_failed;
		rvm->statistics.waits += !waited;
		waited = 1;
		rvm->truncate_wanted = 1;
		pthread_cond_signal(&rvm->work);
		pthread_cond_wait(&rvm->room, &rvm->mutex);
	}
	return 0;
}

/* What the thread can do while others commit. */
static void ask_for_work(struct commit_rvm *rvm)
{
	uint64_t used = lc_log_end(rvm->log) - rvm->truncated;

	if (!rvm->prepare_wanted && lc_log_wants_prepare(rvm->log)) {
		rvm->prepare_wanted = 1;
		pthread_cond_signal(&rvm->work);
	}
	if (rvm->truncate_wanted || used < rvm->opt.log_size / 100 * rvm->opt.truncate_percent)
		return;
	rvm->truncate_wanted = 1;
	pthread_cond_signal(&rvm->work);
}

static void drop_first(struct commit_rvm *rvm)
{
	struct lc_rvm_batch *first = rvm->queue;

	rvm->queue = first->next;
	if (!rvm->queue)
		rvm->queue_end = &rvm->queue;
	rvm->statistics.queued_bytes -= first->bytes;
	lc_rvm_batch_free(first);
}

/* Oldest first: each leaves the queue when it is in the log. */
static int append_queue(struct commit_rvm *rvm, uint64_t *end)
{
	int rc = 0;

	while (rvm->queue && !rc) {
		rc = append_raw(rvm, rvm->queue->entries, rvm->queue->count, rvm->queue->bytes,
		                end);
		if (!rc)
			drop_first(rvm);
	}
	return rc;
}

int lc_rvm_append(struct commit_rvm *rvm, const struct lc_rvm_batch *batch, int may_wait,
                  uint64_t *end)
{
	const uint64_t slack = 8192;
	uint64_t bytes = batch ? batch->bytes : 0;
	int rc;

	/* What is queued has a bound, and it is not more than a part of the log. */
	rc = wait_for_room(rvm, bytes + rvm->statistics.queued_bytes + slack, may_wait);
	*end = lc_log_end(rvm->log);
	if (!rc)
		rc = define_segments(rvm);
	if (!rc)
		rc = append_queue(rvm, end);
	if (!rc && batch && batch->count > 0)
		rc = append_raw(rvm, batch->entries, batch->count, batch->bytes, end);
	ask_for_work(rvm);
	return rc;
}

int lc_rvm_enqueue(struct commit_rvm *rvm, struct lc_rvm_batch *batch, uint64_t *end)
{
	int rc = 0;

	*end = 0;
	if (batch->bytes > rvm->opt.queue_bytes) {
		/* More than a queue is for: in the log at once, behind what is queued. */
		rc = lc_rvm_append(rvm, batch, 1, end);
		lc_rvm_batch_free(batch);
		return rc;
	}
	if (rvm->statistics.queued_bytes + batch->bytes > rvm->opt.queue_bytes)
		rc = lc_rvm_append(rvm, NULL, 1, end);
	if (rc || batch->count == 0) {
		lc_rvm_batch_free(batch);
		return rc;
	}
	if (!rvm->queue) {
		rvm->queue_since = lc_sys_clock_ms();
		pthread_cond_signal(&rvm->work);
	}
	*rvm->queue_end = batch;
	rvm->queue_end = &batch->next;
	rvm->statistics.queued_bytes += batch->bytes;
	return 0;
}

int lc_rvm_force_queue(struct commit_rvm *rvm)
{
	uint64_t end;
	int rc;

	pthread_mutex_lock(&rvm->mutex);
	rc = lc_rvm_append(rvm, NULL, 1, &end);
	pthread_mutex_unlock(&rvm->mutex);
	return rc ? rc : lc_log_force(rvm->log, end);
}
