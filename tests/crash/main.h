/* SPDX-License-Identifier: ISC */
/* main.h - the commands of the rig, and what they share */
#ifndef CRASH_MAIN_H
#define CRASH_MAIN_H

#include "crash.h"

struct settings {
	const char *fs;       /* names with commas; NULL: all */
	const char *workload; /* the same */
	const char *mutant;
	const char *cases;
	const char *json;
	const char *lines;  /* a line for each job, for the heat map */
	const char *resume; /* what is done is kept there, and not done again */
	const char *list;   /* of mutants */
	const char *order;  /* the one trouble to make */
	uint64_t images;
	double seconds;
	uint64_t seed;
	int workers;
	unsigned kill_every;
};

enum { JOBS_MAX = 1024 };

/* One workload on one file system. */
struct job {
	const struct workload *workload;
	const struct fs *fs;
	int noise;
	int finished;
	struct tally tally;
};

/* What the workers share; in shared memory. */
struct board {
	int next;
	int count;
	uint64_t images;
	uint64_t earlier; /* of these, by a run before this one */
	double begin;
	struct job jobs[JOBS_MAX];
};

const char *rig_top(void);
int is_wanted(const char *list, const char *name);
uint64_t seed_of(const struct settings *s, const struct job *job);
const char *job_name(const struct job *job);
struct board *board_new(const struct settings *s);
/* Every workload that is wanted on every file system that is. */
void add_jobs(struct board *board, const struct settings *s);
/* Runs all jobs; returns how many workers did not end well. */
int board_run(struct board *board, const struct settings *s,
              void (*work)(struct world *world, struct board *board, struct job *job,
                           const struct settings *s));

/* resume.c: jobs that an earlier run has done; one more that is. */
void resume_load(struct board *board, const struct settings *s);
void resume_note(const struct board *board, const struct settings *s, const struct job *job);

int command_run(const struct settings *s);
int command_replay(const char *directory);
int command_trouble(const struct settings *s);
int command_mutants(const struct settings *s);
int report_trouble(const struct board *board, const struct settings *s);
int report(const struct board *board, const struct settings *s);

#endif
