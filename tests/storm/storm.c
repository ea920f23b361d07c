/* SPDX-License-Identifier: ISC */
/*
 * storm [OPTION]... - random transactions, killed at random, against a model
 *
 *     --seconds=N   how long; default 30
 *     --seed=N      default: of the clock
 *     --round=N     that round of the seed only
 *     --dir=DIR     where worlds are made; default /dev/shm, $TMPDIR, /tmp
 *     --jobs=N      workers; default: the processors
 *     --verbose     everything that is done
 *
 * Speaks TAP. What has failed is told with the options that do it again, and
 * its directory is left. Environment: LC_FAULT_BIN.
 */
#define _GNU_SOURCE
#include "storm.h"

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
#include <time.h>
#include <unistd.h>

enum { WORKERS_MAX = 32, EXIT_FOUND = 1 };

struct options {
	double seconds;
	uint64_t seed;
	long round;
	const char *dir;
	int jobs;
};

/* What the workers share. */
struct board {
	long next;
	volatile sig_atomic_t stopped;
	int failed;
	struct tally tallies[WORKERS_MAX];
};

struct tally tally;
int verbose;

static struct board *board;
static struct options options = {.seconds = 30, .round = -1};
static long current;

void tell(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

void fail(const char *format, ...)
{
	char why[3000], directory[4096];
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	for (c = why; *c; c++)
		if (*c == '\n')
			*c = '$';
	printf("# %s\n# again: storm --seed=%llu --round=%ld --verbose\n# in %s\n", why,
	       (unsigned long long)options.seed, current,
	       getcwd(directory, sizeof directory) ? directory : "?");
	fflush(stdout);
	board->failed = 1;
	board->stopped = 1;
	_exit(EXIT_FOUND);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void play(long number)
{
	struct dice dice = {options.seed ^ (uint64_t)number * 0xd1342543de82ef95u};
	unsigned kind = dice_roll(&dice, 10);

	current = number;
	tally.rounds++;
	tell("round %ld of seed %llu", number, (unsigned long long)options.seed);
	if (kind < 4)
		round_chain(&dice);
	else if (kind < 9)
		round_edit(&dice);
	else
		round_crowd(&dice);
}

static void hang(int signal)
{
	(void)signal;
	fail("a process hangs");
}

static void work(int number, double end)
{
	struct sigaction action = {.sa_handler = hang};
	char name[16];
	long round;

	snprintf(name, sizeof name, "%d", number);
	if (mkdir(name, 0755) != 0 || chdir(name) != 0)
		err(2, "%s", name);
	sigaction(SIGALRM, &action, NULL);
	while (!board->stopped && now() < end) {
		round = __atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST);
		play(options.round >= 0 ? options.round : round);
		board->tallies[number] = tally;
		if (options.round >= 0)
			break;
	}
}

static void stop(int signal)
{
	(void)signal;
	board->stopped = 1;
}

static int run_workers(void)
{
	double end = now() + options.seconds;
	int i, status, died = 0;

	for (i = 0; i < options.jobs; i++) {
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid < 0)
			err(2, "fork");
		if (pid == 0) {
			work(i, end);
			_exit(0);
		}
	}
	for (i = 0; i < options.jobs; i++) {
		while (wait(&status) < 0)
			if (errno != EINTR)
				err(2, "wait");
		died |= status != 0;
	}
	return died;
}

static void print_sum(void)
{
	struct tally sum = {0};
	int i;

	for (i = 0; i < options.jobs; i++) {
		const struct tally *t = &board->tallies[i];

		sum.rounds += t->rounds;
		sum.transactions += t->transactions;
		sum.kills += t->kills;
		sum.undecided += t->undecided;
		sum.recoveries += t->recoveries;
		sum.conflicts += t->conflicts;
		sum.edits += t->edits;
		sum.reads += t->reads;
		sum.committed += t->committed;
		sum.busy += t->busy;
		sum.stuck += t->stuck;
	}
	printf("# %lu rounds, %lu transactions, %lu committed, %lu kills, %lu undecided, %lu "
	       "recoveries, %lu edits by others, %lu conflicts, %lu reads, %lu busy or refused, "
	       "%lu ended by a failed flush\n",
	       sum.rounds, sum.transactions, sum.committed, sum.kills, sum.undecided,
	       sum.recoveries, sum.edits, sum.conflicts, sum.reads, sum.busy, sum.stuck);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {{"seconds", required_argument, NULL, 't'},
	                                      {"seed", required_argument, NULL, 's'},
	                                      {"round", required_argument, NULL, 'r'},
	                                      {"dir", required_argument, NULL, 'd'},
	                                      {"jobs", required_argument, NULL, 'j'},
	                                      {"verbose", no_argument, NULL, 'v'},
	                                      {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (c == 't')
			options.seconds = strtod(optarg, NULL);
		else if (c == 's')
			options.seed = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			options.round = strtol(optarg, NULL, 10);
		else if (c == 'd')
			options.dir = optarg;
		else if (c == 'j')
			options.jobs = (int)strtol(optarg, NULL, 10);
		else if (c == 'v')
			verbose = 1;
		else
			exit(2);
	}
	if (options.round >= 0)
		options.jobs = 1;
	if (options.jobs < 1 || options.jobs > WORKERS_MAX)
		options.jobs = 2;
}

static const char *scratch(void)
{
	const char *const bases[] = {options.dir, "/dev/shm", getenv("TMPDIR"), "/tmp"};
	static char path[4096];
	size_t i;

	for (i = 0; i < sizeof bases / sizeof bases[0]; i++) {
		if (!bases[i])
			continue;
		snprintf(path, sizeof path, "%s/libcommit-storm.XXXXXX", bases[i]);
		if (mkdtemp(path) && chdir(path) == 0)
			return path;
	}
	errx(2, "no directory to work in");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = stop};
	const char *path;
	int failed;

	options.seed = (uint64_t)time(NULL) << 16 ^ (uint64_t)getpid();
	options.jobs = (int)sysconf(_SC_NPROCESSORS_ONLN);
	parse(argc, argv);
	if (!getenv("LC_FAULT_BIN"))
		errx(2, "LC_FAULT_BIN is not set");
	umask(022);
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	if (board == MAP_FAILED)
		err(2, "memory");
	path = scratch();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	printf("1..1\n# seed %llu\n", (unsigned long long)options.seed);
	failed = run_workers();
	printf("%s 1 - storm of transactions\n", failed ? "not ok" : "ok");
	print_sum();
	if (!failed)
		nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
