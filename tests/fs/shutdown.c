/* SPDX-License-Identifier: ISC */
/*
 * shutdown MOUNTPOINT: a power cut for one file system. What it has not
 * written to its device by now is never written: neither data nor its log.
 * Exit status 0; 2 where the file system cannot do that; else 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Numbers of the kernel's; xfs_fs.h says XFS_IOC_GOINGDOWN. */
#define FS_SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2u

int main(int argc, char **argv)
{
	uint32_t how = NO_LOG_FLUSH;
	int fd, unknown;

	if (argc != 2) {
		fprintf(stderr, "usage: shutdown MOUNTPOINT\n");
		return 1;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	if (ioctl(fd, FS_SHUTDOWN, &how) != 0) {
		unknown = errno == ENOTTY || errno == EOPNOTSUPP || errno == EINVAL;
		if (!unknown)
			perror("shutdown");
		close(fd);
		return unknown ? 2 : 1;
	}
	close(fd);
	return 0;
}
