/* SPDX-License-Identifier: ISC */
/*
 * crash run [OPTION]...    all workloads on all file systems
 * crash replay CASE        one crash image that was kept
 *
 * Finds the tools in $CRASH_BIN, their doubles with the fault seam in
 * $CRASH_FAULT_BIN, and the recorder as $CRASH_RECORDER.
 */
#define _GNU_SOURCE
#include "main.h"

#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOT_RUN = 77, PER_CPU = 3 };

static char top[] = "/tmp/crash-rig.XXXXXX";
static pid_t owner;

/* Mostly the same one, because a store that is elsewhere knows its path. */
static void make_top(void)
{
	char name[sizeof top];

	snprintf(name, sizeof name, "/tmp/crash-rig");
	if (mkdir(name, 0700) == 0)
		memcpy(top, name, sizeof name);
	else if (!mkdtemp(top))
		err(1, "%s", top);
}

static void remove_top(void)
{
	if (getpid() == owner)
		rmdir(top);
}

const char *rig_top(void)
{
	return top;
}

static void begin(void)
{
	const char *why = world_why_not();

	if (why) {
		printf("skipped: %s\n", why);
		exit(NOT_RUN);
	}
	if (!getenv("CRASH_BIN") || !getenv("CRASH_FAULT_BIN"))
		errx(2, "CRASH_BIN and CRASH_FAULT_BIN are not set: use make crash, or "
		        "tests/crash/replay");
	/* The disk is where journals are; nothing of the caller's decides. */
	unsetenv("COMMIT_JOURNAL_DIR");
	unsetenv("COMMIT_ROOT");
	unsetenv("COMMIT_FAULT");
	umask(022);
	owner = getpid();
	make_top();
	atexit(remove_top);
}

static int usage(void)
{
	fputs("usage: crash run [--fs=LIST] [--workload=LIST] [--images=N] [--seconds=N] "
	      "[--seed=N]\n"
	      "                 [--workers=N] [--kill-every=N] [--cases=DIR] [--json=FILE]\n"
	      "                 [--lines=FILE] [--resume=FILE]\n"
	      "       crash mutants [--fs=LIST] [--mutant=NAME] ...\n"
	      "       crash trouble [--fs=LIST] [--workload=LIST] [--images=N] ...\n"
	      "       crash replay CASE\n",
	      stderr);
	return 2;
}

/* text CHARACTER COUNT: what steps write */
static int print_text(const char *character, size_t count)
{
	while (count-- > 0)
		putchar(*character);
	return fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"fs", required_argument, NULL, 'f'},
	                                      {"workload", required_argument, NULL, 'w'},
	                                      {"images", required_argument, NULL, 'i'},
	                                      {"seconds", required_argument, NULL, 's'},
	                                      {"seed", required_argument, NULL, 'r'},
	                                      {"workers", required_argument, NULL, 'j'},
	                                      {"kill-every", required_argument, NULL, 'k'},
	                                      {"cases", required_argument, NULL, 'c'},
	                                      {"json", required_argument, NULL, 'o'},
	                                      {"mutant", required_argument, NULL, 'm'},
	                                      {"lines", required_argument, NULL, 'l'},
	                                      {"resume", required_argument, NULL, 'e'},
	                                      {"list", required_argument, NULL, 't'},
	                                      {"order", required_argument, NULL, 'd'},
	                                      {NULL, 0, NULL, 0}};
	struct settings s = {.images = 20000, .seconds = 240, .seed = 1, .kill_every = 3};
	int c;

	if (argc == 3 && strcmp(basename(argv[0]), "text") == 0)
		return print_text(argv[1], strtoul(argv[2], NULL, 10));
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'f':
			s.fs = optarg;
			break;
		case 'w':
			s.workload = optarg;
			break;
		case 'i':
			s.images = strtoull(optarg, NULL, 10);
			break;
		case 's':
			s.seconds = strtod(optarg, NULL);
			break;
		case 'r':
			s.seed = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			s.workers = atoi(optarg);
			break;
		case 'k':
			s.kill_every = (unsigned)atoi(optarg);
			break;
		case 'c':
			s.cases = optarg;
			break;
		case 'o':
			s.json = optarg;
			break;
		case 'm':
			s.mutant = optarg;
			break;
		case 'l':
			s.lines = optarg;
			break;
		case 'd':
			s.order = optarg;
			break;
		case 'e':
			s.resume = optarg;
			break;
		case 't':
			s.list = optarg;
			break;
		default:
			return usage();
		}
	}
	/* Mounting is mostly waiting. */
	if (s.workers <= 0)
		s.workers = PER_CPU * (int)sysconf(_SC_NPROCESSORS_ONLN);
	/* 0: as long as it takes */
	if (s.seconds <= 0)
		s.seconds = 1e9;
	if (optind >= argc)
		return usage();
	begin();
	if (strcmp(argv[optind], "run") == 0)
		return command_run(&s);
	if (strcmp(argv[optind], "trouble") == 0)
		return command_trouble(&s);
	if (strcmp(argv[optind], "mutants") == 0)
		return command_mutants(&s);
	if (strcmp(argv[optind], "replay") == 0 && optind + 1 < argc)
		return command_replay(argv[optind + 1]);
	return usage();
}
