/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int bench_spawn(char *const argv[], const char *input, struct bench_spent *spent)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	uint64_t begin;
	pid_t pid;
	int rc;

	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0)
		return rc;
	if (input != NULL)
		rc = posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
	if (rc != 0)
		goto out;
	begin = bench_now();
	rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (rc != 0)
		goto out;
	while (wait4(pid, &spent->status, 0, &usage) < 0) {
		if (errno != EINTR) {
			rc = errno;
			goto out;
		}
	}
	spent->ns = bench_now() - begin;
	spent->maxrss = usage.ru_maxrss;
out:
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}
