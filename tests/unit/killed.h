/* SPDX-License-Identifier: ISC */
/*
 * killed.h - what killed saves leave behind, and what a scan says about it
 *
 *     leave_killed(&staged, name);
 *     finds(".", COMMIT_DECIDE_REMOVE, 1);
 */
#ifndef TEST_KILLED_H
#define TEST_KILLED_H

#include <commit.h>

/* A save of "f", which holds "old", that is killed on its way to "new" */
struct death {
	const char *when;
	unsigned flags;
	int conditional;
	int validates;
	const char *journal_dir;
};

extern const struct death staged, displaced, exchanged, judged, edited, elsewhere;

/* Saves and dies in a child process; name gets that of the one thing it leaves. */
void leave_killed(const struct death *death, char name[256]);

/* What scans are done with, and what the last one said; strings are copied. */
extern struct commit_recover_options opt;
extern struct commit_recover_totals totals;
extern struct commit_error err;
extern struct commit_finding last;
extern char last_path[5000], last_target[5000], warned[5000];

int killed_begin(void **state);
void killed_options(void);
int scan(const char *path);
/* One finding, decided so; carried out or not. */
void finds(const char *path, enum commit_decision decision, int done);
void finds_nothing(const char *path);

#endif
