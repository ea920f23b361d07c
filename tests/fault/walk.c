/* SPDX-License-Identifier: ISC */
/*
 * walk [OPTION]... - every call of every mode of commit-save fails or dies once
 *
 *     --full       every scenario without shortening, and a short walk of each
 *                  with each thing missing and on the disk
 *     --thin       the core of the scenarios only (for slow builds)
 *     --only=TEXT  scenarios whose name has TEXT
 *     --jobs=N     workers; default: the processors
 *     --dir=DIR    where worlds are made; default /dev/shm, $TMPDIR, /tmp
 *     --disk=DIR   where those are made that shall be on a disk; default: .
 *
 * Speaks TAP: one test for each scenario on each kind of file system.
 * Environment: LC_FAULT_BIN, the directory of the tools with the fault seam.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 1024, WORKERS_MAX = 64, TEXT_SIZE = 8192, MISSING_ALL = 7 };

struct result {
	int done;
	int skipped;
	int failures;
	struct counts counts;
	double seconds;
	char text[TEXT_SIZE];
};

struct options {
	int full, thin, workers;
	const char *only, *dir, *disk;
};

/* What the workers share. */
struct board {
	int next;
	/* a byte for each job that is done */
	int finished[2];
	volatile sig_atomic_t stopped;
	int count;
	struct job jobs[JOBS_MAX];
	struct result results[JOBS_MAX];
};

/* --- which jobs ---------------------------------------------------------- */

static void add_job(struct board *board, const struct scenario *s, unsigned missing, int on_disk)
{
	if (board->count == JOBS_MAX)
		errx(1, "too many jobs");
	board->jobs[board->count++] = (struct job){s, missing, on_disk};
}

static void add_variants(struct board *board, const struct options *options,
                         const struct scenario *s)
{
	unsigned missing;

	for (missing = 1; missing <= MISSING_ALL; missing++) {
		int single = (missing & (missing - 1)) == 0;

		if (options->full ? single || missing == MISSING_ALL
		                  : !options->thin && single && (missing & s->variants))
			add_job(board, s, missing, 0);
	}
}

/* Other owners and capabilities are root's to give. */
static int needs_root(const struct scenario *s)
{
	return (s->setup & (S_OWNER | S_CAPS)) || s->owner;
}

static void choose_jobs(struct board *board, const struct options *options)
{
	size_t i;

	for (i = 0; i < scenario_count; i++) {
		const struct scenario *s = &scenarios[i];

		if (options->only && !strstr(s->name, options->only))
			continue;
		if (options->thin && !(s->flags & F_CORE))
			continue;
		add_job(board, s, 0, 0);
		add_variants(board, options, s);
		if (options->full || (s->flags & F_CORE && !options->thin))
			add_job(board, s, 0, 1);
	}
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
	static struct walk walk;
	struct result *result = &board->results[index];
	double begin = now();

	if (needs_root(board->jobs[index].scenario) && geteuid() != 0) {
		result->done = result->skipped = 1;
		return;
	}

	memset(&walk, 0, sizeof walk);
	walk.job = &board->jobs[index];
	walk.scenario = walk.job->scenario;
	/* Where something is missing, or on the disk, the short walk is enough. */
	walk.full = full && !walk.job->missing && !walk.job->on_disk;
	walk.counts = &result->counts;
	walk.text = result->text;
	walk.text_size = sizeof result->text;
	walk_job(&walk);
	result->failures = walk.failures;
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

static void worker(struct board *board, const struct options *options, int number)
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

static void start_workers(struct board *board, const struct options *options)
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
	const struct job *job = &board->jobs[index];
	const struct result *r = &board->results[index];

	printf("%s %d - %s%s%s%s%s%s\n", r->done && r->failures == 0 ? "ok" : "not ok", index + 1,
	       job->scenario->name, job->missing & V_TMPFILE ? ", without O_TMPFILE" : "",
	       job->missing & V_FLAGS ? ", without renameat2" : "",
	       job->missing & V_COPY ? ", without copy_file_range" : "",
	       job->on_disk ? ", on the disk" : "", r->skipped ? " # SKIP needs root" : "");
	if (r->skipped)
		return;
	print_text(r->text);
	if (!r->done)
		printf("# the worker died\n");
	if (r->failures > 0)
		printf("# %d complaints in all\n", r->failures);
	printf("# %lu runs, %lu fired, %lu kills, %lu recoveries, %lu depth two, %lu second "
	       "saves, %.1f s\n",
	       r->counts.runs, r->counts.fired, r->counts.kills, r->counts.recoveries,
	       r->counts.depth_two, r->counts.seconds, r->seconds);
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
		const struct counts *c = &board->results[i].counts;

		failed += !board->results[i].done || board->results[i].failures > 0;
		sum.runs += c->runs;
		sum.fired += c->fired;
		sum.kills += c->kills;
		sum.recoveries += c->recoveries;
		sum.depth_two += c->depth_two;
		sum.seconds += c->seconds;
	}
	printf("# walk: %lu runs, %lu fired, %lu kills, %lu recoveries, %lu depth two, %lu second "
	       "saves, %d of %d scenarios failed, %.0f s\n",
	       sum.runs, sum.fired, sum.kills, sum.recoveries, sum.depth_two, sum.seconds, failed,
	       board->count, seconds);
	return failed;
}

/* --- main ---------------------------------------------------------------- */

static void parse(struct options *options, int argc, char **argv)
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

int main(int argc, char **argv)
{
	struct options options = {.workers = (int)sysconf(_SC_NPROCESSORS_ONLN), .disk = "."};
	size_t size = sizeof(struct board);
	struct board *board =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin = now();
	int failed;

	if (board == MAP_FAILED)
		err(1, "memory");
	parse(&options, argc, argv);
	if (options.workers < 1 || options.workers > WORKERS_MAX)
		options.workers = 2;
	umask(022);
	setenv("COMMIT_JOURNAL_DIR", "reg", 1);
	setenv("LC_ALL", "C", 1);
	options.dir = first_scratch(options.dir);
	options.disk = scratch(options.disk);
	if (!options.dir || !options.disk) {
		printf("1..0 # SKIP no directory with attributes and ACLs (--dir, --disk)\n");
		return 0;
	}
	choose_jobs(board, &options);
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
