/* SPDX-License-Identifier: ISC */
/*
 * commit_heap.h - a heap in recoverable memory: blocks that live and die by transactions
 *
 *     commit_rvm_map(rvm, "app.data", 0, size, NULL, COMMIT_RVM_CREATE, &memory, &err);
 *     commit_heap_format(xact, memory, size, &err);                    once
 *     commit_heap_open(rvm, memory, size, &heap, &err);
 *     commit_heap_allocate(heap, xact, sizeof *node, &block, &err);
 *     commit_heap_set_root(heap, xact, block, &err);
 *     commit_heap_free(heap, xact, block, &err);
 *     commit_rvm_end_xact(xact, ...);          all of it, or, aborted, none of it
 *     commit_heap_close(heap, &err);
 *
 * A heap fills a region, of either mode (commit_rvm.h), or a part of one. Whatever
 * it keeps is in there and changed by the caller's transaction, so an abort or a
 * crash gives back what was allocated and takes back what was freed. Nothing of it
 * depends on where it is mapped; pointers in blocks do, so map at one address, or
 * keep offsets.
 *
 * One transaction at a time allocates and frees in a heap: from its first such call
 * until it has ended others get COMMIT_EBUSY, because the room that it has freed may
 * come back. Blocks themselves may be changed by any, with commit_rvm_set_range.
 *
 * Allocation is next fit over a bitmap of units of 32 bytes (Knuth, The Art of
 * Computer Programming, volume 1, 2.5); its time grows with the heap's size where
 * that is nearly full. A block costs 16 bytes and what fills its last unit.
 *
 * Ownership: the caller closes the heap before he unmaps the memory. Threads: calls
 * with different transactions may be made by many threads; a transaction is used
 * by one thread at a time; check, format, open and close when nobody else uses it.
 *
 * Errors: COMMIT_EFAILED: nothing changed, the transaction is still open.
 * COMMIT_EUSAGE: an argument makes no sense. Those of single calls stand there.
 */
#ifndef COMMIT_HEAP_H
#define COMMIT_HEAP_H

#include <commit_error.h>
#include <commit_rvm.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct commit_heap;

/*
 * Makes an empty heap of length bytes, a multiple of 4096, from two pages on;
 * what stood there counts for nothing.
 */
COMMIT_API int commit_heap_format(struct commit_rvm_xact *xact, void *memory, size_t length,
                                  struct commit_error *err);

/*
 * COMMIT_EREFUSED: there is no heap, one of another length, or of a version that
 * is not known here. COMMIT_ECONFLICT: its head is damaged.
 */
COMMIT_API int commit_heap_open(struct commit_rvm *rvm, void *memory, size_t length,
                                struct commit_heap **heap, struct commit_error *err);
/* COMMIT_EREFUSED: a transaction that is open has allocated or freed; it stays open. */
COMMIT_API int commit_heap_close(struct commit_heap *heap, struct commit_error *err);

/*
 * *block is at least size bytes of zeros, aligned to 16 like the region, and
 * declared as by commit_rvm_set_range in this transaction. COMMIT_EFAILED with
 * ENOSPC: no run of free units is that long. COMMIT_EBUSY: see above.
 */
COMMIT_API int commit_heap_allocate(struct commit_heap *heap, struct commit_rvm_xact *xact,
                                    size_t size, void **block, struct commit_error *err);
/* COMMIT_EUSAGE: no block of this heap begins there. COMMIT_EBUSY: see above. */
COMMIT_API int commit_heap_free(struct commit_heap *heap, struct commit_rvm_xact *xact, void *block,
                                struct commit_error *err);
/* Bytes that can be used, 0 if no block of this heap begins there. */
COMMIT_API size_t commit_heap_size(const struct commit_heap *heap, const void *block);

/* The block from which a program finds all others; NULL: none. */
COMMIT_API int commit_heap_set_root(struct commit_heap *heap, struct commit_rvm_xact *xact,
                                    void *block, struct commit_error *err);
COMMIT_API void *commit_heap_root(const struct commit_heap *heap);

/*
 * The checker: the four invariants of a file system, read for blocks and bitmaps.
 *
 *     1  a unit is used for one purpose            blocks overlap: disaster
 *     2  what is referred to is initialised        a damaged head: disaster
 *     3  what is used is marked used               disaster
 *     4  what is not used is marked free           a leak
 *
 * Repaired is what is safe: leaks are freed, and a block whose head is whole and
 * whose units no other block has is marked used again.
 */
struct commit_heap_finding {
	/* 1 to 4 */
	int invariant;
	int repaired;
	/* of the block or the run of units, from the start of the heap; its bytes */
	uint64_t offset;
	uint64_t size;
	/* static */
	const char *text;
};

struct commit_heap_report {
	uint64_t blocks;
	uint64_t used_bytes;
	uint64_t disasters;
	uint64_t leaks;
	uint64_t repaired;
};

struct commit_heap_walk;

struct commit_heap_check {
	/* set by commit_heap_check_init; do not change */
	size_t size;
	/* repairs what it can, in this transaction; NULL: looks only */
	struct commit_rvm_xact *xact;
	/* may be NULL */
	void (*found)(void *context, const struct commit_heap_finding *finding);
	/*
	 * If not NULL: calls commit_heap_refers for each block that this block of the
	 * caller's refers to. Beginning with the root; what it does not lead to is a leak.
	 */
	void (*trace)(void *context, const void *block, size_t size, struct commit_heap_walk *walk);
	void *context;
};

COMMIT_API void commit_heap_check_init(struct commit_heap_check *check);
/* 0, also if there are findings; report may be NULL. COMMIT_EBUSY: see above. */
COMMIT_API int commit_heap_check(struct commit_heap *heap, const struct commit_heap_check *check,
                                 struct commit_heap_report *report, struct commit_error *err);
/* Of trace only. NULL refers to nothing. */
COMMIT_API void commit_heap_refers(struct commit_heap_walk *walk, const void *block);

#ifdef __cplusplus
}
#endif

#endif
