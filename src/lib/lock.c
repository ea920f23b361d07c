/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "lock.h"

#include "sys.h"

#include <errno.h>

/* Polled, because a wait inside flock(2) knows neither deadline nor cancelling. */
#define PAUSE_FIRST_MS 1
#define PAUSE_MOST_MS 20

int64_t lc_lock_deadline(int64_t wait_ms)
{
	return lc_sys_clock_ms() + wait_ms;
}

static int acquire(int (*lock)(int fd), int fd, int64_t deadline, int cancel_fd)
{
	int pause = PAUSE_FIRST_MS;
	int64_t left;
	int rc;

	for (;;) {
		rc = lock(fd);
		if (rc != -EWOULDBLOCK && rc != -EINTR)
			return rc;
		left = deadline - lc_sys_clock_ms();
		if (left <= 0)
			return -EWOULDBLOCK;
		rc = lc_sys_wait(-1, cancel_fd, left < pause ? (int)left : pause);
		if (rc != -ETIMEDOUT)
			return rc;
		if (pause < PAUSE_MOST_MS)
			pause *= 2;
	}
}

int lc_lock_acquire(int fd, int64_t deadline, int cancel_fd)
{
	return acquire(lc_sys_lock, fd, deadline, cancel_fd);
}

int lc_lock_share(int fd, int64_t deadline, int cancel_fd)
{
	return acquire(lc_sys_lock_shared, fd, deadline, cancel_fd);
}

int lc_lock_unsupported(int rc)
{
	return rc == -ENOLCK || rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL || rc == -EBADF;
}
