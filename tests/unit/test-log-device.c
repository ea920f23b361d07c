/* SPDX-License-Identifier: ISC */
/*
 * Devices that are full, and devices that have not got what the cache shows.
 */
#include "config.h"

#include "log-support.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

/* Exit status of a child that lacks a right or a tool */
#define LACKS 77

static void outcome(int status)
{
	if (status == LACKS) {
		print_message("needs root, mount namespaces, mkfs.ext4 and loop devices\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* A namespace of its own: whatever is mounted goes with the process. */
static int private_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mkdir("mnt", 0700) == 0;
}

static int on_a_small_disk(void *context)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	unsigned n = 0;
	int rc = 0, dirfd;

	(void)context;
	if (!private_mounts() || mount("tmpfs", "mnt", "tmpfs", 0, "size=100k") != 0)
		return LACKS;
	dirfd = open("mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(lc_log_create(dirfd, &options) == 0);
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	/* The full disk is met when space is reserved, and only there. */
	while ((rc = lc_log_reserve(log, 7000)) == 0) {
		CHECK(commit_batches(log, n + 1, n + 1) == 0);
		n++;
	}
	CHECK(rc == -ENOSPC);
	CHECK(n > 5);
	/* What fits into the segment still goes. */
	if (append_batch(log, n + 1) == 0)
		n++;
	CHECK(lc_log_force(log, lc_log_end(log)) == 0);
	CHECK(lc_log_reserve(log, 7000) == -ENOSPC);
	lc_log_close(log);
	CHECK(look_again(dirfd, &options, &seen, NULL) == 0);
	CHECK(seen.last == n);
	/* What is not needed any more makes room. */
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	CHECK(lc_log_trim(log, lc_log_end(log)) == 0);
	CHECK(lc_log_trim(log, lc_log_end(log)) == 0);
	CHECK(lc_log_reserve(log, 7000) == 0);
	CHECK(commit_batches(log, n + 1, n + 9) == 0);
	lc_log_close(log);
	CHECK(look_again(dirfd, &options, &seen, NULL) == 0);
	CHECK(seen.last == n + 9);
	close(dirfd);
	return 0;
}

static void a_full_disk(void **state)
{
	(void)state;
	outcome(in_child(on_a_small_disk, NULL));
}

/* Where the file's byte at offset stands on its device. */
static int64_t place_of(int fd, uint64_t offset)
{
	union {
		struct fiemap map;
		unsigned char room[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} u = {.map = {.fm_start = offset,
	               .fm_length = 1,
	               .fm_flags = FIEMAP_FLAG_SYNC,
	               .fm_extent_count = 1}};
	const struct fiemap_extent *extent = u.map.fm_extents;

	if (ioctl(fd, FS_IOC_FIEMAP, &u.map) != 0 || u.map.fm_mapped_extents != 1)
		return -1;
	return (int64_t)(extent->fe_physical + (offset - extent->fe_logical));
}

/* As if the blocks had never been written: the device has zeros, the cache does not know. */
static int lose_blocks(struct lc_log *log, uint64_t position, size_t length)
{
	unsigned char zeros[16 * LC_LOG_BLOCK] = {0};
	uint64_t offset = LC_LOG_BLOCK + position - log->current.first;
	int64_t place = place_of(log->current.fd, offset);
	int image = open("image", O_WRONLY | O_CLOEXEC);
	int rc = image < 0 || place < 0 || length > sizeof zeros ||
	         pwrite(image, zeros, length, place) != (ssize_t)length || fsync(image) != 0;

	if (image >= 0)
		close(image);
	return rc;
}

static int mount_image(void)
{
	static const char script[] = "truncate -s 16M image && mkfs.ext4 -q -F image && "
	                             "mount -o loop image mnt";
	char line[sizeof script + 40];

	snprintf(line, sizeof line, "exec 2> /dev/null; %s", script);
	/* mount(8) finds a loop device that lets go of itself. NOLINTNEXTLINE(cert-env33-c) */
	return private_mounts() && system(line) == 0;
}

/*
 * The flush of a commit fails, and the device has not got it; but the pages are
 * clean and show it, as they do after a write-back error. Who opens the log in
 * the same boot must decide what the next boot will decide.
 */
static int commit_not_on_the_device(void *block)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	uint64_t position;
	int dirfd;

	options.block = *(uint32_t *)block;
	if (!mount_image())
		return LACKS;
	dirfd = open("mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(lc_log_create(dirfd, &options) == 0);
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	CHECK(commit_batches(log, 4, 6) == 0);
	position = lc_log_align(lc_log_end(log), options.block);
	CHECK(append_batch(log, 7) == 0);
	lc_fault_arm("1:EIO:once:fdatasync");
	CHECK(lc_log_force(log, lc_log_end(log)) == -EIO);
	CHECK(lc_fault_fired() == 1);
	CHECK(append_batch(log, 8) == -EIO);
	CHECK(lc_log_force(log, lc_log_end(log)) == -EIO);
	/* The kernel has tried, the device has refused, the pages are clean. */
	CHECK(fsync(log->current.fd) == 0);
	CHECK(lose_blocks(log, position, lc_log_end(log) - position) == 0);
	lc_log_close(log);
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	CHECK(look(log, &seen) == 0);
	CHECK(seen.last == 6 && seen.torn == 0);
	/* Nothing more goes into the segment whose cache tells lies. */
	CHECK(log->current.epoch == 2);
	CHECK(commit_batches(log, 7, 8) == 0);
	lc_log_close(log);
	CHECK(look_again(dirfd, &options, &seen, NULL) == 0);
	CHECK(seen.first == 4 && seen.last == 8);
	/* The next boot, whose cache is empty, sees the same. */
	close(dirfd);
	/* NOLINTNEXTLINE(cert-env33-c) */
	CHECK(umount("mnt") == 0 && system("mount -o loop image mnt") == 0);
	dirfd = open("mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(look_again(dirfd, &options, &seen, NULL) == 0);
	CHECK(seen.first == 4 && seen.last == 8);
	close(dirfd);
	return 0;
}

static void a_commit_that_only_the_cache_has(void **state)
{
	uint32_t block = LC_LOG_BLOCK;

	(void)state;
	outcome(in_child(commit_not_on_the_device, &block));
}

static void the_same_in_a_shared_block(void **state)
{
	uint32_t block = 512;

	(void)state;
	outcome(in_child(commit_not_on_the_device, &block));
}

/* The flush failed, but what it should have written is there: the commit counts. */
static void a_commit_that_the_device_has_after_all(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 4, 6), 0);
	assert_int_equal(append_batch(log, 7), 0);
	fault("1:EIO:once:fdatasync");
	assert_int_equal(lc_log_force(log, lc_log_end(log)), -EIO);
	expect_fired();
	/* A second flush would say that all is well. */
	assert_int_equal(lc_log_force(log, lc_log_end(log)), -EIO);
	assert_int_equal(append_batch(log, 8), -EIO);
	assert_int_equal(lc_log_reserve(log, 100), -EIO);
	lc_log_close(log);
	/* Nor is it believed before it is flushed. */
	fault("1:EIO:once:fdatasync");
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), -EIO);
	expect_fired();
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	assert_int_equal(seen.last, 7);
	close(dirfd);
}

/* What fails half-way may be there or not: nothing may follow it. */
static void a_failure_half_way_is_final(void **state)
{
	static const char *const faults[] = {
	        "1:short:once:pwrite,2:ENOSPC:once:pwrite", /* a batch */
	        "1:EIO:once:fdatasync",                     /* a segment's header */
	        "3:EIO:once:pwrite", /* the same, behind 17 blocks of zeros */
	};
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	size_t i;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 2), 0);
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		assert_true((i == 0 ? append_batch(log, 3)
		                    : lc_log_reserve(log, (9 + 4 * i) * LC_LOG_BLOCK)) < 0);
		expect_fired();
		assert_int_equal(lc_log_force(log, 0), -EIO);
		assert_int_equal(append_batch(log, 3), -EIO);
		lc_log_close(log);
		assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
		assert_int_equal(look(log, &seen), 0);
		assert_int_equal(seen.last, 2);
	}
	/* What fails before anything stands there is not. */
	fault("1:ENOSPC:once:create");
	assert_int_equal(lc_log_reserve(log, 40 * LC_LOG_BLOCK), -ENOSPC);
	expect_fired();
	assert_int_equal(commit_batches(log, 3, 9), 0);
	lc_log_close(log);
	close(dirfd);
}

/* A superblock that only the cache has: what it says is not needed is still there. */
static int superblock_not_on_the_device(void *context)
{
	struct lc_log_options options = small_log();
	unsigned char old[2 * LC_LOG_BLOCK];
	struct lc_log *log;
	struct seen seen;
	int64_t place;
	int dirfd, fd, image;

	(void)context;
	if (!mount_image())
		return LACKS;
	dirfd = open("mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(lc_log_create(dirfd, &options) == 0);
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	CHECK(commit_batches(log, 1, 40) == 0);
	fd = openat(dirfd, "super", O_RDONLY | O_CLOEXEC);
	place = place_of(fd, 0);
	image = open("image", O_RDWR | O_CLOEXEC);
	CHECK(place > 0 && image >= 0 && pread(image, old, sizeof old, place) == sizeof old);
	CHECK(lc_log_trim(log, lc_log_end(log)) == 0);
	lc_log_close(log);
	CHECK(fsync(fd) == 0 && pwrite(image, old, sizeof old, place) == sizeof old);
	close(image);
	close(fd);
	CHECK(look_again(dirfd, &options, &seen, NULL) == 0);
	CHECK(seen.first == 1 && seen.last == 40);
	CHECK(lc_log_open(dirfd, &options, &log, NULL) == 0);
	CHECK(log->super.segment == 1);
	lc_log_close(log);
	close(dirfd);
	return 0;
}

static void a_superblock_that_only_the_cache_has(void **state)
{
	(void)state;
	outcome(in_child(superblock_not_on_the_device, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_full_disk),
	        EVERY(a_commit_that_only_the_cache_has),
	        EVERY(the_same_in_a_shared_block),
	        EVERY(a_commit_that_the_device_has_after_all),
	        EVERY(a_failure_half_way_is_final),
	        EVERY(a_superblock_that_only_the_cache_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
