/* SPDX-License-Identifier: ISC */
/*
 * rvm-bench.h - what is measured by rvm-rounds, and what does the measuring
 *
 * A way has open, which is called once, and act, which makes one transaction durable,
 * or whatever it promises, and is called by all threads. close may be NULL.
 */
#ifndef RVM_BENCH_H
#define RVM_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define THREADS_MAX 64
/* What a thread changes lies in a part of its own: nobody waits for a lock of ours. */
#define ACCOUNTS ((size_t)1 << 20)
#define MINE (ACCOUNTS / THREADS_MAX)
#define SLOT 64

struct worker {
	unsigned number;
	unsigned seed;
	uint64_t commits;
	/* of the way */
	void *own;
};

struct way {
	const char *name;
	void (*open)(void);
	void (*act)(struct worker *worker);
	void (*close)(void);
	/* transactions that are timed together, where one is too short for a clock */
	unsigned batch;
};

extern const struct way floor_ways[];
extern const struct way rvm_ways[];
extern const struct way other_ways[];
extern unsigned threads;

void die(const char *what) __attribute__((noreturn));
double now(void);
/* The four places that a transaction changes in its thread's part: three of 16 bytes, one of 64. */
void choose(struct worker *worker, size_t place[4]);
/* Recovery of a log of so many MiB. */
void rvm_recover(size_t mib);
/* For the report: bytes of log, and how often it was truncated. */
void rvm_report(double *log_bytes, unsigned long long *truncations);

#endif
