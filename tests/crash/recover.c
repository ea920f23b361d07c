/* SPDX-License-Identifier: ISC */
/*
 * recover.c - commit-recover on what is mounted
 *
 * Mostly by the worker's recoverer, because that is faster; by the program as it
 * is installed where the question asks for it.
 */
#define _GNU_SOURCE
#include "crash.h"
#include "recoverer.h"

#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void recoverer_begin(struct world *world)
{
	const char *program = getenv("CRASH_RECOVERER");
	char number[16];
	const char *argv[] = {program ? program : "recoverer", number, NULL};
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		err(1, "socketpair");
	/* the one that is inherited */
	world->recoverer = ends[0];
	ends[0] = dup(ends[1]);
	close(ends[1]);
	if (ends[0] < 0)
		err(1, "socketpair");
	snprintf(number, sizeof number, "%d", ends[0]);
	rc = posix_spawnp(&world->recoverer_pid, argv[0], NULL, NULL,
	                  (char *const *)(uintptr_t)argv, environ);
	if (rc)
		errx(1, "%s: %s", argv[0], strerror(rc));
	close(ends[0]);
}

void recoverer_end(struct world *world)
{
	close(world->recoverer);
	while (waitpid(world->recoverer_pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int run_installed(const struct world *world, const char *option)
{
	char program[PATH_SIZE];
	const char *argv[] = {program, "-r", option ? option : world->point,
	                      option ? world->point : NULL, NULL};
	struct spawn spawn = {.argv = argv, .output = world->output};

	snprintf(program, sizeof program, "%s/commit-recover", getenv("CRASH_BIN"));
	return run(&spawn);
}

int recover_check(const struct world *world)
{
	return run_installed(world, "--check");
}

int recover(const struct world *world, const struct recovery *how)
{
	struct recoverer_request request;
	int status;

	if (how->installed)
		return run_installed(world, NULL);
	memset(&request, 0, sizeof request);
	snprintf(request.path, sizeof request.path, "%s", world->point);
	snprintf(request.output, sizeof request.output, "%s", world->output);
	if (how->kill_at)
		snprintf(request.variables[0], REQUEST_TEXT, "COMMIT_FAULT=%lu:kill", how->kill_at);
	if (how->count)
		snprintf(request.variables[1], REQUEST_TEXT, "COMMIT_FAULT_LOG=%s/calls",
		         world->top);
	if (how->mutant)
		snprintf(request.variables[2], REQUEST_TEXT, "COMMIT_CRASH_MUTANT=%s", how->mutant);
	if (send(world->recoverer, &request, sizeof request, MSG_NOSIGNAL) !=
	            (ssize_t)sizeof request ||
	    recv(world->recoverer, &status, sizeof status, 0) != (ssize_t)sizeof status)
		errx(1, "the recoverer does not answer");
	return status;
}

unsigned long recover_calls(const struct world *world)
{
	char path[100], text[4096];
	const char *at;

	snprintf(path, sizeof path, "%s/calls", world->top);
	file_tail(path, text, sizeof text);
	unlink(path);
	at = strstr(text, "calls ");
	return at ? strtoul(at + 6, NULL, 10) : 0;
}
