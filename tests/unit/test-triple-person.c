/* SPDX-License-Identifier: ISC */
/* What a person decides, the raw rule, and sets that a scan has found; see test-triple.c */
#include "config.h"

#include "support.h"
#include "triple-support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void expect_copies(const char *text)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		expect_file(triple_paths[i], text);
}

static void write_twice(void)
{
	triple_begin();
	assert_int_equal(triple_write("one"), 0);
	triple_remember();
	assert_int_equal(triple_write("two"), 0);
}

/* --- persons --- */

/* 62 */
static void an_edit_is_asked_about(void **state)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};

	(void)state;
	write_twice();
	times[1].tv_sec = stat_of("b/f").st_mtim.tv_sec + 100;
	put("b/f", "edited");
	assert_int_equal(utimensat(AT_FDCWD, "b/f", times, 0), 0);
	expect_error(triple_get(), &triple_err, COMMIT_ECONFLICT, ESTALE);
	assert_int_equal(triple_result.copies[1].state, COMMIT_COPY_EDITED);
	expect_error(triple_repair(), &triple_err, COMMIT_ECONFLICT, ESTALE);
	expect_error(triple_write("three"), &triple_err, COMMIT_ECONFLICT, ESTALE);
	expect_file("b/f", "edited");
	expect_file("a/f", "two");
	unlink("b/f");
	assert_int_equal(triple_repair(), 0);
	expect_copies("two");
}

static void a_touched_copy_is_no_edit(void **state)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {2000000000, 0}};

	(void)state;
	write_twice();
	assert_int_equal(utimensat(AT_FDCWD, "c/f", times, 0), 0);
	triple_read("two");
	assert_int_equal(triple_write("three"), 0);
	triple_read("three");
}

/* 62, second half: sidecar published, content not, and then rot: no edit */
static void a_crash_is_no_edit(void **state)
{
	(void)state;
	write_twice();
	fault("4:EIO:forever:rename");
	expect_error(triple_write("three"), &triple_err, COMMIT_EFAILED, EIO);
	expect_fired();
	fault(NULL);
	triple_strike(1, HURT_CONTENT);
	triple_read("two");
	expect_copies("two");
}

/* And where a repair is cut short there: what stood before it is known by its time. */
static void a_repair_cut_short_is_no_edit(void **state)
{
	struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};

	(void)state;
	write_twice();
	/* Of B nothing is left that says what it was, but for a time that is not newer. */
	times[1].tv_sec = stat_of("b/f").st_mtim.tv_sec + 1;
	triple_strike(1, HURT_BOTH);
	assert_int_equal(utimensat(AT_FDCWD, "b/f", times, 0), 0);
	fault("2:EIO:once:rename");
	assert_int_equal(triple_repair(), COMMIT_EPENDING);
	expect_fired();
	fault(NULL);
	triple_read("two");
	expect_copies("two");
}

/* 60 */
static void copies_that_die_together(void **state)
{
	(void)state;
	triple_begin();
	assert_int_equal(triple_write("one"), 0);
	assert_true(triple_warned >= 3);
	assert_non_null(strstr(triple_warning, "same file system"));
	triple_opt.flags = COMMIT_TRIPLE_STRICT;
	expect_error(triple_write("two"), &triple_err, COMMIT_EREFUSED, EXDEV);
	expect_error(triple_get(), &triple_err, COMMIT_EREFUSED, EXDEV);
	triple_opt.flags = 0;
	triple_read("one");
}

static void one_file_twice_is_refused(void **state)
{
	static const char *const same[] = {"a/f", "b/f", "a/../a/f"};
	static const char *const linked[] = {"a/f", "b/f", "c/g"};

	(void)state;
	triple_begin();
	expect_error(commit_triple_bytes(same, "x", 1, &triple_opt, NULL, &triple_err), &triple_err,
	             COMMIT_EUSAGE, EINVAL);
	put("a/f", "x");
	assert_int_equal(link("a/f", "c/g"), 0);
	expect_error(commit_triple_bytes(linked, "x", 1, &triple_opt, NULL, &triple_err),
	             &triple_err, COMMIT_EUSAGE, EINVAL);
	unlink("c/g");
}

/* 58: A and B were exchanged by hand, or on the command line */
static void the_order_is_part_of_the_set(void **state)
{
	static const char *const wrong[] = {"b/f", "a/f", "c/f"};

	(void)state;
	write_twice();
	expect_error(
	        commit_triple_check(wrong, &triple_opt, COMMIT_TRIPLE_REPAIR, NULL, &triple_err),
	        &triple_err, COMMIT_ECONFLICT, EXDEV);
	assert_non_null(strstr(triple_err.text, "in the order A, B, C"));
	triple_read("two");
}

static void a_copy_of_another_set_is_left_alone(void **state)
{
	static const char *const theirs[] = {"a/g", "b/g", "c/g"};
	static const char *const mixed[] = {"a/f", "b/f", "c/g"};

	(void)state;
	write_twice();
	assert_int_equal(commit_triple_bytes(theirs, "theirs", 6, &triple_opt, NULL, NULL), 0);
	expect_error(commit_triple_bytes(mixed, "x", 1, &triple_opt, NULL, &triple_err),
	             &triple_err, COMMIT_ECONFLICT, EEXIST);
	expect_file("c/g", "theirs");
	expect_file("a/f", "two");
	unlink("a/g"), unlink("b/g"), unlink("c/g");
	unlink("a/.g.triple"), unlink("b/.g.triple"), unlink("c/.g.triple");
}

/* 65: all of one copy, or of two, is from a backup */
static void old_versions_do_not_win(void **state)
{
	(void)state;
	write_twice();
	triple_strike(0, HURT_BACK);
	triple_strike(1, HURT_BACK);
	triple_read("two");
	expect_copies("two");
	/* Two writes later nothing links them any more: refused, not guessed. */
	assert_int_equal(triple_write("three"), 0);
	assert_int_equal(triple_write("four"), 0);
	triple_strike(0, HURT_BACK);
	triple_strike(1, HURT_BACK);
	expect_error(triple_get(), &triple_err, COMMIT_ECONFLICT, EBADMSG);
	expect_file("c/f", "four");
}

/* 59: the same version written twice, on copies that did not see each other */
static void a_split_brain_is_refused(void **state)
{
	(void)state;
	write_twice();
	triple_opt.min_copies = 1;
	triple_strike(1, HURT_AWAY);
	triple_strike(2, HURT_AWAY);
	assert_int_equal(triple_write("left"), 0);
	rename("b.gone", "b");
	rename("c.gone", "c");
	triple_strike(0, HURT_AWAY);
	assert_int_equal(triple_write("right"), 0);
	rename("a.gone", "a");
	triple_opt.min_copies = 0;
	expect_error(triple_get(), &triple_err, COMMIT_ECONFLICT, EBADMSG);
	expect_file("a/f", "left");
	expect_file("b/f", "right");
}

/* --- the raw rule --- */

static void raw_copies_are_bare_files(void **state)
{
	(void)state;
	triple_begin();
	triple_opt.flags = COMMIT_TRIPLE_RAW;
	assert_int_equal(triple_write("one"), 0);
	expect_copies("one");
	expect_absent("a/.f.triple");
	triple_read("one");
	put("b/f", "rot");
	triple_read("one");
	expect_copies("one");
	put("a/f", "1"), put("b/f", "?"), put("c/f", "0");
	triple_read("1");
	expect_copies("1");
	put("a/f", "1"), put("b/f", "0"), put("c/f", "0");
	triple_read("0");
}

/* 54: what the rule above gets wrong, and sidecars do not */
static void rot_and_a_crash(void **state)
{
	(void)state;
	triple_begin();
	triple_opt.flags = COMMIT_TRIPLE_RAW;
	put("a/f", "?torn"), put("b/f", "old"), put("c/f", "rot");
	triple_read("?torn");

	write_twice();
	put("a/f", "?torn");
	triple_strike(2, HURT_CONTENT);
	{
		struct stat st = stat_of("b/f");
		struct timespec times[2] = {st.st_atim, stat_of("c/f").st_mtim};

		assert_int_equal(utimensat(AT_FDCWD, "a/f", times, 0), 0);
	}
	/* A's time is not what its sidecar noted, and not newer either: torn, not edited. */
	if (triple_get() == 0)
		triple_expect("two");
	else
		assert_int_equal(triple_err.code, COMMIT_ECONFLICT);
}

static void raw_without_majority(void **state)
{
	(void)state;
	triple_begin();
	triple_opt.flags = COMMIT_TRIPLE_RAW;
	expect_error(triple_get(), &triple_err, COMMIT_EFAILED, ENOENT);
	put("b/f", "x"), put("c/f", "y");
	expect_error(triple_get(), &triple_err, COMMIT_ECONFLICT, EBADMSG);
	put("c/f", "x");
	triple_read("x");
	expect_copies("x");
}

/* --- finding --- */

static unsigned found_count;

static int count_found(void *context, const struct commit_triple_found *sidecar)
{
	(void)context;
	assert_true(sidecar->readable);
	assert_int_equal(sidecar->owner, geteuid());
	assert_int_equal(sidecar->copies[0][0], '/');
	found_count++;
	return 0;
}

static void sidecars_are_found(void **state)
{
	(void)state;
	write_twice();
	found_count = 0;
	assert_int_equal(commit_triple_find(".", NULL, count_found, NULL, &triple_err), 0);
	assert_int_equal(found_count, 3);
	found_count = 0;
	assert_int_equal(commit_triple_find("b/.f.triple", NULL, count_found, NULL, &triple_err),
	                 0);
	assert_int_equal(found_count, 1);
}

/* A sidecar that somebody has made must not have us write where none of the set lies. */
static void what_was_found_is_not_obeyed_elsewhere(void **state)
{
	(void)state;
	write_twice();
	unlink("c/.f.triple");
	put("c/f", "somebody's");
	triple_opt.flags = COMMIT_TRIPLE_FOUND;
	assert_int_equal(triple_repair(), COMMIT_EPENDING);
	expect_file("c/f", "somebody's");
	expect_absent("c/.f.triple");
}

static struct commit_finding seen;
static unsigned seen_count;

static void see(void *context, const struct commit_finding *finding)
{
	(void)context;
	seen = *finding;
	seen_count++;
}

static int recover(unsigned flags)
{
	struct commit_recover_options opt;

	seen_count = 0;
	commit_recover_options_init(&opt);
	opt.flags = COMMIT_RECOVER_TREE | flags;
	opt.found = see;
	return commit_recover_scan(".", &opt, NULL, &triple_err);
}

/* commit-recover takes sidecars for what they are, and finishes what it can. */
static void recovery_knows_sets(void **state)
{
	(void)state;
	write_twice();
	assert_int_equal(recover(0), 0);
	assert_int_equal(seen_count, 0);
	triple_strike(1, HURT_CONTENT_BACK);
	assert_int_equal(recover(COMMIT_RECOVER_DRY_RUN), 0);
	assert_int_equal(seen_count, 1);
	assert_int_equal(seen.kind, COMMIT_FOUND_TRIPLE);
	assert_int_equal(seen.decision, COMMIT_DECIDE_ROLL_FORWARD);
	assert_int_equal(seen.done, 0);
	expect_file("b/f", "one");
	assert_int_equal(recover(0), 0);
	assert_int_equal(seen.done, 1);
	expect_copies("two");
	put("stranger.triple", "x");
	put(".stranger.triple", "x");
	assert_int_equal(recover(0), 0);
	assert_int_equal(seen_count, 0);
	/* A fork is a person's. */
	assert_int_equal(triple_write("three"), 0);
	assert_int_equal(triple_write("four"), 0);
	triple_strike(0, HURT_BACK);
	triple_strike(1, HURT_BACK);
	assert_int_equal(recover(0), COMMIT_ECONFLICT);
	assert_int_equal(seen.decision, COMMIT_DECIDE_CONFLICT);
	expect_file("c/f", "four");
}

static void options_are_checked(void **state)
{
	(void)state;
	triple_begin();
	triple_opt.block_size = 5000;
	expect_error(triple_write("x"), &triple_err, COMMIT_EUSAGE, EINVAL);
	triple_begin();
	triple_opt.min_copies = 4;
	expect_error(triple_write("x"), &triple_err, COMMIT_EUSAGE, EINVAL);
	triple_begin();
	triple_opt.flags = 1u << 20;
	expect_error(triple_write("x"), &triple_err, COMMIT_EUSAGE, EINVAL);
	triple_begin();
	triple_opt.size = 3;
	expect_error(triple_write("x"), &triple_err, COMMIT_EUSAGE, EINVAL);
	triple_begin();
	assert_int_equal(mkdir("b/f", 0755), 0);
	assert_int_equal(triple_write("x"), COMMIT_EFAILED);
	rmdir("b/f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(an_edit_is_asked_about),
	        EVERY(a_touched_copy_is_no_edit),
	        EVERY(a_crash_is_no_edit),
	        EVERY(a_repair_cut_short_is_no_edit),
	        EVERY(copies_that_die_together),
	        EVERY(one_file_twice_is_refused),
	        EVERY(the_order_is_part_of_the_set),
	        EVERY(a_copy_of_another_set_is_left_alone),
	        EVERY(old_versions_do_not_win),
	        EVERY(a_split_brain_is_refused),
	        EVERY(raw_copies_are_bare_files),
	        EVERY(rot_and_a_crash),
	        EVERY(raw_without_majority),
	        EVERY(sidecars_are_found),
	        EVERY(what_was_found_is_not_obeyed_elsewhere),
	        EVERY(recovery_knows_sets),
	        EVERY(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
