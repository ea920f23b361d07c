/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "pieces.h"

#include <string.h>

static void place(struct fuzz_input *in, unsigned char *image, size_t size)
{
	size_t at = (size_t)fuzz_u16(in) * FUZZ_PIECE_UNIT % size;
	size_t length = fuzz_u8(in), got;
	const uint8_t *bytes = fuzz_bytes(in, length, &got);

	if (got > size - at)
		got = size - at;
	if (got > 0)
		memcpy(image + at, bytes, got);
}

void fuzz_pieces(struct fuzz_input *in, unsigned char *image, size_t size)
{
	while (in->left > 3)
		place(in, image, size);
}

void fuzz_pieces_counted(struct fuzz_input *in, unsigned count, unsigned char *image, size_t size)
{
	for (; count > 0 && in->left > 3; count--)
		place(in, image, size);
}

static int is_zero(const unsigned char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (bytes[i])
			return 0;
	return 1;
}

unsigned fuzz_pieces_print(FILE *out, const unsigned char *image, size_t size)
{
	size_t at = 0, end;
	unsigned count = 0;

	while (at < size) {
		end = at;
		while (end < size && end - at + FUZZ_PIECE_UNIT <= FUZZ_PIECE_MAX &&
		       !is_zero(image + end, FUZZ_PIECE_UNIT))
			end += FUZZ_PIECE_UNIT;
		if (end == at) {
			at += FUZZ_PIECE_UNIT;
			continue;
		}
		fputc((int)(at / FUZZ_PIECE_UNIT & 255), out);
		fputc((int)(at / FUZZ_PIECE_UNIT >> 8), out);
		fputc((int)(end - at), out);
		fwrite(image + at, 1, end - at, out);
		count++;
		at = end;
	}
	return count;
}
