/* SPDX-License-Identifier: ISC */
/*
 * recording.h - the log that the recorder writes and the explorer reads
 *
 * Heads of this form, in the order in which the requests came, each followed by
 * length bytes if it is a write or a mark. Native byte order: a log is read on
 * the machine that wrote it.
 */
#ifndef CRASH_RECORDING_H
#define CRASH_RECORDING_H

#include <stdint.h>

#define RECORDING_MAGIC 0x63727368u

enum request_type {
	REQUEST_WRITE = 1,
	REQUEST_ZERO,  /* discard, punched hole, zeroed range: reads as zeros */
	REQUEST_FLUSH, /* of the disk at that offset, of that length; 0: of all */
	REQUEST_MARK,
	REQUEST_FAILED /* a request that was answered with EIO, for the record */
};

struct request_head {
	uint32_t magic;
	uint32_t type;
	uint64_t offset;
	uint64_t length;
};

#endif
