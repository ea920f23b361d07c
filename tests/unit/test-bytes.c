/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"

#include <string.h>

static void layout_is_little_endian(void **state)
{
	static const unsigned char four[] = {0x0d, 0x0c, 0x0b, 0xfa};
	static const unsigned char eight[] = {8, 7, 6, 5, 4, 3, 2, 0xf1};
	unsigned char buffer[9] = {0};

	(void)state;
	lc_put_le32(buffer, 0xfa0b0c0du);
	assert_memory_equal(buffer, four, 4);
	assert_int_equal(lc_get_le32(four), 0xfa0b0c0du);
	lc_put_le64(buffer, 0xf102030405060708u);
	assert_memory_equal(buffer, eight, 8);
	assert_true(lc_get_le64(eight) == 0xf102030405060708u);
}

static void neighbours_are_left_alone(void **state)
{
	unsigned char buffer[16];

	(void)state;
	memset(buffer, 0xee, sizeof buffer);
	lc_put_le64(buffer + 3, 0);
	lc_put_le32(buffer + 12, 0);
	assert_int_equal(buffer[2], 0xee);
	assert_int_equal(buffer[11], 0xee);
	assert_int_equal(buffer[10], 0);
}

static void every_bit_survives_at_any_alignment(void **state)
{
	unsigned char buffer[16];
	int at, bit;

	(void)state;
	for (at = 0; at < 8; at++) {
		for (bit = 0; bit < 64; bit++) {
			lc_put_le64(buffer + at, UINT64_C(1) << bit);
			assert_true(lc_get_le64(buffer + at) == UINT64_C(1) << bit);
			if (bit >= 32)
				continue;
			lc_put_le32(buffer + at, UINT32_C(1) << bit);
			assert_true(lc_get_le32(buffer + at) == UINT32_C(1) << bit);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(layout_is_little_endian),
	        EVERY(neighbours_are_left_alone),
	        EVERY(every_bit_survives_at_any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
