/* SPDX-License-Identifier: ISC */
/*
 * lock.h - exclusive locks on open files, with a deadline and a way to cancel
 *
 * Locks are flock(2) locks: they belong to the open file, last until its last
 * descriptor is closed, and so end with the process however it ends.
 */
#ifndef LC_LOCK_H
#define LC_LOCK_H

#include <stdint.h>

/* The time, on the clock of lc_sys_clock_ms, that is wait_ms from now. */
int64_t lc_lock_deadline(int64_t wait_ms);

/*
 * Locks fd, trying until the deadline, at least once. Returns 0, -EWOULDBLOCK
 * (somebody else held it all the time), -ECANCELED, or another negative errno
 * where the file system has no locks (see lc_lock_unsupported).
 */
int lc_lock_acquire(int fd, int64_t deadline, int cancel_fd);

/* The same for a lock that others may share; an exclusive one of ours becomes shared. */
int lc_lock_share(int fd, int64_t deadline, int cancel_fd);

/* The errno says that this file system knows no locks. */
int lc_lock_unsupported(int rc);

#endif
