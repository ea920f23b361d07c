/* SPDX-License-Identifier: ISC */
/* Where journals live that cannot live beside their file. */
#include "config.h"

#include "support.h"

#include "inplace.h"
#include "sys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct lc_place place;
static struct lc_edit edit;

static int begin(void **state)
{
	place.fd = -1;
	return support_begin(state);
}

static int end(void **state)
{
	lc_dir_release(&place);
	return support_end(state);
}

static void names_say_where_the_target_is(void **state)
{
	struct lc_place registry;
	char path[PATH_MAX];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_inplace_registry("registry", 1, &registry), 0);
	assert_int_equal(lc_dir_resolve("f", COMMIT_SYMLINK_FOLLOW, &place, NULL), 0);
	assert_int_equal(lc_inplace_name(&place, NULL, &edit), 0);
	assert_int_equal(edit.journal.flags, LC_JOURNAL_BESIDE);
	assert_string_equal(edit.journal.target, "f");
	lc_name_parse(edit.name, &name);
	assert_true(lc_name_proven(&name, place.inode));
	assert_int_equal(lc_inplace_name(&place, &registry, &edit), 0);
	assert_int_equal(edit.journal.flags, 0);
	assert_non_null(getcwd(path, sizeof path - 2));
	strcat(path, "/f");
	assert_string_equal(edit.journal.target, path);
	lc_name_parse(edit.name, &name);
	assert_true(lc_name_proven(&name, registry.inode));
	fault("1:EACCES:readlink");
	assert_int_equal(lc_inplace_name(&place, &registry, &edit), -EACCES);
	lc_dir_release(&registry);
}

static void paths_that_are_too_long_are_refused(void **state)
{
	char directory[NAME_MAX + 1];
	struct lc_place registry;
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(lc_inplace_registry("registry", 1, &registry), 0);
	memset(directory, 'd', NAME_MAX);
	directory[NAME_MAX] = '\0';
	/* as deep as a path can tell, so that the name alone is too much */
	while (getcwd(path, sizeof path - sizeof directory)) {
		assert_return_code(mkdir(directory, 0700), errno);
		assert_return_code(chdir(directory), errno);
	}
	assert_int_equal(lc_dir_resolve(directory, COMMIT_SYMLINK_FOLLOW, &place, NULL), 0);
	assert_int_equal(lc_inplace_name(&place, &registry, &edit), -ENAMETOOLONG);
	lc_dir_release(&registry);
}

static void expect_registry(const char *wanted, const char *path)
{
	struct lc_place registry;

	assert_int_equal(lc_inplace_registry(wanted, 1, &registry), 0);
	assert_string_equal(registry.path, path);
	assert_int_equal(registry.inode, stat_of(path).st_ino);
	expect_mode(path, 0700);
	lc_dir_release(&registry);
}

static void the_registry_is_what_was_asked_for(void **state)
{
	struct lc_place registry;
	char longest[PATH_MAX + 10];

	(void)state;
	setenv("COMMIT_JOURNAL_DIR", "environment", 1);
	expect_registry("a/b/c", "a/b/c");
	expect_mode("a", 0700);
	expect_registry("a/b/c", "a/b/c");
	expect_registry(NULL, "environment");
	expect_registry("", "environment");
	assert_int_equal(lc_inplace_registry("missing", 0, &registry), -ENOENT);
	assert_int_equal(registry.fd, -1);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(lc_inplace_registry(longest, 1, &registry), -ENAMETOOLONG);
	put("file", "");
	assert_int_equal(lc_inplace_registry("file", 1, &registry), -ENOTDIR);
	assert_true(lc_inplace_registry("file/below", 1, &registry) < 0);
	fault("1:EIO:mkdir");
	assert_int_equal(lc_inplace_registry("n/m", 1, &registry), -EIO);
	fault("1:EIO:stat");
	assert_int_equal(lc_inplace_registry("a", 1, &registry), -EIO);
}

/* Nobody's, in turn: $XDG_STATE_HOME, $HOME, none */
static int registry_of_user(void *context)
{
	struct lc_place registry;
	char path[PATH_MAX + 20];

	(void)context;
	CHECK(getcwd(path, PATH_MAX));
	unsetenv("COMMIT_JOURNAL_DIR");
	setenv("HOME", path, 1);
	setenv("XDG_STATE_HOME", path, 1);
	CHECK(lc_inplace_registry(NULL, 1, &registry) == 0);
	CHECK(access("commit", F_OK) == 0);
	lc_dir_release(&registry);
	setenv("XDG_STATE_HOME", "relative", 1);
	CHECK(lc_inplace_registry(NULL, 1, &registry) == 0);
	CHECK(access(".local/state/commit", F_OK) == 0);
	lc_dir_release(&registry);
	unsetenv("HOME");
	CHECK(lc_inplace_registry(NULL, 1, &registry) == -ENOENT);
	return 0;
}

static void users_have_their_own_registry(void **state)
{
	(void)state;
	need_root();
	/* a path that others can walk; TMPDIR may be none */
	assert_return_code(chdir(other_fs()), errno);
	assert_return_code(chmod(".", 0777), errno);
	assert_int_equal(as_user(65534, registry_of_user, NULL), 0);
}

#define EDIT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EDIT(names_say_where_the_target_is),
	        EDIT(paths_that_are_too_long_are_refused),
	        EDIT(the_registry_is_what_was_asked_for),
	        EDIT(users_have_their_own_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
