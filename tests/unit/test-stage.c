/* SPDX-License-Identifier: ISC */
/* A staged file as it comes to be: made, named, locked, flushed. */
#include "config.h"

#include "support.h"

#include "copy.h"
#include "stage.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct lc_place place;
static struct lc_stage stage;

static int begin(void **state)
{
	if (support_begin(state))
		return -1;
	lc_stage_init(&stage);
	return lc_dir_resolve("target", COMMIT_SYMLINK_FOLLOW, &place, NULL);
}

static int begin_tmpfs(void **state)
{
	if (support_begin_tmpfs(state))
		return -1;
	lc_stage_init(&stage);
	return lc_dir_resolve("target", COMMIT_SYMLINK_FOLLOW, &place, NULL);
}

static int end(void **state)
{
	lc_stage_release(&stage);
	lc_stage_release(&stage);
	lc_dir_release(&place);
	return support_end(state);
}

static void open_with(const char *content)
{
	lc_stage_init(&stage);
	assert_int_equal(lc_stage_open(&stage, &place), 0);
	assert_int_equal(lc_copy_bytes(stage.fd, &stage.end, content, strlen(content)), 0);
}

/* Somebody else cannot lock the file that the name leads to. */
static void expect_locked(const char *name)
{
	int fd = open_file(name, O_RDONLY);

	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
}

static const char *const no_tmpfile[] = {"EOPNOTSUPP", "EISDIR", "EINVAL", "ENOENT", "ENOSYS"};

static void it_begins_without_a_name(void **state)
{
	struct stat st;

	(void)state;
	umask(0);
	open_with("new");
	assert_return_code(fstat(stage.fd, &st), errno);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stage.end, 3);
	expect_clean();
}

static void a_name_makes_it_visible_and_locked(void **state)
{
	char name[256];

	(void)state;
	open_with("new");
	assert_int_equal(lc_stage_link_random(&stage), 0);
	assert_int_equal(ours_in(".", name), 1);
	assert_string_equal(name, stage.name);
	expect_file(name, "new");
	expect_mode(name, 0600);
	expect_locked(name);
	assert_int_equal(lc_stage_intact(&stage), 0);
	lc_stage_release(&stage);
	expect_clean();
}

static void without_unnamed_files_a_named_one_will_do(void **state)
{
	char wanted[40], name[256];
	struct lc_name parsed;
	size_t i;

	(void)state;
	umask(0);
	for (i = 0; i < COUNT_OF(no_tmpfile); i++) {
		snprintf(wanted, sizeof wanted, "1:%s:tmpfile", no_tmpfile[i]);
		fault(wanted);
		open_with("new");
		expect_fired();
		assert_int_equal(ours_in(".", name), 1);
		lc_name_parse(name, &parsed);
		assert_int_equal(parsed.kind, LC_NAME_STAGED);
		assert_true(lc_name_proven(&parsed, place.inode));
		expect_mode(name, 0600);
		expect_locked(name);
		assert_int_equal(lc_stage_link(&stage, "other"), 0);
		expect_clean();
		expect_file("other", "new");
		lc_stage_release(&stage);
		expect_absent("other");
	}
}

static void other_errors_of_making_are_told(void **state)
{
	(void)state;
	fault("1:ENOSPC:tmpfile");
	assert_int_equal(lc_stage_open(&stage, &place), -ENOSPC);
	fault("1:EACCES:tmpfile");
	assert_int_equal(lc_stage_open(&stage, &place), -EACCES);
	fault("1:EIO:flock");
	assert_int_equal(lc_stage_open(&stage, &place), -EIO);
	fault("1:EINVAL:tmpfile,1:EROFS:create");
	assert_int_equal(lc_stage_open(&stage, &place), -EROFS);
	fault("1:EINVAL:tmpfile,1:EIO:flock");
	assert_int_equal(lc_stage_open(&stage, &place), -EIO);
	fault("1:EINVAL:tmpfile,1:EIO:stat");
	assert_int_equal(lc_stage_open(&stage, &place), -EIO);
	fault("1:EINVAL:tmpfile,1:EIO:random");
	assert_int_equal(lc_stage_open(&stage, &place), -EIO);
	expect_clean();
}

static void file_systems_without_locks_will_do(void **state)
{
	(void)state;
	fault("1:ENOLCK:flock");
	assert_int_equal(lc_stage_open(&stage, &place), 0);
	lc_stage_release(&stage);
	fault("1:EINVAL:tmpfile,1:EOPNOTSUPP:flock");
	assert_int_equal(lc_stage_open(&stage, &place), 0);
}

static void remove_ours(void *context)
{
	char name[256];

	(void)context;
	assert_int_equal(ours_in(".", name), 1);
	assert_return_code(remove(name), errno);
}

/* A scanner saw the file between its making and its lock, and took it for dead. */
static void a_file_that_a_scanner_removed_is_made_again(void **state)
{
	(void)state;
	fault("1:EINVAL:tmpfile");
	at_call("flock", 1, remove_ours, NULL);
	open_with("new");
	assert_int_equal(ours_in(".", NULL), 1);
	assert_int_equal(lc_stage_intact(&stage), 0);
}

static void a_scanner_that_holds_the_lock_is_given_way(void **state)
{
	(void)state;
	fault("1:EINVAL:tmpfile,1:EAGAIN:forever:flock");
	assert_int_equal(lc_stage_open(&stage, &place), -ESTALE);
	assert_int_equal(fault_end(), 9);
	assert_int_equal(ours_in(".", NULL), 0);
}

static void probes_have_the_mode_of_new_files(void **state)
{
	static const char *const faults[] = {NULL, "1:EINVAL:tmpfile"};
	struct stat st;
	size_t i;
	int fd;

	(void)state;
	umask(027);
	for (i = 0; i < 2; i++) {
		fault(faults[i]);
		fd = lc_stage_probe(&place, 0666);
		assert_true(fd >= 0);
		assert_return_code(fstat(fd, &st), errno);
		assert_int_equal(st.st_mode & 07777, 0640);
		assert_int_equal(st.st_nlink, 0);
		lc_sys_drop(&fd);
	}
	expect_clean();
	fault("1:EINVAL:tmpfile,1:ENOSPC:create");
	assert_int_equal(lc_stage_probe(&place, 0666), -ENOSPC);
	fault("1:EINVAL:tmpfile,1:EIO:random");
	assert_int_equal(lc_stage_probe(&place, 0666), -EIO);
	fault("1:EINVAL:tmpfile,1:EIO:unlink");
	assert_int_equal(lc_stage_probe(&place, 0666), -EIO);
	fault("1:EIO:tmpfile");
	assert_int_equal(lc_stage_probe(&place, 0666), -EIO);
}

static void a_file_that_cannot_be_named_is_copied_to_one_that_is(void **state)
{
	static const char *const errors[] = {"ENOENT", "EOPNOTSUPP", "EPERM", "ENOSYS"};
	char wanted[40];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(errors); i++) {
		snprintf(wanted, sizeof wanted, "1:%s:linkfd", errors[i]);
		open_with("new content");
		fault(wanted);
		assert_int_equal(lc_stage_link(&stage, "named"), 0);
		expect_fired();
		expect_file("named", "new content");
		expect_locked("named");
		expect_mode("named", 0600);
		assert_int_equal(lc_stage_intact(&stage), 0);
		assert_int_equal(lc_stage_flush(&stage, 1), 0);
		lc_stage_release(&stage);
		expect_absent("named");
		expect_clean();
	}
}

/* Whatever fails then, the descriptors are closed once and nothing stays. */
static void errors_of_that_copy_are_told(void **state)
{
	static const char *const faults[] = {
	        "1:ENOENT:linkfd,1:EIO:create",    "1:ENOENT:linkfd,1:EIO:lseek",
	        "1:ENOENT:linkfd,1:EIO:copyrange", "1:ENOENT:linkfd,1:EIO:rename",
	        "1:ENOENT:linkfd,2:EIO:random",    "1:ENOENT:linkfd,1:EIO:flock"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		open_with("new content");
		fault(faults[i]);
		assert_true(lc_stage_link_random(&stage) < 0);
		assert_int_equal(fault_end(), 2);
		lc_stage_release(&stage);
		expect_clean();
	}
}

static void a_copy_of_another_size_is_an_error(void **state)
{
	(void)state;
	open_with("new content");
	stage.end++;
	fault("1:ENOENT:linkfd");
	assert_int_equal(lc_stage_link(&stage, "named"), -EIO);
	expect_absent("named");
}

static void other_errors_of_naming_are_told(void **state)
{
	(void)state;
	open_with("new");
	fault("1:EDQUOT:linkfd");
	assert_int_equal(lc_stage_link_random(&stage), -EDQUOT);
	fault("1:EIO:random");
	assert_int_equal(lc_stage_link_random(&stage), -EIO);
	put("taken", "theirs");
	assert_int_equal(lc_stage_link(&stage, "taken"), -EEXIST);
	expect_file("taken", "theirs");
	assert_int_equal(lc_stage_link_random(&stage), 0);
	fault("1:ENOSPC:rename");
	assert_int_equal(lc_stage_link(&stage, "other"), -ENOSPC);
	assert_int_equal(ours_in(".", NULL), 1);
}

static void a_file_named_from_the_start_keeps_its_name(void **state)
{
	char name[sizeof stage.name];

	(void)state;
	assert_int_equal(lc_stage_open_named(&stage, &place, LC_STAGE_MODE), 0);
	assert_int_equal(ours_in(".", NULL), 1);
	strcpy(name, stage.name);
	assert_int_equal(lc_stage_link_random(&stage), 0);
	assert_string_equal(stage.name, name);
	assert_int_equal(lc_sys_lock(stage.fd), 0);
	lc_stage_release(&stage);
	assert_int_equal(ours_in(".", NULL), 0);
}

static void flush_forces_the_content_then_closes_a_duplicate(void **state)
{
	const char *trace;

	(void)state;
	open_with("new");
	trace_begin();
	assert_int_equal(lc_stage_flush(&stage, 1), 0);
	trace = trace_end();
	assert_true(call_at(trace, "fsync") < call_at(trace, "dup"));
	assert_true(call_at(trace, "dup") < call_at(trace, "close"));
	trace_begin();
	assert_int_equal(lc_stage_flush(&stage, 0), 0);
	assert_null(strstr(trace_end(), "fsync"));
}

static void errors_of_flush_and_close_count(void **state)
{
	static const char *const faults[] = {"1:EIO:fsync", "1:EIO:close", "1:EIO:dup",
	                                     "1:EIO:stat"};
	size_t i;

	(void)state;
	open_with("new");
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		assert_int_equal(lc_stage_flush(&stage, 1), -EIO);
	}
	fault("1:EDQUOT:close");
	assert_int_equal(lc_stage_flush(&stage, 0), -EDQUOT);
}

static void a_size_that_is_not_what_was_written_is_an_error(void **state)
{
	(void)state;
	open_with("new content");
	assert_return_code(ftruncate(stage.fd, 3), errno);
	assert_int_equal(lc_stage_flush(&stage, 1), -EIO);
}

#define STAGE(test) cmocka_unit_test_setup_teardown(test, begin, end)
#define STAGE_TMPFS(test)                                                                          \
	{                                                                                          \
#test " on tmpfs", test, begin_tmpfs, end, NULL                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        STAGE(it_begins_without_a_name),
	        STAGE(a_name_makes_it_visible_and_locked),
	        STAGE_TMPFS(a_name_makes_it_visible_and_locked),
	        STAGE(without_unnamed_files_a_named_one_will_do),
	        STAGE_TMPFS(without_unnamed_files_a_named_one_will_do),
	        STAGE(other_errors_of_making_are_told),
	        STAGE(file_systems_without_locks_will_do),
	        STAGE(a_file_that_a_scanner_removed_is_made_again),
	        STAGE(a_scanner_that_holds_the_lock_is_given_way),
	        STAGE(probes_have_the_mode_of_new_files),
	        STAGE(a_file_that_cannot_be_named_is_copied_to_one_that_is),
	        STAGE_TMPFS(a_file_that_cannot_be_named_is_copied_to_one_that_is),
	        STAGE(errors_of_that_copy_are_told),
	        STAGE(a_copy_of_another_size_is_an_error),
	        STAGE(other_errors_of_naming_are_told),
	        STAGE(a_file_named_from_the_start_keeps_its_name),
	        STAGE(flush_forces_the_content_then_closes_a_duplicate),
	        STAGE(errors_of_flush_and_close_count),
	        STAGE(a_size_that_is_not_what_was_written_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
