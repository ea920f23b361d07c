/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What has been judged: images by their hash, with what was known then. */
struct seen {
	struct {
		uint64_t hash;
		int done; /* one more than the steps acknowledged; 0: free */
	} * list;
	size_t room;
	size_t count;
};

enum answer { IS_NEW, IS_STRICTER, IS_OLD };

/* Calls of recovery are counted until this many repairs have been seen. */
enum { COUNTED = 12, FRUITLESS = 4000, BATCH = 128 };
/* Every so many images are looked at more thoroughly, which takes longer. */
enum { THOROUGH = 16 };

struct explorer {
	struct world *world;
	const struct recording *recording;
	const struct limits *limits;
	struct tally *tally;
	struct seen seen;
	struct canvas canvas;
	struct walk walk;
	uint64_t random;
	unsigned long calls;
	int counted;
	uint64_t fruitless;
};

static void seen_grow(struct seen *seen)
{
	struct seen old = *seen;
	size_t i;

	seen->room = old.room ? old.room * 2 : 1024;
	seen->list = calloc(seen->room, sizeof *seen->list);
	if (!seen->list)
		err(1, "seen");
	for (i = 0; i < old.room; i++) {
		size_t at = (size_t)old.list[i].hash & (seen->room - 1);

		while (old.list[i].done && seen->list[at].done)
			at = (at + 1) & (seen->room - 1);
		if (old.list[i].done)
			seen->list[at] = old.list[i];
	}
	free(old.list);
}

/* An image that may be older than what is acknowledged now is worth another look. */
static enum answer seen_add(struct seen *seen, uint64_t hash, int done)
{
	size_t at;

	if (seen->count * 2 >= seen->room)
		seen_grow(seen);
	at = (size_t)hash & (seen->room - 1);
	while (seen->list[at].done && seen->list[at].hash != hash)
		at = (at + 1) & (seen->room - 1);
	if (seen->list[at].done > done)
		return IS_OLD;
	if (seen->list[at].done) {
		seen->list[at].done = done + 1;
		return IS_STRICTER;
	}
	seen->list[at].hash = hash;
	seen->list[at].done = done + 1;
	seen->count++;
	return IS_NEW;
}

/* Kept so that `replay` shows it again. */
static void keep_case(const struct explorer *e, const struct choice *choice,
                      const struct question *question, const struct judgement *judgement)
{
	char directory[PATH_SIZE], path[PATH_SIZE + 10], shown[EPOCH_MAX];
	FILE *file;

	snprintf(directory, sizeof directory, "%s/%s-%s-%llu", e->limits->cases,
	         e->recording->workload->name, e->recording->fs->name,
	         (unsigned long long)e->tally->bad);
	if ((mkdir(e->limits->cases, 0777) != 0 && errno != EEXIST) ||
	    (mkdir(directory, 0777) != 0 && errno != EEXIST))
		err(1, "%s", directory);
	recording_save(e->recording, directory);
	choice_print(e->recording, choice, shown, sizeof shown);
	snprintf(path, sizeof path, "%s/case", directory);
	file = fopen(path, "we");
	if (!file)
		err(1, "%s", path);
	fprintf(file, "workload %s\nfs %s\nchoice %s\nkill %lu\nmutant %s\nwhy %s\n",
	        e->recording->workload->name, e->recording->fs->name, shown, question->kill_at,
	        question->mutant ? question->mutant : "-", judgement->why);
	if (fclose(file) != 0)
		err(1, "%s", path);
}

static void count(struct explorer *e, const struct choice *choice, const struct question *question,
                  const struct judgement *judgement)
{
	struct tally *t = e->tally;

	t->kills += (uint64_t)judgement->killed;
	t->fs += judgement->verdict == VERDICT_FS;
	if (judgement->verdict != VERDICT_BAD)
		return;
	if (t->bad++ == 0) {
		snprintf(t->first, sizeof t->first, "%s", judgement->why);
		choice_print(e->recording, choice, t->shown, sizeof t->shown);
	}
	if (e->limits->cases && t->bad <= 3)
		keep_case(e, choice, question, judgement);
}

static void ask(struct explorer *e, const struct choice *choice, struct question *question,
                struct judgement *judgement)
{
	image_store(&e->canvas.image, e->world->run_fd);
	disks_refresh(&e->world->disks);
	judge(e->world, question, judgement);
	count(e, choice, question, judgement);
}

static void examine(struct explorer *e, const struct choice *choice)
{
	const struct epoch *epoch = &e->recording->epochs[choice->epoch];
	struct question question = {.recording = e->recording,
	                            .done = epoch->done,
	                            .begun = epoch->begun,
	                            .torn = choice->torn >= 0,
	                            .thorough = e->tally->images % THOROUGH == 0,
	                            .mutant = e->limits->mutant};
	struct judgement judgement;
	unsigned long calls = 0;

	if (e->limits->kill_every && e->counted < COUNTED)
		question.calls = &calls;
	ask(e, choice, &question, &judgement);
	e->tally->repaired += (uint64_t)judgement.repaired;
	if (!judgement.repaired || judgement.verdict != VERDICT_GOOD || !e->limits->kill_every)
		return;
	e->counted += e->counted < COUNTED;
	if (calls > e->calls)
		e->calls = calls;
	if (e->calls == 0 || random_next(&e->random) % e->limits->kill_every != 0)
		return;
	/* The same once more, and recovery is stopped on its way. */
	question.calls = NULL;
	question.kill_at = 1 + random_next(&e->random) % e->calls;
	ask(e, choice, &question, &judgement);
}

static int by_epoch(const void *a, const void *b)
{
	const struct choice *left = a, *right = b;

	return left->epoch < right->epoch ? -1 : left->epoch > right->epoch;
}

static void try_choice(struct explorer *e, const struct choice *choice)
{
	enum answer answer = seen_add(&e->seen, canvas_lay(&e->canvas, choice),
	                              e->recording->epochs[choice->epoch].done);

	e->tally->choices++;
	e->fruitless++;
	if (answer != IS_OLD)
		examine(e, choice);
	if (answer == IS_NEW) {
		e->tally->images++;
		e->tally->torn += choice->torn >= 0;
		e->fruitless = 0;
	}
	canvas_lift(&e->canvas);
}

static int is_over(const struct explorer *e)
{
	return e->tally->images >= e->limits->images || e->tally->bad >= e->limits->bad ||
	       now() >= e->limits->until || e->fruitless >= FRUITLESS;
}

/* In batches by epoch: the canvas goes forward, and seldom starts anew. */
static void go_on(struct explorer *e)
{
	struct choice *batch = malloc(BATCH * sizeof *batch);
	size_t i;

	if (!batch)
		err(1, "batch");
	while (!is_over(e)) {
		for (i = 0; i < BATCH; i++)
			walk_next(&e->walk, &batch[i]);
		qsort(batch, BATCH, sizeof *batch, by_epoch);
		for (i = 0; i < BATCH && !is_over(e); i++)
			try_choice(e, &batch[i]);
	}
	free(batch);
}

void explore(struct world *world, const struct recording *recording, const struct limits *limits,
             struct tally *tally)
{
	struct explorer e = {.world = world,
	                     .recording = recording,
	                     .limits = limits,
	                     .tally = tally,
	                     .random = ~limits->seed};
	double begin = now();

	world_disks(world, recording->base.size, disks_of(recording->workload));
	canvas_begin(&e.canvas, recording);
	walk_begin(&e.walk, recording, limits->seed);
	world_reboot(world);
	go_on(&e);
	world_boot_back();
	tally->planned = e.walk.planned;
	tally->tried = e.walk.at;
	walk_end(&e.walk);
	canvas_end(&e.canvas);
	free(e.seen.list);
	tally->writes = recording->count;
	tally->epochs = recording->epoch_count;
	tally->seconds += now() - begin;
}
