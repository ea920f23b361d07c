/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "main.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is left of images and time, in fair shares. */
static void share_out(const struct board *board, const struct settings *s, const struct job *job,
                      struct limits *limits)
{
	const struct job *other;
	int left = 1;
	uint64_t wanted = s->images > board->images ? s->images - board->images : 0;
	double rest = board->begin + s->seconds - now();

	for (other = job + 1; other < board->jobs + board->count; other++)
		left += !other->finished;
	limits->images = (wanted + (uint64_t)left - 1) / (uint64_t)left;
	limits->until = now() + (rest > 0 ? rest : 0) * s->workers /
	                                (left > s->workers ? left : s->workers);
}

static void work(struct world *world, struct board *board, struct job *job,
                 const struct settings *s)
{
	struct limits limits = {.bad = 20, .kill_every = s->kill_every, .cases = s->cases};
	struct recording recording;
	struct setting setting = {.noise = job->noise};
	double begin = now();

	if (job->finished)
		return;
	limits.seed = seed_of(s, job);
	share_out(board, s, job, &limits);
	record(world, job->fs, job->workload, &setting, NULL, &recording);
	job->tally.seconds = now() - begin;
	explore(world, &recording, &limits, &job->tally);
	__atomic_fetch_add(&board->images, job->tally.images, __ATOMIC_SEQ_CST);
	recording_release(&recording);
	resume_note(board, s, job);
}

int command_run(const struct settings *s)
{
	struct board *board = board_new(s);
	int failed;

	add_jobs(board, s);
	if (board->count == 0)
		errx(2, "no such workload or file system");
	resume_load(board, s);
	failed = board_run(board, s, work);
	return report(board, s) || failed;
}

static void read_case(const char *directory, struct recording *recording, char *choice, size_t size,
                      struct question *question, char *mutant)
{
	char path[PATH_SIZE], line[EPOCH_MAX + 100], value[EPOCH_MAX];
	FILE *file;

	snprintf(path, sizeof path, "%s/case", directory);
	file = fopen(path, "re");
	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof line, file)) {
		if (sscanf(line, "workload %8000[^\n]", value) == 1)
			recording->workload = workload_find(value);
		else if (sscanf(line, "fs %8000[^\n]", value) == 1)
			recording->fs = fs_find(value);
		else if (sscanf(line, "choice %8000[^\n]", value) == 1)
			snprintf(choice, size, "%s", value);
		else if (sscanf(line, "mutant %8000[^\n]", value) == 1)
			snprintf(mutant, 100, "%.99s", strcmp(value, "-") == 0 ? "" : value);
		else
			sscanf(line, "kill %lu", &question->kill_at);
	}
	fclose(file);
	if (!recording->workload || !recording->fs || !*choice)
		errx(1, "%s: a workload or a file system that is not known", path);
}

int command_replay(const char *directory)
{
	static char shown[EPOCH_MAX];
	char mutant[100] = "";
	struct recording recording = {.steps = 0};
	struct question question = {.recording = &recording};
	struct judgement judgement;
	struct canvas canvas;
	struct choice choice;
	struct world world;

	read_case(directory, &recording, shown, sizeof shown, &question, mutant);
	recording_load(&recording, directory);
	if (choice_parse(&recording, shown, &choice) != 0)
		errx(1, "the choice '%s' does not fit the log", shown);
	question.mutant = mutant[0] ? mutant : NULL;
	question.torn = choice.torn >= 0;
	question.done = recording.epochs[choice.epoch].done;
	question.begun = recording.epochs[choice.epoch].begun;
	world_begin(&world, rig_top());
	world_disks(&world, recording.base.size, disks_of(recording.workload));
	canvas_begin(&canvas, &recording);
	canvas_lay(&canvas, &choice);
	image_store(&canvas.image, world.run_fd);
	disks_refresh(&world.disks);
	world_reboot(&world);
	judge(&world, &question, &judgement);
	printf("%s on %s, choice %s: %d steps acknowledged, %d begun\n%s%s%s\n",
	       recording.workload->name, recording.fs->name, shown, question.done, question.begun,
	       judgement.verdict == VERDICT_GOOD  ? "good"
	       : judgement.verdict == VERDICT_BAD ? "BAD"
	                                          : "the file system gave up",
	       judgement.why[0] ? ": " : "", judgement.why);
	world_boot_back();
	canvas_end(&canvas);
	world_end(&world);
	return judgement.verdict == VERDICT_BAD;
}
