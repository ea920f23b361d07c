/* SPDX-License-Identifier: ISC */
/* Transactions of recoverable memory that are not flushed: the bounds of their queue. */
#include "config.h"

#include "rvm-support.h"
#include "support.h"

#include "fault.h"
#include "rvm-internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (16 * PAGE)

static struct commit_error err;

/* The bound on time: nobody flushes, and it gets into the log all the same. */
static void the_queue_is_bounded_in_time(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm_statistics seen;
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	char *memory;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.queue_ms = 1;
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", PAGE);
	x = begin_xact(rvm);
	set_text(x, memory, "soon");
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), 0);
	do {
		usleep(1000);
		commit_rvm_statistics(rvm, &seen);
	} while (seen.queued_bytes > 0);
	finish_rvm(rvm);
}

static void change_and_queue(struct commit_rvm *rvm, char *memory, size_t length)
{
	struct commit_rvm_xact *x = begin_xact(rvm);

	assert_int_equal(commit_rvm_set_range(x, memory, length, &err), 0);
	fill(memory, length, (unsigned)length);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), 0);
}

/* What has left the queue is durable, and what is in it is no more than was said. */
static void the_queue_is_bounded_in_bytes(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm_statistics seen;
	struct commit_rvm *rvm;
	uint64_t begin;
	char *memory;
	int i;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.queue_ms = 1000000;
	opt.queue_bytes = 4000;
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", SIZE);
	begin = lc_log_end(rvm->log);
	assert_int_equal(lc_log_force(rvm->log, begin), 0);
	/* the last ones are more than a queue is for */
	for (i = 0; i < 12; i++) {
		change_and_queue(rvm, memory + i, i < 10 ? 1000 : 5000);
		commit_rvm_statistics(rvm, &seen);
		assert_true(seen.queued_bytes <= opt.queue_bytes);
		assert_int_equal(lc_log_durable(rvm->log), lc_log_end(rvm->log));
		assert_int_equal(lc_log_end(rvm->log) > begin, i >= 3);
	}
	assert_int_equal(seen.queued_bytes, 0);
	finish_rvm(rvm);
}

/* Nobody may go on as if it had been queued, or abort what may be there again. */
static void a_queue_that_cannot_be_flushed(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm_xact *x;
	struct commit_rvm *rvm;
	char *memory;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.queue_ms = 1000000;
	opt.queue_bytes = 100;
	rvm = begin_rvm(&opt);
	memory = map_data(rvm, "data", SIZE);
	x = begin_xact(rvm);
	set_text(x, memory, "a text that is too long for a queue of a hundred bytes");
	lc_fault_arm("1:EIO:fdatasync");
	expect_error(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), &err, COMMIT_EUNDECIDED,
	             EIO);
	x = begin_xact(rvm);
	set_text(x, memory, "short");
	expect_error(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), &err, COMMIT_EUNDECIDED,
	             EIO);
	lc_fault_arm(NULL);
	assert_int_equal(commit_rvm_terminate(rvm, &err), COMMIT_EUNDECIDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(the_queue_is_bounded_in_time),
	        EVERY(the_queue_is_bounded_in_bytes),
	        EVERY(a_queue_that_cannot_be_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
