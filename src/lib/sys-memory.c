/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <sys/mman.h>

/* Part of the kernel's ABI that libc headers of some systems lack. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

int lc_sys_map_private(int fd, off_t offset, size_t length, void *wanted, void **memory)
{
	int flags = MAP_PRIVATE | (wanted ? MAP_FIXED_NOREPLACE : 0);
	int rc = lc_fault_on("mmap", fd, NULL);
	void *at;

	if (rc)
		return rc;
	at = mmap(wanted, length, PROT_READ | PROT_WRITE, flags, fd, offset);
	if (at == MAP_FAILED)
		return -errno;
	/* A kernel before 4.17 takes the address for a hint. */
	if (wanted && at != wanted) {
		munmap(at, length);
		return -EEXIST;
	}
	*memory = at;
	return 0;
}

int lc_sys_unmap(void *memory, size_t length)
{
	int rc = lc_fault("munmap");

	if (rc)
		return rc;
	return munmap(memory, length) ? -errno : 0;
}
