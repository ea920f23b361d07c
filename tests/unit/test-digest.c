/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "digest.h"

#include <string.h>

static struct lc_digest digest_of(const void *bytes, size_t length, size_t piece)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest digest;
	size_t at;

	assert_non_null(stream);
	for (at = 0; at < length; at += piece)
		lc_digest_update(stream, (const char *)bytes + at,
		                 length - at < piece ? length - at : piece);
	digest = lc_digest_value(stream);
	lc_digest_free(stream);
	return digest;
}

/* Values of xxhsum -H2 and -H3: journals of other builds must stay readable. */
static void values_are_those_of_xxh3(void **state)
{
	static const unsigned char nothing[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
	                                          0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
	struct lc_digest digest = digest_of("", 0, 1);

	(void)state;
	assert_memory_equal(digest.bytes, nothing, sizeof nothing);
	assert_true(lc_digest64("", 0) == 0x2d06800538d394c2u);
}

static void pieces_make_no_difference(void **state)
{
	static unsigned char bytes[5000];
	struct lc_digest whole, parts;
	size_t piece;

	(void)state;
	fill(bytes, sizeof bytes, 1);
	whole = digest_of(bytes, sizeof bytes, sizeof bytes);
	for (piece = 1; piece < 2000; piece = piece * 3 + 1) {
		parts = digest_of(bytes, sizeof bytes, piece);
		assert_memory_equal(&whole, &parts, sizeof whole);
	}
}

static void every_bit_counts(void **state)
{
	unsigned char bytes[100];
	struct lc_digest before, after;
	uint64_t before64;
	size_t bit;

	(void)state;
	fill(bytes, sizeof bytes, 2);
	before = digest_of(bytes, sizeof bytes, 7);
	before64 = lc_digest64(bytes, sizeof bytes);
	for (bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		after = digest_of(bytes, sizeof bytes, 7);
		assert_memory_not_equal(&before, &after, sizeof before);
		assert_false(lc_digest64(bytes, sizeof bytes) == before64);
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
}

static void asking_does_not_end_a_stream(void **state)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest first, whole, wanted = digest_of("abcd", 4, 4);

	(void)state;
	lc_digest_update(stream, "ab", 2);
	first = lc_digest_value(stream);
	lc_digest_update(stream, "cd", 2);
	whole = lc_digest_value(stream);
	lc_digest_free(stream);
	assert_memory_not_equal(&first, &whole, sizeof first);
	assert_memory_equal(&wanted, &whole, sizeof whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(values_are_those_of_xxh3),
	        EVERY(pieces_make_no_difference),
	        EVERY(every_bit_counts),
	        EVERY(asking_does_not_end_a_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
