/* SPDX-License-Identifier: ISC */
/* What a set does: written, read, hurt, repaired. Pitfalls 54 to 65 are named where they are. */
#include "config.h"

#include "support.h"
#include "triple-support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BIG (10 * TRIPLE_BLOCK + 77)

static char big[BIG];

static void expect_copies(const char *text)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		expect_file(triple_paths[i], text);
}

static void expect_good(unsigned good)
{
	assert_int_equal(triple_check(), 0);
	assert_int_equal(triple_result.good, good);
	assert_int_equal(triple_result.wanting, 3 - good);
}

static void write_twice(void)
{
	triple_begin();
	assert_int_equal(triple_write("one"), 0);
	triple_remember();
	assert_int_equal(triple_write("two"), 0);
}

static void a_write_is_read(void **state)
{
	(void)state;
	triple_begin();
	assert_int_equal(triple_write("one"), 0);
	assert_int_equal(triple_result.version, 1);
	assert_int_equal(triple_result.good, 3);
	expect_copies("one");
	triple_read("one");
	assert_int_equal(triple_write("two"), 0);
	assert_int_equal(triple_result.version, 2);
	triple_read("two");
	expect_good(3);
	assert_int_equal(triple_sweep(), 0);
}

static void large_and_empty_contents(void **state)
{
	(void)state;
	triple_begin();
	fill(big, sizeof big, 1);
	assert_int_equal(triple_write_bytes(big, sizeof big), 0);
	assert_int_equal(triple_get(), 0);
	triple_expect_bytes(big, sizeof big);
	expect_error(triple_write(""), &triple_err, COMMIT_EREFUSED, 0);
	triple_opt.flags = COMMIT_TRIPLE_ALLOW_EMPTY;
	assert_int_equal(triple_write(""), 0);
	triple_read("");
	expect_good(3);
}

static void nothing_there_is_said(void **state)
{
	(void)state;
	triple_begin();
	expect_error(triple_get(), &triple_err, COMMIT_EFAILED, ENOENT);
	put("a/f", "plain");
	expect_error(triple_get(), &triple_err, COMMIT_EREFUSED, ENODATA);
}

/* Plain files become a set; killed on the way, what they held is still the answer. */
static void plain_files_are_adopted(void **state)
{
	unsigned i;

	(void)state;
	triple_begin();
	for (i = 0; i < 3; i++)
		put(triple_paths[i], "plain");
	fault("1:EIO:once:rename,4:EIO:once:rename");
	fault_end();
	fault("4:EIO:forever:rename");
	expect_error(triple_write("new"), &triple_err, COMMIT_EFAILED, EIO);
	expect_fired();
	fault(NULL);
	triple_read("plain");
	assert_int_equal(triple_write("new"), 0);
	triple_read("new");
}

static void metadata_stays(void **state)
{
	struct stat before, after;

	(void)state;
	write_twice();
	chmod("b/f", 0640);
	assert_int_equal(triple_write("three"), 0);
	expect_mode("b/f", 0640);
	expect_mode("b/.f.triple", 0640);
	expect_mode("a/f", 0644);
	before = stat_of("b/f");
	triple_strike(1, HURT_CONTENT);
	assert_int_equal(triple_repair(), 0);
	after = stat_of("b/f");
	expect_mode("b/f", 0640);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	expect_file("b/f", "three");
}

/* --- one copy is hurt --- */

static void any_one_fault_is_settled(void **state)
{
	unsigned copy, how;

	(void)state;
	for (copy = 0; copy < 3; copy++)
		for (how = HURT_CONTENT; how < HURT_KINDS; how++) {
			write_twice();
			triple_strike(copy, (enum hurt)how);
			triple_read("two");
			/* 56: what lost was rewritten before the answer */
			expect_copies("two");
			expect_good(3);
			assert_int_equal(triple_sweep(), 0);
		}
}

/* 64: a directory that is not there */
static void one_device_is_away(void **state)
{
	unsigned copy;

	(void)state;
	for (copy = 0; copy < 3; copy++) {
		write_twice();
		triple_strike(copy, HURT_AWAY);
		triple_read("two");
		assert_int_equal(triple_result.copies[copy].state, COMMIT_COPY_UNREACHABLE);
		expect_error(triple_write("three"), &triple_err, COMMIT_EFAILED, ENOENT);
		triple_read("two");
		triple_opt.min_copies = 2;
		assert_int_equal(triple_write("three"), 0);
		assert_int_equal(triple_result.good, 2);
		assert_true(triple_warned > 0);
		triple_read("three");
		assert_int_equal(triple_sweep(), 0);
	}
}

static void a_copy_that_comes_back_is_brought_up(void **state)
{
	(void)state;
	write_twice();
	triple_strike(0, HURT_AWAY);
	triple_opt.min_copies = 2;
	assert_int_equal(triple_write("three"), 0);
	assert_int_equal(triple_write("four"), 0);
	assert_int_equal(rename("a.gone", "a"), 0);
	triple_opt.min_copies = 0;
	triple_read("four");
	expect_copies("four");
}

static void two_devices_away(void **state)
{
	(void)state;
	write_twice();
	triple_strike(0, HURT_AWAY);
	triple_strike(2, HURT_AWAY);
	expect_error(triple_get(), &triple_err, COMMIT_EREFUSED, ENOENT);
	assert_non_null(strstr(triple_err.text, "--min-copies=1"));
	triple_opt.min_copies = 1;
	triple_read("two");
}

/* 55: whoever repairs B and C does not write A */
static void the_last_good_copy_is_not_touched(void **state)
{
	struct stat before, after;

	(void)state;
	write_twice();
	before = stat_of("a/f");
	triple_strike(1, HURT_CONTENT);
	triple_strike(2, HURT_BOTH);
	triple_read("two");
	after = stat_of("a/f");
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	expect_good(3);
}

/* 57 */
static void blocks_come_from_everywhere(void **state)
{
	(void)state;
	triple_begin();
	fill(big, sizeof big, 2);
	assert_int_equal(triple_write_bytes(big, sizeof big), 0);
	flip("a/f", 0);
	flip("b/f", (off_t)3 * TRIPLE_BLOCK + 5);
	flip("c/f", BIG - 1);
	flip("a/f", (off_t)7 * TRIPLE_BLOCK);
	assert_int_equal(triple_check(), 0);
	assert_int_equal(triple_result.good, 0);
	assert_int_equal(triple_result.copies[0].bad_blocks, 2);
	assert_int_equal(triple_get(), 0);
	triple_expect_bytes(big, sizeof big);
	expect_bytes("a/f", big, sizeof big);
	expect_bytes("b/f", big, sizeof big);
	expect_bytes("c/f", big, sizeof big);
	expect_good(3);
}

static void a_block_that_is_bad_everywhere(void **state)
{
	unsigned i;

	(void)state;
	triple_begin();
	fill(big, sizeof big, 2);
	assert_int_equal(triple_write_bytes(big, sizeof big), 0);
	for (i = 0; i < 3; i++)
		flip(triple_paths[i], (off_t)5 * TRIPLE_BLOCK + (off_t)i);
	expect_error(triple_get(), &triple_err, COMMIT_ECONFLICT, EBADMSG);
	assert_non_null(strstr(triple_err.text, "--raw would take copy A"));
	assert_int_equal(triple_result.raw_choice, 0);
	/* New content needs nothing of the old. */
	assert_int_equal(triple_write("x"), 0);
	triple_read("x");
}

/* 61: the cache shows what was there, the device what is */
static void a_longer_file_is_not_the_same(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	write_twice();
	st = stat_of("b/f");
	fd = open("b/f", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	{
		struct timespec times[2] = {st.st_atim, st.st_mtim};

		assert_int_equal(futimens(fd, times), 0);
	}
	close(fd);
	triple_read("two");
	expect_copies("two");
}

/* --- writers and readers --- */

/* 63 */
static void a_writer_keeps_others_out(void **state)
{
	int fd;

	(void)state;
	write_twice();
	fd = open("b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	expect_error(triple_write("three"), &triple_err, COMMIT_EBUSY, EWOULDBLOCK);
	expect_error(triple_get(), &triple_err, COMMIT_EBUSY, EWOULDBLOCK);
	assert_int_equal(flock(fd, LOCK_SH), 0);
	triple_read("two");
	expect_error(triple_write("three"), &triple_err, COMMIT_EBUSY, EWOULDBLOCK);
	close(fd);
	assert_int_equal(triple_write("three"), 0);
	assert_int_equal(triple_sweep(), 0);
}

static void copies_may_share_a_directory(void **state)
{
	static const char *const near[] = {"a/x", "a/y", "a/z"};
	unsigned i;

	(void)state;
	triple_begin();
	assert_int_equal(commit_triple_bytes(near, "near", 4, &triple_opt, &triple_result, NULL),
	                 0);
	assert_int_equal(triple_result.good, 3);
	for (i = 0; i < 3; i++)
		unlink(near[i]);
	unlink("a/.x.triple"), unlink("a/.y.triple"), unlink("a/.z.triple");
}

static void a_dry_run_changes_nothing(void **state)
{
	struct triple_state before, after;

	(void)state;
	write_twice();
	triple_strike(1, HURT_CONTENT);
	triple_capture(&before);
	triple_opt.flags = COMMIT_TRIPLE_DRY_RUN;
	assert_int_equal(triple_write("three"), 0);
	assert_int_equal(triple_repair(), 0);
	assert_int_equal(triple_result.wanting, 1);
	triple_read("two");
	triple_capture(&after);
	assert_true(triple_same(&before, &after));
	triple_free(&before);
	triple_free(&after);
	assert_int_equal(triple_sweep(), 0);
}

static void what_the_device_did_not_take_is_not_acknowledged(void **state)
{
	(void)state;
	write_twice();
	/* Each flush in turn; what had been published cannot be taken back. */
	fault("1:EIO:once:fsync");
	expect_error(triple_write("three"), &triple_err, COMMIT_EFAILED, EIO);
	expect_fired();
	fault(NULL);
	triple_read("two");
	fault("10:EIO:once:fsync");
	expect_error(triple_write("three"), &triple_err, COMMIT_EPENDING, EIO);
	expect_fired();
	fault(NULL);
	triple_read("three");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_write_is_read),
	        EVERY(large_and_empty_contents),
	        EVERY(nothing_there_is_said),
	        EVERY(plain_files_are_adopted),
	        EVERY(metadata_stays),
	        EVERY(any_one_fault_is_settled),
	        EVERY(one_device_is_away),
	        EVERY(a_copy_that_comes_back_is_brought_up),
	        EVERY(two_devices_away),
	        EVERY(the_last_good_copy_is_not_touched),
	        EVERY(blocks_come_from_everywhere),
	        EVERY(a_block_that_is_bad_everywhere),
	        EVERY(a_longer_file_is_not_the_same),
	        EVERY(a_writer_keeps_others_out),
	        EVERY(copies_may_share_a_directory),
	        EVERY(a_dry_run_changes_nothing),
	        EVERY(what_the_device_did_not_take_is_not_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
