/* SPDX-License-Identifier: ISC */
/*
 * record.h - the pure codec of checksummed records: bytes in, bytes out
 *
 *      0  u32  length of the payload in bytes
 *      4  u32  type, never 0
 *      8  u64  transaction
 *     16  u64  position of this record (its LSN)
 *     24  u64  position of the record before it, 0 for the first
 *     32  u64  salt of the epoch
 *     40  u64  position known durable when this was written
 *     48  u64  XXH3 over the XXH3 of bytes 0 to 47 and the XXH3 of the payload
 *     56       payload, then zeros up to a multiple of 8
 *
 * All integers are little-endian. A record proves that its bytes belong
 * together and to this place in this epoch; what they mean is for the caller,
 * who must bound every length found in a payload.
 */
#ifndef LC_RECORD_H
#define LC_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define LC_RECORD_HEAD 56
#define LC_RECORD_ALIGN 8

struct lc_record {
	uint32_t type;
	uint32_t length;
	uint64_t transaction;
	uint64_t position;
	uint64_t previous;
	uint64_t salt;
	uint64_t durable;
	const unsigned char *payload;
};

/* Bytes that a record with such a payload takes, padding included. */
size_t lc_record_size(size_t length);

/*
 * Completes a record whose payload already stands at buffer + LC_RECORD_HEAD;
 * the other fields are taken from *record. Writes the padding and returns
 * lc_record_size.
 */
size_t lc_record_seal(unsigned char *buffer, const struct lc_record *record);

/*
 * What the first bytes of buffer say, if they are a record: nothing is proved.
 * Returns 0, -EAGAIN if size does not hold all of it, or -ENODATA if there are
 * zeros where its head would stand.
 */
int lc_record_peek(const unsigned char *buffer, size_t size, struct lc_record *record);

/*
 * Reads a record from the first size bytes of buffer; payload points into
 * buffer. Returns what lc_record_peek does, or -EBADMSG if it is no record;
 * *record is touched only if it is one.
 */
int lc_record_open(const unsigned char *buffer, size_t size, struct lc_record *record);

#endif
