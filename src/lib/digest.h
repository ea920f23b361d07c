/* SPDX-License-Identifier: ISC */
/*
 * digest.h - XXH3 (Yann Collet, https://xxhash.com) over buffers and streams
 *
 * Digests find accidents: torn writes, rot, edits by others. They are no
 * defence against somebody who may write the file and wants to collide.
 *
 *     struct lc_digest_stream *s = lc_digest_new();    NULL: no memory
 *     lc_digest_update(s, buffer, length);
 *     digest = lc_digest_value(s);
 *     lc_digest_free(s);
 */
#ifndef LC_DIGEST_H
#define LC_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* The canonical (big-endian) bytes of an XXH3 128-bit value. */
struct lc_digest {
	unsigned char bytes[16];
};

struct lc_digest_stream;

struct lc_digest_stream *lc_digest_new(void);
void lc_digest_restart(struct lc_digest_stream *stream);
void lc_digest_update(struct lc_digest_stream *stream, const void *buffer, size_t length);
struct lc_digest lc_digest_value(const struct lc_digest_stream *stream);
void lc_digest_free(struct lc_digest_stream *stream);

/* 64 bits over one buffer. */
uint64_t lc_digest64(const void *buffer, size_t length);
/* Another one for each seed. */
uint64_t lc_digest64_seeded(const void *buffer, size_t length, uint64_t seed);

#endif
