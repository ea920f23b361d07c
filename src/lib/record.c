/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "record.h"

#include "bytes.h"
#include "digest.h"
#include "fault.h"

#include <errno.h>
#include <string.h>

enum {
	AT_LENGTH = 0,
	AT_TYPE = 4,
	AT_TRANSACTION = 8,
	AT_POSITION = 16,
	AT_PREVIOUS = 24,
	AT_SALT = 32,
	AT_DURABLE = 40,
	AT_SUM = 48
};

size_t lc_record_size(size_t length)
{
	size_t size = LC_RECORD_HEAD + length;

	return (size + LC_RECORD_ALIGN - 1) / LC_RECORD_ALIGN * LC_RECORD_ALIGN;
}

/*
 * The head's words go into the sum by their digest, so that neither two
 * swapped words nor a payload under a wrong head keeps it.
 */
static uint64_t checksum(const unsigned char *buffer, uint32_t length)
{
	unsigned char both[16];

	lc_put_le64(both, lc_digest64(buffer, AT_SUM));
	lc_put_le64(both + 8, lc_digest64(buffer + LC_RECORD_HEAD, length));
	return lc_digest64(both, sizeof both);
}

size_t lc_record_seal(unsigned char *buffer, const struct lc_record *record)
{
	size_t size = lc_record_size(record->length);
	size_t end = LC_RECORD_HEAD + record->length;

	lc_put_le32(buffer + AT_LENGTH, record->length);
	lc_put_le32(buffer + AT_TYPE, record->type);
	lc_put_le64(buffer + AT_TRANSACTION, record->transaction);
	lc_put_le64(buffer + AT_POSITION, record->position);
	lc_put_le64(buffer + AT_PREVIOUS, record->previous);
	lc_put_le64(buffer + AT_SALT, record->salt);
	lc_put_le64(buffer + AT_DURABLE, record->durable);
	lc_put_le64(buffer + AT_SUM, checksum(buffer, record->length));
	memset(buffer + end, 0, size - end);
	return size;
}

static int all_zero(const unsigned char *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

int lc_record_peek(const unsigned char *buffer, size_t size, struct lc_record *record)
{
	if (size < LC_RECORD_HEAD)
		return -EAGAIN;
	if (all_zero(buffer, LC_RECORD_HEAD))
		return -ENODATA;
	/* Not by lc_record_size, which overflows where size_t is short. */
	if (lc_get_le32(buffer + AT_LENGTH) > size - LC_RECORD_HEAD)
		return -EAGAIN;
	record->type = lc_get_le32(buffer + AT_TYPE);
	record->length = lc_get_le32(buffer + AT_LENGTH);
	record->transaction = lc_get_le64(buffer + AT_TRANSACTION);
	record->position = lc_get_le64(buffer + AT_POSITION);
	record->previous = lc_get_le64(buffer + AT_PREVIOUS);
	record->salt = lc_get_le64(buffer + AT_SALT);
	record->durable = lc_get_le64(buffer + AT_DURABLE);
	record->payload = buffer + LC_RECORD_HEAD;
	return 0;
}

int lc_record_open(const unsigned char *buffer, size_t size, struct lc_record *record)
{
	struct lc_record found;
	int rc = lc_record_peek(buffer, size, &found);

	if (rc)
		return rc;
	if (found.type == 0 || (lc_get_le64(buffer + AT_SUM) != checksum(buffer, found.length) &&
	                        !lc_fault_blind("record")))
		return -EBADMSG;
	if (lc_record_size(found.length) > size)
		return -EAGAIN;
	*record = found;
	return 0;
}
