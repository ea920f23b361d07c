/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "fuzz.h"

#include "bytes.h"
#include "log-internal.h"

#include <string.h>

size_t fuzz_seal(unsigned char *at, size_t size)
{
	struct lc_record record;

	if (lc_record_peek(at, size, &record) != 0 || lc_record_size(record.length) > size)
		return 0;
	return lc_record_seal(at, &record);
}

struct sealing {
	uint64_t previous;
	uint64_t salt;
	unsigned what;
	struct lc_commit_check check;
};

/* Returns the bytes that the record at this position takes, 0 if there is none. */
static size_t seal_one(struct sealing *s, unsigned char *at, size_t size, uint64_t position)
{
	struct lc_record record;

	if (size < LC_RECORD_HEAD || (at[4] | at[5] | at[6] | at[7]) == 0)
		return 0;
	if (lc_get_le32(at) > size - LC_RECORD_HEAD)
		lc_put_le32(at, (uint32_t)(lc_get_le32(at) % (size - LC_RECORD_HEAD + 1)));
	if (lc_record_peek(at, size, &record) != 0 || lc_record_size(record.length) > size)
		return 0;
	if (s->what & FUZZ_SEAL_CHAIN) {
		record.position = position;
		record.previous = s->previous;
		record.salt = s->salt;
	}
	if ((s->what & FUZZ_SEAL_COMMIT) && record.type == LC_LOG_COMMIT &&
	    record.length == LC_COMMIT_PAYLOAD)
		lc_commit_check_fill(&s->check, record.transaction, at + LC_RECORD_HEAD);
	if (s->what & FUZZ_SEAL_SUMS)
		lc_record_seal(at, &record);
	if (record.type != LC_LOG_COMMIT)
		lc_commit_check_add(&s->check, record.transaction, at,
		                    LC_RECORD_HEAD + (size_t)record.length);
	s->previous = position;
	return lc_record_size(record.length);
}

void fuzz_seal_segment(unsigned char *image, size_t size, uint64_t first, uint64_t previous,
                       uint64_t salt, unsigned what)
{
	struct sealing s = {.previous = previous, .salt = salt, .what = what};
	size_t at = LC_LOG_BLOCK, step;

	if (what == 0 || lc_commit_check_init(&s.check) != 0)
		return;
	while (at < size) {
		step = seal_one(&s, image + at, size - at, first + (at - LC_LOG_BLOCK));
		/* the rest of a block that was forced is empty */
		if (step == 0)
			step = LC_RECORD_ALIGN - at % LC_RECORD_ALIGN;
		at += step;
	}
	lc_commit_check_release(&s.check);
}
