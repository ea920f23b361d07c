/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <time.h>

int lc_sys_random(void *buffer, size_t length)
{
	int rc = lc_fault("random");
	ssize_t got;

	if (rc)
		return rc;
	got = getrandom(buffer, length, 0);
	if (got < 0)
		return -errno;
	return (size_t)got == length ? 0 : -EIO;
}

int64_t lc_sys_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t lc_sys_clock_ms(void)
{
	return lc_sys_clock_ns() / 1000000;
}

int lc_sys_wait(int fd, int cancel_fd, int timeout_ms)
{
	/* poll ignores negative descriptors. */
	struct pollfd set[2] = {{.fd = cancel_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	int rc;

	do
		rc = poll(set, 2, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	if (set[0].revents)
		return -ECANCELED;
	return rc == 0 ? -ETIMEDOUT : 0;
}
