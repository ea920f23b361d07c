/* SPDX-License-Identifier: ISC */
/*
 * Sidecars of three copies: what was encoded is decoded, one bit flipped is no
 * sidecar or only a bad twin of its checksum, and bytes of a stranger with good
 * checksums are refused or lie inside.
 */
#include "config.h"

#include "fuzz.h"

#include "bytes.h"
#include "triple.h"

#include <string.h>

enum { SIZE_AT = 56, CHECKSUM_AT = 272, BLOCKS_HERE = 40 };

static unsigned char tables[2][BLOCKS_HERE * LC_TRIPLE_DIGEST];

static void make_entry(struct fuzz_input *in, const struct lc_triple_sidecar *sidecar,
                       unsigned char *table, struct lc_triple_entry *entry)
{
	uint32_t wish = LC_TRIPLE_BLOCK_MIN << fuzz_u8(in) % 8;
	size_t i;

	entry->length = fuzz_u32(in) % (wish * BLOCKS_HERE);
	lc_triple_cut(entry->length, wish, &entry->block, &entry->blocks);
	entry->written = entry->version - entry->version % 2;
	entry->parent_version = entry->version - 1;
	entry->members = fuzz_u8(in) % 8;
	entry->mtime.seconds = (int64_t)fuzz_u32(in) - INT32_MAX;
	entry->mtime.nanoseconds = fuzz_u32(in) % 1000000000;
	for (i = 0; i < entry->blocks; i++)
		lc_put_le64(table + i * LC_TRIPLE_DIGEST, fuzz_u32(in));
	entry->table = table;
	entry->root = lc_triple_root(sidecar->set, entry);
}

static void make_sidecar(struct fuzz_input *in, struct lc_triple_sidecar *sidecar)
{
	static const char path[] = "/a/very/long/path/of/a/copy";
	unsigned i;

	memset(sidecar, 0, sizeof *sidecar);
	sidecar->copy = fuzz_u8(in) % LC_TRIPLE_MAX;
	sidecar->fs = fuzz_u32(in);
	memset(sidecar->set, fuzz_u8(in), sizeof sidecar->set);
	sidecar->old.version = fuzz_u8(in);
	sidecar->now.version = sidecar->old.version + 1 + fuzz_u8(in);
	if (sidecar->old.version > 0)
		make_entry(in, sidecar, tables[0], &sidecar->old);
	make_entry(in, sidecar, tables[1], &sidecar->now);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		sidecar->paths[i] = path;
		sidecar->path_lengths[i] = fuzz_u8(in) % sizeof path;
	}
}

static void check_same(const struct lc_triple_sidecar *a, const struct lc_triple_sidecar *b)
{
	unsigned i;

	FUZZ_CHECK(a->copy == b->copy && a->fs == b->fs);
	FUZZ_CHECK(memcmp(a->set, b->set, sizeof a->set) == 0);
	FUZZ_CHECK(a->now.version == b->now.version && a->old.version == b->old.version);
	FUZZ_CHECK(a->now.length == b->now.length && a->now.blocks == b->now.blocks);
	FUZZ_CHECK(a->now.table != NULL && b->now.table != NULL);
	FUZZ_CHECK(memcmp(&a->now.root, &b->now.root, sizeof a->now.root) == 0);
	FUZZ_CHECK(memcmp(a->now.table, b->now.table, (size_t)a->now.blocks * LC_TRIPLE_DIGEST) ==
	           0);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		FUZZ_CHECK(a->path_lengths[i] == b->path_lengths[i]);
		FUZZ_CHECK(memcmp(a->paths[i], b->paths[i], a->path_lengths[i]) == 0);
	}
}

/* A flipped bit is found, or is in one of the two checksums. */
static void damage(const struct lc_triple_sidecar *sidecar, const unsigned char *bytes, size_t size,
                   uint32_t where)
{
	unsigned char *copy = fuzz_copy(bytes, size);
	struct lc_triple_sidecar found;

	copy[where / 8 % size] ^= (unsigned char)(1u << where % 8);
	if (lc_triple_decode(copy, size, &found) == 0) {
		FUZZ_CHECK(found.twin_bad);
		check_same(sidecar, &found);
	}
	FUZZ_CHECK(lc_triple_decode(bytes, size - 1, &found) != 0);
	free(copy);
}

static void round_trip(struct fuzz_input *in)
{
	struct lc_triple_sidecar sidecar, found;
	unsigned char *bytes;
	size_t size;

	make_sidecar(in, &sidecar);
	size = lc_triple_size(&sidecar);
	bytes = malloc(size);
	FUZZ_CHECK(bytes != NULL);
	lc_triple_encode(&sidecar, bytes);
	FUZZ_CHECK(lc_triple_decode(bytes, size, &found) == 0 && !found.twin_bad);
	check_same(&sidecar, &found);
	damage(&sidecar, bytes, size, fuzz_u32(in));
	free(bytes);
}

/* The checksums that a stranger would give what he has made */
static void seal(unsigned char *bytes, size_t size)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest digest;

	FUZZ_CHECK(stream != NULL);
	lc_put_le64(bytes + SIZE_AT, size);
	lc_digest_update(stream, bytes, CHECKSUM_AT);
	lc_digest_update(stream, bytes + LC_TRIPLE_HEAD, size - LC_TRIPLE_HEAD - sizeof digest);
	digest = lc_digest_value(stream);
	lc_digest_free(stream);
	memcpy(bytes + CHECKSUM_AT, digest.bytes, sizeof digest);
	memcpy(bytes + size - sizeof digest, digest.bytes, sizeof digest);
}

static void of_a_stranger(const struct fuzz_input *in, int sealed)
{
	unsigned char *bytes = fuzz_copy(in->bytes, in->left);
	struct lc_triple_sidecar found;
	size_t size = in->left;
	unsigned i;

	if (sealed && size >= LC_TRIPLE_HEAD + sizeof(struct lc_digest))
		seal(bytes, size);
	if (lc_triple_decode(bytes, size, &found) == 0) {
		FUZZ_CHECK(lc_triple_size(&found) == size);
		FUZZ_CHECK(found.now.table + (size_t)found.now.blocks * LC_TRIPLE_DIGEST <=
		           bytes + size);
		for (i = 0; i < LC_TRIPLE_MAX; i++)
			FUZZ_CHECK(found.paths[i] + found.path_lengths[i] <= (char *)bytes + size);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	uint8_t flags;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	if (flags & 2)
		of_a_stranger(&in, flags & 1);
	else
		round_trip(&in);
	return 0;
}
