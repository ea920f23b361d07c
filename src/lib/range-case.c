/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(void **list, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *bigger = realloc(*list, more * size);

	if (!bigger)
		return -ENOMEM;
	*list = bigger;
	*room = more;
	return 0;
}

/* An edit that can still be finished or taken back ends before the next begins. */
static int is_unfinished(const struct lc_range_case *edit)
{
	if (!edit->known || edit->ended)
		return 0;
	return edit->committed || edit->begin.flags & LC_RANGE_BEHIND;
}

static int take_begin(struct lc_range_case *edit, const struct lc_record *record)
{
	if (is_unfinished(edit))
		return -EBADMSG;
	edit->known = 1;
	edit->committed = edit->ended = 0;
	edit->transaction = record->transaction;
	edit->count = 0;
	return lc_range_decode_begin(record, &edit->begin);
}

static int take_op(struct lc_range_case *edit, const struct lc_record *record)
{
	struct lc_range_op op;
	int rc = lc_range_decode_op(record, &op);

	/* A device has an end, and it is not ours to move. */
	if (!rc && (edit->committed || edit->ended ||
	            (edit->begin.flags & LC_RANGE_DEVICE && op.old_length != op.length)))
		rc = -EBADMSG;
	if (!rc && edit->count == edit->room)
		rc = grow((void **)&edit->ops, &edit->room, sizeof *edit->ops);
	if (rc)
		return rc;
	edit->ops[edit->count].offset = op.offset;
	edit->ops[edit->count++].length = op.length;
	return 0;
}

static int take(void *context, const struct lc_record *record)
{
	struct lc_range_case *edit = context;

	if (record->type == LC_LOG_BEGIN)
		return take_begin(edit, record);
	/* The begin of this edit was trimmed away, or never was. */
	if (!edit->known)
		return 0;
	if (record->transaction != edit->transaction)
		return -EBADMSG;
	switch (record->type) {
	case LC_RANGE_OP:
		return take_op(edit, record);
	case LC_LOG_COMMIT:
		edit->committed = 1;
		return 0;
	case LC_LOG_COMPLETE:
	case LC_LOG_ABORT:
		edit->ended = 1;
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Disjoint and sorted: what later ranges cover. */
struct cover {
	struct lc_range_extent *list;
	size_t count;
	size_t room;
};

/* The first of them that ends behind offset. */
static size_t first_behind(const struct cover *cover, uint64_t offset)
{
	size_t low = 0, high = cover->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (cover->list[middle].offset + cover->list[middle].length <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int add_piece(struct lc_range_case *edit, size_t *room, size_t op, uint64_t from,
                     uint64_t to)
{
	struct lc_range_piece *piece;
	int rc = 0;

	if (from >= to)
		return 0;
	if (edit->piece_count == *room)
		rc = grow((void **)&edit->pieces, room, sizeof *edit->pieces);
	if (rc)
		return rc;
	piece = &edit->pieces[edit->piece_count++];
	piece->op = op;
	piece->offset = from;
	piece->length = to - from;
	return 0;
}

/* Covers one more extent; those that it meets from at on become one with it. */
static int add_cover(struct cover *cover, size_t at, uint64_t from, uint64_t to)
{
	size_t end = at;
	int rc = 0;

	if (at > 0 && cover->list[at - 1].offset + cover->list[at - 1].length == from)
		at--;
	for (; end < cover->count && cover->list[end].offset <= to; end++)
		if (cover->list[end].offset + cover->list[end].length > to)
			to = cover->list[end].offset + cover->list[end].length;
	if (at < end && cover->list[at].offset < from)
		from = cover->list[at].offset;
	if (at == end && cover->count == cover->room)
		rc = grow((void **)&cover->list, &cover->room, sizeof *cover->list);
	if (rc)
		return rc;
	memmove(&cover->list[at + 1], &cover->list[end],
	        (cover->count - end) * sizeof *cover->list);
	cover->count = cover->count - (end - at) + 1;
	cover->list[at].offset = from;
	cover->list[at].length = to - from;
	return 0;
}

/* The parts of one range that are not covered, and then it covers. */
static int cut_op(struct lc_range_case *edit, size_t *room, struct cover *cover, size_t op)
{
	uint64_t from = edit->ops[op].offset, end = from + edit->ops[op].length;
	size_t first = first_behind(cover, from), i;
	int rc = 0;

	for (i = first; !rc && i < cover->count && cover->list[i].offset < end; i++) {
		rc = add_piece(edit, room, op, from, cover->list[i].offset);
		from = cover->list[i].offset + cover->list[i].length;
	}
	if (!rc)
		rc = add_piece(edit, room, op, from, end);
	return rc ? rc : add_cover(cover, first, edit->ops[op].offset, end);
}

static void reverse(struct lc_range_piece *list, size_t count)
{
	struct lc_range_piece swap;
	size_t i;

	for (i = 0; i < count / 2; i++) {
		swap = list[i];
		list[i] = list[count - 1 - i];
		list[count - 1 - i] = swap;
	}
}

/* From the last range to the first, because the later one counts. */
static int cut(struct lc_range_case *edit)
{
	struct cover cover = {NULL, 0, 0};
	size_t room = 0, i;
	int rc = 0;

	edit->new_size = edit->begin.old_size;
	for (i = edit->count; i-- > 0 && !rc;) {
		rc = cut_op(edit, &room, &cover, i);
		if (edit->ops[i].offset + edit->ops[i].length > edit->new_size)
			edit->new_size = edit->ops[i].offset + edit->ops[i].length;
	}
	reverse(edit->pieces, edit->piece_count);
	free(cover.list);
	return rc;
}

int lc_range_case_read(struct lc_log *log, struct lc_range_case *edit)
{
	int rc;

	memset(edit, 0, sizeof *edit);
	rc = lc_log_scan(log, LC_LOG_FORWARD, take, edit);
	if (rc || !is_unfinished(edit))
		return rc;
	edit->state = edit->begin.flags & LC_RANGE_BEHIND ? LC_RANGE_BACK : LC_RANGE_FORWARD;
	return cut(edit);
}

void lc_range_case_release(struct lc_range_case *edit)
{
	free(edit->ops);
	free(edit->pieces);
	edit->ops = NULL;
	edit->pieces = NULL;
}
