/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { AT_SEGMENT = 0, AT_LENGTH = 4, AT_OFFSET = 8 };

void lc_rvm_replay_init(struct lc_rvm_replay *replay, struct commit_rvm *rvm)
{
	memset(replay, 0, sizeof *replay);
	replay->rvm = rvm;
	replay->files.rvm = rvm;
}

/* New values; where there are too many for memory, what is held goes to the segments first. */
static int put(struct lc_rvm_replay *r, struct lc_rvm_file *file, uint64_t offset,
               const unsigned char *bytes, uint32_t length)
{
	int rc = lc_rvm_redo_put(&r->redo, file, offset, bytes, length);

	if (rc != -ENOBUFS || r->mode != LC_RVM_REPLAY_WRITE)
		return rc;
	rc = lc_rvm_redo_write(&r->redo);
	return rc ? rc : lc_rvm_redo_put(&r->redo, file, offset, bytes, length);
}

/* The ranges in one payload. */
static int take_ranges(struct lc_rvm_replay *r, const unsigned char *p, size_t left)
{
	struct lc_rvm_file *file;
	uint32_t length;
	uint64_t offset;
	size_t size;
	int rc = 0;

	for (; !rc && left > 0; p += size, left -= size) {
		if (left < LC_RVM_RANGE_HEAD)
			return -EBADMSG;
		length = lc_get_le32(p + AT_LENGTH);
		offset = lc_get_le64(p + AT_OFFSET);
		size = LC_RVM_RANGE_HEAD + ((size_t)length + 7) / 8 * 8;
		file = lc_rvm_files_find(&r->files, lc_get_le32(p + AT_SEGMENT));
		if (!file || length == 0 || size > left || offset > (uint64_t)INT64_MAX - length)
			return -EBADMSG;
		if (r->mode != LC_RVM_REPLAY_LOOK)
			rc = put(r, file, offset, p + LC_RVM_RANGE_HEAD, length);
	}
	return rc;
}

static void drop_parts(struct lc_rvm_replay *r)
{
	while (r->count > 0)
		free(r->parts[--r->count]);
}

/* The record's memory is gone after the visit. */
static int keep_part(struct lc_rvm_replay *r, const struct lc_record *record)
{
	size_t room = r->room ? 2 * r->room : 8;
	void *parts, *lengths;

	if (r->count == r->room) {
		parts = realloc(r->parts, room * sizeof *r->parts);
		if (parts)
			r->parts = parts;
		lengths = realloc(r->lengths, room * sizeof *r->lengths);
		if (lengths)
			r->lengths = lengths;
		if (!parts || !lengths)
			return -ENOMEM;
		r->room = room;
	}
	r->parts[r->count] = malloc(record->length + 1);
	if (!r->parts[r->count])
		return -ENOMEM;
	memcpy(r->parts[r->count], record->payload, record->length);
	r->lengths[r->count++] = record->length;
	return 0;
}

static int take_parts(struct lc_rvm_replay *r)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < r->count && !rc; i++)
		rc = take_ranges(r, r->parts[i], r->lengths[i]);
	drop_parts(r);
	return rc;
}

static int visit(void *context, const struct lc_record *record)
{
	struct lc_rvm_replay *r = context;

	if (record->position < r->from)
		return 0;
	/* Parts without their commit record are of a batch that was torn. */
	if (record->type != LC_RVM_PART && record->type != LC_LOG_COMMIT)
		drop_parts(r);
	switch (record->type) {
	case LC_RVM_SEGMENT:
		return lc_rvm_files_take(&r->files, record->payload, record->length);
	case LC_RVM_XACT:
		return take_ranges(r, record->payload, record->length);
	case LC_RVM_PART:
		return keep_part(r, record);
	case LC_LOG_COMMIT:
		return take_parts(r);
	case LC_RVM_TRUNCATED:
		return 0;
	default:
		return -EBADMSG;
	}
}

static int scan(struct lc_rvm_replay *r, enum lc_rvm_replay_mode mode)
{
	int rc;

	r->mode = mode;
	rc = lc_log_scan(r->rvm->log, LC_LOG_FORWARD, visit, r);
	drop_parts(r);
	return rc;
}

/* What is held, to the segments, durably. */
static int finish(struct lc_rvm_replay *r)
{
	int rc = lc_rvm_redo_write(&r->redo);

	return rc ? rc : lc_rvm_files_flush(&r->files);
}

int lc_rvm_replay_scan(struct lc_rvm_replay *replay, uint64_t from)
{
	int rc;

	replay->from = from;
	rc = scan(replay, LC_RVM_REPLAY_WRITE);
	return rc ? rc : finish(replay);
}

/* All that has been taken so far. */
static void forget(struct lc_rvm_replay *r)
{
	drop_parts(r);
	lc_rvm_redo_release(&r->redo);
	lc_rvm_files_release(&r->files);
}

static int truncated_at(const struct lc_record *record, uint64_t *from)
{
	if (record->length != 8 || lc_get_le64(record->payload) > record->position)
		return -EBADMSG;
	*from = lc_get_le64(record->payload);
	return 0;
}

/* What is before that position is not wanted, and it cannot be taken out of a page again. */
static int begin_at(struct lc_rvm_replay *r, uint64_t from)
{
	if (from <= r->first)
		return 0;
	if (from <= r->last)
		return -ENOBUFS;
	forget(r);
	r->first = from;
	return 0;
}

int lc_rvm_replay_collect(void *context, const struct lc_record *record)
{
	struct lc_rvm_replay *r = context;
	uint64_t from;

	if (r->spoilt)
		return 0;
	if (r->last == 0)
		r->first = record->position;
	r->mode = LC_RVM_REPLAY_COLLECT;
	r->spoilt = visit(r, record);
	if (!r->spoilt && record->type == LC_RVM_TRUNCATED)
		r->spoilt = truncated_at(record, &from);
	if (!r->spoilt && record->type == LC_RVM_TRUNCATED)
		r->spoilt = begin_at(r, from);
	r->last = record->position;
	if (r->spoilt)
		forget(r);
	return 0;
}

static int find_truncated(void *context, const struct lc_record *record)
{
	struct lc_rvm_replay *r = context;

	return record->type == LC_RVM_TRUNCATED ? truncated_at(record, &r->from) : 0;
}

int lc_rvm_replay_all(struct lc_rvm_replay *replay)
{
	int rc;

	drop_parts(replay);
	if (!replay->spoilt)
		return finish(replay);
	replay->files.why = replay->files.path = NULL;
	rc = lc_log_scan(replay->rvm->log, LC_LOG_FORWARD, find_truncated, replay);
	/* All is looked at before the first segment is touched. */
	if (!rc)
		rc = scan(replay, LC_RVM_REPLAY_LOOK);
	if (!rc)
		rc = scan(replay, LC_RVM_REPLAY_WRITE);
	return rc ? rc : finish(replay);
}

void lc_rvm_replay_release(struct lc_rvm_replay *replay)
{
	forget(replay);
	free(replay->parts);
	free(replay->lengths);
}
