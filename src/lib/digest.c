/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "digest.h"

/* Where libxxhash cannot be linked its header alone does the same work. */
#ifdef LC_XXH_INLINE
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <string.h>

/* The stream is the library's own state under our name: never dereferenced. */
static XXH3_state_t *state_of(struct lc_digest_stream *stream)
{
	return (XXH3_state_t *)(void *)stream;
}

struct lc_digest_stream *lc_digest_new(void)
{
	XXH3_state_t *state = XXH3_createState();

	if (state)
		XXH3_128bits_reset(state);
	return (struct lc_digest_stream *)(void *)state;
}

void lc_digest_restart(struct lc_digest_stream *stream)
{
	XXH3_128bits_reset(state_of(stream));
}

void lc_digest_update(struct lc_digest_stream *stream, const void *buffer, size_t length)
{
	XXH3_128bits_update(state_of(stream), buffer, length);
}

struct lc_digest lc_digest_value(const struct lc_digest_stream *stream)
{
	struct lc_digest digest;
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical,
	                         XXH3_128bits_digest((const XXH3_state_t *)(const void *)stream));
	memcpy(digest.bytes, canonical.digest, sizeof digest.bytes);
	return digest;
}

void lc_digest_free(struct lc_digest_stream *stream)
{
	XXH3_freeState(state_of(stream));
}

uint64_t lc_digest64(const void *buffer, size_t length)
{
	return XXH3_64bits(buffer, length);
}

uint64_t lc_digest64_seeded(const void *buffer, size_t length, uint64_t seed)
{
	return XXH3_64bits_withSeed(buffer, length, seed);
}
