/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int fd = -1;

static void open_it(const char *name)
{
	if (fd >= 0)
		close(fd);
	fd = open_file(name, O_RDWR);
}

static int matches(const char *token)
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	return lc_token_matches(token, fd, &st, -1);
}

static void make(char token[COMMIT_TOKEN_SIZE])
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	assert_int_equal(lc_token_make(fd, &st, -1, token), 0);
}

static void a_token_matches_its_file(void **state)
{
	char token[COMMIT_TOKEN_SIZE], again[COMMIT_TOKEN_SIZE];

	(void)state;
	put("f", "content");
	open_it("f");
	make(token);
	make(again);
	assert_string_equal(token, again);
	assert_true(lc_token_valid(token));
	assert_int_equal(strspn(token, "0123456789abcdef-."), strlen(token));
	assert_int_equal(matches(token), 1);
}

static void an_edit_is_seen(void **state)
{
	char token[COMMIT_TOKEN_SIZE];
	struct timespec times[2];
	struct stat st;

	(void)state;
	put("f", "content");
	open_it("f");
	make(token);
	st = stat_of("f");
	assert_int_equal(pwrite(fd, "C", 1, 0), 1);
	assert_int_equal(matches(token), 0);
	/* the same content again, and the old time put back: the ctime tells */
	assert_int_equal(pwrite(fd, "c", 1, 0), 1);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_return_code(futimens(fd, times), errno);
	assert_int_equal(matches(token), 0);
}

static void another_file_of_the_same_content_is_seen(void **state)
{
	char token[COMMIT_TOKEN_SIZE];

	(void)state;
	put("f", "content");
	put("g", "content");
	open_it("f");
	make(token);
	open_it("g");
	assert_int_equal(matches(token), 0);
}

static void each_part_of_a_token_counts(void **state)
{
	char token[COMMIT_TOKEN_SIZE];
	size_t i;

	(void)state;
	put("f", "content");
	open_it("f");
	make(token);
	for (i = 0; i < strlen(token); i++) {
		if (token[i] == '-' || token[i] == '.')
			continue;
		token[i] ^= 1;
		assert_int_equal(matches(token), 0);
		token[i] ^= 1;
	}
	assert_int_equal(matches(token), 1);
}

static void a_file_that_shrinks_is_not_the_one(void **state)
{
	char token[COMMIT_TOKEN_SIZE];
	char name[] = "f";

	(void)state;
	put("f", "content");
	open_it("f");
	make(token);
	at_call("pread", 1, truncate_it, name);
	assert_int_equal(matches(token), 0);
}

static void errors_are_no_answer(void **state)
{
	char token[COMMIT_TOKEN_SIZE], made[COMMIT_TOKEN_SIZE];
	struct stat st;

	(void)state;
	put("f", "content");
	open_it("f");
	make(token);
	st = stat_of("f");
	fault("1:EIO:pread");
	assert_int_equal(matches(token), -EIO);
	fault("1:EIO:pread");
	assert_int_equal(lc_token_make(fd, &st, -1, made), -EIO);
	fault("1:EIO:statfs");
	assert_int_equal(matches(token), -EIO);
	fault("1:EIO:statfs");
	assert_int_equal(lc_token_make(fd, &st, -1, made), -EIO);
}

static void reading_for_a_token_can_be_cancelled(void **state)
{
	char token[COMMIT_TOKEN_SIZE];
	struct stat st;
	int cancel[2];

	(void)state;
	put("f", "content");
	open_it("f");
	st = stat_of("f");
	assert_return_code(pipe(cancel), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(lc_token_make(fd, &st, cancel[0], token), -ECANCELED);
	close(cancel[0]);
	close(cancel[1]);
}

static void words_that_are_no_tokens_are_told(void **state)
{
	static const char *const wrong[] = {
	        "",
	        "1",
	        "1-",
	        "Absent",
	        "absent ",
	        "2-a-b-c-d-e",
	        "1-a-b-c-d",
	        "1-a-b-c-d-e-f",
	        "1-a-b-c-d-E",
	        "1-a-b-c-d-e/",
	        "1-a-b-c-d-e\n",
	};
	char longest[2 * COMMIT_TOKEN_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(wrong); i++)
		if (lc_token_valid(wrong[i]))
			fail_msg("%s", wrong[i]);
	assert_true(lc_token_valid("absent"));
	assert_true(lc_token_valid("1-a-b-c-d.1-e"));
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "1-a-b-c-d-", 10);
	longest[COMMIT_TOKEN_SIZE] = '\0';
	assert_false(lc_token_valid(longest));
	longest[COMMIT_TOKEN_SIZE - 1] = '\0';
	assert_true(lc_token_valid(longest));
}

static int close_it(void **state)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	return support_end(state);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, support_begin, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_FILE(a_token_matches_its_file),
	        WITH_FILE(an_edit_is_seen),
	        WITH_FILE(another_file_of_the_same_content_is_seen),
	        WITH_FILE(each_part_of_a_token_counts),
	        WITH_FILE(a_file_that_shrinks_is_not_the_one),
	        WITH_FILE(errors_are_no_answer),
	        WITH_FILE(reading_for_a_token_can_be_cancelled),
	        WITH_FILE(words_that_are_no_tokens_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
