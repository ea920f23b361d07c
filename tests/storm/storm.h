/* SPDX-License-Identifier: ISC */
/*
 * storm.h - random transactions, killed at random, against a model
 *
 *     storm.c            main: rounds, seeds, TAP
 *     storm-model.c      a tree as a value: looked at, compared, operations on it
 *     storm-run.c        processes: a transaction, a recovery, a reader
 *     storm-chain.c      rounds of transactions one after the other
 *     storm-crowd.c      rounds of writers and readers side by side
 *
 * A round works in a directory of its own, on `root` in it. Its random numbers
 * come from the seed and the round's number, so that it can be run again alone;
 * where a signal hits is up to the machine, where the seam kills is not.
 */
#ifndef STORM_H
#define STORM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- random numbers ------------------------------------------------------ */

struct dice {
	uint64_t state;
};

uint64_t dice_next(struct dice *dice);
/* 0 to count - 1 */
unsigned dice_roll(struct dice *dice, unsigned count);

/* --- the model ----------------------------------------------------------- */

#define ITEMS_MAX 64
#define PATH_SIZE 40
#define STATES_MAX 64

enum kind { KIND_FILE = 'f', KIND_DIR = 'd', KIND_LINK = 'l' };

/* What a file holds if no transaction of ours has written that. */
#define CONTENT_TORN UINT64_MAX

struct item {
	char path[PATH_SIZE];
	enum kind kind;
	mode_t mode;
	/* which content; of a symbolic link which target */
	uint64_t content;
	/* names of one file have the same */
	unsigned object;
};

/* Sorted by path. */
struct state {
	int count;
	unsigned next_object;
	struct item items[ITEMS_MAX];
};

void state_look(const char *root, struct state *state);
/* Writes what differs to text (a is there, b was expected); 1 if anything does. */
int state_differs(const struct state *a, const struct state *b, char *text, size_t size);
const struct item *state_find(const struct state *state, const char *path);
void state_drop(struct state *state, const char *path);

/* The bytes of a content, which begin with its number. */
size_t content_fill(uint64_t content, unsigned char *bytes, size_t size);
#define CONTENT_SIZE_MAX 16384
/* What the file holds. */
uint64_t content_of(const char *path);

enum op_type { OP_PUT, OP_RM, OP_MKDIR, OP_RMDIR, OP_MV, OP_SYMLINK, OP_LINK, OP_CHMOD, OP_COUNT };

struct op {
	enum op_type type;
	char path[PATH_SIZE];
	char to[PATH_SIZE];
	uint64_t content;
	mode_t mode;
};

#define OPS_MAX 8

struct ops {
	int count;
	struct op items[OPS_MAX];
};

/* Random operations that the state allows; they are made to it. */
void ops_make(struct dice *dice, struct state *state, struct ops *ops);

/* --- processes ----------------------------------------------------------- */

/* How a process ended: its exit status, or minus the signal. */
typedef int outcome_t;

/* What may happen to it, "" if nothing: see fault.h; and a signal after so long. */
struct fate {
	char faults[96];
	unsigned kill_after_us;
};

void fate_choose(struct dice *dice, struct fate *fate);
/* Runs act in a child; what it returns is the exit status. */
outcome_t run_child(const struct fate *fate, int (*act)(void *context), void *context);
/* A transaction of the operations that the dice give for what it finds there. */
outcome_t run_transaction(const struct fate *fate, uint64_t dice);
/* commit-txn read says only that it has failed. */
#define RECOVERY_UNTOLD 125
/* Random one of the ways to recover. */
outcome_t run_recovery(struct dice *dice, const struct fate *fate);
outcome_t run_tool(const char *const *argv, const struct fate *fate);
/* The root anew, with an empty store. */
void root_make(void);
/* Stages that are left */
int root_stages(void);

/* --- rounds -------------------------------------------------------------- */

struct tally {
	unsigned long rounds, transactions, kills, undecided, recoveries, conflicts, edits, reads,
	        committed, busy, stuck;
};

extern struct tally tally;
extern int verbose;

/* Ends the round as failed; the state of things is left to look at. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);

void round_chain(struct dice *dice);
void round_edit(struct dice *dice);
void round_crowd(struct dice *dice);

#endif
