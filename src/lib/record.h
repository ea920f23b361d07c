/* SPDX-License-Identifier: ISC */
/*
 * record.h - the pure codec of checksummed records: bytes in, bytes out
 *
 *      0  u32  length of the payload in bytes
 *      4  u32  type
 *      8  u64  sequence number
 *     16  u64  XXH3 over the XXH3 of bytes 0 to 15 and the XXH3 of the payload
 *     24       payload
 *
 * All integers are little-endian. A record proves that its bytes belong
 * together; what they mean is for the caller, who must bound every length
 * found in a payload.
 */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define LC_RECORD_HEAD 24

struct lc_record {
	uint32_t type;
	uint64_t sequence;
	const unsigned char *payload;
	uint32_t length;
};

/*
 * Completes a record whose payload already stands at buffer + LC_RECORD_HEAD.
 * Returns its whole size.
 */
size_t lc_record_seal(unsigned char *buffer, uint32_t type, uint64_t sequence, uint32_t length);

/*
 * Reads a record from the first size bytes of buffer; payload points into
 * buffer. Returns 0, -EAGAIN if size does not hold all of it, or -EBADMSG if
 * the checksum is wrong.
 */
int lc_record_open(const unsigned char *buffer, size_t size, struct lc_record *record);

#endif
