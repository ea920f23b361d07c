/* SPDX-License-Identifier: ISC */
/* A log whose batches wait in memory until one direct write forces them. */
#include "config.h"

#include "log-support.h"

#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCHES 150
/* More than may wait */
#define LARGE ((size_t)100 * 1024)

static unsigned direct, cached;

static void count(void *context, const char *call)
{
	(void)context;
	direct += strcmp(call, "pwrite-durable") == 0;
	cached += strcmp(call, "fdatasync") == 0;
}

static struct lc_log_options options_of(int is_direct)
{
	struct lc_log_options options = small_log();

	options.segment_size = 64 * LC_LOG_BLOCK;
	options.block = LC_LOG_BLOCK;
	options.direct = is_direct;
	return options;
}

/* An empty directory for the next log, below that of the last */
static void go_down(void)
{
	assert_int_equal(mkdir("next", 0700), 0);
	assert_int_equal(chdir("next"), 0);
}

/* Where there is no such way, all this is about the other one. */
static int is_possible(void)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	int dirfd = new_log(&options, &log);

	direct = 0;
	lc_fault_watch(count, NULL);
	assert_int_equal(commit_batches(log, 1, 3), 0);
	lc_fault_watch(NULL, NULL);
	lc_log_close(log);
	close(dirfd);
	return direct > 0;
}

static void expect_up_to(int dirfd, unsigned least, unsigned most)
{
	struct lc_log_options options = options_of(1);
	struct seen seen;

	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	assert_int_equal(seen.first, seen.last > 0);
	assert_in_range(seen.last, least, most);
}

static void what_was_forced_is_there(void **state)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	int dirfd = new_log(&options, &log);

	(void)state;
	direct = cached = 0;
	lc_fault_watch(count, NULL);
	assert_int_equal(commit_batches(log, 1, BATCHES), 0);
	lc_fault_watch(NULL, NULL);
	/* The ways take turns, and in the end one of them has been found to be faster. */
	if (direct > 0)
		assert_in_range(direct, 8, BATCHES);
	assert_true(cached >= 8);
	lc_log_close(log);
	expect_up_to(dirfd, BATCHES, BATCHES);
	close(dirfd);
}

static void what_nobody_has_forced_stays_if_the_log_is_closed(void **state)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	int dirfd = new_log(&options, &log);

	(void)state;
	/* the turn is that of a direct write */
	assert_int_equal(commit_batches(log, 1, 4), 0);
	assert_int_equal(append_batch(log, 5), 0);
	lc_log_close(log);
	expect_up_to(dirfd, 5, 5);
	close(dirfd);
}

static void many_batches_in_one_force(void **state)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	unsigned n;
	int dirfd = new_log(&options, &log);

	(void)state;
	for (n = 1; n <= BATCHES; n++) {
		assert_int_equal(append_batch(log, n), 0);
		if (n % 7 == 0)
			assert_int_equal(lc_log_force(log, lc_log_end(log)), 0);
	}
	assert_int_equal(lc_log_mark(log), 0);
	lc_log_close(log);
	expect_up_to(dirfd, BATCHES, BATCHES);
	/* A smaller block would be shared with what was acknowledged before. */
	options.block = LC_LOG_BLOCK / 2;
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), -EINVAL);
	close(dirfd);
}

static int append_large(struct lc_log *log)
{
	static unsigned char payload[LARGE];
	const struct lc_log_entry large = {LC_LOG_OPERATION, sizeof payload, 0, payload};
	uint64_t end;

	return lc_log_append(log, &large, 1, &end);
}

static int count_records(void *context, const struct lc_record *record)
{
	unsigned *counts = context;

	counts[record->length == LARGE]++;
	return 0;
}

static void a_batch_that_is_too_large_to_wait(void **state)
{
	static unsigned char small[100];
	const struct lc_log_entry entry = {LC_LOG_OPERATION, sizeof small, 0, small};
	struct lc_log_options options = options_of(1);
	unsigned counts[2] = {0, 0}, i;
	struct lc_log *log;
	uint64_t end;
	int dirfd = new_log(&options, &log);

	(void)state;
	for (i = 0; i < 20; i++) {
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		assert_int_equal(append_large(log), 0);
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		if (i % 2)
			assert_int_equal(lc_log_force(log, end), 0);
	}
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, count_records, counts), 0);
	lc_log_close(log);
	assert_int_equal(counts[0], 40);
	assert_int_equal(counts[1], 20);
	close(dirfd);
}

static void a_failed_write_is_final(void **state)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	int dirfd;

	(void)state;
	if (!is_possible())
		skip();
	go_down();
	dirfd = new_log(&options, &log);
	assert_int_equal(commit_batches(log, 1, 4), 0);
	assert_int_equal(log->way, LC_LOG_DIRECT);
	assert_int_equal(append_batch(log, 5), 0);
	fault("1:EIO:once:pwrite-durable");
	assert_int_equal(lc_log_force(log, lc_log_end(log)), -EIO);
	expect_fired();
	assert_int_equal(append_batch(log, 6), -EIO);
	assert_int_equal(lc_log_force(log, lc_log_end(log)), -EIO);
	lc_log_close(log);
	expect_up_to(dirfd, 4, 5);
	close(dirfd);
}

static void where_it_cannot_be_done(void **state)
{
	static const char *const faults[] = {
	        "1:EINVAL:pwrite-durable", "1:EOPNOTSUPP:pwrite-durable", "1:short:pwrite-durable",
	        "1:EINTR:once:pwrite-durable", "5:EINVAL:open"};
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	size_t i;
	int dirfd;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		go_down();
		dirfd = new_log(&options, &log);
		lc_fault_arm(faults[i]);
		assert_int_equal(commit_batches(log, 1, 10), 0);
		fault_end();
		assert_int_equal(commit_batches(log, 11, 30), 0);
		lc_log_close(log);
		expect_up_to(dirfd, 30, 30);
		close(dirfd);
	}
}

/* Killed at the nth direct write, with batches before it acknowledged. */
static int die(void *faults)
{
	struct lc_log_options options = options_of(1);
	struct lc_log *log;
	unsigned n;
	int dirfd = new_log(&options, &log), fd = open_file("acknowledged", O_WRONLY);

	lc_fault_arm(faults);
	for (n = 1; n <= 20; n++) {
		CHECK(commit_batches(log, n, n) == 0);
		CHECK(write(fd, "+", 1) == 1);
	}
	close(dirfd);
	_exit(0);
}

static void killed_while_it_writes(void **state)
{
	char faults[40];
	unsigned n;
	int rc = 1, dirfd;

	(void)state;
	for (n = 1; rc; n++) {
		go_down();
		close(open_file("acknowledged", O_CREAT | O_WRONLY));
		snprintf(faults, sizeof faults, "%u:kill:pwrite-durable", n);
		rc = in_child(die, faults);
		dirfd = open_file(".", O_RDONLY | O_DIRECTORY);
		expect_up_to(dirfd, (unsigned)stat_of("acknowledged").st_size, 20);
		close(dirfd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(what_was_forced_is_there),
	        EVERY(what_nobody_has_forced_stays_if_the_log_is_closed),
	        EVERY(many_batches_in_one_force),
	        EVERY(a_batch_that_is_too_large_to_wait),
	        EVERY(a_failed_write_is_final),
	        EVERY(where_it_cannot_be_done),
	        EVERY(killed_while_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
