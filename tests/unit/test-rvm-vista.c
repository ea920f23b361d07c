/* SPDX-License-Identifier: ISC */
/* The Vista mode of recoverable memory: what each call does, and what it refuses. */
#include "config.h"

#include "rvm-support.h"
#include "support.h"

#include "bytes.h"
#include "record.h"
#include "rvm-vista.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (16 * PAGE)

static struct commit_error err;

static struct commit_rvm_options vista(void)
{
	struct commit_rvm_options opt;

	commit_rvm_options_init(&opt);
	opt.mode = COMMIT_RVM_VISTA;
	return opt;
}

static struct commit_rvm *begin(void)
{
	struct commit_rvm_options opt = vista();

	return begin_rvm(&opt);
}

/* Changes are in the file at once; what is not declared as well, for the mapping is shared. */
static void a_commit_is_in_the_file(void **state)
{
	struct commit_rvm *rvm = begin();
	char *memory = map_data(rvm, "data", SIZE), want[SIZE] = {0};
	struct commit_rvm_xact *x = begin_xact(rvm);

	(void)state;
	set_text(x, memory + 5000, "hello");
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), 0);
	memcpy(want + 5000, "hello", 5);
	expect_bytes("data", want, SIZE);
	finish_rvm(rvm);
	rvm = begin();
	assert_memory_equal(map_data(rvm, "data", SIZE), want, SIZE);
	finish_rvm(rvm);
	expect_bytes("data", want, SIZE);
	/* nothing but the mark is left in the log */
	assert_int_equal(rmdir("log"), -1);
	assert_int_equal(unlink("log/vista"), 0);
	assert_int_equal(rmdir("log"), 0);
}

static void nothing_is_asked_of_the_kernel(void **state)
{
	struct commit_rvm *rvm = begin();
	char *memory = map_data(rvm, "data", SIZE);
	struct commit_rvm_xact *x = begin_xact(rvm);
	const char *trace;
	size_t i;

	(void)state;
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	trace_begin();
	for (i = 0; i < 3; i++) {
		x = begin_xact(rvm);
		set_text(x, memory + i * 100, "bytes");
		if (i == 2)
			assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
		else
			assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	}
	/* the steps of the protocol, where a test may end the process, and nothing else */
	for (trace = trace_end(); *(trace += strspn(trace, " ")); trace += strlen("vista"))
		if (strncmp(trace, "vista ", 6) != 0)
			fail_msg("a call: %s", trace);
	finish_rvm(rvm);
}

static void abort_restores_ranges_that_overlap(void **state)
{
	struct commit_rvm *rvm = begin();
	char *memory = map_data(rvm, "data", SIZE);
	static char before[600];
	unsigned seed = 3, round, i;

	(void)state;
	fill(before, sizeof before, 7);
	memcpy(memory, before, sizeof before);
	for (round = 0; round < 200; round++) {
		struct commit_rvm_xact *x = begin_xact(rvm);

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

static void what_is_refused(void **state)
{
	struct commit_rvm_options opt = vista(), lrvm;
	struct commit_rvm *rvm = begin(), *other;
	char *memory = map_data(rvm, "data", SIZE), text[8];
	struct commit_rvm_xact *x = begin_xact(rvm);
	void *second;

	(void)state;
	commit_rvm_options_init(&lrvm);
	expect_error(commit_rvm_create_log("log", &opt, &err), &err, COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_create_log("log", &lrvm, &err), &err, COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_initialize("log", &opt, &other, &err), &err, COMMIT_EBUSY, EBUSY);
	expect_error(commit_rvm_set_range(x, text, 8, &err), &err, COMMIT_EUSAGE, EFAULT);
	expect_error(commit_rvm_set_range(x, memory + SIZE - 4, 8, &err), &err, COMMIT_EUSAGE,
	             EFAULT);
	set_text(x, memory, "x");
	expect_error(commit_rvm_unmap(rvm, memory, &err), &err, COMMIT_EREFUSED, EBUSY);
	expect_error(commit_rvm_terminate(rvm, &err), &err, COMMIT_EREFUSED, EBUSY);
	expect_error(commit_rvm_set_options(rvm, &lrvm, &err), &err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_rvm_map(rvm, "data", PAGE, PAGE, NULL, 0, &second, &err), &err,
	             COMMIT_EREFUSED, EEXIST);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	assert_int_equal(commit_rvm_unmap(rvm, memory, &err), 0);
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err), 0);
	expect_error(commit_rvm_set_range(x, memory, 8, &err), &err, COMMIT_EUSAGE, EFAULT);
	expect_error(commit_rvm_abort_xact(x, &err), &err, COMMIT_EREFUSED, EINVAL);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	finish_rvm(rvm);
	expect_error(commit_rvm_initialize("log", &lrvm, &rvm, &err), &err, COMMIT_EREFUSED,
	             EINVAL);
	assert_int_equal(commit_rvm_create_log("log2", &lrvm, &err), 0);
	expect_error(commit_rvm_create_log("log2", &opt, &err), &err, COMMIT_EREFUSED, EEXIST);
	expect_error(commit_rvm_initialize("log2", &opt, &rvm, &err), &err, COMMIT_EREFUSED,
	             EINVAL);
	opt.mode = (enum commit_rvm_mode)7;
	expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_EUSAGE, EINVAL);
}

/* More regions than a transaction can use without the mutex; unmapped and mapped again. */
static void many_regions_in_one_transaction(void **state)
{
	struct commit_rvm *rvm = begin();
	char *memory[12], name[16];
	struct commit_rvm_xact *x, *y;
	int i, round;

	(void)state;
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 12; i++) {
			snprintf(name, sizeof name, "data%d", i);
			memory[i] = map_data(rvm, name, PAGE);
		}
		x = begin_xact(rvm);
		y = begin_xact(rvm);
		for (i = 0; i < 12; i++) {
			set_text(x, memory[i], "first");
			set_text(x, memory[11 - i] + 100, "again");
			expect_error(commit_rvm_unmap(rvm, memory[i], &err), &err, COMMIT_EREFUSED,
			             EBUSY);
		}
		set_text(y, memory[3] + 200, "other");
		assert_int_equal(round ? commit_rvm_abort_xact(x, &err)
		                       : commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err),
		                 0);
		for (i = 0; i < 12; i++) {
			assert_memory_equal(memory[i], "first", 5);
			if (i != 3)
				assert_int_equal(commit_rvm_unmap(rvm, memory[i], &err), 0);
		}
		expect_error(commit_rvm_unmap(rvm, memory[3], &err), &err, COMMIT_EREFUSED, EBUSY);
		assert_int_equal(commit_rvm_end_xact(y, COMMIT_RVM_FLUSH, &err), 0);
		assert_int_equal(commit_rvm_unmap(rvm, memory[3], &err), 0);
	}
	finish_rvm(rvm);
}

/* Opens a transaction with that many bytes changed, and dies. */
static int die_open(void *context)
{
	const size_t *length = context;
	struct commit_rvm_options opt = vista();
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	void *memory;

	CHECK(commit_rvm_create_log("log", &opt, NULL) == 0);
	CHECK(commit_rvm_initialize("log", &opt, &rvm, NULL) == 0);
	CHECK(commit_rvm_map(rvm, "data", 0, 64 * SIZE, NULL, COMMIT_RVM_CREATE, &memory, NULL) ==
	      0);
	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, NULL) == 0);
	CHECK(commit_rvm_set_range(x, memory, *length, NULL) == 0);
	memset(memory, '1', *length);
	CHECK(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, NULL) == 0);
	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL) == 0);
	CHECK(commit_rvm_set_range(x, memory, *length, NULL) == 0);
	memset(memory, '2', *length);
	CHECK(commit_rvm_set_range(x, memory, 5, NULL) == 0);
	memset(memory, '3', 5);
	kill(getpid(), SIGKILL);
	return 0;
}

/* An undo log that has grown. */
static void a_crash_is_an_abort(void **state)
{
	size_t length = 1000000, i;
	struct commit_rvm *rvm;
	const char *memory;

	(void)state;
	assert_int_equal(in_child(die_open, &length), 128 + SIGKILL);
	rvm = begin();
	memory = map_data(rvm, "data", SIZE);
	for (i = 0; i < SIZE; i++)
		assert_int_equal(memory[i], '1');
	finish_rvm(rvm);
}

static void a_segment_that_is_gone(void **state)
{
	struct commit_rvm_options opt = vista();
	struct commit_rvm *rvm;
	size_t length = 10;

	(void)state;
	assert_int_equal(in_child(die_open, &length), 128 + SIGKILL);
	assert_int_equal(rename("data", "moved"), 0);
	expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
	             ESTALE);
	put("data", "another file");
	expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
	             ESTALE);
	expect_file("data", "another file");
	assert_int_equal(rename("moved", "data"), 0);
	finish_rvm(begin());
}

/* Pitfalls 66 and 67 for undo logs: words swapped, bits flipped, and a copy of a log. */
static void a_damaged_undo_log_is_refused(void **state)
{
	static unsigned char whole[4096 + 128], bad[sizeof whole];
	struct commit_rvm_options opt = vista();
	struct commit_rvm *rvm;
	unsigned flipped = 0;
	size_t length = 10, at, used = LC_UNDO_HEAD + 2 * LC_UNDO_RECORD + 24;
	int fd;

	(void)state;
	assert_int_equal(in_child(die_open, &length), 128 + SIGKILL);
	fd = open_file("log/undo-00000001", O_RDWR);
	assert_int_equal(pread(fd, whole, sizeof whole, 0), sizeof whole);
	for (at = 0; at < 8 * used; at++) {
		/* zeros between the end and the first record mean nothing */
		if (at / 8 >= 40 && at / 8 < LC_UNDO_HEAD && (at / 8 < 64 || at / 8 >= 72))
			continue;
		memcpy(bad, whole, sizeof whole);
		bad[at / 8] ^= (unsigned char)(1 << at % 8);
		assert_int_equal(pwrite(fd, bad, sizeof bad, 0), sizeof bad);
		expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
		             EBADMSG);
		flipped++;
	}
	assert_true(flipped > 8 * 100);
	for (at = LC_UNDO_HEAD; at + 16 <= used; at += 8) {
		memcpy(bad, whole, sizeof whole);
		memcpy(bad + at, whole + at + 8, 8);
		memcpy(bad + at + 8, whole + at, 8);
		if (memcmp(bad, whole, sizeof bad) == 0)
			continue;
		assert_int_equal(pwrite(fd, bad, sizeof bad, 0), sizeof bad);
		expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
		             EBADMSG);
	}
	assert_int_equal(pwrite(fd, whole, sizeof whole, 0), sizeof whole);
	close(fd);
	/* another inode: a copy of the log must not undo what the program goes on to write */
	assert_int_equal(system("cp -r log copy"), 0);
	expect_error(commit_rvm_initialize("copy", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
	             EBADMSG);
	finish_rvm(begin());
}

/* Two transactions, open on two undo logs. */
static int die_with_two(void *context)
{
	struct commit_rvm *rvm = begin();
	char *memory = map_data(rvm, "data", PAGE);
	struct commit_rvm_xact *x = begin_xact(rvm), *y = begin_xact(rvm);

	(void)context;
	set_text(x, memory, "first");
	set_text(y, memory + 100, "second");
	kill(getpid(), SIGKILL);
	return 0;
}

/* All logs are looked at before the first byte is put back. */
static void one_damaged_log_of_two(void **state)
{
	static const char *const names[] = {"log/undo-00000001", "log/undo-00000002"};
	struct commit_rvm_options opt = vista();
	struct commit_rvm *rvm;
	char byte, content[106];
	unsigned i;
	int fd;

	(void)state;
	assert_int_equal(in_child(die_with_two, NULL), 128 + SIGKILL);
	for (i = 0; i < 4; i++) {
		fd = open_file(names[i / 2], O_RDWR);
		assert_int_equal(pread(fd, &byte, 1, LC_UNDO_HEAD + 9), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, LC_UNDO_HEAD + 9), 1);
		close(fd);
		if (i % 2)
			continue;
		expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
		             EBADMSG);
		fd = open_file("data", O_RDONLY);
		assert_int_equal(pread(fd, content, sizeof content, 0), sizeof content);
		close(fd);
		assert_memory_equal(content, "first", 5);
		assert_memory_equal(content + 100, "second", 6);
	}
	finish_rvm(begin());
}

/* The boot in which memory was not on persistent memory was another one. */
static void a_restart_is_not_survived(void **state)
{
	unsigned char bytes[LC_RECORD_HEAD + 8];
	const struct lc_record record = {.type = 2, .length = 4};
	struct commit_rvm_options opt = vista();
	struct commit_rvm *rvm;
	size_t length = 10;

	(void)state;
	assert_int_equal(in_child(die_open, &length), 128 + SIGKILL);
	assert_int_equal(access("log/volatile", F_OK), 0);
	lc_put_le32(bytes + LC_RECORD_HEAD, 12345);
	put_bytes("log/volatile", bytes, lc_record_seal(bytes, &record));
	expect_error(commit_rvm_initialize("log", &opt, &rvm, &err), &err, COMMIT_ECONFLICT,
	             ENOTRECOVERABLE);
	opt.accept_restart = 1;
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	assert_memory_equal(map_data(rvm, "data", PAGE), "1111111111", 11);
	finish_rvm(rvm);
	/* after an orderly end it does not matter in which boot it was */
	opt.accept_restart = 0;
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	finish_rvm(rvm);
}

static void a_full_disk_is_met_when_mapping(void **state)
{
	struct commit_rvm *rvm = begin();
	char *memory = map_data(rvm, "data", 64 * SIZE);
	struct commit_rvm_xact *x = begin_xact(rvm);
	void *at;

	(void)state;
	fault("1:ENOSPC:reserve");
	expect_error(commit_rvm_map(rvm, "more", 0, PAGE, NULL, COMMIT_RVM_CREATE, &at, &err), &err,
	             COMMIT_EFAILED, ENOSPC);
	expect_fired();
	/* an undo log that cannot grow: what was declared before stays declared */
	set_text(x, memory, "begun");
	fault("1:ENOSPC:reserve");
	expect_error(commit_rvm_set_range(x, memory + 10, 1000000, &err), &err, COMMIT_EFAILED,
	             ENOSPC);
	expect_fired();
	assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
	assert_memory_equal(memory, "\0\0\0\0\0", 6);
	/* of a range that is several records none is declared */
	x = begin_xact(rvm);
	fault("2:ENOSPC:reserve");
	expect_error(commit_rvm_set_range(x, memory + 10, 48 * SIZE, &err), &err, COMMIT_EFAILED,
	             ENOSPC);
	expect_fired();
	memory[500] = 'k';
	assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
	assert_int_equal(memory[500], 'k');
	finish_rvm(rvm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_commit_is_in_the_file),
	        EVERY(nothing_is_asked_of_the_kernel),
	        EVERY(abort_restores_ranges_that_overlap),
	        EVERY(what_is_refused),
	        EVERY(many_regions_in_one_transaction),
	        EVERY(a_crash_is_an_abort),
	        EVERY(a_segment_that_is_gone),
	        EVERY(a_damaged_undo_log_is_refused),
	        EVERY(one_damaged_log_of_two),
	        EVERY(a_restart_is_not_survived),
	        EVERY(a_full_disk_is_met_when_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
