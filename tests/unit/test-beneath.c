/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int root = -1;

static int begin(void **state)
{
	int rc = support_begin(state);

	if (rc)
		return rc;
	root = lc_sys_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
	if (root < 0 || mkdir("d", 0755) != 0 || mkdir("d/e", 0755) != 0 ||
	    symlink("d", "link") != 0 || symlink("/etc", "out") != 0 || symlink("..", "up") != 0)
		return -1;
	put("d/e/f", "f");
	put("g", "g");
	return 0;
}

static int end(void **state)
{
	lc_sys_drop(&root);
	return support_end(state);
}

#define TREE(test) cmocka_unit_test_setup_teardown(test, begin, end)

static void a_valid_path_has_plain_components_only(void **state)
{
	static const char *const good[] = {"a", "a/b", "...", "..a", ".a", "a..", "-", "a b/\n"};
	static const char *const bad[] = {"",    "/",   "/a",   "a/",   "a//b",  ".",     "..",
	                                  "./a", "a/.", "a/..", "../a", "a/./b", "a/../b"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(good); i++)
		assert_true(lc_beneath_valid(good[i]));
	for (i = 0; i < COUNT_OF(bad); i++)
		assert_false(lc_beneath_valid(bad[i]));
}

static void names_and_paths_have_limits(void **state)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 1];

	(void)state;
	memset(name, 'n', sizeof name);
	name[NAME_MAX] = '\0';
	assert_true(lc_beneath_valid(name));
	name[NAME_MAX] = 'n';
	name[NAME_MAX + 1] = '\0';
	assert_false(lc_beneath_valid(name));
	memset(path, 'p', sizeof path);
	for (size_t i = 100; i < sizeof path; i += 101)
		path[i] = '/';
	path[PATH_MAX - 1] = '\0';
	if (path[PATH_MAX - 2] == '/')
		path[PATH_MAX - 2] = 'p';
	assert_true(lc_beneath_valid(path));
	path[PATH_MAX - 1] = 'p';
	path[PATH_MAX] = '\0';
	assert_false(lc_beneath_valid(path));
}

/* What can be opened, and what is found in the way */
static void opens_what_is_below_and_nothing_else(void)
{
	static const struct {
		const char *path;
		int flags;
		int rc;
	} cases[] = {
	        {"g", O_RDONLY, 0},
	        {"d/e/f", O_RDONLY, 0},
	        {"d", O_RDONLY | O_DIRECTORY, 0},
	        {"", O_RDONLY | O_DIRECTORY, 0},
	        {"link", O_PATH, 0},
	        {"missing", O_RDONLY, -ENOENT},
	        {"d/missing/f", O_RDONLY, -ENOENT},
	        {"g/f", O_RDONLY, -ENOTDIR},
	        {"link", O_RDONLY, -ELOOP},
	        {"../g", O_RDONLY, -EINVAL},
	        {"/etc/passwd", O_RDONLY, -EINVAL},
	        {"d//e", O_RDONLY, -EINVAL},
	};
	size_t i;
	int fd;

	for (i = 0; i < COUNT_OF(cases); i++) {
		fd = lc_beneath_open(root, cases[i].path, cases[i].flags);
		if (cases[i].rc == 0)
			assert_true(fd >= 0);
		else
			assert_int_equal(fd, cases[i].rc);
		lc_sys_drop(&fd);
	}
	/* A link on the way is not followed, wherever it leads. */
	fd = lc_beneath_open(root, "link/e/f", O_RDONLY);
	assert_true(fd == -ELOOP || fd == -ENOTDIR);
	fd = lc_beneath_open(root, "out/passwd", O_RDONLY);
	assert_true(fd == -ELOOP || fd == -ENOTDIR);
	fd = lc_beneath_open(root, "up/g", O_RDONLY);
	assert_true(fd == -ELOOP || fd == -ENOTDIR);
}

static void opens_below(void **state)
{
	(void)state;
	opens_what_is_below_and_nothing_else();
}

static void opens_below_where_there_is_no_openat2(void **state)
{
	static const char *const missing[] = {"1:ENOSYS:forever:openat2",
	                                      "1:EPERM:forever:openat2"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(missing); i++) {
		fault(missing[i]);
		opens_what_is_below_and_nothing_else();
		expect_fired();
	}
}

static void other_errors_of_openat2_are_errors(void **state)
{
	(void)state;
	fault("1:EMFILE:once:openat2");
	assert_int_equal(lc_beneath_open(root, "g", O_RDONLY), -EMFILE);
	expect_fired();
}

static void a_walk_that_fails_half_way_leaves_nothing_open(void **state)
{
	long before = fds_open();
	int n;

	(void)state;
	for (n = 1; n <= 3; n++) {
		char spec[64];

		snprintf(spec, sizeof spec, "1:ENOSYS:forever:openat2,%d:EIO:once:open", n);
		fault(spec);
		assert_int_equal(lc_beneath_open(root, "d/e/f", O_RDONLY), -EIO);
		expect_fired();
		assert_int_equal(fds_open(), before);
	}
}

static void neighbours_share_their_directory(void **state)
{
	struct lc_beneath_cache cache;
	const char *base;
	int first;

	(void)state;
	lc_beneath_init(&cache, root);
	first = lc_beneath_parent(&cache, "d/e/f", &base);
	assert_true(first >= 0);
	assert_string_equal(base, "f");
	assert_int_equal(lc_beneath_parent(&cache, "d/e/other", &base), first);
	assert_string_equal(base, "other");
	/* the same length, but another directory */
	assert_int_equal(lc_beneath_parent(&cache, "d/x/f", &base), -ENOENT);
	assert_int_equal(lc_beneath_parent(&cache, "../f", &base), -EINVAL);
	assert_true(lc_beneath_parent(&cache, "g", &base) >= 0);
	assert_string_equal(base, "g");
	lc_beneath_release(&cache);
	lc_beneath_release(&cache);
}

static void what_is_forgotten_is_looked_up_again(void **state)
{
	struct lc_beneath_cache cache;
	struct stat st;

	(void)state;
	lc_beneath_init(&cache, root);
	assert_int_equal(lc_beneath_stat(&cache, "d/e/f", &st), 0);
	assert_int_equal(rename("d/e", "d/moved"), 0);
	/* the directory is still open under its old path */
	assert_int_equal(lc_beneath_stat(&cache, "d/e/f", &st), 0);
	lc_beneath_forget(&cache);
	assert_int_equal(lc_beneath_stat(&cache, "d/e/f", &st), -ENOENT);
	assert_int_equal(lc_beneath_stat(&cache, "d/moved/f", &st), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(lc_beneath_stat(&cache, "link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	lc_beneath_release(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TREE(a_valid_path_has_plain_components_only),
	        TREE(names_and_paths_have_limits),
	        TREE(opens_below),
	        TREE(opens_below_where_there_is_no_openat2),
	        TREE(other_errors_of_openat2_are_errors),
	        TREE(a_walk_that_fails_half_way_leaves_nothing_open),
	        TREE(neighbours_share_their_directory),
	        TREE(what_is_forgotten_is_looked_up_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
