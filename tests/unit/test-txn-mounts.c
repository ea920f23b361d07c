/* SPDX-License-Identifier: ISC */
/* Contents that ride in the log, in a tree with a second mount. */
#include "config.h"

#include "support.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static struct commit_store *store;
static struct commit_txn *txn;
static struct commit_error err;

/* In a namespace of our own: what is mounted here goes with us. */
static int begin(void **state)
{
	struct commit_txn_options opt;

	if (support_begin(state))
		return -1;
	if (geteuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, NULL))
		return 0;
	if (mkdir("root", 0755) || mkdir("root/mnt", 0755) || mkdir("root/d", 0755) ||
	    mount("test", "root/mnt", "tmpfs", 0, NULL))
		return 0;
	put("root/mnt/old", "old");
	put("root/d/old", "old");
	commit_txn_options_init(&opt);
	opt.flags = COMMIT_TXN_LOG_CONTENTS;
	if (commit_store_open(&store, "root", COMMIT_STORE_CREATE, NULL, &err) ||
	    commit_txn_begin(&txn, store, &opt, &err))
		return -1;
	return 0;
}

static int end(void **state)
{
	commit_txn_close(txn);
	commit_store_close(store);
	txn = NULL;
	store = NULL;
	(void)umount2("root/mnt", MNT_DETACH);
	return support_end(state);
}

#define MOUNTED(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void need_mount(void)
{
	need_root();
	if (!txn)
		skip();
}

static void puts_text(const char *path, const char *text)
{
	assert_int_equal(commit_txn_put_bytes(txn, path, text, strlen(text), &err), 0);
}

static void what_waits_in_memory_moves_with_its_directory(void **state)
{
	(void)state;
	need_mount();
	puts_text("d/new", "new");
	puts_text("d/old", "changed");
	assert_int_equal(commit_txn_mv(txn, "d", "mnt/d", &err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	expect_file("root/mnt/d/new", "new");
	expect_file("root/mnt/d/old", "changed");
	expect_absent("root/d");
	assert_int_equal(ours_in("root/mnt", NULL), 0);
}

static void content_for_another_mount_is_staged_there(void **state)
{
	(void)state;
	need_mount();
	puts_text("d/new", "new");
	puts_text("mnt/new", "new");
	assert_int_equal(ours_in("root/mnt", NULL), 1);
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	expect_file("root/d/new", "new");
	expect_file("root/mnt/new", "new");
	assert_int_equal(ours_in("root/mnt", NULL), 0);
}

/* Else a power cut could leave a record with a place that is not there. */
static void a_stage_that_holds_nothing_yet_is_durable_too(void **state)
{
	(void)state;
	need_mount();
	puts_text("d/new", "new");
	assert_int_equal(commit_txn_rm(txn, "mnt/old", &err), 0);
	/* the first is before the record */
	fault("1:EIO:syncfs");
	assert_int_equal(commit_txn_commit(txn, NULL, &err), COMMIT_EFAILED);
	expect_fired();
	expect_file("root/mnt/old", "old");
	expect_absent("root/d/new");
}

static int edited;
static const char *place;

static void edit(void *context)
{
	(void)context;
	put(place, "theirs");
	edited = 1;
}

/*
 * One transaction that moves f, while somebody writes to it at the nth look; or
 * f in a directory that has moved before.
 */
static int move_it(unsigned nth, const char *from)
{
	struct commit_txn *move;
	int rc;

	put(place, "old");
	edited = 0;
	assert_int_equal(commit_txn_begin(&move, store, NULL, &err), 0);
	if (strcmp(from, "f") != 0)
		assert_int_equal(commit_txn_mv(move, "d", "e", &err), 0);
	at_call("stat", nth, edit, NULL);
	rc = commit_txn_mv(move, from, "mnt/f", &err);
	if (!rc)
		rc = commit_txn_commit(move, NULL, &err);
	commit_txn_close(move);
	return rc;
}

/* Until it comes between the record and the first rename: then a person decides. */
static void edit_at_each_look(const char *from)
{
	unsigned n;
	int rc = 0;

	for (n = 1; rc != COMMIT_ECONFLICT; n++) {
		assert_in_range(n, 1, 199);
		rc = move_it(n, from);
		assert_true(edited);
		if (rc == 0) {
			expect_absent("root/f");
			expect_absent("root/e/f");
			expect_file("root/mnt/f", "theirs");
			assert_int_equal(unlink("root/mnt/f"), 0);
			(void)rename("root/e", "root/d");
		} else {
			expect_file(place, "theirs");
			expect_absent("root/mnt/f");
		}
	}
	assert_in_range(n, 10, 199);
}

static void an_edit_at_any_moment_of_a_move_is_not_lost(void **state)
{
	(void)state;
	need_mount();
	place = "root/f";
	edit_at_each_look("f");
}

static void nor_in_a_directory_that_has_moved(void **state)
{
	(void)state;
	need_mount();
	place = "root/d/f";
	edit_at_each_look("e/f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        MOUNTED(what_waits_in_memory_moves_with_its_directory),
	        MOUNTED(content_for_another_mount_is_staged_there),
	        MOUNTED(a_stage_that_holds_nothing_yet_is_durable_too),
	        MOUNTED(an_edit_at_any_moment_of_a_move_is_not_lost),
	        MOUNTED(nor_in_a_directory_that_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
