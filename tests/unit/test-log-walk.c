/* SPDX-License-Identifier: ISC */
/*
 * Every call that the log makes fails once, or is the last one of its process.
 * Whatever happened, opening it again shows a prefix of the batches that has
 * all that was acknowledged, and the log goes on from there.
 */
#include "config.h"

#include "log-support.h"

#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BATCHES 24
/* More calls than any life makes */
#define CALLS_MAX 2000

/* What the child tells its parent, also when it is killed */
struct progress {
	unsigned tried;
	unsigned acknowledged;
	/* batches that the log was told are not needed any more */
	unsigned trimmed;
	int fired;
};

static struct progress *progress;
static char faults[64];

static int begin_shared(void **state)
{
	(void)state;
	progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	return progress == MAP_FAILED ? -1 : 0;
}

static int commit_one(struct lc_log *log, unsigned n, uint64_t begins[BATCHES + 1])
{
	int rc = lc_log_reserve(log, 600);

	begins[n] = lc_log_end(log);
	progress->tried = n;
	if (!rc)
		rc = append_batch(log, n);
	if (!rc)
		rc = lc_log_force(log, lc_log_end(log));
	if (!rc)
		progress->acknowledged = n;
	if (!rc && n % 3 == 0)
		rc = lc_log_prepare(log);
	if (!rc && n % 4 == 0 && n > 8) {
		progress->trimmed = n - 8;
		rc = lc_log_trim(log, begins[n - 7]);
	}
	return rc;
}

/* One life of a log: made if it is not there, opened, and written as long as it goes. */
static int live(void *context)
{
	struct lc_log_options options = small_log();
	uint64_t begins[BATCHES + 1] = {0};
	struct lc_log *log = NULL;
	struct seen seen;
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned n;
	int rc;

	(void)context;
	lc_fault_arm(faults);
	rc = lc_log_open(dirfd, &options, &log, NULL);
	if (rc == -ENOENT) {
		rc = lc_log_create(dirfd, &options);
		if (!rc)
			rc = lc_log_open(dirfd, &options, &log, NULL);
	}
	if (!rc)
		rc = look(log, &seen);
	CHECK(rc != -1);
	n = rc ? BATCHES : seen.last;
	while (!rc && n < BATCHES)
		rc = commit_one(log, ++n, begins);
	lc_log_close(log);
	CHECK(lc_fault_open() == 0);
	progress->fired = lc_fault_fired() > 0;
#ifdef __SANITIZE_ADDRESS__
	/* Looking for leaks takes longer than all the rest. */
	_exit(0);
#endif
	return 0;
}

/* What has been written so far must be there. */
static void expect_a_prefix(int *dirfd)
{
	struct lc_log_options options = small_log();
	struct seen seen;
	int rc;

	*dirfd = open_file(".", O_RDONLY | O_DIRECTORY);
	rc = look_again(*dirfd, &options, &seen, NULL);
	if (rc == -ENOENT && progress->acknowledged == 0 && progress->tried == 0)
		return;
	if (rc)
		fail_msg("%s: opened again: %d", faults, rc);
	if (seen.last < progress->acknowledged || seen.last > progress->tried)
		fail_msg("%s: batches up to %u; acknowledged %u, tried %u", faults, seen.last,
		         progress->acknowledged, progress->tried);
	if (seen.first > progress->trimmed + 1)
		fail_msg("%s: batches from %u on, trimmed %u", faults, seen.first,
		         progress->trimmed);
}

/* It goes on, to the end and without a fault. */
static void expect_life(int dirfd)
{
	struct lc_log_options options = small_log();
	struct seen seen;

	faults[0] = '\0';
	assert_int_equal(in_child(live, NULL), 0);
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	assert_int_equal(seen.last, BATCHES);
	assert_int_equal(seen.torn, 0);
	assert_true(segment_files() < 12);
	close(dirfd);
}

static void empty_directory(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			assert_return_code(unlink(entry->d_name), errno);
	closedir(dir);
	memset(progress, 0, sizeof *progress);
}

/* Returns 0 when the fault has not fired. */
static int one_life(unsigned at, const char *what)
{
	int rc, dirfd;

	snprintf(faults, sizeof faults, "%u:%s", at, what);
	rc = in_child(live, NULL);
	if (rc != 0 && rc != 128 + SIGKILL)
		fail_msg("%s: status %d", faults, rc);
	if (rc == 0 && !progress->fired)
		return 0;
	expect_a_prefix(&dirfd);
	expect_life(dirfd);
	return 1;
}

static void walk(const char *what)
{
	unsigned at;

	for (at = 1; at < CALLS_MAX; at++) {
		if (walk_skips())
			continue;
		empty_directory();
		if (!one_life(at, what))
			break;
	}
	print_message("%s: %u calls\n", what, at - 1);
	assert_in_range(at, 150, CALLS_MAX - 1);
}

static void killed_at_every_call(void **state)
{
	(void)state;
	walk("kill");
}

static void every_call_fails_once(void **state)
{
	(void)state;
	walk("EIO");
}

static void the_disk_is_full_from_every_call_on(void **state)
{
	(void)state;
	walk("ENOSPC:forever");
}

static void every_transfer_is_short(void **state)
{
	unsigned at;

	(void)state;
	for (at = 1; at < CALLS_MAX; at++) {
		if (walk_skips())
			continue;
		empty_directory();
		if (!one_life(at, "short"))
			break;
		/* what is short is finished, not failed */
		assert_int_equal(progress->acknowledged, BATCHES);
	}
	assert_in_range(at, 50, CALLS_MAX - 1);
}

/* A log that has everything to be repaired: opening it is walked through. */
static void make_ruin(void)
{
	struct lc_log_options options = small_log();
	uint64_t begins[BATCHES + 1] = {0};
	struct lc_log *log;
	unsigned char block[LC_LOG_BLOCK] = {0};
	unsigned n;
	int fd, dirfd;

	empty_directory();
	dirfd = new_log(&options, &log);
	for (n = 1; n <= 20; n++)
		assert_int_equal(commit_one(log, n, begins), 0);
	assert_int_equal(append_batch(log, 21), 0);
	progress->tried = 21;
	/* a torn tail */
	fd = open_file(segment_file((unsigned)log->current.number), O_RDWR);
	assert_int_equal(pwrite(fd, "torn", 4,
	                        (off_t)(LC_LOG_BLOCK + lc_log_end(log) - log->current.first - 40)),
	                 4);
	close(fd);
	/* a segment that never began, and one that a trim has left */
	put(segment_file((unsigned)log->current.number + 1), "");
	put(segment_file(1), "");
	/* a superblock that is damaged */
	fd = open_file("super", O_RDWR);
	assert_int_equal(pwrite(fd, block, sizeof block,
	                        (off_t)((log->super.generation + 1) % 2 * LC_LOG_BLOCK)),
	                 sizeof block);
	close(fd);
	lc_log_close(log);
	close(dirfd);
}

static void walk_the_ruin(const char *what)
{
	struct lc_log_options options = small_log();
	struct seen seen;
	unsigned at;
	int dirfd, more = 1;

	for (at = 1; at < CALLS_MAX && more; at++) {
		if (walk_skips())
			continue;
		make_ruin();
		more = one_life(at, what);
	}
	dirfd = open_file(".", O_RDONLY | O_DIRECTORY);
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	close(dirfd);
	assert_int_equal(seen.last, BATCHES);
	assert_in_range(at, 40, CALLS_MAX - 1);
}

static void killed_at_every_call_of_recovery(void **state)
{
	(void)state;
	walk_the_ruin("kill");
}

static void every_call_of_recovery_fails(void **state)
{
	(void)state;
	walk_the_ruin("EIO");
}

/* Where a disk is nearly full a segment of many megabytes would be too much. */
static void recovery_needs_little_room(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	int dirfd;

	(void)state;
	make_ruin();
	options.segment_size = 4 * 1024 * 1024;
	dirfd = open_file(".", O_RDONLY | O_DIRECTORY);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	assert_true(log->current.number > 1);
	assert_in_range(log->current.size, LC_LOG_BLOCK, (uint64_t)256 * 1024);
	/* and goes on with the size that was asked for */
	assert_int_equal(lc_log_reserve(log, (uint64_t)300 * 1024), 0);
	assert_int_equal(log->current.size, options.segment_size);
	lc_log_close(log);
	close(dirfd);
}

/* Killed, then killed while recovering from that. */
static void killed_twice(void **state)
{
	unsigned first, second;
	int dirfd, dirs = 0;

	(void)state;
	for (first = 5; first < 260; first += 17) {
		for (second = 3; second < 40; second += 4) {
			if (walk_skips())
				continue;
			empty_directory();
			snprintf(faults, sizeof faults, "%u:kill", first);
			in_child(live, NULL);
			snprintf(faults, sizeof faults, "%u:kill", second);
			in_child(live, NULL);
			expect_a_prefix(&dirfd);
			expect_life(dirfd);
			dirs++;
		}
	}
	assert_true(dirs * walk_every() > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(killed_at_every_call),
	        ON_TMPFS(every_call_fails_once),
	        ON_TMPFS(the_disk_is_full_from_every_call_on),
	        ON_TMPFS(every_transfer_is_short),
	        ON_TMPFS(killed_at_every_call_of_recovery),
	        ON_TMPFS(every_call_of_recovery_fails),
	        ON_TMPFS(killed_twice),
	        ON_TMPFS(recovery_needs_little_room),
	};

	return cmocka_run_group_tests(tests, begin_shared, NULL);
}
