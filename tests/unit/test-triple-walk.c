/* SPDX-License-Identifier: ISC */
/*
 * Each call that a write, a read that settles, or a repair makes fails once, or
 * from there on, or is the last one. Whatever happens: the code says what is
 * there, no descriptor stays open, nothing of ours stays behind, the answer is
 * the old or the new content, and the next write works.
 */
#include "config.h"

#include "support.h"
#include "triple-support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char old[] = "the old content", new[] = "something new";

struct way {
	const char *name;
	/* of B and C, before the call */
	enum hurt b;
	enum hurt c;
	int (*act)(void);
	unsigned min_copies;
	unsigned flags;
	int writes;
	int thorough;
};

static int write_new(void)
{
	return triple_write(new);
}

static const struct way ways[] = {
        {.name = "write", .act = write_new, .writes = 1, .thorough = 1},
        {.name = "write with two", .act = write_new, .writes = 1, .min_copies = 2},
        {.name = "write that settles", .b = HURT_NO_CONTENT, .act = write_new, .writes = 1},
        {.name = "raw write", .act = write_new, .writes = 1, .flags = COMMIT_TRIPLE_RAW},
        {.name = "read", .act = triple_get},
        {.name = "read that settles", .b = HURT_CONTENT, .act = triple_get},
        {.name = "read that settles two",
         .b = HURT_BACK,
         .c = HURT_SIDECAR,
         .act = triple_get,
         .thorough = 1},
        {.name = "repair", .b = HURT_NO_CONTENT, .c = HURT_BOTH, .act = triple_repair},
        {.name = "check", .b = HURT_CONTENT, .act = triple_check},
};

static void prepare(const struct way *way)
{
	triple_begin();
	assert_int_equal(triple_write("the first content"), 0);
	triple_remember();
	triple_opt.flags = way->flags;
	assert_int_equal(triple_write(old), 0);
	triple_opt.flags = 0;
	triple_strike(1, way->b);
	triple_strike(2, way->c);
	triple_opt.min_copies = way->min_copies;
	triple_opt.flags = way->flags;
}

/* The table of commit_error.h: what the code says about the content */
static void check_content(const struct way *way, int rc, const char *what, int n)
{
	int may_be_old = !way->writes || rc != 0, may_be_new = way->writes;

	if (way->writes && rc == COMMIT_EFAILED)
		may_be_new = 0;
	triple_opt.min_copies = 0;
	triple_opt.flags = way->flags & COMMIT_TRIPLE_RAW;
	if (triple_get() != 0)
		fail_msg("%s, %s at call %d, code %d: then unreadable: %s: %s: %s", way->name, what,
		         n, rc, triple_err.path, triple_err.operation, triple_err.text);
	if (!(may_be_old && strcmp(triple_text(), old) == 0) &&
	    !(may_be_new && strcmp(triple_text(), new) == 0))
		fail_msg("%s, %s at call %d, code %d: then it says '%s'", way->name, what, n, rc,
		         triple_text());
}

static void write_again(const struct way *way, const char *what, int n)
{
	if (triple_write("and again") != 0)
		fail_msg("%s, %s at call %d: the next write fails: %s: %s", way->name, what, n,
		         triple_err.operation, triple_err.text);
	triple_read("and again");
}

/* call: only calls of that name; NULL: all */
static void walk(const struct way *way, const char *what, const char *call)
{
	const long before = fds_open();
	char spec[64];
	int n, rc, fired = 1;

	for (n = 1; fired; n++) {
		if (walk_skips())
			continue;
		prepare(way);
		snprintf(spec, sizeof spec, "%d:%s%s%s", n, what, call ? ":once:" : "",
		         call ? call : "");
		fault(spec);
		rc = way->act();
		fired = fault_end() > 0;
		if (fds_open() != before)
			fail_msg("%s, %s at call %d: descriptors leak", way->name, what, n);
		if (rc && rc != triple_err.code)
			fail_msg("%s, %s at call %d: %d is returned, %d told", way->name, what, n,
			         rc, triple_err.code);
		/* A device that cannot unlink keeps what it has. */
		if (triple_sweep() > 0 && !strstr(what, "forever") && rc == 0 && !fired)
			fail_msg("%s, %s at call %d: something stays behind", way->name, what, n);
		check_content(way, rc, what, n);
		write_again(way, what, n);
	}
	assert_true(call || n > 20);
	print_message("# %s, %s: %d calls\n", way->name, what, n - 2);
}

/* Some in every way; the others where something is written, for they take their time. */
static void walk_all(const char *what)
{
	int all = strcmp(what, "EIO") == 0;
	size_t i;

	for (i = 0; i < COUNT_OF(ways); i++)
		if (all || ways[i].thorough)
			walk(&ways[i], what, NULL);
}

static void errors_everywhere(void **state)
{
	(void)state;
	walk_all("EIO");
}

static void broken_for_ever(void **state)
{
	(void)state;
	walk_all("EIO:forever");
}

static void full_disks_everywhere(void **state)
{
	(void)state;
	walk_all("ENOSPC");
}

static void read_only_for_ever(void **state)
{
	(void)state;
	walk_all("EROFS:forever");
}

static void calls_cut_short(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		if (ways[i].thorough) {
			walk(&ways[i], "short", "pread");
			walk(&ways[i], "short", "pwrite");
		}
}

struct death {
	const struct way *way;
	char spec[64];
};

static int die_there(void *context)
{
	const struct death *death = context;

	fault(death->spec);
	return death->way->act() ? 1 : 0;
}

/*
 * What was staged is recognised as ours. A copy without a whole sidecar is not
 * written for the asking of the others; sidecars that --raw has written past call
 * its contents edits by hand.
 */
static int left_to_a_person(const struct way *way)
{
	return (way->flags & COMMIT_TRIPLE_RAW) || way->c == HURT_SIDECAR || way->c == HURT_BOTH;
}

static void die_everywhere(const struct way *way)
{
	struct death death = {.way = way};
	struct commit_recover_options opt;
	int n, rc, status = 128 + SIGKILL;

	commit_recover_options_init(&opt);
	opt.flags = COMMIT_RECOVER_TREE;
	for (n = 1; status == 128 + SIGKILL; n++) {
		if (walk_skips())
			continue;
		prepare(way);
		snprintf(death.spec, sizeof death.spec, "%d:kill", n);
		status = in_child(die_there, &death);
		rc = commit_recover_scan(".", &opt, NULL, NULL);
		assert_true(rc == 0 || (rc == COMMIT_ECONFLICT && left_to_a_person(way)));
		assert_int_equal(triple_sweep(), 0);
		check_content(way, status == 0 ? 0 : COMMIT_EPENDING, "killed", n);
		write_again(way, "killed", n);
	}
	assert_int_equal(status, 0);
	print_message("# %s, killed before each of %d calls\n", way->name, n - 2);
}

static void killed_everywhere(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		if (ways[i].act != triple_check)
			die_everywhere(&ways[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(errors_everywhere),     ON_TMPFS(broken_for_ever),
	        ON_TMPFS(full_disks_everywhere), ON_TMPFS(read_only_for_ever),
	        ON_TMPFS(calls_cut_short),       ON_TMPFS(killed_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
