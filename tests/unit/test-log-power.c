/* SPDX-License-Identifier: ISC */
/*
 * The power goes. What was written since the last flush may be on the device in
 * part: each sector is old or new, in any combination. At every call of a life,
 * many such devices are made up beside the log, and each is opened.
 */
#include "config.h"

#include "log-support.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCHES 20
#define SECTOR 512
#define FILES_MAX 16
#define SEGMENT ((size_t)4 * LC_LOG_BLOCK)
/* A batch of the model may need a larger segment. */
#define FILE_MAX (4 * SEGMENT)
#define DEVICES 6

/* The log's files by number, the superblocks under 0 */
struct device {
	unsigned char bytes[FILES_MAX][FILE_MAX];
	size_t sizes[FILES_MAX];
	int there[FILES_MAX];
};

static struct {
	struct device durable, now, mixed;
	/* the flush that was seen last: what was there then is durable */
	char flush[16];
	unsigned first, tried, acknowledged;
	unsigned devices, torn, whole;
	unsigned seed;
	int dirfd;
	struct lc_log_options options;
} world;

static const char *file_name(unsigned number)
{
	return number ? segment_file(number) : "super";
}

static void read_files(const char *directory, struct device *device)
{
	unsigned i;
	ssize_t length;
	char path[64];
	int fd;

	for (i = 0; i < FILES_MAX; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, file_name(i));
		fd = open(path, O_RDONLY);
		device->there[i] = fd >= 0;
		memset(device->bytes[i], 0, FILE_MAX);
		length = fd >= 0 ? read(fd, device->bytes[i], FILE_MAX) : 0;
		assert_in_range(length, 0, FILE_MAX - 1);
		device->sizes[i] = (size_t)length;
		if (fd >= 0)
			close(fd);
	}
}

static unsigned dice(unsigned sides)
{
	world.seed = world.seed * 1103515245u + 12345u;
	return (world.seed >> 16) % sides;
}

/* All old in the first round, all new in the second, and after them the dice. */
static int take_new(unsigned round)
{
	return round < 2 ? (int)round : (int)dice(2);
}

/* Each sector from now or from what is durable, and each name, too. */
static void mix(unsigned round)
{
	size_t at;
	unsigned i;

	world.mixed = world.now;
	for (i = 0; i < FILES_MAX; i++) {
		if (!take_new(round))
			world.mixed.there[i] = world.durable.there[i];
		if (world.durable.sizes[i] > world.mixed.sizes[i])
			world.mixed.sizes[i] = world.durable.sizes[i];
		for (at = 0; at < FILE_MAX; at += SECTOR)
			if (!take_new(round))
				memcpy(world.mixed.bytes[i] + at, world.durable.bytes[i] + at,
				       SECTOR);
	}
}

static void make_durable(unsigned i)
{
	memcpy(world.durable.bytes[i], world.now.bytes[i], FILE_MAX);
	world.durable.sizes[i] = world.now.sizes[i];
}

/*
 * A log flushes the segment that it writes, which is the last one, or the
 * superblocks; never those before. And it flushes the directory.
 */
static void settle_flush(void)
{
	unsigned i, last = 0;

	if (strcmp(world.flush, "fsync") == 0)
		memcpy(world.durable.there, world.now.there, sizeof world.now.there);
	if (strcmp(world.flush, "fdatasync") == 0) {
		for (i = 1; i < FILES_MAX; i++)
			if (world.now.there[i])
				last = i;
		make_durable(0);
		make_durable(last);
	}
}

static void write_device(const struct device *device)
{
	char path[64];
	unsigned i;
	int fd;

	for (i = 0; i < FILES_MAX; i++) {
		snprintf(path, sizeof path, "device/%s", file_name(i));
		unlink(path);
		if (!device->there[i])
			continue;
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, device->bytes[i], device->sizes[i]), device->sizes[i]);
		close(fd);
	}
	/* what an earlier device's recovery has made */
	for (; i < 2 * FILES_MAX; i++) {
		snprintf(path, sizeof path, "device/%s", file_name(i));
		unlink(path);
	}
}

static void open_device(const char *call)
{
	struct lc_log_report report;
	struct lc_log *log;
	struct seen seen;
	int rc = lc_log_open(world.dirfd, &world.options, &log, &report);

	if (rc)
		fail_msg("before %s, batch %u: %d, damaged at %llu", call, world.tried, rc,
		         (unsigned long long)report.damaged);
	assert_int_equal(look(log, &seen), 0);
	if (seen.last < world.acknowledged || seen.last > world.tried || seen.first > world.first)
		fail_msg("before %s: %u to %u of %u to %u acknowledged", call, seen.first,
		         seen.last, world.first, world.acknowledged);
	world.devices++;
	world.torn += report.dropped > 0;
	world.whole += seen.last == world.tried && world.tried > world.acknowledged;
	/* It goes on, and nothing that was dropped comes back. */
	assert_int_equal(commit_batches(log, seen.last + 1, seen.last + 1), 0);
	lc_log_close(log);
	rc = look_again(world.dirfd, &world.options, &seen, NULL);
	if (rc)
		fail_msg("before %s, batch %u: %d when opened twice", call, world.tried, rc);
}

static void see(void *context, const char *call)
{
	unsigned round;

	(void)context;
	lc_fault_watch(NULL, NULL);
	read_files("log", &world.now);
	settle_flush();
	snprintf(world.flush, sizeof world.flush, "%s", call);
	for (round = 0; round < DEVICES; round++) {
		if (walk_skips())
			continue;
		mix(round);
		if (round > 0 && memcmp(&world.now, &world.durable, sizeof world.now) == 0)
			break;
		write_device(&world.mixed);
		open_device(call);
	}
	lc_fault_watch(see, NULL);
}

static void one_batch(struct lc_log *log, unsigned n, int force)
{
	static uint64_t begins[BATCHES + 1];

	begins[n] = lc_log_end(log);
	world.tried = n;
	assert_int_equal(append_batch(log, n), 0);
	if (!force)
		return;
	assert_int_equal(lc_log_force(log, lc_log_end(log)), 0);
	world.acknowledged = n;
	if (n % 3 == 0 && n > 4) {
		world.first = n - 3;
		assert_int_equal(lc_log_trim(log, begins[n - 3]), 0);
	}
}

static void power_goes_at_every_call(uint32_t block, unsigned group)
{
	struct lc_log *log;
	unsigned n;
	int dirfd;

	memset(&world, 0, sizeof world);
	world.first = 1;
	world.seed = block + group;
	world.options = small_log();
	world.options.block = block;
	assert_return_code(mkdir("log", 0700), errno);
	assert_return_code(mkdir("device", 0700), errno);
	dirfd = open_file("log", O_RDONLY | O_DIRECTORY);
	world.dirfd = open_file("device", O_RDONLY | O_DIRECTORY);
	assert_int_equal(lc_log_create(dirfd, &world.options), 0);
	assert_int_equal(lc_log_open(dirfd, &world.options, &log, NULL), 0);
	read_files("log", &world.durable);
	lc_fault_watch(see, NULL);
	for (n = 1; n <= BATCHES; n++)
		one_batch(log, n, n % group == 0);
	lc_fault_watch(NULL, NULL);
	lc_log_close(log);
	close(dirfd);
	close(world.dirfd);
	print_message("%u devices opened, %u with a torn tail, %u with what nobody was told of\n",
	              world.devices, world.torn, world.whole);
	assert_true(world.devices > 0);
	if (walk_every() == 1)
		assert_true(world.devices > 200 && world.torn > 20 && world.whole > 5);
}

static void blocks_of_4096(void **state)
{
	(void)state;
	power_goes_at_every_call(4096, 1);
}

static void blocks_of_512_and_batches_in_groups(void **state)
{
	(void)state;
	power_goes_at_every_call(512, 3);
}

/* Old sectors under new ones are whole here: power-safe overwrite, as 8 says. */
static void no_blocks(void **state)
{
	(void)state;
	power_goes_at_every_call(8, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(blocks_of_4096),
	        ON_TMPFS(blocks_of_512_and_batches_in_groups),
	        ON_TMPFS(no_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
