/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "sys.h"

#include "fault.h"
#include "pmem.h"

#include <errno.h>
#include <sys/mman.h>

/* Part of the kernel's ABI that libc headers of some systems lack. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 0x03
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

static int map(int fd, off_t offset, size_t length, int flags, void *wanted, void **memory)
{
	void *at;

	flags |= wanted ? MAP_FIXED_NOREPLACE : 0;
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

int lc_sys_map_private(int fd, off_t offset, size_t length, void *wanted, void **memory)
{
	int rc = lc_fault_on("mmap", fd, NULL);

	return rc ? rc : map(fd, offset, length, MAP_PRIVATE, wanted, memory);
}

/*
 * MAP_SYNC is granted for a file on persistent memory only, and promises that its
 * metadata are durable before a page can be written. Everything else says so, by
 * EOPNOTSUPP, or by EINVAL in kernels before 4.15.
 */
int lc_sys_map_shared(int fd, off_t offset, size_t length, void *wanted, void **memory,
                      int *persistent)
{
	int rc = lc_fault_on("mmap", fd, NULL);

	if (rc)
		return rc;
	*persistent = 1;
	if (lc_pmem_pretended())
		return map(fd, offset, length, MAP_SHARED, wanted, memory);
	if (lc_pmem_known()) {
		rc = map(fd, offset, length, MAP_SHARED_VALIDATE | MAP_SYNC, wanted, memory);
		if (rc != -EOPNOTSUPP && rc != -EINVAL)
			return rc;
	}
	*persistent = 0;
	return map(fd, offset, length, MAP_SHARED, wanted, memory);
}

int lc_sys_unmap(void *memory, size_t length)
{
	int rc = lc_fault("munmap");

	if (rc)
		return rc;
	return munmap(memory, length) ? -errno : 0;
}
