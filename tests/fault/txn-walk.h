/* SPDX-License-Identifier: ISC */
/*
 * txn-walk.h - the fault walk over transactions
 *
 *     txn-logged.c       a program that puts contents into the log
 *     pool.c, faults.c   as for saves (walk.h); of world.c contents and digests
 *     txn-walk.c         main, which jobs there are
 *     txn-scenarios.c    kinds of transactions as a table
 *     txn-tree.c         the tree of one case: made, looked at, compared
 *     txn-steps.c        running the steps, the walk: N = 1 ... until nothing fires
 *     txn-judge.c        what may be there after a run, and what must
 *     txn-order.c        the order of flushes and renames in a run without faults
 *
 * A worker's current directory is its world:
 *
 *     root/            the tree, with its store
 *     new, again       what is put, and what the transaction after it puts
 *     src/, src.tar    what is applied
 *     ops              operations of a script
 */
#ifndef TXN_WALK_H
#define TXN_WALK_H

#include "faults.h"
#include "pool.h"
#include "walk.h"

#include <stdint.h>

/* --- scenarios ----------------------------------------------------------- */

enum {
	T_NO_STORE = 1 << 0,  /* the transaction is the first, and makes the store */
	T_UNCHANGED = 1 << 1, /* nothing is to be done */
	T_REFUSED = 1 << 2,   /* exit 4, also without a fault */
	T_STEPS = 1 << 3,     /* begun, made and ended by processes of their own */
	T_ABORTED = 1 << 4,   /* the last step is no commit */
	T_LOGGED = 1 << 6,    /* made by txn-logged, from the script */
	T_CORE = 1 << 5       /* also on the disk, also in a thin walk */
};

struct txn_scenario {
	const char *name;
	unsigned flags;
	/*
	 * What there is before, a line each: "d PATH", "f PATH" (a file with
	 * content and metadata of its own), "h PATH OLD", "s PATH TARGET"
	 */
	const char *tree[16];
	/* arguments of commit-txn, separated by blanks; the walk is over each */
	const char *steps[8];
	/* standard input of the step "script" */
	const char *script;
};

extern const struct txn_scenario txn_scenarios[];
extern const size_t txn_scenario_count;

/* --- the tree ------------------------------------------------------------ */

#define NODES_MAX 64

struct node {
	char path[NAME_SIZE];
	mode_t mode;
	uid_t uid;
	gid_t gid;
	/* names of it in the tree; 0: a directory */
	int links;
	ino_t inode;
	off_t size;
	struct timespec mtime;
	uint64_t content; /* of a symbolic link: its target */
	uint64_t xattrs;
};

/* Sorted by path; the store is no part of it. */
struct tree {
	int count;
	struct node nodes[NODES_MAX];
	/* of the store: stages, and what does not belong there at all */
	int stages;
	int strangers;
	/* a digest of the stages, names left out */
	uint64_t stage_class;
};

void tree_make(const struct txn_scenario *scenario);
void tree_look(struct tree *tree);
const struct node *tree_find(const struct tree *tree, const char *path);
/* To the letter: inodes and times too. NULL, or a path that differs. */
const char *tree_differs(const struct tree *a, const struct tree *b);
/*
 * What a transaction promises: names, contents, metadata; which names are of
 * one file, and which object of the old tree each is. NULL, or a path.
 */
const char *tree_differs_as_new(const struct tree *now, const struct tree *old_now,
                                const struct tree *new, const struct tree *old);
/* Names, kinds and contents only. */
const char *tree_differs_in_content(const struct tree *a, const struct tree *b);
uint64_t tree_class(const struct tree *tree, const struct tree *old);

/* --- the walk ------------------------------------------------------------ */

#define STEPS_IN_SCENARIO 8

struct txn_walk {
	const struct txn_scenario *scenario;
	const struct pool_job *job;
	int full;
	int steps;
	/* the tree before, and what it was before and after a run without faults */
	struct tree old, plain_old, new;
	/* of each step without faults */
	struct trace traces[STEPS_IN_SCENARIO];
	/* steps that make something: the call from which on they can poison */
	int resumed[STEPS_IN_SCENARIO];
	/* in the last step: numbers of the calls that write and flush the commit record; 0: none */
	int commit_written, commit_flushed;
	/* the id of a transaction that was begun by a process of its own, or "" */
	char id[64];
	/* the process with the fault has warned that it could not keep metadata */
	int warned;
	/* what was published could not be flushed */
	int unflushed;
	char fault[160];
	char doing[128];
	int seen_count;
	uint64_t seen[SEEN_MAX];
	struct report *report;
};

__attribute__((format(printf, 2, 3))) void txn_complain(struct txn_walk *walk, const char *format,
                                                        ...);

void walk_txn(struct txn_walk *walk);

/* Runs a step; fills walk->id if it is "begin". */
void run_step(struct txn_walk *walk, int step, const char *fault, int traced, struct run *run);
void run_txn_recover(const char *fault, int traced, struct run *run);

int is_warned(const struct run *run);
void judge_txn_plain(struct txn_walk *walk, const struct run *last);
/* After a step with a fault. */
void judge_step(struct txn_walk *walk, int step, const struct run *run, const struct tree *now);
/* After recovery: run is what the recovery followed. */
void judge_txn_recovered(struct txn_walk *walk, int step, const struct run *run,
                         const struct tree *now);
/* Finds commit_written and commit_flushed on the way. */
void judge_txn_order(struct txn_walk *walk);
void judge_txn_recovery_order(struct txn_walk *walk, const struct trace *trace);

#endif
