/* SPDX-License-Identifier: ISC */
/* The records of a segment, in memory: they chain, lie inside, and end where they say. */
#include "config.h"

#include "fuzz.h"
#include "pieces.h"

#include "log-internal.h"

#include <string.h>

enum { SIZE = 2 * LC_LOG_BLOCK };

static void check_records(const struct lc_segment *segment, const struct lc_log_image *image,
                          const struct lc_segment_records *records)
{
	uint64_t previous = segment->previous, end = segment->first;
	size_t i;

	for (i = 0; i < records->count; i++) {
		const struct lc_record *record = &records->list[i];
		uint64_t at = LC_LOG_BLOCK + (record->position - segment->first);

		FUZZ_CHECK(record->previous == previous && record->salt == segment->salt);
		FUZZ_CHECK(record->position >= end && at < image->size);
		FUZZ_CHECK(record->payload == image->bytes + at + LC_RECORD_HEAD);
		FUZZ_CHECK(record->length <= image->size - at - LC_RECORD_HEAD);
		previous = record->position;
		end = record->position + lc_record_size(record->length);
	}
}

static void read_image(const struct lc_segment *segment, const struct lc_log_image *image,
                       uint64_t until)
{
	struct lc_segment_records records, again;
	uint64_t claimed;
	int rc = lc_segment_read(segment, image, until, &records);

	check_records(segment, image, &records);
	FUZZ_CHECK(records.end >= segment->first);
	FUZZ_CHECK(records.end - segment->first <= image->size - LC_LOG_BLOCK);
	if (rc == 0) {
		/* read up to its own last record it is the same */
		FUZZ_CHECK(lc_segment_read(segment, image, records.last, &again) == 0);
		FUZZ_CHECK(again.count == records.count && again.end == records.end);
		lc_segment_records_release(&again);
		lc_segment_claims(segment, image, &records, &claimed);
		lc_log_nonzero(image, LC_LOG_BLOCK + (records.end - segment->first));
	}
	lc_segment_records_release(&records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lc_segment segment = {.number = 1, .size = SIZE, .fd = -1};
	struct lc_log_image image = {.size = SIZE, .file_size = SIZE};
	struct fuzz_input in;
	uint64_t until;
	uint8_t flags;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	segment.first = LC_LOG_BLOCK * (1 + (uint64_t)fuzz_u8(&in));
	segment.previous = fuzz_u8(&in);
	segment.salt = fuzz_u8(&in);
	until = flags & 8 ? segment.first + fuzz_u16(&in) : LC_LOG_ALL;
	image.bytes = calloc(1, SIZE);
	FUZZ_CHECK(image.bytes != NULL);
	fuzz_pieces(&in, image.bytes, SIZE);
	fuzz_seal_segment(image.bytes, SIZE, segment.first, segment.previous, segment.salt,
	                  flags & FUZZ_SEAL_ALL);
	read_image(&segment, &image, until);
	free(image.bytes);
	return 0;
}
