/* SPDX-License-Identifier: ISC */
/* The calls of commit_save.h: their order, options, results and errors. */
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

static void open_save(void)
{
	assert_int_equal(commit_save_open(&save, "f", &opt, &err), 0);
}

static void out_of_order(int rc)
{
	expect_error(rc, &err, COMMIT_EUSAGE, EINVAL);
	assert_string_equal(err.text, "called out of order");
	mark(&err);
}

static void a_file_is_created_and_replaced(void **state)
{
	(void)state;
	assert_int_equal(bytes("one"), 0);
	expect_file("f", "one");
	expect_mode("f", 0644);
	assert_int_equal(result.outcome, COMMIT_CREATED);
	assert_int_equal(result.bytes, 3);
	assert_string_equal(result.backup, "");
	assert_int_equal(bytes("second"), 0);
	expect_file("f", "second");
	assert_int_equal(result.outcome, COMMIT_SAVED);
	assert_int_equal(result.bytes, 6);
	/* content and directory, once each */
	assert_int_equal(result.flushes, 2);
	expect_untouched(&err);
	expect_clean();
}

static void step_by_step(void **state)
{
	uint64_t copied = 99;
	int pipe_ends[2];

	(void)state;
	put("f", "old");
	assert_return_code(pipe(pipe_ends), errno);
	assert_int_equal(write(pipe_ends[1], "piped", 5), 5);
	close(pipe_ends[1]);
	open_save();
	assert_string_equal(commit_save_target(save), "f");
	assert_int_equal(commit_save_write(save, "one ", 4, &err), 0);
	assert_int_equal(commit_save_splice(save, pipe_ends[0], &copied, &err), 0);
	assert_int_equal(copied, 5);
	assert_int_equal(commit_save_write(save, " two", 4, &err), 0);
	expect_file("f", "old");
	assert_int_equal(commit_save_finish(save, &err), 0);
	expect_file("f", "old");
	assert_int_equal(commit_save_outcome(save), COMMIT_SAVED);
	assert_int_equal(commit_save_commit(save, &result, &err), 0);
	expect_file("f", "one piped two");
	commit_save_close(save);
	expect_untouched(&err);
	close(pipe_ends[0]);
}

/* What is flushed under no name yet may be lost with its name on btrfs. */
static void link_then_metadata_then_flush_then_rename_then_directory(void **state)
{
	const char *trace;
	const char *rename_at;

	(void)state;
	put("f", "old");
	trace_begin();
	open_save();
	assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
	assert_int_equal(commit_save_finish(save, &err), 0);
	assert_int_equal(commit_save_commit(save, &result, &err), 0);
	commit_save_close(save);
	save = NULL;
	trace = trace_end();
	assert_true(call_at(trace, "linkfd") < call_at(trace, "chmod"));
	assert_true(call_at(trace, "chmod") < call_at(trace, "fsync"));
	assert_true(call_at(trace, "fsync") < call_at(trace, "rename"));
	rename_at = strstr(trace, " rename ");
	assert_non_null(strstr(rename_at, " fsync "));
	/* the lock is taken before the metadata is read, and never let go */
	assert_true(call_at(trace, "flock") < call_at(trace, "linkfd"));
}

static void calls_out_of_order_are_told(void **state)
{
	(void)state;
	open_save();
	out_of_order(commit_save_commit(save, &result, &err));
	assert_int_equal(commit_save_write(save, "x", 1, &err), 0);
	assert_int_equal(commit_save_finish(save, &err), 0);
	out_of_order(commit_save_write(save, "y", 1, &err));
	out_of_order(commit_save_splice(save, 0, NULL, &err));
	out_of_order(commit_save_finish(save, &err));
	assert_int_equal(commit_save_commit(save, NULL, &err), 0);
	out_of_order(commit_save_commit(save, &result, &err));
	out_of_order(commit_save_finish(save, &err));
	out_of_order(commit_save_write(save, "y", 1, &err));
	result_is_untouched();
	commit_save_close(save);
	expect_file("f", "x");
	expect_clean();
}

static void closing_in_any_state_aborts_or_has_nothing_to_do(void **state)
{
	int steps;

	(void)state;
	put("f", "old");
	commit_save_close(NULL);
	for (steps = 0; steps < 4; steps++) {
		open_save();
		if (steps >= 1)
			assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
		if (steps >= 2)
			assert_int_equal(commit_save_finish(save, &err), 0);
		if (steps >= 3)
			assert_int_equal(commit_save_commit(save, NULL, &err), 0);
		errno = ERANGE;
		commit_save_close(save);
		assert_int_equal(errno, ERANGE);
		expect_file("f", steps < 3 ? "old" : "new");
		expect_clean();
	}
}

static void a_failed_save_keeps_saying_why(void **state)
{
	(void)state;
	put("f", "old");
	open_save();
	fault("1:ENOSPC:pwrite");
	expect_error(commit_save_write(save, "new", 3, &err), &err, COMMIT_EFAILED, ENOSPC);
	expect_fired();
	mark(&err);
	expect_error(commit_save_write(save, "new", 3, &err), &err, COMMIT_EFAILED, ENOSPC);
	mark(&err);
	expect_error(commit_save_finish(save, &err), &err, COMMIT_EFAILED, ENOSPC);
	mark(&err);
	expect_error(commit_save_commit(save, &result, &err), &err, COMMIT_EFAILED, ENOSPC);
	assert_int_equal(commit_save_finish(save, NULL), COMMIT_EFAILED);
	commit_save_close(save);
	result_is_untouched();
	expect_file("f", "old");
	expect_clean();
}

/* "Clean" says the page cache after a failed flush: a second one would lie. */
static void a_failed_flush_is_final(void **state)
{
	(void)state;
	put("f", "old");
	open_save();
	assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
	fault("1:EIO:fsync");
	expect_error(commit_save_finish(save, &err), &err, COMMIT_EFAILED, EIO);
	expect_fired();
	trace_begin();
	assert_int_equal(commit_save_finish(save, NULL), COMMIT_EFAILED);
	assert_int_equal(commit_save_commit(save, NULL, NULL), COMMIT_EFAILED);
	assert_null(strstr(trace_end(), "fsync"));
	commit_save_close(save);
	expect_file("f", "old");
	expect_clean();
}

static void details_are_not_required(void **state)
{
	(void)state;
	assert_int_equal(commit_save_bytes("f", "x", 1, NULL, NULL, NULL), 0);
	assert_int_equal(commit_save_bytes("", "x", 1, NULL, NULL, NULL), COMMIT_EUSAGE);
	fault("1:EIO:fsync");
	assert_int_equal(commit_save_bytes("f", "y", 1, NULL, NULL, NULL), COMMIT_EFAILED);
	fault("2:EIO:fsync");
	assert_int_equal(commit_save_bytes("f", "y", 1, NULL, NULL, NULL), COMMIT_EPENDING);
	expect_file("f", "y");
	fault("1:EIO:pwrite");
	assert_int_equal(commit_save_bytes("f", "y", 1, NULL, NULL, NULL), COMMIT_EFAILED);
	fault("1:EIO:rename");
	assert_int_equal(commit_save_bytes("f", "y", 1, NULL, NULL, NULL), COMMIT_EFAILED);
}

static void options_are_checked(void **state)
{
	(void)state;
	opt.size--;
	refused("x", COMMIT_EUSAGE, EINVAL);
	fresh_options();
	opt.flags = COMMIT_SAVE_CREATE | COMMIT_SAVE_MUST_EXIST;
	refused("x", COMMIT_EUSAGE, EINVAL);
	fresh_options();
	opt.expect = "no token";
	refused("x", COMMIT_EUSAGE, EINVAL);
	fresh_options();
	opt.backup = COMMIT_BACKUP_SIMPLE;
	opt.suffix = "";
	refused("x", COMMIT_EUSAGE, EINVAL);
	opt.suffix = "/../x";
	refused("x", COMMIT_EUSAGE, EINVAL);
	fresh_options();
	opt.mode_or = 010000;
	refused("x", COMMIT_EUSAGE, EINVAL);
	opt.mode_or = 0;
	opt.mode_and = 0100777;
	refused("x", COMMIT_EUSAGE, EINVAL);
	fresh_options();
	opt.flags = COMMIT_SAVE_IN_PLACE;
	opt.symlink = COMMIT_SYMLINK_REPLACE;
	refused("x", COMMIT_EUSAGE, EINVAL);
	expect_absent("f");
}

static void defaults_are_those_of_the_manual(void **state)
{
	(void)state;
	commit_save_options_init(&opt);
	assert_int_equal(opt.flags, 0);
	assert_int_equal(opt.symlink, COMMIT_SYMLINK_FOLLOW);
	assert_int_equal(opt.hardlink, COMMIT_HARDLINK_REFUSE);
	assert_int_equal(opt.sync, COMMIT_SYNC_FULL);
	assert_int_equal(opt.backup, COMMIT_BACKUP_NONE);
	assert_string_equal(opt.suffix, "~");
	assert_int_equal(opt.mode_and, 07777);
	assert_int_equal(opt.create_mode, 0666);
	assert_int_equal(opt.wait_ms, 60000);
	assert_int_equal(opt.cancel_fd, -1);
	assert_int_equal(opt.owner, (uid_t)-1);
	assert_int_equal(opt.group, (gid_t)-1);
}

static void strings_of_the_options_are_copied(void **state)
{
	char suffix[] = ".bak", expect[] = "absent";

	(void)state;
	opt.suffix = suffix;
	opt.expect = expect;
	opt.journal_dir = suffix;
	opt.backup = COMMIT_BACKUP_SIMPLE;
	open_save();
	memset(suffix, '/', 4);
	memset(expect, 'x', 6);
	assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
	assert_int_equal(commit_save_finish(save, &err), 0);
	assert_int_equal(commit_save_commit(save, &result, &err), 0);
	commit_save_close(save);
	expect_file("f", "new");
}

static void sync_says_what_is_flushed(void **state)
{
	static const struct {
		enum commit_sync sync;
		unsigned flushes;
	} wanted[] = {{COMMIT_SYNC_FULL, 2}, {COMMIT_SYNC_DATA, 1}, {COMMIT_SYNC_NONE, 0}};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(wanted); i++) {
		opt.sync = wanted[i].sync;
		assert_int_equal(bytes("x"), 0);
		assert_int_equal(result.flushes, wanted[i].flushes);
	}
}

static void a_directory_that_cannot_be_flushed_is_noted(void **state)
{
	static const char *const faults[] = {"2:EINVAL:fsync", "2:EOPNOTSUPP:fsync"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fresh_options();
		fault(faults[i]);
		assert_int_equal(bytes("x"), 0);
		expect_fired();
		assert_non_null(strstr(warnings, "cannot flush directories"));
		expect_untouched(&err);
		opt.warn = NULL;
		fault(faults[i]);
		assert_int_equal(bytes("x"), 0);
	}
}

static void what_fails_after_the_rename_is_pending(void **state)
{
	(void)state;
	put("f", "old");
	fault("2:EIO:fsync");
	expect_error(bytes("new"), &err, COMMIT_EPENDING, EIO);
	expect_file("f", "new");
	assert_int_equal(result.outcome, COMMIT_SAVED);
	assert_int_equal(result.bytes, 3);
	expect_clean();
}

static void a_rename_that_fails_names_the_way_out(void **state)
{
	static const struct {
		const char *fault;
		int errnum;
		const char *word;
	} wanted[] = {
	        {"1:EBUSY:rename", EBUSY, "--in-place"},   {"1:EXDEV:rename", EXDEV, "mount"},
	        {"1:EROFS:rename", EROFS, "read-only"},    {"1:EPERM:rename", EPERM, "immutable"},
	        {"1:EACCES:rename", EACCES, "--in-place"}, {"1:EIO:rename", EIO, ""}};
	size_t i;

	(void)state;
	put("f", "old");
	for (i = 0; i < COUNT_OF(wanted); i++) {
		fault(wanted[i].fault);
		expect_error(bytes("new"), &err, COMMIT_EFAILED, wanted[i].errnum);
		result_is_untouched();
		expect_clean();
		assert_non_null(strstr(err.text, wanted[i].word));
		expect_file("f", "old");
		mark(&err);
	}
}

static void tokens_tell_versions_apart(void **state)
{
	char token[COMMIT_TOKEN_SIZE], later[COMMIT_TOKEN_SIZE];

	(void)state;
	assert_int_equal(commit_save_token("f", COMMIT_SYMLINK_FOLLOW, token, &err), 0);
	assert_string_equal(token, "absent");
	assert_int_equal(bytes("one"), 0);
	assert_int_equal(commit_save_token("f", COMMIT_SYMLINK_FOLLOW, token, &err), 0);
	assert_int_equal(bytes("two"), 0);
	assert_int_equal(commit_save_token("f", COMMIT_SYMLINK_FOLLOW, later, &err), 0);
	assert_string_not_equal(token, later);
	expect_untouched(&err);
	strcpy(later, "untouched");
	fault("1:EIO:pread");
	expect_error(commit_save_token("f", COMMIT_SYMLINK_FOLLOW, later, &err), &err,
	             COMMIT_EFAILED, EIO);
	assert_string_equal(later, "untouched");
	expect_error(commit_save_token("nowhere/f", COMMIT_SYMLINK_FOLLOW, later, &err), &err,
	             COMMIT_EFAILED, ENOENT);
}

static void the_version_is_that_of_the_package(void **state)
{
	(void)state;
	assert_string_equal(commit_version(), PACKAGE_VERSION);
}

#define SAVE(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        SAVE(a_file_is_created_and_replaced),
	        SAVE(step_by_step),
	        SAVE(link_then_metadata_then_flush_then_rename_then_directory),
	        SAVE(calls_out_of_order_are_told),
	        SAVE(closing_in_any_state_aborts_or_has_nothing_to_do),
	        SAVE(a_failed_save_keeps_saying_why),
	        SAVE(a_failed_flush_is_final),
	        SAVE(details_are_not_required),
	        SAVE(options_are_checked),
	        SAVE(defaults_are_those_of_the_manual),
	        SAVE(strings_of_the_options_are_copied),
	        SAVE(sync_says_what_is_flushed),
	        SAVE(a_directory_that_cannot_be_flushed_is_noted),
	        SAVE(what_fails_after_the_rename_is_pending),
	        SAVE(a_rename_that_fails_names_the_way_out),
	        SAVE(tokens_tell_versions_apart),
	        SAVE(the_version_is_that_of_the_package),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
