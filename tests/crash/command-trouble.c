/* SPDX-License-Identifier: ISC */
/*
 * command-trouble.c - I/O errors below the file system
 *
 * One write fails, one flush fails, or the device dies, at each of a sample of
 * requests, while a workload runs. What its steps have said by their exit
 * status is then held against the disk as it was when the last of them ended:
 * as it is, and with a part of what was never flushed missing.
 */
#define _GNU_SOURCE
#include "main.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED = 1, PENDING = 3, REFUSED = 4, UNDECIDED = 6, CUTS = 3 };

struct run {
	struct world *world;
	struct job *job;
	const struct settings *s;
	struct recording clean;
	uint64_t random;
	size_t writes;
	size_t flushes;
};

static void tell(struct run *run, const char *order, int cut, const char *why)
{
	struct tally *t = &run->job->tally;

	if (t->bad++ == 0) {
		snprintf(t->first, sizeof t->first, "%s", why);
		snprintf(t->shown, sizeof t->shown, "%s, cut %d", order, cut);
	}
	printf("VIOLATION %s on %s, %s, cut %d: %s\n", job_name(run->job), run->job->fs->name,
	       order, cut, why);
}

/* What the last step has promised by its status. 0: such a status is none. */
static int understand(const struct trouble *trouble, struct question *q)
{
	int last = trouble->ran ? trouble->status[trouble->ran - 1] : 0;

	q->done = trouble->ran - (last != 0);
	q->begun = q->done;
	if (last == PENDING || last == UNDECIDED)
		q->begun++;
	q->failed = last == FAILED;
	return last == 0 || last == FAILED || last == PENDING || last == REFUSED ||
	       last == UNDECIDED;
}

static void some_of_last(struct run *run, const struct recording *recording, int cut,
                         struct choice *choice)
{
	const struct epoch *last = &recording->epochs[recording->epoch_count - 1];
	size_t i;

	memset(choice, 0, sizeof *choice);
	choice->torn = -1;
	choice->epoch = (uint32_t)(recording->epoch_count - 1);
	for (i = 0; i < last->count; i++)
		if (cut == 0 || random_next(&run->random) % 2)
			choice->in[i / 8] |= (unsigned char)(1u << (i % 8));
}

static void look_after(struct run *run, struct recording *troubled, const struct trouble *trouble)
{
	struct question q = {.recording = &run->clean, .torn = 0, .troubled = 1};
	struct judgement judgement;
	struct canvas canvas;
	struct choice choice;
	char why[WHY_SIZE];
	int cut;

	if (!understand(trouble, &q)) {
		snprintf(why, sizeof why, "step %d ended with %d", trouble->ran,
		         trouble->status[trouble->ran - 1]);
		tell(run, trouble->order, 0, why);
		return;
	}
	canvas_begin(&canvas, troubled);
	for (cut = 0; cut < CUTS; cut++) {
		some_of_last(run, troubled, cut, &choice);
		canvas_lay(&canvas, &choice);
		image_store(&canvas.image, run->world->run_fd);
		disks_refresh(&run->world->disks);
		judge(run->world, &q, &judgement);
		canvas_lift(&canvas);
		run->job->tally.images++;
		run->job->tally.repaired += (uint64_t)judgement.repaired;
		if (judgement.verdict == VERDICT_BAD)
			tell(run, trouble->order, cut, judgement.why);
	}
	canvas_end(&canvas);
}

/*
 * Not on ext4: there somebody else's flush may be told of the journal that failed,
 * and ours is told nothing; libcommit(7), assumptions.
 */
static int noise_of(const struct job *job)
{
	return job->noise && strcmp(job->fs->type, "ext4") != 0;
}

static void once(struct run *run, const char *word, size_t of)
{
	char order[40];
	struct trouble trouble = {.order = order};
	struct setting setting = {.noise = noise_of(run->job)};
	struct recording troubled;

	snprintf(order, sizeof order, "%s %llu", word,
	         1 + (unsigned long long)random_next(&run->random) % (of ? of : 1));
	if (run->s->order)
		snprintf(order, sizeof order, "%s", run->s->order);
	record(run->world, run->job->fs, run->job->workload, &setting, &trouble, &troubled);
	run->job->tally.choices++;
	run->job->tally.torn += trouble.ran && trouble.status[trouble.ran - 1] != 0;
	world_reboot(run->world);
	look_after(run, &troubled, &trouble);
	world_boot_back();
	recording_release(&troubled);
}

static void work(struct world *world, struct board *board, struct job *job,
                 const struct settings *s)
{
	struct run run = {.world = world, .job = job, .s = s, .random = seed_of(s, job)};
	uint64_t runs = (s->images + (uint64_t)board->count - 1) / (uint64_t)board->count;
	struct setting setting = {.noise = noise_of(job)};
	double begin = now();
	uint64_t i;

	record(world, job->fs, job->workload, &setting, NULL, &run.clean);
	world_disks(world, run.clean.base.size, disks_of(job->workload));
	for (i = 0; i < runs && now() < board->begin + s->seconds; i++) {
		static const char *const words[] = {"fail", "lose", "die"};
		size_t kind = (size_t)(i + run.random) % 3;

		once(&run, words[kind], kind == 1 ? run.clean.epoch_count : run.clean.count);
	}
	job->tally.seconds = now() - begin;
	recording_release(&run.clean);
}

int command_trouble(const struct settings *s)
{
	struct board *board = board_new(s);
	int failed, i;

	add_jobs(board, s);
	for (i = 0; i < board->count;) {
		const struct workload *workload = board->jobs[i].workload;

		if (!workload->resume &&
		    (workload->promise == PROMISE_ALL || workload->promise == PROMISE_EACH))
			i++;
		else
			board->jobs[i] = board->jobs[--board->count];
	}
	failed = board_run(board, s, work);
	return report_trouble(board, s) || failed;
}
