/* SPDX-License-Identifier: ISC */
/* From the log to the segments: what is held in memory meanwhile, and where that is not enough. */
#include "config.h"

#include "rvm-support.h"
#include "support.h"

#include "bytes.h"
#include "rvm-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define MODEL (8 * PAGE)
/* More than are held in memory */
#define MANY ((size_t)33000)

static struct commit_error err;

static struct lc_rvm_file file_of(const char *name, uint32_t number, uint64_t inode)
{
	struct lc_rvm_file file = {.number = number, .inode = inode, .fs = 7};

	file.fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(file.fd >= 0);
	return file;
}

static void the_last_value_of_each_byte_counts(void **state)
{
	static unsigned char model[2][MODEL], there[MODEL], bytes[3 * PAGE];
	/* the second has two numbers, as if it had been defined again */
	struct lc_rvm_file files[3] = {file_of("one", 1, 11), file_of("two", 9, 22),
	                               file_of("two", 3, 22)};
	struct lc_rvm_redo redo = {0};
	unsigned seed = 5, i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		struct lc_rvm_file *file = &files[i % 3];
		size_t length = (size_t)rand_r(&seed) % (i % 7 ? 60 : sizeof bytes);
		size_t at = (size_t)rand_r(&seed) % (MODEL - length);

		memset(bytes, (int)i, length);
		memcpy(model[file->inode / 22] + at, bytes, length);
		assert_int_equal(lc_rvm_redo_put(&redo, file, at, bytes, length), 0);
		if (i % 50 == 49)
			assert_int_equal(lc_rvm_redo_write(&redo), 0);
	}
	assert_int_equal(lc_rvm_redo_write(&redo), 0);
	for (i = 0; i < 2; i++) {
		memset(there, 0, sizeof there);
		assert_true(pread(files[i].fd, there, sizeof there, 0) > 0);
		assert_memory_equal(there, model[i], sizeof there);
		assert_int_equal(files[i].touched, 1);
	}
	for (i = 0; i < 3; i++)
		close(files[i].fd);
}

static void memory_is_bounded(void **state)
{
	struct lc_rvm_file file = file_of("one", 1, 11);
	struct lc_rvm_redo redo = {0};
	uint64_t page = 0;
	int rc = 0;

	(void)state;
	for (; !rc; page++)
		rc = lc_rvm_redo_put(&redo, &file, page * PAGE, (const unsigned char *)"x", 1);
	assert_int_equal(rc, -ENOBUFS);
	assert_in_range(page, 1000, MANY - 1);
	/* those that it has may change */
	assert_int_equal(lc_rvm_redo_put(&redo, &file, 0, (const unsigned char *)"y", 1), 0);
	lc_rvm_redo_release(&redo);
	close(file.fd);
}

static int open_in_child(size_t size, struct commit_rvm **rvm, unsigned char **memory)
{
	void *start;

	CHECK(commit_rvm_create_log("log", NULL, &err) == 0);
	CHECK(commit_rvm_initialize("log", NULL, rvm, &err) == 0);
	CHECK(commit_rvm_map(*rvm, "data", 0, size, NULL, COMMIT_RVM_CREATE, &start, &err) == 0);
	*memory = start;
	return 0;
}

static int commit_byte(struct commit_rvm *rvm, unsigned char *at, int value)
{
	struct commit_rvm_xact *x;

	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err) == 0);
	CHECK(commit_rvm_set_range(x, at, 1, &err) == 0);
	*at = (unsigned char)value;
	CHECK(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err) == 0);
	return 0;
}

/* One byte of each page, in one transaction. */
static int die_with_many(void *truncated)
{
	struct commit_rvm_xact *x;
	struct commit_rvm *rvm;
	unsigned char *memory;
	size_t i;

	CHECK(open_in_child(MANY * PAGE, &rvm, &memory) == 0);
	CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err) == 0);
	for (i = 0; i < MANY; i++) {
		CHECK(commit_rvm_set_range(x, memory + i * PAGE + i % PAGE, 1, &err) == 0);
		memory[i * PAGE + i % PAGE] = (unsigned char)(i % 255 + 1);
	}
	CHECK(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err) == 0);
	if (truncated)
		CHECK(commit_rvm_truncate(rvm, &err) == 0);
	/* as it happens, and memcheck does not look for what it leaves */
	raise(SIGKILL);
	return 1;
}

static void expect_many(void)
{
	int fd = open("data", O_RDONLY | O_CLOEXEC);
	unsigned char byte;
	size_t i;

	assert_true(fd >= 0);
	for (i = 0; i < MANY; i++) {
		assert_int_equal(pread(fd, &byte, 1, (off_t)(i * PAGE + i % PAGE)), 1);
		if (byte != i % 255 + 1)
			fail_msg("page %zu: %u", i, byte);
	}
	close(fd);
}

static void recovery_of_more_than_memory_holds(void **state)
{
	(void)state;
	assert_int_equal(in_child(die_with_many, NULL), 128 + SIGKILL);
	finish_rvm(begin_rvm(NULL));
	expect_many();
}

static void truncation_of_more_than_memory_holds(void **state)
{
	(void)state;
	assert_int_equal(in_child(die_with_many, &err), 128 + SIGKILL);
	expect_many();
}

/* a and b are in the log, the second behind the first; the process is dead. */
static int die_with_two(void *truncated_between)
{
	struct commit_rvm *rvm;
	unsigned char *memory;

	CHECK(open_in_child(PAGE, &rvm, &memory) == 0);
	CHECK(commit_byte(rvm, memory, 'a') == 0);
	if (truncated_between)
		CHECK(commit_rvm_truncate(rvm, &err) == 0);
	CHECK(commit_byte(rvm, memory + 1, 'b') == 0);
	raise(SIGKILL);
	return 1;
}

/* Another program's, to which it may have gone since; then recovery runs. */
static void recover_over_theirs(const char *expected)
{
	int fd = open("data", O_RDWR | O_CLOEXEC);
	char there[3] = "";

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "??", 2, 0), 2);
	finish_rvm(begin_rvm(NULL));
	assert_int_equal(pread(fd, there, 2, 0), 2);
	assert_string_equal(there, expected);
	close(fd);
}

static void what_was_truncated_is_not_written_again(void **state)
{
	(void)state;
	assert_int_equal(in_child(die_with_two, &err), 128 + SIGKILL);
	recover_over_theirs("?b");
}

struct again {
	unsigned char segment[LC_RVM_SEGMENT_MAX], xact[64], truncated[8];
	struct lc_log_entry entries[3];
};

/* The last of each type. */
static int copy_record(void *context, const struct lc_record *record)
{
	struct again *again = context;
	int segment = record->type == LC_RVM_SEGMENT;
	unsigned char *copy = segment ? again->segment : again->xact;

	if (!segment && record->type != LC_RVM_XACT)
		return 0;
	memcpy(copy, record->payload, record->length);
	again->entries[!segment] = (struct lc_log_entry){record->type, record->length, 0, copy};
	return 0;
}

/*
 * As truncation leaves it while others commit: the record that says up to where
 * it went comes behind some that it has left alone.
 */
static void what_was_truncated_between_is_not_either(void **state)
{
	int dirfd;
	struct again again;
	struct lc_log_options options;
	struct lc_log *log;
	uint64_t end;

	(void)state;
	assert_int_equal(in_child(die_with_two, NULL), 128 + SIGKILL);
	dirfd = open("log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	lc_log_options_init(&options);
	assert_int_equal(lc_log_open(dirfd, &options, &log, NULL), 0);
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, copy_record, &again), 0);
	lc_put_le64(again.truncated, lc_log_end(log));
	again.entries[2] = (struct lc_log_entry){LC_RVM_TRUNCATED, 8, 0, again.truncated};
	assert_int_equal(lc_log_append(log, again.entries, 3, &end), 0);
	assert_int_equal(lc_log_force(log, end), 0);
	lc_log_close(log);
	close(dirfd);
	recover_over_theirs("?b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(the_last_value_of_each_byte_counts),
	        ON_TMPFS(memory_is_bounded),
	        EVERY(recovery_of_more_than_memory_holds),
	        EVERY(truncation_of_more_than_memory_holds),
	        EVERY(what_was_truncated_is_not_written_again),
	        EVERY(what_was_truncated_between_is_not_either),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
