/* SPDX-License-Identifier: ISC */
/* Parts of files: copied, compared, digested; and cancelling. */
#include "config.h"

#include "support.h"

#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than two of the buffers inside */
#define SIZE ((size_t)300 * 1024 + 7)

static unsigned char bytes[SIZE];
static int from, to;
static off_t end;

/* "from" with content, and an empty "to" */
static void open_both(void)
{
	fill(bytes, SIZE, 1);
	put_bytes("from", bytes, SIZE);
	put("to", "");
	from = open_file("from", O_RDONLY);
	to = open_file("to", O_RDWR);
	end = 0;
}

static void close_both(void)
{
	close(from);
	close(to);
}

static void a_part_of_a_file_is_copied(void **state)
{
	(void)state;
	open_both();
	end = 4096;
	assert_int_equal(lc_copy_part(from, 8192, 5000, to, &end, -1), 0);
	assert_int_equal(end, 4096 + 5000);
	assert_int_equal(lseek(to, 4096, SEEK_SET), 4096);
	put("to2", "");
	from = to;
	to = open_file("to2", O_RDWR);
	end = 0;
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	expect_bytes("to2", bytes + 8192, 5000);
	close_both();
}

static void a_part_beyond_the_end_is_missing(void **state)
{
	(void)state;
	open_both();
	assert_int_equal(lc_copy_part(from, 0, SIZE + 1, to, &end, -1), -ENODATA);
	end = 0;
	assert_int_equal(lc_copy_part(from, SIZE, 1, to, &end, -1), -ENODATA);
	/* where holes cannot be asked for */
	end = 0;
	fault("1:EINVAL:forever:lseek,1:EXDEV:copyrange");
	assert_int_equal(lc_copy_part(from, 0, SIZE + 1, to, &end, -1), -ENODATA);
	fault("1:EIO:clonerange,1:EIO:copyrange");
	end = 0;
	assert_int_equal(lc_copy_part(from, 0, SIZE, to, &end, -1), -EIO);
	close_both();
}

static void all_of_it_can_be_cancelled(void **state)
{
	struct lc_digest digest;
	int cancel[2], input[2];

	(void)state;
	assert_return_code(pipe(cancel), errno);
	assert_return_code(pipe(input), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	open_both();
	fault("1:EOPNOTSUPP:clone");
	assert_int_equal(lc_copy_all(from, to, &end, cancel[0]), -ECANCELED);
	assert_int_equal(lc_copy_part(from, 0, 10, to, &end, cancel[0]), -ECANCELED);
	assert_int_equal(lc_copy_same(from, 0, from, cancel[0]), -ECANCELED);
	assert_int_equal(lc_copy_digest(from, 0, SIZE, &digest, cancel[0]), -ECANCELED);
	/* nothing to read, and nobody has closed it */
	assert_int_equal(lc_copy_all(input[0], to, &end, cancel[0]), -ECANCELED);
	close(cancel[0]), close(cancel[1]), close(input[0]), close(input[1]);
	close_both();
}

static int same(const char *a, off_t start, const char *b)
{
	int rc;

	from = open_file(a, O_RDONLY);
	to = open_file(b, O_RDONLY);
	rc = lc_copy_same(from, start, to, -1);
	close_both();
	return rc;
}

static void contents_are_compared(void **state)
{
	(void)state;
	fill(bytes, SIZE, 1);
	put_bytes("a", bytes, SIZE);
	put_bytes("b", bytes, SIZE);
	put_bytes("shorter", bytes, SIZE - 1);
	put_bytes("tail", bytes + 100, SIZE - 100);
	bytes[SIZE - 1] ^= 1;
	put_bytes("other", bytes, SIZE);
	put("empty", "");
	assert_int_equal(same("a", 0, "b"), 1);
	assert_int_equal(same("a", 0, "shorter"), 0);
	assert_int_equal(same("shorter", 0, "a"), 0);
	assert_int_equal(same("a", 0, "other"), 0);
	assert_int_equal(same("a", 100, "tail"), 1);
	assert_int_equal(same("a", 0, "empty"), 0);
	assert_int_equal(same("empty", 0, "empty"), 1);
	fault("1:EIO:pread");
	assert_int_equal(same("a", 0, "b"), -EIO);
	fault("3:EIO:pread");
	assert_int_equal(same("a", 0, "b"), -EIO);
}

static void digests_are_those_of_the_stretch(void **state)
{
	struct lc_digest_stream *stream = lc_digest_new();
	struct lc_digest wanted, digest = {{0}};

	(void)state;
	open_both();
	lc_digest_update(stream, bytes + 10, SIZE - 20);
	wanted = lc_digest_value(stream);
	lc_digest_free(stream);
	assert_int_equal(lc_copy_digest(from, 10, SIZE - 20, &digest, -1), 0);
	assert_memory_equal(&digest, &wanted, sizeof digest);
	/* untouched where there is none */
	assert_int_equal(lc_copy_digest(from, 10, SIZE, &digest, -1), -ENODATA);
	fault("2:EIO:pread");
	assert_int_equal(lc_copy_digest(from, 0, SIZE, &digest, -1), -EIO);
	assert_memory_equal(&digest, &wanted, sizeof digest);
	close_both();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_part_of_a_file_is_copied),       EVERY(a_part_beyond_the_end_is_missing),
	        EVERY(all_of_it_can_be_cancelled),       EVERY(contents_are_compared),
	        EVERY(digests_are_those_of_the_stretch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
