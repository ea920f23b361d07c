/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "record.h"

#include <errno.h>
#include <string.h>

#define PAYLOAD "the payload of a record"
#define LENGTH (sizeof PAYLOAD - 1)
#define SIZE (LC_RECORD_HEAD + LENGTH)

static void make(unsigned char buffer[SIZE])
{
	memcpy(buffer + LC_RECORD_HEAD, PAYLOAD, LENGTH);
	assert_int_equal(lc_record_seal(buffer, 7, UINT64_C(0x123456789a), LENGTH), SIZE);
}

static void what_is_sealed_can_be_opened(void **state)
{
	unsigned char buffer[SIZE + 10];
	struct lc_record record;

	(void)state;
	make(buffer);
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), 0);
	assert_int_equal(record.type, 7);
	assert_true(record.sequence == UINT64_C(0x123456789a));
	assert_int_equal(record.length, LENGTH);
	assert_ptr_equal(record.payload, buffer + LC_RECORD_HEAD);
	assert_memory_equal(record.payload, PAYLOAD, LENGTH);
}

static void the_layout_is_that_of_the_header(void **state)
{
	unsigned char buffer[SIZE];

	(void)state;
	make(buffer);
	assert_int_equal(lc_get_le32(buffer), LENGTH);
	assert_int_equal(lc_get_le32(buffer + 4), 7);
	assert_true(lc_get_le64(buffer + 8) == UINT64_C(0x123456789a));
}

static void an_empty_payload_is_fine(void **state)
{
	unsigned char buffer[LC_RECORD_HEAD];
	struct lc_record record;

	(void)state;
	assert_int_equal(lc_record_seal(buffer, 1, 0, 0), LC_RECORD_HEAD);
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), 0);
	assert_int_equal(record.length, 0);
	assert_int_equal(lc_record_open(buffer, sizeof buffer - 1, &record), -EAGAIN);
}

static void every_flipped_bit_is_seen(void **state)
{
	unsigned char buffer[SIZE];
	struct lc_record record;
	size_t bit;

	(void)state;
	for (bit = 0; bit < 8 * SIZE; bit++) {
		make(buffer);
		buffer[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_true(lc_record_open(buffer, SIZE, &record) < 0);
	}
}

static void every_cut_is_seen(void **state)
{
	unsigned char buffer[SIZE];
	struct lc_record record;
	size_t size;

	(void)state;
	make(buffer);
	for (size = 0; size < SIZE; size++)
		assert_int_equal(lc_record_open(buffer, size, &record), -EAGAIN);
}

static void swapped_words_are_seen(void **state)
{
	unsigned char buffer[SIZE], swapped[SIZE];
	struct lc_record record;
	size_t a, b;

	(void)state;
	make(buffer);
	for (a = 0; a + 8 <= SIZE; a += 8) {
		for (b = a + 8; b + 8 <= SIZE; b += 8) {
			memcpy(swapped, buffer, SIZE);
			memcpy(swapped + a, buffer + b, 8);
			memcpy(swapped + b, buffer + a, 8);
			assert_true(lc_record_open(swapped, SIZE, &record) < 0);
		}
	}
}

/* A length is from a stranger until the sum has been checked. */
static void a_huge_length_reads_nothing_beyond(void **state)
{
	unsigned char buffer[SIZE];
	struct lc_record record = {.type = 99};

	(void)state;
	make(buffer);
	lc_put_le32(buffer, UINT32_MAX);
	assert_int_equal(lc_record_open(buffer, SIZE, &record), -EAGAIN);
	lc_put_le32(buffer, LENGTH + 1);
	assert_int_equal(lc_record_open(buffer, SIZE, &record), -EAGAIN);
	lc_put_le32(buffer, LENGTH - 1);
	assert_int_equal(lc_record_open(buffer, SIZE, &record), -EBADMSG);
	assert_int_equal(record.type, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(what_is_sealed_can_be_opened),
	        EVERY(the_layout_is_that_of_the_header),
	        EVERY(an_empty_payload_is_fine),
	        EVERY(every_flipped_bit_is_seen),
	        EVERY(every_cut_is_seen),
	        EVERY(swapped_words_are_seen),
	        EVERY(a_huge_length_reads_nothing_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
