/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "journal.h"
#include "record.h"

#include <errno.h>
#include <string.h>

#define SIZE UINT64_C(20480)
/* commit-journal(5) */
#define AT_RECORD 16
#define AT_PAYLOAD 72
#define AT_TARGET 248

static unsigned char head[LC_JOURNAL_HEAD];
static struct lc_journal journal, decoded;

static void make(void)
{
	memset(&journal, 0, sizeof journal);
	journal.fs = 0x1122334455667788;
	journal.inode = 99;
	journal.created = 1234567890;
	journal.flags = LC_JOURNAL_BESIDE;
	journal.new_offset = 8192;
	journal.new_size = 4000;
	journal.old_offset = 12288;
	journal.old_size = 8192;
	fill(journal.old_digest.bytes, 16, 1);
	fill(journal.new_digest.bytes, 16, 2);
	journal.mode = 04755;
	journal.uid = 1000;
	journal.gid = 1001;
	journal.caps_length = 20;
	fill(journal.caps, 20, 3);
	strcpy(journal.target, "app.conf");
	lc_journal_encode(&journal, head);
}

static int decode(void)
{
	memset(&decoded, 0xee, sizeof decoded);
	return lc_journal_decode(head, SIZE, &decoded);
}

/* The journal as it is now, with a sum that fits, is refused. */
static void refused(const char *why)
{
	lc_journal_encode(&journal, head);
	if (decode() != -EBADMSG)
		fail_msg("not refused: %s", why);
	make();
}

static void what_is_encoded_can_be_decoded(void **state)
{
	(void)state;
	make();
	assert_int_equal(decode(), 0);
	assert_memory_equal(&decoded, &journal, sizeof journal);
}

static void the_layout_is_that_of_the_manual(void **state)
{
	(void)state;
	make();
	assert_memory_equal(head, "commitIP\1\0\0\0\0\0\0\0", 16);
	assert_int_equal(lc_get_le32(head + 16), 176 + 8);
	assert_int_equal(lc_get_le32(head + 20), 1);
	assert_true(lc_get_le64(head + 72) == journal.fs);
	assert_int_equal(lc_get_le64(head + 80), 99);
	assert_int_equal(lc_get_le64(head + 88), 1234567890);
	assert_int_equal(lc_get_le64(head + 96), 8192);
	assert_int_equal(lc_get_le64(head + 104), 4000);
	assert_int_equal(lc_get_le64(head + 112), 12288);
	assert_int_equal(lc_get_le64(head + 120), 8192);
	assert_memory_equal(head + 128, journal.old_digest.bytes, 16);
	assert_memory_equal(head + 144, journal.new_digest.bytes, 16);
	assert_int_equal(lc_get_le32(head + 160), 1);
	assert_int_equal(lc_get_le32(head + 164), 04755);
	assert_int_equal(lc_get_le32(head + 168), 1000);
	assert_int_equal(lc_get_le32(head + 172), 1001);
	assert_int_equal(lc_get_le32(head + 176), 20);
	assert_int_equal(lc_get_le32(head + 180), 8);
	assert_memory_equal(head + 184, journal.caps, 64);
	assert_memory_equal(head + AT_TARGET, "app.conf", 9);
}

static void the_longest_path_fits(void **state)
{
	(void)state;
	make();
	journal.flags = 0;
	memset(journal.target, 'x', PATH_MAX - 1);
	journal.target[0] = '/';
	lc_journal_encode(&journal, head);
	assert_int_equal(decode(), 0);
	assert_memory_equal(&decoded, &journal, sizeof journal);
}

/* What stands in no field may be anything; all else is refused. */
static void every_flipped_byte_is_refused_or_has_no_meaning(void **state)
{
	unsigned harmless = 0;
	size_t i;

	(void)state;
	make();
	for (i = 0; i < sizeof head; i++) {
		head[i] ^= 0xff;
		if (decode() == 0) {
			assert_memory_equal(&decoded, &journal, sizeof journal);
			assert_true((i >= 12 && i < AT_RECORD) || i >= AT_TARGET + 8);
			harmless++;
		}
		head[i] ^= 0xff;
	}
	assert_int_equal(harmless, 4 + sizeof head - AT_TARGET - 8);
}

static void other_files_and_versions_are_told(void **state)
{
	(void)state;
	make();
	head[0] = 'C';
	assert_int_equal(decode(), -EBADMSG);
	make();
	lc_put_le32(head + 8, 2);
	assert_int_equal(decode(), -EPROTONOSUPPORT);
	lc_put_le32(head + 8, 0);
	assert_int_equal(decode(), -EPROTONOSUPPORT);
	memset(head, 0, sizeof head);
	assert_int_equal(decode(), -EBADMSG);
}

static void images_must_lie_inside(void **state)
{
	(void)state;
	make();
	assert_int_equal(lc_journal_decode(head, SIZE - 1, &decoded), -EBADMSG);
	assert_int_equal(lc_journal_decode(head, SIZE, &decoded), 0);
	journal.old_offset = 4096, refused("old image in the head");
	journal.new_offset = 0, refused("new image in the head");
	journal.old_offset = 12289, refused("old offset not aligned");
	journal.new_offset = 8200, journal.new_size = 1, refused("new offset not aligned");
	journal.old_size = 8193, refused("old image beyond the end");
	journal.old_offset = 24576, journal.old_size = 0, refused("old offset beyond the end");
	journal.new_size = 4097, refused("images overlap");
	journal.new_offset = 12288, refused("images overlap wholly");
	journal.old_size = UINT64_MAX - 12287, refused("old end wraps round");
	journal.new_size = UINT64_MAX - 8191, refused("new end wraps round");
	journal.old_offset = UINT64_MAX - 4095, refused("old offset is huge");
	journal.old_size = UINT64_MAX, refused("old size is huge");
}

static void the_order_of_images_is_free(void **state)
{
	(void)state;
	make();
	journal.old_offset = 8192;
	journal.old_size = 4096;
	journal.new_offset = 12288;
	journal.new_size = 8192;
	lc_journal_encode(&journal, head);
	assert_int_equal(decode(), 0);
}

static void sizes_stay_below_those_of_files(void **state)
{
	(void)state;
	make();
	journal.new_size = UINT64_C(1) << 63;
	lc_journal_encode(&journal, head);
	assert_int_equal(lc_journal_decode(head, UINT64_MAX, &decoded), -EBADMSG);
	make();
	journal.old_size = UINT64_C(1) << 63;
	lc_journal_encode(&journal, head);
	assert_int_equal(lc_journal_decode(head, UINT64_MAX, &decoded), -EBADMSG);
}

static void metadata_is_bounded(void **state)
{
	(void)state;
	make();
	journal.mode = 0100644, refused("type bits in the mode");
	journal.caps_length = LC_JOURNAL_CAPS_MAX + 1, refused("too many capabilities");
	journal.caps_length = UINT32_MAX, refused("far too many capabilities");
}

static void target_names_are_bounded(void **state)
{
	(void)state;
	make();
	strcpy(journal.target, ""), refused("no target");
	strcpy(journal.target, "a/b"), refused("a path beside");
	strcpy(journal.target, "/a"), refused("an absolute path beside");
	strcpy(journal.target, ".."), refused("the parent beside");
	strcpy(journal.target, "."), refused("the directory beside");
	journal.flags = 0, refused("a relative path in the registry");
	journal.flags = 0;
	strcpy(journal.target, "../x"), refused("a relative path in the registry");
}

static void reseal(uint32_t type, uint32_t length)
{
	const struct lc_record record = {.type = type, .length = length};

	lc_record_seal(head + AT_RECORD, &record);
}

static void lengths_must_agree(void **state)
{
	const uint32_t length = AT_TARGET - AT_PAYLOAD + 8;

	(void)state;
	make();
	reseal(2, length);
	assert_int_equal(decode(), -EBADMSG);
	reseal(1, length - 1);
	assert_int_equal(decode(), -EBADMSG);
	reseal(1, 10);
	assert_int_equal(decode(), -EBADMSG);
	reseal(1, AT_TARGET - AT_PAYLOAD - 1);
	assert_int_equal(decode(), -EBADMSG);
	make();
	lc_put_le32(head + 180, PATH_MAX);
	reseal(1, AT_TARGET - AT_PAYLOAD + PATH_MAX);
	assert_int_equal(decode(), -EBADMSG);
	make();
	lc_put_le32(head + 16, UINT32_MAX);
	assert_int_equal(decode(), -EBADMSG);
	make();
	/* a zero byte inside the name */
	head[AT_TARGET + 3] = '\0';
	reseal(1, length);
	assert_int_equal(decode(), -EBADMSG);
}

static void images_are_aligned_upwards(void **state)
{
	(void)state;
	assert_int_equal(lc_journal_align(0), 0);
	assert_int_equal(lc_journal_align(1), 4096);
	assert_int_equal(lc_journal_align(4096), 4096);
	assert_int_equal(lc_journal_align(8193), 12288);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(what_is_encoded_can_be_decoded),
	        EVERY(the_layout_is_that_of_the_manual),
	        EVERY(the_longest_path_fits),
	        EVERY(every_flipped_byte_is_refused_or_has_no_meaning),
	        EVERY(other_files_and_versions_are_told),
	        EVERY(images_must_lie_inside),
	        EVERY(the_order_of_images_is_free),
	        EVERY(sizes_stay_below_those_of_files),
	        EVERY(metadata_is_bounded),
	        EVERY(target_names_are_bounded),
	        EVERY(lengths_must_agree),
	        EVERY(images_are_aligned_upwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
