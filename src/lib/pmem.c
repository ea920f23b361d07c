/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "pmem.h"

#include <stdint.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

/* No processor that this knows has shorter ones; flushing a line twice does no harm. */
#define LINE ((uintptr_t)64)

enum { NOT_ASKED, NONE, CLFLUSH, CLFLUSHOPT, CLWB, CVAP };

/* Every thread would find the same. */
static _Atomic int chosen;

#if defined(__x86_64__) || defined(__i386__)
static int choose(void)
{
	const unsigned clflush_edx = 1u << 19, clflushopt_ebx = 1u << 23, clwb_ebx = 1u << 24;
	unsigned a, b, c, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & clwb_ebx)
		return CLWB;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & clflushopt_ebx)
		return CLFLUSHOPT;
	return __get_cpuid(1, &a, &b, &c, &d) && d & clflush_edx ? CLFLUSH : NONE;
}

static void flush_line(int how, const volatile char *line)
{
	if (how == CLWB)
		__asm__ volatile("clwb %0" ::"m"(*line) : "memory");
	else if (how == CLFLUSHOPT)
		__asm__ volatile("clflushopt %0" ::"m"(*line) : "memory");
	else
		__asm__ volatile("clflush %0" ::"m"(*line) : "memory");
}

static void fence(void)
{
	__asm__ volatile("sfence" ::: "memory");
}
#elif defined(__aarch64__)
static int choose(void)
{
	const unsigned long has_dcpop = 1ul << 16;

	return getauxval(AT_HWCAP) & has_dcpop ? CVAP : NONE;
}

/* dc cvap by its encoding: an assembler for ARMv8.0 does not know the name */
static void flush_line(int how, const volatile char *line)
{
	(void)how;
	__asm__ volatile("sys #3, c7, c12, #1, %0" ::"r"(line) : "memory");
}

static void fence(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}
#else
static int choose(void)
{
	return NONE;
}

static void flush_line(int how, const volatile char *line)
{
	(void)how, (void)line;
}

static void fence(void)
{
}
#endif

static int chosen_instruction(void)
{
	int how = chosen;

	if (how == NOT_ASKED)
		chosen = how = choose();
	return how;
}

int lc_pmem_known(void)
{
	return chosen_instruction() != NONE;
}

#ifdef LC_FAULT
static void (*watcher)(void *context, const void *start, size_t length);
static void *watcher_context;
static int pretending;

void lc_pmem_pretend(void (*see)(void *context, const void *start, size_t length), void *context)
{
	pretending = 1;
	watcher = see;
	watcher_context = context;
}

int lc_pmem_pretended(void)
{
	return pretending;
}
#endif

static void tell(const void *start, size_t length)
{
#ifdef LC_FAULT
	if (watcher)
		watcher(watcher_context, start, length);
#else
	(void)start, (void)length;
#endif
}

void lc_pmem_flush(const void *start, size_t length)
{
	const char *end = (const char *)start + length;
	const char *line = (const char *)start - (uintptr_t)start % LINE;
	const int how = chosen_instruction();

	tell(start, length);
	if (how == NONE)
		return;
	for (; line < end; line += LINE)
		flush_line(how, line);
}

void lc_pmem_fence(void)
{
	fence();
	tell(NULL, 0);
}
