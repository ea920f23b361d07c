/* SPDX-License-Identifier: ISC */
/*
 * metrics.h - files for node_exporter's textfile collector, for --prom
 *
 *     metrics_write(path, print, &tally, &err);
 */
#ifndef METRICS_H
#define METRICS_H

#include <commit_error.h>

#include <stdio.h>

/*
 * Replaces path, atomically, by what print writes to the stream.
 * Errors: those of commit_save_bytes; COMMIT_EFAILED without memory.
 */
int metrics_write(const char *path, void (*print)(FILE *stream, const void *context),
                  const void *context, struct commit_error *err);

#endif
