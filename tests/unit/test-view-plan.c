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

/* --- plans --------------------------------------------------------------- */

static void a_put_over_a_file_is_one_exchange(void **state)
{
	(void)state;
	stage_one("a", "in-0", "new");
	stage_one("n", "in-1", "n");
	carry_out(0, 2, 0);
	expect_file("a", "new");
	expect_file("n", "n");
	/* what it replaced waits in its place */
	expect_file("stage/in-0", "a");
}

static void a_plain_move_is_one_rename(void **state)
{
	(void)state;
	assert_int_equal(lc_view_move(view, "a", "d/e/a"), 0);
	carry_out(0, 1, 0);
	expect_absent("a");
	expect_file("d/e/a", "a");
}

static void a_swap_goes_by_the_stage(void **state)
{
	(void)state;
	assert_int_equal(lc_view_move(view, "a", "t"), 0);
	assert_int_equal(lc_view_move(view, "b", "a"), 0);
	assert_int_equal(lc_view_move(view, "t", "b"), 0);
	carry_out(2, 2, 0);
	expect_file("a", "b");
	expect_file("b", "a");
	expect_absent("t");
}

static void a_directory_goes_into_its_own_new_child(void **state)
{
	(void)state;
	assert_int_equal(lc_view_move(view, "d", "t"), 0);
	stage_one("d", "in-0", NULL);
	assert_int_equal(lc_view_move(view, "t", "d/in"), 0);
	stage_one("d/in/x", "in-1", "new");
	carry_out(2, 3, 0);
	expect_file("d/in/x", "new");
	expect_absent("d/x");
	assert_true(S_ISDIR(stat_of("d/in/e").st_mode));
}

static void files_become_directories_and_the_other_way_round(void **state)
{
	(void)state;
	assert_int_equal(lc_view_remove(view, "a"), 0);
	stage_one("a", "in-0", NULL);
	stage_one("a/n", "in-1", "n");
	assert_int_equal(lc_view_remove(view, "d/x"), 0);
	assert_int_equal(lc_view_remove(view, "d/e"), 0);
	assert_int_equal(lc_view_remove(view, "d"), 0);
	stage_one("d", "in-2", "d");
	carry_out(4, 3, 0);
	expect_file("a/n", "n");
	expect_file("d", "d");
}

/* A directory that was moved, emptied there and removed. */
static void what_was_moved_first_can_be_removed(void **state)
{
	(void)state;
	assert_int_equal(lc_view_move(view, "d", "m"), 0);
	assert_int_equal(lc_view_remove(view, "m/x"), 0);
	assert_int_equal(lc_view_move(view, "m/e", "e"), 0);
	assert_int_equal(lc_view_remove(view, "m"), 0);
	carry_out(3, 1, 0);
	expect_absent("d");
	assert_true(S_ISDIR(stat_of("e").st_mode));
}

static void what_somebody_put_into_it_keeps_it(void **state)
{
	(void)state;
	assert_int_equal(lc_view_move(view, "d", "m"), 0);
	assert_int_equal(lc_view_remove(view, "m/x"), 0);
	assert_int_equal(lc_view_remove(view, "m/e"), 0);
	assert_int_equal(lc_view_remove(view, "m"), 0);
	put("d/theirs", "theirs");
	expect_stale("d");
}

static void what_came_and_went_is_nothing_to_do(void **state)
{
	(void)state;
	stage_one("n", "in-0", "n");
	assert_int_equal(lc_view_remove(view, "n"), 0);
	assert_int_equal(lc_view_move(view, "a", "t"), 0);
	assert_int_equal(lc_view_move(view, "t", "a"), 0);
	carry_out(0, 0, 0);
	expect_file("a", "a");
}

static void metadata_follow_their_file(void **state)
{
	(void)state;
	chmod_in_view("a", 0600);
	assert_int_equal(lc_view_move(view, "a", "d/e/a"), 0);
	chmod_in_view("d/e/a", 0640);
	chmod_in_view("d", 0711);
	carry_out(0, 1, 3);
	expect_mode("d/e/a", 0640);
	expect_mode("d", 0711);
}

static void what_somebody_else_did_is_found(void **state)
{
	(void)state;
	stage_one("a", "in-0", "new");
	assert_int_equal(lc_view_remove(view, "d/x"), 0);
	unlink("d/x");
	expect_stale("d/x");
}

static void a_name_that_somebody_else_has_made_is_found(void **state)
{
	(void)state;
	stage_one("n", "in-0", "new");
	put("n", "theirs");
	expect_stale("n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(a_put_over_a_file_is_one_exchange),
	        TREE(a_plain_move_is_one_rename),
	        TREE(a_swap_goes_by_the_stage),
	        TREE(a_directory_goes_into_its_own_new_child),
	        TREE(files_become_directories_and_the_other_way_round),
	        TREE(what_was_moved_first_can_be_removed),
	        TREE(what_somebody_put_into_it_keeps_it),
	        TREE(what_came_and_went_is_nothing_to_do),
	        TREE(metadata_follow_their_file),
	        TREE(what_somebody_else_did_is_found),
	        TREE(a_name_that_somebody_else_has_made_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
