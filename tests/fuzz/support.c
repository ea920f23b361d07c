/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "fuzz.h"

#include <string.h>

void fuzz_broken(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

void fuzz_input_init(struct fuzz_input *in, const uint8_t *data, size_t size)
{
	in->bytes = data;
	in->left = size;
}

static uint64_t take(struct fuzz_input *in, size_t count)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < count && in->left > 0; i++, in->left--)
		value |= (uint64_t)*in->bytes++ << 8 * i;
	return value;
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
	return (uint8_t)take(in, 1);
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
	return (uint16_t)take(in, 2);
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
	return (uint32_t)take(in, 4);
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
	return take(in, 8);
}

const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t wanted, size_t *got)
{
	const uint8_t *bytes = in->bytes;

	*got = wanted < in->left ? wanted : in->left;
	in->bytes += *got;
	in->left -= *got;
	return bytes;
}

void *fuzz_copy(const void *bytes, size_t length)
{
	void *copy = malloc(length);

	FUZZ_CHECK(copy != NULL || length == 0);
	if (length > 0)
		memcpy(copy, bytes, length);
	return copy;
}

char *fuzz_text(struct fuzz_input *in, size_t wanted)
{
	size_t got;
	const uint8_t *bytes = fuzz_bytes(in, wanted, &got);
	const uint8_t *zero = got > 0 ? memchr(bytes, 0, got) : NULL;
	size_t length = zero ? (size_t)(zero - bytes) : got;
	char *text = malloc(length + 1);

	FUZZ_CHECK(text != NULL);
	if (length > 0)
		memcpy(text, bytes, length);
	text[length] = '\0';
	return text;
}
