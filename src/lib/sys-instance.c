/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* "sda1" for the device of the file system, as the kernel names it. */
static int device_name(dev_t device, char name[NAME_MAX + 1])
{
	char link[64], target[PATH_MAX];
	const char *slash;
	ssize_t length;

	snprintf(link, sizeof link, "/sys/dev/block/%u:%u", major(device), minor(device));
	length = readlink(link, target, sizeof target - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, slash ? slash + 1 : target);
	return 0;
}

static int uuid_name(int fd, char name[NAME_MAX + 1])
{
	uint8_t u[16];
	int rc = lc_sys_uuid(fd, u);

	if (rc)
		return rc;
	snprintf(name, NAME_MAX + 1,
	         "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
	         u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
	         u[15]);
	return 0;
}

/*
 * Each of these makes a directory when a file system is mounted first, and takes
 * it away when it is unmounted last; its inode numbers are not used again soon.
 * A mount's own number would not do: bind mounts share one page cache.
 */
static const char *const homes[] = {"ext4", "xfs", "f2fs", "btrfs", "nilfs2"};

int lc_sys_fs_instance(int fd, uint64_t *instance)
{
	char name[NAME_MAX + 1], path[sizeof name + 64];
	struct stat st;
	size_t i;
	int rc = lc_fault("instance");

	*instance = 0;
	if (rc)
		return rc;
	if (fstat(fd, &st) != 0)
		return -errno;
	if (device_name(st.st_dev, name) != 0 && uuid_name(fd, name) != 0)
		return 0;
	for (i = 0; i < sizeof homes / sizeof homes[0] && !*instance; i++) {
		snprintf(path, sizeof path, "/sys/fs/%s/%s", homes[i], name);
		if (stat(path, &st) == 0)
			*instance = st.st_ino;
	}
	return 0;
}
