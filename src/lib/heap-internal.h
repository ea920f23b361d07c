/* SPDX-License-Identifier: ISC */
/*
 * heap-internal.h - the parts of a recoverable heap
 *
 *     heap.c         format, open, allocate, free, root
 *     heap-check.c   the four invariants
 *
 * commit-heap(5): a page of head, a bitmap of the units that are used, a bitmap of
 * those that begin a block, the units. A block begins with a head of its own, which
 * says again how many units it has, so that bitmaps and blocks prove each other.
 */
#ifndef LC_HEAP_INTERNAL_H
#define LC_HEAP_INTERNAL_H

#include "rvm-internal.h"

#include <commit_heap.h>

#define LC_HEAP_UNIT ((size_t)32)
#define LC_HEAP_BLOCK_HEAD ((size_t)16)

struct commit_heap {
	struct commit_rvm *rvm;
	unsigned char *base;
	size_t length;
	uint64_t salt;
	uint64_t units;
	/* one bit for each unit, the lowest of a byte first */
	unsigned char *used;
	unsigned char *first;
	unsigned char *blocks;
	/* where the search goes on; changed by the owner */
	uint64_t next;
	/* the transaction that allocates and frees; how it tells that it has ended */
	_Atomic(struct commit_rvm_xact *) owner;
	struct lc_rvm_ended ended;
};

static inline int lc_heap_bit(const unsigned char *map, uint64_t unit)
{
	return map[unit / 8] >> unit % 8 & 1;
}

/* How many units the block has whose head stands there; 0: there is no whole one. */
uint64_t lc_heap_block_units(const struct commit_heap *heap, uint64_t unit);
/* Where a block's bytes begin. */
unsigned char *lc_heap_payload(const struct commit_heap *heap, uint64_t unit);
/* The unit whose payload that is; heap->units if it is none. */
uint64_t lc_heap_unit_of(const struct commit_heap *heap, const void *block);
/* The unit of the root, heap->units if there is none, *wrong: it is no unit at all. */
uint64_t lc_heap_root_unit(const struct commit_heap *heap, int *wrong);
/* From now on until it ends nobody else allocates or frees. */
int lc_heap_own(struct commit_heap *heap, struct commit_rvm_xact *xact, struct commit_error *err);
/* Declares the bits, then sets them to value. */
int lc_heap_declare_bits(const struct commit_heap *heap, struct commit_rvm_xact *xact,
                         unsigned char *map, uint64_t unit, uint64_t count,
                         struct commit_error *err);
void lc_heap_put_bits(unsigned char *map, uint64_t unit, uint64_t count, int value);

#endif
