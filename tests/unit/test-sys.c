/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>

static int file = -1;
static off_t zero, at;
static char buffer[64];
static struct stat st;
static long type;
static uint64_t id;

/* Each call of sys.h, on a file "f" that holds "old". */
/* clang-format off */
#define CALL(name, expression) static long name(void) { return (long)(expression); }
CALL(do_open, lc_sys_open(AT_FDCWD, "f", O_RDONLY))
CALL(do_create, lc_sys_create(AT_FDCWD, "new", O_RDWR, 0600))
CALL(do_tmpfile, lc_sys_tmpfile(AT_FDCWD, O_RDWR, 0600))
CALL(do_dup, lc_sys_dup(file))
CALL(do_read, lc_sys_read(file, buffer, 3))
CALL(do_write, lc_sys_write(file, "new", 3))
CALL(do_pread, lc_sys_pread(file, buffer, 3, 0))
CALL(do_pwrite, lc_sys_pwrite(file, "new", 3, 0))
CALL(do_lseek, lc_sys_lseek(file, 0, SEEK_END))
CALL(do_truncate, lc_sys_ftruncate(file, 1))
CALL(do_reserve, lc_sys_reserve(file, 0, 100))
CALL(do_punch, lc_sys_punch(file, 0, 4096))
CALL(do_clone, lc_sys_clone(file, file))
CALL(do_clonerange, lc_sys_clone_range(file, 0, file, 0, 1))
CALL(do_copyrange, (at = 3, lc_sys_copy_range(file, &zero, file, &at, 3)))
CALL(do_sendfile, lc_sys_sendfile(file, file, &zero, 3))
CALL(do_fstat, lc_sys_fstat(file, &st))
CALL(do_lstat, lc_sys_lstat(AT_FDCWD, "f", &st))
CALL(do_access, lc_sys_access(AT_FDCWD, "f", R_OK))
CALL(do_readlink, lc_sys_readlink(AT_FDCWD, "link", buffer, sizeof buffer))
CALL(do_fs_type, lc_sys_fs_type(file, &type))
CALL(do_fs_id, lc_sys_fs_id(file, &id))
CALL(do_fsync, lc_sys_fsync(file))
CALL(do_syncfs, lc_sys_syncfs(file))
CALL(do_linkfd, lc_sys_link_fd(file, AT_FDCWD, "new"))
CALL(do_link, lc_sys_link(AT_FDCWD, "f", AT_FDCWD, "new"))
CALL(do_rename, lc_sys_rename(AT_FDCWD, "f", AT_FDCWD, "new"))
CALL(do_noreplace, lc_sys_rename_new(AT_FDCWD, "f", AT_FDCWD, "new"))
CALL(do_exchange, lc_sys_exchange(AT_FDCWD, "f", AT_FDCWD, "link"))
CALL(do_unlink, lc_sys_unlink(AT_FDCWD, "f"))
CALL(do_rmdir, lc_sys_rmdir(AT_FDCWD, "empty"))
CALL(do_mkdir, lc_sys_mkdir(AT_FDCWD, "new", 0700))
CALL(do_utimens, lc_sys_set_times(file, &st))
CALL(do_chmod, lc_sys_fchmod(file, 0600))
CALL(do_chown, lc_sys_fchown(file, (uid_t)-1, getegid()))
CALL(do_listxattr, lc_sys_listxattr(file, buffer, sizeof buffer))
CALL(do_getxattr, lc_sys_getxattr(file, "user.a", buffer, sizeof buffer))
CALL(do_setxattr, lc_sys_setxattr(file, "user.a", "2", 1))
CALL(do_removexattr, lc_sys_removexattr(file, "user.a"))
CALL(do_acl, lc_sys_copy_acl(file, file))
CALL(do_flock, lc_sys_lock(file))
CALL(do_random, lc_sys_random(buffer, 16))
/* clang-format on */

static const struct {
	const char *name;
	long (*call)(void);
	/* what it is on success: a descriptor, a count, or 0 */
	long wanted;
} calls[] = {
        {"open", do_open, -1},
        {"create", do_create, -1},
        {"tmpfile", do_tmpfile, -1},
        {"dup", do_dup, -1},
        {"read", do_read, 3},
        {"write", do_write, 3},
        {"pread", do_pread, 3},
        {"pwrite", do_pwrite, 3},
        {"lseek", do_lseek, 3},
        {"truncate", do_truncate, 0},
        {"reserve", do_reserve, 0},
        {"clone", do_clone, -2},
        {"sendfile", do_sendfile, 3},
        {"clonerange", do_clonerange, -2},
        {"stat", do_fstat, 0},
        {"copyrange", do_copyrange, 3},
        {"access", do_access, 0},
        {"stat", do_lstat, 0},
        {"readlink", do_readlink, 7},
        {"statfs", do_fs_type, 0},
        {"fsync", do_fsync, 0},
        {"statfs", do_fs_id, 0},
        {"syncfs", do_syncfs, 0},
        {"linkfd", do_linkfd, 0},
        {"link", do_link, 0},
        {"rename", do_rename, 0},
        {"unlink", do_unlink, 0},
        {"noreplace", do_noreplace, 0},
        {"rmdir", do_rmdir, 0},
        {"exchange", do_exchange, 0},
        {"mkdir", do_mkdir, 0},
        {"utimens", do_utimens, 0},
        {"chmod", do_chmod, 0},
        {"chown", do_chown, 0},
        {"acl", do_acl, 0},
        {"listxattr", do_listxattr, 7},
        {"flock", do_flock, 0},
        {"getxattr", do_getxattr, 1},
        {"random", do_random, 0},
        {"setxattr", do_setxattr, 0},
        {"removexattr", do_removexattr, 0},
        {"punch", do_punch, 0},
};

static void make_files(void)
{
	unlink("new");
	rmdir("new");
	unlink("f");
	unlink("link");
	put("f", "old");
	assert_return_code(symlink("nowhere", "link"), errno);
	mkdir("empty", 0700);
	file = open_file("f", O_RDWR);
	assert_return_code(fsetxattr(file, "user.a", "1", 1, 0), errno);
	assert_return_code(fstat(file, &st), errno);
	zero = 0;
}

static void expect_unchanged(const char *name)
{
	expect_absent("new");
	expect_file("f", "old");
	assert_true(S_ISLNK(stat_of("link").st_mode));
	assert_true(S_ISDIR(stat_of("empty").st_mode));
	expect_mode("f", 0644);
	if (getxattr("f", "user.a", buffer, 2) != 1 || buffer[0] != '1')
		fail_msg("%s changed the attribute", name);
}

static void each_call_asks_the_seam_under_its_name(void **state)
{
	char wanted[40];
	size_t i;
	long rc;

	(void)state;
	for (i = 0; i < COUNT_OF(calls); i++) {
		make_files();
		snprintf(wanted, sizeof wanted, "1:EROFS:%s", calls[i].name);
		fault(wanted);
		rc = calls[i].call();
		if (rc != -EROFS)
			fail_msg("%s: %ld", calls[i].name, rc);
		expect_fired();
		expect_unchanged(calls[i].name);
		close(file);
	}
}

static void each_call_works(void **state)
{
	size_t i;
	long rc;
	int fd;

	(void)state;
	for (i = 0; i < COUNT_OF(calls); i++) {
		make_files();
		rc = calls[i].call();
		if (calls[i].wanted == -1 && rc >= 0) {
			fd = (int)rc;
			assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
			lc_sys_drop(&fd);
			assert_int_equal(fd, -1);
		} else if (calls[i].wanted >= 0 && rc != calls[i].wanted) {
			fail_msg("%s: %ld", calls[i].name, rc);
		}
		close(file);
	}
}

static void each_failure_is_a_negative_errno(void **state)
{
	const int bad = 1000000;
	off_t offset = 0;

	(void)state;
	errno = 0;
	assert_int_equal(lc_sys_open(AT_FDCWD, "none", O_RDONLY), -ENOENT);
	put("f", "");
	assert_int_equal(lc_sys_create(AT_FDCWD, "f", O_RDWR, 0600), -EEXIST);
	assert_int_equal(lc_sys_dup(bad), -EBADF);
	assert_int_equal(lc_sys_read(bad, buffer, 1), -EBADF);
	assert_int_equal(lc_sys_pwrite(bad, buffer, 1, 0), -EBADF);
	assert_int_equal(lc_sys_lseek(bad, 0, SEEK_SET), -EBADF);
	assert_int_equal(lc_sys_ftruncate(bad, 0), -EBADF);
	assert_int_equal(lc_sys_reserve(bad, 0, 1), -EBADF);
	assert_int_equal(lc_sys_clone(bad, bad), -EBADF);
	assert_int_equal(lc_sys_copy_range(bad, &offset, bad, &offset, 1), -EBADF);
	assert_int_equal(lc_sys_fs_type(bad, &type), -EBADF);
	assert_int_equal(lc_sys_fs_id(bad, &id), -EBADF);
	assert_int_equal(lc_sys_fsync(bad), -EBADF);
	assert_int_equal(lc_sys_unlink(AT_FDCWD, "none"), -ENOENT);
	assert_int_equal(lc_sys_mkdir(AT_FDCWD, "f", 0700), -EEXIST);
	assert_int_equal(lc_sys_readlink(AT_FDCWD, "f", buffer, 1), -EINVAL);
	assert_int_equal(lc_sys_getxattr(bad, "user.a", buffer, 1), -EBADF);
	assert_int_equal(lc_sys_copy_acl(bad, bad), -EBADF);
	assert_int_equal(lc_sys_lock(bad), -EBADF);
}

static void renames_with_flags_keep_what_is_there(void **state)
{
	(void)state;
	put("a", "a");
	put("b", "b");
	put("c", "c");
	assert_int_equal(lc_sys_rename(AT_FDCWD, "c", AT_FDCWD, "b"), 0);
	expect_absent("c");
	expect_file("b", "c");
	put("b", "b");
	assert_int_equal(lc_sys_rename_new(AT_FDCWD, "a", AT_FDCWD, "b"), -EEXIST);
	expect_file("a", "a");
	expect_file("b", "b");
	assert_int_equal(lc_sys_exchange(AT_FDCWD, "a", AT_FDCWD, "b"), 0);
	expect_file("a", "b");
	expect_file("b", "a");
	assert_int_equal(lc_sys_exchange(AT_FDCWD, "a", AT_FDCWD, "none"), -ENOENT);
	expect_file("a", "b");
}

static void an_unnamed_file_gets_a_name(void **state)
{
	int fd = lc_sys_tmpfile(AT_FDCWD, O_RDWR, 0600);

	(void)state;
	if (fd == -EOPNOTSUPP)
		skip();
	assert_true(fd >= 0);
	assert_int_equal(lc_sys_write(fd, "hello", 5), 5);
	put("taken", "theirs");
	assert_int_equal(lc_sys_link_fd(fd, AT_FDCWD, "taken"), -EEXIST);
	assert_int_equal(lc_sys_link_fd(fd, AT_FDCWD, "name"), 0);
	expect_file("name", "hello");
	expect_file("taken", "theirs");
	lc_sys_drop(&fd);
}

/* Without the capability it has to go through /proc. */
static int link_as_user(void *context)
{
	int fd = lc_sys_tmpfile(AT_FDCWD, O_RDWR, 0600);

	(void)context;
	CHECK(fd >= 0);
	CHECK(lc_sys_link_fd(fd, AT_FDCWD, "users") == 0);
	lc_sys_drop(&fd);
	return 0;
}

static void an_unnamed_file_gets_a_name_without_rights(void **state)
{
	(void)state;
	need_root();
	assert_return_code(chmod(".", 0777), errno);
	assert_int_equal(as_user(65534, link_as_user, NULL), 0);
	assert_int_equal(stat_of("users").st_nlink, 1);
}

static void flushes_are_counted(void **state)
{
	unsigned before = lc_sys_flushes();
	int fd;

	(void)state;
	put("f", "x");
	fd = open_file("f", O_RDWR);
	lc_sys_fsync(fd);
	lc_sys_syncfs(fd);
	fault("1:EIO:fsync");
	assert_int_equal(lc_sys_fsync(fd), -EIO);
	assert_int_equal(lc_sys_flushes(), before + 3);
	close(fd);
}

static void close_closes_also_when_it_fails(void **state)
{
	int fd = lc_sys_open(AT_FDCWD, ".", O_RDONLY);

	(void)state;
	fault("1:EIO:close");
	assert_int_equal(lc_sys_close(fd), -EIO);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void drop_keeps_errno_and_can_be_repeated(void **state)
{
	int fd = lc_sys_open(AT_FDCWD, ".", O_RDONLY);
	int closed = fd;

	(void)state;
	close(fd);
	errno = ERANGE;
	lc_sys_drop(&fd);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(fd, -1);
	lc_sys_drop(&fd);
	assert_int_equal(fcntl(closed, F_GETFD), -1);
}

static void file_systems_are_told_apart(void **state)
{
	const char *elsewhere = other_fs();
	int here = open_file(".", O_RDONLY);
	int same = open_file("/proc/self/cwd", O_RDONLY);
	int there = open_file(elsewhere, O_RDONLY);
	uint64_t ids[3];

	(void)state;
	assert_int_equal(lc_sys_fs_id(here, &ids[0]), 0);
	assert_int_equal(lc_sys_fs_id(same, &ids[1]), 0);
	assert_int_equal(lc_sys_fs_id(there, &ids[2]), 0);
	assert_true(ids[0] == ids[1]);
	assert_true(ids[0] != ids[2] || stat_of(".").st_dev == stat_of(elsewhere).st_dev);
	assert_int_equal(lc_sys_fs_type(there, &type), 0);
	assert_int_equal(type, 0x01021994);
	close(here);
	close(same);
	close(there);
}

static void times_are_set(void **state)
{
	struct stat old = {.st_atim = {1000, 5}, .st_mtim = {2000, 6}};
	int fd;

	(void)state;
	put("f", "x");
	fd = open_file("f", O_RDWR);
	assert_int_equal(lc_sys_set_times(fd, &old), 0);
	assert_int_equal(stat_of("f").st_mtim.tv_sec, 2000);
	assert_int_equal(stat_of("f").st_mtim.tv_nsec, 6);
	assert_int_equal(stat_of("f").st_atim.tv_sec, 1000);
	close(fd);
}

static void locks_exclude(void **state)
{
	int a, b;

	(void)state;
	put("f", "");
	a = open_file("f", O_RDWR);
	b = open_file("f", O_RDWR);
	assert_int_equal(lc_sys_lock(a), 0);
	assert_int_equal(lc_sys_lock(b), -EWOULDBLOCK);
	assert_int_equal(lc_sys_unlock(a), 0);
	assert_int_equal(lc_sys_lock(b), 0);
	close(a);
	close(b);
}

static void random_is_random(void **state)
{
	unsigned char a[16] = {0}, b[16] = {0};

	(void)state;
	assert_int_equal(lc_sys_random(a, sizeof a), 0);
	assert_int_equal(lc_sys_random(b, sizeof b), 0);
	assert_memory_not_equal(a, b, sizeof a);
}

static void waiting_ends_by_input_by_cancelling_or_in_time(void **state)
{
	int input[2], cancel[2];
	int64_t before;

	(void)state;
	assert_return_code(pipe(input), errno);
	assert_return_code(pipe(cancel), errno);
	before = lc_sys_clock_ms();
	assert_int_equal(lc_sys_wait(input[0], cancel[0], 30), -ETIMEDOUT);
	assert_true(lc_sys_clock_ms() - before >= 29);
	assert_int_equal(lc_sys_wait(-1, -1, 0), -ETIMEDOUT);
	assert_int_equal(write(input[1], "x", 1), 1);
	assert_int_equal(lc_sys_wait(input[0], cancel[0], -1), 0);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(lc_sys_wait(input[0], cancel[0], -1), -ECANCELED);
	close(input[0]), close(input[1]), close(cancel[0]), close(cancel[1]);
}

static volatile sig_atomic_t rings;
static int bell_pipe[2];

/* The third ring ends the wait: until then it must have gone on. */
static void ring(int number)
{
	(void)number;
	if (++rings == 3)
		(void)!write(bell_pipe[1], "x", 1);
}

static void handlers_do_not_end_waiting(void **state)
{
	struct sigaction action = {.sa_handler = ring}, old;
	struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};

	(void)state;
	rings = 0;
	assert_return_code(pipe(bell_pipe), errno);
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(lc_sys_wait(bell_pipe[0], -1, -1), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_true(rings >= 3);
	close(bell_pipe[0]), close(bell_pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(each_call_asks_the_seam_under_its_name),
	        EVERY(each_call_works),
	        EVERY(each_failure_is_a_negative_errno),
	        EVERY(renames_with_flags_keep_what_is_there),
	        EVERY(an_unnamed_file_gets_a_name),
	        EVERY(an_unnamed_file_gets_a_name_without_rights),
	        EVERY(flushes_are_counted),
	        EVERY(close_closes_also_when_it_fails),
	        EVERY(drop_keeps_errno_and_can_be_repeated),
	        EVERY(file_systems_are_told_apart),
	        EVERY(times_are_set),
	        EVERY(locks_exclude),
	        EVERY(random_is_random),
	        EVERY(waiting_ends_by_input_by_cancelling_or_in_time),
	        EVERY(handlers_do_not_end_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
