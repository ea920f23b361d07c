/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include "sys.h"

#include <errno.h>

struct pass {
	struct lc_log *log;
	int (*visit)(void *context, const struct lc_record *record);
	void *context;
	enum lc_log_order order;
};

static int visit_list(const struct pass *pass, const struct lc_segment_records *records)
{
	uint64_t tail = lc_log_tail(pass->log);
	const struct lc_record *record;
	size_t i;
	int rc = 0;

	for (i = 0; i < records->count && !rc; i++) {
		record = &records->list[pass->order == LC_LOG_FORWARD ? i : records->count - 1 - i];
		if (record->position >= tail)
			rc = pass->visit(pass->context, record);
	}
	return rc;
}

/* The last record of a segment, as the next one's header says. */
static int last_record(const struct lc_log *log, uint64_t number, uint64_t *last)
{
	struct lc_segment next;
	int rc;

	*last = log->scan_last;
	if (number == log->scan_segment)
		return 0;
	rc = lc_segment_open(log->dirfd, number + 1, 1, &next);
	if (rc)
		return rc;
	*last = next.previous;
	lc_sys_drop(&next.fd);
	return 0;
}

/* As it was opened, if nobody has had that yet, or from the device. */
static int load_segment(struct lc_log *log, const struct lc_segment *segment,
                        struct lc_log_image *image)
{
	image->bytes = NULL;
	pthread_mutex_lock(&log->mutex);
	if (segment->number == log->scan_segment) {
		*image = log->opened;
		log->opened.bytes = NULL;
	}
	pthread_mutex_unlock(&log->mutex);
	return image->bytes ? 0 : lc_segment_load(log->dirfd, segment, image);
}

static int scan_segment(const struct pass *pass, uint64_t number)
{
	struct lc_segment_records records;
	struct lc_segment segment;
	struct lc_log_image image;
	uint64_t last;
	int rc = last_record(pass->log, number, &last);

	if (!rc)
		rc = lc_segment_open(pass->log->dirfd, number, 1, &segment);
	if (rc)
		return rc;
	rc = load_segment(pass->log, &segment, &image);
	lc_sys_drop(&segment.fd);
	if (rc)
		return rc;
	/* What was there when the log was opened must still be there, all of it. */
	rc = lc_segment_read(&segment, &image, last, &records);
	if (!rc)
		rc = visit_list(pass, &records);
	lc_segment_records_release(&records);
	lc_log_unload(&image);
	return rc;
}

int lc_log_scan(struct lc_log *log, enum lc_log_order order,
                int (*visit)(void *context, const struct lc_record *record), void *context)
{
	const struct pass pass = {.log = log, .visit = visit, .context = context, .order = order};
	uint64_t first = log->super.segment, last = log->scan_segment;
	uint64_t i, number;
	int rc = 0;

	for (i = 0; !rc && first + i <= last; i++) {
		number = order == LC_LOG_FORWARD ? first + i : last - i;
		/* visit may have trimmed the log meanwhile */
		if (number >= log->super.segment)
			rc = scan_segment(&pass, number);
	}
	return rc;
}
