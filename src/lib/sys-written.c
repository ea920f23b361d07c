/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Part of the kernel's ABI, userfaultfd(2) and Documentation/admin-guide/mm/pagemap.rst:
 * headers older than Linux 6.7 lack half of it.
 */
struct uffd_api {
	uint64_t api;
	uint64_t features;
	uint64_t ioctls;
};

struct uffd_register {
	uint64_t start;
	uint64_t length;
	uint64_t mode;
	uint64_t ioctls;
};

struct uffd_protect {
	uint64_t start;
	uint64_t length;
	uint64_t mode;
};

struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t regions;
	uint64_t room;
	uint64_t max_pages;
	uint64_t inverted;
	uint64_t mask;
	uint64_t any_of;
	uint64_t wanted;
};

struct scan_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

#define API_VERSION 0xAAu
#define FEATURE_UNPOPULATED ((uint64_t)1 << 13)
#define FEATURE_ASYNC ((uint64_t)1 << 15)
#define USER_MODE_ONLY 1
#define MODE_PROTECT ((uint64_t)1 << 1)
#define DO_PROTECT ((uint64_t)1)
#define API_CALL _IOWR(0xAA, 0x3F, struct uffd_api)
#define REGISTER_CALL _IOWR(0xAA, 0x00, struct uffd_register)
#define PROTECT_CALL _IOWR(0xAA, 0x06, struct uffd_protect)
#define SCAN_CALL _IOWR('f', 16, struct scan)
#define SCAN_PROTECTS ((uint64_t)1)
#define SCAN_CHECKS ((uint64_t)2)
#define PAGE_WRITTEN ((uint64_t)1 << 1)

int lc_sys_watch_open(int *pages)
{
	struct uffd_api api = {API_VERSION, FEATURE_ASYNC | FEATURE_UNPOPULATED, 0};
	int rc = lc_fault("userfaultfd"), fd;

	if (rc)
		return rc;
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);
	if (fd < 0)
		return -errno;
	lc_fault_opened(fd);
	if (ioctl(fd, API_CALL, &api)) {
		rc = -errno;
		lc_sys_drop(&fd);
		return rc;
	}
	*pages = lc_sys_open(AT_FDCWD, "/proc/self/pagemap", O_RDONLY);
	if (*pages < 0) {
		rc = *pages;
		lc_sys_drop(&fd);
		return rc;
	}
	return fd;
}

int lc_sys_watch(int fd, void *memory, size_t length)
{
	struct uffd_register add = {(uintptr_t)memory, length, MODE_PROTECT, 0};
	struct uffd_protect protect = {(uintptr_t)memory, length, DO_PROTECT};

	if (ioctl(fd, REGISTER_CALL, &add) || ioctl(fd, PROTECT_CALL, &protect))
		return -errno;
	return 0;
}

int lc_sys_written(int pages, unsigned char *from, unsigned char *to, unsigned char **start,
                   unsigned char **end)
{
	struct scan_region region = {0};
	struct scan scan = {.size = sizeof scan,
	                    .flags = SCAN_PROTECTS | SCAN_CHECKS,
	                    .start = (uintptr_t)from,
	                    .end = (uintptr_t)to,
	                    .regions = (uintptr_t)&region,
	                    .room = 1,
	                    .mask = PAGE_WRITTEN,
	                    .wanted = PAGE_WRITTEN};
	int found = ioctl(pages, SCAN_CALL, &scan);

	if (found < 0)
		return -errno;
	*start = from + (region.start - (uintptr_t)from);
	*end = from + (region.end - (uintptr_t)from);
	return found;
}
