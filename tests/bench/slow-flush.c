/* SPDX-License-Identifier: ISC */
/*
 * slow-flush.c - preloaded: every flush takes as long as on a slow device
 *
 * SLOW_FLUSH_US for each flush, and SLOW_FLUSH_US_MIB for each MiB of a regular
 * file that is flushed for the first time. Two flushes at the same time each
 * take their own, as on two devices: a model of three devices for machines
 * without device mapper, where loop devices share one disk and two processors.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long long setting(const char *name)
{
	const char *value = getenv(name);

	return value ? strtoll(value, NULL, 10) : 0;
}

static void take_time(int fd)
{
	long long us = setting("SLOW_FLUSH_US");
	struct timespec time;
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		us += setting("SLOW_FLUSH_US_MIB") * (long long)st.st_size / (1 << 20);
	time.tv_sec = (time_t)(us / 1000000);
	time.tv_nsec = (long)(us % 1000000) * 1000;
	nanosleep(&time, NULL);
}

int fsync(int fd)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");

	take_time(fd);
	return next(fd);
}

int fdatasync(int fildes)
{
	int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

	take_time(fildes);
	return next(fildes);
}
