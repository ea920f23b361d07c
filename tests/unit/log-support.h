/* SPDX-License-Identifier: ISC */
/*
 * log-support.h - batches whose content follows from their number
 *
 * Batch n is transaction n: begin, some operations, commit. So what a log shows
 * can be held against what was written, by looking at the numbers alone.
 *
 * Down to segment_files nothing asserts but new_log and get_bytes, so it may be
 * used in child processes; what is wrong is printed, and told by -1.
 */
#ifndef TEST_LOG_SUPPORT_H
#define TEST_LOG_SUPPORT_H

#include "support.h"

#include "log-internal.h"

#define OPERATIONS_MAX 4

/* The first record of segment n stands in the file "segment-0...n" at LC_LOG_BLOCK. */
struct seen {
	/* whole batches, from first to last without a gap; 0 and 0: none */
	unsigned first;
	unsigned last;
	/* records of batch last + 1 that stand there without a commit record */
	unsigned torn;
	uint64_t records;
};

struct lc_log_options small_log(void);
/* Makes a log in the working directory and opens it; returns the directory. */
int new_log(const struct lc_log_options *options, struct lc_log **log);

int append_batch(struct lc_log *log, unsigned n);
/* Appends and forces batches from first to last. */
int commit_batches(struct lc_log *log, unsigned first, unsigned last);

/*
 * Scans forward and backward, and holds both against each other and against
 * what the batches contain. 0, the scan's error, or -1 if anything is wrong.
 */
int look(struct lc_log *log, struct seen *seen);

/* Opens, looks and closes: the result of lc_log_open, or -1. */
int look_again(int dirfd, const struct lc_log_options *options, struct seen *seen,
               struct lc_log_report *report);

/* A file's bytes, to be damaged and put back */
unsigned char *get_bytes(const char *name, size_t *length);
const char *segment_file(unsigned number);
unsigned segment_files(void);

/* A small log that a test keeps open, and where its batches begin */
extern struct held_log {
	struct lc_log_options options;
	struct lc_log *log;
	int dirfd;
	uint64_t begins[101];
} held;

void begin_log(unsigned batches);
void write_batches(unsigned first, unsigned last);
void end_log(void);
/* Opened again it has these batches, and perhaps some before them. */
void expect_batches(unsigned first_at_most, unsigned last);
/* Opening it says that, and changes nothing. */
void expect_refused(int wanted);
void zero_bytes(const char *name, size_t at, size_t length);

#endif
