/* SPDX-License-Identifier: ISC */
/*
 * commit_error.h - how every call of libcommit reports failure
 *
 * Calling sequence
 *
 *     struct commit_error err = COMMIT_ERROR_INIT;
 *     int rc = commit_save_bytes("f", "hello\n", 6, NULL, NULL, &err);
 *     if (rc < 0)
 *         fprintf(stderr, "%s: %s: %s\n", err.path, err.operation, err.text);
 *
 * Every call returns 0 (or a count) on success and one of the negative codes
 * below on failure. The codes are chosen so that `-code` is the exit status
 * that the command-line tools promise to scripts.
 *
 * Ownership: the caller owns the struct; the library only writes into it. It
 * holds no pointers to be freed. `err` may be NULL where the details are not
 * wanted. On success `*err` is left untouched.
 *
 * Threads: a struct commit_error may be used by one thread at a time.
 */
#ifndef COMMIT_ERROR_H
#define COMMIT_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COMMIT_API __attribute__((visibility("default")))

enum commit_code {
	/* of warnings only: worth saying to those who want to know (-v) */
	COMMIT_NOTE = 1,
	/* of warnings: something could not be kept */
	COMMIT_OK = 0,
	/* failed; nothing changed */
	COMMIT_EFAILED = -1,
	/* an argument makes no sense; nothing was looked at */
	COMMIT_EUSAGE = -2,
	/* committed; finish or durability unproven, commit-recover finishes */
	COMMIT_EPENDING = -3,
	/* refused: a precondition, a policy or a validator said no */
	COMMIT_EREFUSED = -4,
	/* busy: someone else holds the lock */
	COMMIT_EBUSY = -5,
	/* undecided: the disk did not answer; nothing is lost */
	COMMIT_EUNDECIDED = -6,
	/* cancelled through cancel_fd; nothing changed */
	COMMIT_ECANCELED = -7,
	/* a person must decide; nothing was lost or overwritten */
	COMMIT_ECONFLICT = -11
};

#define COMMIT_ERROR_PATH_MAX 4352
#define COMMIT_ERROR_TEXT_MAX 512

struct commit_error {
	/* one of enum commit_code */
	int code;
	/* errno of the call that failed, 0 where none did */
	int errnum;
	/* what was being done: a static string such as "rename" or "flush" */
	const char *operation;
	/* the file it was done to; truncated if longer, always terminated */
	char path[COMMIT_ERROR_PATH_MAX];
	/* why, and the way out where there is one; one line, no newline */
	char text[COMMIT_ERROR_TEXT_MAX];
};

#define COMMIT_ERROR_INIT                                                                          \
	{                                                                                          \
		0, 0, "", {0},                                                                     \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}

/*
 * The symbolic name of an errno value ("ENOSPC"), stable for scripts;
 * "E?" for a number that has none. The string is static. Thread-safe.
 */
COMMIT_API const char *commit_errno_name(int errnum);

#ifdef __cplusplus
}
#endif

#endif
