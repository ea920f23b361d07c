/* SPDX-License-Identifier: ISC */
/*
 * Missing and damaged files, and directories that somebody else has filled.
 */
#include "config.h"

#include "log-support.h"

#include "bytes.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* commit-log(5) */
enum { AT_RECORD = 16, AT_PAYLOAD = AT_RECORD + LC_RECORD_HEAD };

static void a_missing_segment_is_damage(void **state)
{
	struct lc_log_report report;
	struct seen seen;
	unsigned n, files;

	(void)state;
	begin_log(40);
	end_log();
	files = segment_files();
	for (n = 1; n < files; n++) {
		char name[LC_LOG_NAME_SIZE];

		strcpy(name, segment_file(n));
		assert_return_code(rename(name, "elsewhere"), errno);
		assert_int_equal(look_again(held.dirfd, &held.options, &seen, &report), -EBADMSG);
		assert_true(report.damaged >= LC_LOG_START);
		assert_return_code(rename("elsewhere", name), errno);
		/* zeros in its place: it was begun, or nothing could follow it */
		assert_return_code(rename(name, "elsewhere"), errno);
		put(name, "");
		expect_refused(-EBADMSG);
		assert_return_code(rename("elsewhere", name), errno);
	}
	expect_batches(1, 40);
	close(held.dirfd);
}

/* The last record of a segment is damaged, and the next one has no records yet. */
static void the_last_record_before_an_empty_segment(void **state)
{
	struct lc_log_report report;
	struct seen seen;
	uint64_t at;
	int fd;

	(void)state;
	begin_log(2);
	at = held.begins[2] + LC_LOG_BLOCK - LC_LOG_START + 600;
	assert_int_equal(lc_log_reserve(held.log, 3 * LC_LOG_BLOCK), 0);
	end_log();
	assert_int_equal(segment_files(), 2);
	fd = open_file(segment_file(1), O_RDWR);
	assert_int_equal(pwrite(fd, "?", 1, (off_t)at), 1);
	close(fd);
	assert_int_equal(look_again(held.dirfd, &held.options, &seen, &report), -EBADMSG);
	assert_true(report.damaged > held.begins[2] && report.damaged < held.begins[2] + 600);
	close(held.dirfd);
}

static void a_damaged_header_with_records_behind_it(void **state)
{
	unsigned char *good;
	char last[LC_LOG_NAME_SIZE];
	size_t length;

	(void)state;
	begin_log(40);
	end_log();
	strcpy(last, segment_file(segment_files()));
	good = get_bytes(last, &length);
	zero_bytes(last, 0, LC_LOG_BLOCK);
	expect_refused(-EBADMSG);
	put_bytes(last, good, length);
	zero_bytes(last, 40, 1);
	expect_refused(-EBADMSG);
	/* and with nothing behind it: a header that was torn, nothing acknowledged */
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), -EBADMSG);
	put_bytes(last, good, length);
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	assert_int_equal(lc_log_reserve(held.log, 3 * LC_LOG_BLOCK), 0);
	assert_int_equal(lc_log_reserve(held.log, 5 * LC_LOG_BLOCK), 0);
	end_log();
	strcpy(last, segment_file(segment_files()));
	zero_bytes(last, 40, 20);
	expect_batches(1, 40);
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	write_batches(41, 60);
	end_log();
	expect_batches(1, 60);
	free(good);
	close(held.dirfd);
}

static void a_commit_record_that_does_not_fit(void **state)
{
	struct lc_record record;
	struct lc_log_report report;
	struct seen seen;
	unsigned char *bytes;
	uint64_t at;
	size_t length;
	unsigned change;

	(void)state;
	begin_log(1);
	at = lc_log_end(held.log) - lc_record_size(LC_COMMIT_PAYLOAD);
	end_log();
	/* count, digest; type and transaction of what it covers are in the digest */
	for (change = 0; change < LC_COMMIT_PAYLOAD; change++) {
		bytes = get_bytes(segment_file(1), &length);
		assert_int_equal(lc_record_open(bytes + at, length - at, &record), 0);
		assert_int_equal(record.type, LC_LOG_COMMIT);
		bytes[at + LC_RECORD_HEAD + change] ^= 1;
		lc_record_seal(bytes + at, &record);
		put_bytes("forged", bytes, length);
		bytes[at + LC_RECORD_HEAD + change] ^= 1;
		lc_record_seal(bytes + at, &record);
		put_bytes("good", bytes, length);
		free(bytes);
		assert_return_code(rename("forged", segment_file(1)), errno);
		assert_int_equal(look_again(held.dirfd, &held.options, &seen, &report), -EBADMSG);
		assert_true(report.damaged == at);
		assert_return_code(rename("good", segment_file(1)), errno);
	}
	expect_batches(1, 1);
	close(held.dirfd);
}

/* Gives a superblock or header other fields, and a checksum that fits. */
static void forge(const char *name, size_t block, size_t field, uint64_t value)
{
	size_t length;
	unsigned char *bytes = get_bytes(name, &length);
	unsigned char *at = bytes + block + AT_RECORD;
	struct lc_record record;

	assert_int_equal(lc_record_open(at, length - block - AT_RECORD, &record), 0);
	lc_put_le64(at + LC_RECORD_HEAD + field, value);
	lc_record_seal(at, &record);
	put_bytes(name, bytes, length);
	free(bytes);
}

static void forged_superblocks(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
	} wrong[] = {{0, UINT64_MAX - 1},
	             {0, (uint64_t)INT64_MAX + 1},
	             {8, 0},
	             {8, 2},
	             {8, (uint64_t)1 << 40},
	             {8, INT64_MAX - 1},
	             {8, UINT64_MAX},
	             {16, 0},
	             {16, 4095},
	             {16, UINT64_MAX},
	             {16, (uint64_t)1 << 40}};
	unsigned char *good;
	size_t i, length;

	(void)state;
	begin_log(3);
	end_log();
	good = get_bytes("super", &length);
	for (i = 0; i < COUNT_OF(wrong); i++) {
		zero_bytes("super", LC_LOG_BLOCK, LC_LOG_BLOCK);
		forge("super", 0, wrong[i].field, wrong[i].value);
		expect_refused(-EBADMSG);
		put_bytes("super", good, length);
	}
	/* The other's segment is far behind: nobody counts the files between. */
	forge("super", LC_LOG_BLOCK, 8, (uint64_t)1 << 40);
	expect_refused(-EBADMSG);
	free(good);
	close(held.dirfd);
}

static void forged_headers(void **state)
{
	static const struct {
		size_t field;
		uint64_t value;
	} wrong[] = {{0, 2},  {8, 0},           {8, 4104},        {8, UINT64_MAX - 4095}, {24, 0},
	             {24, 1}, {24, UINT64_MAX}, {24, 4096 + 512}, {24, (uint64_t)1 << 40}};
	struct lc_segment segment;
	struct lc_log_image image;
	struct lc_log_report report;
	struct seen seen;
	unsigned char *good;
	size_t i, length;

	(void)state;
	begin_log(3);
	end_log();
	good = get_bytes(segment_file(1), &length);
	for (i = 0; i < COUNT_OF(wrong); i++) {
		forge(segment_file(1), 0, wrong[i].field, wrong[i].value);
		expect_refused(-EBADMSG);
		put_bytes(segment_file(1), good, length);
	}
	/* As large as may be, but the file is not: no memory for what is not there. */
	forge(segment_file(1), 0, 24, LC_LOG_SEGMENT_MAX);
	assert_int_equal(lc_segment_open(held.dirfd, 1, 1, &segment), 0);
	assert_int_equal(lc_segment_load(held.dirfd, &segment, &image), 0);
	assert_true(image.size == length);
	lc_log_unload(&image);
	lc_fault_closed(segment.fd);
	close(segment.fd);
	assert_int_equal(look_again(held.dirfd, &held.options, &seen, &report), 0);
	assert_int_equal(seen.last, 3);
	free(good);
	close(held.dirfd);
}

/* Heads behind the end that claim long payloads, each to be proved. */
static void heads_that_cost_time(void **state)
{
	struct lc_record record = {.type = 16};
	struct lc_segment segment;
	struct lc_log_report report;
	struct seen seen;
	unsigned char *bytes;
	size_t at, length;

	(void)state;
	held.options = small_log();
	held.options.segment_size = 8 * 1024 * 1024;
	held.dirfd = new_log(&held.options, &held.log);
	write_batches(1, 3);
	segment = held.log->current;
	at = (size_t)(lc_log_end(held.log) - segment.first) + LC_LOG_BLOCK;
	end_log();
	bytes = get_bytes(segment_file(1), &length);
	for (; at + LC_RECORD_HEAD < length; at += LC_RECORD_HEAD) {
		record.position = segment.first + at - LC_LOG_BLOCK;
		record.salt = segment.salt;
		lc_record_seal(bytes + at, &record);
		lc_put_le32(bytes + at, (uint32_t)(length - at - LC_RECORD_HEAD));
	}
	put_bytes(segment_file(1), bytes, length);
	free(bytes);
	alarm(30);
	assert_int_equal(look_again(held.dirfd, &held.options, &seen, &report), -EBADMSG);
	alarm(0);
	close(held.dirfd);
}

static void make_other_file(const char *name, unsigned kind)
{
	assert_return_code(rename(name, "kept"), errno);
	switch (kind) {
	case 0:
		assert_return_code(mkfifo(name, 0600), errno);
		break;
	case 1:
		assert_return_code(symlink("kept", name), errno);
		break;
	case 2:
		assert_return_code(symlink("/nonexistent/file", name), errno);
		break;
	case 3:
		assert_return_code(mkdir(name, 0700), errno);
		break;
	default:
		if (geteuid() == 0)
			assert_return_code(mknod(name, S_IFCHR | 0600, makedev(1, 5)), errno);
		else
			put(name, "");
	}
}

/* Opening a fifo would wait, following a link would leave the directory. */
static void other_kinds_of_files(void **state)
{
	static const char *const names[] = {"super", "segment-0000000000000001",
	                                    "segment-0000000000000002"};
	struct seen seen;
	unsigned kind;
	size_t i;

	(void)state;
	begin_log(30);
	end_log();
	alarm(30);
	for (i = 0; i < COUNT_OF(names); i++) {
		for (kind = 0; kind < 5; kind++) {
			held.options.look_only = kind % 2 != 0;
			make_other_file(names[i], kind);
			assert_int_equal(look_again(held.dirfd, &held.options, &seen, NULL),
			                 -EBADMSG);
			assert_int_equal(lc_log_create(held.dirfd, &held.options), -EEXIST);
			assert_return_code(remove(names[i]), errno);
			assert_return_code(rename("kept", names[i]), errno);
		}
	}
	alarm(0);
	expect_batches(1, 30);
	close(held.dirfd);
}

static void names_that_are_not_ours_are_left_alone(void **state)
{
	static const char *const names[] = {"segment-",
	                                    "segment-1",
	                                    "segment-00000000000000FF",
	                                    "segment-00000000000000010",
	                                    "segment-000000000000000g",
	                                    "segment--000000000000001"};
	size_t i;

	(void)state;
	begin_log(3);
	end_log();
	for (i = 0; i < COUNT_OF(names); i++)
		put(names[i], "somebody's");
	expect_batches(1, 3);
	for (i = 0; i < COUNT_OF(names); i++)
		expect_file(names[i], "somebody's");
	close(held.dirfd);
}

static void no_log(void **state)
{
	struct seen seen;

	(void)state;
	held.options = small_log();
	held.dirfd = open_file(".", O_RDONLY | O_DIRECTORY);
	assert_int_equal(look_again(held.dirfd, &held.options, &seen, NULL), -ENOENT);
	/* what a create that was interrupted leaves */
	put(segment_file(1), "");
	put("super.new", "half");
	assert_int_equal(lc_log_create(held.dirfd, &held.options), 0);
	expect_absent("super.new");
	assert_int_equal(lc_log_open(held.dirfd, &held.options, &held.log, NULL), 0);
	write_batches(1, 3);
	end_log();
	/* its superblocks are lost, its records are not: nothing is made over them */
	assert_return_code(unlink("super"), errno);
	assert_int_equal(look_again(held.dirfd, &held.options, &seen, NULL), -ENOENT);
	assert_int_equal(lc_log_create(held.dirfd, &held.options), -EBADMSG);
	put("segment-0000000000000009", "");
	assert_return_code(unlink(segment_file(1)), errno);
	assert_int_equal(lc_log_create(held.dirfd, &held.options), -EBADMSG);
	close(held.dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(a_missing_segment_is_damage),
	        ON_TMPFS(the_last_record_before_an_empty_segment),
	        ON_TMPFS(a_damaged_header_with_records_behind_it),
	        ON_TMPFS(a_commit_record_that_does_not_fit),
	        ON_TMPFS(forged_superblocks),
	        ON_TMPFS(forged_headers),
	        ON_TMPFS(heads_that_cost_time),
	        ON_TMPFS(other_kinds_of_files),
	        ON_TMPFS(names_that_are_not_ours_are_left_alone),
	        ON_TMPFS(no_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
