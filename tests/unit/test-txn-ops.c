/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "sys.h"
#include "txn-internal.h"
#include "txn-support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- operations ---------------------------------------------------------- */

static void poisoned_by(int rc, int errnum)
{
	expect_error(rc, &txn_err, COMMIT_EFAILED, errnum);
	expect_error(commit_txn_rm(txn, "b", &txn_err), &txn_err, COMMIT_EFAILED, ECANCELED);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EFAILED, ECANCELED);
	close_txn();
	begins(0);
}

static void an_operation_that_cannot_be_poisons(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("t/pipe", 0600), 0);
	put("t/d/x", "x");
	assert_int_equal(symlink("/etc", "t/out"), 0);
	begins(0);
	poisoned_by(commit_txn_put_bytes(txn, "d", "", 0, &txn_err), EISDIR);
	poisoned_by(commit_txn_put_bytes(txn, "pipe", "", 0, &txn_err), EINVAL);
	poisoned_by(commit_txn_put_bytes(txn, "missing/x", "", 0, &txn_err), ENOENT);
	poisoned_by(commit_txn_put_bytes(txn, "../x", "", 0, &txn_err), EINVAL);
	poisoned_by(commit_txn_put_bytes(txn, "out/x", "", 0, &txn_err), EXDEV);
	poisoned_by(commit_txn_put_bytes(txn, ".commit/x", "", 0, &txn_err), EPERM);
	poisoned_by(commit_txn_put_bytes(txn, ".commit", "", 0, &txn_err), EPERM);
	poisoned_by(commit_txn_rm(txn, "missing", &txn_err), ENOENT);
	poisoned_by(commit_txn_rm(txn, "d", &txn_err), EISDIR);
	poisoned_by(commit_txn_rmdir(txn, "a", &txn_err), ENOTDIR);
	poisoned_by(commit_txn_rmdir(txn, "d", &txn_err), ENOTEMPTY);
	poisoned_by(commit_txn_rmdir(txn, "missing", &txn_err), ENOENT);
	poisoned_by(commit_txn_mkdir(txn, "a", 0755, &txn_err), EEXIST);
	poisoned_by(commit_txn_symlink(txn, "x", "a", &txn_err), EEXIST);
	poisoned_by(commit_txn_link(txn, "a", "b", &txn_err), EEXIST);
	poisoned_by(commit_txn_link(txn, "missing", "n", &txn_err), ENOENT);
	poisoned_by(commit_txn_link(txn, "d", "n", &txn_err), EPERM);
	poisoned_by(commit_txn_mv(txn, "missing", "n", &txn_err), ENOENT);
	poisoned_by(commit_txn_mv(txn, "d", "d/in", &txn_err), EINVAL);
	poisoned_by(commit_txn_mv(txn, "a", "d", &txn_err), EISDIR);
	poisoned_by(commit_txn_mv(txn, "d", "a", &txn_err), ENOTDIR);
	poisoned_by(commit_txn_chmod(txn, "out", 0600, &txn_err), EOPNOTSUPP);
	poisoned_by(commit_txn_chmod(txn, "missing", 0600, &txn_err), ENOENT);
	poisoned_by(commit_txn_setxattr(txn, "out", "user.a", "", 0, &txn_err), EOPNOTSUPP);
	poisoned_by(commit_txn_setxattr(txn, "a", "", "", 0, &txn_err), ERANGE);
	assert_int_equal(commit_txn_mkdir(txn, "e", 0755, &txn_err), 0);
	poisoned_by(commit_txn_mv(txn, "e", "d", &txn_err), ENOTEMPTY);
	expect_file("t/a", "a");
}

static void a_move_onto_itself_is_nothing(void **state)
{
	(void)state;
	begins(0);
	assert_int_equal(commit_txn_mv(txn, "a", "a", &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_file("t/a", "a");
}

static void each_kind_is_told(void **state)
{
	static const struct {
		const char *path;
		enum commit_kind kind;
	} cases[] = {{"a", COMMIT_KIND_FILE},         {"d", COMMIT_KIND_DIRECTORY},
	             {"l", COMMIT_KIND_SYMLINK},      {"pipe", COMMIT_KIND_OTHER},
	             {"missing", COMMIT_KIND_ABSENT}, {"missing/x", COMMIT_KIND_ABSENT},
	             {"a/x", COMMIT_KIND_ABSENT}};
	enum commit_kind kind;
	char real[64];
	size_t i;

	(void)state;
	assert_int_equal(mkfifo("t/pipe", 0600), 0);
	assert_int_equal(symlink("x", "t/l"), 0);
	begins(0);
	for (i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(
		        commit_txn_look(txn, cases[i].path, &kind, real, sizeof real, &txn_err), 0);
		assert_int_equal(kind, cases[i].kind);
	}
	puts_text("a", "new");
	assert_int_equal(commit_txn_look(txn, "a", &kind, real, sizeof real, &txn_err), 0);
	assert_non_null(strstr(real, ".commit/stage/"));
	expect_error(commit_txn_look(txn, "../x", &kind, NULL, 0, &txn_err), &txn_err,
	             COMMIT_EFAILED, EINVAL);
}

static int count_changes(void *context, const char *path, enum commit_kind before,
                         const char *real_before, enum commit_kind after, const char *real_after)
{
	int *count = context;

	(void)path, (void)before, (void)real_before, (void)after, (void)real_after;
	return ++*count == 10 ? 5 : 0;
}

static void changes_are_told(void **state)
{
	int count = 0;

	(void)state;
	begins(0);
	puts_text("a", "new");
	puts_text("n", "new");
	assert_int_equal(commit_txn_rm(txn, "b", &txn_err), 0);
	assert_int_equal(commit_txn_changes(txn, count_changes, &count, &txn_err), 0);
	assert_int_equal(count, 3);
	count = 9;
	assert_int_equal(commit_txn_changes(txn, count_changes, &count, &txn_err), 5);
}

static void metadata_of_what_is_new_old_and_linked(void **state)
{
	(void)state;
	assert_int_equal(chmod("t/b", 0644), 0);
	begins(0);
	puts_text("n", "new");
	assert_int_equal(commit_txn_chmod(txn, "n", 0600, &txn_err), 0);
	assert_int_equal(commit_txn_setxattr(txn, "n", "user.a", "v", 1, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "d", 0711, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "a", 0604, &txn_err), 0);
	puts_text("a", "new");
	assert_int_equal(commit_txn_link(txn, "b", "l", &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "l", 0601, &txn_err), 0);
	expect_mode("t/b", 0644);
	if (geteuid() == 0)
		assert_int_equal(commit_txn_chown(txn, "n", 5, 6, &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_mode("t/n", 0600);
	expect_mode("t/d", 0711);
	expect_mode("t/a", 0604);
	expect_mode("t/b", 0601);
	assert_true(geteuid() != 0 || stat_of("t/n").st_uid == 5);
}

/* One that the stage cannot take at once is not overruled by it when a later one could be. */
static void the_last_of_several_modes_counts(void **state)
{
	(void)state;
	assert_int_equal(chmod("t/b", 0711), 0);
	begins(0);
	assert_int_equal(commit_txn_link(txn, "b", "l", &txn_err), 0);
	assert_int_equal(commit_txn_rm(txn, "b", &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "l", 0700, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "l", 0711, &txn_err), 0);
	assert_int_equal(commit_txn_mkdir(txn, "locked", 0755, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "locked", 0500, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "locked", 0755, &txn_err), 0);
	assert_int_equal(commit_txn_mkdir(txn, "twice", 0500, &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "twice", 0300, &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_mode("t/l", 0711);
	expect_mode("t/locked", 0755);
	expect_mode("t/twice", 0300);
}

static void changes_mode(const char *path, mode_t mode)
{
	assert_int_equal(commit_txn_chmod(txn, path, mode, &txn_err), 0);
}

/* The file is changed, whichever of its names it was asked for by and whatever becomes of that. */
static void a_name_that_goes_leaves_its_changes_to_the_others(void **state)
{
	(void)state;
	assert_int_equal(link("t/a", "t/a2"), 0);
	assert_int_equal(link("t/b", "t/b2"), 0);
	put("t/d/x", "x");
	assert_int_equal(link("t/d/x", "t/x2"), 0);
	put("t/p", "p");
	assert_int_equal(link("t/p", "t/p2"), 0);
	put("t/o", "o");
	begins(0);
	changes_mode("a", 0601);
	assert_int_equal(commit_txn_rm(txn, "a", &txn_err), 0);
	changes_mode("b", 0602);
	puts_text("b", "new");
	changes_mode("d/x", 0603);
	assert_int_equal(commit_txn_mv(txn, "d", "e", &txn_err), 0);
	assert_int_equal(commit_txn_rm(txn, "e/x", &txn_err), 0);
	changes_mode("p", 0604);
	assert_int_equal(commit_txn_mv(txn, "o", "p", &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_absent("t/a");
	expect_mode("t/a2", 0601);
	expect_file("t/b", "new");
	expect_mode("t/b", 0602);
	expect_mode("t/b2", 0602);
	expect_file("t/b2", "b");
	expect_mode("t/x2", 0603);
	expect_mode("t/p2", 0604);
	expect_file("t/p", "o");
	assert_int_equal(stages(), 0);
}

static void so_does_a_name_that_was_new(void **state)
{
	(void)state;
	begins(0);
	assert_int_equal(commit_txn_link(txn, "a", "l", &txn_err), 0);
	changes_mode("l", 0601);
	assert_int_equal(commit_txn_rm(txn, "l", &txn_err), 0);
	puts_text("n", "n");
	assert_int_equal(commit_txn_link(txn, "n", "m", &txn_err), 0);
	changes_mode("n", 0602);
	assert_int_equal(commit_txn_rm(txn, "n", &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_mode("t/a", 0601);
	expect_mode("t/m", 0602);
	expect_absent("t/l");
	expect_absent("t/n");
}

/* Also where one lies deeper than the other, and one of them goes. */
static void the_last_mode_by_any_name_counts(void **state)
{
	(void)state;
	assert_int_equal(link("t/a", "t/d/a2"), 0);
	assert_int_equal(link("t/b", "t/b2"), 0);
	put("t/o", "o");
	assert_int_equal(link("t/o", "t/o2"), 0);
	begins(0);
	changes_mode("a", 0600);
	changes_mode("d/a2", 0601);
	changes_mode("a", 0602);
	changes_mode("b", 0600);
	changes_mode("b2", 0603);
	assert_int_equal(commit_txn_rm(txn, "b", &txn_err), 0);
	changes_mode("o2", 0600);
	changes_mode("o", 0604);
	assert_int_equal(commit_txn_rm(txn, "o", &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_mode("t/d/a2", 0602);
	expect_mode("t/b2", 0603);
	expect_mode("t/o2", 0604);
}

/* The kept version of a file without other names has the mode that undo gives back. */
static void what_has_no_other_name_is_left_alone(void **state)
{
	struct lc_change_list list = {NULL, 0, 0};
	const char *bad;

	(void)state;
	begins(0);
	changes_mode("a", 0600);
	assert_int_equal(commit_txn_rm(txn, "a", &txn_err), 0);
	assert_int_equal(lc_view_plan(txn->view, &list, &bad), 0);
	assert_int_equal(list.count, 1);
	lc_change_list_release(&list);
}

/* --- others -------------------------------------------------------------- */

static void a_store_that_somebody_has_is_busy(void **state)
{
	int fd = open("t/.commit/lock", O_RDWR | O_CLOEXEC);

	(void)state;
	begins(0);
	puts_text("a", "new");
	assert_int_equal(flock(fd, LOCK_EX), 0);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EBUSY, EWOULDBLOCK);
	close(fd);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
}

static void readers_share_and_keep_writers_out(void **state)
{
	struct commit_store_options opt = txn_quick_options();
	int first, second;

	(void)state;
	assert_int_equal(commit_store_share("t", &opt, &first, &txn_err), 0);
	assert_int_equal(commit_store_share("t", &opt, &second, &txn_err), 0);
	/* whoever is started under it keeps it */
	assert_int_equal(fcntl(first, F_GETFD), 0);
	expect_error(lc_store_enter(store, &txn_err), &txn_err, COMMIT_EBUSY, EWOULDBLOCK);
	close(first);
	close(second);
	assert_int_equal(lc_store_enter(store, &txn_err), 0);
	expect_error(commit_store_share("t", &opt, &first, &txn_err), &txn_err, COMMIT_EBUSY,
	             EWOULDBLOCK);
	lc_store_leave(store);
	expect_error(commit_store_share("missing", &opt, &first, &txn_err), &txn_err,
	             COMMIT_EFAILED, ENOENT);
}

static int note_info(void *context, const struct commit_txn_info *info)
{
	int *counts = context;

	counts[info->state]++;
	return 0;
}

static void open_and_committed_ones_are_listed(void **state)
{
	int counts[3] = {0, 0, 0};

	(void)state;
	begins(0);
	puts_text("a", "new");
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	close_txn();
	begins(COMMIT_TXN_KEEP);
	assert_int_equal(mkdir("t/.commit/stage/nonsense", 0700), 0);
	assert_int_equal(commit_store_list(store, note_info, counts, &txn_err), 0);
	assert_int_equal(counts[COMMIT_TXN_OPEN], 1);
	assert_int_equal(counts[COMMIT_TXN_COMMITTED], 1);
	assert_int_equal(counts[COMMIT_TXN_PENDING], 0);
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(an_operation_that_cannot_be_poisons),
	        TREE(a_move_onto_itself_is_nothing),
	        TREE(each_kind_is_told),
	        TREE(changes_are_told),
	        TREE(metadata_of_what_is_new_old_and_linked),
	        TREE(the_last_of_several_modes_counts),
	        TREE(a_name_that_goes_leaves_its_changes_to_the_others),
	        TREE(so_does_a_name_that_was_new),
	        TREE(the_last_mode_by_any_name_counts),
	        TREE(what_has_no_other_name_is_left_alone),
	        TREE(a_store_that_somebody_has_is_busy),
	        TREE(readers_share_and_keep_writers_out),
	        TREE(open_and_committed_ones_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
