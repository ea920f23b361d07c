/* SPDX-License-Identifier: ISC */
/* Steps of a commit, and what others do between the look and the rename. */
#include "config.h"

#include "support.h"

#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct lc_change_list list;

static int begin(void **state)
{
	int rc = support_begin(state);

	memset(&list, 0, sizeof list);
	return rc || mkdir("stage", 0700) ? -1 : 0;
}

static int end(void **state)
{
	lc_change_list_release(&list);
	return support_end(state);
}

#define AMONG(test) cmocka_unit_test_setup_teardown(test, begin, end)

/* The step that removes what stands at path just now. */
static void add_removal(const char *path)
{
	struct stat st = stat_of(path);
	struct lc_change change = {.type = LC_CHANGE_TAKE};

	change.path = strdup(path);
	change.place = strdup("stage/out-0");
	lc_identity_of(&st, &change.before);
	assert_int_equal(lc_change_list_add(&list, &change), 0);
}

static int apply(void)
{
	const struct lc_change *bad;
	int root = open_file(".", O_RDONLY | O_DIRECTORY);
	int rc = lc_publish_apply(root, &list, &bad);

	close(root);
	return rc;
}

static void write_to_it(void *context)
{
	(void)context;
	put("f", "theirs");
}

static void put_into_it(void *context)
{
	(void)context;
	put("d/theirs", "new");
}

static void what_was_written_before_the_rename_goes_back(void **state)
{
	(void)state;
	put("f", "old");
	add_removal("f");
	at_call("rename", 1, write_to_it, NULL);
	assert_int_equal(apply(), -ESTALE);
	expect_file("f", "theirs");
	expect_absent("stage/out-0");
	/* and it stays so */
	assert_int_equal(apply(), -ESTALE);
	expect_file("f", "theirs");
}

static void so_does_a_directory_that_somebody_has_filled(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	add_removal("d");
	at_call("rename", 1, put_into_it, NULL);
	assert_int_equal(apply(), -ESTALE);
	expect_file("d/theirs", "new");
	expect_absent("stage/out-0");
}

/* The step that puts what waits at place over what stands at path just now. */
static void add_replacement(const char *path, const char *place)
{
	struct stat old = stat_of(path), new = stat_of(place);
	struct lc_change change = {.type = LC_CHANGE_PUT};

	change.path = strdup(path);
	change.place = strdup(place);
	lc_identity_of(&old, &change.before);
	lc_identity_of(&new, &change.after);
	assert_int_equal(lc_change_list_add(&list, &change), 0);
}

static void so_does_what_an_exchange_brings_out(void **state)
{
	(void)state;
	put("f", "old");
	put("stage/in-0", "new");
	add_replacement("f", "stage/in-0");
	at_call("exchange", 1, write_to_it, NULL);
	assert_int_equal(apply(), -ESTALE);
	expect_file("f", "theirs");
	expect_file("stage/in-0", "new");
}

static void going_back_replaces_nothing(void **state)
{
	(void)state;
	put("f", "old");
	add_removal("f");
	at_call("rename", 1, write_to_it, NULL);
	fault("1:EEXIST:noreplace");
	assert_int_equal(apply(), -ESTALE);
	expect_fired();
	/* theirs is not lost */
	expect_file("stage/out-0", "theirs");
}

static void a_directory_that_cannot_be_moved_is_removed(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	add_removal("d");
	fault("1:EXDEV:rename");
	assert_int_equal(apply(), 0);
	expect_absent("d");
	assert_int_equal(apply(), 0);
	/* a file is not: it would be gone for good */
	put("f", "old");
	add_removal("f");
	fault("1:EXDEV:rename");
	assert_int_equal(apply(), -EXDEV);
	expect_file("f", "old");
}

static void a_mount_that_is_not_there_stops_all(void **state)
{
	struct lc_change mount = {.type = LC_CHANGE_MOUNT, .value_length = 8};
	unsigned char foreign[2];
	const struct lc_change *bad = NULL;
	int root = open_file(".", O_RDONLY | O_DIRECTORY);

	(void)state;
	put("f", "old");
	add_removal("f");
	assert_int_equal(mkdir("mnt", 0755), 0);
	mount.path = strdup("mnt");
	mount.place = strdup("mnt/stage");
	mount.value = calloc(1, 8);
	mount.before.inode = 1;
	assert_int_equal(lc_change_list_add(&list, &mount), 0);
	assert_int_equal(lc_publish_judge(root, &list, foreign, &bad), -ENODEV);
	assert_string_equal(bad->path, "mnt");
	assert_int_equal(lc_publish_apply(root, &list, &bad), -ENODEV);
	assert_int_equal(lc_publish_flush(root, &list, &bad), -ENODEV);
	expect_file("f", "old");
	assert_int_equal(rmdir("mnt"), 0);
	assert_int_equal(lc_publish_apply(root, &list, &bad), -ENODEV);
	expect_file("f", "old");
	close(root);
}

/* --- the look before the first rename ------------------------------------ */

static int examine(void)
{
	const struct lc_change *bad;
	int root = open_file(".", O_RDONLY | O_DIRECTORY);
	int rc = lc_publish_examine(root, &list, &bad);

	close(root);
	return rc;
}

static void add_step(enum lc_change_type type, const char *path, const char *place,
                     const char *before, const char *after)
{
	struct lc_change c = {
	        .type = type, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	struct stat st;

	c.path = strdup(path);
	c.place = strdup(place);
	if (before) {
		st = stat_of(before);
		lc_identity_of(&st, &c.before);
	}
	if (after) {
		st = stat_of(after);
		lc_identity_of(&st, &c.after);
	}
	assert_int_equal(lc_change_list_add(&list, &c), 0);
}

static void a_path_that_was_left_is_looked_at(void **state)
{
	(void)state;
	assert_int_equal(mkdir("c", 0755), 0);
	assert_int_equal(mkdir("stage/in-0", 0755), 0);
	add_step(LC_CHANGE_TAKE, "c", "stage/out-0", "c", "c");
	add_step(LC_CHANGE_PUT, "c", "stage/in-0", NULL, "stage/in-0");
	add_step(LC_CHANGE_PUT, "d", "stage/out-0", NULL, "c");
	assert_int_equal(examine(), 0);
	assert_int_equal(rename("c", "stage/out-0"), 0);
	assert_int_equal(examine(), 0);
	put("c", "theirs");
	assert_int_equal(examine(), -ESTALE);
}

/* From c over b, by way of the stage. */
static void adds_move_over(void)
{
	assert_int_equal(mkdir(".commit", 0700), 0);
	put("c", "moved");
	put("b", "old");
	add_step(LC_CHANGE_TAKE, "c", ".commit/out-0", "c", "c");
	add_step(LC_CHANGE_PUT, "b", ".commit/out-0", "b", "c");
}

static void replace(const char *path)
{
	put("theirs", "theirs");
	assert_int_equal(rename("theirs", path), 0);
}

static void what_was_replaced_before_its_move_did_not_arrive(void **state)
{
	(void)state;
	adds_move_over();
	assert_int_equal(examine(), 0);
	replace("c");
	assert_int_equal(examine(), -ESTALE);
	assert_int_equal(unlink("c"), 0);
	/* nor did what was removed: b must not stay as it was */
	assert_int_equal(examine(), -ESTALE);
	assert_int_equal(unlink("b"), 0);
	assert_int_equal(examine(), 0);
}

static void what_was_replaced_after_its_move_did(void **state)
{
	(void)state;
	adds_move_over();
	assert_int_equal(apply(), 0);
	assert_int_equal(examine(), 0);
	replace("b");
	assert_int_equal(examine(), 0);
	assert_int_equal(apply(), 0);
	expect_file("b", "theirs");
}

static void a_directory_that_is_to_go_is_looked_into(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	put("d/x", "old");
	add_step(LC_CHANGE_TAKE, "d/x", "stage/out-0", "d/x", NULL);
	add_step(LC_CHANGE_TAKE, "d", "stage/out-1", "d", NULL);
	assert_int_equal(examine(), 0);
	put("d/y", "theirs");
	assert_int_equal(examine(), -ESTALE);
	assert_int_equal(unlink("d/y"), 0);
	assert_int_equal(rename("d/x", "stage/out-0"), 0);
	assert_int_equal(examine(), 0);
	put("d/x", "theirs");
	assert_int_equal(examine(), -ESTALE);
}

static void what_gets_metadata_is_looked_at_where_it_is(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	put("d/x", "old");
	add_step(LC_CHANGE_PUT, "e", "d", NULL, "d");
	add_step(LC_CHANGE_META, "e/x", "", NULL, "d/x");
	assert_int_equal(examine(), 0);
	replace("d/x");
	assert_int_equal(examine(), -ESTALE);
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(examine(), -ESTALE);
}

static void a_time_is_set_last(void **state)
{
	struct lc_change meta = {.type = LC_CHANGE_META, .uid = UINT32_MAX, .gid = UINT32_MAX};
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	put("d/f", "x");
	st = stat_of("d");
	lc_identity_of(&st, &meta.after);
	meta.before = meta.after;
	meta.before.seconds = 981173106;
	meta.before.nanoseconds = 5;
	meta.mode = 0555;
	meta.path = strdup("d");
	meta.place = strdup("");
	assert_int_equal(lc_change_list_add(&list, &meta), 0);
	assert_int_equal(apply(), 0);
	st = stat_of("d");
	assert_int_equal(st.st_mtim.tv_sec, 981173106);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(st.st_mode & 07777, 0555);
	assert_int_equal(chmod("d", 0700), 0);
}

/* No descriptor of a link can be flushed, so where syncfs is not believed it is used all the same.
 */
static void the_owner_of_a_link_is_flushed(void **state)
{
	struct lc_change meta = {.type = LC_CHANGE_META, .mode = UINT32_MAX};
	struct stat st;
	const char *trace;

	(void)state;
	assert_int_equal(symlink("nowhere", "l"), 0);
	st = stat_of("l");
	lc_identity_of(&st, &meta.after);
	meta.uid = st.st_uid;
	meta.gid = st.st_gid;
	meta.path = strdup("l");
	meta.place = strdup("");
	assert_int_equal(lc_change_list_add(&list, &meta), 0);
	fault("1:ENOSYS:forever:fstype");
	trace_begin();
	assert_int_equal(apply(), 0);
	trace = trace_end();
	expect_fired();
	assert_true(call_at(trace, "chown") < call_at(trace, "syncfs"));
	/* where it is believed, the flush after publishing does it */
	fault_end();
	trace_begin();
	assert_int_equal(apply(), 0);
	trace = trace_end();
	assert_null(strstr(trace, " syncfs "));
}

/* Whoever changed it may have been killed before he flushed it. */
static void a_mode_that_is_there_already_is_flushed(void **state)
{
	struct lc_change meta = {.type = LC_CHANGE_META, .uid = UINT32_MAX, .gid = UINT32_MAX};
	const char *trace;
	struct stat st;

	(void)state;
	put("f", "text");
	st = stat_of("f");
	lc_identity_of(&st, &meta.after);
	meta.mode = st.st_mode & 07777;
	meta.path = strdup("f");
	meta.place = strdup("");
	assert_int_equal(lc_change_list_add(&list, &meta), 0);
	fault("1:ENOSYS:forever:fstype");
	trace_begin();
	assert_int_equal(apply(), 0);
	trace = trace_end();
	expect_fired();
	assert_non_null(strstr(trace, " fsync "));
	fault_end();
	trace_begin();
	assert_int_equal(apply(), 0);
	trace = trace_end();
	assert_null(strstr(trace, " chmod "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        AMONG(what_was_written_before_the_rename_goes_back),
	        AMONG(so_does_a_directory_that_somebody_has_filled),
	        AMONG(so_does_what_an_exchange_brings_out),
	        AMONG(going_back_replaces_nothing),
	        AMONG(a_directory_that_cannot_be_moved_is_removed),
	        AMONG(a_mount_that_is_not_there_stops_all),
	        AMONG(a_path_that_was_left_is_looked_at),
	        AMONG(what_was_replaced_before_its_move_did_not_arrive),
	        AMONG(what_was_replaced_after_its_move_did),
	        AMONG(a_directory_that_is_to_go_is_looked_into),
	        AMONG(what_gets_metadata_is_looked_at_where_it_is),
	        AMONG(a_time_is_set_last),
	        AMONG(the_owner_of_a_link_is_flushed),
	        AMONG(a_mode_that_is_there_already_is_flushed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
