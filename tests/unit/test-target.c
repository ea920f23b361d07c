/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "lock.h"
#include "sys.h"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static struct lc_target target;
static struct commit_error err;
static int unsupported;

static int open_as(const char *path, enum commit_symlink policy)
{
	mark(&err);
	return lc_target_open(&target, path, policy, &err);
}

static void open_target(const char *path)
{
	assert_int_equal(open_as(path, COMMIT_SYMLINK_FOLLOW), 0);
	expect_untouched(&err);
}

static int lock_within(int64_t ms)
{
	mark(&err);
	unsupported = -1;
	return lc_target_lock(&target, lc_lock_deadline(ms), -1, &unsupported, &err);
}

static void lock_target(void)
{
	assert_int_equal(lock_within(0), 0);
	expect_untouched(&err);
}

/* Somebody else's try to lock that file */
static int can_lock(const char *name)
{
	int fd = open_file(name, O_RDONLY);
	int rc = flock(fd, LOCK_EX | LOCK_NB);

	close(fd);
	return rc == 0;
}

static void fails(const char *path, int errnum, const char *word)
{
	expect_error(open_as(path, COMMIT_SYMLINK_FOLLOW), &err, COMMIT_EFAILED, errnum);
	if (!strstr(err.text, word))
		fail_msg("%s: no \"%s\" in \"%s\"", path, word, err.text);
}

static void a_file_is_found_and_locked(void **state)
{
	(void)state;
	put("f", "old");
	open_target("f");
	assert_true(target.exists);
	assert_int_equal(target.st.st_ino, stat_of("f").st_ino);
	assert_true(can_lock("f"));
	lock_target();
	assert_true(target.locked);
	assert_int_equal(unsupported, 0);
	assert_false(can_lock("f"));
	assert_true(can_lock("."));
	/* once is enough */
	lock_target();
	lc_target_release(&target);
	assert_true(can_lock("f"));
	lc_target_release(&target);
}

static void where_there_is_no_file_the_directory_is_locked(void **state)
{
	(void)state;
	open_target("f");
	assert_false(target.exists);
	lock_target();
	assert_false(can_lock("."));
	assert_int_equal(lc_target_unmoved(&target), 0);
	put("f", "theirs");
	assert_int_equal(lc_target_unmoved(&target), -ESTALE);
	lc_target_release(&target);
	assert_true(can_lock("."));
}

static void what_is_no_regular_file_has_its_own_error(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_return_code(mkdir("directory", 0755), errno);
	fails("directory", EISDIR, "directory");
	assert_return_code(mkfifo("fifo", 0644), errno);
	fails("fifo", EINVAL, "FIFO");
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof address), errno);
	close(fd);
	fails("socket", EINVAL, "socket");
	fails("/dev/null", EINVAL, "character device");
}

static void block_devices_too(void **state)
{
	(void)state;
	need_root();
	if (mknod("block", S_IFBLK | 0600, makedev(7, 4095)) != 0)
		skip();
	fails("block", EINVAL, "block device");
}

static void a_link_that_is_replaced_has_the_metadata_of_its_file(void **state)
{
	(void)state;
	put("f", "content");
	assert_return_code(chmod("f", 0640), errno);
	assert_return_code(symlink("f", "link"), errno);
	assert_return_code(symlink("nowhere", "dangling"), errno);
	assert_return_code(symlink("loop", "loop"), errno);
	assert_return_code(symlink(".", "directory"), errno);
	assert_int_equal(open_as("link", COMMIT_SYMLINK_REPLACE), 0);
	assert_true(target.is_link && target.exists);
	assert_int_equal(target.st.st_mode & 07777, 0640);
	assert_string_equal(target.place.name, "link");
	lock_target();
	/* the name is what is replaced: the file may go on being written */
	assert_true(can_lock("f"));
	assert_false(can_lock("."));
	assert_int_equal(lc_target_unmoved(&target), 0);
	assert_return_code(unlink("link"), errno);
	assert_int_equal(lc_target_unmoved(&target), -ESTALE);
	put("link", "now a file");
	assert_int_equal(lc_target_unmoved(&target), -ESTALE);
	lc_target_release(&target);
	assert_int_equal(open_as("dangling", COMMIT_SYMLINK_REPLACE), 0);
	assert_true(target.is_link && !target.exists);
	lc_target_release(&target);
	assert_int_equal(open_as("loop", COMMIT_SYMLINK_REPLACE), 0);
	assert_true(target.is_link && !target.exists);
	lc_target_release(&target);
	expect_error(open_as("directory", COMMIT_SYMLINK_REPLACE), &err, COMMIT_EFAILED, EISDIR);
}

static void a_held_lock_is_busy(void **state)
{
	int cancel[2], other;

	(void)state;
	put("f", "old");
	other = open_file("f", O_RDONLY);
	assert_return_code(flock(other, LOCK_EX), errno);
	open_target("f");
	expect_error(lock_within(0), &err, COMMIT_EBUSY, EWOULDBLOCK);
	assert_return_code(pipe(cancel), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	expect_error(
	        lc_target_lock(&target, lc_lock_deadline(60000), cancel[0], &unsupported, &err),
	        &err, COMMIT_ECANCELED, ECANCELED);
	fault("1:EIO:flock");
	expect_error(lock_within(0), &err, COMMIT_EFAILED, EIO);
	lc_target_release(&target);
	close(cancel[0]), close(cancel[1]), close(other);
}

static void a_file_replaced_before_the_lock_is_looked_up_again(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	open_target("f");
	at_call("flock", 1, replace_it, name);
	lock_target();
	assert_int_equal(target.st.st_ino, stat_of("f").st_ino);
	assert_false(can_lock("f"));
	lc_target_release(&target);
	/* the same between two locks */
	open_target("f");
	lock_target();
	replace_it(name);
	lock_target();
	assert_int_equal(target.st.st_ino, stat_of("f").st_ino);
	assert_false(can_lock("f"));
	lc_target_release(&target);
}

static void make_it(void *name)
{
	put(name, "theirs");
}

static void a_file_that_appears_before_the_lock_is_locked_itself(void **state)
{
	char name[] = "f";

	(void)state;
	open_target("f");
	at_call("flock", 1, make_it, name);
	lock_target();
	assert_true(target.exists);
	assert_false(can_lock("f"));
	/* others in this directory need not wait */
	assert_true(can_lock("."));
	lc_target_release(&target);
}

static void a_file_that_vanishes_before_the_lock_is_none(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	open_target("f");
	at_call("flock", 1, unlink_it, name);
	lock_target();
	assert_false(target.exists);
	assert_int_equal(target.fd, -1);
	assert_false(can_lock("."));
	lc_target_release(&target);
}

static void what_was_written_before_the_lock_is_seen(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	open_target("f");
	at_call("flock", 1, rewrite_it, name);
	lock_target();
	assert_int_equal(target.st.st_size, strlen("written by somebody else"));
	lc_target_release(&target);
}

static void become_link(void *name)
{
	assert_return_code(unlink(name), errno);
	assert_return_code(symlink("elsewhere", name), errno);
}

static void become_directory(void *name)
{
	assert_return_code(unlink(name), errno);
	assert_return_code(mkdir(name, 0755), errno);
}

/* Between the look at the name and the open */
static void races_of_the_name_are_seen(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	at_call("open", 2, become_link, name);
	expect_error(open_as("f", COMMIT_SYMLINK_FOLLOW), &err, COMMIT_EREFUSED, ELOOP);
	assert_return_code(unlink("f"), errno);
	put("f", "old");
	at_call("open", 2, become_directory, name);
	fails("f", EISDIR, "directory");
	assert_return_code(rmdir("f"), errno);
	put("f", "old");
	at_call("open", 2, unlink_it, name);
	open_target("f");
	assert_false(target.exists);
	lc_target_release(&target);
	put("f", "old");
	at_call("open", 2, replace_it, name);
	open_target("f");
	assert_int_equal(target.st.st_ino, stat_of("f").st_ino);
	lc_target_release(&target);
	/* and between two looks */
	open_target("f");
	at_call("flock", 1, become_directory, name);
	expect_error(lock_within(0), &err, COMMIT_EFAILED, EISDIR);
	lc_target_release(&target);
}

static void a_name_that_never_rests_is_given_up(void **state)
{
	(void)state;
	put("f", "old");
	assert_return_code(symlink("f", "link"), errno);
	/* the second open and all after it: the file is always gone again */
	fault("2:ENOENT:forever:open");
	fails("f", ESTALE, "all the time");
	assert_true(fault_end() > 10);
}

static void missing_locks_are_told(void **state)
{
	static const char *const faults[] = {"1:ENOLCK:flock", "1:EOPNOTSUPP:flock"};
	static const int errnums[] = {ENOLCK, EOPNOTSUPP};
	size_t i;

	(void)state;
	put("f", "old");
	for (i = 0; i < COUNT_OF(faults); i++) {
		open_target("f");
		fault(faults[i]);
		lock_target();
		assert_int_equal(unsupported, errnums[i]);
		assert_false(target.locked);
		lc_target_release(&target);
	}
}

static void every_error_of_looking_is_told(void **state)
{
	static const char *const faults[] = {"1:EIO:stat", "2:EIO:stat", "3:EIO:stat", "1:EIO:open",
	                                     "2:EIO:open"};
	size_t i;

	(void)state;
	put("f", "old");
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		expect_error(open_as("f", COMMIT_SYMLINK_FOLLOW), &err, COMMIT_EFAILED, EIO);
	}
	assert_return_code(symlink("f", "link"), errno);
	fault("2:EIO:open");
	expect_error(open_as("link", COMMIT_SYMLINK_REPLACE), &err, COMMIT_EFAILED, EIO);
	fault("3:EIO:stat");
	expect_error(open_as("link", COMMIT_SYMLINK_REPLACE), &err, COMMIT_EFAILED, EIO);
	expect_fired();
	assert_int_equal(open_as("link", COMMIT_SYMLINK_REPLACE), 0);
	fault("2:EIO:stat");
	expect_error(lock_within(0), &err, COMMIT_EFAILED, EIO);
	lc_target_release(&target);
	open_target("f");
	fault("1:EIO:forever:stat");
	expect_error(lock_within(0), &err, COMMIT_EFAILED, EIO);
	fault("1:EIO:stat");
	assert_int_equal(lc_target_unmoved(&target), -EIO);
	lc_target_release(&target);
}

static int look_as_user(void *context)
{
	(void)context;
	/* may be written but not read */
	CHECK(open_as("writable", COMMIT_SYMLINK_FOLLOW) == 0);
	CHECK((fcntl(target.fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
	CHECK(lock_within(0) == 0 && target.locked);
	lc_target_release(&target);
	/* neither: it can be looked at, but not locked */
	CHECK(open_as("closed", COMMIT_SYMLINK_FOLLOW) == 0);
	CHECK(target.exists && target.st.st_size == 3);
	CHECK(lock_within(0) == 0 && !target.locked && unsupported == EBADF);
	lc_target_release(&target);
	return 0;
}

static void files_that_may_not_be_read_can_be_looked_at(void **state)
{
	(void)state;
	need_root();
	put("writable", "old");
	put("closed", "old");
	assert_return_code(chmod("writable", 0622), errno);
	assert_return_code(chmod("closed", 0600), errno);
	assert_int_equal(as_user(65534, look_as_user, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_file_is_found_and_locked),
	        EVERY(where_there_is_no_file_the_directory_is_locked),
	        EVERY(what_is_no_regular_file_has_its_own_error),
	        EVERY(block_devices_too),
	        EVERY(a_link_that_is_replaced_has_the_metadata_of_its_file),
	        EVERY(a_held_lock_is_busy),
	        EVERY(a_file_replaced_before_the_lock_is_looked_up_again),
	        EVERY(a_file_that_appears_before_the_lock_is_locked_itself),
	        EVERY(a_file_that_vanishes_before_the_lock_is_none),
	        EVERY(what_was_written_before_the_lock_is_seen),
	        EVERY(races_of_the_name_are_seen),
	        EVERY(a_name_that_never_rests_is_given_up),
	        EVERY(missing_locks_are_told),
	        EVERY(every_error_of_looking_is_told),
	        EVERY(files_that_may_not_be_read_can_be_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
