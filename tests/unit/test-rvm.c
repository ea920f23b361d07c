/* SPDX-License-Identifier: ISC */
/* Recoverable memory: what each call does, and what it refuses. */
#include "config.h"

#include "rvm-support.h"
#include "support.h"

#include "rvm-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (16 * PAGE)
#define MIB ((size_t)1024 * 1024)

static struct commit_error err;

static void end(struct commit_rvm_xact *x, enum commit_rvm_end mode)
{
	int rc = commit_rvm_end_xact(x, mode, &err);

	if (rc)
		fail_msg("end: %d %s %s", rc, err.operation, err.text);
}

static void committed_changes_are_there_again(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", SIZE);
	struct commit_rvm_xact *x = begin_xact(rvm);

	(void)state;
	set_text(x, memory + 5000, "hello");
	end(x, COMMIT_RVM_FLUSH);
	x = begin_xact(rvm);
	set_text(x, memory + 10, "later");
	end(x, COMMIT_RVM_NO_FLUSH);
	/* what is not declared is not kept */
	memory[1] = '?';
	finish_rvm(rvm);
	rvm = begin_rvm(NULL);
	memory = map_data(rvm, "data", SIZE);
	assert_memory_equal(memory + 5000, "hello", 5);
	assert_memory_equal(memory + 10, "later", 5);
	assert_int_equal(memory[1], 0);
	finish_rvm(rvm);
}

static void pitfall_76_abort_restores_overlapping_and_adjacent_ranges(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", SIZE);
	static char before[600];
	struct commit_rvm_xact *x = begin_xact(rvm);
	unsigned seed = 3, round, i;

	(void)state;
	fill(before, sizeof before, 7);
	assert_int_equal(commit_rvm_set_range(x, memory, sizeof before, &err), 0);
	memcpy(memory, before, sizeof before);
	end(x, COMMIT_RVM_NO_FLUSH);
	for (round = 0; round < 200; round++) {
		x = begin_xact(rvm);
		for (i = 0; i < 20; i++) {
			size_t at = (size_t)rand_r(&seed) % 500,
			       length = (size_t)rand_r(&seed) % 100;

			assert_int_equal(commit_rvm_set_range(x, memory + at, length, &err), 0);
			memset(memory + at, (int)i, length);
		}
		assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
		assert_memory_equal(memory, before, sizeof before);
	}
	finish_rvm(rvm);
}

static void no_restore_cannot_be_aborted(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", SIZE);
	struct commit_rvm_xact *x;

	(void)state;
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err), 0);
	set_text(x, memory, "kept");
	expect_error(commit_rvm_abort_xact(x, &err), &err, COMMIT_EREFUSED, EINVAL);
	end(x, COMMIT_RVM_FLUSH);
	finish_rvm(rvm);
}

static void what_is_refused(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm *rvm = begin_rvm(NULL), *other;
	char *memory = map_data(rvm, "data", SIZE), text[8];
	struct commit_rvm_xact *x = begin_xact(rvm);
	void *second;

	(void)state;
	expect_error(commit_rvm_create_log("log", NULL, &err), &err, COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_set_range(x, text, 8, &err), &err, COMMIT_EUSAGE, EFAULT);
	expect_error(commit_rvm_set_range(x, memory + SIZE - 4, 8, &err), &err, COMMIT_EUSAGE,
	             EFAULT);
	set_text(x, memory, "x");
	expect_error(commit_rvm_unmap(rvm, memory, &err), &err, COMMIT_EREFUSED, EBUSY);
	expect_error(commit_rvm_unmap(rvm, memory + PAGE, &err), &err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_rvm_terminate(rvm, &err), &err, COMMIT_EREFUSED, EBUSY);
	end(x, COMMIT_RVM_FLUSH);
	expect_error(commit_rvm_map(rvm, "data", 4 * PAGE, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_map(rvm, "data", SIZE, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EREFUSED, ENXIO);
	expect_error(commit_rvm_map(rvm, "none", 0, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EFAILED, ENOENT);
	expect_error(commit_rvm_map(rvm, "data", 1, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EUSAGE, EINVAL);
	expect_error(
	        commit_rvm_map(rvm, "other", 0, PAGE, memory, COMMIT_RVM_CREATE, &second, &err),
	        &err, COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_initialize("log", NULL, &other, &err), &err, COMMIT_EBUSY, EBUSY);
	/* the same segment through another log */
	assert_int_equal(commit_rvm_create_log("log2", NULL, &err), 0);
	assert_int_equal(commit_rvm_initialize("log2", NULL, &other, &err), 0);
	expect_error(commit_rvm_map(other, "data", 0, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EBUSY, EWOULDBLOCK);
	finish_rvm(other);
	commit_rvm_query_options(rvm, &opt);
	opt.truncate_percent = 0;
	expect_error(commit_rvm_set_options(rvm, &opt, &err), &err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_rvm_initialize("nolog", NULL, &other, &err), &err, COMMIT_EFAILED,
	             ENOENT);
	finish_rvm(rvm);
}

static void regions_at_chosen_addresses_and_again(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", SIZE), *wanted = memory;
	struct commit_rvm_xact *x = begin_xact(rvm);
	void *again;

	(void)state;
	set_text(x, memory + 7, "value");
	end(x, COMMIT_RVM_NO_FLUSH);
	assert_int_equal(commit_rvm_unmap(rvm, memory, &err), 0);
	/* what was committed is in the segment before it is mapped again */
	assert_int_equal(commit_rvm_map(rvm, "data", 0, SIZE, wanted, 0, &again, &err), 0);
	assert_ptr_equal(again, wanted);
	assert_memory_equal(wanted + 7, "value", 5);
	finish_rvm(rvm);
}

static void pitfall_72_a_transaction_larger_than_the_log(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	char *memory;
	size_t i;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.log_size = 4 * MIB;
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", 8 * MIB);
	x = begin_xact(rvm);
	assert_int_equal(commit_rvm_set_range(x, memory, 5 * MIB, &err), 0);
	memset(memory, 'a', 5 * MIB);
	expect_error(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), &err, COMMIT_EFAILED, EFBIG);
	expect_error(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), &err, COMMIT_EFAILED,
	             EFBIG);
	assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
	assert_true(memory[0] == 0 && memcmp(memory, memory + 1, 5 * MIB - 1) == 0);
	/* one of several records, with ends that are no multiple of anything */
	x = begin_xact(rvm);
	for (i = 0; i < 300; i++) {
		assert_int_equal(commit_rvm_set_range(x, memory + i * 9001, 8999, &err), 0);
		fill(memory + i * 9001, 8999, (unsigned)i);
	}
	end(x, COMMIT_RVM_FLUSH);
	finish_rvm(rvm);
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", 8 * MIB);
	for (i = 0; i < 300; i++) {
		static char want[8999];

		fill(want, sizeof want, (unsigned)i);
		assert_memory_equal(memory + i * 9001, want, sizeof want);
	}
	finish_rvm(rvm);
}

/* Much more than the log holds: truncation makes room while commits go on. */
static void a_log_that_is_full_is_truncated(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm_statistics seen;
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	char *memory;
	unsigned i;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.log_size = 1 * MIB;
	opt.queue_bytes = MIB / 8;
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", 2 * MIB);
	for (i = 0; i < 100; i++) {
		x = begin_xact(rvm);
		assert_int_equal(commit_rvm_set_range(x, memory + i, 100000, &err), 0);
		fill(memory + i, 100000, i);
		end(x, i % 3 ? COMMIT_RVM_NO_FLUSH : COMMIT_RVM_FLUSH);
		commit_rvm_statistics(rvm, &seen);
		assert_true(seen.log_used <= opt.log_size + 2 * LC_RVM_RECORD_MAX);
	}
	assert_true(seen.truncations > 3);
	commit_rvm_statistics(rvm, &seen);
	assert_int_equal(seen.flush_commits + seen.no_flush_commits, 100);
	assert_true(seen.queued_bytes <= opt.queue_bytes);
	{
		char *copy = malloc(2 * MIB);

		memcpy(copy, memory, 2 * MIB);
		finish_rvm(rvm);
		expect_bytes("data", copy, 2 * MIB);
		free(copy);
	}
}

/* A log entry of at most 256 bytes for three updates of 16 bytes and one of 64. */
static void debit_credit_is_small_in_the_log(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", SIZE);
	struct commit_rvm_statistics before, after;
	struct commit_rvm_xact *x = begin_xact(rvm);

	(void)state;
	set_text(x, memory, "first, which names the segment");
	end(x, COMMIT_RVM_FLUSH);
	commit_rvm_statistics(rvm, &before);
	x = begin_xact(rvm);
	set_text(x, memory + 1000, "sixteen bytes...");
	set_text(x, memory + 2000, "sixteen bytes...");
	set_text(x, memory + 9000, "sixteen bytes...");
	set_text(x, memory + 20000,
	         "sixty-four bytes of history are written in each transaction, too");
	end(x, COMMIT_RVM_FLUSH);
	commit_rvm_statistics(rvm, &after);
	assert_int_equal(after.log_bytes - before.log_bytes, 56 + 4 * 16 + 3 * 16 + 64);
	finish_rvm(rvm);
}

/* Killed without terminate: what was flushed is there, what was queued is a prefix. */
static int die_with_a_queue(void *context)
{
	struct commit_rvm_options opt;
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	void *memory;
	int i;

	(void)context;
	commit_rvm_options_init(&opt);
	opt.queue_ms = 1000000;
	CHECK(commit_rvm_create_log("log", &opt, NULL) == 0);
	CHECK(commit_rvm_initialize("log", &opt, &rvm, NULL) == 0);
	CHECK(commit_rvm_map(rvm, "data", 0, PAGE, NULL, COMMIT_RVM_CREATE, &memory, NULL) == 0);
	for (i = 1; i <= 10; i++) {
		CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL) == 0);
		CHECK(commit_rvm_set_range(x, memory, 1, NULL) == 0);
		*(char *)memory = (char)i;
		CHECK(commit_rvm_set_range(x, (char *)memory + i, 1, NULL) == 0);
		((char *)memory)[i] = (char)i;
		CHECK(commit_rvm_end_xact(x, i == 6 ? COMMIT_RVM_FLUSH : COMMIT_RVM_NO_FLUSH,
		                          NULL) == 0);
	}
	kill(getpid(), SIGKILL);
	return 0;
}

/* What no killed process can show: the record is flushed before the call returns. */
static void a_flushed_commit_is_flushed(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", PAGE);
	struct commit_rvm_xact *x = begin_xact(rvm);
	const char *trace;

	(void)state;
	set_text(x, memory, "x");
	trace_begin();
	end(x, COMMIT_RVM_FLUSH);
	trace = trace_end();
	assert_true(call_at(trace, "fdatasync") > call_at(trace, "pwrite"));
	finish_rvm(rvm);
}

static void pitfall_75_flush_takes_the_queue_along_in_order(void **state)
{
	struct commit_rvm *rvm;
	char *memory;

	(void)state;
	assert_int_equal(in_child(die_with_a_queue, NULL), 128 + SIGKILL);
	rvm = begin_rvm(NULL);
	memory = map_data(rvm, "data", PAGE);
	assert_memory_equal(memory, "\6\1\2\3\4\5\6\0\0\0\0", 11);
	finish_rvm(rvm);
}

static void a_segment_that_is_gone(void **state)
{
	struct commit_rvm *rvm;

	(void)state;
	assert_int_equal(in_child(die_with_a_queue, NULL), 128 + SIGKILL);
	assert_int_equal(rename("data", "moved"), 0);
	expect_error(commit_rvm_initialize("log", NULL, &rvm, &err), &err, COMMIT_ECONFLICT,
	             ESTALE);
	put("data", "another file");
	expect_error(commit_rvm_initialize("log", NULL, &rvm, &err), &err, COMMIT_ECONFLICT,
	             ESTALE);
	expect_file("data", "another file");
	assert_int_equal(rename("moved", "data"), 0);
	finish_rvm(begin_rvm(NULL));
}

/* Once it was truncated, the log says no more about the segment. */
static void a_clean_log_leaves_segments_alone(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", PAGE);
	struct commit_rvm_xact *x = begin_xact(rvm);

	(void)state;
	set_text(x, memory, "old");
	end(x, COMMIT_RVM_FLUSH);
	finish_rvm(rvm);
	put("data", "edited by hand");
	finish_rvm(begin_rvm(NULL));
	expect_file("data", "edited by hand");
}

/* Bits of the records flipped: a prefix of the commits, or refused. */
static void damage_in_the_log(void **state)
{
	unsigned char byte;
	struct commit_rvm *rvm;
	int refused = 0, prefixes = 0;
	off_t at, end_of_log = 4096 + 4096 * 3;
	int fd, rc;

	(void)state;
	assert_int_equal(in_child(die_with_a_queue, NULL), 128 + SIGKILL);
	assert_int_equal(system("cp -r log log0; cp data data0"), 0);
	for (at = 4096; at < end_of_log; at += 97) {
		if (walk_skips())
			continue;
		assert_int_equal(system("cp log0/* log; cat data0 > data"), 0);
		fd = open_file("log/segment-0000000000000001", O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		rc = commit_rvm_initialize("log", NULL, &rvm, &err);
		if (rc) {
			expect_error(rc, &err, COMMIT_ECONFLICT, EBADMSG);
			refused++;
			continue;
		}
		{
			char *memory = map_data(rvm, "data", PAGE);
			int i, last = (unsigned char)memory[0];

			assert_in_range(last, 0, 6);
			for (i = 1; i <= 10; i++)
				assert_int_equal(memory[i], i <= last ? i : 0);
			prefixes++;
		}
		finish_rvm(rvm);
		assert_int_equal(system("rm log/*"), 0);
	}
	assert_true(prefixes > 0 && (refused + prefixes) * walk_every() > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(committed_changes_are_there_again),
	        EVERY(pitfall_76_abort_restores_overlapping_and_adjacent_ranges),
	        EVERY(no_restore_cannot_be_aborted),
	        EVERY(what_is_refused),
	        EVERY(regions_at_chosen_addresses_and_again),
	        EVERY(pitfall_72_a_transaction_larger_than_the_log),
	        EVERY(a_log_that_is_full_is_truncated),
	        EVERY(debit_credit_is_small_in_the_log),
	        EVERY(a_flushed_commit_is_flushed),
	        EVERY(pitfall_75_flush_takes_the_queue_along_in_order),
	        EVERY(a_segment_that_is_gone),
	        EVERY(a_clean_log_leaves_segments_alone),
	        EVERY(damage_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
