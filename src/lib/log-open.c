/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Recovery may find the disk nearly full: the segment that it begins is no larger. */
#define EPOCH_SEGMENT ((uint32_t)256 * 1024)

/* What reading the log back has found so far. */
struct reading {
	struct lc_log *log;
	struct lc_log_report *report;
	/* the highest number of a segment that has a file */
	uint64_t highest;
	/* where the records read so far end, and the last of them */
	uint64_t end;
	uint64_t last;
	/* the last segment cannot be gone on with */
	int spoilt;
};

static int damaged(struct reading *r, uint64_t position)
{
	r->report->damaged = position;
	return -EBADMSG;
}

/* Does what stands behind the last good record, if anything, say that there was more? */
static int check_tail(struct reading *r, const struct lc_segment *segment,
                      const struct lc_log_image *image, const struct lc_segment_records *records)
{
	uint64_t claimed;
	int rc = lc_segment_claims(segment, image, records, &claimed);

	if (rc || claimed > records->end)
		return damaged(r, records->end);
	r->report->dropped = lc_log_nonzero(image, LC_LOG_BLOCK + (records->end - segment->first));
	r->spoilt = r->report->dropped > 0 || image->file_size < segment->size;
	if (r->spoilt || r->log->options.look_only)
		return 0;
	/* After a failed flush the cache shows what the device has never got. */
	rc = lc_segment_cache_agrees(segment, image);
	r->spoilt = rc == 0;
	return rc < 0 ? rc : 0;
}

static int tell(const struct reading *r, const struct lc_segment_records *records)
{
	const struct lc_log_options *options = &r->log->options;
	size_t i;
	int rc = 0;

	for (i = 0; options->visit && i < records->count && !rc; i++)
		if (records->list[i].position >= r->log->super.tail)
			rc = options->visit(options->context, &records->list[i]);
	return rc;
}

/* next is the segment behind this one, NULL if this is the last. */
static int read_records(struct reading *r, const struct lc_segment *segment,
                        const struct lc_segment *next)
{
	struct lc_segment_records records;
	struct lc_log_image image;
	int rc = lc_segment_load(r->log->dirfd, segment, &image);

	if (rc)
		return rc;
	rc = lc_segment_read(segment, &image, next ? next->previous : LC_LOG_ALL, &records);
	/* This one has ended where the next one starts. */
	if (!rc && next &&
	    (lc_log_align(records.end, LC_LOG_BLOCK) != next->first ||
	     next->epoch < segment->epoch))
		rc = -EBADMSG;
	if (rc == -EBADMSG)
		rc = damaged(r, records.end);
	else if (!rc && !next)
		rc = check_tail(r, segment, &image, &records);
	if (!rc)
		rc = tell(r, &records);
	r->end = records.end;
	r->last = records.last;
	r->report->records += records.count;
	r->report->segments++;
	lc_segment_records_release(&records);
	if (rc || next)
		lc_log_unload(&image);
	else
		r->log->opened = image;
	return rc;
}

/* 1: *segment is the one with that number; 0: the log ends before it. */
static int look_at(struct reading *r, uint64_t number, struct lc_segment *segment)
{
	struct lc_log *log = r->log;
	int first = number == log->super.segment;
	int rc;

	if (!first && number > r->highest)
		return 0;
	rc = lc_segment_open(log->dirfd, number, log->options.look_only, segment);
	if (rc == 0)
		return 1;
	/* Made ahead of its first record, and nothing more. */
	if (rc == -ENODATA && !first && number == r->highest)
		return 0;
	if (rc == -ENOENT || rc == -ENODATA || rc == -EBADMSG)
		return damaged(r, first ? log->super.tail : log->current.first);
	return rc;
}

static int read_segments(struct reading *r)
{
	struct lc_log *log = r->log;
	struct lc_segment next;
	int rc = look_at(r, log->super.segment, &log->current);

	if (rc < 0)
		return rc;
	if (log->super.tail < log->current.first)
		return damaged(r, log->super.tail);
	for (;;) {
		rc = look_at(r, log->current.number + 1, &next);
		if (rc <= 0)
			return rc ? rc : read_records(r, &log->current, NULL);
		rc = read_records(r, &log->current, &next);
		lc_sys_drop(&log->current.fd);
		log->current = next;
		if (rc)
			return rc;
	}
}

/*
 * What follows the last good record must be nothing, on the device and in the
 * cache: else a later partial write could bring back what recovery has dropped.
 */
static int begin_epoch(struct reading *r)
{
	struct lc_log *log = r->log;
	struct lc_segment next;
	uint64_t first = lc_log_align(r->end, LC_LOG_BLOCK);
	uint32_t size = log->options.segment_size;
	int rc;

	if (first > LC_LOG_FIRST_MAX)
		return -EFBIG;
	if (size > EPOCH_SEGMENT)
		size = EPOCH_SEGMENT;
	rc = lc_segment_make(log->dirfd, log->current.number + 1, size, &next);
	if (rc)
		return rc;
	rc = lc_segment_begin(&next, first, r->last, log->current.epoch + 1);
	if (!rc)
		rc = lc_segment_flush(log->dirfd, &next);
	if (rc) {
		lc_sys_drop(&next.fd);
		return rc;
	}
	lc_sys_drop(&log->current.fd);
	log->current = next;
	log->next = first;
	return 0;
}

/* All that is read has been read: from here on things may be changed. */
static int settle(struct reading *r)
{
	struct lc_log *log = r->log;
	int rc;

	log->next = r->end;
	log->last = log->scan_last = r->last;
	log->scan_segment = log->current.number;
	log->tail = log->super.tail;
	log->durable = log->started = log->next;
	if (log->options.look_only)
		return 0;
	/* What was read need not be durable: the device has a cache too. */
	rc = lc_sys_fdatasync(log->current.fd);
	if (!rc && r->highest > log->current.number)
		rc = lc_segment_remove(log->dirfd, r->highest);
	if (!rc && r->spoilt)
		rc = begin_epoch(r);
	if (!rc && log->super.alone)
		rc = lc_super_write(log->dirfd, &log->super);
	/* Leftovers of a trim; they harm nobody. */
	if (!rc)
		lc_segment_sweep(log->dirfd, log->super.floor);
	log->durable = log->started = log->next;
	return rc;
}

static struct lc_log *new_log(int dirfd, const struct lc_log_options *options)
{
	struct lc_log *log = calloc(1, sizeof *log);

	if (!log)
		return NULL;
	log->dirfd = dirfd;
	log->options = *options;
	log->current.fd = log->ahead.fd = -1;
	lc_log_force_init(log);
	pthread_mutex_init(&log->mutex, NULL);
	pthread_cond_init(&log->flushed, NULL);
	return log;
}

int lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **log,
                struct lc_log_report *report)
{
	struct lc_log_report unwanted = {0};
	struct reading r = {.report = report ? report : &unwanted};
	int rc = lc_log_options_check(options);

	memset(r.report, 0, sizeof *r.report);
	if (rc)
		return rc;
	r.log = new_log(dirfd, options);
	if (!r.log)
		return -ENOMEM;
	rc = lc_super_read(dirfd, &r.log->super);
	if (!rc)
		rc = lc_segment_highest(dirfd, &r.highest);
	if (!rc)
		rc = read_segments(&r);
	if (!rc && r.end < r.log->super.tail)
		rc = damaged(&r, r.end);
	if (!rc)
		rc = settle(&r);
	/* Whoever listens need not outlive this call. */
	r.log->options.visit = NULL;
	if (rc)
		lc_log_close(r.log);
	else
		*log = r.log;
	return rc;
}

/*
 * There are no superblocks. What a create that was interrupted has left is one
 * segment without records; anything else was a log.
 */
static int check_empty(int dirfd)
{
	struct lc_segment segment;
	struct lc_log_image image;
	uint64_t highest;
	int rc = lc_segment_highest(dirfd, &highest);

	if (rc || highest == 0)
		return rc;
	if (highest > 1)
		return -EBADMSG;
	rc = lc_segment_open(dirfd, highest, 1, &segment);
	if (rc)
		return rc == -ENODATA ? 0 : rc;
	lc_sys_drop(&segment.fd);
	rc = lc_segment_load(dirfd, &segment, &image);
	if (rc)
		return rc;
	rc = lc_log_nonzero(&image, LC_LOG_BLOCK) ? -EBADMSG : 0;
	lc_log_unload(&image);
	return rc;
}

int lc_log_create(int dirfd, const struct lc_log_options *options)
{
	struct lc_super super = {.generation = 0, .segment = 1, .tail = LC_LOG_START};
	struct lc_segment first;
	int rc = lc_log_options_check(options);

	if (rc)
		return rc;
	rc = lc_super_exists(dirfd);
	if (rc)
		return rc < 0 ? rc : -EEXIST;
	rc = check_empty(dirfd);
	if (!rc)
		rc = lc_segment_make(dirfd, super.segment, options->segment_size, &first);
	if (rc)
		return rc;
	rc = lc_segment_begin(&first, LC_LOG_START, 0, 1);
	if (!rc && !options->unflushed)
		rc = lc_segment_flush(dirfd, &first);
	lc_sys_drop(&first.fd);
	/* The superblocks come last: without them there is no log. */
	return rc ? rc : lc_super_create(dirfd, &super, !options->unflushed);
}
