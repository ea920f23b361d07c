/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "publish.h"
#include "sys.h"
#include "view.h"
#include "view-support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- looking ------------------------------------------------------------- */

static void an_untouched_view_is_the_disk(void **state)
{
	struct lc_change_list list = {NULL, 0, 0};
	const char *bad;

	(void)state;
	assert_int_equal(state_of("a"), LC_NODE_ORIGINAL);
	expect_real("d/x", "d/x");
	assert_int_equal(state_of("missing"), LC_NODE_ABSENT);
	assert_int_equal(state_of("a/below"), LC_NODE_ABSENT);
	assert_int_equal(lc_view_has_entries(view, "d"), 1);
	assert_int_equal(lc_view_has_entries(view, "d/e"), 0);
	assert_int_equal(lc_view_plan(view, &list, &bad), 0);
	assert_int_equal(list.count, 0);
}

static void paths_that_are_none_are_refused(void **state)
{
	struct lc_node node;

	(void)state;
	assert_int_equal(lc_view_look(view, "../x", &node), -EINVAL);
	assert_int_equal(canonical_error("../x"), -EINVAL);
	assert_int_equal(canonical_error(""), -EINVAL);
	assert_int_equal(canonical_error("/a"), -EINVAL);
	assert_int_equal(canonical_error("missing/a"), -ENOENT);
	assert_int_equal(canonical_error("a/b"), -ENOTDIR);
}

static void links_on_the_way_are_followed_below_the_root_only(void **state)
{
	(void)state;
	assert_int_equal(symlink("d", "l"), 0);
	assert_int_equal(symlink("../a", "d/up"), 0);
	assert_int_equal(symlink("e/..//./e", "d/twice"), 0);
	assert_int_equal(symlink("..", "out"), 0);
	assert_int_equal(symlink("/etc", "absolute"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(symlink("../..", "d/e/far"), 0);
	expect_canonical("l/x", "d/x");
	expect_canonical("l/new", "d/new");
	/* the last component is what it is about */
	expect_canonical("l", "l");
	expect_canonical("d/up", "d/up");
	expect_canonical("l/twice/new", "d/e/new");
	assert_int_equal(canonical_error("out/x"), -EXDEV);
	assert_int_equal(canonical_error("absolute/passwd"), -EXDEV);
	assert_int_equal(canonical_error("loop/x"), -ELOOP);
	expect_canonical("d/e/far/a", "a");
	assert_int_equal(symlink("../../..", "d/e/further"), 0);
	assert_int_equal(canonical_error("d/e/further/a"), -EXDEV);
}

static void links_that_grow_too_long_are_refused(void **state)
{
	char target[4000], path[4000];

	(void)state;
	memset(target, 'x', sizeof target);
	for (size_t i = 200; i < sizeof target; i += 201)
		target[i] = '/';
	target[3900] = '\0';
	assert_int_equal(symlink(target, "long"), 0);
	snprintf(path, sizeof path, "long/%.3000s", target);
	assert_int_equal(canonical_error(path), -ENAMETOOLONG);
}

static void operations_see_those_before_them(void **state)
{
	(void)state;
	stage_one("n", "in-0", NULL);
	stage_one("n/f", "in-1", "f");
	assert_int_equal(state_of("n/f"), LC_NODE_STAGED);
	/* below what is staged there is only what was put there */
	assert_int_equal(state_of("n/g"), LC_NODE_ABSENT);
	assert_int_equal(lc_view_has_entries(view, "n"), 1);
	assert_int_equal(lc_view_remove(view, "n/f"), 0);
	assert_int_equal(state_of("n/f"), LC_NODE_ABSENT);
	assert_int_equal(lc_view_has_entries(view, "n"), 0);
	expect_canonical("n/g", "n/g");
	assert_int_equal(lc_view_remove(view, "d/x"), 0);
	assert_int_equal(lc_view_has_entries(view, "d"), 1);
	assert_int_equal(lc_view_remove(view, "d/e"), 0);
	assert_int_equal(lc_view_has_entries(view, "d"), 0);
}

static void what_is_in_a_moved_directory_moves_along(void **state)
{
	(void)state;
	stage_one("d/new", "in-0", "new");
	assert_int_equal(lc_view_remove(view, "d/x"), 0);
	assert_int_equal(lc_view_move(view, "d", "m"), 0);
	assert_int_equal(state_of("d"), LC_NODE_ABSENT);
	assert_int_equal(state_of("d/e"), LC_NODE_ABSENT);
	expect_real("m/e", "d/e");
	expect_real("m/new", "stage/in-0");
	assert_int_equal(state_of("m/x"), LC_NODE_ABSENT);
	assert_int_equal(lc_view_has_entries(view, "m"), 1);
}

static void what_was_seen_first_is_remembered(void **state)
{
	struct lc_identity seen, was;
	struct stat st = stat_of("a");

	(void)state;
	lc_identity_of(&st, &was);
	assert_int_equal(lc_view_seen(view, "a", &seen), -ENOENT);
	assert_int_equal(lc_view_set_seen(view, "a", &was), -ENOENT);
	stage_one("a", "in-0", "new");
	put("a", "somebody else's");
	assert_int_equal(lc_view_seen(view, "a", &seen), 0);
	assert_true(lc_identity_same(&seen, &was));
	expect_stale("a");
	st = stat_of("a");
	lc_identity_of(&st, &was);
	assert_int_equal(lc_view_set_seen(view, "a", &was), 0);
	carry_out(0, 1, 0);
	expect_file("a", "new");
}

/* --- changes ------------------------------------------------------------- */

struct seen_changes {
	int count;
	int added, removed, changed;
};

static int count_change(void *context, const char *path, const struct lc_node *before,
                        const struct lc_node *after)
{
	struct seen_changes *seen = context;

	(void)path;
	seen->count++;
	seen->added += before->state == LC_NODE_ABSENT;
	seen->removed += after->state == LC_NODE_ABSENT;
	seen->changed += before->state != LC_NODE_ABSENT && after->state != LC_NODE_ABSENT;
	return seen->count == 100 ? 7 : 0;
}

static void each_difference_is_told_once(void **state)
{
	struct seen_changes seen = {0};

	(void)state;
	stage_one("a", "in-0", "new");
	stage_one("n", "in-1", "n");
	stage_one("gone", "in-2", "n");
	assert_int_equal(lc_view_remove(view, "gone"), 0);
	assert_int_equal(lc_view_remove(view, "b"), 0);
	chmod_in_view("d", 0700);
	assert_int_equal(lc_view_each(view, count_change, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_int_equal(seen.added, 1);
	assert_int_equal(seen.removed, 1);
	assert_int_equal(seen.changed, 2);
	seen.count = 99;
	assert_int_equal(lc_view_each(view, count_change, &seen), 7);
}

static void thousands_of_paths_are_found_again(void **state)
{
	char path[32];
	int i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		snprintf(path, sizeof path, "d/n%d", i);
		assert_int_equal(lc_view_remove(view, path), 0);
	}
	assert_int_equal(lc_view_move(view, "d", "m"), 0);
	for (i = 0; i < 3000; i++) {
		struct lc_identity seen;

		snprintf(path, sizeof path, "m/n%d", i);
		assert_int_equal(lc_view_seen(view, path, &seen), 0);
		snprintf(path, sizeof path, "d/n%d", i);
		assert_int_equal(lc_view_seen(view, path, &seen), -ENOENT);
	}
}

/* --- faults -------------------------------------------------------------- */

static void errors_of_looking_are_told(void **state)
{
	struct lc_change_list list = {NULL, 0, 0};
	struct lc_identity identity = {0};
	struct lc_node node;
	const char *bad;

	(void)state;
	fault("1:EIO:once:stat");
	assert_int_equal(lc_view_look(view, "a", &node), -EIO);
	expect_fired();
	fault("1:EIO:once:stat");
	assert_int_equal(lc_view_remove(view, "a"), -EIO);
	expect_fired();
	fault("1:EIO:once:stat");
	assert_int_equal(lc_view_put(view, "a", "stage/x", &identity), -EIO);
	expect_fired();
	fault("2:EIO:once:stat");
	assert_int_equal(lc_view_move(view, "a", "n"), -EIO);
	expect_fired();
	fault("1:EIO:once:openat2");
	assert_true(lc_view_has_entries(view, "d/e") < 0);
	fault_end();
	assert_int_equal(lc_view_remove(view, "b"), 0);
	fault("1:EIO:once:stat");
	assert_int_equal(lc_view_plan(view, &list, &bad), -EIO);
	expect_fired();
	assert_int_equal(symlink("d", "l"), 0);
	fault("1:EIO:once:readlink");
	assert_int_equal(canonical_error("l/x"), -EIO);
	expect_fired();
	lc_change_list_release(&list);
}

static void metadata_that_cannot_be_noted_are_released(void **state)
{
	struct lc_change c = {.type = LC_OPERATION_META};

	(void)state;
	c.path = strdup("a");
	fault("1:EIO:once:stat");
	assert_int_equal(lc_view_meta(view, "a", &c), -EIO);
	expect_fired();
	assert_null(c.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(an_untouched_view_is_the_disk),
	        TREE(paths_that_are_none_are_refused),
	        TREE(links_on_the_way_are_followed_below_the_root_only),
	        TREE(links_that_grow_too_long_are_refused),
	        TREE(operations_see_those_before_them),
	        TREE(what_is_in_a_moved_directory_moves_along),
	        TREE(what_was_seen_first_is_remembered),
	        TREE(each_difference_is_told_once),
	        TREE(thousands_of_paths_are_found_again),
	        TREE(errors_of_looking_are_told),
	        TREE(metadata_that_cannot_be_noted_are_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
