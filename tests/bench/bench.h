/* SPDX-License-Identifier: ISC */
/*
 * bench.h - what the programs of the benches share
 *
 * bench_save_exclusive and bench_save_tmpfile are the floors: the system calls
 * of an atomic save and nothing else. They return 0, or -1 with errno set and
 * a word on stderr; on failure a temporary file may stay behind in the bench
 * directory, which is thrown away as a whole.
 *
 * Threads: one.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench_spent {
	uint64_t ns; /* from before posix_spawn to after wait4 */
	long maxrss; /* KiB, as wait4 reports it */
	int status;  /* as wait4 reports it */
};

/* Monotonic nanoseconds. */
uint64_t bench_now(void);

/*
 * Who runs as the i-th of count in a round: the order moves on by one and turns
 * around every round, so that none always follows the same other and a slow
 * drift of the machine hits all. round is not negative.
 */
int bench_turn(long round, int i, int count);

/* Writes all of the buffer to fd, however short the single writes are. */
int bench_write_all(int fd, const void *buffer, size_t length);

/* openat(O_CREAT|O_EXCL), write, fsync, close, renameat, fsync(directory) */
int bench_save_exclusive(const char *dir, const char *name, const void *buffer, size_t length);

/* openat(O_TMPFILE), write, linkat, fsync, close, renameat, fsync(directory) */
int bench_save_tmpfile(const char *dir, const char *name, const void *buffer, size_t length);

/*
 * Gives the unnamed file fd a temporary name in dirfd, flushes it, closes it,
 * renames it over name and flushes dirfd: the second half of a save.
 */
int bench_publish_tmpfile(int dirfd, int fd, const char *name);

/*
 * Runs argv with input as its standard input (NULL: ours) and waits for it.
 * posix_spawn does not copy our page tables, so our size does not cost time.
 * Returns 0 with *spent filled in, or an errno value if it could not be run.
 */
int bench_spawn(char *const argv[], const char *input, struct bench_spent *spent);

#endif
