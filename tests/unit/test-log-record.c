/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "digest.h"
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct lc_record example = {.type = 0x11121314,
                                         .length = 21,
                                         .transaction = 0x2122232425262728,
                                         .position = 0x3132333435363738,
                                         .previous = 0x4142434445464748,
                                         .salt = 0x5152535455565758,
                                         .durable = 0x6162636465666768};

/* 56 bytes of head, 21 of payload, 3 of padding */
#define EXAMPLE_SIZE 80

static void make_example(unsigned char buffer[EXAMPLE_SIZE])
{
	memset(buffer, 0xee, EXAMPLE_SIZE);
	memcpy(buffer + LC_RECORD_HEAD, "exactly 21 characters", 21);
	assert_int_equal(lc_record_seal(buffer, &example), EXAMPLE_SIZE);
}

static void offsets_are_as_documented(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE], sums[16];

	(void)state;
	make_example(buffer);
	assert_int_equal(LC_RECORD_HEAD, 56);
	assert_int_equal(lc_get_le32(buffer), 21);
	assert_int_equal(lc_get_le32(buffer + 4), example.type);
	assert_true(lc_get_le64(buffer + 8) == example.transaction);
	assert_true(lc_get_le64(buffer + 16) == example.position);
	assert_true(lc_get_le64(buffer + 24) == example.previous);
	assert_true(lc_get_le64(buffer + 32) == example.salt);
	assert_true(lc_get_le64(buffer + 40) == example.durable);
	lc_put_le64(sums, lc_digest64(buffer, 48));
	lc_put_le64(sums + 8, lc_digest64("exactly 21 characters", 21));
	assert_true(lc_get_le64(buffer + 48) == lc_digest64(sums, 16));
	assert_memory_equal(buffer + 77, "\0\0\0", 3);
}

static void what_was_sealed_is_read_back(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE];
	struct lc_record record;

	(void)state;
	make_example(buffer);
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), 0);
	assert_int_equal(record.type, example.type);
	assert_int_equal(record.length, example.length);
	assert_true(record.transaction == example.transaction);
	assert_true(record.position == example.position);
	assert_true(record.previous == example.previous);
	assert_true(record.salt == example.salt);
	assert_true(record.durable == example.durable);
	assert_ptr_equal(record.payload, buffer + LC_RECORD_HEAD);
}

static void every_flipped_bit_is_found(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE];
	struct lc_record record;
	unsigned bit;

	(void)state;
	make_example(buffer);
	for (bit = 0; bit < 8 * (LC_RECORD_HEAD + example.length); bit++) {
		buffer[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_not_equal(lc_record_open(buffer, sizeof buffer, &record), 0);
		buffer[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), 0);
}

static void two_swapped_words_are_found(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE], swapped[EXAMPLE_SIZE];
	struct lc_record record;
	unsigned a, b;

	(void)state;
	make_example(buffer);
	for (a = 0; a + 4 <= 76; a += 4) {
		for (b = a + 4; b + 4 <= 76; b += 4) {
			memcpy(swapped, buffer, sizeof buffer);
			memcpy(swapped + a, buffer + b, 4);
			memcpy(swapped + b, buffer + a, 4);
			if (memcmp(buffer + a, buffer + b, 4) != 0)
				assert_int_not_equal(lc_record_open(swapped, EXAMPLE_SIZE, &record),
				                     0);
		}
	}
}

static void a_record_that_is_cut_asks_for_more(void **state)
{
	struct lc_record record, untouched;
	unsigned char *cut;
	unsigned char buffer[EXAMPLE_SIZE];
	size_t size;

	(void)state;
	make_example(buffer);
	memset(&record, 0x5a, sizeof record);
	untouched = record;
	for (size = 0; size < EXAMPLE_SIZE; size++) {
		/* of that size, so that a sanitizer sees a byte read too far */
		cut = malloc(size + !size);
		assert_non_null(cut);
		memcpy(cut, buffer, size);
		assert_int_equal(lc_record_open(cut, size, &record), -EAGAIN);
		free(cut);
	}
	assert_memory_equal(&record, &untouched, sizeof record);
}

static void a_length_that_is_too_large_is_not_believed(void **state)
{
	static const uint32_t lengths[] = {25, 1000, INT32_MAX, UINT32_MAX - 56, UINT32_MAX};
	unsigned char *buffer = malloc(EXAMPLE_SIZE);
	struct lc_record record;
	size_t i;

	(void)state;
	assert_non_null(buffer);
	make_example(buffer);
	for (i = 0; i < COUNT_OF(lengths); i++) {
		lc_put_le32(buffer, lengths[i]);
		assert_int_equal(lc_record_open(buffer, EXAMPLE_SIZE, &record), -EAGAIN);
		assert_int_equal(lc_record_peek(buffer, EXAMPLE_SIZE, &record), -EAGAIN);
	}
	free(buffer);
}

static void zeros_are_no_record_and_no_damage(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE] = {0};
	struct lc_record record;
	unsigned at;

	(void)state;
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), -ENODATA);
	assert_int_equal(lc_record_peek(buffer, sizeof buffer, &record), -ENODATA);
	/* Anything in the head makes it damage, wherever it stands. */
	for (at = 4; at < LC_RECORD_HEAD; at++) {
		buffer[at] = 1;
		assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), -EBADMSG);
		buffer[at] = 0;
	}
}

static void type_0_is_no_record(void **state)
{
	struct lc_record zero = example;
	unsigned char buffer[EXAMPLE_SIZE] = {0};
	struct lc_record record;

	(void)state;
	zero.type = 0;
	lc_record_seal(buffer, &zero);
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), -EBADMSG);
}

static void sizes_are_multiples_of_8(void **state)
{
	size_t length;

	(void)state;
	assert_int_equal(lc_record_size(0), 56);
	for (length = 1; length < 100; length++) {
		assert_int_equal(lc_record_size(length) % 8, 0);
		assert_in_range(lc_record_size(length) - 56 - length, 0, 7);
	}
}

static void a_record_without_payload_is_one(void **state)
{
	struct lc_record empty = example;
	unsigned char *buffer = malloc(LC_RECORD_HEAD);
	struct lc_record record;

	(void)state;
	assert_non_null(buffer);
	empty.length = 0;
	assert_int_equal(lc_record_seal(buffer, &empty), LC_RECORD_HEAD);
	assert_int_equal(lc_record_open(buffer, LC_RECORD_HEAD, &record), 0);
	assert_int_equal(record.length, 0);
	free(buffer);
}

static void peeking_proves_nothing(void **state)
{
	unsigned char buffer[EXAMPLE_SIZE];
	struct lc_record record;

	(void)state;
	make_example(buffer);
	buffer[60] ^= 1;
	assert_int_equal(lc_record_peek(buffer, sizeof buffer, &record), 0);
	assert_true(record.position == example.position && record.salt == example.salt);
	assert_int_equal(lc_record_open(buffer, sizeof buffer, &record), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(offsets_are_as_documented),
	        EVERY(what_was_sealed_is_read_back),
	        EVERY(every_flipped_bit_is_found),
	        EVERY(two_swapped_words_are_found),
	        EVERY(a_record_that_is_cut_asks_for_more),
	        EVERY(a_length_that_is_too_large_is_not_believed),
	        EVERY(zeros_are_no_record_and_no_damage),
	        EVERY(type_0_is_no_record),
	        EVERY(sizes_are_multiples_of_8),
	        EVERY(a_record_without_payload_is_one),
	        EVERY(peeking_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
