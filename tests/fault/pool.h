/* SPDX-License-Identifier: ISC */
/*
 * pool.h - what fault walks share: workers that do jobs, TAP, scratch directories
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const struct pool saves = {"walk", "saves", choose, work};
 *
 *         return pool_main(&saves, argc, argv);
 *     }
 *
 * choose calls pool_add for each job. work does one in a worker, whose current
 * directory is its own and may hold what an earlier job has left there.
 */
#ifndef POOL_H
#define POOL_H

#include <stdarg.h>
#include <stddef.h>

struct board;

struct pool_options {
	int full, thin, workers;
	const char *only, *dir, *disk;
};

struct pool_job {
	const void *what;
	unsigned missing;
	int on_disk;
	int needs_root;
	char title[160];
};

struct counts {
	unsigned long runs, fired, kills, recoveries, depth_two, seconds;
};

/* What comes of a job. */
struct report {
	struct counts counts;
	int failures;
	char *text;
	size_t text_size;
};

struct pool {
	const char *name;
	/* of what counts.seconds counts the second ones */
	const char *unit;
	void (*choose)(struct board *board, const struct pool_options *options);
	void (*work)(const struct pool_job *job, int full, struct report *report);
};

void pool_add(struct board *board, const struct pool_job *job);
int pool_main(const struct pool *what, int argc, char **argv);

void report_complain(struct report *report, const char *doing, const char *fault,
                     const char *format, va_list args);

#endif
