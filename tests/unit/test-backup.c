/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "backup.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static struct lc_place place;
static struct lc_backup backup;
static struct lc_meta_plan plan;
static struct commit_error err;

static int begin(void **state)
{
	if (support_begin(state))
		return -1;
	memset(&plan, 0, sizeof plan);
	plan.keep = COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR;
	plan.mode_and = 07777;
	plan.owner = (uid_t)-1;
	plan.group = (gid_t)-1;
	lc_backup_init(&backup);
	put("f", "old");
	return lc_dir_resolve("f", COMMIT_SYMLINK_FOLLOW, &place, NULL);
}

static int end(void **state)
{
	lc_backup_release(&backup);
	lc_dir_release(&place);
	return support_end(state);
}

static int prepare_as(enum commit_backup kind, const char *suffix)
{
	struct lc_backup_wish wish = {kind, suffix};
	struct stat st = stat_of("f");
	int fd = open_file("f", O_RDONLY);
	int rc;

	lc_backup_release(&backup);
	lc_backup_init(&backup);
	mark(&err);
	rc = lc_backup_prepare(&backup, &place, &wish, fd, &st, &plan, 1, &err);
	close(fd);
	return rc;
}

static void prepare(enum commit_backup kind)
{
	assert_int_equal(prepare_as(kind, "~"), 0);
	expect_untouched(&err);
}

static void chooses(enum commit_backup kind, const char *suffix, const char *name)
{
	backup.wish.kind = kind;
	backup.wish.suffix = suffix;
	assert_int_equal(lc_backup_choose(&backup, &place), 0);
	assert_string_equal(backup.name, name);
}

static void names_are_those_of_cp(void **state)
{
	(void)state;
	chooses(COMMIT_BACKUP_SIMPLE, "~", "f~");
	chooses(COMMIT_BACKUP_SIMPLE, ".orig", "f.orig");
	chooses(COMMIT_BACKUP_NUMBERED, "~", "f.~1~");
	chooses(COMMIT_BACKUP_EXISTING, "~", "f~");
	/* none of these is a numbered backup of f */
	put("f.~0~", ""), put("f.~07~", ""), put("f.~8", ""), put("f.~x~", ""), put("ff.~9~", "");
	put("f.~5~x", ""), put("f.~99999999999999999999999~", ""), put("f.~-3~", "");
	chooses(COMMIT_BACKUP_EXISTING, "~", "f~");
	put("f.~2~", ""), put("f.~10~", "");
	chooses(COMMIT_BACKUP_EXISTING, "~", "f.~11~");
	chooses(COMMIT_BACKUP_NUMBERED, "~", "f.~11~");
	chooses(COMMIT_BACKUP_SIMPLE, "~", "f~");
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	strcpy(place.name, name);
	backup.wish.kind = COMMIT_BACKUP_SIMPLE;
	backup.wish.suffix = "~";
	assert_int_equal(lc_backup_choose(&backup, &place), -ENAMETOOLONG);
	name[NAME_MAX - 1] = '\0';
	strcpy(place.name, name);
	assert_int_equal(lc_backup_choose(&backup, &place), 0);
	assert_int_equal(strlen(backup.name), NAME_MAX);
	backup.wish.kind = COMMIT_BACKUP_NUMBERED;
	assert_int_equal(lc_backup_choose(&backup, &place), -ENAMETOOLONG);
	expect_error(prepare_as(COMMIT_BACKUP_NUMBERED, "~"), &err, COMMIT_EFAILED, ENAMETOOLONG);
}

static void a_backup_is_a_copy_with_metadata_and_times(void **state)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};

	(void)state;
	assert_return_code(chmod("f", 0640), errno);
	assert_return_code(utimensat(AT_FDCWD, "f", times, 0), errno);
	prepare(COMMIT_BACKUP_SIMPLE);
	expect_absent("f~");
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f~", "old");
	expect_file("f", "old");
	expect_mode("f~", 0640);
	assert_int_equal(stat_of("f~").st_mtim.tv_sec, 2000);
	/* no link to what is still live */
	assert_int_not_equal(stat_of("f~").st_ino, stat_of("f").st_ino);
	assert_int_equal(stat_of("f").st_nlink, 1);
	assert_int_equal(lc_backup_keep(&backup), 0);
	lc_backup_release(&backup);
	expect_file("f~", "old");
	expect_clean();
}

static void an_older_backup_goes_only_when_the_commit_is_done(void **state)
{
	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f~", "old");
	expect_file(backup.stage.name, "older");
	assert_int_equal(lc_backup_keep(&backup), 0);
	lc_backup_release(&backup);
	expect_file("f~", "old");
	expect_clean();
}

static void undo_brings_the_older_backup_back(void **state)
{
	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	lc_backup_undo(&backup);
	lc_backup_release(&backup);
	expect_file("f~", "older");
	expect_clean();
}

static void undo_removes_a_backup_that_replaced_none(void **state)
{
	(void)state;
	prepare(COMMIT_BACKUP_NUMBERED);
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f.~1~", "old");
	lc_backup_undo(&backup);
	expect_absent("f.~1~");
	/* and it is no harm to undo what was never published */
	prepare(COMMIT_BACKUP_NUMBERED);
	lc_backup_undo(&backup);
	lc_backup_release(&backup);
	expect_clean();
}

static void an_undo_that_fails_loses_nothing(void **state)
{
	char name[256];

	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	fault("1:EIO:exchange,1:EIO:rename");
	lc_backup_undo(&backup);
	assert_true(backup.is_left);
	lc_backup_release(&backup);
	expect_file("f~", "old");
	assert_int_equal(ours_in(".", name), 1);
	assert_string_equal(name, backup.older);
	expect_file(name, "older");
}

static void an_undo_has_two_ways(void **state)
{
	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	fault("1:EIO:exchange");
	lc_backup_undo(&backup);
	expect_fired();
	assert_false(backup.is_left);
	lc_backup_release(&backup);
	expect_file("f~", "older");
	expect_clean();
}

static void a_backup_that_stays_is_told(void **state)
{
	(void)state;
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	fault("1:EIO:unlink");
	lc_backup_undo(&backup);
	expect_fired();
	assert_true(backup.is_left);
	expect_file("f~", "old");
	/* also one that was published and could not be looked at */
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	fault("1:EIO:stat,2:EIO:exchange,1:EIO:rename");
	assert_int_equal(lc_backup_publish(&backup), -EIO);
	assert_int_equal(fault_end(), 3);
	assert_true(backup.is_left);
	expect_file("f~", "old");
	assert_true(backup.older[0]);
	expect_file(backup.older, "older");
	unlink(backup.older);
}

static void without_exchange_the_older_backup_is_replaced(void **state)
{
	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	fault("1:EINVAL:exchange");
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f~", "old");
	lc_backup_undo(&backup);
	lc_backup_release(&backup);
	expect_file("f~", "older");
	expect_clean();
}

static void without_hard_links_too_it_goes_for_good(void **state)
{
	static const char *const faults[] = {"1:EINVAL:exchange,1:EIO:link",
	                                     "1:EINVAL:exchange,1:EIO:random",
	                                     "1:EINVAL:exchange,1:EIO:rename"};
	size_t i;

	(void)state;
	put("f~", "older");
	for (i = 0; i < COUNT_OF(faults); i++) {
		prepare(COMMIT_BACKUP_SIMPLE);
		fault(faults[i]);
		assert_int_equal(lc_backup_publish(&backup), -EIO);
		assert_int_equal(fault_end(), 2);
		lc_backup_release(&backup);
		expect_file("f~", "older");
		expect_clean();
	}
	prepare(COMMIT_BACKUP_SIMPLE);
	fault("1:EINVAL:exchange,1:EPERM:link");
	assert_int_equal(lc_backup_publish(&backup), 0);
	lc_backup_undo(&backup);
	lc_backup_release(&backup);
	expect_file("f~", "old");
	expect_clean();
}

static void take_number(void *name)
{
	put(name, "somebody else's");
}

static void a_number_that_somebody_took_is_left_to_them(void **state)
{
	char name[] = "f.~1~";

	(void)state;
	prepare(COMMIT_BACKUP_NUMBERED);
	at_call("noreplace", 1, take_number, name);
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f.~1~", "somebody else's");
	expect_file("f.~2~", "old");
	assert_string_equal(backup.name, "f.~2~");
}

static void an_older_backup_that_vanishes_is_no_failure(void **state)
{
	char name[] = "f~";

	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	at_call("exchange", 1, unlink_it, name);
	assert_int_equal(lc_backup_publish(&backup), 0);
	expect_file("f~", "old");
}

static void a_race_that_is_always_lost_ends(void **state)
{
	(void)state;
	prepare(COMMIT_BACKUP_NUMBERED);
	fault("1:EEXIST:forever:noreplace");
	assert_int_equal(lc_backup_publish(&backup), -EEXIST);
	assert_true(fault_end() > 1);
}

static void errors_of_preparing_are_told(void **state)
{
	static const char *const faults[] = {
	        "1:EIO:open",    "1:EIO:tmpfile", "1:EIO:lseek", "1:EIO:stat",  "1:EIO:linkfd",
	        "1:EIO:utimens", "1:EIO:fsync",   "1:EIO:chmod", "1:EIO:close", "1:EIO:copyrange"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		expect_error(prepare_as(COMMIT_BACKUP_NUMBERED, "~"), &err, COMMIT_EFAILED, EIO);
		expect_fired();
		lc_backup_release(&backup);
		expect_clean();
		expect_absent("f.~1~");
	}
}

static void errors_of_publishing_change_nothing(void **state)
{
	(void)state;
	prepare(COMMIT_BACKUP_SIMPLE);
	fault("1:EROFS:noreplace");
	assert_int_equal(lc_backup_publish(&backup), -EROFS);
	expect_absent("f~");
	put("f~", "older");
	fault("1:EACCES:exchange");
	assert_int_equal(lc_backup_publish(&backup), -EACCES);
	fault("1:ENOSYS:exchange,1:EACCES:rename");
	assert_int_equal(lc_backup_publish(&backup), -EACCES);
	expect_file("f~", "older");
	prepare(COMMIT_BACKUP_NUMBERED);
	put("f.~1~", "theirs");
	fault("1:EACCES:open");
	assert_int_equal(lc_backup_publish(&backup), -EACCES);
	expect_fired();
	lc_backup_release(&backup);
	expect_clean();
}

static void errors_of_keeping_are_told(void **state)
{
	(void)state;
	put("f~", "older");
	prepare(COMMIT_BACKUP_SIMPLE);
	assert_int_equal(lc_backup_publish(&backup), 0);
	fault("1:EIO:unlink");
	assert_int_equal(lc_backup_keep(&backup), -EIO);
}

#define BACKUP(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BACKUP(names_are_those_of_cp),
	        BACKUP(a_name_that_is_too_long_is_refused),
	        BACKUP(a_backup_is_a_copy_with_metadata_and_times),
	        BACKUP(an_older_backup_goes_only_when_the_commit_is_done),
	        BACKUP(undo_brings_the_older_backup_back),
	        BACKUP(undo_removes_a_backup_that_replaced_none),
	        BACKUP(an_undo_that_fails_loses_nothing),
	        BACKUP(an_undo_has_two_ways),
	        BACKUP(a_backup_that_stays_is_told),
	        BACKUP(without_exchange_the_older_backup_is_replaced),
	        BACKUP(without_hard_links_too_it_goes_for_good),
	        BACKUP(a_number_that_somebody_took_is_left_to_them),
	        BACKUP(an_older_backup_that_vanishes_is_no_failure),
	        BACKUP(a_race_that_is_always_lost_ends),
	        BACKUP(errors_of_preparing_are_told),
	        BACKUP(errors_of_publishing_change_nothing),
	        BACKUP(errors_of_keeping_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
