/* SPDX-License-Identifier: ISC */
/*
 * pmem.h - writing cache lines back to persistent memory
 *
 *     memcpy(at, bytes, length);
 *     lc_pmem_flush(at, length);     begins to write the lines back
 *     lc_pmem_fence();               all that was flushed before is durable
 *
 * Of the instructions that do so the best one that the processor has is chosen
 * when the first is needed: clwb, clflushopt or clflush on x86 (Intel, "Persistent
 * Memory Programming"), dc cvap on ARMv8.2. No call can fail.
 *
 * In test builds memory can pretend to be persistent, and a test sees each call.
 */
#ifndef LC_PMEM_H
#define LC_PMEM_H

#include <stddef.h>

/* 1: this processor can; else nothing here may be called, and no memory counts as persistent. */
int lc_pmem_known(void);
void lc_pmem_flush(const void *start, size_t length);
void lc_pmem_fence(void);

#ifdef LC_FAULT
/* Every mapping is persistent from now on; see is told of flushes, and of fences with length 0. */
void lc_pmem_pretend(void (*see)(void *context, const void *start, size_t length), void *context);
int lc_pmem_pretended(void);
#else
static inline int lc_pmem_pretended(void)
{
	return 0;
}
#endif

#endif
