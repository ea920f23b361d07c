/* SPDX-License-Identifier: ISC */
/*
 * resume.c - a run of hours that is stopped goes on where it was
 *
 * Each job that is done is a line of a file; a later run with the same seed and as
 * many images wanted takes it from there. Each job is told as it ends.
 */
#define _GNU_SOURCE
#include "main.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 400, FIELDS = 15 };

static struct job *find(struct board *board, const char *workload, const char *fs, int noise)
{
	int i;

	for (i = 0; i < board->count; i++)
		if (strcmp(board->jobs[i].workload->name, workload) == 0 &&
		    strcmp(board->jobs[i].fs->name, fs) == 0 && board->jobs[i].noise == noise)
			return &board->jobs[i];
	return NULL;
}

static void take_line(struct board *board, const struct settings *s, const char *line)
{
	char workload[64], fs[32];
	uint64_t seed, images;
	struct tally t;
	struct job *job;
	int noise, got;

	memset(&t, 0, sizeof t);
	got = sscanf(line,
	             "%63s %31s %d %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	             " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %lf",
	             workload, fs, &noise, &seed, &images, &t.choices, &t.images, &t.torn,
	             &t.repaired, &t.kills, &t.fs, &t.bad, &t.writes, &t.epochs, &t.seconds);
	job = got == FIELDS && seed == s->seed && images == s->images
	              ? find(board, workload, fs, noise)
	              : NULL;
	if (!job || job->finished)
		return;
	job->tally = t;
	job->finished = 1;
	board->images += t.images;
	if (t.bad)
		snprintf(job->tally.first, sizeof job->tally.first, "in an earlier run");
}

void resume_load(struct board *board, const struct settings *s)
{
	FILE *file = s->resume ? fopen(s->resume, "re") : NULL;
	char line[LINE_SIZE];

	if (!file && s->resume && errno != ENOENT)
		err(1, "%s", s->resume);
	while (file && fgets(line, sizeof line, file))
		take_line(board, s, line);
	if (file)
		fclose(file);
	board->earlier = board->images;
}

void resume_note(const struct board *board, const struct settings *s, const struct job *job)
{
	const struct tally *t = &job->tally;
	char line[LINE_SIZE];
	int fd, length;

	if (!s->resume)
		return;
	fprintf(stderr,
	        "%6.0f s, %" PRIu64 " images: %s on %s: %" PRIu64 " images, %" PRIu64
	        " violations\n",
	        now() - board->begin, board->images, job_name(job), job->fs->name, t->images,
	        t->bad);
	length = snprintf(line, sizeof line,
	                  "%s %s %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	                  " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	                  " %f\n",
	                  job->workload->name, job->fs->name, job->noise, s->seed, s->images,
	                  t->choices, t->images, t->torn, t->repaired, t->kills, t->fs, t->bad,
	                  t->writes, t->epochs, t->seconds);
	/* One write: workers share the file. */
	fd = open(s->resume, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		err(1, "%s", s->resume);
	close(fd);
}
