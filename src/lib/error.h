/* SPDX-License-Identifier: ISC */
/*
 * error.h - filling in a struct commit_error
 *
 * All functions return the code they were given, so that a failing call reads
 *
 *     return lc_error_set(err, COMMIT_EFAILED, ENOSPC, "write", path, NULL);
 *
 * err may be NULL everywhere. Only the first error of an operation is kept by
 * convention: clean-up code passes NULL.
 */
#ifndef LC_ERROR_H
#define LC_ERROR_H

#include <commit_error.h>

/* Records a failure. text NULL: the text of errnum. Returns code. */
int lc_error_set(struct commit_error *err, int code, int errnum, const char *operation,
                 const char *path, const char *text);

/* The same with a formatted text. */
int lc_error_format(struct commit_error *err, int code, int errnum, const char *operation,
                    const char *path, const char *format, ...)
        __attribute__((format(printf, 6, 7)));

#endif
