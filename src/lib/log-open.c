/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What reading the log back has found so far. */
struct reading {
	struct lc_log *log;
	struct lc_log_report *report;
	/* end of the records in the segment read last */
	struct lc_segment_end end;
	/* the page cache shows something else than the device has */
	int stale_cache;
};

static int damaged(struct reading *r, uint64_t position)
{
	r->report->damaged = position;
	return -EBADMSG;
}

static int read_records(struct reading *r, struct lc_segment *segment)
{
	struct lc_segment_image image;
	uint64_t previous = r->report->segments == 0 ? LC_LOG_ANY : r->end.last;
	int rc = lc_segment_load(r->log->dirfd, segment, &image);

	if (rc)
		return rc;
	lc_segment_find_end(segment, &image, segment->first, previous, &r->end);
	rc = lc_segment_cache_agrees(segment, &image);
	lc_segment_unload(&image);
	if (rc < 0)
		return rc;
	r->stale_cache = rc == 0;
	r->report->records += r->end.records;
	r->report->segments++;
	if (r->end.last == LC_LOG_ANY)
		r->end.last = 0;
	return r->end.claimed > r->end.position ? damaged(r, r->end.position) : 0;
}

/* The segment before this one has ended where this one starts. */
static int check_seam(struct reading *r, const struct lc_segment *segment)
{
	if (r->report->segments == 0)
		return 0;
	if (lc_log_align(r->end.position, LC_LOG_BLOCK) != segment->first)
		return damaged(r, r->end.position);
	return 0;
}

/* A segment without a header was made ahead of use and holds nothing. */
static int remove_unbegun(struct reading *r, uint64_t number)
{
	char name[LC_LOG_NAME_SIZE];

	if (r->log->options.look_only)
		return 0;
	lc_segment_name(number, name);
	return lc_sys_unlink(r->log->dirfd, name);
}

static int read_segments(struct reading *r)
{
	struct lc_log *log = r->log;
	struct lc_segment segment;
	uint64_t number;
	int rc = 0;

	for (number = log->super.segment; !rc; number++) {
		rc = lc_segment_open(log->dirfd, number, log->options.look_only, &segment);
		if (rc == -ENOENT && number > log->super.segment)
			return 0;
		if (rc == -ENODATA && number > log->super.segment)
			return remove_unbegun(r, number);
		if (rc == -ENOENT || rc == -ENODATA || rc == -EBADMSG)
			return damaged(r, r->end.position);
		if (rc)
			return rc;
		lc_sys_drop(&log->current.fd);
		rc = check_seam(r, &segment);
		log->current = segment;
		if (!rc)
			rc = read_records(r, &segment);
	}
	return rc;
}

/*
 * What follows the last good record must be nothing, on the device and in the
 * cache: else a later partial write could bring back what recovery has dropped.
 */
static int begin_epoch(struct reading *r)
{
	struct lc_log *log = r->log;
	struct lc_segment next;
	uint64_t first = lc_log_align(r->end.position, LC_LOG_BLOCK);
	int rc;

	rc = lc_segment_make(log->dirfd, log->current.number + 1, log->options.segment_size, &next);
	if (!rc)
		rc = lc_segment_begin(&next, first, log->current.epoch + 1);
	if (!rc)
		rc = lc_sys_fdatasync(next.fd);
	if (rc) {
		lc_sys_drop(&next.fd);
		return rc;
	}
	r->report->dropped = first - r->end.position;
	lc_sys_drop(&log->current.fd);
	log->current = next;
	log->next = first;
	return 0;
}

static int settle(struct reading *r)
{
	struct lc_log *log = r->log;
	int rc = 0;

	log->next = log->scan_end = r->end.position;
	log->last = r->end.last;
	log->tail = log->super.tail;
	log->oldest = log->super.segment;
	if (log->options.look_only)
		return 0;
	/* A record that was read need not be durable: the device has a cache too. */
	if (r->report->records > 0)
		rc = lc_sys_fdatasync(log->current.fd);
	if (!rc && (r->end.dirty || r->stale_cache))
		rc = begin_epoch(r);
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
	log->current.fd = log->spare.fd = -1;
	pthread_mutex_init(&log->mutex, NULL);
	pthread_cond_init(&log->flushed, NULL);
	return log;
}

int lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **out,
                struct lc_log_report *report)
{
	struct lc_log_report unwanted;
	struct reading r = {.report = report ? report : &unwanted};
	int rc;

	memset(r.report, 0, sizeof *r.report);
	r.log = new_log(dirfd, options);
	if (!r.log)
		return -ENOMEM;
	rc = lc_super_read(dirfd, &r.log->super);
	if (!rc)
		rc = read_segments(&r);
	if (!rc && r.end.position < r.log->super.tail)
		rc = damaged(&r, r.end.position);
	if (!rc)
		rc = settle(&r);
	if (rc)
		lc_log_close(r.log);
	else
		*out = r.log;
	return rc;
}

int lc_log_create(int dirfd, const struct lc_log_options *options)
{
	struct lc_super super = {.generation = 0, .segment = 1, .tail = LC_LOG_START};
	struct lc_segment first;
	int rc = lc_segment_make(dirfd, super.segment, options->segment_size, &first);

	if (rc)
		return rc;
	rc = lc_segment_begin(&first, LC_LOG_START, 1);
	if (!rc)
		rc = lc_sys_fdatasync(first.fd);
	lc_sys_drop(&first.fd);
	/* The superblocks come last: without them there is no log. */
	if (!rc)
		rc = lc_super_create(dirfd, &super);
	return rc ? rc : lc_sys_fsync(dirfd);
}

struct pass {
	struct lc_log *log;
	int (*visit)(void *context, const struct lc_record *record);
	void *context;
	enum lc_log_order order;
	struct lc_commit_check check;
	uint64_t previous;
};

/* A commit record that does not fit its batch commits nothing. */
static int verify(struct pass *pass, const struct lc_record *record)
{
	const unsigned char *bytes = record->payload - LC_RECORD_HEAD;

	if (record->type == LC_LOG_COMMIT)
		return lc_commit_check_fits(&pass->check, record) ? 0 : -EBADMSG;
	lc_commit_check_add(&pass->check, record->transaction, bytes,
	                    lc_record_size(record->length));
	return 0;
}

/* The records of one segment, in the order they stand in it. */
static int collect(struct pass *pass, const struct lc_segment *segment,
                   const struct lc_segment_image *image, struct lc_record **list, size_t *count)
{
	uint64_t position = segment->first;
	size_t room = 0;
	struct lc_record record, *bigger;
	int rc = 0;

	*list = NULL;
	*count = 0;
	while (!rc && position < pass->log->scan_end &&
	       lc_segment_next(segment, image, pass->previous, &position, &record)) {
		pass->previous = record.position;
		rc = verify(pass, &record);
		if (*count == room) {
			room = room ? 2 * room : 64;
			bigger = realloc(*list, room * sizeof **list);
			if (!bigger)
				return -ENOMEM;
			*list = bigger;
		}
		(*list)[(*count)++] = record;
	}
	return rc;
}

static int visit_list(struct pass *pass, const struct lc_record *list, size_t count)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < count && !rc; i++) {
		const struct lc_record *record =
		        &list[pass->order == LC_LOG_FORWARD ? i : count - 1 - i];

		if (record->position >= pass->log->tail)
			rc = pass->visit(pass->context, record);
	}
	return rc;
}

static int scan_segment(struct pass *pass, uint64_t number)
{
	struct lc_segment segment;
	struct lc_segment_image image;
	struct lc_record *list;
	size_t count;
	int rc = lc_segment_open(pass->log->dirfd, number, 1, &segment);

	if (rc)
		return rc;
	rc = lc_segment_load(pass->log->dirfd, &segment, &image);
	lc_sys_drop(&segment.fd);
	if (rc)
		return rc;
	if (pass->order == LC_LOG_BACKWARD)
		pass->previous = LC_LOG_ANY;
	rc = collect(pass, &segment, &image, &list, &count);
	if (!rc)
		rc = visit_list(pass, list, count);
	free(list);
	lc_segment_unload(&image);
	return rc;
}

int lc_log_scan(struct lc_log *log, enum lc_log_order order,
                int (*visit)(void *context, const struct lc_record *record), void *context)
{
	struct pass pass = {.log = log,
	                    .visit = visit,
	                    .context = context,
	                    .order = order,
	                    .previous = LC_LOG_ANY};
	uint64_t i, count = log->current.number - log->oldest + 1;
	int rc = lc_commit_check_init(&pass.check);

	for (i = 0; i < count && !rc; i++)
		rc = scan_segment(&pass, order == LC_LOG_FORWARD ? log->oldest + i
		                                                 : log->current.number - i);
	lc_commit_check_release(&pass.check);
	return rc;
}
