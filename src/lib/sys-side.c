/* SPDX-License-Identifier: ISC */
/* sys-side.c - flushing side by side, and reading past the page cache */
#include "config.h"

#include "sys.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#undef lc_sys_flush_side

static void *force_job(void *context)
{
	struct lc_sys_flush *job = context;

	if (job->rc)
		return NULL;
	if (!job->skipped && fsync(job->fd) != 0)
		job->rc = -errno;
	else
		job->rc = lc_sys_answers(job->fd);
	return NULL;
}

/* The seam comes first: the calls are counted before any thread runs. */
static void ask_seam(struct lc_sys_flush *job)
{
	job->rc = lc_fault_on("fsync", job->fd, NULL);
	job->skipped = !job->rc && lc_fault_skips_flush(job->fd);
}

void lc_sys_flush_side(struct lc_sys_flush *jobs, unsigned count)
{
	pthread_t threads[LC_SYS_FLUSH_MAX];
	int started[LC_SYS_FLUSH_MAX] = {0};
	sigset_t all, before;
	unsigned i;

	for (i = 0; i < count; i++)
		ask_seam(&jobs[i]);
	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (i = 1; i < count; i++)
		started[i] = pthread_create(&threads[i], NULL, force_job, &jobs[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (count > 0)
		force_job(&jobs[0]);
	for (i = 1; i < count; i++)
		if (!started[i])
			force_job(&jobs[i]);
		else
			pthread_join(threads[i], NULL);
}

int lc_sys_start_flush(int fd)
{
	int rc = lc_fault_on("startflush", fd, NULL);

#ifdef SYNC_FILE_RANGE_WRITE
	if (!rc && !lc_fault_skips_hint() && sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) != 0)
		rc = -errno;
#else
	(void)fd;
#endif
	return rc;
}

int lc_sys_drop_cache(int fd)
{
	int rc = lc_fault_on("dropcache", fd, NULL);
	int flags;

	if (rc)
		return rc;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_DIRECT) < 0)
		return -errno;
	return -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/* "/sys/dev/block/8:1" of a partition is a directory inside its disk's. */
int lc_sys_same_disk(dev_t a, dev_t b)
{
	char path[64];
	char *one, *two;
	int same = a == b;

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(a), minor(a));
	one = realpath(path, NULL);
	snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(b), minor(b));
	two = realpath(path, NULL);
	/* Two partitions have one parent, which is a disk and no bus. */
	if (!same && one && two && strrchr(one, '/') && strrchr(two, '/')) {
		snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(a), minor(a));
		if (access(path, F_OK) == 0) {
			*strrchr(one, '/') = '\0';
			*strrchr(two, '/') = '\0';
			same = strcmp(one, two) == 0;
		}
	}
	free(one);
	free(two);
	return same;
}

int lc_sys_first_extent(int fd, uint64_t *physical)
{
	union {
		struct fiemap map;
		char room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} ask;
	const uint32_t nowhere =
	        FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_DATA_INLINE;
	int rc = lc_fault("fiemap");

	if (rc)
		return rc;
	memset(&ask, 0, sizeof ask);
	ask.map.fm_length = UINT64_MAX;
	ask.map.fm_extent_count = 1;
	if (ioctl(fd, FS_IOC_FIEMAP, &ask.map) != 0)
		return -errno;
	if (ask.map.fm_mapped_extents == 0 || (ask.map.fm_extents[0].fe_flags & nowhere))
		return -ENODATA;
	*physical = ask.map.fm_extents[0].fe_physical;
	return 0;
}
