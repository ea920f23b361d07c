/* SPDX-License-Identifier: ISC */
/* bytes.h - little-endian integers at any alignment in byte buffers */
#ifndef LC_BYTES_H
#define LC_BYTES_H

#include <stdint.h>

static inline void lc_put_le32(unsigned char *to, uint32_t value)
{
	int i;

	for (i = 0; i < 4; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

static inline void lc_put_le64(unsigned char *to, uint64_t value)
{
	int i;

	for (i = 0; i < 8; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

static inline uint32_t lc_get_le32(const unsigned char *from)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 4; i++)
		value |= (uint32_t)from[i] << (8 * i);
	return value;
}

static inline uint64_t lc_get_le64(const unsigned char *from)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

#endif
