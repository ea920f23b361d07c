/* SPDX-License-Identifier: ISC */
/*
 * Each call that a save makes fails once, in every kind of save, and each is
 * the last one once. Whatever happens: the file is wholly old or wholly new, the
 * return code says which, no descriptor stays open, and after recovery nothing
 * of ours is left and the next save works.
 */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Sizes that end within a sector, and a file that gets smaller */
#define LONG 3000
#define SHORT 700

static char old[LONG], new[LONG];

struct way {
	const char *name;
	unsigned flags;
	enum commit_backup backup;
	int exists;
	int expects;
	int validates;
	size_t old_size;
	size_t new_size;
	const char *elsewhere;
};

static const struct way ways[] = {
        {.name = "create", .new_size = LONG},
        {.name = "replace", .exists = 1, .old_size = LONG, .new_size = SHORT},
        {.name = "create only", .flags = COMMIT_SAVE_CREATE, .new_size = SHORT},
        {.name = "append",
         .flags = COMMIT_SAVE_APPEND,
         .exists = 1,
         .old_size = SHORT,
         .new_size = LONG},
        {.name = "expect, backup",
         .exists = 1,
         .expects = 1,
         .backup = COMMIT_BACKUP_SIMPLE,
         .old_size = SHORT,
         .new_size = LONG},
        {.name = "validate, numbered backup",
         .exists = 1,
         .validates = 1,
         .backup = COMMIT_BACKUP_NUMBERED,
         .old_size = SHORT,
         .new_size = SHORT},
        {.name = "in place, shrinking",
         .flags = COMMIT_SAVE_IN_PLACE,
         .exists = 1,
         .validates = 1,
         .old_size = LONG,
         .new_size = SHORT},
        {.name = "in place, growing",
         .flags = COMMIT_SAVE_IN_PLACE,
         .exists = 1,
         .backup = COMMIT_BACKUP_SIMPLE,
         .old_size = SHORT,
         .new_size = LONG},
        {.name = "in place, journal elsewhere",
         .flags = COMMIT_SAVE_IN_PLACE,
         .exists = 1,
         .old_size = LONG,
         .new_size = LONG,
         .elsewhere = "1:EACCES:tmpfile"},
};

static int approve(void *context, const char *staged, const char *target, struct commit_error *err)
{
	(void)context, (void)target, (void)err;
	return access(staged, R_OK) ? COMMIT_EREFUSED : 0;
}

static int save_once(const struct way *way)
{
	struct commit_save_options opt;
	char token[COMMIT_TOKEN_SIZE];
	struct commit_error err;
	size_t skip = way->flags & COMMIT_SAVE_APPEND ? way->old_size : 0;
	int rc;

	commit_save_options_init(&opt);
	opt.flags = way->flags;
	opt.backup = way->backup;
	opt.wait_ms = 0;
	opt.journal_dir = "journals";
	opt.validate = way->validates ? approve : NULL;
	if (way->expects) {
		rc = commit_save_token("f", COMMIT_SYMLINK_FOLLOW, token, NULL);
		if (rc)
			return rc;
		opt.expect = token;
	}
	mark(&err);
	rc = commit_save_bytes("f", new + skip, way->new_size - skip, &opt, NULL, &err);
	if (rc == 0)
		expect_untouched(&err);
	else
		assert_int_equal(rc, err.code);
	return rc;
}

static void prepare(const struct way *way)
{
	fill(old, sizeof old, 1);
	fill(new, sizeof new, 2);
	if (way->flags & COMMIT_SAVE_APPEND)
		memcpy(new, old, way->old_size);
	unlink("f");
	if (way->exists)
		put_bytes("f", old, way->old_size);
}

static int is_old(const struct way *way)
{
	struct stat st;

	if (stat("f", &st) != 0)
		return !way->exists;
	return way->exists && (size_t)st.st_size == way->old_size && way->old_size != way->new_size;
}

static void expect_whole(const struct way *way, int wants_old)
{
	if (wants_old && !way->exists)
		expect_absent("f");
	else if (wants_old)
		expect_bytes("f", old, way->old_size);
	else
		expect_bytes("f", new, way->new_size);
}

/* The table of commit_error.h: what the code says about the content */
static void check_code(const struct way *way, int rc)
{
	switch (rc) {
	case 0:
		expect_whole(way, 0);
		break;
	case COMMIT_EPENDING:
		if (!(way->flags & COMMIT_SAVE_IN_PLACE))
			expect_whole(way, 0);
		break;
	case COMMIT_EFAILED:
	case COMMIT_EUNDECIDED:
	case COMMIT_EREFUSED:
	case COMMIT_EBUSY:
		expect_whole(way, 1);
		break;
	default:
		fail_msg("code %d", rc);
	}
}

static int scan(void)
{
	struct commit_recover_options opt;

	commit_recover_options_init(&opt);
	opt.journal_dir = "journals";
	return commit_recover_scan(".", &opt, NULL, NULL);
}

static void recover_and_save_again(const struct way *way)
{
	struct way next = *way;

	assert_int_equal(scan(), 0);
	expect_clean();
	if (access("journals", F_OK) == 0)
		assert_int_equal(ours_in("journals", NULL), 0);
	if (way->flags & COMMIT_SAVE_CREATE)
		unlink("f");
	next.flags &= ~COMMIT_SAVE_APPEND;
	if (save_once(&next) != 0)
		fail_msg("%s: the next save does not work", way->name);
	expect_whole(way, 0);
	unlink("f~");
}

static void fault_at(char spec[64], int n, const char *what, const struct way *way)
{
	snprintf(spec, 64, "%d:%s%s%s", n, what, way->elsewhere ? "," : "",
	         way->elsewhere ? way->elsewhere : "");
}

/* How many calls it makes when all goes well */
static int calls_of(const struct way *way)
{
	const char *c;
	int count = -1;

	/* some things are asked once in a process */
	prepare(way);
	recover_and_save_again(way);
	prepare(way);
	fault(way->elsewhere);
	trace_begin();
	assert_int_equal(save_once(way), 0);
	for (c = trace_end(); *c; c++)
		count += *c == ' ';
	fault_end();
	recover_and_save_again(way);
	return count;
}

static void walk(const struct way *way, const char *what)
{
	const int calls = calls_of(way);
	const long before = fds_open();
	char spec[64];
	int n, rc;

	assert_true(calls > 20);
	for (n = 1; n <= calls; n++) {
		if (walk_skips())
			continue;
		prepare(way);
		fault_at(spec, n, what, way);
		fault(spec);
		rc = save_once(way);
		expect_fired();
		if (fds_open() != before)
			fail_msg("%s, %s at call %d: descriptors leak", way->name, what, n);
		check_code(way, rc);
		recover_and_save_again(way);
	}
}

static void errors_everywhere(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		walk(&ways[i], "EIO");
}

static void full_disks_everywhere(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		walk(&ways[i], "ENOSPC");
}

static void missing_calls_everywhere(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		walk(&ways[i], "ENOSYS");
}

struct death {
	const struct way *way;
	char spec[64];
};

static int die_there(void *context)
{
	const struct death *death = context;

	fault(death->spec);
	return save_once(death->way) ? 1 : 0;
}

static void die_everywhere(const struct way *way)
{
	struct death death = {.way = way};
	int n, status = 128 + SIGKILL;

	for (n = 1; status == 128 + SIGKILL; n++) {
		if (walk_skips())
			continue;
		prepare(way);
		fault_at(death.spec, n, "kill", way);
		status = in_child(die_there, &death);
		if (!(way->flags & COMMIT_SAVE_IN_PLACE))
			expect_whole(way, is_old(way));
		if (scan() != 0)
			fail_msg("%s, killed at call %d: recovery fails", way->name, n);
		expect_whole(way, is_old(way));
		recover_and_save_again(way);
	}
	assert_int_equal(status, 0);
}

static void killed_everywhere(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++)
		if (ways[i].old_size != ways[i].new_size)
			die_everywhere(&ways[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(errors_everywhere),
	        ON_TMPFS(full_disks_everywhere),
	        ON_TMPFS(missing_calls_everywhere),
	        ON_TMPFS(killed_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
