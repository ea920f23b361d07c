/* SPDX-License-Identifier: ISC */
/*
 * save-bare FILE < CONTENT - the floor of a save by a process of its own
 *
 * What a C programmer would write who knows the calls and needs nothing else:
 * no options, no locks, no ACLs, no symbolic links, no clean-up of failures.
 * It keeps owner and mode of an existing FILE, as every save must.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[128 * 1024];

static int copy_input(int fd)
{
	for (;;) {
		ssize_t n = read(0, buffer, sizeof(buffer));

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || bench_write_all(fd, buffer, (size_t)n) < 0)
			return -1;
	}
}

static int save(int dirfd, const char *name)
{
	struct stat old;
	int fd;

	if (fstatat(dirfd, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	fd = openat(dirfd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (copy_input(fd) < 0 || fchown(fd, old.st_uid, old.st_gid) < 0 ||
	    fchmod(fd, old.st_mode & 07777) < 0)
		return -1;
	return bench_publish_tmpfile(dirfd, fd, name);
}

int main(int argc, char **argv)
{
	const char *dir = ".", *name;
	char *slash;
	int dirfd;

	if (argc != 2) {
		fprintf(stderr, "usage: save-bare FILE < CONTENT\n");
		return 2;
	}
	name = argv[1];
	slash = strrchr(argv[1], '/');
	if (slash != NULL) {
		*slash = '\0';
		dir = slash == argv[1] ? "/" : argv[1];
		name = slash + 1;
	}
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 || save(dirfd, name) < 0) {
		perror("save-bare");
		return 1;
	}
	return close(dirfd) < 0;
}
