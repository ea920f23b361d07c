/* SPDX-License-Identifier: ISC */
/*
 * pieces.h - images that are mostly zeros, as short inputs
 *
 * A piece is u16 offset in words of 8 bytes, u8 length in bytes, and so many
 * bytes. In inputs of more than one file pieces follow each other after a byte
 * that says how many there are.
 */
#ifndef PIECES_H
#define PIECES_H

#include "fuzz.h"

enum { FUZZ_PIECE_UNIT = 8, FUZZ_PIECE_MAX = 255 };

/* All that is left of the input. */
void fuzz_pieces(struct fuzz_input *in, unsigned char *image, size_t size);
/* So many pieces. */
void fuzz_pieces_counted(struct fuzz_input *in, unsigned count, unsigned char *image, size_t size);

/* The other way round, for seeds: returns how many pieces were written. */
unsigned fuzz_pieces_print(FILE *out, const unsigned char *image, size_t size);

#endif
