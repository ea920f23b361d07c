/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "error.h"

#include <errno.h>
#include <string.h>

static void names_are_those_of_errno_h(void **state)
{
	(void)state;
	assert_string_equal(commit_errno_name(ENOSPC), "ENOSPC");
	assert_string_equal(commit_errno_name(EIO), "EIO");
	assert_string_equal(commit_errno_name(EOPNOTSUPP), "EOPNOTSUPP");
	assert_string_equal(commit_errno_name(0), "E?");
	assert_string_equal(commit_errno_name(-EIO), "E?");
	assert_string_equal(commit_errno_name(100000), "E?");
}

static void no_name_is_wrong(void **state)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
	int known = 0;
	int i;

	for (i = 1; i < 200; i++) {
		if (strcmp(commit_errno_name(i), "E?") == 0)
			continue;
		assert_string_equal(commit_errno_name(i), strerrorname_np(i));
		known++;
	}
	assert_true(known > 40);
#else
	skip();
#endif
	(void)state;
}

static void set_fills_all_fields(void **state)
{
	struct commit_error err;

	(void)state;
	mark(&err);
	assert_int_equal(lc_error_set(&err, COMMIT_EBUSY, EAGAIN, "lock", "a/b", "taken"),
	                 COMMIT_EBUSY);
	assert_int_equal(err.code, COMMIT_EBUSY);
	assert_int_equal(err.errnum, EAGAIN);
	assert_string_equal(err.operation, "lock");
	assert_string_equal(err.path, "a/b");
	assert_string_equal(err.text, "taken");
}

static void text_defaults_to_that_of_errno(void **state)
{
	struct commit_error err;

	(void)state;
	mark(&err);
	errno = ERANGE;
	lc_error_set(&err, COMMIT_EFAILED, ENOSPC, "write", NULL, NULL);
	assert_int_equal(errno, ERANGE);
	assert_string_equal(err.text, strerror(ENOSPC));
	assert_string_equal(err.path, "");
}

static void no_struct_is_fine(void **state)
{
	(void)state;
	assert_int_equal(lc_error_set(NULL, COMMIT_EREFUSED, 0, "x", "y", "z"), COMMIT_EREFUSED);
	assert_int_equal(lc_error_format(NULL, COMMIT_EPENDING, 0, "x", "y", "%d", 1),
	                 COMMIT_EPENDING);
}

static void long_texts_are_cut_and_terminated(void **state)
{
	static char path[2 * COMMIT_ERROR_PATH_MAX];
	static char text[2 * COMMIT_ERROR_TEXT_MAX];
	struct commit_error err;

	(void)state;
	memset(path, 'p', sizeof path - 1);
	memset(text, 't', sizeof text - 1);
	mark(&err);
	lc_error_set(&err, COMMIT_EFAILED, EIO, "x", path, text);
	assert_int_equal(strlen(err.path), COMMIT_ERROR_PATH_MAX - 1);
	assert_int_equal(strlen(err.text), COMMIT_ERROR_TEXT_MAX - 1);
	mark(&err);
	lc_error_format(&err, COMMIT_EFAILED, EIO, "x", "p", "%s", text);
	assert_int_equal(strlen(err.text), COMMIT_ERROR_TEXT_MAX - 1);
	assert_string_equal(err.path, "p");
}

static void format_formats(void **state)
{
	struct commit_error err;

	(void)state;
	assert_int_equal(lc_error_format(&err, COMMIT_EFAILED, 0, "x", "p", "%s has %d", "f", 7),
	                 COMMIT_EFAILED);
	assert_string_equal(err.text, "f has 7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(names_are_those_of_errno_h),
	        EVERY(no_name_is_wrong),
	        EVERY(set_fills_all_fields),
	        EVERY(text_defaults_to_that_of_errno),
	        EVERY(no_struct_is_fine),
	        EVERY(long_texts_are_cut_and_terminated),
	        EVERY(format_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
