/* SPDX-License-Identifier: ISC */
/*
 * Stores, history and undo through the public interface, and names bound elsewhere.
 */
#include "config.h"

#include "beneath.h"
#include "support.h"
#include "sys.h"
#include "txn-keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void make_store(enum commit_bound bound, uint64_t keep, const char *directory)
{
	struct commit_store_layout layout;
	struct commit_error err;

	commit_store_layout_init(&layout);
	layout.bound = bound;
	layout.keep = keep;
	layout.directory = directory;
	assert_int_equal(commit_store_create("root", &layout, NULL, &err), 0);
}

static struct commit_store *open_store(void)
{
	struct commit_store *store = NULL;
	struct commit_error err;

	assert_int_equal(commit_store_open(&store, "root", 0, NULL, &err), 0);
	return store;
}

static void commit_text(struct commit_store *store, const char *path, const char *text, char *id)
{
	struct commit_txn *txn = NULL;
	struct commit_error err;

	assert_int_equal(commit_txn_begin(&txn, store, NULL, &err), 0);
	if (id)
		strcpy(id, commit_txn_id(txn));
	assert_int_equal(commit_txn_put_bytes(txn, path, text, strlen(text), &err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	commit_txn_close(txn);
}

static int try_undo(struct commit_store *store, const char *id, struct commit_error *err)
{
	struct commit_txn *txn = NULL;
	int rc = commit_txn_begin(&txn, store, NULL, err);

	assert_int_equal(rc, 0);
	rc = commit_txn_undo(txn, id, err);
	if (rc == 0)
		rc = commit_txn_commit(txn, NULL, err);
	commit_txn_close(txn);
	return rc;
}

static void undo_by_the_library(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];
	struct commit_error err;
	struct commit_store *store;

	(void)state;
	assert_int_equal(mkdir("root", 0755), 0);
	make_store(COMMIT_BOUND_COUNT, 3, NULL);
	store = open_store();
	commit_text(store, "f", "one", NULL);
	commit_text(store, "f", "two", id);
	assert_int_equal(try_undo(store, id, &err), 0);
	expect_file("root/f", "one");
	expect_error(try_undo(store, id, &err), &err, COMMIT_EREFUSED, ESTALE);
	assert_string_equal(err.path, "f");
	expect_error(try_undo(store, "00000001-00000001", &err), &err, COMMIT_EFAILED, ENOENT);
	expect_error(try_undo(store, "x", &err), &err, COMMIT_EUSAGE, EINVAL);
	commit_store_close(store);
}

/* One that others resume would lose half of it. */
static void undo_needs_a_new_transaction(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];
	struct commit_txn_options opt;
	struct commit_txn *txn = NULL;
	struct commit_error err;
	struct commit_store *store;

	(void)state;
	assert_int_equal(mkdir("root", 0755), 0);
	make_store(COMMIT_BOUND_COUNT, 3, NULL);
	store = open_store();
	commit_text(store, "f", "one", id);
	commit_txn_options_init(&opt);
	opt.flags = COMMIT_TXN_KEEP;
	assert_int_equal(commit_txn_begin(&txn, store, &opt, &err), 0);
	expect_error(commit_txn_undo(txn, id, &err), &err, COMMIT_EUSAGE, EINVAL);
	assert_int_equal(commit_txn_abort(txn, &err), 0);
	commit_txn_close(txn);
	assert_int_equal(commit_txn_begin(&txn, store, NULL, &err), 0);
	assert_int_equal(commit_txn_put_bytes(txn, "g", "x", 1, &err), 0);
	expect_error(commit_txn_undo(txn, id, &err), &err, COMMIT_EUSAGE, EINVAL);
	commit_txn_close(txn);
	expect_file("root/f", "one");
	commit_store_close(store);
}

static int count(void *context, const struct commit_txn_info *info)
{
	unsigned *counted = context;

	assert_int_equal(info->sequence, ++*counted);
	assert_int_equal(info->state, COMMIT_TXN_COMMITTED);
	assert_int_equal(info->files, 1);
	assert_int_equal(info->user, geteuid());
	return *counted == 2 ? 42 : 0;
}

static void what_found_returns_ends_it(void **state)
{
	unsigned counted = 0;
	struct commit_error err;
	struct commit_store *store;

	(void)state;
	assert_int_equal(mkdir("root", 0755), 0);
	make_store(COMMIT_BOUND_SAME, 0, NULL);
	store = open_store();
	commit_text(store, "f", "1", NULL);
	commit_text(store, "f", "2", NULL);
	commit_text(store, "f", "3", NULL);
	assert_int_equal(commit_store_history(store, count, &counted, &err), 42);
	assert_int_equal(counted, 2);
	/* the lock is free again */
	commit_text(store, "f", "4", NULL);
	commit_store_close(store);
}

/* No more than before history: the index and the list of steps ride on flushes that are there. */
static void keeping_costs_no_flush(void **state)
{
	struct commit_txn_result result[2];
	struct commit_error err;
	int keep;

	(void)state;
	for (keep = 0; keep < 2; keep++) {
		struct commit_txn *txn = NULL;
		struct commit_store *store;

		assert_int_equal(mkdir("root", 0755), 0);
		make_store(keep ? COMMIT_BOUND_COUNT : COMMIT_BOUND_SAME, 5, NULL);
		store = open_store();
		commit_text(store, "f", "1", NULL);
		assert_int_equal(commit_txn_begin(&txn, store, NULL, &err), 0);
		assert_int_equal(commit_txn_put_bytes(txn, "f", "22", 2, &err), 0);
		assert_int_equal(commit_txn_commit(txn, &result[keep], &err), 0);
		commit_txn_close(txn);
		commit_store_close(store);
		assert_int_equal(rename("root", keep ? "kept" : "plain"), 0);
	}
	assert_int_equal(result[0].flushes, result[1].flushes);
	assert_int_equal(result[1].bytes, 2);
	assert_int_equal(result[1].files, 1);
}

/* Each has the other's path, and nobody gets out of either. */
static void names_lie_elsewhere(void **state)
{
	int root, home, fd;

	(void)state;
	assert_int_equal(mkdir("root", 0755), 0);
	assert_int_equal(mkdir("home", 0755), 0);
	assert_int_equal(mkdir("home/sub", 0755), 0);
	put("home/sub/f", "there");
	put("outside", "no");
	put("root/here.f", "here");
	assert_int_equal(symlink("../outside", "home/link"), 0);
	root = lc_sys_open(AT_FDCWD, "root", O_RDONLY | O_DIRECTORY);
	home = lc_sys_open(AT_FDCWD, "home", O_RDONLY | O_DIRECTORY);
	assert_int_equal(lc_beneath_open(root, "here/sub/f", O_RDONLY), -ENOENT);
	assert_int_equal(lc_beneath_bind(root, "here", home), 0);
	fd = lc_beneath_open(root, "here/sub/f", O_RDONLY);
	assert_true(fd >= 0);
	lc_sys_drop(&fd);
	fd = lc_beneath_open(root, "here", O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	lc_sys_drop(&fd);
	assert_int_equal(lc_beneath_open(root, "here/../outside", O_RDONLY), -EINVAL);
	assert_int_equal(lc_beneath_open(root, "here/link", O_RDONLY), -ELOOP);
	/* a name that only begins like it, and another root */
	fd = lc_beneath_open(root, "here.f", O_RDONLY);
	assert_true(fd >= 0);
	lc_sys_drop(&fd);
	assert_int_equal(lc_beneath_open(home, "here/sub/f", O_RDONLY), -ENOENT);
	lc_beneath_unbind(root);
	assert_int_equal(lc_beneath_open(root, "here/sub/f", O_RDONLY), -ENOENT);
	lc_sys_drop(&home);
	lc_sys_drop(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(undo_by_the_library),        EVERY(undo_needs_a_new_transaction),
	        EVERY(what_found_returns_ends_it), EVERY(keeping_costs_no_flush),
	        EVERY(names_lie_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
