/* SPDX-License-Identifier: ISC */
/*
 * args.h - the command line, cut into options, operands and a command
 *
 * Options stand anywhere before `--`. For a tool that takes a command, a `--`
 * after an operand starts the command; before an operand it ends the options,
 * and the next `--` starts the command. Values of options that may go without
 * one are given as --option=VALUE only.
 */
#ifndef ARGS_H
#define ARGS_H

#include <getopt.h>
#include <stdbool.h>

/* Returned by an option that leaves nothing else to do, such as --help. */
#define ARGS_DONE 1

struct args {
	/* the short options, as for getopt, and the long ones */
	const char *shorts;
	const struct option *longs;
	bool takes_command;
	/*
	 * Called for each option with its value or NULL. Returns 0, ARGS_DONE,
	 * or COMMIT_EUSAGE after having said why.
	 */
	int (*set)(void *context, int option, const char *value);
	void *context;

	/* results; they point into argv, operands is freed by args_release */
	char **operands;
	int operand_count;
	/* NULL if there is no command, else ended by NULL; never empty */
	char **command;
};

/* Returns 0, ARGS_DONE, or COMMIT_EUSAGE after having said why. */
int args_parse(struct args *args, int argc, char **argv);
void args_release(struct args *args);

#endif
