/* SPDX-License-Identifier: ISC */
/* New contents that ride in the log with the commit record (txn-content.c). */
#include "config.h"

#include "fault.h"
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct commit_store *store;
static struct commit_txn *txn;
static struct commit_error err;

static int opens(unsigned flags)
{
	struct commit_txn_options opt;

	commit_txn_options_init(&opt);
	opt.flags = flags;
	CHECK(commit_store_open(&store, "root", COMMIT_STORE_CREATE, NULL, &err) == 0);
	CHECK(commit_txn_begin(&txn, store, &opt, &err) == 0);
	return 0;
}

static int closes(void)
{
	commit_txn_close(txn);
	commit_store_close(store);
	return 0;
}

static int puts_bytes(const char *path, const char *text)
{
	CHECK(commit_txn_put_bytes(txn, path, text, strlen(text), &err) == 0);
	return 0;
}

static void make_tree(void)
{
	assert_int_equal(mkdir("root", 0755), 0);
	assert_int_equal(mkdir("root/d", 0755), 0);
	put("root/a", "old a");
	assert_int_equal(chmod("root/a", 0640), 0);
	put("root/d/b", "old b");
	put("root/gone", "old gone");
}

/* Over an old file, new, over a file that moves away, and a removal. */
static int change_tree(void *flags)
{
	CHECK(opens(*(unsigned *)flags) == 0);
	CHECK(puts_bytes("a", "new a") == 0);
	CHECK(puts_bytes("c", "new c") == 0);
	CHECK(commit_txn_mv(txn, "d/b", "d/moved", &err) == 0);
	CHECK(puts_bytes("d/b", "new b") == 0);
	CHECK(commit_txn_rm(txn, "gone", &err) == 0);
	CHECK(commit_txn_commit(txn, NULL, &err) == 0);
	return closes();
}

static int is_new(void)
{
	return access("root/c", F_OK) == 0;
}

static void expect_new(void)
{
	expect_file("root/a", "new a");
	expect_mode("root/a", 0640);
	expect_file("root/c", "new c");
	expect_mode("root/c", 0644);
	expect_file("root/d/b", "new b");
	expect_file("root/d/moved", "old b");
	expect_absent("root/gone");
}

static void expect_old(void)
{
	expect_file("root/a", "old a");
	expect_file("root/d/b", "old b");
	expect_file("root/gone", "old gone");
	expect_absent("root/c");
	expect_absent("root/d/moved");
}

static char no_faults[] = "";
static unsigned logged = COMMIT_TXN_LOG_CONTENTS;

static void contents_arrive_with_the_metadata_of_the_old(void **state)
{
	(void)state;
	umask(022);
	make_tree();
	assert_int_equal(change_tree(&logged), 0);
	expect_new();
	assert_int_equal(rmdir("root/.commit/stage"), 0);
}

static void the_record_is_durable_before_anything_is_staged(void **state)
{
	const char *trace;

	(void)state;
	make_tree();
	assert_int_equal(opens(logged), 0);
	assert_int_equal(puts_bytes("a", "new a"), 0);
	trace_begin();
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	trace = trace_end();
	closes();
	/* room, then the commit, then the staged file, flushed before the exchange */
	trace = strstr(trace, " reserve ");
	assert_non_null(trace);
	assert_true(call_at(trace, "fdatasync") < call_at(trace, "create"));
	trace = strstr(trace, " create ");
	assert_true(call_at(trace, "syncfs") < call_at(trace, "fdatasync"));
	assert_true(call_at(trace, "fdatasync") < call_at(trace, "exchange"));
}

static void who_wants_to_see_it_gets_it_staged(void **state)
{
	char real[4096], path[4200];
	enum commit_kind kind;

	(void)state;
	make_tree();
	assert_int_equal(opens(logged), 0);
	assert_int_equal(puts_bytes("a", "new a"), 0);
	assert_int_equal(puts_bytes("c", "new c"), 0);
	assert_int_equal(commit_txn_chmod(txn, "a", 0600, &err), 0);
	assert_int_equal(commit_txn_link(txn, "c", "d/c", &err), 0);
	assert_int_equal(commit_txn_look(txn, "a", &kind, real, sizeof real, &err), 0);
	assert_int_equal(kind, COMMIT_KIND_FILE);
	snprintf(path, sizeof path, "root/%s", real);
	expect_file(path, "new a");
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	closes();
	expect_file("root/a", "new a");
	expect_mode("root/a", 0600);
	assert_int_equal(stat_of("root/c").st_nlink, 2);
}

static void what_does_not_fit_is_staged_as_ever(void **state)
{
	static char large[16 * 1024 + 2];

	(void)state;
	make_tree();
	memset(large, 'x', sizeof large - 1);
	assert_int_equal(opens(logged), 0);
	assert_int_equal(puts_bytes("a", "new a"), 0);
	assert_int_equal(puts_bytes("large", large), 0);
	expect_mode("root/.commit/stage", 0700);
	assert_int_equal(commit_txn_commit(txn, NULL, &err), 0);
	closes();
	expect_file("root/a", "new a");
	expect_file("root/large", large);
}

static int tells(void *context)
{
	(*(int *)context)++;
	return 0;
}

static void count_it(void *context)
{
	tells(context);
}

static void the_caller_hears_of_the_record_once(void **state)
{
	struct commit_txn_options opt;
	int heard = 0;

	(void)state;
	make_tree();
	commit_txn_options_init(&opt);
	opt.flags = logged;
	opt.committed = count_it;
	opt.context = &heard;
	assert_int_equal(commit_store_open(&store, "root", COMMIT_STORE_CREATE, NULL, &err), 0);
	assert_int_equal(commit_txn_begin(&txn, store, &opt, &err), 0);
	assert_int_equal(puts_bytes("a", "new a"), 0);
	assert_int_equal(heard, 0);
	fault("1:EIO:exchange");
	assert_int_equal(commit_txn_commit(txn, NULL, &err), COMMIT_EPENDING);
	assert_int_equal(heard, 1);
	closes();
	assert_int_equal(commit_store_open(&store, "root", 0, NULL, &err), 0);
	commit_store_close(store);
	expect_file("root/a", "new a");
}

static int recovers(void *faults)
{
	lc_fault_arm(faults);
	CHECK(commit_store_open(&store, "root", 0, NULL, &err) == 0);
	commit_store_close(store);
	return 0;
}

static int dies_changing(void *faults)
{
	lc_fault_arm(faults);
	return change_tree(&logged);
}

static int make_store(void *unused)
{
	(void)unused;
	CHECK(opens(0) == 0);
	return closes();
}

static void begin_again(void)
{
	assert_int_equal(system("rm -rf root"), 0);
	make_tree();
	assert_int_equal(in_child(make_store, NULL), 0);
}

/* The tree is whole after one more recovery, whatever happened before. */
static int judge(void)
{
	assert_int_equal(in_child(recovers, no_faults), 0);
	if (!is_new()) {
		expect_old();
		return 0;
	}
	expect_new();
	return 1;
}

static void killed_at_every_call_and_again_in_recovery(void **state)
{
	char first[32], second[32];
	int n, m, died = 128 + SIGKILL, outcomes[2] = {0, 0}, twice = 0;

	(void)state;
	umask(022);
	for (n = 1; died == 128 + SIGKILL; n++) {
		if (walk_skips())
			continue;
		snprintf(first, sizeof first, "%d:kill", n);
		begin_again();
		died = in_child(dies_changing, first);
		assert_true(died == 0 || died == 128 + SIGKILL);
		/* a second death somewhere on the way, another place each time */
		m = 1 + n * 7 % 60;
		snprintf(second, sizeof second, "%d:kill", m);
		twice += in_child(recovers, second) == 128 + SIGKILL;
		outcomes[judge()]++;
	}
	assert_true(outcomes[0] * walk_every() > 50);
	assert_true(outcomes[1] * walk_every() > 50);
	assert_true(twice * walk_every() > 50);
}

/* What the log alone holds is staged anew, the stage and all in it being gone. */
static void a_stage_that_was_lost_is_made_again(void **state)
{
	char faults[32];
	int n, died = 128 + SIGKILL, restored = 0;

	(void)state;
	umask(022);
	for (n = 1; died == 128 + SIGKILL; n++) {
		if (walk_skips())
			continue;
		snprintf(faults, sizeof faults, "%d:kill", n);
		begin_again();
		died = in_child(dies_changing, faults);
		/* committed, and not yet said to be staged: nothing is known to be durable there */
		if (system("grep -qs 'new c' root/.commit/log/segment-* && "
		           "test $(cat root/.commit/log/segment-* | grep -ao in-0 | wc -l) = 2") !=
		    0)
			continue;
		expect_old();
		assert_int_equal(system("rm -f root/.commit/stage/*/in-*"), 0);
		restored += judge();
	}
	assert_true(restored * walk_every() > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(contents_arrive_with_the_metadata_of_the_old),
	        EVERY(the_record_is_durable_before_anything_is_staged),
	        EVERY(who_wants_to_see_it_gets_it_staged),
	        EVERY(what_does_not_fit_is_staged_as_ever),
	        EVERY(the_caller_hears_of_the_record_once),
	        ON_TMPFS(killed_at_every_call_and_again_in_recovery),
	        ON_TMPFS(a_stage_that_was_lost_is_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
