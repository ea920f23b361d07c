/* SPDX-License-Identifier: ISC */
/* Heads of in-place journals: what is decoded encodes to the same bytes, and lies inside the file.
 */
#include "config.h"

#include "fuzz.h"

#include "bytes.h"
#include "journal.h"
#include "record.h"

#include <string.h>

enum { AT_RECORD = 16, AT_PAYLOAD = AT_RECORD + LC_RECORD_HEAD, AT_TARGET = 176 };

static void check_decoded(const unsigned char *head, uint64_t size, const struct lc_journal *j)
{
	unsigned char *again = malloc(LC_JOURNAL_HEAD);

	FUZZ_CHECK(again != NULL);
	FUZZ_CHECK(j->old_offset >= LC_JOURNAL_HEAD && j->new_offset >= LC_JOURNAL_HEAD);
	FUZZ_CHECK(j->old_offset <= size && j->old_size <= size - j->old_offset);
	FUZZ_CHECK(j->new_offset <= size && j->new_size <= size - j->new_offset);
	FUZZ_CHECK(j->caps_length <= LC_JOURNAL_CAPS_MAX && strlen(j->target) < sizeof j->target);
	if (j->flags & LC_JOURNAL_BESIDE)
		FUZZ_CHECK(!strchr(j->target, '/'));
	lc_journal_encode(j, again);
	/* the record's other words are nobody's business */
	FUZZ_CHECK(memcmp(again + AT_PAYLOAD, head + AT_PAYLOAD, AT_TARGET + strlen(j->target)) ==
	           0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *head = calloc(1, LC_JOURNAL_HEAD);
	struct lc_journal *journal = malloc(sizeof *journal);
	struct fuzz_input in;
	const uint8_t *bytes;
	uint64_t total;
	uint8_t flags;
	size_t got;

	FUZZ_CHECK(head && journal);
	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	total = fuzz_u64(&in);
	bytes = fuzz_bytes(&in, LC_JOURNAL_HEAD, &got);
	if (got > 0)
		memcpy(head, bytes, got);
	if ((flags & 2) && got > AT_PAYLOAD + AT_TARGET) {
		lc_put_le32(head + AT_RECORD, (uint32_t)(got - AT_PAYLOAD));
		lc_put_le32(head + AT_PAYLOAD + 108, (uint32_t)(got - AT_PAYLOAD - AT_TARGET));
	}
	if (flags & 1)
		fuzz_seal(head + AT_RECORD, LC_JOURNAL_HEAD - AT_RECORD);
	if (lc_journal_decode(head, total, journal) == 0)
		check_decoded(head, total, journal);
	free(journal);
	free(head);
	return 0;
}
