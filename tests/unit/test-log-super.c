/* SPDX-License-Identifier: ISC */
/*
 * Superblocks and trimming.
 */
#include "config.h"

#include "log-support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* commit-log(5) */
enum { AT_PAYLOAD = 16 + LC_RECORD_HEAD };

/* After each trim, also of many segments at once, each superblock is enough. */
static void each_superblock_zeroed(void **state)
{
	unsigned n, slot;

	(void)state;
	begin_log(0);
	for (n = 1; n <= 80; n += n % 20 == 1 ? 20 : 5) {
		write_batches(n, n + (n % 20 == 1 ? 19 : 4));
		if (n > 10)
			assert_int_equal(lc_log_trim(held.log, held.begins[n - 5]), 0);
		for (slot = 0; slot < 2; slot++) {
			end_log();
			zero_bytes("super", slot * LC_LOG_BLOCK, LC_LOG_BLOCK);
			expect_batches(n > 10 ? n - 5 : 1, n + (n % 20 == 1 ? 19 : 4));
			/* It was mended: the other one may go now, and next round does. */
			assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL),
			                 0);
			assert_false(held.log->super.alone);
		}
	}
	end_log();
	zero_bytes("super", 0, 2 * LC_LOG_BLOCK);
	expect_refused(-EBADMSG);
	close(held.dirfd);
}

static void a_superblock_half_written(void **state)
{
	size_t length, at;
	unsigned char *super;

	(void)state;
	begin_log(30);
	assert_int_equal(lc_log_trim(held.log, held.begins[20]), 0);
	end_log();
	super = get_bytes("super", &length);
	for (at = 0; at < AT_PAYLOAD + 24; at++) {
		held.options.look_only = 1;
		super[at] ^= 0x10;
		put_bytes("super", super, length);
		if (at < 8 || at >= 16)
			expect_batches(20, 30);
		else if (at < 12)
			expect_refused(-EPROTONOSUPPORT);
		super[at] ^= 0x10;
	}
	/* a copy in the wrong place does not count */
	memcpy(super + LC_LOG_BLOCK, super, LC_LOG_BLOCK);
	put_bytes("super", super, length);
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	assert_true(held.log->super.alone);
	end_log();
	held.options.look_only = 0;
	expect_batches(20, 30);
	free(super);
	close(held.dirfd);
}

static void trimmed_segments_go(void **state)
{
	unsigned before, n;

	(void)state;
	begin_log(60);
	before = segment_files();
	assert_true(before > 8);
	assert_int_equal(lc_log_trim(held.log, held.begins[50]), 0);
	/* the other superblock still counts them */
	assert_int_equal(segment_files(), before);
	assert_int_equal(lc_log_trim(held.log, 0), 0);
	assert_true(segment_files() < 4);
	assert_true(lc_log_tail(held.log) == held.begins[50]);
	/* to trim once more costs nothing */
	trace_begin();
	assert_int_equal(lc_log_trim(held.log, held.begins[50]), 0);
	assert_null(strstr(trace_end(), "sync"));
	/* never beyond what is durable */
	assert_int_equal(append_batch(held.log, 61), 0);
	assert_int_equal(lc_log_trim(held.log, UINT64_MAX), 0);
	assert_true(lc_log_tail(held.log) <= lc_log_durable(held.log));
	assert_int_equal(lc_log_force(held.log, UINT64_MAX), 0);
	for (n = 0; n < 2; n++)
		assert_int_equal(lc_log_trim(held.log, UINT64_MAX), 0);
	assert_int_equal(segment_files(), 1);
	end_log();
	/* an empty log, whose positions go on */
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	assert_true(lc_log_end(held.log) > held.begins[60]);
	write_batches(62, 65);
	end_log();
	expect_batches(62, 65);
	close(held.dirfd);
}

/* Killed between the superblock and the files: a later opening removes them. */
static void leftovers_of_a_trim_go(void **state)
{
	(void)state;
	begin_log(60);
	assert_int_equal(lc_log_trim(held.log, held.begins[40]), 0);
	end_log();
	/* the newer one of the two tells */
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	assert_true(lc_log_tail(held.log) == held.begins[40]);
	fault("1:EIO:once:unlink");
	assert_int_equal(lc_log_trim(held.log, held.begins[50]), -EIO);
	expect_fired();
	end_log();
	put(segment_file(1), "what a file that was trimmed may look like");
	expect_batches(50, 60);
	expect_absent(segment_file(1));
	close(held.dirfd);
}

/* A failed write of a superblock leaves the good one alone, also when it is tried again. */
static void a_superblock_that_cannot_be_written(void **state)
{
	(void)state;
	begin_log(60);
	assert_int_equal(lc_log_trim(held.log, held.begins[20]), 0);
	fault("1:EIO:once:fdatasync");
	assert_int_equal(lc_log_trim(held.log, held.begins[50]), -EIO);
	expect_fired();
	assert_true(segment_files() > 8);
	fault("1:EIO:once:pwrite");
	assert_int_equal(lc_log_trim(held.log, held.begins[50]), -EIO);
	expect_fired();
	zero_bytes("super", (held.log->super.generation + 1) % 2 * LC_LOG_BLOCK, LC_LOG_BLOCK);
	end_log();
	expect_batches(20, 60);
	close(held.dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(each_superblock_zeroed),
	        ON_TMPFS(a_superblock_half_written),
	        ON_TMPFS(trimmed_segments_go),
	        ON_TMPFS(leftovers_of_a_trim_go),
	        ON_TMPFS(a_superblock_that_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
