/* SPDX-License-Identifier: ISC */
/* range-options.h - the command line of commit-range */
#ifndef RANGE_OPTIONS_H
#define RANGE_OPTIONS_H

#include <commit.h>

#include <stdbool.h>

enum range_command { RANGE_WRITE, RANGE_APPLY, RANGE_LOG };

struct range_options {
	enum range_command command;
	const char *file;
	uint64_t at;
	bool has_at;
	bool allow_empty;
	bool json;
	struct commit_range_options range;
};

/*
 * Everything that is wrong with a command line is found here, before any file
 * is touched. Strings stay in argv. Returns 0, ARGS_DONE after --help or
 * --version, or a code after having said why.
 */
int range_options_parse(struct range_options *options, int argc, char **argv);

#endif
