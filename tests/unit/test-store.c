/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "lock.h"
#include "store.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct commit_store *store;
static struct commit_error err;

static int begin(void **state)
{
	int rc = support_begin(state);

	store = NULL;
	return rc ? rc : mkdir("t", 0755);
}

#define TREE(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

static int open_store(unsigned flags)
{
	struct commit_store_options opt;

	commit_store_options_init(&opt);
	opt.wait_ms = 0;
	mark(&err);
	return lc_store_open(&store, "t", flags, &opt, &err);
}

static void make_store(void)
{
	assert_int_equal(open_store(COMMIT_STORE_CREATE), 0);
	lc_store_close(store);
	store = NULL;
}

static void refuses(int code, int errnum)
{
	expect_error(open_store(0), &err, code, errnum);
	expect_error(open_store(COMMIT_STORE_CREATE), &err, code, errnum);
	expect_error(open_store(COMMIT_STORE_LOOK), &err, code, errnum);
	assert_null(store);
}

/* --- opening ------------------------------------------------------------- */

static void a_look_makes_nothing(void **state)
{
	(void)state;
	expect_error(open_store(0), &err, COMMIT_EFAILED, ENOENT);
	expect_error(open_store(COMMIT_STORE_LOOK), &err, COMMIT_EFAILED, ENOENT);
	expect_absent("t/.commit");
}

static void a_new_store_is_private_and_ignores_itself(void **state)
{
	(void)state;
	make_store();
	expect_mode("t/.commit", 0700);
	expect_file("t/.commit/.gitignore", "*\n");
	expect_mode("t/.commit/format", 0600);
	expect_absent("t/.commit/format.new");
	assert_int_equal(open_store(0), 0);
	assert_false(lc_store_has_stages(store));
	lc_store_close(store);
	assert_int_equal(open_store(COMMIT_STORE_LOOK), 0);
	lc_store_close(store);
}

static void a_root_that_is_none_is_refused(void **state)
{
	(void)state;
	put("f", "f");
	expect_error(lc_store_open(&store, "missing", 0, NULL, &err), &err, COMMIT_EFAILED, ENOENT);
	expect_error(lc_store_open(&store, "f", 0, NULL, &err), &err, COMMIT_EFAILED, ENOTDIR);
}

static void what_is_half_made_is_no_store_and_is_completed(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(unlink("t/.commit/format"), 0);
	put("t/.commit/format.new", "half");
	put("t/.commit/log/segment-0000000000000009", "left over");
	expect_error(open_store(0), &err, COMMIT_EFAILED, ENOENT);
	make_store();
	assert_int_equal(open_store(0), 0);
	assert_int_equal(lc_store_enter(store, &err), 0);
	lc_store_leave(store);
	lc_store_close(store);
	expect_absent("t/.commit/log/segment-0000000000000009");
}

static void a_copy_is_refused_and_a_moved_one_is_not(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(rename("t", "moved"), 0);
	assert_int_equal(rename("moved", "t"), 0);
	make_store();
	assert_int_equal(system("cp -a t copy && rm -rf t && mv copy t"), 0);
	refuses(COMMIT_ECONFLICT, EXDEV);
}

static void another_version_is_refused_untouched(void **state)
{
	(void)state;
	make_store();
	put("t/.commit/format", "libcommit store\nversion 2\nfs 0\ninode 0\n");
	refuses(COMMIT_EFAILED, EPROTONOSUPPORT);
	expect_file("t/.commit/format", "libcommit store\nversion 2\nfs 0\ninode 0\n");
}

static void a_format_that_makes_no_sense_is_damage(void **state)
{
	static const char *const texts[] = {"", "x", "libcommit", "libcommit store\nver"};
	size_t i;

	(void)state;
	make_store();
	for (i = 0; i < COUNT_OF(texts); i++) {
		put("t/.commit/format", texts[i]);
		refuses(COMMIT_ECONFLICT, EBADMSG);
	}
}

static void what_is_not_ours_alone_is_refused(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(chmod("t/.commit", 0770), 0);
	refuses(COMMIT_EFAILED, EPERM);
	assert_int_equal(chmod("t/.commit", 0702), 0);
	refuses(COMMIT_EFAILED, EPERM);
	assert_int_equal(chmod("t/.commit", 0700), 0);
	need_root();
	assert_int_equal(chown("t/.commit", 1000, 1000), 0);
	refuses(COMMIT_EFAILED, EPERM);
}

static void root_makes_no_store_in_the_tree_of_another(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(chown("t", 1000, 1000), 0);
	expect_error(open_store(COMMIT_STORE_CREATE), &err, COMMIT_EFAILED, EPERM);
}

/* What stands under the names of a store may be anything. */
static void links_and_pipes_in_the_place_of_parts_are_refused(void **state)
{
	static const char *const parts[] = {"t/.commit/lock", "t/.commit/log", "t/.commit/stage",
	                                    "t/.commit/format", "t/.commit"};
	size_t i;

	(void)state;
	put("outside", "outside");
	for (i = 0; i < COUNT_OF(parts); i++) {
		assert_int_equal(system("rm -rf t/.commit"), 0);
		make_store();
		assert_int_equal(rename(parts[i], "aside"), 0);
		assert_int_equal(symlink("../aside", parts[i]), 0);
		assert_true(open_store(0) < 0);
		assert_true(open_store(COMMIT_STORE_LOOK) < 0);
		assert_int_equal(unlink(parts[i]), 0);
		assert_int_equal(mkfifo(parts[i], 0600), 0);
		assert_true(open_store(COMMIT_STORE_LOOK) < 0 || i == 0);
		if (store)
			lc_store_close(store);
		store = NULL;
		assert_int_equal(system("rm -rf aside"), 0);
	}
	expect_file("outside", "outside");
}

/* --- the lock and the log ------------------------------------------------ */

static void one_at_a_time_has_the_store(void **state)
{
	struct commit_store *first;

	(void)state;
	make_store();
	assert_int_equal(open_store(0), 0);
	first = store;
	assert_int_equal(lc_store_enter(first, &err), 0);
	assert_int_equal(open_store(0), 0);
	expect_error(lc_store_enter(store, &err), &err, COMMIT_EBUSY, EWOULDBLOCK);
	lc_store_leave(first);
	assert_int_equal(lc_store_enter(store, &err), 0);
	lc_store_leave(store);
	lc_store_close(first);
	lc_store_close(store);
}

static void a_damaged_log_is_a_conflict(void **state)
{
	(void)state;
	make_store();
	put("t/.commit/log/super", "nothing like it");
	assert_int_equal(open_store(0), 0);
	assert_int_equal(lc_store_enter(store, &err), COMMIT_ECONFLICT);
	/* and the lock is free again */
	assert_int_equal(lc_sys_lock(store->lock), 0);
	lc_store_close(store);
}

static void errors_of_the_lock_and_the_log_are_told(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(open_store(0), 0);
	fault("1:EIO:once:flock");
	expect_error(lc_store_enter(store, &err), &err, COMMIT_EFAILED, EIO);
	expect_fired();
	fault("1:EIO:once:pread");
	expect_error(lc_store_enter(store, &err), &err, COMMIT_EFAILED, EIO);
	expect_fired();
	/* a file system without locks */
	fault("1:ENOLCK:forever:flock");
	assert_int_equal(lc_store_enter(store, &err), 0);
	lc_store_leave(store);
	expect_fired();
	lc_store_close(store);
}

/* --- stages -------------------------------------------------------------- */

static int count_stage(void *context, const char *name)
{
	int *count = context;

	(void)name;
	return ++*count == 5 ? 42 : 0;
}

static void stages_are_counted_and_removed(void **state)
{
	int count = 0;

	(void)state;
	make_store();
	assert_int_equal(mkdir("t/.commit/stage/one", 0700), 0);
	assert_int_equal(mkdir("t/.commit/stage/one/in-0", 0700), 0);
	put("t/.commit/stage/one/ops", "ops");
	put("t/.commit/stage/one/info", "info");
	assert_int_equal(symlink("/etc", "t/.commit/stage/one/in-1"), 0);
	assert_int_equal(mkdir("t/.commit/stage/two", 0700), 0);
	assert_int_equal(open_store(0), 0);
	assert_true(lc_store_has_stages(store));
	assert_int_equal(lc_store_each_stage(store, count_stage, &count), 0);
	assert_int_equal(count, 2);
	count = 4;
	assert_int_equal(lc_store_each_stage(store, count_stage, &count), 42);
	assert_int_equal(lc_store_remove_stage(store, "one"), 0);
	expect_absent("t/.commit/stage/one");
	assert_int_equal(lc_store_remove_stage(store, "one"), -ENOENT);
	/* what somebody has put into one stays */
	assert_int_equal(mkdir("t/.commit/stage/two/out-0", 0700), 0);
	put("t/.commit/stage/two/out-0/theirs", "theirs");
	assert_int_equal(lc_store_remove_stage(store, "two"), -ENOTEMPTY);
	expect_file("t/.commit/stage/two/out-0/theirs", "theirs");
	lc_store_close(store);
}

static void a_stage_loses_its_operations_first(void **state)
{
	(void)state;
	make_store();
	assert_int_equal(mkdir("t/.commit/stage/one", 0700), 0);
	put("t/.commit/stage/one/a", "a");
	put("t/.commit/stage/one/ops", "ops");
	put("t/.commit/stage/one/z", "z");
	assert_int_equal(open_store(0), 0);
	fault("2:EIO:once:unlink");
	assert_int_equal(lc_store_remove_stage(store, "one"), -EIO);
	expect_fired();
	expect_absent("t/.commit/stage/one/ops");
	assert_int_equal(lc_store_remove_stage(store, "one"), 0);
	lc_store_close(store);
}

/* --- every call ---------------------------------------------------------- */

/* Whatever fails: nothing is left open, and the next one can do it. */
static void every_call_of_making_a_store_may_fail(void **state)
{
	long before = fds_open();
	char spec[48];
	int n, rc;

	(void)state;
	for (n = 1;; n++) {
		assert_int_equal(system("rm -rf t/.commit"), 0);
		snprintf(spec, sizeof spec, "%d:EIO", n);
		fault(spec);
		rc = open_store(COMMIT_STORE_CREATE);
		if (fault_end() == 0)
			break;
		assert_true(rc == COMMIT_EFAILED || rc == 0);
		lc_store_close(rc == 0 ? store : NULL);
		store = NULL;
		assert_int_equal(fds_open(), before);
		make_store();
	}
	assert_int_equal(rc, 0);
	lc_store_close(store);
	assert_true(n > 20);
}

static void every_call_of_removing_a_stage_may_fail(void **state)
{
	char spec[48];
	int n, rc;

	(void)state;
	make_store();
	assert_int_equal(open_store(0), 0);
	for (n = 1;; n++) {
		mkdir("t/.commit/stage/one", 0700);
		put("t/.commit/stage/one/ops", "ops");
		mkdir("t/.commit/stage/one/in-0", 0700);
		snprintf(spec, sizeof spec, "%d:EIO", n);
		fault(spec);
		rc = lc_store_remove_stage(store, "one");
		if (fault_end() == 0)
			break;
		assert_int_equal(rc, -EIO);
	}
	assert_int_equal(rc, 0);
	assert_true(n > 5);
	fault("1:EIO:once:open");
	assert_int_equal(lc_store_has_stages(store), -EIO);
	expect_fired();
	lc_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(a_look_makes_nothing),
	        TREE(a_new_store_is_private_and_ignores_itself),
	        TREE(a_root_that_is_none_is_refused),
	        TREE(what_is_half_made_is_no_store_and_is_completed),
	        TREE(a_copy_is_refused_and_a_moved_one_is_not),
	        TREE(another_version_is_refused_untouched),
	        TREE(a_format_that_makes_no_sense_is_damage),
	        TREE(what_is_not_ours_alone_is_refused),
	        TREE(root_makes_no_store_in_the_tree_of_another),
	        TREE(links_and_pipes_in_the_place_of_parts_are_refused),
	        TREE(one_at_a_time_has_the_store),
	        TREE(a_damaged_log_is_a_conflict),
	        TREE(errors_of_the_lock_and_the_log_are_told),
	        TREE(stages_are_counted_and_removed),
	        TREE(a_stage_loses_its_operations_first),
	        TREE(every_call_of_making_a_store_may_fail),
	        TREE(every_call_of_removing_a_stage_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
