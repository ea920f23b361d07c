/* SPDX-License-Identifier: ISC */
/* recover-options.h - the command line of commit-recover, and its list of paths */
#ifndef RECOVER_OPTIONS_H
#define RECOVER_OPTIONS_H

#include <commit.h>

#include <stdbool.h>

struct recover_options {
	/* from the command line, else from the configuration file */
	char **paths;
	int path_count;
	const char *config;
	/* where to write metrics, or NULL */
	const char *prom;
	/* where to write a page, "-" or NULL; and what it will tell of, -1 without one */
	const char *html;
	int spool;
	bool as_owner;
	bool repaired_ok;
	bool json;
	/* what scan.resolve points to */
	char transaction[COMMIT_TXN_ID_SIZE];
	struct commit_recover_options scan;
};

/* The page goes to standard output, and nothing else does. */
bool recover_page_is_output(const struct recover_options *options);

/*
 * Returns 0, ARGS_DONE after --help or --version, or a code after having said
 * why. recover_options_release frees the list of paths in every case.
 */
int recover_options_parse(struct recover_options *options, int argc, char **argv);
void recover_options_release(struct recover_options *options);

#endif
