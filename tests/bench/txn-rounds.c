/* SPDX-License-Identifier: ISC */
/*
 * txn-rounds - time commands against each other, interleaved
 *
 *     txn-rounds [-r ROUNDS] [-w WARMUP] [-p CMD] [-k NAME] DIR {-- NAME CMD [ARG]...}...
 *
 * One round runs every command once, in the order of bench_turn. What commands
 * print is thrown away.
 *
 * Before each, outside of the time taken, `sh -c CMD sh NAME ROUND` of -p, which
 * brings new content into each round (half of the contestants do nothing for
 * what is there already), and a flush of DIR's file system, so that nobody pays
 * for what another left dirty. Warm-up rounds have negative numbers.
 *
 * That of -k ends by being killed, by itself, at the point up to which it is timed.
 *
 * Output: one line "NAME ROUND NANOSECONDS" for each; none of warm-up rounds.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_CONTESTANTS 16

struct rounds {
	char *prepare;
	/* whose end is to be killed; NULL: nobody's */
	const char *killed;
	long count;
	long warmup;
	int dirfd;
	/* where the records go: standard output is for nobody's chatter */
	FILE *out;
	int contestants;
	char **words[MOST_CONTESTANTS];
};

static int run(char **words, const char *name, int is_killed, uint64_t *ns)
{
	struct bench_spent spent;
	int rc = bench_spawn(words, "/dev/null", &spent);

	if (rc != 0) {
		fprintf(stderr, "txn-rounds: %s: %s\n", words[0], strerror(rc));
		return -1;
	}
	*ns = spent.ns;
	if (is_killed && WIFSIGNALED(spent.status) && WTERMSIG(spent.status) == SIGKILL)
		return 0;
	if (!is_killed && WIFEXITED(spent.status) && WEXITSTATUS(spent.status) == 0)
		return 0;
	fprintf(stderr, "txn-rounds: %s: wait status %#x\n", name, spent.status);
	return -1;
}

static int prepare(const struct rounds *r, char *name, long round)
{
	char shell[] = "sh", option[] = "-c", number[32];
	char *words[] = {shell, option, r->prepare, shell, name, number, NULL};
	uint64_t ns;

	snprintf(number, sizeof number, "%ld", round);
	return r->prepare != NULL ? run(words, "preparation", 0, &ns) : 0;
}

static int run_one(const struct rounds *r, char **words, long round)
{
	int is_killed = r->killed != NULL && strcmp(words[0], r->killed) == 0;
	uint64_t ns;

	if (prepare(r, words[0], round) < 0)
		return -1;
	if (syncfs(r->dirfd) < 0) {
		perror("txn-rounds: syncfs");
		return -1;
	}
	if (run(words + 1, words[0], is_killed, &ns) < 0)
		return -1;
	if (round >= 0)
		fprintf(r->out, "%s %ld %llu\n", words[0], round, (unsigned long long)ns);
	return fflush(r->out);
}

static int run_round(const struct rounds *r, long round)
{
	int i;

	for (i = 0; i < r->contestants; i++) {
		int turn = bench_turn(round + r->warmup, i, r->contestants);

		if (run_one(r, r->words[turn], round) < 0)
			return -1;
	}
	return 0;
}

/* Cuts the words at each "--", which also stands before the first. */
static int parse_contestants(struct rounds *r, char **words)
{
	for (; *words != NULL; words++) {
		if (strcmp(*words, "--") != 0)
			continue;
		*words = NULL;
		if (r->contestants == MOST_CONTESTANTS || words[1] == NULL || words[2] == NULL)
			return -1;
		r->words[r->contestants++] = words + 1;
	}
	return r->contestants > 0 ? 0 : -1;
}

static int parse(struct rounds *r, int argc, char **argv)
{
	int option;

	/* "+": the first operand ends the options, commands have their own */
	while ((option = getopt(argc, argv, "+r:w:p:k:")) != -1) {
		if (option == 'r')
			r->count = strtol(optarg, NULL, 10);
		else if (option == 'w')
			r->warmup = strtol(optarg, NULL, 10);
		else if (option == 'p')
			r->prepare = optarg;
		else if (option == 'k')
			r->killed = optarg;
		else
			return -1;
	}
	if (argc - optind < 3 || r->count < 1 || r->warmup < 0)
		return -1;
	r->dirfd = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0) {
		perror(argv[optind]);
		return -1;
	}
	return parse_contestants(r, argv + optind + 1);
}

/* Commands write to /dev/null, the records go where our output went. */
static int divert_output(struct rounds *r)
{
	int records = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (records < 0 || nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
		return -1;
	close(nowhere);
	r->out = fdopen(records, "w");
	return r->out != NULL ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct rounds r = {.count = 5, .warmup = 1, .dirfd = -1};
	long round;

	if (parse(&r, argc, argv) < 0 || divert_output(&r) < 0) {
		fprintf(stderr, "usage: txn-rounds [-r ROUNDS] [-w WARMUP] [-p CMD] [-k NAME] DIR "
		                "{-- NAME CMD [ARG]...}...\n");
		return 2;
	}
	for (round = -r.warmup; round < r.count; round++)
		if (run_round(&r, round) < 0)
			return 1;
	return fclose(r.out) != 0;
}
