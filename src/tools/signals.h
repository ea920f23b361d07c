/* SPDX-License-Identifier: ISC */
/*
 * signals.h - being told to stop, without signal handlers
 *
 * INT, TERM, HUP and PIPE are blocked, unless they were ignored or blocked on
 * entry, and make a descriptor readable instead. The library polls it, gives
 * up with COMMIT_ECANCELED, and has cleaned up when signals_die() lets the
 * signal through: the tool dies of it as it would have died without us.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <commit_error.h>

#include <signal.h>

/* To be called once, before anything that needs cleaning up exists. */
int signals_open(struct commit_error *err);

/* Readable when one of the signals has come; it stays so. */
int signals_cancel_fd(void);

/* Readable when a child may have ended; signals_child_seen makes it unreadable. */
int signals_child_fd(void);
void signals_child_seen(void);

/* The signal that has come, 0 if none. */
int signals_pending(void);

/* The signal mask the tool was started with, for its children. */
const sigset_t *signals_original_mask(void);

/* "SIGTERM"; static or overwritten by the next call. */
const char *signals_name(int number);

/* Dies of the signal that has come. */
void signals_die(void) __attribute__((noreturn));

#endif
