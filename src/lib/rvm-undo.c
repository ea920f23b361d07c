/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "bytes.h"
#include "digest.h"
#include "fault.h"
#include "pmem.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define MAGIC "commitUN"
#define VERSION 1

/* The end has a cache line of its own, since it is written all the time. */
enum { AT_VERSION = 8, AT_INODE = 16, AT_SALT = 24, AT_SUM = 32, AT_END = 64 };

#define END_BITS 40
#define END_MASK (((uint64_t)1 << END_BITS) - 1)

/* Multiplicative hashing (Knuth): any changed bit changes the upper ones. */
uint64_t lc_undo_end_word(uint64_t salt, uint64_t end)
{
	const uint64_t golden = 0x9E3779B97F4A7C15u;

	return ((end + salt) * golden & ~END_MASK) | end;
}

int lc_undo_end_of(uint64_t salt, uint64_t word, uint64_t *end)
{
	if (lc_undo_end_word(salt, word & END_MASK) != word)
		return 0;
	*end = word & END_MASK;
	return 1;
}

static _Atomic uint64_t *end_of(const struct lc_undo *undo)
{
	return (_Atomic uint64_t *)(void *)(undo->bytes + AT_END);
}

/* In test builds the process can be killed here. */
static void step(void)
{
	(void)lc_fault("vista");
}

/* What was written before is not seen after it, and what comes after it not before. */
static void publish_end(struct lc_undo *undo, uint64_t end)
{
	undo->end = end;
	step();
	atomic_store_explicit(end_of(undo), htole64(lc_undo_end_word(undo->salt, end)),
	                      memory_order_release);
	atomic_thread_fence(memory_order_release);
	if (undo->persistent) {
		lc_pmem_flush(undo->bytes + AT_END, sizeof(uint64_t));
		lc_pmem_fence();
	}
	step();
}

void lc_undo_begin(struct lc_undo *undo, uint64_t salt, uint64_t inode)
{
	unsigned char *head = undo->bytes;

	memcpy(head, MAGIC, strlen(MAGIC));
	lc_put_le32(head + AT_VERSION, VERSION);
	lc_put_le64(head + AT_INODE, inode);
	lc_put_le64(head + AT_SALT, salt);
	lc_put_le64(head + AT_SUM, lc_digest64(head, AT_SUM));
	undo->salt = salt;
	undo->last = 0;
	publish_end(undo, 0);
}

int lc_undo_open(struct lc_undo *undo, uint64_t inode)
{
	const unsigned char *head = undo->bytes;
	uint64_t word = le64toh(atomic_load(end_of(undo)));

	if (memcmp(head, MAGIC, strlen(MAGIC)) != 0 ||
	    lc_get_le64(head + AT_SUM) != lc_digest64(head, AT_SUM))
		return -EBADMSG;
	if (lc_get_le32(head + AT_VERSION) != VERSION)
		return -EPROTONOSUPPORT;
	undo->salt = lc_get_le64(head + AT_SALT);
	if (lc_get_le64(head + AT_INODE) != inode ||
	    !lc_undo_end_of(undo->salt, word, &undo->end) || undo->end > undo->room)
		return -EBADMSG;
	return 0;
}

size_t lc_undo_size(size_t length)
{
	return LC_UNDO_RECORD + (length + 7) / 8 * 8;
}

void lc_undo_put(struct lc_undo *undo, uint32_t segment, uint64_t offset, const unsigned char *old,
                 uint32_t length)
{
	unsigned char *p = undo->bytes + LC_UNDO_HEAD + undo->end;
	const uint64_t at = undo->end;
	const size_t size = lc_undo_size(length);

	lc_put_le32(p + LC_UNDO_AT_SEGMENT, segment);
	lc_put_le32(p + LC_UNDO_AT_LENGTH, length);
	lc_put_le64(p + LC_UNDO_AT_OFFSET, offset);
	lc_put_le64(p + LC_UNDO_AT_PREVIOUS, undo->last);
	step();
	memset(p + size - 8, 0, 8);
	memcpy(p + LC_UNDO_RECORD, old, length);
	step();
	lc_put_le64(p + LC_UNDO_AT_CHECK,
	            lc_digest64_seeded(p + LC_UNDO_AT_SEGMENT, size - LC_UNDO_AT_SEGMENT,
	                               undo->salt + at));
	if (undo->persistent) {
		lc_pmem_flush(p, size);
		lc_pmem_fence();
	}
	undo->last = at;
	publish_end(undo, at + size);
}

void lc_undo_cut(struct lc_undo *undo, uint64_t end, uint64_t last)
{
	undo->last = last;
	publish_end(undo, end);
}

int lc_undo_get(const struct lc_undo *undo, uint64_t at, struct lc_undo_record *record)
{
	const unsigned char *p = undo->bytes + LC_UNDO_HEAD + at;
	size_t size;

	if (at > undo->end || undo->end - at < LC_UNDO_RECORD)
		return -EBADMSG;
	record->segment = lc_get_le32(p + LC_UNDO_AT_SEGMENT);
	record->length = lc_get_le32(p + LC_UNDO_AT_LENGTH);
	record->offset = lc_get_le64(p + LC_UNDO_AT_OFFSET);
	record->previous = lc_get_le64(p + LC_UNDO_AT_PREVIOUS);
	record->old = p + LC_UNDO_RECORD;
	size = lc_undo_size(record->length);
	if (record->length == 0 || record->length > LC_UNDO_PIECE || size > undo->end - at ||
	    record->offset > (uint64_t)INT64_MAX - record->length ||
	    (at == 0 ? record->previous != 0 : record->previous >= at) ||
	    lc_get_le64(p + LC_UNDO_AT_CHECK) != lc_digest64_seeded(p + LC_UNDO_AT_SEGMENT,
	                                                            size - LC_UNDO_AT_SEGMENT,
	                                                            undo->salt + at))
		return -EBADMSG;
	return 0;
}
