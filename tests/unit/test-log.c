/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-support.h"

#include "fault.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void an_empty_log_opens(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_true(lc_log_end(log) == LC_LOG_START);
	assert_true(lc_log_tail(log) == LC_LOG_START);
	assert_true(lc_log_durable(log) == LC_LOG_START);
	assert_int_equal(look(log, &seen), 0);
	assert_int_equal(seen.records, 0);
	lc_log_close(log);
	lc_log_close(NULL);
	close(dirfd);
}

static void what_was_forced_is_there_again(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log_report report;
	struct lc_log *log;
	struct seen seen;
	unsigned n;
	int dirfd = new_log(&options, &log);

	(void)state;
	for (n = 1; n <= 60; n++) {
		assert_int_equal(commit_batches(log, n, n), 0);
		assert_true(lc_log_durable(log) == lc_log_end(log));
		if (n % 7 != 0)
			continue;
		lc_log_close(log);
		assert_int_equal(lc_log_open(dirfd, &options, &log, &report), 0);
		assert_int_equal(look(log, &seen), 0);
		assert_int_equal(seen.first, 1);
		assert_int_equal(seen.last, n);
		assert_int_equal(seen.torn, 0);
		assert_int_equal(report.records, seen.records);
		assert_int_equal(report.dropped, 0);
		assert_int_equal(report.segments, segment_files());
	}
	assert_true(segment_files() > 5);
	lc_log_close(log);
	close(dirfd);
}

static void what_stands_in_a_block_may_change_between_openings(void **state)
{
	static const uint32_t blocks[] = {4096, 8, 512, 64, 2048, 8, 4096, 16};
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	unsigned i;
	int dirfd;

	(void)state;
	options.segment_size = 32 * LC_LOG_BLOCK;
	dirfd = new_log(&options, &log);
	for (i = 0; i < COUNT_OF(blocks); i++) {
		lc_log_close(log);
		options.block = blocks[i];
		assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
		assert_int_equal(commit_batches(log, 3 * i + 1, 3 * i + 3), 0);
		assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
		assert_int_equal(seen.last, 3 * i + 3);
	}
	lc_log_close(log);
	close(dirfd);
}

static void a_block_that_holds_something_forced_is_not_written_again(void **state)
{
	static const uint32_t blocks[] = {64, 512, 4096};
	struct lc_log_entry entry = {.type = LC_LOG_OPERATION, .transaction = 1};
	struct lc_log_options options = small_log();
	uint64_t forced, end;
	struct lc_log *log;
	unsigned i;
	int dirfd;

	(void)state;
	options.segment_size = 64 * LC_LOG_BLOCK;
	dirfd = new_log(&options, &log);
	for (i = 0; i < COUNT_OF(blocks); i++) {
		lc_log_close(log);
		options.block = blocks[i];
		assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
		forced = lc_log_end(log);
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		/* after opening, after a force, and not without one */
		assert_true(end - LC_RECORD_HEAD == lc_log_align(forced, blocks[i]));
		assert_int_equal(lc_log_force(log, end), 0);
		forced = end;
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		assert_true(end - LC_RECORD_HEAD == lc_log_align(forced, blocks[i]));
		forced = end;
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		assert_true(end - LC_RECORD_HEAD == forced);
		assert_int_equal(lc_log_force(log, end), 0);
	}
	lc_log_close(log);
	close(dirfd);
}

/* One record that ends so many bytes before the segment does */
static void append_up_to(struct lc_log *log, uint64_t left)
{
	static unsigned char payload[64 * 1024];
	struct lc_log_entry entry = {.type = LC_LOG_OPERATION, .payload = payload};
	uint64_t limit = log->current.first + log->current.size - LC_LOG_BLOCK;
	uint64_t end;

	entry.length = (uint32_t)(limit - left - lc_log_end(log) - LC_RECORD_HEAD);
	assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
	assert_true(end == limit - left);
}

static int count_record(void *context, const struct lc_record *record)
{
	(void)record;
	++*(unsigned *)context;
	return 0;
}

static void segments_are_filled_to_their_ends(void **state)
{
	struct lc_log_entry entry = {.type = LC_LOG_OPERATION};
	struct lc_log_options options = small_log();
	struct lc_log_report report;
	struct lc_log *log;
	unsigned count;
	uint64_t left, end;
	int dirfd;

	(void)state;
	options.block = LC_RECORD_ALIGN;
	dirfd = new_log(&options, &log);
	/* lc_log_batch_size counts a block of padding, so 8 is as near as it gets. */
	for (left = LC_RECORD_ALIGN; left <= (uint64_t)3 * LC_RECORD_HEAD;
	     left += LC_RECORD_ALIGN) {
		append_up_to(log, left);
		assert_int_equal(lc_log_append(log, &entry, 1, &end), 0);
		assert_int_equal(lc_log_force(log, end), 0);
		lc_log_close(log);
		assert_int_equal(lc_log_open(dirfd, &options, &log, &report), 0);
		count = 0;
		assert_int_equal(lc_log_scan(log, LC_LOG_BACKWARD, count_record, &count), 0);
		assert_int_equal(count, left / LC_RECORD_ALIGN * 2);
		assert_int_equal(report.records, count);
		assert_int_equal(lc_log_append(log, &entry, 0, &end), 0);
		/* begin the next round in a new segment */
		assert_int_equal(lc_log_reserve(log, 3 * LC_LOG_BLOCK - LC_LOG_BLOCK / 2), 0);
	}
	lc_log_close(log);
	close(dirfd);
}

static void a_batch_larger_than_a_segment_gets_a_larger_one(void **state)
{
	static unsigned char payload[300000];
	struct lc_log_entry batch[4] = {{.type = LC_LOG_OPERATION,
	                                 .length = sizeof payload,
	                                 .transaction = 3,
	                                 .payload = payload},
	                                {.type = LC_LOG_COMMIT, .transaction = 3},
	                                {.type = LC_LOG_BEGIN, .transaction = 4},
	                                {.type = LC_LOG_ABORT, .transaction = 4}};
	struct lc_log_options options = small_log();
	struct lc_log_report report;
	struct lc_log *log;
	uint64_t end;
	int i, dirfd = new_log(&options, &log);

	(void)state;
	/* before anything else, between, and twice in a row */
	for (i = 0; i < 3; i++) {
		assert_int_equal(lc_log_append(log, batch, 2, &end), 0);
		assert_int_equal(lc_log_append(log, batch + 2, i, &end), 0);
	}
	assert_int_equal(lc_log_force(log, end), 0);
	/* the first segment, empty, is left behind */
	assert_int_equal(lc_log_trim(log, LC_LOG_START + 1), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, &report), 0);
	assert_int_equal(report.records, 9);
	lc_log_close(log);
	close(dirfd);
}

static void a_batch_larger_than_any_segment_is_refused(void **state)
{
	static unsigned char byte;
	/* its length alone is looked at */
	struct lc_log_entry batch[2] = {
	        {.type = LC_LOG_OPERATION, .length = UINT32_MAX, .payload = &byte},
	        {.type = LC_LOG_OPERATION, .length = UINT32_MAX, .payload = &byte}};
	struct lc_log_options options = small_log();
	struct lc_log *log;
	struct seen seen;
	uint64_t end = 77;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 3), 0);
	assert_int_equal(lc_log_append(log, batch, 2, &end), -EFBIG);
	assert_int_equal(lc_log_append(log, batch, 1, &end), -EFBIG);
	assert_int_equal(lc_log_reserve(log, LC_LOG_SEGMENT_MAX), -EFBIG);
	assert_int_equal(lc_log_reserve(log, UINT64_MAX), -EFBIG);
	assert_int_equal(end, 77);
	assert_int_equal(commit_batches(log, 4, 5), 0);
	lc_log_close(log);
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	assert_int_equal(seen.last, 5);
	close(dirfd);
}

static void nonsense_is_refused(void **state)
{
	static const uint32_t blocks[] = {0, 4, 24, 8192};
	static const uint32_t sizes[] = {0, 4096, 8200, 512u * 1024 * 1024};
	struct lc_log_entry entry = {.type = 0};
	struct lc_log_options options = small_log(), wrong;
	struct lc_log *log, *none = NULL;
	uint64_t end;
	size_t i;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(lc_log_append(log, &entry, 1, &end), -EINVAL);
	entry.type = LC_LOG_OPERATION;
	entry.length = 1;
	assert_int_equal(lc_log_append(log, &entry, 1, &end), -EINVAL);
	/* would never become durable */
	assert_int_equal(lc_log_force(log, lc_log_end(log) + 1), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_create(dirfd, &options), -EEXIST);
	for (i = 0; i < COUNT_OF(blocks); i++) {
		wrong = options;
		wrong.block = blocks[i];
		assert_int_equal(lc_log_open(dirfd, &wrong, &none, NULL), -EINVAL);
		wrong = options;
		wrong.segment_size = sizes[i];
		assert_int_equal(lc_log_open(dirfd, &wrong, &none, NULL), -EINVAL);
		assert_int_equal(lc_log_create(dirfd, &wrong), -EINVAL);
	}
	assert_null(none);
	close(dirfd);
}

/* A transaction may have records in more than one batch; a commit covers its own. */
static void a_transaction_may_have_two_batches(void **state)
{
	struct lc_log_entry batch[3] = {{.type = LC_LOG_BEGIN, .transaction = 5},
	                                {.type = LC_LOG_OPERATION, .transaction = 5},
	                                {.type = LC_LOG_COMMIT, .transaction = 5}};
	struct lc_log_options options = small_log();
	struct lc_log_report report;
	struct lc_log *log;
	unsigned count = 0;
	uint64_t end;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(lc_log_append(log, batch, 2, &end), 0);
	assert_int_equal(lc_log_append(log, batch + 1, 2, &end), 0);
	batch[0].transaction = batch[1].transaction = batch[2].transaction = 0;
	assert_int_equal(lc_log_append(log, batch, 2, &end), 0);
	assert_int_equal(lc_log_append(log, batch, 3, &end), 0);
	assert_int_equal(lc_log_append(log, batch + 2, 1, &end), 0);
	assert_int_equal(lc_log_force(log, end), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, &report), 0);
	assert_int_equal(report.records, 10);
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, count_record, &count), 0);
	assert_int_equal(count, 10);
	lc_log_close(log);
	close(dirfd);
}

static int end_at_third(void *context, const struct lc_record *record)
{
	(void)record;
	return ++*(int *)context == 3 ? 42 : 0;
}

static void a_visit_ends_the_scan(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	int count = 0, dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 9), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	assert_int_equal(lc_log_scan(log, LC_LOG_BACKWARD, end_at_third, &count), 42);
	assert_int_equal(count, 3);
	lc_log_close(log);
	close(dirfd);
}

struct undoing {
	struct lc_log *log;
	unsigned visits;
};

/* As recovery does: what was redone is complete and not needed any more. */
static int complete_and_trim(void *context, const struct lc_record *record)
{
	struct undoing *u = context;
	struct lc_log_entry entry = {.type = LC_LOG_COMPLETE, .transaction = record->transaction};
	uint64_t end;
	int rc;

	u->visits++;
	if (record->type != LC_LOG_COMMIT)
		return 0;
	rc = lc_log_append(u->log, &entry, 1, &end);
	return rc ? rc : lc_log_trim(u->log, record->position);
}

static void a_visit_may_append_and_trim(void **state)
{
	struct lc_log_options options = small_log();
	struct undoing u = {NULL, 0};
	struct lc_log *log;
	struct seen seen;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 60), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	assert_int_equal(look(log, &seen), 0);
	u.log = log;
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, complete_and_trim, &u), 0);
	assert_int_equal(u.visits, seen.records);
	assert_true(segment_files() < 6);
	lc_log_close(log);
	close(dirfd);
}

static int trim_all(void *context, const struct lc_record *record)
{
	struct undoing *u = context;
	int rc = lc_log_trim(u->log, record->position);

	u->visits++;
	return rc ? rc : lc_log_trim(u->log, record->position);
}

static void what_a_visit_trims_is_not_shown_any_more(void **state)
{
	struct lc_log_options options = small_log();
	struct undoing u = {NULL, 0};
	struct lc_log *log;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 60), 0);
	lc_log_close(log);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	u.log = log;
	assert_int_equal(lc_log_scan(log, LC_LOG_BACKWARD, trim_all, &u), 0);
	/* those of the last segment had been read */
	assert_in_range(u.visits, 1, 60);
	lc_log_close(log);
	close(dirfd);
}

static uint64_t end_of_first;

static void append_another(void *context)
{
	assert_int_equal(append_batch(context, 2), 0);
}

/* What comes while a flush is under way is not covered by it. */
static void a_flush_covers_what_was_there_before_it(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log *log;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(append_batch(log, 1), 0);
	end_of_first = lc_log_end(log);
	at_call("fdatasync", 1, append_another, log);
	assert_int_equal(lc_log_force(log, end_of_first), 0);
	assert_true(lc_log_end(log) > end_of_first);
	assert_true(lc_log_durable(log) == end_of_first);
	lc_log_close(log);
	close(dirfd);
}

static void looking_changes_nothing(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log_entry entry = {.type = LC_LOG_OPERATION};
	struct lc_log_report report;
	struct lc_log *log;
	struct seen seen;
	uint64_t end;
	int dirfd = new_log(&options, &log);

	(void)state;
	assert_int_equal(commit_batches(log, 1, 9), 0);
	lc_log_close(log);
	/* a torn tail, a segment that never began, a leftover of a trim */
	end = (uint64_t)stat_of(segment_file(segment_files())).st_size;
	assert_return_code(truncate(segment_file(segment_files()), (off_t)end - 1), errno);
	put(segment_file(segment_files() + 1), "");
	options.look_only = 1;
	trace_begin();
	assert_int_equal(lc_log_open(dirfd, &options, &log, &report), 0);
	assert_int_equal(look(log, &seen), 0);
	assert_int_equal(seen.last, 9);
	assert_int_equal(lc_log_append(log, &entry, 1, &end), -EROFS);
	assert_int_equal(lc_log_reserve(log, 1), -EROFS);
	assert_int_equal(lc_log_trim(log, LC_LOG_START), -EROFS);
	lc_log_close(log);
	assert_null(strstr(trace_end(), "pwrite"));
	assert_null(strstr(trace_end(), "sync"));
	assert_null(strstr(trace_end(), "create"));
	assert_null(strstr(trace_end(), "unlink"));
	close(dirfd);
}

/* By the log itself, unless the caller says that it has done it. */
static void a_new_segment_is_flushed_before_its_first_record(void **state)
{
	struct lc_log_options options = small_log();
	unsigned long before, segments;
	struct lc_log *log;
	int dirfd = new_log(&options, &log);
	int told;

	(void)state;
	for (told = 0; told <= 1; told++) {
		before = lc_sys_flushes();
		segments = segment_files();
		assert_int_equal(
		        lc_log_reserve_unflushed(log, (20u + 20u * (unsigned)told) * LC_LOG_BLOCK),
		        0);
		assert_int_equal(segment_files(), segments + 1);
		assert_true(lc_sys_flushes() == before);
		if (told)
			lc_log_flushed(log);
		assert_int_equal(append_batch(log, 1u + (unsigned)told), 0);
		/* of the directory and of the segment */
		assert_true(lc_sys_flushes() == before + (told ? 0 : 2));
		assert_int_equal(lc_log_force(log, lc_log_end(log)), 0);
	}
	lc_log_close(log);
	close(dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(an_empty_log_opens),
	        EVERY(what_was_forced_is_there_again),
	        ON_TMPFS(what_was_forced_is_there_again),
	        EVERY(what_stands_in_a_block_may_change_between_openings),
	        EVERY(a_block_that_holds_something_forced_is_not_written_again),
	        EVERY(segments_are_filled_to_their_ends),
	        EVERY(a_batch_larger_than_a_segment_gets_a_larger_one),
	        EVERY(a_batch_larger_than_any_segment_is_refused),
	        EVERY(nonsense_is_refused),
	        EVERY(a_transaction_may_have_two_batches),
	        EVERY(a_visit_ends_the_scan),
	        EVERY(a_visit_may_append_and_trim),
	        EVERY(what_a_visit_trims_is_not_shown_any_more),
	        EVERY(a_flush_covers_what_was_there_before_it),
	        EVERY(looking_changes_nothing),
	        EVERY(a_new_segment_is_flushed_before_its_first_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
