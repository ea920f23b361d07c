/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Bytes looked at behind the end of a segment, as a multiple of its size */
#define CLAIMS_WORK 16

/* The record at exactly that position, if it belongs there. */
static int record_at(const struct lc_segment *segment, const struct lc_log_image *image,
                     uint64_t position, struct lc_record *record)
{
	uint64_t offset = LC_LOG_BLOCK + (position - segment->first);
	int rc;

	if (offset >= image->size)
		return -EAGAIN;
	rc = lc_record_peek(image->bytes + offset, (size_t)(image->size - offset), record);
	if (rc)
		return rc;
	if (record->position != position || record->salt != segment->salt)
		return -EBADMSG;
	return lc_record_open(image->bytes + offset, (size_t)(image->size - offset), record);
}

/*
 * Behind a forced batch the rest of its block is left alone, and what a block
 * was taken to be may have changed since. Records form a chain, so that one
 * that is left over from a lost tail has no place in it.
 */
static int next_record(const struct lc_segment *segment, const struct lc_log_image *image,
                       const struct lc_segment_records *records, struct lc_record *record)
{
	uint64_t at = UINT64_MAX, candidate;
	unsigned unit;

	for (unit = LC_RECORD_ALIGN; unit <= LC_LOG_BLOCK; unit *= 2) {
		candidate = lc_log_align(records->end, unit);
		if (candidate == at)
			continue;
		at = candidate;
		if (record_at(segment, image, at, record) == 0 && record->previous == records->last)
			return 1;
	}
	return 0;
}

static int keep(struct lc_segment_records *records, const struct lc_record *record)
{
	size_t room = records->room ? 2 * records->room : 64;
	struct lc_record *bigger;

	if (records->count == records->room) {
		bigger = realloc(records->list, room * sizeof *bigger);
		if (!bigger)
			return -ENOMEM;
		records->list = bigger;
		records->room = room;
	}
	records->list[records->count++] = *record;
	return 0;
}

int lc_segment_read(const struct lc_segment *segment, const struct lc_log_image *image,
                    uint64_t until, struct lc_segment_records *records)
{
	struct lc_commit_check check;
	struct lc_record record;
	int rc;

	memset(records, 0, sizeof *records);
	records->end = segment->first;
	records->last = segment->previous;
	rc = lc_commit_check_init(&check);
	while (!rc && records->last != until && next_record(segment, image, records, &record)) {
		rc = keep(records, &record);
		if (!rc && record.type == LC_LOG_COMMIT &&
		    !lc_commit_check_fits(&check, records->list, records->count - 1)) {
			records->end = record.position;
			rc = -EBADMSG;
		}
		if (rc)
			break;
		records->last = record.position;
		records->end = record.position + lc_record_size(record.length);
	}
	lc_commit_check_release(&check);
	if (!rc && until != LC_LOG_ALL && records->last != until)
		rc = -EBADMSG;
	return rc;
}

void lc_segment_records_release(struct lc_segment_records *records)
{
	free(records->list);
	records->list = NULL;
}

/*
 * Behind a damaged record there may be good ones. If one of them knew the
 * damaged one to be durable, this is no torn tail. They are looked for at every
 * place; a stranger's segment could make that take for ever.
 */
int lc_segment_claims(const struct lc_segment *segment, const struct lc_log_image *image,
                      const struct lc_segment_records *records, uint64_t *claimed)
{
	uint64_t limit = segment->first + (image->size - LC_LOG_BLOCK);
	uint64_t work = CLAIMS_WORK * image->size;
	struct lc_record record;
	uint64_t at;
	size_t i;

	*claimed = segment->first;
	for (i = 0; i < records->count; i++)
		if (records->list[i].durable > *claimed)
			*claimed = records->list[i].durable;
	for (at = records->end; at < limit; at += LC_RECORD_ALIGN) {
		memset(&record, 0, sizeof record);
		if (record_at(segment, image, at, &record) == 0 && record.durable > *claimed)
			*claimed = record.durable;
		/* Only what stands at its place and has the salt was looked at as a whole. */
		if (record.position != at || record.salt != segment->salt)
			continue;
		if (record.length > work)
			return -EBADMSG;
		work -= record.length;
	}
	return 0;
}
