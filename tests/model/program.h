/* SPDX-License-Identifier: ISC */
/*
 * program.h - what is done to the tree, random, and what was promised
 *
 * A program has up to three steps. A step is a save or a transaction; what the
 * tree is after each is remembered as a view. The trace of the machine says
 * where each step begins and where it is acknowledged.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "model.h"

#include <commit.h>

#include <stdio.h>

enum { STEPS_MAX = 3, OPS_MAX = 6, PATHS_MAX = 64, TEXT_MAX = 160 };
#define TREE "/t"

enum family { FAMILY_SAVE, FAMILY_TXN, FAMILIES };
extern const char *const family_names[FAMILIES];

/* What a user sees of the tree: each path with a digest of what is there. */
struct view {
	uint64_t digest;
	unsigned count;
	/* names of ours outside of a store, and nodes that only links to nowhere have */
	unsigned residue;
	struct {
		uint64_t path, face;
		/* another one after each change, also one that leaves all as it was */
		uint64_t version;
	} at[PATHS_MAX];
};

/* links: of how many names a file has, too, which a save of one may change for another */
void view_take(struct view *view, struct disk *disk, int links);
uint64_t view_find(const struct view *view, uint64_t path);
uint64_t view_version(const struct view *view, uint64_t path);
void view_print(FILE *out, const struct disk *disk);

struct step {
	enum commit_sync sync;
	int code;
	/* what was done, as text, and what came of it */
	char text[OPS_MAX][TEXT_MAX];
	unsigned ops;
};

struct program {
	enum family family;
	uint64_t seed;
	/* links are counted, see view_take */
	int links;
	/* bits of steps and, of a transaction, of operations that are left out */
	unsigned without_steps, without_ops;
	unsigned steps;
	struct step step[STEPS_MAX];
	/* views[i]: before step i; views[steps]: at the end */
	struct view views[STEPS_MAX + 1];
	/* every step is all or nothing, and durable when acknowledged */
	int joint;
	struct disk before;
	struct trace trace;
};

/* Makes the trees that programs begin with. */
void program_prepare(void);
void program_run(struct program *program);
void program_release(struct program *program);
void program_print(FILE *out, const struct program *program);

/* program-txn.c */
int run_transaction(struct program *program, struct step *step, uint64_t *random,
                    struct commit_store *store, unsigned number, struct commit_error *error);

unsigned roll(uint64_t *random, unsigned sides);
/* content of a random length */
size_t roll_content(uint64_t *random, unsigned char *bytes);
enum { CONTENT_MAX = 20000 };

#endif
