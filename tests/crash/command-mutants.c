/* SPDX-License-Identifier: ISC */
/*
 * command-mutants.c - controls: is the rig able to see anything?
 *
 * Every flush that the workloads are seen to ask for is left out in turn, flushes
 * before a rename come after it, checks are not made; each such mutant of the
 * library has to be caught by some workload on some file system.
 */
#define _GNU_SOURCE
#include "main.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MUTANTS_MAX = 200, WORKLOADS_MAX = 64, SPEC_SIZE = 90, SITES_MAX = 40, SITE_SIZE = 64 };

struct mutant {
	char spec[SPEC_SIZE];
	unsigned char reached[WORKLOADS_MAX]; /* by which workloads */
	const struct workload *workload;      /* which has caught it */
	const struct fs *fs;
	int noise;
	char choice[CHOICE_SIZE];
	char why[WHY_SIZE];
	uint64_t images;
	double seconds;
	/* from a list */
	const struct workload *known_workload;
	const struct fs *known_fs;
	int known_noise;
	char excuse[WHY_SIZE];
};

/* Functions that were seen to ask for a flush. */
struct sites {
	int count;
	char names[SITES_MAX][SITE_SIZE];
};

struct pool {
	int count;
	struct mutant list[MUTANTS_MAX];
	struct sites sites[WORKLOADS_MAX];
};

static struct pool *pool;
static struct workload const *workloads[WORKLOADS_MAX];
static int workload_count;

/* The likeliest to show something first. */
static const char *const fs_order[] = {"xfs",  "ext4-writeback", "btrfs",
                                       "ext4", "ext4-journal",   "ext4-nojournal"};

static void collect_workloads(const struct settings *s)
{
	const struct workload *const *table;
	const struct workload *w;

	for (table = workload_tables; *table; table++)
		for (w = *table; w->name && workload_count < WORKLOADS_MAX; w++)
			if (w->promise != PROMISE_NOTHING && is_wanted(s->workload, w->name))
				workloads[workload_count++] = w;
}

static struct mutant *find_mutant(const char *spec)
{
	int i;

	for (i = 0; i < pool->count; i++)
		if (strcmp(pool->list[i].spec, spec) == 0)
			return &pool->list[i];
	if (pool->count == MUTANTS_MAX)
		errx(1, "too many mutants");
	snprintf(pool->list[pool->count].spec, SPEC_SIZE, "%s", spec);
	return &pool->list[pool->count++];
}

static void add_mutant(const char *what, const char *where, int workload)
{
	char spec[SPEC_SIZE];

	snprintf(spec, sizeof spec, "%s:%s", what, where);
	find_mutant(spec)->reached[workload] = 1;
}

/* Flushes that come right before a rename, and could come after it. */
static const char *const before_renames[] = {"lc_stage_flush", "stage_flush"};
static const char *const checks[] = {"record", "commit", "log", "journal"};

static void note_site(struct sites *sites, const char *name)
{
	int i;

	for (i = 0; i < sites->count; i++)
		if (strcmp(sites->names[i], name) == 0)
			return;
	if (sites->count == SITES_MAX)
		errx(1, "too many flushes");
	snprintf(sites->names[sites->count++], SITE_SIZE, "%s", name);
}

static void read_sites(const char *path, struct sites *sites)
{
	FILE *file = fopen(path, "re");
	char line[SITE_SIZE];

	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		note_site(sites, line);
	}
	if (file)
		fclose(file);
	unlink(path);
}

/* Which flushes does a workload ask for? On four file systems, because they differ. */
static void discover(struct world *world, struct board *board, struct job *job,
                     const struct settings *s)
{
	struct setting setting = {.mutant = "none:none"};
	struct recording recording;
	char path[100];
	int i = (int)(job - board->jobs), f;

	snprintf(path, sizeof path, "%s/sites", world->top);
	setenv("COMMIT_CRASH_SITES", path, 1);
	for (f = 0; f < 4; f++) {
		if (!is_wanted(s->fs, fs_order[f]))
			continue;
		record(world, fs_find(fs_order[f]), workloads[i], &setting, NULL, &recording);
		recording_release(&recording);
	}
	read_sites(path, &pool->sites[i]);
	unsetenv("COMMIT_CRASH_SITES");
}

static void add_mutants(int workload)
{
	const struct sites *sites = &pool->sites[workload];
	size_t i;
	int n;

	for (n = 0; n < sites->count; n++) {
		add_mutant("skip", sites->names[n], workload);
		for (i = 0; i < sizeof before_renames / sizeof *before_renames; i++)
			if (strcmp(sites->names[n], before_renames[i]) == 0)
				add_mutant("late", sites->names[n], workload);
	}
	for (i = 0; i < sizeof checks / sizeof *checks; i++)
		add_mutant("blind", checks[i], workload);
}

/* Lines of MUTANT WORKLOAD FS noise|quiet: who has caught it before; MUTANT - WHY: nobody can. */
static void read_list(const char *path)
{
	char line[512], workload[64], fs[32], noise[16], spec[SPEC_SIZE];
	FILE *file = fopen(path, "re");

	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof line, file)) {
		struct mutant *mutant;
		int words = sscanf(line, "%89s %63s %31s %15s", spec, workload, fs, noise);

		if (line[0] == '#' || words < 2)
			continue;
		mutant = find_mutant(spec);
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(workload, "-") == 0) {
			snprintf(mutant->excuse, sizeof mutant->excuse, "%s",
			         strchr(line, '-') + 2);
			continue;
		}
		mutant->known_workload = words == 4 ? workload_find(workload) : NULL;
		mutant->known_fs = words == 4 ? fs_find(fs) : NULL;
		mutant->known_noise = strcmp(noise, "noise") == 0;
		if (!mutant->known_workload || !mutant->known_fs)
			errx(1, "%s: %s", path, line);
	}
	fclose(file);
}

static int try_on(struct world *world, struct mutant *mutant, const struct workload *workload,
                  const struct fs *fs, int noise, const struct settings *s)
{
	struct job job = {.workload = workload, .fs = fs, .noise = noise};
	struct setting setting = {.mutant = mutant->spec, .noise = noise};
	struct limits limits = {
	        .images = s->images, .bad = 1, .mutant = mutant->spec, .seed = seed_of(s, &job)};
	struct recording recording;
	struct tally tally;

	memset(&tally, 0, sizeof tally);
	limits.until = now() + 60;
	record(world, fs, workload, &setting, NULL, &recording);
	explore(world, &recording, &limits, &tally);
	recording_release(&recording);
	mutant->images += tally.images;
	if (!tally.bad)
		return 0;
	mutant->workload = workload;
	mutant->fs = fs;
	mutant->noise = noise;
	memcpy(mutant->choice, tally.shown, sizeof mutant->choice);
	memcpy(mutant->why, tally.first, sizeof mutant->why);
	return 1;
}

static void tell(const struct mutant *mutant)
{
	if (mutant->fs)
		printf("caught    %-32s %-14s %-15s %-7s %s: %.160s\n", mutant->spec,
		       mutant->workload->name, mutant->fs->name, mutant->noise ? "noise" : "quiet",
		       mutant->choice, mutant->why);
	else if (mutant->excuse[0])
		printf("excused   %-32s %llu images: %s\n", mutant->spec,
		       (unsigned long long)mutant->images, mutant->excuse);
	else
		printf("SURVIVED  %-32s %llu images, %.0f s\n", mutant->spec,
		       (unsigned long long)mutant->images, mutant->seconds);
	fflush(stdout);
}

/* Where it was caught before; 1: no need to look elsewhere. */
static int hunt_known(struct world *world, struct mutant *mutant, const struct settings *s)
{
	if (mutant->known_fs && is_wanted(s->fs, mutant->known_fs->name))
		try_on(world, mutant, mutant->known_workload, mutant->known_fs, mutant->known_noise,
		       s);
	return mutant->fs || mutant->excuse[0];
}

static void hunt(struct world *world, struct board *board, struct job *job,
                 const struct settings *s)
{
	struct mutant *mutant = &pool->list[job - board->jobs];
	double begin = now();
	size_t f;
	int i;

	if (hunt_known(world, mutant, s)) {
		tell(mutant);
		return;
	}
	for (f = 0; f < sizeof fs_order / sizeof *fs_order; f++)
		for (i = 0; i < 2 * workload_count && !mutant->fs; i++)
			if (mutant->reached[i / 2] && is_wanted(s->fs, fs_order[f]) &&
			    now() < begin + s->seconds)
				try_on(world, mutant, workloads[i / 2], fs_find(fs_order[f]),
				       i % 2 == 0, s);
	mutant->seconds = now() - begin;
	tell(mutant);
}

static int find_mutants(struct board *board, const struct settings *s)
{
	int i, failed;

	pool = mmap(NULL, sizeof *pool, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pool == MAP_FAILED)
		err(1, "mutants");
	collect_workloads(s);
	board->count = workload_count;
	failed = board_run(board, s, discover);
	for (i = 0; i < workload_count; i++)
		add_mutants(i);
	if (s->list)
		read_list(s->list);
	for (i = 0; i < pool->count; i++)
		if (s->mutant && !is_wanted(s->mutant, pool->list[i].spec))
			pool->list[i--] = pool->list[--pool->count];
	memset(board->jobs, 0, sizeof board->jobs);
	board->next = 0;
	board->count = pool->count;
	return failed;
}

int command_mutants(const struct settings *s)
{
	struct board *board = board_new(s);
	int failed = find_mutants(board, s);
	int i, survived = 0, excused = 0;
	uint64_t images = 0;

	failed += board_run(board, s, hunt);
	for (i = 0; i < pool->count; i++) {
		const struct mutant *mutant = &pool->list[i];

		images += mutant->images;
		excused += !mutant->fs && mutant->excuse[0];
		survived += !mutant->fs && !mutant->excuse[0];
	}
	printf("%d mutants, %d caught, %d excused, %d survived; %llu images in %.0f s\n",
	       pool->count, pool->count - survived - excused, excused, survived,
	       (unsigned long long)images, now() - board->begin);
	return failed || survived;
}
