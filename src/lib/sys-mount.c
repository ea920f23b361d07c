/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Kernel numbers that libc headers of some systems lack; part of its ABI. */
#define WANT_MOUNT_ID 0x1000u
#define ATTRIBUTE_MOUNT_ROOT 0x2000u
#define AT_MOUNT_ID 0x90
struct fs_attributes {
	uint32_t flags;
	uint32_t extent_size;
	uint32_t extents;
	uint32_t project;
	uint32_t cow_extent_size;
	uint8_t rest[8];
};
#define GET_FS_ATTRIBUTES _IOR('X', 31, struct fs_attributes)
#define FLAG_PROJECT_INHERIT 0x200u
#define OVERLAY_MAGIC 0x794c7630

/*
 * Where syncfs makes freshly created files durable and tells of errors, as our
 * tests on these file systems have seen. ext2, ext3 and ext4 share a number.
 */
static const long synced[] = {0xef53, 0x58465342, 0x9123683e, 0x01021994};

#ifdef HAVE_STATX
int lc_sys_mount(int dirfd, const char *name, struct lc_sys_mount *mount)
{
	struct statx found;
	int rc = lc_fault_on("mount", dirfd, name);

	if (rc)
		return rc;
	memset(&found, 0, sizeof found);
	if (statx(dirfd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
	          STATX_TYPE | WANT_MOUNT_ID, &found) != 0)
		return -errno;
	mount->id = 0;
	if (found.stx_mask & WANT_MOUNT_ID)
		memcpy(&mount->id, (const char *)&found + AT_MOUNT_ID, sizeof mount->id);
	mount->device = makedev(found.stx_dev_major, found.stx_dev_minor);
	mount->is_top = (found.stx_attributes & ATTRIBUTE_MOUNT_ROOT) != 0;
	return 0;
}
#else
int lc_sys_mount(int dirfd, const char *name, struct lc_sys_mount *mount)
{
	struct stat st;
	int rc = lc_fault_on("mount", dirfd, name);

	if (!rc && (*name ? fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) : fstat(dirfd, &st)))
		rc = -errno;
	if (!rc)
		*mount = (struct lc_sys_mount){0, st.st_dev, 0};
	return rc;
}
#endif

int lc_sys_fs_traits(int fd, struct lc_sys_traits *traits)
{
	struct statfs fs;
	size_t i;
	int rc = lc_fault_on("fstype", fd, NULL);

	if (!rc && fstatfs(fd, &fs) != 0)
		rc = -errno;
	if (rc)
		return rc;
	memset(traits, 0, sizeof *traits);
	for (i = 0; i < sizeof synced / sizeof *synced; i++)
		traits->syncs |= (long)fs.f_type == synced[i];
	traits->layers = (long)fs.f_type == OVERLAY_MAGIC;
	traits->block = fs.f_bsize > 0 ? (uint32_t)fs.f_bsize : 4096;
	return 0;
}

int lc_sys_project(int fd, uint32_t *project, int *inherited)
{
	struct fs_attributes attributes;
	int rc = lc_fault_on("project", fd, NULL);

	if (!rc && ioctl(fd, GET_FS_ATTRIBUTES, &attributes) != 0)
		rc = -errno;
	if (rc)
		return rc;
	*project = attributes.project;
	*inherited = (attributes.flags & FLAG_PROJECT_INHERIT) != 0;
	return 0;
}
