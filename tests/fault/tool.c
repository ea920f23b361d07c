/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "walk.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 24
#define SECONDS_MAX 60
#define TOKEN_SIZE 200

/* What the file systems of struct job.missing say. */
static const char *const missing_faults[] = {
        "1:EOPNOTSUPP:forever:tmpfile",
        "1:EINVAL:forever:exchange,1:EINVAL:forever:noreplace",
        "1:EOPNOTSUPP:forever:clone,1:EOPNOTSUPP:forever:clonerange,1:EXDEV:forever:copyrange",
};

/* The read end of a pipe that holds the content. */
static int filled_pipe(enum content content)
{
	struct bytes bytes = content_bytes(content);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		err(1, "pipe");
	if (bytes.size > 0 && write(ends[1], bytes.data, bytes.size) != (ssize_t)bytes.size)
		err(1, "pipe");
	close(ends[1]);
	return ends[0];
}

static const char *ask_token(char *text)
{
	char path[4096];
	const char *argv[] = {fault_tool("commit-save", path), "--token", "d/f", NULL};
	struct run run;

	set_or_not("COMMIT_FAULT_LOG", "");
	set_or_not("COMMIT_FAULT_TRACE", "");
	run_tool(argv, -1, &run);
	if (run.status != 0)
		errx(1, "commit-save --token: %s", run.err);
	snprintf(text, TOKEN_SIZE, "--expect=%.*s", (int)strcspn(run.out, "\n"), run.out);
	return text;
}

static void preset_of(const struct job *job, char *preset, size_t size)
{
	size_t i, length;

	snprintf(preset, size, "%s", job->scenario->preset ? job->scenario->preset : "");
	for (i = 0; i < sizeof missing_faults / sizeof missing_faults[0]; i++) {
		length = strlen(preset);
		if (job->missing & (1u << i))
			snprintf(preset + length, size - length, "%s%s", length ? "," : "",
			         missing_faults[i]);
	}
}

/*
 * A command that the killed save had just forked shares its locks until it is
 * executed: only then the save is dead for recovery.
 */
static void wait_for_locks(void)
{
	static struct world world;
	const struct timespec pause = {0, 1000000};
	int i, fd, tries;

	world_look(&world);
	for (i = 0; i < world.count; i++) {
		if (!is_residue(&world.entries[i]))
			continue;
		fd = open(world.entries[i].name, O_RDONLY);
		for (tries = 0; fd >= 0 && tries < SECONDS_MAX * 1000; tries++) {
			if (flock(fd, LOCK_EX | LOCK_NB) == 0)
				break;
			nanosleep(&pause, NULL);
		}
		if (fd >= 0)
			close(fd);
	}
}

void run_save(const struct job *job, const char *fault, int traced, struct run *run)
{
	const struct scenario *s = job->scenario;
	char path[4096], token[TOKEN_SIZE], preset[256];
	const char *argv[ARGS_MAX] = {fault_tool("commit-save", path), "--json", "--wait=0"};
	int count = 3, in = -1, i;

	for (i = 0; s->args[i]; i++)
		argv[count++] = s->args[i];
	if (s->setup & S_TOKEN)
		argv[count++] = ask_token(token);
	if (s->feed == FEED_FROM)
		argv[count++] = "--from=src";
	argv[count++] = s->setup & S_SYMLINK ? "link" : "d/f";
	if (s->feed == FEED_COMMAND) {
		argv[count++] = "--";
		argv[count++] = "cat";
		argv[count++] = "src";
	}
	argv[count] = NULL;
	if (s->feed == FEED_PIPE)
		in = filled_pipe(s->input);
	preset_of(job, preset, sizeof preset);
	run_with_fault(argv, in, fault, preset, traced, run);
	if (in >= 0)
		close(in);
	if (run->killed && s->feed == FEED_COMMAND)
		wait_for_locks();
}

void run_second_save(const struct scenario *s, struct run *run)
{
	char path[4096];
	const char *argv[] = {fault_tool("commit-save", path),
	                      "--wait=0",
	                      "--force",
	                      "--from=again",
	                      s->flags & F_IN_PLACE ? "--in-place" : "--hardlink=break",
	                      "d/f",
	                      NULL};

	run_with_fault(argv, -1, "", "", 0, run);
}

void run_recover(const char *fault, int traced, struct run *run)
{
	char path[4096];
	const char *argv[] = {fault_tool("commit-recover", path), "--json", "--journal-dir=reg",
	                      "d", NULL};

	run_with_fault(argv, -1, fault, "", traced, run);
}
