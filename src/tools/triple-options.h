/* SPDX-License-Identifier: ISC */
/* triple-options.h - the command line of commit-triple */
#ifndef TRIPLE_OPTIONS_H
#define TRIPLE_OPTIONS_H

#include <commit.h>

#include <stdbool.h>

enum triple_command { TRIPLE_WRITE, TRIPLE_READ, TRIPLE_CHECK, TRIPLE_REPAIR, TRIPLE_STATUS };

struct triple_options {
	enum triple_command command;
	/* A, B, C; of -r directories, as many as there are */
	char **operands;
	int operand_count;
	/* -r */
	bool recursive;
	/* names of copies, three of each set; "-": standard input */
	const char *list;
	char separator;
	/* what was checked already, from one run to the next */
	const char *resume;
	/* where the content of a write comes from, as in save-options.h */
	const char *from;
	char **producer;
	bool accepted[256];
	/* where the content of a read goes; NULL: standard output */
	const char *to;
	const char *prom;
	bool repaired_ok;
	bool dry_run;
	bool json;
	struct commit_triple_options triple;
};

/*
 * Everything that is wrong with a command line is found here, before any file
 * is touched. Strings stay in argv; operands are freed by triple_options_release.
 * Returns 0, ARGS_DONE after --help or --version, or a code after having said
 * why.
 */
int triple_options_parse(struct triple_options *options, int argc, char **argv);
void triple_options_release(struct triple_options *options);

#endif
