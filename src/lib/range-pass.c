/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range-internal.h"

#include "copy.h"
#include "fault.h"
#include "inplace.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pass {
	const struct lc_range_case *edit;
	int target;
	enum lc_range_work work;
	/* the range that comes next, and its first piece */
	size_t op;
	size_t piece;
	unsigned char *now;
	unsigned char *old;
};

static int sector_known(const struct pass *pass, const unsigned char *now, const unsigned char *old,
                        const unsigned char *new, size_t count)
{
	if (pass->edit->state == LC_RANGE_BACK)
		return lc_inplace_bytes_known(now, old, new, count);
	return lc_inplace_sector_known(now, old, new, count);
}

/* Compares one piece with the target, sector by sector. */
static int look(struct pass *pass, const struct lc_range_op *op, const struct lc_range_piece *piece)
{
	size_t skip = (size_t)(piece->offset - op->offset), length = (size_t)piece->length;
	size_t at, count;
	ssize_t got = lc_copy_read(pass->target, pass->now, length, (off_t)piece->offset);

	if (got < 0)
		return (int)got;
	/* Behind the end there are zeros, now as before. */
	memset(pass->now + got, 0, length - (size_t)got);
	memset(pass->old, 0, op->length);
	memcpy(pass->old, op->old, op->old_length);
	for (at = 0; at < length; at += count) {
		count = LC_SECTOR - (size_t)((piece->offset + at) % LC_SECTOR);
		if (count > length - at)
			count = length - at;
		if (!sector_known(pass, pass->now + at, pass->old + skip + at, op->new + skip + at,
		                  count) &&
		    !lc_fault_blind("range"))
			return -ESTALE;
	}
	return 0;
}

static int work_on(struct pass *pass, const struct lc_range_op *op,
                   const struct lc_range_piece *piece)
{
	size_t skip = (size_t)(piece->offset - op->offset), length = (size_t)piece->length;
	off_t at = (off_t)piece->offset;

	if (pass->work == LC_RANGE_LOOK)
		return look(pass, op, piece);
	if (pass->work == LC_RANGE_WRITE)
		return lc_copy_bytes(pass->target, &at, op->new + skip, length);
	/* What had been behind the end is cut off later. */
	if (skip >= op->old_length)
		return 0;
	if (length > op->old_length - skip)
		length = op->old_length - skip;
	return lc_copy_bytes(pass->target, &at, op->old + skip, length);
}

static int visit(void *context, const struct lc_record *record)
{
	struct pass *pass = context;
	const struct lc_range_case *edit = pass->edit;
	struct lc_range_op op;
	int rc;

	if (record->type != LC_RANGE_OP || record->transaction != edit->transaction)
		return 0;
	rc = lc_range_decode_op(record, &op);
	while (!rc && pass->piece < edit->piece_count && edit->pieces[pass->piece].op == pass->op) {
		rc = work_on(pass, &op, &edit->pieces[pass->piece]);
		pass->piece++;
	}
	pass->op++;
	return rc;
}

int lc_range_pass(struct lc_log *log, const struct lc_range_case *edit, int target,
                  enum lc_range_work work)
{
	struct pass pass = {.edit = edit, .target = target, .work = work};
	int rc = 0;

	if (work == LC_RANGE_LOOK) {
		pass.now = malloc(2 * LC_RANGE_CHUNK);
		if (!pass.now)
			return -ENOMEM;
		pass.old = pass.now + LC_RANGE_CHUNK;
	}
	rc = lc_log_scan(log, LC_LOG_FORWARD, visit, &pass);
	/* Others were there when the edit was read. */
	if (!rc && (pass.op != edit->count || pass.piece != edit->piece_count))
		rc = -EBADMSG;
	free(pass.now);
	return rc;
}

/* An edit that is taken back leaves no growth behind. */
static int cut_off(const struct lc_range_case *edit, int target)
{
	if (edit->new_size <= edit->begin.old_size)
		return 0;
	return lc_sys_ftruncate(target, (off_t)edit->begin.old_size);
}

int lc_range_carry_out(struct lc_log *log, const struct lc_range_case *edit, int target,
                       enum lc_range_work work)
{
	int rc = lc_range_pass(log, edit, target, work);

	if (!rc && work == LC_RANGE_RESTORE)
		rc = cut_off(edit, target);
	return rc ? rc : lc_sys_fdatasync(target);
}

int lc_range_record_end(struct lc_log *log, const struct lc_range_case *edit, uint32_t type)
{
	struct lc_log_entry entry = {.type = type, .transaction = edit->transaction};
	uint64_t end;
	int rc = lc_log_append(log, &entry, 1, &end);

	return rc ? rc : lc_log_force(log, end);
}
