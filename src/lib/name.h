/* SPDX-License-Identifier: ISC */
/*
 * name.h - names of the files that we leave in directories, and their proof
 *
 *     .commit-R-B-D.KIND          R 16 hex digits, B 8, D 16
 *     .commit-R-B-D-E.displaced   D and E 16
 *
 * R is random (of journals and logs of in-place edits: a digest of the target's
 * name), B of
 * the boot id. D is a digest over R, B, KIND and the inode of the directory:
 * a name that fits was made by libcommit for this very directory, and a copy
 * of a tree does not fit. For KIND displaced D also covers the inode of the
 * staged file, and E the version that is expected to be exchanged out, so that
 * a third file under that name is seen to be somebody else's.
 */
#ifndef LC_NAME_H
#define LC_NAME_H

#include <stdint.h>
#include <sys/stat.h>

/* Bytes for any name of ours with its terminating zero. */
#define LC_NAME_SIZE 96

enum lc_name_kind {
	LC_NAME_STAGED,
	LC_NAME_STAGE_DIR,
	LC_NAME_DISPLACED,
	LC_NAME_IN_PLACE,
	LC_NAME_RANGE,
	LC_NAME_NONE
};

struct lc_name {
	enum lc_name_kind kind;
	uint64_t random;
	uint32_t boot;
	uint64_t digest;
	uint64_t expected;
};

/* A fresh random name in the directory with that inode. 0 or a negative errno. */
int lc_name_make(enum lc_name_kind kind, ino_t dir, char text[LC_NAME_SIZE]);

/* A name under which staged is exchanged with a file in state expected. */
int lc_name_make_displaced(ino_t dir, ino_t staged, const struct stat *expected,
                           char text[LC_NAME_SIZE]);

/* The name of the journal of an in-place edit of target in or from that directory. */
int lc_name_make_in_place(ino_t dir, const char *target, char text[LC_NAME_SIZE]);

/* The name of the log of ranges of target, a directory in that directory. */
int lc_name_make_range(ino_t dir, const char *target, char text[LC_NAME_SIZE]);

/* Takes a name apart; kind LC_NAME_NONE if it has not our form. */
void lc_name_parse(const char *text, struct lc_name *name);

/* The name was made by libcommit for the directory with that inode. */
int lc_name_proven(const struct lc_name *name, ino_t dir);

/* Kind displaced: which of the two that were meant to stand there is st? */
int lc_name_is_staged(const struct lc_name *name, ino_t dir, const struct stat *st);
int lc_name_is_expected(const struct lc_name *name, ino_t dir, const struct stat *st);

/* The name was made since the machine was booted last, as far as is known. */
int lc_name_this_boot(const struct lc_name *name);

/* A digest of the boot id, 0 where it cannot be known. */
uint32_t lc_name_boot(void);

#ifdef LC_FAULT
/* For tests that boot a model of a machine without ending the process. */
void lc_name_forget_boot(void);
#endif

#endif
