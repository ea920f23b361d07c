/* SPDX-License-Identifier: ISC */
/* Content on its way into a file, and the directory it goes to. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct commit_save_options opt;
static struct commit_save_result result;
static struct commit_error err;
static struct commit_save *save;
static char warnings[4000];

static void note_warning(void *context, const struct commit_error *warning)
{
	assert_ptr_equal(context, warnings);
	strcat(warnings, warning->operation);
	strcat(warnings, ": ");
	strcat(warnings, warning->text);
	strcat(warnings, "\n");
}

static void fresh_options(void)
{
	commit_save_options_init(&opt);
	opt.warn = note_warning;
	opt.context = warnings;
	warnings[0] = '\0';
	memset(&result, 0x77, sizeof result);
	mark(&err);
}

static int begin(void **state)
{
	fresh_options();
	return support_begin(state);
}

static int bytes(const char *text)
{
	return commit_save_bytes("f", text, strlen(text), &opt, &result, &err);
}

static void result_is_untouched(void)
{
	struct commit_save_result same;

	memset(&same, 0x77, sizeof same);
	assert_memory_equal(&result, &same, sizeof same);
}

static void refused(const char *text, int code, int errnum)
{
	expect_error(bytes(text), &err, code, errnum);
	result_is_untouched();
	expect_clean();
	mark(&err);
}

static void empty_content_is_refused_unless_allowed(void **state)
{
	(void)state;
	refused("", COMMIT_EREFUSED, 0);
	expect_absent("f");
	put("f", "old");
	refused("", COMMIT_EREFUSED, 0);
	expect_file("f", "old");
	opt.flags = COMMIT_SAVE_ALLOW_EMPTY;
	assert_int_equal(bytes(""), 0);
	expect_file("f", "");
	assert_int_equal(result.bytes, 0);
}

static void content_of_a_descriptor_is_saved(void **state)
{
	int fd;

	(void)state;
	put("source", "from a descriptor");
	fd = open_file("source", O_RDONLY);
	assert_int_equal(commit_save_fd("f", fd, &opt, &result, &err), 0);
	expect_file("f", "from a descriptor");
	assert_int_equal(result.bytes, 17);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	fd = open_file(".", O_RDONLY);
	expect_error(commit_save_fd("f", fd, &opt, &result, &err), &err, COMMIT_EFAILED, EISDIR);
	assert_int_equal(commit_save_fd("", fd, &opt, &result, NULL), COMMIT_EUSAGE);
	close(fd);
	expect_file("f", "from a descriptor");
	expect_clean();
}

static void copying_can_be_cancelled(void **state)
{
	int cancel[2], input[2];

	(void)state;
	put("f", "old");
	assert_return_code(pipe(cancel), errno);
	assert_return_code(pipe(input), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	opt.cancel_fd = cancel[0];
	expect_error(commit_save_fd("f", input[0], &opt, &result, &err), &err, COMMIT_ECANCELED,
	             ECANCELED);
	expect_file("f", "old");
	expect_clean();
	close(cancel[0]), close(cancel[1]), close(input[0]), close(input[1]);
}

/* commit-save f < f */
static void a_file_can_be_saved_onto_itself(void **state)
{
	int fd;

	(void)state;
	put("f", "itself");
	fd = open_file("f", O_RDONLY);
	assert_int_equal(commit_save_fd("f", fd, &opt, &result, &err), 0);
	close(fd);
	expect_file("f", "itself");
}

static void cut_staged(void *context)
{
	char name[256];

	(void)context;
	assert_int_equal(ours_in(".", name), 1);
	assert_return_code(truncate(name, 3), errno);
}

/* A file system that loses the end of what it said it had taken */
static void a_size_that_is_not_what_was_written_is_no_success(void **state)
{
	(void)state;
	put("f", "old");
	at_call("listxattr", 1, cut_staged, NULL);
	refused("new content", COMMIT_EFAILED, EIO);
	expect_file("f", "old");
}

static void a_directory_that_is_renamed_meanwhile_is_still_the_one(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	put("d/f", "old");
	assert_int_equal(commit_save_open(&save, "d/f", &opt, &err), 0);
	assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
	assert_return_code(rename("d", "moved"), errno);
	assert_return_code(mkdir("d", 0755), errno);
	assert_int_equal(commit_save_finish(save, &err), 0);
	assert_int_equal(commit_save_commit(save, &result, &err), 0);
	commit_save_close(save);
	expect_file("moved/f", "new");
	expect_absent("d/f");
}

static void a_directory_that_is_removed_meanwhile_is_an_error(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_int_equal(commit_save_open(&save, "d/f", &opt, &err), 0);
	assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
	assert_return_code(rmdir("d"), errno);
	expect_error(commit_save_finish(save, &err), &err, COMMIT_EFAILED, ENOENT);
	commit_save_close(save);
}

#define SAVE(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        SAVE(empty_content_is_refused_unless_allowed),
	        SAVE(content_of_a_descriptor_is_saved),
	        SAVE(copying_can_be_cancelled),
	        SAVE(a_file_can_be_saved_onto_itself),
	        SAVE(a_size_that_is_not_what_was_written_is_no_success),
	        SAVE(a_directory_that_is_renamed_meanwhile_is_still_the_one),
	        SAVE(a_directory_that_is_removed_meanwhile_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
