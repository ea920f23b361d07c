/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ENVIRONMENT_MAX = 512, SECONDS = 60 };

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Ours before the rest: the first of a name counts. */
static void fill_environment(const struct spawn *spawn, const char **list)
{
	size_t i, n = 0;

	for (i = 0; i < sizeof spawn->variables / sizeof *spawn->variables; i++)
		if (spawn->variables[i])
			list[n++] = spawn->variables[i];
	for (i = 0; environ[i] && n < ENVIRONMENT_MAX - 1; i++)
		list[n++] = environ[i];
	list[n] = NULL;
}

int wait_for(pid_t pid, int seconds)
{
	struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int status, late;

	if (end.fd < 0)
		err(1, "pidfd_open");
	while ((late = poll(&end, 1, (seconds ? seconds : SECONDS) * 1000)) < 0)
		if (errno != EINTR)
			err(1, "poll");
	if (late == 0)
		kill(pid, SIGKILL);
	close(end.fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(1, "waitpid");
	if (late == 0)
		return 1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

int run(const struct spawn *spawn)
{
	posix_spawn_file_actions_t actions;
	const char *environment[ENVIRONMENT_MAX];
	const char *output = spawn->output ? spawn->output : "/dev/null";
	pid_t pid;
	int rc;

	fill_environment(spawn, environment);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	if (spawn->directory)
		posix_spawn_file_actions_addchdir_np(&actions, spawn->directory);
	rc = posix_spawnp(&pid, spawn->argv[0], &actions, NULL,
	                  (char *const *)(uintptr_t)spawn->argv,
	                  (char *const *)(uintptr_t)environment);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		errx(1, "%s: %s", spawn->argv[0], strerror(rc));
	return wait_for(pid, spawn->seconds);
}

int run_shell(const char *script, const char *argument, const char *directory, const char *output)
{
	const char *argv[] = {"sh", "-c", script, "sh", argument, NULL};
	struct spawn spawn = {.argv = argv, .directory = directory, .output = output};

	return run(&spawn);
}

void file_tail(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = length > (off_t)size - 1 ? length - (off_t)size + 1 : 0;
	ssize_t got = fd < 0 ? 0 : pread(fd, text, size - 1, from);
	char *c;

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = '\0';
	for (c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = c[1] ? ' ' : '\0';
}
