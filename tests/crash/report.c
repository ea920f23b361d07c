/* SPDX-License-Identifier: ISC */
#include "main.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

static void add(struct tally *sum, const struct tally *t)
{
	sum->choices += t->choices;
	sum->images += t->images;
	sum->torn += t->torn;
	sum->repaired += t->repaired;
	sum->kills += t->kills;
	sum->fs += t->fs;
	sum->bad += t->bad;
	sum->seconds += t->seconds;
}

static void line(const char *workload, const char *fs, const struct tally *t)
{
	printf("%-14s %-15s %5llu %5llu %7llu %6llu %8llu %6llu %5llu %5llu %6.1f\n", workload, fs,
	       (unsigned long long)t->epochs, (unsigned long long)t->writes,
	       (unsigned long long)t->images, (unsigned long long)t->torn,
	       (unsigned long long)t->repaired, (unsigned long long)t->kills,
	       (unsigned long long)t->fs, (unsigned long long)t->bad, t->seconds);
}

static void write_json(const struct board *board, const struct settings *s, double seconds)
{
	FILE *file = fopen(s->json, "we");
	int i;

	if (!file)
		err(1, "%s", s->json);
	fprintf(file, "{\"version\":1,\"seed\":%llu,\"seconds\":%.1f,\"jobs\":[",
	        (unsigned long long)s->seed, seconds);
	for (i = 0; i < board->count; i++) {
		const struct job *job = &board->jobs[i];
		const struct tally *t = &job->tally;

		fprintf(file,
		        "%s\n{\"workload\":\"%s\",\"fs\":\"%s\",\"noise\":%s,\"epochs\":%llu,"
		        "\"writes\":%llu,\"images\":%llu,\"torn\":%llu,\"repaired\":%llu,"
		        "\"kills\":%llu,\"fs_gave_up\":%llu,\"violations\":%llu}",
		        i ? "," : "", job->workload->name, job->fs->name,
		        job->noise ? "true" : "false", (unsigned long long)t->epochs,
		        (unsigned long long)t->writes, (unsigned long long)t->images,
		        (unsigned long long)t->torn, (unsigned long long)t->repaired,
		        (unsigned long long)t->kills, (unsigned long long)t->fs,
		        (unsigned long long)t->bad);
	}
	fputs("\n]}\n", file);
	if (fclose(file) != 0)
		err(1, "%s", s->json);
}

/* WORKLOAD FS IMAGES VIOLATIONS, for heat.gp; quiet and noisy ones together. */
static void write_lines(const struct board *board, const struct settings *s)
{
	FILE *file = fopen(s->lines, "we");
	uint64_t images = 0, bad = 0;
	int i;

	if (!file)
		err(1, "%s", s->lines);
	for (i = 0; i < board->count; i++) {
		const struct job *job = &board->jobs[i];

		images += job->tally.images;
		bad += job->tally.bad;
		if (i + 1 < board->count && job[1].workload == job->workload &&
		    job[1].fs == job->fs)
			continue;
		fprintf(file, "%s %s %llu %llu\n", job->workload->name, job->fs->name,
		        (unsigned long long)images, (unsigned long long)bad);
		images = bad = 0;
	}
	if (fclose(file) != 0)
		err(1, "%s", s->lines);
}

int report(const struct board *board, const struct settings *s)
{
	struct tally sum;
	double seconds = now() - board->begin;
	int i, unfinished = 0, complete = 0;

	memset(&sum, 0, sizeof sum);
	printf("%-14s %-15s %5s %5s %7s %6s %8s %6s %5s %5s %6s\n", "workload", "file system",
	       "epoch", "write", "images", "torn", "repaired", "kills", "fs", "BAD", "s");
	for (i = 0; i < board->count; i++) {
		const struct job *job = &board->jobs[i];

		line(job_name(job), job->fs->name, &job->tally);
		add(&sum, &job->tally);
		unfinished += !job->finished;
		complete += job->tally.planned && job->tally.tried == job->tally.planned;
	}
	line("all", "", &sum);
	for (i = 0; i < board->count; i++)
		if (board->jobs[i].tally.bad)
			printf("VIOLATION %s on %s, choice %s: %s\n", job_name(&board->jobs[i]),
			       board->jobs[i].fs->name, board->jobs[i].tally.shown,
			       board->jobs[i].tally.first);
	printf("in %d of %d jobs the power went after every write, and with every subset of small "
	       "epochs\n",
	       complete, board->count);
	printf("%llu distinct images in %.0f s, %.1f a second; %llu crashes inside recovery; %llu "
	       "violations; seed %llu\n",
	       (unsigned long long)sum.images, seconds,
	       (double)(sum.images - board->earlier) / seconds, (unsigned long long)sum.kills,
	       (unsigned long long)sum.bad, (unsigned long long)s->seed);
	if (unfinished)
		printf("%d jobs were not finished\n", unfinished);
	if (s->json)
		write_json(board, s, seconds);
	if (s->lines)
		write_lines(board, s);
	return sum.bad || unfinished;
}

int report_trouble(const struct board *board, const struct settings *s)
{
	struct tally sum;
	int i, unfinished = 0;

	memset(&sum, 0, sizeof sum);
	printf("%-14s %-15s %7s %7s %7s %8s %5s %6s\n", "workload", "file system", "errors",
	       "noticed", "images", "repaired", "BAD", "s");
	for (i = 0; i < board->count; i++) {
		const struct job *job = &board->jobs[i];
		const struct tally *t = &job->tally;

		printf("%-14s %-15s %7llu %7llu %7llu %8llu %5llu %6.1f\n", job_name(job),
		       job->fs->name, (unsigned long long)t->choices, (unsigned long long)t->torn,
		       (unsigned long long)t->images, (unsigned long long)t->repaired,
		       (unsigned long long)t->bad, t->seconds);
		add(&sum, t);
		unfinished += !job->finished;
	}
	printf("%llu I/O errors, %llu of them noticed by a step, %llu images, %llu violations; "
	       "seed %llu\n",
	       (unsigned long long)sum.choices, (unsigned long long)sum.torn,
	       (unsigned long long)sum.images, (unsigned long long)sum.bad,
	       (unsigned long long)s->seed);
	if (unfinished)
		printf("%d jobs were not finished\n", unfinished);
	return sum.bad || unfinished;
}
