/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "killed.h"
#include "support.h"

#include "inplace.h"
#include "name.h"
#include "recover-internal.h"
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

static void an_empty_directory_has_nothing(void **state)
{
	(void)state;
	put("f", "old");
	finds_nothing(".");
	assert_int_equal(totals.scanned, 1);
	finds_nothing("f");
}

static void what_a_killed_save_left_is_removed(void **state)
{
	const struct death *deaths[] = {&staged, &displaced, &exchanged, &judged};
	char name[256], path[300];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(deaths); i++) {
		leave_killed(deaths[i], name);
		finds(".", COMMIT_DECIDE_REMOVE, 1);
		snprintf(path, sizeof path, "./%s", name);
		assert_string_equal(last_path, path);
		assert_int_equal(last.owner, geteuid());
		assert_true(last.age >= 0);
		expect_clean();
		expect_file("f", deaths[i] == &exchanged ? "new" : "old");
		finds_nothing(".");
	}
	assert_int_equal(last.kind, COMMIT_FOUND_STAGE_DIR);
}

static void a_dry_run_decides_only(void **state)
{
	const struct death *deaths[] = {&staged, &displaced, &judged, &edited};
	char name[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(deaths); i++) {
		opt.flags = COMMIT_RECOVER_DRY_RUN;
		leave_killed(deaths[i], name);
		finds(".", i < 3 ? COMMIT_DECIDE_REMOVE : COMMIT_DECIDE_ROLL_FORWARD, 0);
		assert_int_equal(ours_in(".", NULL), 1);
		expect_file("f", "old");
		killed_options();
		assert_int_equal(scan("."), 0);
		expect_clean();
	}
}

static void the_young_are_spared(void **state)
{
	const struct death *deaths[] = {&staged, &displaced, &judged, &edited};
	char name[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(deaths); i++) {
		leave_killed(deaths[i], name);
		opt.older_than = 3600;
		finds(".", COMMIT_DECIDE_YOUNG, 0);
		opt.older_than = 0;
		assert_int_equal(scan("."), 0);
	}
}

static void the_living_are_left_alone(void **state)
{
	const struct death *deaths[] = {&staged, &displaced, &judged, &edited};
	char name[256];
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < COUNT_OF(deaths); i++) {
		leave_killed(deaths[i], name);
		fd = open_file(name, O_RDONLY);
		assert_return_code(flock(fd, LOCK_EX), errno);
		finds(".", COMMIT_DECIDE_LIVE, 0);
		assert_non_null(strstr(last.reason, "holds the lock"));
		close(fd);
		assert_int_equal(scan("."), 0);
		expect_clean();
	}
}

static void a_save_that_runs_is_not_disturbed(void **state)
{
	struct commit_save *save;

	(void)state;
	put("f", "old");
	assert_int_equal(commit_save_open(&save, "f", NULL, NULL), 0);
	assert_int_equal(commit_save_write(save, "new", 3, NULL), 0);
	assert_int_equal(commit_save_finish(save, NULL), 0);
	finds(".", COMMIT_DECIDE_LIVE, 0);
	assert_int_equal(commit_save_commit(save, NULL, NULL), 0);
	commit_save_close(save);
	expect_file("f", "new");
}

/* Without locks boot and age tell, and this is the same boot. */
static void without_locks_nothing_of_this_boot_is_dead(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&staged, name);
	fault("1:ENOLCK:flock");
	finds(".", COMMIT_DECIDE_LIVE, 0);
	assert_int_equal(ours_in(".", NULL), 1);
}

static void copied_names_are_not_touched(void **state)
{
	char name[256], path[300];

	(void)state;
	leave_killed(&staged, name);
	assert_return_code(mkdir("copy", 0755), errno);
	snprintf(path, sizeof path, "copy/%s", name);
	put(path, "a copy");
	finds("copy", COMMIT_DECIDE_UNPROVEN, 0);
	expect_file(path, "a copy");
	/* a directory where a file should be, and the other way round */
	assert_return_code(unlink(name), errno);
	assert_return_code(mkdir(name, 0755), errno);
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
	assert_return_code(rmdir(name), errno);
	leave_killed(&displaced, name);
	assert_return_code(unlink(name), errno);
	assert_return_code(mkdir(name, 0755), errno);
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
	assert_return_code(rmdir(name), errno);
	leave_killed(&judged, name);
	assert_int_equal(scan("."), 0);
	put(name, "no directory");
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
	assert_return_code(unlink(name), errno);
	assert_int_equal(lc_name_make_in_place(1, "f", name), 0);
	put(name, "for another directory");
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
}

static void a_displaced_foreign_version_wants_a_person(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&displaced, name);
	put("theirs", "somebody's edit");
	assert_return_code(rename("theirs", name), errno);
	finds(".", COMMIT_DECIDE_CONFLICT, 0);
	expect_file(name, "somebody's edit");
	assert_int_equal(totals.conflicts, 1);
	assert_int_equal(last.code, COMMIT_ECONFLICT);
}

/* The staged file was copied to another inode, because it could not be linked. */
static void a_displaced_name_fits_the_file_that_got_it(void **state)
{
	const struct death fallback = {.when = "1:ENOENT:linkfd,1:kill:exchange", .conditional = 1};
	char name[256];

	(void)state;
	leave_killed(&fallback, name);
	finds(".", COMMIT_DECIDE_REMOVE, 1);
	expect_clean();
	expect_file("f", "old");
}

static void stage_directories_with_more_in_them_stay(void **state)
{
	char name[256], path[300];

	(void)state;
	leave_killed(&judged, name);
	snprintf(path, sizeof path, "%s/notes", name);
	put(path, "by hand");
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
	expect_file(path, "by hand");
	assert_return_code(unlink(path), errno);
	snprintf(path, sizeof path, "%s/f", name);
	assert_return_code(unlink(path), errno);
	assert_return_code(mkdir(path, 0700), errno);
	finds(".", COMMIT_DECIDE_UNPROVEN, 0);
	assert_return_code(rmdir(path), errno);
	fault("4:EIO:open");
	expect_error(scan("."), &err, COMMIT_EPENDING, EIO);
	assert_int_equal(last.decision, COMMIT_DECIDE_UNPROVEN);
	expect_fired();
	/* killed between the removal of the file and that of the directory */
	finds(".", COMMIT_DECIDE_REMOVE, 1);
	expect_clean();
}

static void removals_that_fail_are_pending(void **state)
{
	static const struct {
		const struct death *death;
		const char *fault;
	} cases[] = {{&staged, "1:EACCES:unlink"},
	             {&judged, "1:EACCES:unlink"},
	             {&judged, "1:EACCES:rmdir"}};
	char name[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(cases); i++) {
		leave_killed(cases[i].death, name);
		fault(cases[i].fault);
		expect_error(scan("."), &err, COMMIT_EPENDING, EACCES);
		assert_int_equal(last.done, 0);
		expect_fired();
		assert_int_equal(scan("."), 0);
		expect_clean();
	}
}

static int scan_as_user(void *context)
{
	(void)context;
	CHECK(scan(".") == 0);
	CHECK(totals.found == 1 && last.decision == COMMIT_DECIDE_FOREIGN);
	CHECK(last.errnum == EACCES && !last.done);
	return 0;
}

static void files_of_others_are_named_and_left(void **state)
{
	const struct death unreadable = {.when = "1:kill:chmod"};
	char name[256];

	(void)state;
	need_root();
	put("f", "old");
	assert_return_code(chmod("f", 0640), errno);
	leave_killed(&unreadable, name);
	assert_return_code(chmod(".", 0777), errno);
	assert_int_equal(as_user(65534, scan_as_user, NULL), 0);
	assert_int_equal(ours_in(".", NULL), 1);
}

static void vanish(void *context)
{
	char name[256];

	(void)context;
	assert_int_equal(ours_in(".", name), 1);
	assert_return_code(unlink(name), errno);
}

static void what_vanishes_meanwhile_is_no_finding(void **state)
{
	static const char *const calls[] = {"stat", "open", "flock"};
	static const unsigned nths[] = {2, 3, 1};
	char name[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(calls); i++) {
		leave_killed(&staged, name);
		at_call(calls[i], nths[i], vanish, NULL);
		finds_nothing(".");
		expect_clean();
	}
}

static void trees_are_walked_if_asked(void **state)
{
	char name[256], path[300];

	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_return_code(mkdir("d/e", 0755), errno);
	assert_return_code(symlink("d", "link"), errno);
	assert_return_code(chdir("d/e"), errno);
	leave_killed(&staged, name);
	assert_return_code(chdir("../.."), errno);
	finds_nothing(".");
	opt.flags = COMMIT_RECOVER_TREE;
	finds(".", COMMIT_DECIDE_REMOVE, 1);
	snprintf(path, sizeof path, "./d/e/%s", name);
	assert_string_equal(last_path, path);
	assert_int_equal(totals.scanned, 5);
}

static void other_file_systems_are_left_out_if_asked(void **state)
{
	uint64_t both, one;

	(void)state;
	need_root();
	assert_return_code(mkdir("d", 0755), errno);
	if (mount("unit", "d", "tmpfs", 0, "size=1m") != 0)
		skip();
	put("d/f", "x");
	opt.flags = COMMIT_RECOVER_TREE;
	both = scan(".") == 0 ? totals.scanned : 0;
	opt.flags |= COMMIT_RECOVER_ONE_FS;
	one = scan(".") == 0 ? totals.scanned : 0;
	/* before anything can fail: no mount is left behind */
	assert_return_code(umount("d"), errno);
	assert_int_equal(both, 2);
	assert_int_equal(one, 1);
}

static void what_cannot_be_read_is_told_and_passed_by(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&staged, name);
	assert_return_code(mkdir("d", 0755), errno);
	opt.flags = COMMIT_RECOVER_TREE | COMMIT_RECOVER_DRY_RUN;
	/* the directory, its entries, then in any order "d" and what was left */
	fault("3:EIO:forever:open");
	expect_error(scan("."), &err, COMMIT_EPENDING, EIO);
	expect_fired();
	/* the directory, what was left, and the journal directory that is last */
	assert_string_equal(warned, ".");
	assert_int_equal(totals.failed, 3);
	opt.warn = NULL;
	fault("2:EIO:open");
	expect_error(scan("."), &err, COMMIT_EFAILED, EIO);
	fault("1:EIO:open");
	expect_error(scan("."), &err, COMMIT_EFAILED, EIO);
	fault("1:EIO:stat");
	expect_error(scan("."), &err, COMMIT_EFAILED, EIO);
	fault("2:EIO:forever:stat");
	expect_error(scan("."), &err, COMMIT_EFAILED, EIO);
	assert_int_equal(totals.failed, 2);
}

static void paths_that_are_not_there_are_errors(void **state)
{
	(void)state;
	expect_error(scan("missing"), &err, COMMIT_EFAILED, ENOENT);
	expect_error(scan("missing/f"), &err, COMMIT_EFAILED, ENOENT);
	expect_error(scan(""), &err, COMMIT_EFAILED, ENOENT);
	opt.size++;
	expect_error(scan("."), &err, COMMIT_EUSAGE, EINVAL);
}

static void a_scan_can_be_cancelled(void **state)
{
	int cancel[2];
	char name[256];

	(void)state;
	leave_killed(&staged, name);
	assert_return_code(pipe(cancel), errno);
	opt.cancel_fd = cancel[0];
	opt.flags = COMMIT_RECOVER_DRY_RUN;
	assert_int_equal(scan("."), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	expect_error(scan("."), &err, COMMIT_ECANCELED, ECANCELED);
	assert_int_equal(totals.found, 0);
	close(cancel[0]), close(cancel[1]);
}

static void the_first_and_gravest_is_told(void **state)
{
	static const int codes[] = {COMMIT_EFAILED,   COMMIT_EPENDING, COMMIT_EFAILED,
	                            COMMIT_ECONFLICT, COMMIT_EPENDING, COMMIT_ECONFLICT};
	static const int gravest[] = {COMMIT_EFAILED,   COMMIT_EPENDING,  COMMIT_EPENDING,
	                              COMMIT_ECONFLICT, COMMIT_ECONFLICT, COMMIT_ECONFLICT};
	static const int told[] = {0, 1, 1, 3, 3, 3};
	struct lc_scan running = {.err = &err};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(codes); i++) {
		lc_recover_complain(&running, codes[i], (int)i, "test", "path", "why");
		assert_int_equal(running.code, gravest[i]);
		assert_int_equal(err.errnum, told[i]);
	}
}

static void details_are_not_required(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&displaced, name);
	put("theirs", "somebody's edit");
	assert_return_code(rename("theirs", name), errno);
	assert_int_equal(commit_recover_scan(".", &opt, NULL, NULL), COMMIT_ECONFLICT);
	assert_int_equal(commit_recover_scan(".", NULL, NULL, NULL), COMMIT_ECONFLICT);
}

static void totals_are_added_to(void **state)
{
	char name[256];

	(void)state;
	leave_killed(&staged, name);
	memset(&totals, 0, sizeof totals);
	totals.found = 10;
	totals.repaired = 20;
	assert_int_equal(commit_recover_scan(".", &opt, &totals, &err), 0);
	assert_int_equal(totals.found, 11);
	assert_int_equal(totals.repaired, 21);
}

#define RECOVER(test) cmocka_unit_test_setup_teardown(test, killed_begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        RECOVER(an_empty_directory_has_nothing),
	        RECOVER(what_a_killed_save_left_is_removed),
	        RECOVER(a_dry_run_decides_only),
	        RECOVER(the_young_are_spared),
	        RECOVER(the_living_are_left_alone),
	        RECOVER(a_save_that_runs_is_not_disturbed),
	        RECOVER(without_locks_nothing_of_this_boot_is_dead),
	        RECOVER(copied_names_are_not_touched),
	        RECOVER(a_displaced_foreign_version_wants_a_person),
	        RECOVER(a_displaced_name_fits_the_file_that_got_it),
	        RECOVER(stage_directories_with_more_in_them_stay),
	        RECOVER(removals_that_fail_are_pending),
	        RECOVER(files_of_others_are_named_and_left),
	        RECOVER(what_vanishes_meanwhile_is_no_finding),
	        RECOVER(trees_are_walked_if_asked),
	        RECOVER(other_file_systems_are_left_out_if_asked),
	        RECOVER(what_cannot_be_read_is_told_and_passed_by),
	        RECOVER(paths_that_are_not_there_are_errors),
	        RECOVER(a_scan_can_be_cancelled),
	        RECOVER(the_first_and_gravest_is_told),
	        RECOVER(details_are_not_required),
	        RECOVER(totals_are_added_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
