/* SPDX-License-Identifier: ISC */
/*
 * Pitfall 79: the Vista mode, killed between any two steps of its protocol, between
 * any two instructions of a commit and of an abort, in the middle of recovery; and, on
 * memory that pretends to be persistent, without power between any two cache lines.
 */
#include "config.h"

#include "support.h"

#include "fault.h"
#include "pmem.h"
#include "rvm-vista.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define WORDS (PAGE / 8)
#define UNDO_BYTES (LC_UNDO_HEAD + 1024)
#define STEPS_MAX 2000
#define INSTRUCTIONS_MAX 1000000
#define CHANGES_MAX 4000

static struct commit_rvm *rvm;
static uint64_t *words;
static unsigned char *undo_bytes;
/* What the child was told to do, and has found. */
static struct {
	char faults[60];
	int aborts;
	unsigned cut;
	unsigned seed;
} plan;
static struct {
	int ended;
} * told;

static void look_on(void);

static int start(void)
{
	struct commit_rvm_options opt;
	void *at = NULL;
	int rc;

	commit_rvm_options_init(&opt);
	opt.mode = COMMIT_RVM_VISTA;
	commit_rvm_create_log("log", &opt, NULL);
	rc = commit_rvm_initialize("log", &opt, &rvm, NULL);
	if (!rc)
		rc = commit_rvm_map(rvm, "data", 0, PAGE, NULL, COMMIT_RVM_CREATE, &at, NULL);
	words = at;
	return at ? rc : -1;
}

static void change(struct commit_rvm_xact *x, size_t first, size_t count, uint64_t value)
{
	if (commit_rvm_set_range(x, &words[first], 8 * count, NULL))
		_exit(98);
	look_on();
	for (; count > 0; count--)
		words[first++] = value;
	look_on();
}

/* The words 0 to 24 and 100 become value, in ranges that overlap. */
static void transaction(uint64_t value, int aborts)
{
	struct commit_rvm_xact *x;

	if (commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, NULL))
		_exit(97);
	change(x, 0, 10, value + 1000);
	change(x, 100, 1, value);
	change(x, 5, 20, value);
	change(x, 0, 5, value);
	if (aborts ? commit_rvm_abort_xact(x, NULL)
	           : commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, NULL))
		_exit(96);
	told->ended = 1;
	look_on();
}

/* All are value, and nothing else is anything. */
static int is_value(uint64_t value)
{
	size_t i;

	if (!words)
		return 0;
	for (i = 0; i < WORDS; i++)
		if (words[i] != (i < 25 || i == 100 ? value : 0))
			return 0;
	return 1;
}

/* 1 or 2: the transaction is not there or there; fails if it is neither. */
static unsigned recovered(const char *when, unsigned n)
{
	struct commit_error err;
	unsigned value;

	if (start())
		fail_msg("%s %u: not recovered", when, n);
	value = is_value(1) ? 1 : is_value(2) ? 2 : 0;
	if (!value)
		fail_msg("%s %u: half a transaction", when, n);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	return value;
}

static int live(void *context)
{
	(void)context;
	CHECK(start() == 0);
	transaction(1, 0);
	told->ended = 0;
	lc_fault_arm(plan.faults);
	transaction(2, plan.aborts);
	return lc_fault_fired() > 0 ? 95 : 0;
}

static void walk_steps(int aborts)
{
	unsigned n;
	int status = 128 + SIGKILL;

	for (n = 1; status && n < STEPS_MAX; n++) {
		assert_int_equal(system("rm -rf log data"), 0);
		plan.aborts = aborts;
		snprintf(plan.faults, sizeof plan.faults, "%u:kill:vista", n);
		status = in_child(live, NULL);
		assert_true(status == 0 || status == 128 + SIGKILL);
		if (recovered(plan.faults, n) == 2)
			assert_false(aborts);
		else
			assert_true(aborts || !told->ended);
	}
	assert_in_range(n, 18, STEPS_MAX - 1);
}

static void pitfall_79_each_step_is_the_last(void **state)
{
	(void)state;
	walk_steps(0);
	walk_steps(1);
}

/* Initialize alone, on what the one before has left. */
static int recover(void *context)
{
	(void)context;
	lc_fault_arm(plan.faults);
	CHECK(start() == 0);
	return lc_fault_fired() > 0 ? 95 : 0;
}

/* Rolling back is killed at each of its calls, and begun anew. */
static void pitfall_79_rolling_back_is_killed(void **state)
{
	unsigned n;
	int status = 128 + SIGKILL;

	(void)state;
	for (n = 1; status && n < STEPS_MAX; n++) {
		assert_int_equal(system("rm -rf log data"), 0);
		plan.aborts = 1;
		strcpy(plan.faults, "10:kill:vista");
		assert_int_equal(in_child(live, NULL), 128 + SIGKILL);
		snprintf(plan.faults, sizeof plan.faults, "%u:kill", n);
		status = in_child(recover, NULL);
		assert_true(status == 0 || status == 128 + SIGKILL);
		assert_int_equal(recovered(plan.faults, n), 1);
	}
	assert_in_range(n, 30, STEPS_MAX - 1);
}

/* What the page cache held after some instruction: what a kill would have left there. */
struct moment {
	unsigned char undo[UNDO_BYTES];
	uint64_t data[WORDS];
};

static struct moment *moments;

static void *map_file(const char *name, size_t length)
{
	int fd = open_file(name, O_RDWR);
	void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	assert_true(at != MAP_FAILED);
	return at;
}

/* Stops before and after the second transaction; between, the parent steps. */
static void traced(int aborts)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(94);
	if (start())
		_exit(93);
	transaction(1, 0);
	raise(SIGSTOP);
	transaction(2, aborts);
	raise(SIGSTOP);
	_exit(0);
}

/* One instruction at a time; the number of moments that differ. */
static unsigned step_through(pid_t pid, const unsigned char *undo, const uint64_t *data)
{
	unsigned count = 0, n;
	int status = 0;

	for (n = 0; n < INSTRUCTIONS_MAX; n++) {
		if (count == 0 || memcmp(moments[count - 1].undo, undo, UNDO_BYTES) != 0 ||
		    memcmp(moments[count - 1].data, data, PAGE) != 0) {
			assert_in_range(count, 0, CHANGES_MAX - 1);
			memcpy(moments[count].undo, undo, UNDO_BYTES);
			memcpy(moments[count++].data, data, PAGE);
		}
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			break;
	}
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	return count;
}

static void kill_and_wait(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* Recovery takes the undo log away; the inode comes back under its name. */
static void judge(unsigned count, unsigned char *undo, uint64_t *data, int aborts)
{
	unsigned i, value, before = 1, seen_new = 0;

	assert_int_equal(link("log/undo-00000001", "undo"), 0);
	assert_int_equal(rename("log/segment-00000001", "segment"), 0);
	unlink("log/undo-00000001");
	for (i = 0; i < count; i++) {
		memcpy(undo, moments[i].undo, UNDO_BYTES);
		memcpy(data, moments[i].data, PAGE);
		assert_int_equal(link("undo", "log/undo-00000001"), 0);
		assert_int_equal(system("cp segment log/segment-00000001"), 0);
		value = recovered("moment", i);
		/* from some instruction on it is there, and stays there */
		assert_true(value >= before);
		before = value;
		seen_new += value == 2;
	}
	assert_true(aborts ? !seen_new : seen_new > 0);
}

static void step_each_instruction(int aborts)
{
	unsigned char *undo;
	uint64_t *data;
	unsigned count;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		traced(aborts);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status)) {
		print_message("no right to trace a process: skipped\n");
		skip();
	}
	undo = map_file("log/undo-00000001", UNDO_BYTES);
	data = map_file("data", PAGE);
	moments = malloc(CHANGES_MAX * sizeof *moments);
	assert_non_null(moments);
	count = step_through(pid, undo, data);
	kill_and_wait(pid);
	assert_true(count > 20);
	judge(count, undo, data, aborts);
	munmap(undo, UNDO_BYTES);
	munmap(data, PAGE);
	free(moments);
}

static void each_instruction_of_a_commit_is_the_last(void **state)
{
	(void)state;
	step_each_instruction(0);
}

static void each_instruction_of_an_abort_is_the_last(void **state)
{
	(void)state;
	step_each_instruction(1);
}

/* What is durable of the two mappings, word by word; flushed but not fenced. */
static uint64_t durable_words[WORDS], durable_undo[UNDO_BYTES / 8];
static unsigned char pending_words[WORDS], pending_undo[UNDO_BYTES / 8];
static unsigned moment;

/* Power fails: of what is not durable any word may have got there, or not. */
static void lose_power(uint64_t *now, const uint64_t *durable, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (now[i] != durable[i] && rand_r(&plan.seed) % 2)
			now[i] = durable[i];
}

/* A line may be written back at any time, asked for or not. */
static void evict(const uint64_t *now, uint64_t *durable, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (now[i] != durable[i] && rand_r(&plan.seed) % 4 == 0)
			durable[i] = now[i];
}

static void look_on(void)
{
	if (plan.cut == 0 || !undo_bytes)
		return;
	evict(words, durable_words, WORDS);
	evict((uint64_t *)(void *)undo_bytes, durable_undo, UNDO_BYTES / 8);
	if (++moment != plan.cut)
		return;
	lose_power(words, durable_words, WORDS);
	lose_power((uint64_t *)(void *)undo_bytes, durable_undo, UNDO_BYTES / 8);
	kill(getpid(), SIGKILL);
}

static void see_part(const unsigned char *base, size_t size, unsigned char *pending,
                     const unsigned char *start, size_t length)
{
	size_t first, last;

	if (!base || start < base || start >= base + size)
		return;
	/* whole lines of 64 bytes */
	first = (size_t)(start - base) / 64 * 8;
	last = ((size_t)(start - base) + length + 63) / 64 * 8;
	memset(pending + first, 1, (last < size / 8 ? last : size / 8) - first);
}

static void settle(uint64_t *durable, unsigned char *pending, const uint64_t *now, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (pending[i])
			durable[i] = now[i];
	memset(pending, 0, count);
}

static void see(void *context, const void *start, size_t length)
{
	(void)context;
	if (!undo_bytes)
		return;
	look_on();
	if (length > 0) {
		see_part((unsigned char *)words, PAGE, pending_words, start, length);
		see_part(undo_bytes, UNDO_BYTES, pending_undo, start, length);
	} else {
		settle(durable_words, pending_words, words, WORDS);
		settle(durable_undo, pending_undo, (uint64_t *)(void *)undo_bytes, UNDO_BYTES / 8);
	}
	look_on();
}

static int live_until_power_fails(void *context)
{
	struct commit_rvm_statistics seen;

	(void)context;
	lc_pmem_pretend(see, NULL);
	CHECK(start() == 0);
	transaction(1, 0);
	commit_rvm_statistics(rvm, &seen);
	CHECK(seen.persistent);
	told->ended = 0;
	memcpy(durable_words, words, PAGE);
	memcpy(durable_undo, rvm->vista->slots->undo.bytes, UNDO_BYTES);
	undo_bytes = rvm->vista->slots->undo.bytes;
	transaction(2, plan.aborts);
	undo_bytes = NULL;
	return 0;
}

static void walk_power(int aborts)
{
	const unsigned tries = 6;
	unsigned n, try, value;
	int status = 128 + SIGKILL;

	strcpy(plan.faults, "");
	plan.aborts = aborts;
	for (n = 1; status && n < STEPS_MAX; n++)
		for (try = 0; try < tries; try++) {
			assert_int_equal(system("rm -rf log data"), 0);
			plan.cut = n;
			plan.seed = 100 * n + try;
			status = in_child(live_until_power_fails, NULL);
			assert_true(status == 0 || status == 128 + SIGKILL);
			assert_true(access("log/volatile", F_OK) != 0);
			value = recovered("power cut", n);
			assert_true(aborts ? value == 1 : !told->ended || value == 2);
		}
	plan.cut = 0;
	assert_in_range(n, 30, STEPS_MAX - 1);
}

static void power_fails_between_any_two_lines(void **state)
{
	(void)state;
	walk_power(0);
	walk_power(1);
}

static int begin_all(void **state)
{
	(void)state;
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return told == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(pitfall_79_each_step_is_the_last),
	        ON_TMPFS(pitfall_79_rolling_back_is_killed),
	        ON_TMPFS(each_instruction_of_a_commit_is_the_last),
	        ON_TMPFS(each_instruction_of_an_abort_is_the_last),
	        ON_TMPFS(power_fails_between_any_two_lines),
	};

	return cmocka_run_group_tests(tests, begin_all, NULL);
}
