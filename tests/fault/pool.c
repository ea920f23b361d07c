/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "pool.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 1024, WORKERS_MAX = 64, TEXT_SIZE = 8192, TOLD_MAX = 20, LINE_MAX_SHOWN = 400 };

struct result {
	int done;
	int skipped;
	double seconds;
	struct report report;
	char text[TEXT_SIZE];
};

/* What the workers share. */
struct board {
	int next;
	/* a byte for each job that is done */
	int finished[2];
	volatile sig_atomic_t stopped;
	int count;
	struct pool_job jobs[JOBS_MAX];
	struct result results[JOBS_MAX];
};

static const struct pool *pool;

void pool_add(struct board *board, const struct pool_job *job)
{
	if (board->count == JOBS_MAX)
		errx(1, "too many jobs");
	board->jobs[board->count++] = *job;
}

void report_complain(struct report *report, const char *doing, const char *fault,
                     const char *format, va_list args)
{
	char why[LINE_MAX_SHOWN];
	size_t used = strlen(report->text);
	char *c;

	if (report->failures++ >= TOLD_MAX)
		return;
	vsnprintf(why, sizeof why, format, args);
	for (c = why; *c; c++)
		if (*c == '\n')
			*c = ' ';
	snprintf(report->text + used, report->text_size - used, "%s: COMMIT_FAULT=%s: %s\n", doing,
	         fault, why);
}

/* Shared with the workers, which end after their job. */
static volatile sig_atomic_t *stopped;

static void stop(int signal)
{
	(void)signal;
	*stopped = 1;
}

/* Ctrl-C, or a time limit: nothing is left behind. */
static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = stop};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* --- workers ------------------------------------------------------------- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void work(struct board *board, int index, int full)
{
	const struct pool_job *job = &board->jobs[index];
	struct result *result = &board->results[index];
	double begin = now();

	if (job->needs_root && geteuid() != 0) {
		result->done = result->skipped = 1;
		return;
	}
	result->report.text = result->text;
	result->report.text_size = sizeof result->text;
	pool->work(job, full, &result->report);
	result->seconds = now() - begin;
	result->done = 1;
}

static void enter(const char *base, int number)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%d", base, number);
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		err(1, "%s", path);
	if (chdir(path) != 0)
		err(1, "%s", path);
}

static void worker(struct board *board, const struct pool_options *options, int number)
{
	int index;

	while (!*stopped) {
		index = __atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST);
		if (index >= board->count)
			break;
		enter(board->jobs[index].on_disk ? options->disk : options->dir, number);
		work(board, index, options->full);
		if (write(board->finished[1], "", 1) != 1)
			err(1, "pipe");
	}
}

static void start_workers(struct board *board, const struct pool_options *options)
{
	int i;

	if (pipe2(board->finished, O_CLOEXEC) != 0)
		err(1, "pipe");
	fflush(stdout);

	for (i = 0; i < options->workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			close(board->finished[0]);
			worker(board, options, i);
			_exit(0);
		}
	}
	close(board->finished[1]);
}

static int wait_for_workers(void)
{
	int status, failed = 0;

	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}

/* --- TAP ----------------------------------------------------------------- */

static void print_text(const char *text)
{
	char *copy = strdup(text), *rest = NULL, *line;

	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		printf("# %s\n", line);
	free(copy);
}

static void print_result(const struct board *board, int index)
{
	const struct result *r = &board->results[index];

	printf("%s %d - %s%s\n", r->done && r->report.failures == 0 ? "ok" : "not ok", index + 1,
	       board->jobs[index].title, r->skipped ? " # SKIP needs root" : "");
	if (r->skipped)
		return;
	print_text(r->text);
	if (!r->done)
		printf("# the worker died\n");
	if (r->report.failures > 0)
		printf("# %d complaints in all\n", r->report.failures);
	printf("# %lu runs, %lu fired, %lu kills, %lu recoveries, %lu depth two, %lu second "
	       "%s, %.1f s\n",
	       r->report.counts.runs, r->report.counts.fired, r->report.counts.kills,
	       r->report.counts.recoveries, r->report.counts.depth_two, r->report.counts.seconds,
	       pool->unit, r->seconds);
}

/* In order, each as soon as it is there; the rest when all workers have ended. */
static void print_results(const struct board *board)
{
	char byte;
	ssize_t got;
	int i = 0, ended = 0;

	do {
		got = read(board->finished[0], &byte, 1);
		if (got < 0 && errno == EINTR)
			continue;
		ended = got != 1;
		while (i < board->count && (ended || board->results[i].done))
			print_result(board, i++);
		fflush(stdout);
	} while (!ended);
}

static int print_sum(const struct board *board, double seconds)
{
	struct counts sum = {0};
	int i, failed = 0;

	if (*stopped)
		printf("Bail out! stopped by a signal\n");
	for (i = 0; i < board->count; i++) {
		const struct counts *c = &board->results[i].report.counts;

		failed += !board->results[i].done || board->results[i].report.failures > 0;
		sum.runs += c->runs;
		sum.fired += c->fired;
		sum.kills += c->kills;
		sum.recoveries += c->recoveries;
		sum.depth_two += c->depth_two;
		sum.seconds += c->seconds;
	}
	printf("# %s: %lu runs, %lu fired, %lu kills, %lu recoveries, %lu depth two, %lu second "
	       "%s, %d of %d scenarios failed, %.0f s\n",
	       pool->name, sum.runs, sum.fired, sum.kills, sum.recoveries, sum.depth_two,
	       sum.seconds, pool->unit, failed, board->count, seconds);
	return failed;
}

static void parse(struct pool_options *options, int argc, char **argv)
{
	static const struct option known[] = {{"full", no_argument, NULL, 'f'},
	                                      {"thin", no_argument, NULL, 't'},
	                                      {"only", required_argument, NULL, 'o'},
	                                      {"jobs", required_argument, NULL, 'j'},
	                                      {"dir", required_argument, NULL, 'd'},
	                                      {"disk", required_argument, NULL, 'k'},
	                                      {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 'f':
			options->full = 1;
			break;
		case 't':
			options->thin = 1;
			break;
		case 'o':
			options->only = optarg;
			break;
		case 'j':
			options->workers = (int)strtol(optarg, NULL, 10);
			break;
		case 'd':
			options->dir = optarg;
			break;
		case 'k':
			options->disk = optarg;
			break;
		default:
			exit(2);
		}
	}
}

/* A new directory in base, NULL if that cannot be, or has no attributes and ACLs. */
static const char *scratch(const char *base)
{
	static const unsigned char acl[] = {2, 0, 0, 0};
	char path[4096];

	snprintf(path, sizeof path, "%s/libcommit-walk.XXXXXX", base);
	if (!mkdtemp(path))
		return NULL;
	if (setxattr(path, "user.probe", "", 0, 0) == 0 &&
	    setxattr(path, "system.posix_acl_access", acl, sizeof acl, 0) == 0)
		return realpath(path, NULL);
	rmdir(path);
	return NULL;
}

static const char *first_scratch(const char *wanted)
{
	const char *const bases[] = {"/dev/shm", getenv("TMPDIR"), "/tmp", "."};
	const char *path = wanted ? scratch(wanted) : NULL;
	size_t i;

	for (i = 0; !wanted && !path && i < sizeof bases / sizeof bases[0]; i++)
		path = bases[i] ? scratch(bases[i]) : NULL;
	return path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

static void remove_tree(const char *path)
{
	enum { DESCRIPTORS = 8 };

	if (nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
		warn("%s", path);
}

int pool_main(const struct pool *what, int argc, char **argv)
{
	struct pool_options options = {.workers = (int)sysconf(_SC_NPROCESSORS_ONLN), .disk = "."};
	size_t size = sizeof(struct board);
	struct board *board =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin = now();
	int failed;

	if (board == MAP_FAILED)
		err(1, "memory");
	pool = what;
	parse(&options, argc, argv);
	if (options.workers < 1 || options.workers > WORKERS_MAX)
		options.workers = 2;
	if (!getenv("LC_FAULT_BIN"))
		errx(2, "LC_FAULT_BIN is not set");
	umask(022);
	setenv("LC_ALL", "C", 1);
	options.dir = first_scratch(options.dir);
	options.disk = scratch(options.disk);
	if (!options.dir || !options.disk) {
		printf("1..0 # SKIP no directory with attributes and ACLs (--dir, --disk)\n");
		return 0;
	}
	pool->choose(board, &options);
	stopped = &board->stopped;
	catch_signals();
	printf("1..%d\n", board->count);
	start_workers(board, &options);
	print_results(board);
	failed = wait_for_workers();
	remove_tree(options.dir);
	remove_tree(options.disk);
	return print_sum(board, now() - begin) > 0 || failed;
}
