/* SPDX-License-Identifier: ISC */
/*
 * child.h - commands that the tools run: producers and validators
 *
 * A child gets the signal mask the tool was started with and no descriptor of
 * ours but its standard ones. Each started child is waited for: by
 * child_wait, or by child_stop, which ends it.
 */
#ifndef CHILD_H
#define CHILD_H

#include <commit_error.h>

#include <stdbool.h>
#include <sys/types.h>

struct child_request {
	/* found through PATH */
	char *const *argv;
	/* descriptors that become its standard input and output; -1: ours */
	int in;
	int out;
	/*
	 * In a process group of its own, so that what it started ends with it;
	 * not for a child that may want to read from the terminal.
	 */
	bool group;
};

struct child {
	pid_t pid;
	bool group;
};

/*
 * Starts it; path is what messages are about. Errors: COMMIT_EREFUSED with 127
 * (not found) or 126 (not executable) in the text; COMMIT_EFAILED.
 */
int child_start(struct child *child, const struct child_request *request, const char *path,
                struct commit_error *err);

/*
 * Waits until it ends; *status is as from waitpid. limit_ms: -1 for ever.
 * Errors, the child having been ended and waited for: COMMIT_ECANCELED (the
 * signal was passed on), COMMIT_EFAILED with ETIMEDOUT.
 */
int child_wait(struct child *child, int limit_ms, int *status, struct commit_error *err);

/* Ends it with signal, after five seconds with KILL, and waits for it. */
void child_stop(struct child *child, int signal);

/*
 * COMMIT_OK if status is one that is accepted (an array of 256, or NULL: 0
 * only); else COMMIT_EREFUSED, with status or signal in the text, followed by
 * outcome.
 */
int child_judge(int status, const bool *accepted, const char *operation, const char *path,
                const char *name, const char *outcome, struct commit_error *err);

#endif
