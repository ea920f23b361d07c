/* SPDX-License-Identifier: ISC */
/* triple-format.c - sidecars as bytes; the offsets stand in commit-triple(5) */
#include "config.h"

#include "triple.h"

#include "bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "LCTRIPLE"
#define FORMAT 1
#define SUFFIX ".triple"
/* Room for a leading dot and the suffix in a name of 255 bytes */
#define NAME_MAX_PLAIN (255 - sizeof SUFFIX)
#define OLD_AT 96
#define NOW_AT 184
#define CHECKSUM_AT 272
/* More than any file system holds, and sums of a few of them do not overflow */
#define LENGTH_MAX ((uint64_t)1 << 62)

void lc_triple_side_name(const char *copy, char name[256])
{
	size_t length = strlen(copy);

	if (length <= NAME_MAX_PLAIN)
		snprintf(name, 256, ".%s" SUFFIX, copy);
	else
		snprintf(name, 256, ".%016llx" SUFFIX,
		         (unsigned long long)lc_digest64(copy, length));
}

int lc_triple_is_side_name(const char *name)
{
	size_t length = strlen(name);
	size_t suffix = sizeof SUFFIX - 1;

	return name[0] == '.' && length > suffix + 1 && strcmp(name + length - suffix, SUFFIX) == 0;
}

static size_t table_size(const struct lc_triple_entry *entry)
{
	return (size_t)entry->blocks * LC_TRIPLE_DIGEST;
}

static size_t paths_size(const struct lc_triple_sidecar *sidecar)
{
	size_t size = 0;
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		size += sidecar->path_lengths[i];
	return (size + 7) / 8 * 8;
}

size_t lc_triple_size(const struct lc_triple_sidecar *sidecar)
{
	return LC_TRIPLE_HEAD + paths_size(sidecar) + table_size(&sidecar->old) +
	       table_size(&sidecar->now) + sizeof(struct lc_digest);
}

static void put_entry(unsigned char *to, const struct lc_triple_entry *entry)
{
	lc_put_le64(to, entry->version);
	lc_put_le64(to + 8, entry->written);
	lc_put_le64(to + 16, entry->length);
	lc_put_le32(to + 24, entry->block);
	lc_put_le32(to + 28, entry->blocks);
	lc_put_le32(to + 32, entry->members);
	lc_put_le32(to + 36, entry->mtime.nanoseconds);
	lc_put_le64(to + 40, (uint64_t)entry->mtime.seconds);
	memcpy(to + 48, entry->root.bytes, 16);
	lc_put_le64(to + 64, entry->parent_version);
	memcpy(to + 72, entry->parent.bytes, 16);
}

static void get_entry(const unsigned char *from, struct lc_triple_entry *entry)
{
	entry->version = lc_get_le64(from);
	entry->written = lc_get_le64(from + 8);
	entry->length = lc_get_le64(from + 16);
	entry->block = lc_get_le32(from + 24);
	entry->blocks = lc_get_le32(from + 28);
	entry->members = lc_get_le32(from + 32);
	entry->mtime.nanoseconds = lc_get_le32(from + 36);
	entry->mtime.seconds = (int64_t)lc_get_le64(from + 40);
	memcpy(entry->root.bytes, from + 48, 16);
	entry->parent_version = lc_get_le64(from + 64);
	memcpy(entry->parent.bytes, from + 72, 16);
}

/* Over all bytes but the two copies of itself. */
static struct lc_digest checksum(const unsigned char *bytes, size_t size)
{
	struct lc_digest digest = {{0}};
	struct lc_digest_stream *stream = lc_digest_new();

	if (!stream)
		return digest;
	lc_digest_update(stream, bytes, CHECKSUM_AT);
	lc_digest_update(stream, bytes + LC_TRIPLE_HEAD, size - LC_TRIPLE_HEAD - sizeof digest);
	digest = lc_digest_value(stream);
	lc_digest_free(stream);
	return digest;
}

static unsigned char *put_paths(const struct lc_triple_sidecar *sidecar, unsigned char *to)
{
	unsigned char *end = to + paths_size(sidecar);
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		memcpy(to, sidecar->paths[i], sidecar->path_lengths[i]);
		to += sidecar->path_lengths[i];
	}
	memset(to, 0, (size_t)(end - to));
	return end;
}

static unsigned char *put_table(unsigned char *to, const struct lc_triple_entry *entry)
{
	if (entry->blocks)
		memcpy(to, entry->table, table_size(entry));
	return to + table_size(entry);
}

void lc_triple_encode(const struct lc_triple_sidecar *sidecar, unsigned char *buffer)
{
	size_t size = lc_triple_size(sidecar);
	struct lc_digest digest;
	unsigned char *to;
	unsigned i;

	memset(buffer, 0, LC_TRIPLE_HEAD);
	memcpy(buffer, MAGIC, 8);
	lc_put_le32(buffer + 8, FORMAT);
	lc_put_le32(buffer + 12, sidecar->copy);
	memcpy(buffer + 16, sidecar->set, LC_TRIPLE_SET_SIZE);
	memcpy(buffer + 32, sidecar->path.bytes, 16);
	lc_put_le64(buffer + 48, sidecar->fs);
	lc_put_le64(buffer + 56, size);
	lc_put_le64(buffer + 64, (uint64_t)sidecar->before.seconds);
	lc_put_le32(buffer + 72, sidecar->before.nanoseconds);
	lc_put_le32(buffer + 76, LC_TRIPLE_MAX);
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_put_le32(buffer + 80 + 4 * (size_t)i, sidecar->path_lengths[i]);
	put_entry(buffer + OLD_AT, &sidecar->old);
	put_entry(buffer + NOW_AT, &sidecar->now);
	to = put_paths(sidecar, buffer + LC_TRIPLE_HEAD);
	to = put_table(to, &sidecar->old);
	to = put_table(to, &sidecar->now);
	digest = checksum(buffer, size);
	memcpy(buffer + CHECKSUM_AT, digest.bytes, sizeof digest);
	memcpy(to, digest.bytes, sizeof digest);
}

/* A torn sidecar has two checksums that fit nothing; a rotten checksum has a twin. */
static int check_sums(const unsigned char *buffer, size_t size, int *twin_bad)
{
	struct lc_digest digest = checksum(buffer, size);
	int head = memcmp(buffer + CHECKSUM_AT, digest.bytes, sizeof digest) == 0;
	int tail = memcmp(buffer + size - sizeof digest, digest.bytes, sizeof digest) == 0;

	*twin_bad = !head || !tail;
	return head || tail ? 0 : -EBADMSG;
}

/* Whoever can write a sidecar can write its checksum: nothing in it is believed. */
static int check_entry(const unsigned char *set, const struct lc_triple_entry *entry)
{
	uint32_t block, blocks;
	struct lc_digest root;

	if (entry->version == 0)
		return entry->blocks ? -EBADMSG : 0;
	if (entry->blocks > LC_TRIPLE_BLOCKS_MAX || entry->block < LC_TRIPLE_BLOCK_MIN ||
	    entry->block > LC_TRIPLE_BLOCK_MAX || (entry->block & (entry->block - 1)) ||
	    entry->length > LENGTH_MAX || entry->written > entry->version ||
	    entry->parent_version >= entry->version || entry->mtime.nanoseconds > 999999999)
		return -EBADMSG;
	lc_triple_cut(entry->length, entry->block, &block, &blocks);
	if (block != entry->block || blocks != entry->blocks)
		return -EBADMSG;
	root = lc_triple_root(set, entry);
	return memcmp(root.bytes, entry->root.bytes, sizeof root) == 0 ? 0 : -EBADMSG;
}

static int check_head(const unsigned char *buffer, size_t size)
{
	if (size < LC_TRIPLE_HEAD + sizeof(struct lc_digest) || memcmp(buffer, MAGIC, 8) != 0)
		return -EBADMSG;
	if (lc_get_le32(buffer + 8) != FORMAT)
		return -EPROTONOSUPPORT;
	if (size > LC_TRIPLE_SIDECAR_MAX || lc_get_le64(buffer + 56) != size ||
	    lc_get_le32(buffer + 12) >= LC_TRIPLE_MAX || lc_get_le32(buffer + 76) != LC_TRIPLE_MAX)
		return -EBADMSG;
	return 0;
}

static int get_paths(const unsigned char *buffer, struct lc_triple_sidecar *sidecar)
{
	const char *at = (const char *)buffer + LC_TRIPLE_HEAD;
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		sidecar->path_lengths[i] = lc_get_le32(buffer + 80 + 4 * (size_t)i);
		if (sidecar->path_lengths[i] > LC_TRIPLE_PATH_MAX)
			return -EBADMSG;
		sidecar->paths[i] = at;
		at += sidecar->path_lengths[i];
	}
	return 0;
}

int lc_triple_decode(const unsigned char *buffer, size_t size, struct lc_triple_sidecar *sidecar)
{
	struct lc_triple_sidecar found = {0};
	int rc = check_head(buffer, size);

	if (rc)
		return rc;
	found.copy = lc_get_le32(buffer + 12);
	memcpy(found.set, buffer + 16, LC_TRIPLE_SET_SIZE);
	memcpy(found.path.bytes, buffer + 32, 16);
	found.fs = lc_get_le64(buffer + 48);
	found.before.seconds = (int64_t)lc_get_le64(buffer + 64);
	found.before.nanoseconds = lc_get_le32(buffer + 72);
	get_entry(buffer + OLD_AT, &found.old);
	get_entry(buffer + NOW_AT, &found.now);
	if (get_paths(buffer, &found) || found.old.blocks > LC_TRIPLE_BLOCKS_MAX ||
	    found.now.blocks > LC_TRIPLE_BLOCKS_MAX || lc_triple_size(&found) != size)
		return -EBADMSG;
	found.old.table = buffer + LC_TRIPLE_HEAD + paths_size(&found);
	found.now.table = found.old.table + table_size(&found.old);
	rc = check_sums(buffer, size, &found.twin_bad);
	if (!rc)
		rc = check_entry(found.set, &found.old);
	if (!rc)
		rc = check_entry(found.set, &found.now);
	if (!rc && (found.now.version == 0 || found.now.version <= found.old.version))
		rc = -EBADMSG;
	if (!rc)
		*sidecar = found;
	return rc;
}

uint64_t lc_triple_block_digest(const unsigned char set[LC_TRIPLE_SET_SIZE], uint64_t written,
                                uint64_t index, const struct lc_digest *content)
{
	unsigned char seeded[48];

	memcpy(seeded, content->bytes, 16);
	memcpy(seeded + 16, set, LC_TRIPLE_SET_SIZE);
	lc_put_le64(seeded + 32, written);
	lc_put_le64(seeded + 40, index);
	return lc_digest64(seeded, sizeof seeded);
}

struct lc_digest lc_triple_root(const unsigned char set[LC_TRIPLE_SET_SIZE],
                                const struct lc_triple_entry *entry)
{
	struct lc_digest root = {{0}};
	struct lc_digest_stream *stream = lc_digest_new();
	unsigned char head[36];

	if (!stream)
		return root;
	memcpy(head, set, LC_TRIPLE_SET_SIZE);
	lc_put_le64(head + 16, entry->written);
	lc_put_le64(head + 24, entry->length);
	lc_put_le32(head + 32, entry->block);
	lc_digest_update(stream, head, sizeof head);
	if (entry->blocks)
		lc_digest_update(stream, entry->table, table_size(entry));
	root = lc_digest_value(stream);
	lc_digest_free(stream);
	return root;
}

void lc_triple_cut(uint64_t length, uint32_t wish, uint32_t *block, uint32_t *blocks)
{
	uint64_t size = wish;

	while (size < LC_TRIPLE_BLOCK_MAX && (length + size - 1) / size > LC_TRIPLE_BLOCKS_MAX)
		size *= 2;
	*block = (uint32_t)size;
	*blocks = (uint32_t)((length + size - 1) / size);
}
