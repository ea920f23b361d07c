/* SPDX-License-Identifier: ISC */
/* Records of a log: what is opened is what was sealed, and nothing else is. */
#include "config.h"

#include "fuzz.h"

#include "record.h"

#include <errno.h>
#include <string.h>

/* Any bit flipped, any byte missing: no record. */
static void damage(const unsigned char *bytes, size_t size, uint32_t where)
{
	unsigned char *copy = fuzz_copy(bytes, size);
	struct lc_record record;
	size_t at = where / 8 % size;

	copy[at] ^= (unsigned char)(1u << where % 8);
	FUZZ_CHECK(lc_record_open(copy, size, &record) != 0);
	free(copy);
	copy = fuzz_copy(bytes, size - 1);
	FUZZ_CHECK(lc_record_open(copy, size - 1, &record) == -EAGAIN);
	free(copy);
}

static void check_opened(const unsigned char *bytes, size_t size, const struct lc_record *record,
                         uint32_t where)
{
	size_t end = LC_RECORD_HEAD + (size_t)record->length;
	unsigned char *again = fuzz_copy(bytes, lc_record_size(record->length));

	FUZZ_CHECK(record->type != 0 && end <= size);
	FUZZ_CHECK(record->payload == bytes + LC_RECORD_HEAD);
	FUZZ_CHECK(lc_record_seal(again, record) == lc_record_size(record->length));
	FUZZ_CHECK(memcmp(again, bytes, end) == 0);
	damage(bytes, end, where);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lc_record record, before, peeked;
	struct fuzz_input in;
	unsigned char *bytes;
	uint32_t where;
	uint8_t flags;
	int rc;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	where = fuzz_u32(&in);
	size = in.left;
	bytes = fuzz_copy(in.bytes, size);
	if (flags & 1)
		fuzz_seal(bytes, size);
	memset(&record, 0xa5, sizeof record);
	before = record;
	rc = lc_record_open(bytes, size, &record);
	if (rc)
		FUZZ_CHECK(memcmp(&record, &before, sizeof record) == 0);
	else
		check_opened(bytes, size, &record, where);
	if (rc == 0)
		FUZZ_CHECK(lc_record_peek(bytes, size, &peeked) == 0);
	free(bytes);
	return 0;
}
