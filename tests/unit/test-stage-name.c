/* SPDX-License-Identifier: ISC */
/* A staged file on its way to its name. */
#include "config.h"

#include "support.h"

#include "copy.h"
#include "stage.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct lc_place place;
static struct lc_stage stage;

/* A staged, named file, and an old "target" */
static int begin_staged(void)
{
	lc_stage_init(&stage);
	if (lc_dir_resolve("target", COMMIT_SYMLINK_FOLLOW, &place, NULL) ||
	    lc_stage_open(&stage, &place) || lc_copy_bytes(stage.fd, &stage.end, "new", 3) ||
	    lc_stage_link_random(&stage))
		return -1;
	put("target", "old");
	return 0;
}

static int begin(void **state)
{
	return support_begin(state) ? -1 : begin_staged();
}

static int begin_tmpfs(void **state)
{
	return support_begin_tmpfs(state) ? -1 : begin_staged();
}

static int end(void **state)
{
	lc_stage_release(&stage);
	lc_dir_release(&place);
	return support_end(state);
}

static void replacing_puts_new_over_old(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(lc_stage_replace(&stage, "target"), 0);
	expect_file("target", "new");
	expect_clean();
	/* it stays ours, and locked, until release, which leaves it there */
	fd = open_file("target", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	lc_stage_release(&stage);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	expect_file("target", "new");
}

static void a_replacing_that_fails_changes_nothing(void **state)
{
	(void)state;
	fault("1:EBUSY:rename");
	assert_int_equal(lc_stage_replace(&stage, "target"), -EBUSY);
	expect_file("target", "old");
	assert_int_equal(ours_in(".", NULL), 1);
	lc_stage_release(&stage);
	expect_clean();
}

static void creating_replaces_nothing(void **state)
{
	(void)state;
	assert_int_equal(lc_stage_create(&stage, "target"), -EEXIST);
	expect_file("target", "old");
	assert_int_equal(lc_stage_create(&stage, "fresh"), 0);
	expect_file("fresh", "new");
	expect_clean();
}

static void creating_goes_by_link_where_flags_are_unknown(void **state)
{
	(void)state;
	fault("1:EINVAL:forever:noreplace");
	assert_int_equal(lc_stage_create(&stage, "target"), -EEXIST);
	expect_file("target", "old");
	assert_int_equal(lc_stage_create(&stage, "fresh"), 0);
	expect_file("fresh", "new");
	assert_int_equal(stat_of("fresh").st_nlink, 1);
	expect_clean();
}

static void errors_of_creating_are_told(void **state)
{
	(void)state;
	fault("1:EROFS:noreplace");
	assert_int_equal(lc_stage_create(&stage, "fresh"), -EROFS);
	fault("1:ENOSYS:noreplace,1:EIO:link");
	assert_int_equal(lc_stage_create(&stage, "fresh"), -EIO);
	expect_absent("fresh");
	fault("1:ENOSYS:noreplace,1:EIO:unlink");
	/* it is created all the same; its second name goes with the release */
	assert_int_equal(lc_stage_create(&stage, "fresh"), 0);
	lc_stage_release(&stage);
	expect_file("fresh", "new");
	expect_clean();
}

static void exchanging_brings_the_old_one_out(void **state)
{
	(void)state;
	assert_int_equal(lc_stage_exchange(&stage, "target"), 0);
	expect_file("target", "new");
	expect_file(stage.name, "old");
	assert_int_equal(lc_stage_intact(&stage), -ESTALE);
	assert_int_equal(lc_stage_exchange(&stage, "target"), 0);
	expect_file("target", "old");
	assert_int_equal(lc_stage_intact(&stage), 0);
	assert_int_equal(lc_stage_exchange(&stage, "missing"), -ENOENT);
}

static void exchanging_says_where_it_is_unknown(void **state)
{
	static const char *const faults[] = {"1:EINVAL:exchange", "1:ENOSYS:exchange",
	                                     "1:EOPNOTSUPP:exchange"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		assert_int_equal(lc_stage_exchange(&stage, "target"), -ENOSYS);
		expect_file("target", "old");
	}
	fault("1:EXDEV:exchange");
	assert_int_equal(lc_stage_exchange(&stage, "target"), -EXDEV);
}

static void a_name_of_255_bytes_is_no_problem(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	assert_int_equal(lc_stage_create(&stage, name), 0);
	expect_file(name, "new");
}

static void a_foreign_file_under_our_name_is_seen(void **state)
{
	(void)state;
	assert_int_equal(lc_stage_intact(&stage), 0);
	fault("1:EIO:stat");
	assert_int_equal(lc_stage_intact(&stage), -EIO);
	expect_fired();
	put("theirs", "theirs");
	assert_return_code(rename("theirs", stage.name), errno);
	assert_int_equal(lc_stage_intact(&stage), -ESTALE);
	assert_return_code(unlink(stage.name), errno);
	assert_int_equal(lc_stage_intact(&stage), -ESTALE);
	/* and release does not mind */
}

static void a_forgotten_name_stays(void **state)
{
	char name[256];

	(void)state;
	strcpy(name, stage.name);
	lc_stage_forget_name(&stage);
	lc_stage_release(&stage);
	expect_file(name, "new");
}

static void unlinking_removes_the_name_once(void **state)
{
	(void)state;
	fault("1:EIO:unlink");
	assert_int_equal(lc_stage_unlink(&stage), -EIO);
	assert_int_equal(ours_in(".", NULL), 1);
	assert_int_equal(lc_stage_unlink(&stage), 0);
	expect_clean();
	assert_string_equal(stage.name, "");
}

/* For a validator: the base name it knows, in a directory nobody else can enter. */
static void a_private_directory_has_the_base_name(void **state)
{
	char directory[256], path[600];
	struct lc_name parsed;

	(void)state;
	umask(0);
	assert_int_equal(lc_stage_link_private(&stage, "app.conf"), 0);
	assert_int_equal(ours_in(".", directory), 1);
	lc_name_parse(directory, &parsed);
	assert_int_equal(parsed.kind, LC_NAME_STAGE_DIR);
	assert_true(lc_name_proven(&parsed, place.inode));
	expect_mode(directory, 0700);
	strcpy(path, directory);
	strcat(path, "/app.conf");
	expect_file(path, "new");
	assert_int_equal(lc_stage_intact(&stage), 0);
	/* back beside the target; the directory goes at the end */
	assert_int_equal(lc_stage_link_random(&stage), 0);
	assert_int_equal(lc_stage_replace(&stage, "target"), 0);
	lc_stage_release(&stage);
	expect_clean();
	expect_file("target", "new");
}

static void an_abandoned_private_directory_goes(void **state)
{
	(void)state;
	assert_int_equal(lc_stage_link_private(&stage, "app.conf"), 0);
	lc_stage_release(&stage);
	expect_clean();
}

static void errors_of_private_directories_are_told(void **state)
{
	static const char *const faults[] = {"1:EIO:mkdir", "1:EIO:open", "1:EIO:flock",
	                                     "1:EIO:stat", "1:EIO:random"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		assert_int_equal(lc_stage_link_private(&stage, "app.conf"), -EIO);
		expect_fired();
		assert_int_equal(ours_in(".", NULL), 1);
	}
	fault("1:EIO:rename");
	assert_int_equal(lc_stage_link_private(&stage, "app.conf"), -EIO);
	lc_stage_release(&stage);
	expect_clean();
}

static void remove_ours(void *context)
{
	(void)context;
	assert_return_code(rmdir(stage.subdir_name), errno);
}

static void a_directory_that_a_scanner_removed_is_made_again(void **state)
{
	(void)state;
	at_call("flock", 1, remove_ours, NULL);
	assert_int_equal(lc_stage_link_private(&stage, "app.conf"), 0);
	lc_stage_release(&stage);
	expect_clean();
}

static void a_scanner_that_holds_it_is_given_way(void **state)
{
	(void)state;
	fault("1:EAGAIN:flock");
	assert_int_equal(lc_stage_link_private(&stage, "app.conf"), 0);
	lc_stage_release(&stage);
	expect_clean();
}

#define STAGE(test) cmocka_unit_test_setup_teardown(test, begin, end)
#define STAGE_TMPFS(test)                                                                          \
	{                                                                                          \
#test " on tmpfs", test, begin_tmpfs, end, NULL                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        STAGE(replacing_puts_new_over_old),
	        STAGE(a_replacing_that_fails_changes_nothing),
	        STAGE(creating_replaces_nothing),
	        STAGE_TMPFS(creating_replaces_nothing),
	        STAGE(creating_goes_by_link_where_flags_are_unknown),
	        STAGE(errors_of_creating_are_told),
	        STAGE(exchanging_brings_the_old_one_out),
	        STAGE_TMPFS(exchanging_brings_the_old_one_out),
	        STAGE(exchanging_says_where_it_is_unknown),
	        STAGE(a_name_of_255_bytes_is_no_problem),
	        STAGE(a_foreign_file_under_our_name_is_seen),
	        STAGE(a_forgotten_name_stays),
	        STAGE(unlinking_removes_the_name_once),
	        STAGE(a_private_directory_has_the_base_name),
	        STAGE(an_abandoned_private_directory_goes),
	        STAGE(errors_of_private_directories_are_told),
	        STAGE(a_directory_that_a_scanner_removed_is_made_again),
	        STAGE(a_scanner_that_holds_it_is_given_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
