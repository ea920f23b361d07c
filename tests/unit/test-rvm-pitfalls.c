/* SPDX-License-Identifier: ISC */
/*
 * Pitfalls 66 to 70, 74, 77 and 78 of recoverable memory, by number. 71 is in
 * test-rvm-walk, 72, 75 and 76 in test-rvm, 73 in test-rvm-threads, 79 in
 * test-rvm-vista-death. What the log does about damage in general is in test-log-damage.
 */
#include "config.h"

#include "rvm-support.h"
#include "support.h"

#include "bytes.h"
#include "fault.h"
#include "rvm-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define COMMITS 6
#define LOG_BYTES ((size_t)16 * 4096)
#define SEGMENT "/segment-0000000000000001"

static struct commit_error err;
/* A log with COMMITS transactions in it, none of them applied, and its segment. */
static unsigned char log_bytes[LOG_BYTES], super_bytes[2 * PAGE];
static int log_fd, super_fd, data_fd;

/* Transaction n makes byte 0 and byte n to be n. */
static int die_with_commits(void *context)
{
	const enum commit_rvm_end *mode = context;
	struct commit_rvm_options opt;
	struct commit_rvm *rvm;
	struct commit_rvm_xact *x;
	void *memory;
	int i;

	commit_rvm_options_init(&opt);
	opt.queue_ms = 1000000;
	CHECK(commit_rvm_create_log("log", &opt, NULL) == 0);
	CHECK(commit_rvm_initialize("log", &opt, &rvm, NULL) == 0);
	CHECK(commit_rvm_map(rvm, "data", 0, PAGE, NULL, COMMIT_RVM_CREATE, &memory, NULL) == 0);
	for (i = 1; i <= COMMITS; i++) {
		CHECK(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL) == 0);
		CHECK(commit_rvm_set_range(x, memory, 1, NULL) == 0);
		CHECK(commit_rvm_set_range(x, (char *)memory + i, 1, NULL) == 0);
		*(char *)memory = ((char *)memory)[i] = (char)i;
		CHECK(commit_rvm_end_xact(x, i == COMMITS ? COMMIT_RVM_FLUSH : *mode, NULL) == 0);
	}
	kill(getpid(), SIGKILL);
	return 0;
}

/* In one block, or each in its own. */
static void make_log(enum commit_rvm_end mode)
{
	assert_int_equal(in_child(die_with_commits, &mode), 128 + SIGKILL);
	log_fd = open_file("log" SEGMENT, O_RDWR);
	super_fd = open_file("log/super", O_RDWR);
	data_fd = open_file("data", O_RDWR);
	assert_int_equal(pread(log_fd, log_bytes, LOG_BYTES, 0), LOG_BYTES);
	assert_int_equal(pread(super_fd, super_bytes, sizeof super_bytes, 0), sizeof super_bytes);
	/* the names go with each recovery, the inodes stay */
	assert_int_equal(system("mkdir keep; ln log/* keep/"), 0);
	assert_int_equal(access("keep/super", F_OK), 0);
	assert_int_equal(access("keep" SEGMENT, F_OK), 0);
}

static void close_log(void)
{
	close(log_fd);
	close(super_fd);
	close(data_fd);
}

/* The log as it was, but for its first segment's bytes. */
static void put_log(const unsigned char *bytes, size_t size)
{
	static const char zeros[COMMITS + 1];

	assert_int_equal(ftruncate(log_fd, 0), 0);
	assert_int_equal(ftruncate(log_fd, (off_t)1024 * 1024), 0);
	assert_int_equal(pwrite(log_fd, bytes, size, 0), size);
	assert_int_equal(pwrite(super_fd, super_bytes, sizeof super_bytes, 0), sizeof super_bytes);
	assert_int_equal(pwrite(data_fd, zeros, sizeof zeros, 0), sizeof zeros);
	unlink("log/super");
	unlink("log" SEGMENT);
	unlink("log/segment-0000000000000002");
	assert_int_equal(link("keep/super", "log/super"), 0);
	assert_int_equal(link("keep" SEGMENT, "log" SEGMENT), 0);
}

/* How many commits there are, -1 if the log was refused; fails if it is no prefix. */
static int commits_found(void)
{
	unsigned char bytes[COMMITS + 1];
	struct commit_rvm *rvm;
	int rc = commit_rvm_initialize("log", NULL, &rvm, &err), i;

	assert_int_equal(pread(data_fd, bytes, sizeof bytes, 0), sizeof bytes);
	if (rc) {
		expect_error(rc, &err, COMMIT_ECONFLICT, EBADMSG);
		assert_int_equal(bytes[0], 0);
		return -1;
	}
	assert_in_range(bytes[0], 0, COMMITS);
	for (i = 1; i <= COMMITS; i++)
		assert_int_equal(bytes[i], i <= bytes[0] ? i : 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	return bytes[0];
}

/* Where transaction n stands: the nth record of its type. */
static size_t record_at(unsigned n, struct lc_record *record)
{
	size_t at;

	for (at = PAGE; at < LOG_BYTES - LC_RECORD_HEAD; at += 8)
		if (!lc_record_open(log_bytes + at, LOG_BYTES - at, record) &&
		    record->type == LC_RVM_XACT && --n == 0)
			return at;
	fail_msg("no such record");
	return 0;
}

static void pitfall_66_two_words_swapped(void **state)
{
	unsigned char bad[LOG_BYTES];
	struct lc_record record;
	size_t at, end, word;
	unsigned n;

	(void)state;
	make_log(COMMIT_RVM_FLUSH);
	for (n = 1; n <= COMMITS; n += COMMITS - 1) {
		at = record_at(n, &record);
		end = at + lc_record_size(record.length);
		for (word = at; word + 16 <= end; word += 8) {
			memcpy(bad, log_bytes, sizeof bad);
			memcpy(bad + word, log_bytes + word + 8, 8);
			memcpy(bad + word + 8, log_bytes + word, 8);
			if (memcmp(bad, log_bytes, sizeof bad) == 0)
				continue;
			put_log(bad, sizeof bad);
			/* one that others came after is damage; the last one may be a torn tail */
			assert_int_equal(commits_found(), n == 1 ? -1 : COMMITS - 1);
		}
	}
	close_log();
}

/* Of record 2, whose checksum is right: written so by a stranger, or by a broken library. */
static void reseal(unsigned char *bad, size_t field, uint64_t value, size_t size)
{
	struct lc_record record;
	size_t at = record_at(2, &record), i;

	memcpy(bad, log_bytes, LOG_BYTES);
	for (i = 0; i < size; i++)
		bad[at + LC_RECORD_HEAD + field + i] = (unsigned char)(value >> (8 * i));
	lc_record_seal(bad + at, &record);
}

static void pitfall_67_a_damaged_range(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
		size_t size;
	} forged[] = {
	        {0, 77, 4},         {4, 0, 4},         {4, 0xffffffff, 4}, {4, 10000, 4},
	        {8, UINT64_MAX, 8}, {8, INT64_MAX, 8}, {8, 1ull << 63, 8},
	};
	unsigned char bad[LOG_BYTES];
	struct lc_record record;
	size_t at, i;

	(void)state;
	make_log(COMMIT_RVM_FLUSH);
	at = record_at(2, &record) + LC_RECORD_HEAD;
	/* number, length and offset of the first range: every bit */
	for (i = 0; i < 8 * LC_RVM_RANGE_HEAD; i++) {
		memcpy(bad, log_bytes, sizeof bad);
		bad[at + i / 8] ^= (unsigned char)(1 << i % 8);
		put_log(bad, sizeof bad);
		assert_int_equal(commits_found(), -1);
	}
	/* sealed again, with what it said anyway */
	reseal(bad, 4, 1, 4);
	put_log(bad, sizeof bad);
	assert_int_equal(commits_found(), COMMITS);
	for (i = 0; i < COUNT_OF(forged); i++) {
		reseal(bad, forged[i].field, forged[i].value, forged[i].size);
		put_log(bad, sizeof bad);
		assert_int_equal(commits_found(), -1);
	}
	close_log();
}

static void pitfall_68_each_superblock_sector_zeroed(void **state)
{
	static const unsigned char zeros[512];
	size_t sector;

	(void)state;
	make_log(COMMIT_RVM_FLUSH);
	for (sector = 0; sector < sizeof super_bytes; sector += sizeof zeros) {
		put_log(log_bytes, sizeof log_bytes);
		assert_int_equal(pwrite(super_fd, zeros, sizeof zeros, (off_t)sector),
		                 sizeof zeros);
		assert_int_equal(commits_found(), COMMITS);
	}
	close_log();
}

/* Whole records of before, where the next one would stand. */
static void pitfall_69_a_record_of_the_previous_lap(void **state)
{
	unsigned char bad[LOG_BYTES];
	struct lc_record record;
	size_t last, from;
	unsigned n;

	(void)state;
	make_log(COMMIT_RVM_FLUSH);
	last = record_at(COMMITS, &record) + lc_record_size(record.length);
	for (n = 1; n <= COMMITS; n++) {
		from = record_at(n, &record);
		memcpy(bad, log_bytes, sizeof bad);
		memcpy(bad + last, log_bytes + from, lc_record_size(record.length));
		memcpy(bad + (last + PAGE - 1) / PAGE * PAGE, log_bytes + from,
		       lc_record_size(record.length));
		put_log(bad, sizeof bad);
		assert_int_equal(commits_found(), COMMITS);
	}
	close_log();
}

static void pitfall_70_cut_at_every_byte(void **state)
{
	struct lc_record record;
	size_t cut, end;
	int found, before = 0;

	(void)state;
	make_log(COMMIT_RVM_NO_FLUSH);
	end = record_at(COMMITS, &record) + lc_record_size(record.length);
	for (cut = record_at(1, &record); cut <= end; cut++) {
		put_log(log_bytes, sizeof log_bytes);
		assert_int_equal(ftruncate(log_fd, (off_t)cut), 0);
		found = commits_found();
		assert_in_range(found, before, before + 1);
		before = found;
	}
	assert_int_equal(before, COMMITS);
	close_log();
}

static pthread_mutex_t meeting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static pthread_t terminator;
static int truncating;

/* The library's thread is about to flush the segment; terminate begins before it does. */
static void meet(void *context, const char *call)
{
	(void)context;
	if (strcmp(call, "fdatasync") != 0 || pthread_equal(pthread_self(), terminator))
		return;
	pthread_mutex_lock(&meeting);
	truncating = 1;
	pthread_cond_signal(&arrived);
	pthread_mutex_unlock(&meeting);
	usleep(20000);
}

static void pitfall_74_terminate_during_truncation(void **state)
{
	struct commit_rvm_options opt;
	struct commit_rvm_xact *x;
	struct commit_rvm *rvm;
	static char want[200 * PAGE];
	void *memory;
	size_t i;

	(void)state;
	commit_rvm_options_init(&opt);
	opt.log_size = (uint64_t)1024 * 1024;
	opt.queue_bytes = 1024;
	opt.truncate_percent = 10;
	assert_int_equal(commit_rvm_create_log("log", &opt, &err), 0);
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	assert_int_equal(
	        commit_rvm_map(rvm, "data", 0, sizeof want, NULL, COMMIT_RVM_CREATE, &memory, &err),
	        0);
	terminator = pthread_self();
	lc_fault_watch(meet, NULL);
	fill(want, sizeof want, 5);
	for (i = 0; i < 200; i += 50) {
		assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err), 0);
		assert_int_equal(
		        commit_rvm_set_range(x, (char *)memory + i * PAGE, 50 * PAGE, &err), 0);
		memcpy((char *)memory + i * PAGE, want + i * PAGE, 50 * PAGE);
		assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	}
	pthread_mutex_lock(&meeting);
	while (!truncating)
		pthread_cond_wait(&arrived, &meeting);
	pthread_mutex_unlock(&meeting);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	lc_fault_watch(NULL, NULL);
	expect_bytes("data", want, sizeof want);
	/* nothing is left to be done */
	assert_int_equal(unlink("data"), 0);
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}

static void pitfall_77_unmap_with_an_open_transaction(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);
	char *memory = map_data(rvm, "data", PAGE);
	struct commit_rvm_xact *x;

	(void)state;
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	assert_int_equal(commit_rvm_set_range(x, memory, 4, &err), 0);
	memcpy(memory, "open", 4);
	expect_error(commit_rvm_unmap(rvm, memory, &err), &err, COMMIT_EREFUSED, EBUSY);
	assert_memory_equal(memory, "open", 4);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	assert_int_equal(commit_rvm_unmap(rvm, memory, &err), 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}

/* Those two end at once: a search for leaks would miss the parent's thread. */
static int open_as_second(void *context)
{
	struct commit_error why;
	struct commit_rvm *rvm;

	(void)context;
	CHECK(commit_rvm_initialize("log", NULL, &rvm, &why) == COMMIT_EBUSY);
	CHECK(why.errnum == EBUSY && strcmp(why.path, "log") == 0);
	_exit(0);
}

/* With a log of his own, but the same segment. */
static int map_as_second(void *context)
{
	struct commit_error why;
	struct commit_rvm *rvm;
	void *memory;

	(void)context;
	CHECK(commit_rvm_create_log("log2", NULL, &why) == 0);
	CHECK(commit_rvm_initialize("log2", NULL, &rvm, &why) == 0);
	CHECK(commit_rvm_map(rvm, "data", 0, PAGE, NULL, 0, &memory, &why) == COMMIT_EBUSY);
	CHECK(commit_rvm_terminate(rvm, &why) == 0);
	_exit(0);
}

static void pitfall_78_a_second_process(void **state)
{
	struct commit_rvm *rvm = begin_rvm(NULL);

	(void)state;
	map_data(rvm, "data", PAGE);
	assert_int_equal(in_child(open_as_second, NULL), 0);
	assert_int_equal(in_child(map_as_second, NULL), 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(pitfall_66_two_words_swapped),
	        ON_TMPFS(pitfall_67_a_damaged_range),
	        ON_TMPFS(pitfall_68_each_superblock_sector_zeroed),
	        ON_TMPFS(pitfall_69_a_record_of_the_previous_lap),
	        ON_TMPFS(pitfall_70_cut_at_every_byte),
	        EVERY(pitfall_74_terminate_during_truncation),
	        EVERY(pitfall_77_unmap_with_an_open_transaction),
	        EVERY(pitfall_78_a_second_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
