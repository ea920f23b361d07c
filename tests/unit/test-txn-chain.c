/* SPDX-License-Identifier: ISC */
/*
 * Several commits that were not published: each path has a chain of versions,
 * of which any is ours and the last is published. And begins beside recovery.
 */
#include "config.h"

#include "support.h"

#include "txn-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct lc_identity identity(const char *path)
{
	struct stat st = stat_of(path);
	struct lc_identity found;

	lc_identity_of(&st, &found);
	return found;
}

static void stage_of(unsigned n, char path[64])
{
	snprintf(path, 64, ".commit/stage/00000001-%08x", n);
}

static struct commit_store *entered(void)
{
	struct commit_store *store;

	assert_int_equal(lc_store_open(&store, ".", 0, NULL, NULL), 0);
	assert_int_equal(lc_store_enter(store, NULL), 0);
	return store;
}

static void left(struct commit_store *store)
{
	lc_store_leave(store);
	lc_store_close(store);
}

/* The commit of the nth transaction: text takes the place of before at path. */
static void commit(unsigned n, const char *path, const struct lc_identity *before, const char *text,
                   struct lc_identity *after)
{
	struct lc_change c = {
	        .type = LC_CHANGE_PUT, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	unsigned char begin[LC_BEGIN_SIZE] = {0}, *payload;
	uint64_t number = (uint64_t)1 << 32 | n, end;
	struct commit_store *store = entered();
	struct lc_log_entry batch[3];
	char stage[64], place[80];
	uint32_t length;

	stage_of(n, stage);
	assert_int_equal(mkdir(stage, 0700), 0);
	snprintf(place, sizeof place, "%s/in-0", stage);
	put(place, text);
	*after = identity(place);
	c.path = (char *)path;
	c.place = place;
	c.before = *before;
	c.after = *after;
	assert_int_equal(lc_change_encode(&c, &payload, &length), 0);
	batch[0] = (struct lc_log_entry){LC_LOG_BEGIN, LC_BEGIN_SIZE, number, begin};
	batch[1] = (struct lc_log_entry){LC_CHANGE_PUT, length, number, payload};
	batch[2] = (struct lc_log_entry){LC_LOG_COMMIT, 0, number, NULL};
	assert_int_equal(lc_log_append(store->log, batch, 3, &end), 0);
	assert_int_equal(lc_log_force(store->log, end), 0);
	free(payload);
	left(store);
}

static struct lc_identity first, versions[4];

/* Three commits of p, and one of q before the last. */
static void three_commits(void)
{
	static const struct lc_identity nothing;
	struct lc_identity q;
	struct commit_store *store;

	assert_int_equal(commit_store_open(&store, ".", COMMIT_STORE_CREATE, NULL, NULL), 0);
	commit_store_close(store);
	put("p", "zero");
	first = identity("p");
	commit(1, "p", &first, "one", &versions[1]);
	commit(2, "p", &versions[1], "two", &versions[2]);
	commit(3, "q", &nothing, "new", &q);
	commit(4, "p", &versions[2], "four", &versions[3]);
}

/* What publishing does, and no more. */
static void publish(unsigned n, const char *path)
{
	char place[80];

	stage_of(n, place);
	strcat(place, "/in-0");
	if (access(path, F_OK) == 0) {
		assert_int_equal(rename(path, "aside"), 0);
		assert_int_equal(rename(place, path), 0);
		assert_int_equal(rename("aside", place), 0);
	} else {
		assert_int_equal(rename(place, path), 0);
	}
}

static int recovers(struct commit_error *err)
{
	struct commit_store *store = entered();
	int rc = lc_txn_recover(store, err);

	left(store);
	return rc;
}

static void expect_idle(void)
{
	assert_int_equal(system("test -z \"$(ls .commit/stage)\""), 0);
}

/* However many of them were published, in their order, the last one counts. */
static void any_version_of_ours_is_ours(void **state)
{
	static const char *const paths[] = {"p", "p", "q", "p"};
	unsigned done, i;

	(void)state;
	for (done = 0; done <= 4; done++) {
		three_commits();
		for (i = 0; i < done; i++)
			publish(i + 1, paths[i]);
		assert_int_equal(recovers(NULL), 0);
		expect_file("p", "four");
		expect_file("q", "new");
		assert_int_equal(system("test -z \"$(ls .commit/stage)\" && rm -rf .commit p q"),
		                 0);
	}
}

/* All are looked at before the first is touched; those behind it wait. */
static void a_foreign_version_stops_all_that_build_on_it(void **state)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	(void)state;
	three_commits();
	put("theirs", "theirs");
	assert_int_equal(rename("theirs", "p"), 0);
	expect_error(recovers(&err), &err, COMMIT_ECONFLICT, ESTALE);
	assert_string_equal(err.path, "p");
	expect_file("p", "theirs");
	expect_absent("q");
}

/* What was committed before the conflict does not depend on it. */
static void those_before_a_conflict_are_finished(void **state)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	(void)state;
	three_commits();
	put("q", "theirs");
	expect_error(recovers(&err), &err, COMMIT_ECONFLICT, ESTALE);
	assert_string_equal(err.path, "q");
	expect_file("p", "two");
	expect_file("q", "theirs");
	/* The first two are complete, the others wait still. */
	expect_absent(".commit/stage/00000001-00000001");
	expect_error(recovers(&err), &err, COMMIT_ECONFLICT, ESTALE);
	expect_file("p", "two");
}

static void resolve(uint64_t n, int abort, int code, enum lc_txn_outcome outcome)
{
	struct lc_txn_resolution resolution = {.number = (uint64_t)1 << 32 | n, .abort = abort};
	struct commit_store *store = entered();
	struct commit_error err = COMMIT_ERROR_INIT;

	assert_int_equal(lc_txn_resolve(store, &resolution, &err), code);
	assert_int_equal(resolution.outcome, outcome);
	left(store);
}

static void a_person_decides_in_their_order(void **state)
{
	(void)state;
	three_commits();
	put("q", "theirs");
	resolve(4, 0, COMMIT_EREFUSED, LC_TXN_UNKNOWN);
	expect_file("p", "two");
	resolve(3, 0, 0, LC_TXN_FINISHED);
	expect_file("q", "new");
	expect_file("q.theirs-00000001-00000003", "theirs");
	expect_file("p", "four");
	expect_idle();
}

/* The last of them is decided about while the others are not even published. */
static void one_behind_others_is_taken_back_alone(void **state)
{
	(void)state;
	three_commits();
	resolve(4, 1, 0, LC_TXN_TAKEN_BACK);
	expect_file("p", "two");
	expect_file("q", "new");
	expect_idle();
}

/* One in the middle: those behind it find what they did not expect, and wait. */
static void one_that_others_build_on(void **state)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	(void)state;
	three_commits();
	resolve(2, 1, COMMIT_ECONFLICT, LC_TXN_TAKEN_BACK);
	expect_file("p", "one");
	expect_file("q", "new");
	expect_error(recovers(&err), &err, COMMIT_ECONFLICT, ESTALE);
	resolve(4, 1, 0, LC_TXN_TAKEN_BACK);
	expect_file("p", "one");
	expect_idle();
}

static void recover_beside(void *context)
{
	int *ran = context;

	commit_recover_scan(".", NULL, NULL, NULL);
	*ran = 1;
}

/* At each of its calls somebody recovers: the stage is not taken away. */
static void begins_beside_recovery(void **state)
{
	static const char *const calls[] = {"mkdir", "open", "create", "flock", "pwrite"};
	struct commit_store *store;
	struct commit_txn *txn;
	struct commit_error err = COMMIT_ERROR_INIT;
	unsigned i, n, seen = 0;
	int ran;

	(void)state;
	assert_int_equal(commit_store_open(&store, ".", COMMIT_STORE_CREATE, NULL, &err), 0);
	for (i = 0; i < COUNT_OF(calls); i++) {
		for (n = 1, ran = 1; ran; n++, seen++) {
			ran = 0;
			at_call(calls[i], n, recover_beside, &ran);
			assert_int_equal(commit_txn_begin(&txn, store, NULL, &err), 0);
			at_call(calls[i], 0, NULL, NULL);
			assert_int_equal(commit_txn_put_bytes(txn, "f", "x", 1, &err), 0);
			assert_int_equal(commit_txn_abort(txn, &err), 0);
			commit_txn_close(txn);
		}
	}
	assert_true(seen > 8);
	commit_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(any_version_of_ours_is_ours),
	        EVERY(a_foreign_version_stops_all_that_build_on_it),
	        EVERY(those_before_a_conflict_are_finished),
	        EVERY(a_person_decides_in_their_order),
	        EVERY(one_behind_others_is_taken_back_alone),
	        EVERY(one_that_others_build_on),
	        EVERY(begins_beside_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
