/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range-internal.h"

#include "bytes.h"

#include <errno.h>
#include <string.h>

/* commit-range(5) */
enum { AT_FLAGS = 0, AT_NAME_LENGTH = 4, AT_ID = 8, AT_INODE = 16, AT_SIZE = 24, AT_TIME = 32 };
enum { AT_OFFSET = 0, AT_NEW_LENGTH = 8, AT_OLD_LENGTH = 12 };

size_t lc_range_encode_begin(const struct lc_range_begin *begin, unsigned char *payload)
{
	size_t length = strlen(begin->target);

	lc_put_le32(payload + AT_FLAGS, begin->flags);
	lc_put_le32(payload + AT_NAME_LENGTH, (uint32_t)length);
	lc_put_le64(payload + AT_ID, begin->id);
	lc_put_le64(payload + AT_INODE, begin->inode);
	lc_put_le64(payload + AT_SIZE, begin->old_size);
	lc_put_le64(payload + AT_TIME, begin->time);
	memcpy(payload + LC_RANGE_BEGIN_HEAD, begin->target, length);
	return LC_RANGE_BEGIN_HEAD + length;
}

/* A name in the log's own directory, or an absolute path: nothing else is looked up. */
static int plausible(const struct lc_range_begin *begin, size_t length)
{
	const char *name = begin->target;

	if (length == 0 || strlen(name) != length || begin->old_size > INT64_MAX)
		return 0;
	if (begin->flags & ~(LC_RANGE_BESIDE | LC_RANGE_DEVICE | LC_RANGE_BEHIND))
		return 0;
	if (!(begin->flags & LC_RANGE_BESIDE))
		return name[0] == '/';
	return !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int lc_range_decode_begin(const struct lc_record *record, struct lc_range_begin *begin)
{
	const unsigned char *p = record->payload;
	uint32_t length;

	memset(begin, 0, sizeof *begin);
	if (record->length < LC_RANGE_BEGIN_HEAD)
		return -EBADMSG;
	length = lc_get_le32(p + AT_NAME_LENGTH);
	if (length >= PATH_MAX || length != record->length - LC_RANGE_BEGIN_HEAD)
		return -EBADMSG;
	begin->flags = lc_get_le32(p + AT_FLAGS);
	begin->id = lc_get_le64(p + AT_ID);
	begin->inode = lc_get_le64(p + AT_INODE);
	begin->old_size = lc_get_le64(p + AT_SIZE);
	begin->time = lc_get_le64(p + AT_TIME);
	memcpy(begin->target, p + LC_RANGE_BEGIN_HEAD, length);
	return plausible(begin, length) ? 0 : -EBADMSG;
}

void lc_range_encode_op(const struct lc_range_op *op, unsigned char head[LC_RANGE_OP_HEAD])
{
	lc_put_le64(head + AT_OFFSET, op->offset);
	lc_put_le32(head + AT_NEW_LENGTH, op->length);
	lc_put_le32(head + AT_OLD_LENGTH, op->old_length);
}

int lc_range_decode_op(const struct lc_record *record, struct lc_range_op *op)
{
	const unsigned char *p = record->payload;

	if (record->length < LC_RANGE_OP_HEAD)
		return -EBADMSG;
	op->offset = lc_get_le64(p + AT_OFFSET);
	op->length = lc_get_le32(p + AT_NEW_LENGTH);
	op->old_length = lc_get_le32(p + AT_OLD_LENGTH);
	op->old = p + LC_RANGE_OP_HEAD;
	op->new = op->old + op->old_length;
	if (op->length == 0 || op->length > LC_RANGE_CHUNK || op->old_length > op->length ||
	    op->offset > (uint64_t)INT64_MAX - op->length ||
	    record->length != LC_RANGE_OP_HEAD + op->length + op->old_length)
		return -EBADMSG;
	return 0;
}
