/* SPDX-License-Identifier: ISC */
/*
 * recorder IMAGE DISKS LOG READY MOUNTPOINT - disks that remember what they were told
 *
 * Serves by FUSE `disk0` to `disk2`, of which each is an equal part of IMAGE; `mark`,
 * into which a workload writes what it has seen done; `control`. Every write,
 * discard and flush of a disk and every mark is appended to LOG before it is
 * answered, so that there is one order of them all. No page cache lies between: it
 * is what the block layer sent.
 *
 * A line written to control makes trouble from then on:
 *
 *     fail N    the Nth write (from 1) fails with EIO, once
 *     lose N    the Nth flush fails with EIO, once
 *     die N     from the Nth write or flush on every request fails with EIO
 *     off       no more trouble
 *
 * One byte is written to the descriptor READY when the files can be opened. It ends
 * with the process that started it, and the disk with it: what is mounted from the
 * disk would else keep both for ever.
 */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#define FUSE_USE_VERSION 31
#include "recording.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum file { MARK = 1, CONTROL, DISK };
enum { DISKS_MAX = 3 };

static struct {
	int image;
	int log;
	int ready;
	int disks;
	off_t size; /* of each */
	long fail_write;
	long fail_flush;
	long die;
	int dead;
} recorder;

static enum file file_of(const char *path)
{
	int number = path[0] && path[1] ? path[5] - '0' : 0;

	if (strncmp(path, "/disk", 5) == 0 && strlen(path) == 6 && number >= 0 &&
	    number < recorder.disks)
		return DISK + (unsigned)number;
	if (strcmp(path, "/mark") == 0)
		return MARK;
	return strcmp(path, "/control") == 0 ? CONTROL : 0;
}

/* A log with a gap would call images possible that are none: better no recorder. */
static void record(enum request_type type, off_t offset, size_t length, const void *data)
{
	struct request_head head = {RECORDING_MAGIC, type, (uint64_t)offset, length};
	struct iovec parts[2] = {{&head, sizeof head},
	                         {(void *)(uintptr_t)data, data ? length : 0}};
	ssize_t wanted = (ssize_t)(parts[0].iov_len + parts[1].iov_len);

	if (writev(recorder.log, parts, 2) != wanted)
		err(1, "log");
}

static int is_dead(void)
{
	if (recorder.die > 0 && --recorder.die == 0)
		recorder.dead = 1;
	return recorder.dead;
}

static int counts_down(long *counter)
{
	return *counter > 0 && --*counter == 0;
}

/* Where the disk begins in the image */
static off_t start_of(const struct fuse_file_info *info)
{
	return (off_t)(info->fh - DISK) * recorder.size;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *info)
{
	(void)info;
	memset(st, 0, sizeof *st);
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
		return 0;
	}
	if (!file_of(path))
		return -ENOENT;
	st->st_mode = S_IFREG | 0600;
	st->st_size = file_of(path) >= DISK ? recorder.size : 0;
	st->st_blksize = 4096;
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *info)
{
	info->fh = file_of(path);
	info->direct_io = 1;
	return info->fh ? 0 : -ENOENT;
}

static int set_size(const char *path, off_t size, struct fuse_file_info *info)
{
	(void)size, (void)info;
	return file_of(path) >= DISK ? -EPERM : 0;
}

static int read_disk(const char *path, char *buffer, size_t size, off_t offset,
                     struct fuse_file_info *info)
{
	ssize_t done;

	(void)path;
	if (info->fh < DISK)
		return 0;
	if (recorder.dead)
		return -EIO;
	done = pread(recorder.image, buffer, size, start_of(info) + offset);
	return done < 0 ? -errno : (int)done;
}

static int take_order(const char *text, size_t size)
{
	char line[64];
	long number = 0;
	char word[16] = "";

	snprintf(line, sizeof line, "%.*s", (int)size, text);
	sscanf(line, "%15s %ld", word, &number);
	recorder.fail_write = recorder.fail_flush = recorder.die = recorder.dead = 0;
	if (strcmp(word, "fail") == 0)
		recorder.fail_write = number;
	else if (strcmp(word, "lose") == 0)
		recorder.fail_flush = number;
	else if (strcmp(word, "die") == 0)
		recorder.die = number;
	else if (strcmp(word, "off") != 0)
		return -EINVAL;
	return (int)size;
}

static int write_disk(const char *buffer, size_t size, off_t offset)
{
	int failed = counts_down(&recorder.fail_write);

	if (is_dead() || failed) {
		record(REQUEST_FAILED, offset, size, NULL);
		return -EIO;
	}
	record(REQUEST_WRITE, offset, size, buffer);
	if (pwrite(recorder.image, buffer, size, offset) != (ssize_t)size)
		err(1, "image");
	return (int)size;
}

static int write_file(const char *path, const char *buffer, size_t size, off_t offset,
                      struct fuse_file_info *info)
{
	(void)path;
	if (info->fh == CONTROL)
		return take_order(buffer, size);
	if (info->fh >= DISK)
		return write_disk(buffer, size, start_of(info) + offset);
	record(REQUEST_MARK, 0, size, buffer);
	return (int)size;
}

static int flush_disk(const char *path, int datasync, struct fuse_file_info *info)
{
	int failed;

	(void)path, (void)datasync;
	if (info->fh < DISK)
		return 0;
	failed = counts_down(&recorder.fail_flush);
	if (is_dead() || failed) {
		record(REQUEST_FAILED, 0, 0, NULL);
		return -EIO;
	}
	record(REQUEST_FLUSH, start_of(info), (size_t)recorder.size, NULL);
	return 0;
}

static int zero_disk(const char *path, int mode, off_t offset, off_t length,
                     struct fuse_file_info *info)
{
	(void)path;
	if (info->fh < DISK || !(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
		return -EOPNOTSUPP;
	if (is_dead())
		return -EIO;
	offset += start_of(info);
	record(REQUEST_ZERO, offset, (size_t)length, NULL);
	if (fallocate(recorder.image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length))
		return -errno;
	return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
	static const char *const names[] = {".",     "..",    "mark", "control",
	                                    "disk0", "disk1", "disk2"};
	size_t i;

	(void)path, (void)offset, (void)info, (void)flags;
	for (i = 0; i < 4 + (size_t)recorder.disks; i++)
		fill(buffer, names[i], NULL, 0, 0);
	return 0;
}

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config)
{
	config->direct_io = 1;
	config->nullpath_ok = 0;
	connection->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	if (write(recorder.ready, "r", 1) != 1)
		err(1, "ready");
	close(recorder.ready);
	return NULL;
}

static const struct fuse_operations operations = {
        .getattr = get_attributes,
        .truncate = set_size,
        .open = open_file,
        .read = read_disk,
        .write = write_file,
        .fsync = flush_disk,
        .fallocate = zero_disk,
        .readdir = list,
        .init = begin,
};

int main(int argc, char **argv)
{
	char foreground[] = "-f", alone[] = "-s", name[] = "-ofsname=crash-recorder";
	char *arguments[] = {argv[0], foreground, alone, name, argv[argc - 1], NULL};
	struct stat st;

	if (argc != 6 || (recorder.disks = atoi(argv[2])) < 1 || recorder.disks > DISKS_MAX)
		errx(2, "usage: recorder IMAGE DISKS LOG READY MOUNTPOINT");
	recorder.image = open(argv[1], O_RDWR | O_CLOEXEC);
	if (recorder.image < 0 || fstat(recorder.image, &st) != 0)
		err(1, "%s", argv[1]);
	recorder.size = st.st_size / recorder.disks;
	recorder.log = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (recorder.log < 0)
		err(1, "%s", argv[2]);
	recorder.ready = atoi(argv[4]);
	/*
	 * SIGTERM, so that the connection is closed before we exit: we may be the last in
	 * the worker's mount namespace, and unmounting what is on the disk would wait for us.
	 * Was it gone before this call, writing to READY is what ends us.
	 */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return fuse_main(5, arguments, &operations, NULL);
}
