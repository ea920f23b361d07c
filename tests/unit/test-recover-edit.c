/* SPDX-License-Identifier: ISC */
/* Edits in place that were cut short: finished, or a person is asked. */
#include "config.h"

#include "killed.h"
#include "support.h"

#include "inplace.h"
#include "name.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static void interrupted_edits_are_finished(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&edited, name);
	finds(".", COMMIT_DECIDE_ROLL_FORWARD, 1);
	assert_int_equal(last.kind, COMMIT_FOUND_IN_PLACE);
	assert_string_equal(last_target, "./f");
	expect_file("f", "new");
	expect_clean();
	/* asked for by the file's own name */
	leave_killed(&edited, name);
	finds("f", COMMIT_DECIDE_ROLL_FORWARD, 1);
	expect_file("f", "new");
	expect_clean();
}

/*
 * Who named the journal may have been killed before he flushed the name: were it
 * gone after a power cut, what is half written could not be told from old or new.
 */
static void the_name_is_durable_before_anything_is_written(void **state)
{
	const char *trace;
	char name[256];

	(void)state;
	leave_killed(&edited, name);
	trace_begin();
	assert_int_equal(scan("."), 0);
	trace = trace_end();
	expect_file("f", "new");
	assert_true(call_at(trace, "fsync") < call_at(trace, "pwrite"));
	/* and its end, after the content is */
	trace = strstr(trace, " pwrite ");
	assert_true(call_at(trace, "fsync") < call_at(trace, "unlink"));
	assert_non_null(strstr(strstr(trace, " unlink "), " fsync "));
}

static void edits_that_others_wrote_over_want_a_person(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&edited, name);
	put("f", "edited by hand");
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	expect_file("f", "edited by hand");
	assert_return_code(unlink("f"), errno);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_non_null(strstr(last.reason, "gone"));
	assert_return_code(symlink("/etc/passwd", "f"), errno);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_return_code(unlink("f"), errno);
	assert_return_code(mkdir("f", 0755), errno);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_int_equal(ours_in(".", NULL), 1);
}

static void damaged_journals_want_a_person(void **state)
{
	char name[256];
	int fd;

	(void)state;
	leave_killed(&edited, name);
	fd = open_file(name, O_RDWR);
	/* the new image, then the version, then the magic */
	assert_int_equal(pwrite(fd, "X", 1, LC_JOURNAL_HEAD), 1);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_non_null(strstr(last.reason, "contents"));
	assert_int_equal(pwrite(fd, "\2", 1, 8), 1);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_non_null(strstr(last.reason, "version"));
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	assert_non_null(strstr(last.reason, "damaged"));
	close(fd);
	expect_file("f", "old");
}

static void edits_that_cannot_be_finished_are_pending(void **state)
{
	static const char *const faults[] = {"1:EIO:pread", "1:EIO:pwrite", "1:EIO:fsync",
	                                     "1:EIO:unlink"};
	char name[256];
	size_t i;
	int fd;

	(void)state;
	leave_killed(&edited, name);
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		expect_error(scan("."), &err, COMMIT_EPENDING, EIO);
		expect_fired();
		assert_int_equal(last.code, COMMIT_EPENDING);
		assert_int_equal(last.errnum, EIO);
		assert_int_equal(totals.failed, 1);
		assert_int_equal(ours_in(".", NULL), 1);
	}
	/* somebody else works on the file */
	fd = open_file("f", O_RDONLY);
	assert_return_code(flock(fd, LOCK_EX), errno);
	finds(".", COMMIT_DECIDE_LIVE, 0);
	close(fd);
	fault("1:EINVAL:fsync,3:EINVAL:fsync");
	finds(".", COMMIT_DECIDE_ROLL_FORWARD, 1);
	expect_file("f", "new");
}

static void edits_with_a_journal_elsewhere_are_found_by_their_path(void **state)
{
	char name[256];

	(void)state;
	opt.journal_dir = "journals";
	leave_killed(&elsewhere, name);
	assert_return_code(mkdir("other", 0755), errno);
	put("other/f", "x");
	put("f2", "x");
	finds_nothing("other");
	finds_nothing("other/f");
	finds_nothing("f2");
	finds("f", COMMIT_DECIDE_ROLL_FORWARD, 1);
	expect_file("f", "new");
	leave_killed(&elsewhere, name);
	finds(".", COMMIT_DECIDE_ROLL_FORWARD, 1);
	expect_file("f", "new");
	leave_killed(&elsewhere, name);
	assert_return_code(unlink("f"), errno);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
}

static void journals_of_others_are_not_obeyed(void **state)
{
	char name[256];

	(void)state;
	need_root();
	leave_killed(&edited, name);
	assert_return_code(chown(name, 1000, 1000), errno);
	finds(".", COMMIT_DECIDE_FOREIGN, 0);
	expect_file("f", "old");
}

static char journal_name[256];

/* Their journal stands there only while it is opened. */
static void swap_journals(void *context)
{
	(void)context;
	assert_return_code(rename(journal_name, "mine"), errno);
	assert_return_code(rename("theirs", journal_name), errno);
}

static void swap_back(void *context)
{
	(void)context;
	assert_return_code(rename(journal_name, "theirs"), errno);
	assert_return_code(rename("mine", journal_name), errno);
}

static void swap_and_back(void *context)
{
	swap_journals(context);
	at_call("flock", 1, swap_back, context);
}

static void a_journal_swapped_while_it_is_opened_is_not_obeyed(void **state)
{
	(void)state;
	need_root();
	leave_killed(&edited, journal_name);
	assert_return_code(rename(journal_name, "theirs"), errno);
	assert_return_code(chown("theirs", 1000, 1000), errno);
	put(journal_name, "root's own, but no journal");
	/* the directory, its entries, then the journal */
	at_call("open", 3, swap_and_back, NULL);
	assert_int_equal(scan("."), 0);
	assert_int_equal(totals.repaired, 0);
	expect_file("f", "old");
}

#define RECOVER(test) cmocka_unit_test_setup_teardown(test, killed_begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        RECOVER(interrupted_edits_are_finished),
	        RECOVER(the_name_is_durable_before_anything_is_written),
	        RECOVER(edits_that_others_wrote_over_want_a_person),
	        RECOVER(damaged_journals_want_a_person),
	        RECOVER(edits_that_cannot_be_finished_are_pending),
	        RECOVER(edits_with_a_journal_elsewhere_are_found_by_their_path),
	        RECOVER(journals_of_others_are_not_obeyed),
	        RECOVER(a_journal_swapped_while_it_is_opened_is_not_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
