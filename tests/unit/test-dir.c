/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct lc_place place;
static struct commit_error err;

static int resolve(const char *path, enum commit_symlink policy)
{
	mark(&err);
	return lc_dir_resolve(path, policy, &place, &err);
}

/* path leads to the directory and name that the kernel finds there too. */
static void leads_to(const char *path, const char *directory, const char *name)
{
	struct stat st;

	assert_int_equal(resolve(path, COMMIT_SYMLINK_FOLLOW), 0);
	expect_untouched(&err);
	assert_string_equal(place.name, name);
	assert_return_code(fstat(place.fd, &st), errno);
	assert_int_equal(st.st_ino, stat_of(directory).st_ino);
	assert_int_equal(st.st_ino, place.inode);
	assert_true(place.readable);
	lc_dir_release(&place);
}

static void fails(const char *path, int errnum)
{
	expect_error(resolve(path, COMMIT_SYMLINK_FOLLOW), &err, COMMIT_EFAILED, errnum);
	assert_int_equal(place.fd, -1);
}

static void paths_are_split(void **state)
{
	char here[PATH_MAX];

	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	leads_to("f", ".", "f");
	leads_to("./f", ".", "f");
	leads_to("d/f", "d", "f");
	leads_to("d//f", "d", "f");
	leads_to("d/../f", ".", "f");
	leads_to("/f", "/", "f");
	assert_non_null(getcwd(here, sizeof here - 10));
	strcat(here, "/d/f");
	leads_to(here, "d", "f");
}

static void paths_that_are_no_file_fail(void **state)
{
	char longest[PATH_MAX - 10];

	(void)state;
	expect_error(resolve("", COMMIT_SYMLINK_FOLLOW), &err, COMMIT_EUSAGE, ENOENT);
	fails("/", EISDIR);
	fails(".", EISDIR);
	fails("..", EISDIR);
	fails("d/..", EISDIR);
	fails("d/", EISDIR);
	fails("missing/f", ENOENT);
	put("f", "");
	fails("f/g", ENOTDIR);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	fails(longest, ENAMETOOLONG);
	longest[NAME_MAX + 1] = '\0';
	fails(longest, ENAMETOOLONG);
	longest[NAME_MAX] = '\0';
	leads_to(longest, ".", longest);
}

static void links_are_followed_to_the_directory_of_the_file(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_return_code(mkdir("e", 0755), errno);
	put("d/f", "");
	assert_return_code(symlink("d/f", "one"), errno);
	assert_return_code(symlink("../one", "e/two"), errno);
	leads_to("one", "d", "f");
	leads_to("e/two", "d", "f");
	/* the file need not exist, the directory must */
	assert_return_code(symlink("d/new", "dangling"), errno);
	leads_to("dangling", "d", "new");
	assert_return_code(symlink("gone/new", "nowhere"), errno);
	fails("nowhere", ENOENT);
	assert_return_code(symlink("d", "directory"), errno);
	leads_to("directory/f", "d", "f");
	assert_return_code(symlink("d/", "slash"), errno);
	fails("slash", EISDIR);
}

/* What the path looks like is not where it leads. */
static void dot_dot_behind_an_alias_is_that_of_the_kernel(void **state)
{
	(void)state;
	assert_return_code(mkdir("a", 0755), errno);
	assert_return_code(mkdir("a/b", 0755), errno);
	assert_return_code(symlink("a/b", "alias"), errno);
	assert_return_code(symlink("alias/../x", "link"), errno);
	put("link", "through the kernel");
	leads_to("link", "a", "x");
	leads_to("alias/../x", "a", "x");
	expect_file("a/x", "through the kernel");
}

static void relative_links_are_relative_to_the_link(void **state)
{
	(void)state;
	assert_return_code(mkdir("a", 0755), errno);
	assert_return_code(symlink("x", "a/link"), errno);
	leads_to("a/link", "a", "x");
	assert_int_equal(resolve("a/link", COMMIT_SYMLINK_FOLLOW), 0);
	assert_string_equal(place.path, "a/x");
	lc_dir_release(&place);
	assert_return_code(symlink("/dev/null", "a/absolute"), errno);
	assert_int_equal(resolve("a/absolute", COMMIT_SYMLINK_FOLLOW), 0);
	assert_string_equal(place.path, "/dev/null");
	lc_dir_release(&place);
}

static void loops_end_where_the_kernel_ends_them(void **state)
{
	char from[16], to[16];
	int i, fd;

	(void)state;
	assert_return_code(symlink("b", "a"), errno);
	assert_return_code(symlink("a", "b"), errno);
	fails("a", ELOOP);
	assert_return_code(symlink("self", "self"), errno);
	fails("self", ELOOP);
	put("l0", "end");
	for (i = 1; i <= 41; i++) {
		snprintf(from, sizeof from, "l%d", i);
		snprintf(to, sizeof to, "l%d", i - 1);
		assert_return_code(symlink(to, from), errno);
	}
	fd = open_file("l40", O_RDONLY);
	close(fd);
	leads_to("l40", ".", "l0");
	assert_int_equal(open("l41", O_RDONLY), -1);
	fails("l41", ELOOP);
}

static void policies_are_obeyed(void **state)
{
	(void)state;
	put("f", "");
	assert_return_code(symlink("f", "link"), errno);
	assert_int_equal(resolve("link", COMMIT_SYMLINK_REPLACE), 0);
	assert_string_equal(place.name, "link");
	lc_dir_release(&place);
	expect_error(resolve("link", COMMIT_SYMLINK_REFUSE), &err, COMMIT_EREFUSED, ELOOP);
	assert_int_equal(resolve("f", COMMIT_SYMLINK_REFUSE), 0);
	lc_dir_release(&place);
}

static void planted_links_in_sticky_directories_are_not_followed(void **state)
{
	(void)state;
	need_root();
	assert_return_code(mkdir("tmp", 0755), errno);
	assert_return_code(chmod("tmp", 01777), errno);
	put("victim", "");
	assert_return_code(symlink("../victim", "tmp/link"), errno);
	leads_to("tmp/link", ".", "victim");
	assert_return_code(lchown("tmp/link", 1000, 1000), errno);
	fails("tmp/link", EACCES);
	/* of the directory's owner they are */
	assert_return_code(chown("tmp", 1000, 1000), errno);
	leads_to("tmp/link", ".", "victim");
	/* and where not everybody may write */
	assert_return_code(chown("tmp", 0, 0), errno);
	assert_return_code(chmod("tmp", 01775), errno);
	leads_to("tmp/link", ".", "victim");
}

static void links_in_proc_are_no_paths(void **state)
{
	char path[64];
	int fd;

	(void)state;
	put("f", "");
	fd = open_file("f", O_RDONLY);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	fails(path, ELOOP);
	close(fd);
}

static void a_pinned_directory_stays_the_same(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_int_equal(resolve("d/f", COMMIT_SYMLINK_FOLLOW), 0);
	assert_return_code(rename("d", "moved"), errno);
	assert_return_code(mkdir("d", 0755), errno);
	put("moved/f", "");
	assert_int_equal(faccessat(place.fd, place.name, F_OK, 0), 0);
	lc_dir_release(&place);
	assert_int_equal(place.fd, -1);
	lc_dir_release(&place);
}

static int search_only(void *context)
{
	int file = open("d/f", O_RDONLY);

	(void)context;
	CHECK(lc_dir_resolve("d/f", COMMIT_SYMLINK_FOLLOW, &place, &err) == 0);
	CHECK(!place.readable);
	trace_begin();
	CHECK(lc_dir_flush(&place, file) == 0);
	CHECK(strcmp(trace_end(), " syncfs ") == 0);
	lc_dir_release(&place);
	CHECK(lc_dir_resolve("closed/f", COMMIT_SYMLINK_FOLLOW, &place, &err) == COMMIT_EFAILED);
	CHECK(err.errnum == EACCES);
	return 0;
}

static void directories_that_can_only_be_searched_will_do(void **state)
{
	(void)state;
	need_root();
	assert_return_code(mkdir("d", 0711), errno);
	assert_return_code(mkdir("closed", 0700), errno);
	put("d/f", "");
	assert_int_equal(as_user(65534, search_only, NULL), 0);
}

static void a_readable_directory_is_flushed_itself(void **state)
{
	(void)state;
	assert_int_equal(resolve("f", COMMIT_SYMLINK_FOLLOW), 0);
	trace_begin();
	assert_int_equal(lc_dir_flush(&place, -1), 0);
	assert_string_equal(trace_end(), " fsync ");
	fault("1:EIO:fsync");
	assert_int_equal(lc_dir_flush(&place, -1), -EIO);
	lc_dir_release(&place);
}

/* Whatever fails is told, and nothing stays open (see support_end). */
static void every_call_may_fail(void **state)
{
	char wanted[32];
	int n, fired, rc;

	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_return_code(symlink("d/f", "link"), errno);
	for (n = 1, fired = 1; fired; n++) {
		snprintf(wanted, sizeof wanted, "%d:EIO", n);
		fault(wanted);
		rc = resolve("link", COMMIT_SYMLINK_FOLLOW);
		fired = fault_end();
		if (!rc)
			lc_dir_release(&place);
		else
			expect_error(rc, &err, COMMIT_EFAILED, EIO);
	}
	assert_int_equal(rc, 0);
	assert_true(n > 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(paths_are_split),
	        EVERY(paths_that_are_no_file_fail),
	        EVERY(links_are_followed_to_the_directory_of_the_file),
	        EVERY(dot_dot_behind_an_alias_is_that_of_the_kernel),
	        EVERY(relative_links_are_relative_to_the_link),
	        EVERY(loops_end_where_the_kernel_ends_them),
	        EVERY(policies_are_obeyed),
	        EVERY(planted_links_in_sticky_directories_are_not_followed),
	        EVERY(links_in_proc_are_no_paths),
	        EVERY(a_pinned_directory_stays_the_same),
	        EVERY(directories_that_can_only_be_searched_will_do),
	        EVERY(a_readable_directory_is_flushed_itself),
	        EVERY(every_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
