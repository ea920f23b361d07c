/* SPDX-License-Identifier: ISC */
/* Saves that overwrite no version but the one they know. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct commit_save_options opt;
static struct commit_save_result result;
static struct commit_error err;
static char warnings[4000];
static char token[COMMIT_TOKEN_SIZE];

static void note_warning(void *context, const struct commit_error *warning)
{
	strcat(context, warning->text);
}

static void fresh_options(void)
{
	commit_save_options_init(&opt);
	opt.warn = note_warning;
	opt.context = warnings;
	opt.wait_ms = 0;
	warnings[0] = '\0';
	mark(&err);
}

static int begin(void **state)
{
	fresh_options();
	return support_begin(state);
}

static int save_as(const char *path, const char *text)
{
	return commit_save_bytes(path, text, strlen(text), &opt, &result, &err);
}

static void saved(const char *path, const char *text)
{
	assert_int_equal(save_as(path, text), 0);
	expect_untouched(&err);
	expect_clean();
}

static void refused(const char *path, int code, int errnum)
{
	expect_error(save_as(path, "new"), &err, code, errnum);
	expect_clean();
	mark(&err);
}

static void take_token(const char *path)
{
	assert_int_equal(commit_save_token(path, opt.symlink, token, NULL), 0);
	opt.expect = token;
}

static void existence_can_be_required_or_forbidden(void **state)
{
	(void)state;
	opt.flags = COMMIT_SAVE_MUST_EXIST;
	refused("f", COMMIT_EREFUSED, ENOENT);
	opt.flags = COMMIT_SAVE_CREATE;
	saved("f", "made");
	refused("f", COMMIT_EREFUSED, EEXIST);
	expect_file("f", "made");
	opt.flags = COMMIT_SAVE_MUST_EXIST;
	saved("f", "replaced");
	expect_file("f", "replaced");
}

static void make_it(void *name)
{
	put(name, "theirs");
}

/* Of the same size, and with the same time: only the inode is another. */
static void replace_alike(void *name)
{
	struct stat st = stat_of(name);
	struct timespec times[2] = {st.st_atim, st.st_mtim};

	put("alike", "OLD");
	assert_return_code(utimensat(AT_FDCWD, "alike", times, 0), errno);
	assert_return_code(rename("alike", name), errno);
}

/* Somebody who takes no locks writes between our look and our rename. */
static void a_conditional_save_leaves_their_version(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	take_token("f");
	at_call("exchange", 1, replace_it, name);
	refused("f", COMMIT_EREFUSED, 0);
	expect_file("f", "replaced by somebody else");
	put("f", "old");
	take_token("f");
	at_call("exchange", 1, replace_alike, name);
	refused("f", COMMIT_EREFUSED, 0);
	expect_file("f", "OLD");
	take_token("f");
	at_call("exchange", 1, rewrite_it, name);
	refused("f", COMMIT_EREFUSED, 0);
	expect_file("f", "written by somebody else");
	take_token("f");
	at_call("exchange", 1, unlink_it, name);
	refused("f", COMMIT_EREFUSED, ENOENT);
	expect_absent("f");
	fresh_options();
	opt.flags = COMMIT_SAVE_CREATE;
	at_call("noreplace", 1, make_it, name);
	refused("f", COMMIT_EREFUSED, EEXIST);
	expect_file("f", "theirs");
}

/* Two others: one version came out, and another stands where it should go back. */
static void a_third_version_is_kept_and_named(void **state)
{
	char name[] = "f", ours[256];

	(void)state;
	put("f", "old");
	take_token("f");
	fault("2:EIO:exchange");
	at_call("exchange", 1, replace_it, name);
	expect_error(save_as("f", "new"), &err, COMMIT_ECONFLICT, EIO);
	expect_file("f", "new");
	assert_int_equal(ours_in(".", ours), 1);
	expect_file(ours, "replaced by somebody else");
	assert_non_null(strstr(err.text, ours));
}

static void replace_twice(void *name)
{
	replace_it(name);
	at_call("exchange", 1, replace_it, name);
}

static void the_third_version_is_not_removed_for_ours(void **state)
{
	char name[] = "f", ours[256];

	(void)state;
	put("f", "old");
	take_token("f");
	/* theirs comes out, then another replaces ours before theirs goes back */
	at_call("exchange", 1, replace_twice, name);
	expect_error(save_as("f", "new"), &err, COMMIT_ECONFLICT, 0);
	assert_int_equal(ours_in(".", ours), 1);
	expect_file("f", "replaced by somebody else");
	expect_file(ours, "replaced by somebody else");
}

static void without_exchange_the_name_is_looked_at_first(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	take_token("f");
	fault("1:EINVAL:exchange");
	saved("f", "new");
	expect_file("f", "new");
	take_token("f");
	fault("1:EINVAL:exchange");
	at_call("exchange", 1, replace_it, name);
	refused("f", COMMIT_EREFUSED, 0);
	expect_file("f", "replaced by somebody else");
	take_token("f");
	fault("1:EINVAL:exchange,1:EBUSY:rename");
	assert_int_equal(save_as("f", "new"), COMMIT_EFAILED);
	fresh_options();
	opt.flags = COMMIT_SAVE_CREATE;
	fault("1:ENOSYS:noreplace");
	saved("made", "new");
	expect_file("made", "new");
}

static void tokens_are_compared(void **state)
{
	(void)state;
	put("f", "old");
	take_token("f");
	saved("f", "new");
	refused("f", COMMIT_EREFUSED, 0);
	opt.expect = "absent";
	refused("f", COMMIT_EREFUSED, 0);
	saved("fresh", "made");
	refused("fresh", COMMIT_EREFUSED, 0);
	take_token("f");
	assert_return_code(unlink("f"), errno);
	refused("f", COMMIT_EREFUSED, 0);
	put("f", "x");
	take_token("f");
	fault("1:EIO:pread");
	refused("f", COMMIT_EFAILED, EIO);
}

static void a_pending_removal_of_the_old_version_is_pending(void **state)
{
	(void)state;
	put("f", "old");
	take_token("f");
	fault("1:EIO:unlink");
	expect_error(save_as("f", "new"), &err, COMMIT_EPENDING, EIO);
	expect_file("f", "new");
}

#define POLICY(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        POLICY(existence_can_be_required_or_forbidden),
	        POLICY(a_conditional_save_leaves_their_version),
	        POLICY(a_third_version_is_kept_and_named),
	        POLICY(the_third_version_is_not_removed_for_ours),
	        POLICY(without_exchange_the_name_is_looked_at_first),
	        POLICY(tokens_are_compared),
	        POLICY(a_pending_removal_of_the_old_version_is_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
