/* SPDX-License-Identifier: ISC */
/*
 * progress.h - how far long work has come
 *
 * Calling sequence
 *
 *     progress_begin();
 *     ...
 *     if (progress_is_due())
 *         progress_show("%s copied", human_bytes(bytes, text));
 *     ...
 *     progress_end();
 *
 * One line on standard error, where that is a terminal and -q was not given; not
 * before the work has taken a second, and then some times a second. It is wiped off
 * at the end, and before each message. Threads may call it side by side.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>

void progress_begin(void);

/* Time for another line; cheap, so that it can be asked for each piece of work. */
bool progress_is_due(void);

/* Short: what is longer than a narrow terminal could not be wiped off again. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What is waited for now, if there is a line already. */
void progress_wait(const char *text);

/* Wipes the line off; it may come again. */
void progress_clear(void);

/* Wipes the line off for good. */
void progress_end(void);

#endif
