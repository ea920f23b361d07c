/* SPDX-License-Identifier: ISC */
/*
 * textfile.h - a file that is replaced whole by what a run came to, for --prom and --html
 *
 *     textfile_write(path, print, &tally, &err);
 */
#ifndef TEXTFILE_H
#define TEXTFILE_H

#include <commit_error.h>

#include <stdio.h>

/*
 * Replaces path, atomically, by what print writes to the stream.
 * Errors: those of commit_save_bytes; COMMIT_EFAILED without memory.
 */
int textfile_write(const char *path, void (*print)(FILE *stream, const void *context),
                   const void *context, struct commit_error *err);

#endif
