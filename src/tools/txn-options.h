/* SPDX-License-Identifier: ISC */
/*
 * txn-options.h - the command line of commit-txn
 *
 * The first operand is the command; which options it takes stands in its row of
 * the table in commit-txn.c.
 */
#ifndef TXN_OPTIONS_H
#define TXN_OPTIONS_H

#include "parse.h"

#include <commit_txn.h>

#include <stdbool.h>

/* Bits of txn_command.allowed: options that not every command takes. */
#define TXN_OWNER (1u << 0)    /* --owner, --ttl */
#define TXN_CONTENT (1u << 1)  /* --from */
#define TXN_EXPECT (1u << 2)   /* --expect */
#define TXN_ARCHIVE (1u << 3)  /* --mirror and what else apply has */
#define TXN_VALIDATE (1u << 4) /* --validate, --validate-at-root */
#define TXN_DRY_RUN (1u << 5)  /* -n */
#define TXN_ZERO (1u << 6)     /* -0 */
#define TXN_JSON (1u << 7)     /* --json */
#define TXN_LAYOUT (1u << 9)   /* --store, --group, --keep */
#define TXN_AT (1u << 10)      /* --at, which it needs */
/* and a property: the working directory is the root where none is named */
#define TXN_HERE (1u << 8)

/* How a command gets on with `-- CMD`. */
enum txn_takes { TXN_NO_CMD, TXN_MAY_CMD, TXN_MUST_CMD };

struct txn_session;

struct txn_command {
	const char *name;
	/* its operands for messages, "TXN PATH", and the least and most of them */
	const char *operands;
	int least;
	int most;
	enum txn_takes takes;
	unsigned allowed;
	/* Returns 0 or a code with session->err filled in. */
	int (*act)(struct txn_session *session);
};

struct txn_options {
	const struct txn_command *command;
	/* what follows the command's name, and CMD or NULL */
	char **operands;
	int operand_count;
	char **cmd;

	const char *root;
	const char *from;
	const char *expect;
	const char *validate;
	const char *validate_at_root;
	const char *store;
	bool has_at;
	uint64_t at;
	bool group;
	struct parse_bound keep;
	pid_t owner;
	int64_t ttl;
	int64_t wait_ms;
	bool mirror;
	bool no_same_owner;
	int strip;
	const char **excludes;
	int exclude_count;
	bool dry_run;
	bool zero;
	bool json;

	/* argv without its first words, to be freed */
	char **words;
};

/*
 * Finds everything that is wrong with a command line before any file is touched.
 * commands ends with a row whose name is NULL. Strings stay in argv. Returns 0,
 * ARGS_DONE after --help or --version, or a code after having said why.
 * options->command is set as soon as it is known.
 */
int txn_options_parse(struct txn_options *options, const struct txn_command *commands, int argc,
                      char **argv);
void txn_options_release(struct txn_options *options);

#endif
