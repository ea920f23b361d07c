/* SPDX-License-Identifier: ISC */
/* save-options.h - the command line of commit-save */
#ifndef SAVE_OPTIONS_H
#define SAVE_OPTIONS_H

#include <commit.h>

#include <stdbool.h>

struct save_options {
	const char *file;
	/* where the content comes from: SRC, else a command, else stdin */
	const char *from;
	char **command;
	/* statuses of the command that count as success, apart from 0 */
	bool accepted[256];
	/* the command that looks at the staged file, or NULL */
	const char *validate;
	/* exit status for content that was the same; -1: 0 */
	int unchanged;
	bool token;
	bool dry_run;
	bool json;
	struct commit_save_options save;
};

/*
 * Everything that is wrong with a command line is found here, before any file
 * is touched. Strings stay in argv. Returns 0, ARGS_DONE after --help or
 * --version, or a code after having said why.
 */
int save_options_parse(struct save_options *options, int argc, char **argv);

#endif
