/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "triple.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 5
#define TABLE ((size_t)BLOCKS * LC_TRIPLE_DIGEST)

static unsigned char tables[2][TABLE];
static unsigned char buffer[4096];
static size_t size;

static struct lc_triple_entry entry(const unsigned char *set, uint64_t version,
                                    const unsigned char *table)
{
	struct lc_triple_entry e = {.version = version,
	                            .written = version,
	                            .length = 4 * 4096 + 1,
	                            .block = 4096,
	                            .blocks = BLOCKS,
	                            .members = 7,
	                            .mtime = {1700000000 + (int64_t)version, 123456789},
	                            .parent_version = version - 1,
	                            .table = table};

	memset(e.parent.bytes, (int)version, sizeof e.parent);
	e.root = lc_triple_root(set, &e);
	return e;
}

static struct lc_triple_sidecar sample(void)
{
	static const char *const paths[] = {"/a/state", "/mnt/b/state", "/c/s"};
	struct lc_triple_sidecar s = {.copy = 1, .fs = 77, .before = {-5, 999999999}};
	unsigned i;

	fill(s.set, sizeof s.set, 1);
	fill(s.path.bytes, sizeof s.path, 2);
	fill(tables[0], TABLE, 3);
	fill(tables[1], TABLE, 4);
	s.old = entry(s.set, 8, tables[0]);
	s.now = entry(s.set, 9, tables[1]);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		s.paths[i] = paths[i];
		s.path_lengths[i] = (uint32_t)strlen(paths[i]);
	}
	return s;
}

static void encode_sample(void)
{
	struct lc_triple_sidecar s = sample();

	size = lc_triple_size(&s);
	assert_true(size <= sizeof buffer);
	lc_triple_encode(&s, buffer);
}

static void expect_entry(const struct lc_triple_entry *got, const struct lc_triple_entry *want)
{
	assert_int_equal(got->version, want->version);
	assert_int_equal(got->written, want->written);
	assert_int_equal(got->length, want->length);
	assert_int_equal(got->block, want->block);
	assert_int_equal(got->blocks, want->blocks);
	assert_int_equal(got->members, want->members);
	assert_int_equal(got->mtime.seconds, want->mtime.seconds);
	assert_int_equal(got->mtime.nanoseconds, want->mtime.nanoseconds);
	assert_memory_equal(got->root.bytes, want->root.bytes, 16);
	assert_int_equal(got->parent_version, want->parent_version);
	assert_memory_equal(got->parent.bytes, want->parent.bytes, 16);
	assert_memory_equal(got->table, want->table, TABLE);
}

static void what_is_written_is_read(void **state)
{
	struct lc_triple_sidecar want = sample(), got;
	unsigned i;

	(void)state;
	encode_sample();
	assert_int_equal(lc_triple_decode(buffer, size, &got), 0);
	assert_int_equal(got.copy, 1);
	assert_int_equal(got.fs, 77);
	assert_int_equal(got.before.seconds, -5);
	assert_int_equal(got.twin_bad, 0);
	assert_memory_equal(got.set, want.set, sizeof want.set);
	assert_memory_equal(got.path.bytes, want.path.bytes, 16);
	expect_entry(&got.old, &want.old);
	expect_entry(&got.now, &want.now);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		assert_int_equal(got.path_lengths[i], want.path_lengths[i]);
		assert_memory_equal(got.paths[i], want.paths[i], want.path_lengths[i]);
	}
}

/* Offsets that commit-triple(5) promises */
static void bytes_are_where_the_manual_says(void **state)
{
	struct lc_triple_sidecar s = sample();

	(void)state;
	encode_sample();
	assert_memory_equal(buffer, "LCTRIPLE", 8);
	assert_int_equal(lc_get_le32(buffer + 8), 1);
	assert_int_equal(lc_get_le32(buffer + 12), 1);
	assert_memory_equal(buffer + 16, s.set, 16);
	assert_memory_equal(buffer + 32, s.path.bytes, 16);
	assert_int_equal(lc_get_le64(buffer + 48), 77);
	assert_int_equal(lc_get_le64(buffer + 56), size);
	assert_int_equal(lc_get_le32(buffer + 76), 3);
	assert_int_equal(lc_get_le32(buffer + 80), 8);
	assert_int_equal(lc_get_le64(buffer + 96), 8);
	assert_int_equal(lc_get_le64(buffer + 184), 9);
	assert_int_equal(lc_get_le64(buffer + 200), 4 * 4096 + 1);
	assert_memory_equal(buffer + 272, buffer + size - 16, 16);
	assert_memory_equal(buffer + 288, "/a/state/mnt/b/state/c/s", 24);
	assert_memory_equal(buffer + size - 16 - TABLE, tables[1], TABLE);
}

/* A bit of one twin of the checksum is forgiven and told; any other bit is not. */
static void each_bit_counts(void **state)
{
	struct lc_triple_sidecar got;
	size_t at;
	int rc, twin;

	(void)state;
	encode_sample();
	for (at = 0; at < size; at++) {
		buffer[at] ^= 0x10;
		rc = lc_triple_decode(buffer, size, &got);
		twin = (at >= 272 && at < 288) || at >= size - 16;
		if (twin) {
			assert_int_equal(rc, 0);
			assert_int_equal(got.twin_bad, 1);
		} else {
			assert_int_equal(rc, at >= 8 && at < 12 ? -EPROTONOSUPPORT : -EBADMSG);
		}
		buffer[at] ^= 0x10;
	}
}

static void each_cut_is_seen(void **state)
{
	struct lc_triple_sidecar got;
	unsigned char *copy;
	size_t length;

	(void)state;
	encode_sample();
	for (length = 0; length < size; length++) {
		/* of just that size, so that a sanitizer sees a read behind the end */
		copy = malloc(length ? length : 1);
		assert_non_null(copy);
		memcpy(copy, buffer, length);
		assert_int_equal(lc_triple_decode(copy, length, &got), -EBADMSG);
		free(copy);
	}
	assert_int_equal(lc_triple_decode(buffer, size + 1, &got), -EBADMSG);
}

/* Half of a new sidecar over half of an old one: neither checksum fits. */
static void a_torn_one_is_none(void **state)
{
	struct lc_triple_sidecar s = sample(), got;
	unsigned char other[sizeof buffer];
	size_t cut;

	(void)state;
	encode_sample();
	memcpy(other, buffer, size);
	s.now.version++;
	s.now.written++;
	fill(tables[1], TABLE, 9);
	s.now.root = lc_triple_root(s.set, &s.now);
	lc_triple_encode(&s, buffer);
	for (cut = 96; cut < size - 16; cut += 8) {
		unsigned char torn[sizeof buffer];

		memcpy(torn, buffer, size);
		memcpy(torn + cut, other + cut, size - cut);
		if (memcmp(torn, buffer, size) != 0 && memcmp(torn, other, size) != 0)
			assert_int_equal(lc_triple_decode(torn, size, &got), -EBADMSG);
	}
}

/* Whoever writes a sidecar seals it as well: what makes no sense is refused all the same. */
static void sealed_nonsense_is_refused(void **state)
{
	struct lc_triple_sidecar got;
	unsigned i;

	(void)state;
	for (i = 0; i < 8; i++) {
		struct lc_triple_sidecar s = sample();

		switch (i) {
		case 0:
			s.now.version = s.old.version;
			break;
		case 1:
			s.now.parent_version = s.now.version;
			break;
		case 2:
			s.now.length = UINT64_MAX;
			break;
		case 3:
			s.now.length = 4096;
			break;
		case 4:
			s.now.block = 5000;
			break;
		case 5:
			s.now.written = s.now.version + 1;
			break;
		case 6:
			s.now.mtime.nanoseconds = 1000000000;
			break;
		default:
			s.now.block = 2048;
			break;
		}
		s.now.root = lc_triple_root(s.set, &s.now);
		size = lc_triple_size(&s);
		lc_triple_encode(&s, buffer);
		assert_int_equal(lc_triple_decode(buffer, size, &got), -EBADMSG);
	}
}

static void names_of_sidecars(void **state)
{
	char name[256], longest[256];

	(void)state;
	lc_triple_side_name("state", name);
	assert_string_equal(name, ".state.triple");
	assert_true(lc_triple_is_side_name(name));
	assert_false(lc_triple_is_side_name("state.triple"));
	assert_false(lc_triple_is_side_name(".triple"));
	memset(longest, 'x', 255);
	longest[255] = '\0';
	lc_triple_side_name(longest, name);
	assert_true(strlen(name) < 40);
	assert_true(lc_triple_is_side_name(name));
	longest[247] = '\0';
	lc_triple_side_name(longest, name);
	assert_int_equal(strlen(name), 255);
}

/* The same content is another digest in another set, version, or place. */
static void digests_are_seeded(void **state)
{
	struct lc_digest content = {{1, 2, 3}};
	unsigned char sets[2][LC_TRIPLE_SET_SIZE] = {{1}, {2}};
	uint64_t one = lc_triple_block_digest(sets[0], 5, 7, &content);

	(void)state;
	assert_int_equal(one, lc_triple_block_digest(sets[0], 5, 7, &content));
	assert_int_not_equal(one, lc_triple_block_digest(sets[1], 5, 7, &content));
	assert_int_not_equal(one, lc_triple_block_digest(sets[0], 6, 7, &content));
	assert_int_not_equal(one, lc_triple_block_digest(sets[0], 5, 8, &content));
}

/* However large the file, the number of blocks is bounded, and so is memory. */
static void blocks_are_bounded(void **state)
{
	uint32_t block, blocks;

	(void)state;
	lc_triple_cut(0, 65536, &block, &blocks);
	assert_int_equal(blocks, 0);
	lc_triple_cut(1, 65536, &block, &blocks);
	assert_int_equal(blocks, 1);
	lc_triple_cut((uint64_t)65536 * 65536, 65536, &block, &blocks);
	assert_int_equal(block, 65536);
	assert_int_equal(blocks, 65536);
	lc_triple_cut((uint64_t)65536 * 65536 + 1, 65536, &block, &blocks);
	assert_int_equal(block, 131072);
	assert_int_equal(blocks, 32769);
	lc_triple_cut((uint64_t)1 << 44, 4096, &block, &blocks);
	assert_true(blocks <= LC_TRIPLE_BLOCKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(what_is_written_is_read), EVERY(bytes_are_where_the_manual_says),
	        EVERY(each_bit_counts),         EVERY(each_cut_is_seen),
	        EVERY(a_torn_one_is_none),      EVERY(sealed_nonsense_is_refused),
	        EVERY(names_of_sidecars),       EVERY(digests_are_seeded),
	        EVERY(blocks_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
