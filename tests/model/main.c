/* SPDX-License-Identifier: ISC */
/*
 * main.c - run programs over the model; a violation is told by the command that
 * shows it again
 */
#include "config.h"

#include "judge.h"

#include <err.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LLU(n) ((unsigned long long)(n))

struct options {
	uint64_t seed, states;
	double seconds;
	int family; /* -1: all */
	int order;  /* -1: journal and directory */
	uint64_t program;
	int has_program;
	unsigned without_steps, without_ops;
	struct cut cut;
	int has_cut, verbose, progress, tap;
	const char *mutant;
	int mutants;
};

/* Of this process: who else is at work on the machine does not count. */
static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t seed_of(const struct options *options, uint64_t number)
{
	uint64_t state = options->seed * 1000003 + number;

	return next_random(&state);
}

/* Transactions are dearer to judge: one for so many saves. */
enum { SAVES_PER_TXN = 23 };

static void choose(const struct options *options, uint64_t number, struct program *program,
                   struct judge *judge)
{
	memset(program, 0, offsetof(struct program, steps));
	program->seed = seed_of(options, number);
	program->family = options->family >= 0                ? (enum family)options->family
	                  : number % (SAVES_PER_TXN + 1) == 0 ? FAMILY_TXN
	                                                      : FAMILY_SAVE;
	judge->order = options->order >= 0 ? (enum order)options->order
	                                   : (enum order)(number / (SAVES_PER_TXN + 1) % 2);
	/* Where names come one by one a kept version may for once share its inode. */
	program->links = program->family == FAMILY_TXN && judge->order == ORDER_JOURNAL;
	program->without_steps = options->without_steps;
	program->without_ops = options->without_ops;
}

static int violates(struct program *program, struct judge *judge)
{
	int found;

	program_run(program);
	if (judge->verbose)
		trace_print(stdout, &program->trace);
	judge_program(judge, program);
	found = judge->found;
	program_release(program);
	return found;
}

/* Leaves out a step or an operation as long as something is still wrong. */
static void shrink(struct program *program, struct judge *judge)
{
	struct counts ignored = {0};
	struct judge again = *judge;
	unsigned *const masks[] = {&program->without_steps, &program->without_ops};
	const unsigned bits[] = {STEPS_MAX, STEPS_MAX * OPS_MAX};
	unsigned which, i;

	again.counts = &ignored;
	/* What shows without a second crash is looked for without. */
	again.second_every = judge->cut.is_second;
	again.fresh = 1;
	for (which = 0; which < 2; which++)
		for (i = 0; i < bits[which]; i++) {
			if (*masks[which] >> i & 1)
				continue;
			*masks[which] |= 1u << i;
			if (violates(program, &again)) {
				judge->cut = again.cut;
				strcpy(judge->why, again.why);
			} else {
				*masks[which] &= ~(1u << i);
			}
		}
}

static void tell(const struct options *options, uint64_t number, struct program *program,
                 const struct judge *judge)
{
	printf("# VIOLATION: %s\n", judge->why);
	program_run(program);
	program_print(stdout, program);
	program_release(program);
	printf("# again: tests/model/model --seed=%llu --program=%llu --family=%s --order=%s",
	       (unsigned long long)options->seed, (unsigned long long)number,
	       family_names[program->family], order_names[judge->order]);
	if (program->without_steps | program->without_ops)
		printf(" --without=%x.%x", program->without_steps, program->without_ops);
	if (options->mutant)
		printf(" --mutant=%s", options->mutant);
	printf(" --cut=%zu.%u", judge->cut.point, judge->cut.draw);
	if (judge->cut.is_second)
		printf(".%zu.%u", judge->cut.second_point, judge->cut.second_draw);
	printf("\n");
	fflush(stdout);
}

static void print_counts(const struct counts *counts, double seconds)
{
	const struct {
		const char *what;
		uint64_t count;
	} lines[] = {
	        {"of saves", counts->family[FAMILY_SAVE]},
	        {"of transactions", counts->family[FAMILY_TXN]},
	        {"of a crash inside recovery", counts->second},
	        {"drawn", counts->drawn},
	        {"crash points", counts->points},
	        {"processes killed", counts->kills},
	        {"programs", counts->programs},
	        {"violations", counts->violations},
	};
	size_t i;

	printf("# %llu states in %.1f s of one core, %.2f million a minute", LLU(counts->states),
	       seconds, (double)counts->states / seconds * 60 / 1e6);
	for (i = 0; i < sizeof lines / sizeof *lines; i++)
		printf("%s %llu %s", i ? "," : ":", LLU(lines[i].count), lines[i].what);
	printf("\n");
	fflush(stdout);
}

enum { REPORTS_MAX = 10, PROGRESS_S = 10 };

static uint64_t run(const struct options *options, struct counts *counts)
{
	struct judge judge = {.draws = 16,
	                      .second_draws = 6,
	                      .second_every = 7,
	                      .kill_every = 20,
	                      .counts = counts};
	static struct program program;
	const double start = now();
	double next = start + PROGRESS_S;
	uint64_t number = options->has_program ? options->program : 0;
	unsigned reports = 0;

	judge.verbose = options->verbose;
	judge.only = options->has_cut ? &options->cut : NULL;
	do {
		choose(options, number, &program, &judge);
		if (violates(&program, &judge) && reports++ < REPORTS_MAX && !options->mutants) {
			if (!options->has_program)
				shrink(&program, &judge);
			tell(options, number, &program, &judge);
		}
		if (options->progress && now() > next) {
			print_counts(counts, now() - start);
			next = now() + PROGRESS_S;
		}
		number++;
	} while (!options->has_program && counts->states < options->states &&
	         now() - start < options->seconds && reports < REPORTS_MAX &&
	         !(options->mutants && reports));
	if (!options->mutants)
		print_counts(counts, now() - start);
	return counts->violations;
}

/* --- mutants ---------------------------------------------------------------------------- */

enum { SITES_MAX = 64 };
static const char *sites[SITES_MAX];
static unsigned site_count;

static void note_site(const char *function)
{
	unsigned i;

	for (i = 0; i < site_count; i++)
		if (strcmp(sites[i], function) == 0)
			return;
	if (site_count < SITES_MAX)
		sites[site_count++] = function;
}

/* 1: a program was found that shows it. In a process of its own: a mutant may do anything. */
static int is_caught(struct options options, const char *what, const char *where)
{
	char spec[96];
	struct counts counts = {0};
	int status;
	pid_t pid;

	snprintf(spec, sizeof spec, "%s:%s", what, where);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		options.mutants = 1;
		mutant_set(spec);
		run(&options, &counts);
		printf("# %-40s %s after %llu states of %llu programs\n", spec,
		       counts.violations ? "caught" : "NOT CAUGHT",
		       (unsigned long long)counts.states, (unsigned long long)counts.programs);
		fflush(stdout);
		_exit(counts.violations ? 10 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 10)
		printf("# %-40s caught: a program does not end well\n", spec);
	return 1;
}

static unsigned run_mutants(const struct options *options)
{
	static const char *const kinds[] = {"skip", "late"};
	static const char *const checks[] = {"record", "commit", "journal"};
	struct options probe = *options;
	struct counts counts = {0};
	unsigned i, k, caught = 0, all = 0;

	probe.states = 50000;
	mutant_sites = note_site;
	run(&probe, &counts);
	mutant_sites = NULL;
	for (k = 0; k < 2; k++)
		for (i = 0; i < site_count; i++, all++)
			caught += (unsigned)is_caught(*options, kinds[k], sites[i]);
	for (i = 0; i < sizeof checks / sizeof *checks; i++, all++)
		caught += (unsigned)is_caught(*options, "blind", checks[i]);
	printf("# %u of %u mutants caught\n", caught, all);
	return caught;
}

/* --- command line ----------------------------------------------------------------------- */

static int word_in(const char *word, const char *const *words, int count)
{
	int i;

	for (i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	errx(2, "%s: not known", word);
}

static void parse_cut(struct options *options, const char *text)
{
	struct cut *cut = &options->cut;
	int count = sscanf(text, "%zu.%u.%zu.%u", &cut->point, &cut->draw, &cut->second_point,
	                   &cut->second_draw);

	if (count != 2 && count != 4)
		errx(2, "--cut: wants POINT.DRAW or POINT.DRAW.POINT.DRAW");
	cut->is_second = count == 4;
	options->has_cut = 1;
}

static void parse_one(struct options *options, int letter)
{
	switch (letter) {
	case 's':
		options->seed = strtoull(optarg, NULL, 10);
		break;
	case 'n':
		options->states = strtoull(optarg, NULL, 10);
		break;
	case 't':
		options->seconds = strtod(optarg, NULL);
		break;
	case 'f':
		options->family = word_in(optarg, family_names, FAMILIES);
		break;
	case 'o':
		options->order = word_in(optarg, order_names, ORDERS);
		break;
	case 'p':
		options->program = strtoull(optarg, NULL, 10);
		options->has_program = 1;
		break;
	case 'w':
		if (sscanf(optarg, "%x.%x", &options->without_steps, &options->without_ops) != 2)
			errx(2, "--without: wants STEPS.OPERATIONS");
		break;
	case 'c':
		parse_cut(options, optarg);
		break;
	case 'm':
		options->mutant = optarg;
		break;
	case 'M':
		options->mutants = 1;
		break;
	case 'P':
		options->progress = 1;
		break;
	case 'v':
		options->verbose = 1;
		break;
	case 'T':
		options->tap = 1;
		break;
	default:
		errx(2, "see tests/model/README.md");
	}
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option words[] = {
	        {"seed", 1, NULL, 's'},    {"states", 1, NULL, 'n'},   {"seconds", 1, NULL, 't'},
	        {"family", 1, NULL, 'f'},  {"order", 1, NULL, 'o'},    {"program", 1, NULL, 'p'},
	        {"without", 1, NULL, 'w'}, {"cut", 1, NULL, 'c'},      {"mutant", 1, NULL, 'm'},
	        {"mutants", 0, NULL, 'M'}, {"progress", 0, NULL, 'P'}, {"tap", 0, NULL, 'T'},
	        {"verbose", 0, NULL, 'v'}, {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "", words, NULL)) != -1)
		parse_one(options, letter);
	if (optind != argc)
		errx(2, "%s: not known", argv[optind]);
}

int main(int argc, char **argv)
{
	struct options options = {
	        .seed = 1, .states = 10000000, .seconds = 1e9, .family = -1, .order = -1};
	struct counts counts = {0};
	uint64_t violations;

	parse(&options, argc, argv);
	program_prepare();
	if (options.mutants) {
		options.mutants = 0;
		return run_mutants(&options) ? 0 : 1;
	}
	mutant_set(options.mutant);
	violations = run(&options, &counts);
	if (options.tap)
		printf("1..1\n%sok 1 - old or new after any power cut, in the model\n",
		       violations ? "not " : "");
	return violations ? 1 : 0;
}
