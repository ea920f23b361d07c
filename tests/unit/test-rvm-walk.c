/* SPDX-License-Identifier: ISC */
/*
 * Each call that a life of recoverable memory makes fails, once or for ever, or
 * is the last one of its process. Afterwards memory holds a prefix of the
 * commits that has all that were said to be durable.
 */
#include "config.h"

#include "support.h"

#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define COMMITS 9
/* More calls than any life makes */
#define CALLS_MAX 2000

struct report {
	unsigned tried;
	unsigned durable;
	int fired;
};

static struct report *told;
static char faults[80];

/* Memory holds n in its first byte and in as many after it. */
static int commit_one(struct commit_rvm *rvm, unsigned char *memory, unsigned n)
{
	struct commit_rvm_xact *x;
	int flush = n % 3 == 0;
	int rc = commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, NULL);

	if (rc)
		return rc;
	rc = commit_rvm_set_range(x, memory, 1, NULL);
	rc = rc ? rc : commit_rvm_set_range(x, memory + (size_t)n * 300, 300, NULL);
	if (!rc) {
		told->tried = n;
		memory[0] = (unsigned char)n;
		memset(memory + (size_t)n * 300, (int)n, 300);
		rc = commit_rvm_end_xact(x, flush ? COMMIT_RVM_FLUSH : COMMIT_RVM_NO_FLUSH, NULL);
		if (!rc && flush)
			told->durable = n;
	}
	if (rc == COMMIT_EFAILED)
		commit_rvm_abort_xact(x, NULL);
	return rc;
}

static int live(void *context)
{
	struct commit_rvm_options opt;
	struct commit_rvm *rvm = NULL;
	void *memory = NULL;
	unsigned n;
	int rc;

	(void)context;
	commit_rvm_options_init(&opt);
	opt.queue_ms = 1000000;
	lc_fault_arm(faults);
	commit_rvm_create_log("log", &opt, NULL);
	rc = commit_rvm_initialize("log", &opt, &rvm, NULL);
	if (!rc)
		rc = commit_rvm_map(rvm, "data", 0, PAGE, NULL, COMMIT_RVM_CREATE, &memory, NULL);
	for (n = rc ? 1 : *(unsigned char *)memory + 1u; !rc && n <= COMMITS; n++) {
		rc = commit_one(rvm, memory, n);
		if (!rc && n == 5 && commit_rvm_truncate(rvm, NULL) == 0)
			told->durable = n;
	}
	if (rvm && commit_rvm_terminate(rvm, NULL) == 0)
		told->durable = told->tried > told->durable && !rc ? told->tried : told->durable;
	told->fired = lc_fault_fired() > 0;
	CHECK(lc_fault_open() == 0);
#ifdef __SANITIZE_ADDRESS__
	_exit(0);
#endif
	return 0;
}

static void expect_a_prefix(const char *fault)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	struct commit_rvm *rvm;
	unsigned char *memory;
	unsigned last, i, want;
	void *at = NULL;
	int rc = commit_rvm_initialize("log", NULL, &rvm, &why);

	if (rc == COMMIT_EFAILED && why.errnum == ENOENT && told->tried == 0)
		return;
	if (!rc)
		rc = commit_rvm_map(rvm, "data", 0, PAGE, NULL, COMMIT_RVM_CREATE, &at, &why);
	if (rc || !at) {
		fail_msg("%s: %d %s %s", fault, rc, why.operation, why.text);
		return;
	}
	memory = at;
	last = memory[0];
	if (last < told->durable || last > told->tried)
		fail_msg("%s: %u, durable %u, tried %u", fault, last, told->durable, told->tried);
	for (i = 300; i < PAGE; i++) {
		want = i / 300 <= last ? i / 300 : 0;
		if (memory[i] != want)
			fail_msg("%s: byte %u is %u, not %u", fault, i, memory[i], want);
	}
	assert_int_equal(commit_rvm_terminate(rvm, &why), 0);
}

static void expect_the_next_life(const char *fault)
{
	faults[0] = '\0';
	assert_int_equal(in_child(live, NULL), 0);
	if (told->durable != COMMITS)
		fail_msg("%s: the next life ends at %u", fault, told->durable);
	expect_a_prefix(fault);
}

static void walk(const char *what)
{
	char fault[80];
	unsigned n;
	int status;

	for (n = 1; n < CALLS_MAX; n++) {
		if (walk_skips())
			continue;
		assert_int_equal(system("rm -rf log data"), 0);
		memset(told, 0, sizeof *told);
		told->fired = 1;
		snprintf(faults, sizeof faults, "%u:%s", n, what);
		strcpy(fault, faults);
		status = in_child(live, NULL);
		if (status != 0 && status != 128 + SIGKILL)
			fail_msg("%s: the child failed: %d", fault, status);
		if (status == 0 && !told->fired)
			break;
		expect_a_prefix(fault);
		if (n % 4 == 0)
			expect_the_next_life(fault);
	}
	assert_true(n > 50 && n < CALLS_MAX);
}

static void each_call_fails_or_is_the_last(void **state)
{
	(void)state;
	walk("kill");
	walk("EIO:once");
	walk("ENOSPC:forever");
}

/* The batch of a transaction that is too large for one record, written by half. */
static int die_in_a_batch(void *context)
{
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	void *memory;

	(void)context;
	CHECK(commit_rvm_create_log("log", NULL, NULL) == 0);
	CHECK(commit_rvm_initialize("log", NULL, &rvm, NULL) == 0);
	CHECK(commit_rvm_map(rvm, "data", 0, (size_t)8 << 20, NULL, COMMIT_RVM_CREATE, &memory,
	                     NULL) == 0);
	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL) == 0);
	CHECK(commit_rvm_set_range(x, memory, 1, NULL) == 0);
	*(char *)memory = 1;
	CHECK(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, NULL) == 0);
	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL) == 0);
	CHECK(commit_rvm_set_range(x, memory, (size_t)5 << 20, NULL) == 0);
	memset(memory, 2, (size_t)5 << 20);
	/* the header of a segment, half of the batch, the rest */
	fault("2:short:pwrite,3:kill:pwrite");
	commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, NULL);
	return 0;
}

static void pitfall_71_half_a_transaction_is_none(void **state)
{
	struct commit_rvm *rvm;
	struct commit_error why;
	char *memory;
	void *at;

	(void)state;
	assert_int_equal(in_child(die_in_a_batch, NULL), 128 + SIGKILL);
	assert_int_equal(commit_rvm_initialize("log", NULL, &rvm, &why), 0);
	assert_int_equal(commit_rvm_map(rvm, "data", 0, (size_t)8 << 20, NULL, 0, &at, &why), 0);
	memory = at;
	assert_int_equal(memory[0], 1);
	assert_true(memory[1] == 0 && memcmp(memory + 1, memory + 2, ((size_t)5 << 20) - 2) == 0);
	assert_int_equal(commit_rvm_terminate(rvm, &why), 0);
}

static int begin_walk(void **state)
{
	(void)state;
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return told == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(pitfall_71_half_a_transaction_is_none),
	        ON_TMPFS(each_call_fails_or_is_the_last),
	};

	return cmocka_run_group_tests(tests, begin_walk, NULL);
}
