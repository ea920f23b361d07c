/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* Another one than the machine's: what is recovered was made before a crash. */
#define NEXT_BOOT "5a4f3c2e-1b0d-4e9f-8a7b-6c5d4e3f2a1b\n"

const char *world_why_not(void)
{
	if (geteuid() != 0)
		return "not root";
	if (access("/dev/loop-control", R_OK | W_OK) != 0)
		return "no loop devices (/dev/loop-control)";
	if (access("/dev/fuse", R_OK | W_OK) != 0)
		return "no FUSE (/dev/fuse)";
	return NULL;
}

static void make_directory(char *path, size_t size, const char *top, const char *name)
{
	snprintf(path, size, "%s/%s", top, name);
	if (mkdir(path, 0700) != 0)
		err(1, "%s", path);
}

/* What steps may call, see workload.h: `text` is the rig under another name. */
static void make_helpers(const struct world *world)
{
	char path[100], self[PATH_SIZE];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

	make_directory(path, sizeof path, world->top, "scratch");
	setenv("SCRATCH", path, 1);
	setenv("HOME", path, 1);
	make_directory(path, sizeof path, world->top, "bin");
	snprintf(path, sizeof path, "%s/bin/text", world->top);
	self[length > 0 ? length : 0] = '\0';
	if (symlink(self, path) != 0)
		err(1, "%s", path);
}

void world_path(const struct world *world, int with_seam)
{
	static char *before;
	char path[8192];
	const char *path_now = getenv("PATH");

	if (!before)
		before = strdup(path_now ? path_now : "/usr/sbin:/usr/bin:/sbin:/bin");
	snprintf(path, sizeof path, "%s/bin:%s:%s", world->top,
	         getenv(with_seam ? "CRASH_FAULT_BIN" : "CRASH_BIN"), before);
	setenv("PATH", path, 1);
}

/* A mount namespace of our own: what we mount goes with us, also if we are killed. */
void world_begin(struct world *world, const char *top)
{
	memset(world, 0, sizeof *world);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		err(1, "mount namespace");
	snprintf(world->top, sizeof world->top, "%s", top);
	if (mount("crash", world->top, "tmpfs", 0, "mode=0700,size=75%") != 0)
		err(1, "tmpfs");
	make_directory(world->disk, sizeof world->disk, world->top, "disk");
	make_directory(world->point, sizeof world->point, world->top, "fs");
	snprintf(world->root, sizeof world->root, "%s/w", world->point);
	snprintf(world->run, sizeof world->run, "%s/run.img", world->top);
	snprintf(world->live, sizeof world->live, "%s/live.img", world->top);
	snprintf(world->log, sizeof world->log, "%s/log", world->top);
	snprintf(world->output, sizeof world->output, "%s/output", world->top);
	make_helpers(world);
	world->run_fd = open(world->run, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (world->run_fd < 0)
		err(1, "%s", world->run);
	recoverer_begin(world);
}

void world_disks(struct world *world, uint64_t size, int count)
{
	int i;

	if (world->run_size == size && world->disks.count == count)
		return;
	disks_close(&world->disks);
	if (ftruncate(world->run_fd, 0) != 0 || ftruncate(world->run_fd, (off_t)size) != 0)
		err(1, "%s", world->run);
	for (i = 0; i < count; i++)
		disks_add(&world->disks, world->run, size / (uint64_t)count * (uint64_t)i,
		          size / (uint64_t)count);
	world->run_size = size;
}

void world_end(struct world *world)
{
	recoverer_end(world);
	disks_close(&world->disks);
	close(world->run_fd);
	umount2(world->top, MNT_DETACH);
}

/* From here on the machine seems to have been started anew, for this worker. */
void world_reboot(struct world *world)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof path, "%s/boot_id", world->top);
	file = fopen(path, "we");
	if (!file || fputs(NEXT_BOOT, file) < 0 || fclose(file) != 0)
		err(1, "%s", path);
	if (mount(path, BOOT_ID, NULL, MS_BIND, NULL) != 0)
		err(1, "%s", BOOT_ID);
}

void world_boot_back(void)
{
	umount2(BOOT_ID, 0);
}
