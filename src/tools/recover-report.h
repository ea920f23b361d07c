/* SPDX-License-Identifier: ISC */
/* recover-report.h - findings as lines, objects, counts and metrics */
#ifndef RECOVER_REPORT_H
#define RECOVER_REPORT_H

#include "recover-options.h"

enum { RECOVER_DECISIONS = COMMIT_DECIDE_DISASTER + 1 };

/* What a run came to; plain numbers, so that a child can send it. */
struct recover_tally {
	uint64_t decisions[RECOVER_DECISIONS];
	uint64_t scanned;
	uint64_t repaired;
	uint64_t failed;
	uint64_t conflicts;
	/* the gravest code of enum commit_code so far */
	int code;
};

/* What invariant 1 to 4 says. */
const char *recover_invariant(int number);

/* The graver of two codes: 11, 6, 3, 1, others, 0. */
int recover_graver(int a, int b);

/* Counts a finding, and writes it as a line or an object on standard output. */
void recover_report_finding(const struct recover_options *options, struct recover_tally *tally,
                            const struct commit_finding *finding);

void recover_tally_add(struct recover_tally *sum, const struct recover_tally *more);

/* Findings of any decision. */
uint64_t recover_count(const struct recover_tally *tally);

/* The exit status that the tally stands for. */
int recover_status(const struct recover_options *options, const struct recover_tally *tally);

/* The last object of --json; with -v a line on standard error. */
void recover_report_run(const struct recover_options *options, const struct recover_tally *tally,
                        int status);

/* Replaces options->prom with the counts of this run. */
int recover_write_metrics(const struct recover_options *options, const struct recover_tally *tally,
                          struct commit_error *err);

#endif
