/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY ".bench-temporary"

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int bench_turn(long round, int i, int count)
{
	long at = (round & 1) != 0 ? count - 1 - i : i;

	return (int)((at + round) % count);
}

int bench_write_all(int fd, const void *buffer, size_t length)
{
	const char *at = buffer;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static int complain(const char *what)
{
	int saved = errno;

	perror(what);
	errno = saved;
	return -1;
}

int bench_save_exclusive(const char *dir, const char *name, const void *buffer, size_t length)
{
	int dirfd, fd = -1, rc = -1;

	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return complain(dir);
	fd = openat(dirfd, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || bench_write_all(fd, buffer, length) < 0 || fsync(fd) < 0)
		goto out;
	rc = close(fd);
	fd = -1;
	if (rc == 0)
		rc = renameat(dirfd, TEMPORARY, dirfd, name);
	if (rc == 0)
		rc = fsync(dirfd);
out:
	if (rc < 0)
		complain("save with O_EXCL");
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return rc;
}

int bench_publish_tmpfile(int dirfd, int fd, const char *name)
{
	char self[64];
	int rc;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, dirfd, TEMPORARY, AT_SYMLINK_FOLLOW) < 0 || fsync(fd) < 0) {
		complain("link, flush");
		close(fd);
		return -1;
	}
	rc = close(fd);
	if (rc == 0)
		rc = renameat(dirfd, TEMPORARY, dirfd, name);
	if (rc == 0)
		rc = fsync(dirfd);
	return rc < 0 ? complain("rename, flush") : 0;
}

int bench_save_tmpfile(const char *dir, const char *name, const void *buffer, size_t length)
{
	int dirfd, fd, rc = -1;

	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return complain(dir);
	fd = openat(dirfd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0) {
		complain("O_TMPFILE");
		goto out;
	}
	if (bench_write_all(fd, buffer, length) < 0) {
		complain("write");
		close(fd);
		goto out;
	}
	rc = bench_publish_tmpfile(dirfd, fd, name);
out:
	close(dirfd);
	return rc;
}
