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

/* --- life ---------------------------------------------------------------- */

static void a_commit_publishes_all_and_tells_how_much(void **state)
{
	struct commit_txn_result result;

	(void)state;
	begins(0);
	puts_text("a", "new");
	puts_text("n", "four");
	assert_int_equal(commit_txn_mkdir(txn, "m", 0750, &txn_err), 0);
	assert_int_equal(commit_txn_symlink(txn, "a", "l", &txn_err), 0);
	assert_int_equal(commit_txn_link(txn, "b", "hard", &txn_err), 0);
	assert_int_equal(commit_txn_rmdir(txn, "d", &txn_err), 0);
	expect_file("t/a", "a");
	assert_int_equal(commit_txn_prepare(txn, &txn_err), 0);
	assert_int_equal(commit_txn_prepare(txn, &txn_err), 0);
	assert_int_equal(commit_txn_commit(txn, &result, &txn_err), 0);
	assert_int_equal(result.bytes, 7);
	assert_true(result.files >= 6);
	assert_true(result.flushes > 0 && result.flushes <= 8);
	expect_file("t/a", "new");
	expect_file("t/n", "four");
	expect_mode("t/m", 0750);
	assert_int_equal(stat_of("t/b").st_ino, stat_of("t/hard").st_ino);
	expect_absent("t/d");
	assert_int_equal(stages(), 0);
}

static void what_is_closed_or_aborted_leaves_nothing(void **state)
{
	(void)state;
	begins(0);
	puts_text("a", "new");
	close_txn();
	assert_int_equal(stages(), 0);
	begins(COMMIT_TXN_KEEP);
	puts_text("a", "new");
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
	close_txn();
	assert_int_equal(stages(), 0);
	commit_txn_close(NULL);
	expect_file("t/a", "a");
}

static void an_empty_one_commits_nothing(void **state)
{
	struct commit_txn_result result = {9, 9, 9};

	(void)state;
	begins(0);
	assert_int_equal(commit_txn_commit(txn, &result, &txn_err), 0);
	assert_int_equal(result.files, 0);
	assert_int_equal(stages(), 0);
}

static void after_the_end_there_is_nothing_to_do_with_it(void **state)
{
	(void)state;
	begins(0);
	puts_text("a", "new");
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_txn_prepare(txn, &txn_err), &txn_err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_txn_rm(txn, "b", &txn_err), &txn_err, COMMIT_EUSAGE, EINVAL);
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
}

static void options_must_have_been_set_up(void **state)
{
	struct commit_txn_options opt = {.size = 3};

	(void)state;
	expect_error(commit_txn_begin(&txn, store, &opt, &txn_err), &txn_err, COMMIT_EUSAGE,
	             EINVAL);
	assert_null(txn);
}

/* --- kept ones ----------------------------------------------------------- */

static void resumes(const char *id)
{
	assert_int_equal(commit_txn_resume(&txn, store, id, &txn_err), 0);
}

static void a_kept_one_goes_on_where_it_was(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];
	enum commit_kind kind;

	(void)state;
	begins(COMMIT_TXN_KEEP);
	strcpy(id, commit_txn_id(txn));
	puts_text("n", "n");
	assert_int_equal(commit_txn_mkdir(txn, "m", 0755, &txn_err), 0);
	close_txn();
	resumes(id);
	assert_int_equal(commit_txn_mv(txn, "n", "m/n", &txn_err), 0);
	assert_int_equal(commit_txn_mv(txn, "a", "m/a", &txn_err), 0);
	assert_int_equal(commit_txn_chmod(txn, "b", 0604, &txn_err), 0);
	close_txn();
	resumes(id);
	assert_int_equal(commit_txn_look(txn, "m/a", &kind, NULL, 0, &txn_err), 0);
	assert_int_equal(kind, COMMIT_KIND_FILE);
	assert_int_equal(commit_txn_rmdir(txn, "d", &txn_err), 0);
	puts_text("a", "again");
	close_txn();
	resumes(id);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_file("t/m/n", "n");
	expect_file("t/m/a", "a");
	expect_file("t/a", "again");
	expect_mode("t/b", 0604);
	expect_absent("t/d");
}

static void what_an_earlier_process_saw_counts(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];

	(void)state;
	begins(COMMIT_TXN_KEEP);
	strcpy(id, commit_txn_id(txn));
	puts_text("a", "mine");
	assert_int_equal(commit_txn_mv(txn, "b", "moved", &txn_err), 0);
	close_txn();
	put("t/moved", "theirs");
	resumes(id);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EREFUSED, ESTALE);
	expect_file("t/a", "a");
	unlink("t/moved");
	put("t/a", "theirs too");
	close_txn();
	resumes(id);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EREFUSED, ESTALE);
	expect_file("t/b", "b");
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
}

static void two_processes_do_not_work_on_one(void **state)
{
	struct commit_txn *other = NULL;

	(void)state;
	begins(COMMIT_TXN_KEEP);
	expect_error(commit_txn_resume(&other, store, commit_txn_id(txn), &txn_err), &txn_err,
	             COMMIT_EBUSY, EWOULDBLOCK);
	assert_null(other);
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
}

static void ids_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"",
	                                  "x",
	                                  "1-2",
	                                  "../../etc",
	                                  "00000000-00000000",
	                                  "0000000g-00000001",
	                                  "00000001-00000001x",
	                                  "00000001 00000001",
	                                  "+0000001-00000001"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++)
		expect_error(commit_txn_resume(&txn, store, bad[i], &txn_err), &txn_err,
		             COMMIT_EUSAGE, EINVAL);
	expect_error(commit_txn_resume(&txn, store, "00000001-00000001", &txn_err), &txn_err,
	             COMMIT_EFAILED, ENOENT);
	assert_null(txn);
}

/* The file of a transaction's stage that has that name. */
static void stage_path(char path[128], const char *id, const char *name)
{
	snprintf(path, 128, "t/.commit/stage/%s/%s", id, name);
}

static void a_torn_operation_was_never_made(void **state)
{
	char id[COMMIT_TXN_ID_SIZE], ops[128];
	off_t whole;

	(void)state;
	begins(COMMIT_TXN_KEEP);
	strcpy(id, commit_txn_id(txn));
	puts_text("a", "new");
	close_txn();
	stage_path(ops, id, "ops");
	whole = stat_of(ops).st_size;
	resumes(id);
	puts_text("b", "new");
	close_txn();
	assert_int_equal(truncate(ops, stat_of(ops).st_size - 1), 0);
	assert_true(stat_of(ops).st_size > whole);
	resumes(id);
	/* and the next one takes its place */
	puts_text("c", "new");
	close_txn();
	resumes(id);
	assert_int_equal(commit_txn_commit(txn, NULL, &txn_err), 0);
	expect_file("t/a", "new");
	expect_file("t/b", "b");
	expect_file("t/c", "new");
}

static void a_stage_that_makes_no_sense_is_refused(void **state)
{
	static const char *const texts[] = {"", "keep", "keep 1\n", "keep 1\nbegun x\nttl 3\n",
	                                    "keep 1\nbegun 1\nttl 1\nowner 0\nuser 0\n"};
	char id[COMMIT_TXN_ID_SIZE], path[128];
	size_t i;

	(void)state;
	begins(COMMIT_TXN_KEEP);
	strcpy(id, commit_txn_id(txn));
	close_txn();
	stage_path(path, id, "info");
	for (i = 0; i < COUNT_OF(texts); i++) {
		put(path, texts[i]);
		expect_error(commit_txn_resume(&txn, store, id, &txn_err), &txn_err, COMMIT_EFAILED,
		             EBADMSG);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	expect_error(commit_txn_resume(&txn, store, id, &txn_err), &txn_err, COMMIT_EFAILED, ELOOP);
	assert_int_equal(unlink(path), 0);
	put(path, "keep 1\nbegun 1\nttl 1\nowner 0 0\nuser 0\n");
	stage_path(path, id, "ops");
	assert_int_equal(truncate(path, (off_t)2 << 30), 0);
	expect_error(commit_txn_resume(&txn, store, id, &txn_err), &txn_err, COMMIT_EFAILED, EFBIG);
}

/* --- death --------------------------------------------------------------- */

static int is_dead(const char *id)
{
	return lc_txn_stage_is_dead(store, id);
}

static void a_transaction_dies_with_its_lock_its_owner_or_of_age(void **state)
{
	struct commit_txn_options opt;
	char id[COMMIT_TXN_ID_SIZE], path[128];
	pid_t child;

	(void)state;
	begins(0);
	strcpy(id, commit_txn_id(txn));
	assert_false(is_dead(id));
	/* nobody has it locked any more */
	lc_sys_unlock(txn->ops);
	assert_true(is_dead(id));
	assert_int_equal(lc_sys_lock(txn->ops), 0);
	close_txn();
	/* a kept one lives without */
	begins(COMMIT_TXN_KEEP);
	strcpy(id, commit_txn_id(txn));
	close_txn();
	assert_false(is_dead(id));
	stage_path(path, id, "info");
	put(path, "keep 1\nbegun 1000\nttl 5\nowner 0 0\nuser 0\n");
	assert_true(is_dead(id));
	put(path, "what is this");
	assert_true(is_dead(id));
	/* an owner that ends */
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	commit_txn_options_init(&opt);
	opt.flags = COMMIT_TXN_KEEP;
	opt.owner = child;
	assert_int_equal(commit_txn_begin(&txn, store, &opt, &txn_err), 0);
	strcpy(id, commit_txn_id(txn));
	close_txn();
	assert_false(is_dead(id));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(is_dead(id));
	assert_false(is_dead("00000001-00000001"));
}

static void what_cannot_be_known_is_not_dead(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];

	(void)state;
	begins(0);
	strcpy(id, commit_txn_id(txn));
	lc_sys_unlock(txn->ops);
	fault("1:EIO:forever:flock");
	assert_false(is_dead(id));
	expect_fired();
	fault("1:ENOLCK:forever:flock");
	assert_false(is_dead(id));
	expect_fired();
	assert_true(is_dead(id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(a_commit_publishes_all_and_tells_how_much),
	        TREE(what_is_closed_or_aborted_leaves_nothing),
	        TREE(an_empty_one_commits_nothing),
	        TREE(after_the_end_there_is_nothing_to_do_with_it),
	        TREE(options_must_have_been_set_up),
	        TREE(a_kept_one_goes_on_where_it_was),
	        TREE(what_an_earlier_process_saw_counts),
	        TREE(two_processes_do_not_work_on_one),
	        TREE(ids_that_are_none_are_refused),
	        TREE(a_torn_operation_was_never_made),
	        TREE(a_stage_that_makes_no_sense_is_refused),
	        TREE(a_transaction_dies_with_its_lock_its_owner_or_of_age),
	        TREE(what_cannot_be_known_is_not_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
