/* SPDX-License-Identifier: ISC */
/*
 * spawn-time INPUT|- CMD [ARG]... - run one command; print what it took
 *
 * Prints "NANOSECONDS MAXRSS-KIB FLOOR-KIB" on stdout and exits as CMD did.
 * When a process starts another program, Linux counts the memory of the old
 * program to the peak of the new one, also after vfork. So this program is
 * small, prints its own peak as the floor below which nothing can be seen, and
 * must be built as its own binary, not be part of the one with large buffers.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	struct bench_spent spent;
	struct rusage own;
	int rc;

	if (argc < 3) {
		fprintf(stderr, "usage: spawn-time INPUT|- CMD [ARG]...\n");
		return 2;
	}
	rc = bench_spawn(argv + 2, strcmp(argv[1], "-") == 0 ? NULL : argv[1], &spent);
	if (rc != 0) {
		fprintf(stderr, "spawn-time: %s: %s\n", argv[2], strerror(rc));
		return 127;
	}
	getrusage(RUSAGE_SELF, &own);
	printf("%llu %ld %ld\n", (unsigned long long)spent.ns, spent.maxrss, own.ru_maxrss);
	if (WIFSIGNALED(spent.status))
		return 128 + WTERMSIG(spent.status);
	return WEXITSTATUS(spent.status);
}
