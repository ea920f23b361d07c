/* SPDX-License-Identifier: ISC */
/* triple-report.h - what has become of sets, as lines, objects, counts and metrics */
#ifndef TRIPLE_REPORT_H
#define TRIPLE_REPORT_H

#include "triple-options.h"

#include <stdint.h>

enum { TRIPLE_STATES = COMMIT_COPY_UNKNOWN + 1 };

/* What a run over sets came to. */
struct triple_tally {
	uint64_t sets;
	/* copies, by what they were found to be */
	uint64_t states[TRIPLE_STATES];
	uint64_t repaired;
	uint64_t wanting;
	uint64_t bad_blocks;
	/* the gravest code of enum commit_code so far */
	int code;
};

/*
 * Writes what was found of one set on standard output: a line for each copy that
 * is not good, for all with -v or of a status; or an object for each copy and one
 * for the set. Counts it. err is that of code.
 */
void triple_report_set(const struct triple_options *options, struct triple_tally *tally,
                       const char *const paths[COMMIT_TRIPLE_COPIES],
                       const struct commit_triple_result *result, int code,
                       const struct commit_error *err);

/* The exit status that the tally stands for. */
int triple_status(const struct triple_options *options, const struct triple_tally *tally);

/* The last object of --json, of a run over many sets; with -v a line on standard error. */
void triple_report_run(const struct triple_options *options, const struct triple_tally *tally,
                       int status);

/* Replaces options->prom with the counts of this run. */
int triple_write_metrics(const struct triple_options *options, const struct triple_tally *tally,
                         struct commit_error *err);

/* Bytes that were read, for progress.h. */
void triple_progress(void *context, uint64_t bytes);

#endif
