/* SPDX-License-Identifier: ISC */
/* save-validate.h - the command of --validate */
#ifndef SAVE_VALIDATE_H
#define SAVE_VALIDATE_H

#include <commit_error.h>

/*
 * May {} in command stand for path? Where a shell would take path for more
 * than a word: COMMIT_EUSAGE with the way out in *err.
 */
int validate_check(const char *command, const char *path, struct commit_error *err);

/*
 * Runs sh -c COMMAND sh STAGED TARGET, its output on our standard error.
 * Errors: COMMIT_EREFUSED with its status, COMMIT_EUSAGE as above,
 * COMMIT_ECANCELED, COMMIT_EFAILED.
 */
int validate_run(const char *command, const char *staged, const char *target,
                 struct commit_error *err);

#endif
