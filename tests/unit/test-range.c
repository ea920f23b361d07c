/* SPDX-License-Identifier: ISC */
/* Ranges edited in place: what they do, what they refuse, damage in their log. */
#include "config.h"

#include "support.h"

#include "fault.h"
#include "log-internal.h"
#include "range-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 5000
#define BIG (2 * LC_RANGE_CHUNK + 777)

static struct commit_error err;

static struct commit_range *open_edit(const struct commit_range_options *opt)
{
	struct commit_range *edit = NULL;
	int rc = commit_range_open("f", opt, &edit, &err);

	if (rc)
		fail_msg("open: %d %s %s", rc, err.operation, err.text);
	return edit;
}

static void write_range(struct commit_range *edit, uint64_t offset, const void *bytes, size_t n)
{
	assert_int_equal(commit_range_write(edit, offset, bytes, n, &err), 0);
}

/* The one log in a directory, in log; fails if there is another number of them. */
static void find_log(const char *directory, char log[300])
{
	char name[256];

	assert_int_equal(ours_in(directory, name), 1);
	snprintf(log, 300, "%s/%s", directory, name);
}

static void ranges_are_written(void **state)
{
	static const enum commit_protocol protocols[] = {COMMIT_WRITE_AHEAD, COMMIT_WRITE_BEHIND};
	struct commit_range_options opt;
	struct commit_range_result result;
	struct commit_range *edit;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(protocols); i++) {
		put("f", "0123456789");
		commit_range_options_init(&opt);
		opt.protocol = protocols[i];
		edit = open_edit(&opt);
		write_range(edit, 2, "ab", 2);
		write_range(edit, 3, "XY", 2);
		write_range(edit, 12, "z", 1);
		write_range(edit, 0, "", 0);
		expect_file("f", "0123456789");
		assert_int_equal(commit_range_commit(edit, &result, &err), 0);
		expect_bytes("f", "01aXY56789\0\0z", 13);
		assert_int_equal(result.ranges, 3);
		assert_int_equal(result.bytes, 5);
		assert_int_equal(result.old_size, 10);
		assert_int_equal(result.new_size, 13);
		/* another one, with the same handle */
		write_range(edit, 13, "!", 1);
		assert_int_equal(commit_range_commit(edit, &result, &err), 0);
		expect_bytes("f", "01aXY56789\0\0z!", 14);
		assert_int_equal(result.old_size, 13);
		commit_range_close(edit);
	}
}

static void nothing_happens_without_a_commit(void **state)
{
	struct commit_range_options opt;
	struct commit_range *edit;
	static char big[BIG];
	int behind;

	(void)state;
	fill(big, sizeof big, 1);
	for (behind = 0; behind < 2; behind++) {
		put("f", "0123456789");
		commit_range_options_init(&opt);
		opt.protocol = behind ? COMMIT_WRITE_BEHIND : COMMIT_WRITE_AHEAD;
		edit = open_edit(&opt);
		assert_int_equal(commit_range_commit(edit, NULL, &err), COMMIT_EREFUSED);
		write_range(edit, 0, big, sizeof big);
		commit_range_abort(edit);
		expect_file("f", "0123456789");
		write_range(edit, 1, "x", 1);
		assert_int_equal(commit_range_commit(edit, NULL, &err), 0);
		expect_file("f", "0x23456789");
		write_range(edit, 0, big, sizeof big);
		commit_range_close(edit);
		/* what was left open is no edit for the next one */
		edit = open_edit(&opt);
		expect_file("f", "0x23456789");
		commit_range_close(edit);
	}
}

/* Random ranges, many of them overlapping, against memory. */
static void overlapping_ranges_end_as_in_memory(void **state)
{
	static unsigned char model[SIZE + 600], bytes[600];
	struct commit_range *edit;
	size_t size = SIZE, offset, length;
	unsigned seed = 4, round, i;

	(void)state;
	fill(model, SIZE, 9);
	put_bytes("f", model, SIZE);
	for (round = 0; round < 20; round++) {
		edit = open_edit(NULL);
		for (i = 0; i < 40; i++) {
			offset = (size_t)rand_r(&seed) % SIZE;
			length = 1 + (size_t)rand_r(&seed) % (i % 3 ? 20 : 600);
			fill(bytes, length, seed);
			write_range(edit, offset, bytes, length);
			memcpy(model + offset, bytes, length);
			if (offset + length > size)
				size = offset + length;
		}
		assert_int_equal(commit_range_commit(edit, NULL, &err), 0);
		commit_range_close(edit);
		expect_bytes("f", model, size);
	}
}

static void a_range_larger_than_a_segment(void **state)
{
	static unsigned char big[BIG + 5];
	struct commit_range *edit;

	(void)state;
	memset(big, 'a', 5);
	put_bytes("f", big, 5);
	fill(big + 5, BIG, 2);
	edit = open_edit(NULL);
	write_range(edit, 5, big + 5, BIG);
	assert_int_equal(commit_range_commit(edit, NULL, &err), 0);
	commit_range_close(edit);
	expect_bytes("f", big, sizeof big);
}

static void flushes_come_between_log_and_file(void **state)
{
	struct commit_range *edit;
	const char *trace, *at;

	(void)state;
	put("f", "0123456789");
	edit = open_edit(NULL);
	trace_begin();
	write_range(edit, 2, "ab", 2);
	assert_int_equal(commit_range_commit(edit, NULL, &err), 0);
	trace = trace_end();
	/* log, flush, file, flush, log, flush */
	for (at = trace; (at = strstr(at, " pwrite ")); at += strlen(" pwrite "))
		assert_non_null(strstr(at, " fdatasync "));
	at = strstr(trace, " pwrite ");
	assert_true(strstr(at + 1, " pwrite ") > strstr(at + 1, " fdatasync "));
	at = strstr(at + 1, " pwrite ");
	assert_true(strstr(at + 1, " pwrite ") > strstr(at + 1, " fdatasync "));
	commit_range_close(edit);
}

/* An edit that is killed when it has committed and written nothing. */
static int die_after_commit(void *context)
{
	const int *behind = context;
	struct commit_range_options opt;
	struct commit_range *edit;

	commit_range_options_init(&opt);
	opt.protocol = *behind ? COMMIT_WRITE_BEHIND : COMMIT_WRITE_AHEAD;
	CHECK(commit_range_open("f", &opt, &edit, NULL) == 0);
	CHECK(commit_range_write(edit, 2, "ab", 2, NULL) == 0);
	CHECK(commit_range_write(edit, 7, "cd", 2, NULL) == 0);
	CHECK(commit_range_write(edit, 600, "ef", 2, NULL) == 0);
	/* range, commit, first piece; the second piece is not written */
	lc_fault_arm("5:kill:pwrite");
	commit_range_commit(edit, NULL, NULL);
	return 0;
}

/* Bytes 0 to 601, the log of a killed edit, and the first of its pieces done. */
static void leave_unfinished(int behind, char log[300])
{
	unsigned char bytes[602];

	memset(bytes, '.', sizeof bytes);
	put_bytes("f", bytes, sizeof bytes);
	assert_int_equal(in_child(die_after_commit, &behind), 128 + SIGKILL);
	find_log(".", log);
}

static void the_next_open_settles(void **state)
{
	unsigned char bytes[602];
	char log[300];
	int behind;

	(void)state;
	for (behind = 0; behind < 2; behind++) {
		leave_unfinished(behind, log);
		commit_range_close(open_edit(NULL));
		memset(bytes, '.', sizeof bytes);
		if (!behind) {
			memcpy(bytes + 2, "ab", 2);
			memcpy(bytes + 7, "cd", 2);
			memcpy(bytes + 600, "ef", 2);
		}
		expect_bytes("f", bytes, sizeof bytes);
		assert_int_equal(rename(log, behind ? "gone2" : "gone1"), 0);
	}
}

static void edits_by_others_are_seen(void **state)
{
	struct commit_range_log shown;
	struct commit_range *edit;
	struct stat before;
	char log[300];
	int fd, behind;

	(void)state;
	for (behind = 0; behind < 2; behind++) {
		leave_unfinished(behind, log);
		fd = open_file("f", O_WRONLY);
		assert_int_equal(pwrite(fd, "?", 1, 8), 1);
		close(fd);
		before = stat_of("f");
		assert_int_equal(commit_range_log("f", NULL, NULL, NULL, &shown, &err), 0);
		assert_int_equal(shown.decision, COMMIT_RANGE_CONFLICT);
		expect_error(commit_range_open("f", NULL, &edit, &err), &err, COMMIT_ECONFLICT,
		             ESTALE);
		assert_int_equal(stat_of("f").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
		/* what stands between the ranges is nobody's business */
		fd = open_file("f", O_WRONLY);
		assert_int_equal(pwrite(fd, ".", 1, 8), 1);
		assert_int_equal(pwrite(fd, "?", 1, 300), 1);
		close(fd);
		commit_range_close(open_edit(NULL));
		assert_int_equal(rename(log, behind ? "gone2" : "gone1"), 0);
	}
}

static void another_file_under_the_name(void **state)
{
	unsigned char bytes[602];
	struct commit_range *edit;
	char log[300];

	(void)state;
	leave_unfinished(0, log);
	assert_int_equal(rename("f", "g"), 0);
	/* with the content that the edited one had */
	memset(bytes, '.', sizeof bytes);
	put_bytes("f", bytes, sizeof bytes);
	expect_error(commit_range_open("f", NULL, &edit, &err), &err, COMMIT_ECONFLICT, ESTALE);
	expect_bytes("f", bytes, sizeof bytes);
	assert_int_equal(rename("g", "f"), 0);
	commit_range_close(open_edit(NULL));
}

static void locks_and_kinds(void **state)
{
	struct commit_range_options opt;
	struct commit_range *edit, *other;

	(void)state;
	commit_range_options_init(&opt);
	opt.wait_ms = 0;
	put("f", "x");
	edit = open_edit(NULL);
	expect_error(commit_range_open("f", &opt, &other, &err), &err, COMMIT_EBUSY, EWOULDBLOCK);
	commit_range_close(edit);
	expect_error(commit_range_open("none", &opt, &other, &err), &err, COMMIT_EFAILED, ENOENT);
	assert_int_equal(mkfifo("p", 0600), 0);
	expect_error(commit_range_open("p", &opt, &other, &err), &err, COMMIT_EREFUSED, EINVAL);
	assert_int_equal(chmod("f", 04755), 0);
	expect_error(commit_range_open("f", &opt, &other, &err), &err, COMMIT_EREFUSED, EPERM);
	opt.size = 1;
	expect_error(commit_range_open("f", &opt, &other, &err), &err, COMMIT_EUSAGE, EINVAL);
	edit = NULL;
	assert_int_equal(chmod("f", 0644), 0);
	edit = open_edit(NULL);
	expect_error(commit_range_write(edit, (uint64_t)INT64_MAX, "ab", 2, &err), &err,
	             COMMIT_EFAILED, EFBIG);
	commit_range_close(edit);
	expect_file("f", "x");
}

static void others_may_not_write_the_log(void **state)
{
	struct commit_range *edit;
	char log[300];

	(void)state;
	leave_unfinished(0, log);
	assert_int_equal(chmod(log, 0770), 0);
	expect_error(commit_range_open("f", NULL, &edit, &err), &err, COMMIT_EREFUSED, EPERM);
}

/* Each bit of the records flipped: it is finished, or not there, or refused; never half. */
static void damage_in_the_log(void **state)
{
	unsigned char old[602], new[602], byte;
	char log[300], segment[400];
	struct commit_range_log shown;
	struct commit_range *edit;
	int done = 0, refused = 0;
	off_t at;
	int fd, rc;

	(void)state;
	leave_unfinished(0, log);
	memset(old, '.', sizeof old);
	memcpy(new, old, sizeof new);
	memcpy(new + 2, "ab", 2);
	memcpy(new + 7, "cd", 2);
	memcpy(new + 600, "ef", 2);
	snprintf(segment, sizeof segment, "%s/segment-0000000000000001", log);
	fd = open_file(segment, O_RDWR);
	for (at = LC_LOG_BLOCK; at < (off_t)LC_LOG_BLOCK + 512; at++) {
		if (walk_skips())
			continue;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		put_bytes("f", old, sizeof old);
		/* looks only: what is decided, and that nothing is changed */
		assert_int_equal(commit_range_log("f", NULL, NULL, NULL, &shown, &err), 0);
		expect_bytes("f", old, sizeof old);
		done += shown.decision == COMMIT_RANGE_FORWARD;
		refused += shown.decision != COMMIT_RANGE_FORWARD;
		byte ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
	/* begin 56 + 41, three ranges of 56 + 20, commit 56 + 24 */
	assert_true((refused + 1) * walk_every() >= 97 + 3 * 76 + 80);
	assert_true(done > 0);
	rc = commit_range_open("f", NULL, &edit, &err);
	assert_int_equal(rc, 0);
	commit_range_close(edit);
	expect_bytes("f", new, sizeof new);
}

/* Cut at each byte of its records the log shows a whole edit or none. */
static void a_log_that_was_cut(void **state)
{
	unsigned char old[602];
	char log[300], segment[400];
	struct commit_range_log shown;
	unsigned whole = 0;
	int gone = 0;
	off_t at;

	(void)state;
	leave_unfinished(0, log);
	memset(old, '.', sizeof old);
	snprintf(segment, sizeof segment, "%s/segment-0000000000000001", log);
	for (at = (off_t)LC_LOG_BLOCK + 512; at >= (off_t)LC_LOG_BLOCK; at--) {
		if (walk_skips())
			continue;
		assert_int_equal(truncate(segment, at), 0);
		put_bytes("f", old, sizeof old);
		assert_int_equal(commit_range_log("f", NULL, NULL, NULL, &shown, &err), 0);
		assert_true(shown.decision == COMMIT_RANGE_FORWARD ||
		            shown.decision == COMMIT_RANGE_NOTHING);
		/* once it is gone it stays so */
		assert_true(shown.decision == COMMIT_RANGE_NOTHING || !gone);
		gone |= shown.decision == COMMIT_RANGE_NOTHING;
		whole += shown.decision == COMMIT_RANGE_FORWARD;
	}
	assert_true(whole > 0 && whole < 512);
	commit_range_close(open_edit(NULL));
	expect_bytes("f", old, sizeof old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(ranges_are_written),
	        EVERY(nothing_happens_without_a_commit),
	        EVERY(overlapping_ranges_end_as_in_memory),
	        EVERY(a_range_larger_than_a_segment),
	        EVERY(flushes_come_between_log_and_file),
	        EVERY(the_next_open_settles),
	        EVERY(edits_by_others_are_seen),
	        EVERY(another_file_under_the_name),
	        EVERY(locks_and_kinds),
	        EVERY(others_may_not_write_the_log),
	        EVERY(damage_in_the_log),
	        EVERY(a_log_that_was_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
