/* SPDX-License-Identifier: ISC */
/*
 * triple-support.h - a set in the directories a, b and c, its faults, its states
 *
 *     triple_begin();                 a/f, b/f, c/f do not exist yet
 *     triple_write("one");            0
 *     triple_strike(1, HURT_CONTENT);
 *     triple_read("one");             0, and that was what it said
 */
#ifndef TEST_TRIPLE_SUPPORT_H
#define TEST_TRIPLE_SUPPORT_H

#include <commit.h>

#include <stddef.h>
#include <sys/stat.h>

#define TRIPLE_BLOCK 4096

extern const char *const triple_paths[3];
extern const char *const triple_sides[3];

/* What calls are made with; set up by triple_begin. */
extern struct commit_triple_options triple_opt;
/* What the last one said */
extern struct commit_triple_result triple_result;
extern struct commit_error triple_err;
/* How many warnings there were since triple_begin, and the last one's text */
extern unsigned triple_warned;
extern char triple_warning[COMMIT_ERROR_TEXT_MAX];

void triple_begin(void);
int triple_write(const char *text);
int triple_write_bytes(const void *bytes, size_t length);
/* The code; what came is kept for triple_expect. */
int triple_get(void);
void triple_expect(const char *text);
void triple_expect_bytes(const void *bytes, size_t length);
/* Both: fails unless the read works and says that. */
void triple_read(const char *text);
const char *triple_text(void);
int triple_check(void);
int triple_repair(void);

/* What can happen to one copy. Times stay as they were, unless a person does it. */
enum hurt {
	HURT_NONE,
	HURT_AWAY,         /* the directory is not there */
	HURT_CONTENT,      /* one byte of the content */
	HURT_SIDECAR,      /* one byte of the sidecar */
	HURT_BOTH,         /* both */
	HURT_CUT,          /* the content ends early */
	HURT_NO_CONTENT,   /* the file is gone */
	HURT_NO_SIDECAR,   /* its sidecar is gone */
	HURT_BACK,         /* both are as triple_remember found them */
	HURT_CONTENT_BACK, /* the content alone */
	HURT_SIDECAR_BACK, /* the sidecar alone */
	HURT_MISPLACED,    /* both are those of the next copy */
	HURT_KINDS
};
extern const char *const hurt_names[HURT_KINDS];
void triple_strike(unsigned copy, enum hurt how);

/* A byte of a file, at that offset, without its time being touched. */
void flip(const char *path, off_t at);

/* All six files: content, times, and whether they are there. */
struct triple_state {
	struct {
		char *bytes;
		size_t length;
		struct stat st;
	} files[6];
};
void triple_capture(struct triple_state *state);
void triple_restore(const struct triple_state *state);
int triple_same(const struct triple_state *a, const struct triple_state *b);
void triple_free(struct triple_state *state);
/* What HURT_BACK goes back to. */
void triple_remember(void);
/* Removes files of ours that a killed write left; returns how many there were. */
unsigned triple_sweep(void);

#endif
