/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "record.h"

#include "bytes.h"
#include "digest.h"

#include <errno.h>

#define AT_LENGTH 0
#define AT_TYPE 4
#define AT_SEQUENCE 8
#define AT_SUM 16

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

size_t lc_record_seal(unsigned char *buffer, uint32_t type, uint64_t sequence, uint32_t length)
{
	lc_put_le32(buffer + AT_LENGTH, length);
	lc_put_le32(buffer + AT_TYPE, type);
	lc_put_le64(buffer + AT_SEQUENCE, sequence);
	lc_put_le64(buffer + AT_SUM, checksum(buffer, length));
	return LC_RECORD_HEAD + (size_t)length;
}

int lc_record_open(const unsigned char *buffer, size_t size, struct lc_record *record)
{
	uint32_t length;

	if (size < LC_RECORD_HEAD)
		return -EAGAIN;
	length = lc_get_le32(buffer + AT_LENGTH);
	if (length > size - LC_RECORD_HEAD)
		return -EAGAIN;
	if (lc_get_le64(buffer + AT_SUM) != checksum(buffer, length))
		return -EBADMSG;
	record->type = lc_get_le32(buffer + AT_TYPE);
	record->sequence = lc_get_le64(buffer + AT_SEQUENCE);
	record->payload = buffer + LC_RECORD_HEAD;
	record->length = length;
	return 0;
}
