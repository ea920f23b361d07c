/* SPDX-License-Identifier: ISC */
/* bytes.h - little-endian integers at any alignment in byte buffers: one move each */
#ifndef LC_BYTES_H
#define LC_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline void lc_put_le32(unsigned char *to, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, sizeof value);
}

static inline void lc_put_le64(unsigned char *to, uint64_t value)
{
	value = htole64(value);
	memcpy(to, &value, sizeof value);
}

static inline uint32_t lc_get_le32(const unsigned char *from)
{
	uint32_t value;

	memcpy(&value, from, sizeof value);
	return le32toh(value);
}

static inline uint64_t lc_get_le64(const unsigned char *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof value);
	return le64toh(value);
}

#endif
