/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const unsigned char zeros[BLOCK];

void image_new(struct image *image, uint64_t size)
{
	image->size = size;
	image->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	image->used = calloc(size / BLOCK, 1);
	if (image->bytes == MAP_FAILED || !image->used)
		err(1, "image of %llu bytes", (unsigned long long)size);
}

void image_load(struct image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t data = 0;
	uint64_t block;

	if (fd < 0 || fstat(fd, &st) != 0)
		err(1, "%s", path);
	image_new(image, (uint64_t)st.st_size);
	while ((data = lseek(fd, data, SEEK_DATA)) >= 0) {
		off_t hole = lseek(fd, data, SEEK_HOLE);

		if (pread(fd, image->bytes + data, (size_t)(hole - data), data) != hole - data)
			err(1, "%s", path);
		data = hole;
	}
	close(fd);
	for (block = 0; block < image->size / BLOCK; block++)
		image->used[block] = memcmp(image->bytes + block * BLOCK, zeros, BLOCK) != 0;
}

void image_release(struct image *image)
{
	if (image->bytes)
		munmap(image->bytes, image->size);
	free(image->used);
	memset(image, 0, sizeof *image);
}

static void check_range(const struct image *image, uint64_t offset, uint64_t length)
{
	if (offset > image->size || length > image->size - offset)
		errx(1, "a request lies beyond the end of the disk");
}

void image_write(struct image *image, uint64_t offset, const void *data, size_t length)
{
	uint64_t block;

	check_range(image, offset, length);
	memcpy(image->bytes + offset, data, length);
	for (block = offset / BLOCK; length && block <= (offset + length - 1) / BLOCK; block++)
		image->used[block] = 1;
}

void image_zero(struct image *image, uint64_t offset, uint64_t length)
{
	uint64_t block;

	check_range(image, offset, length);
	/* Whole blocks that hold nothing stay untouched: they cost no memory. */
	for (block = offset / BLOCK; length && block <= (offset + length - 1) / BLOCK; block++) {
		uint64_t from = block * BLOCK < offset ? offset : block * BLOCK;
		uint64_t to = (block + 1) * BLOCK;

		if (to > offset + length)
			to = offset + length;
		if (image->used[block])
			memset(image->bytes + from, 0, to - from);
	}
}

void image_store(const struct image *image, int fd)
{
	uint64_t blocks = image->size / BLOCK;
	uint64_t from, to;

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)image->size) != 0)
		err(1, "punch");
	for (from = 0; from < blocks; from = to + 1) {
		while (from < blocks && !image->used[from])
			from++;
		for (to = from; to < blocks && image->used[to];)
			to++;
		if (to > from && pwrite(fd, image->bytes + from * BLOCK, (to - from) * BLOCK,
		                        (off_t)(from * BLOCK)) != (ssize_t)((to - from) * BLOCK))
			err(1, "image");
	}
}

static int try_loop(struct device *device, int number, int file, uint64_t offset, uint64_t size)
{
	struct loop_config config = {.fd = (uint32_t)file, .block_size = SECTOR};

	snprintf(device->path, sizeof device->path, "/dev/loop%d", number);
	device->fd = open(device->path, O_RDWR | O_CLOEXEC);
	if (device->fd < 0)
		return -1;
	config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
	config.info.lo_offset = offset;
	config.info.lo_sizelimit = size;
	if (ioctl(device->fd, LOOP_CONFIGURE, &config) == 0)
		return 0;
	close(device->fd);
	return -1;
}

static void open_device(struct device *device, const char *file, uint64_t offset, uint64_t size)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	int tries;

	if (control < 0 || fd < 0)
		err(1, "%s", control < 0 ? "/dev/loop-control" : file);
	/* Others may take the free one first. */
	for (tries = 0; tries < 1000; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number >= 0 && try_loop(device, number, fd, offset, size) == 0)
			break;
		usleep(1000);
	}
	if (tries == 1000)
		err(1, "no loop device for %s", file);
	close(fd);
	close(control);
}

void disks_add(struct disks *disks, const char *file, uint64_t offset, uint64_t size)
{
	open_device(&disks->list[disks->count], file, offset, size);
	disks->count++;
}

void disks_close(struct disks *disks)
{
	while (disks->count > 0)
		close(disks->list[--disks->count].fd);
}

void disks_refresh(struct disks *disks)
{
	int i;

	for (i = 0; i < disks->count; i++)
		if (ioctl(disks->list[i].fd, BLKFLSBUF, 0) != 0)
			err(1, "%s: BLKFLSBUF", disks->list[i].path);
}

static const char *mount_point(int i, const char *point, const char *root)
{
	static char path[PATH_SIZE];

	if (i == 0)
		return point;
	snprintf(path, sizeof path, "%s/%c", root, 'a' + i);
	return path;
}

static void unmount_first(int count, const char *point, const char *root)
{
	while (count > 0)
		unmount(mount_point(--count, point, root));
}

int disks_mount(const struct disks *disks, const struct fs *fs, const char *point, const char *root)
{
	int i, rc;

	for (i = 0; i < disks->count; i++) {
		const char *where = mount_point(i, point, root);

		/* The directories of the others are made on the first, once. */
		if (i > 0 && mkdir(root, 0755) != 0 && errno != EEXIST)
			err(1, "%s", root);
		if (i > 0 && mkdir(where, 0755) != 0 && errno != EEXIST)
			err(1, "%s", where);
		if (mount(disks->list[i].path, where, fs->type, MS_NOATIME, fs->options) == 0)
			continue;
		rc = errno;
		unmount_first(i, point, root);
		return rc;
	}
	return 0;
}

void disks_unmount(const struct disks *disks, const char *point, const char *root)
{
	unmount_first(disks->count, point, root);
}

void unmount(const char *point)
{
	int tries;

	/* A process that was killed may still be closing what it had open. */
	for (tries = 0; umount2(point, 0) != 0; tries++) {
		if (errno != EBUSY || tries == 2000)
			err(1, "umount %s", point);
		usleep(1000);
	}
}
