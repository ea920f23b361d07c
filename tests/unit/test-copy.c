/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than two of the buffers inside */
#define SIZE ((size_t)300 * 1024 + 7)

static unsigned char bytes[SIZE];
static int from, to;
static off_t end;

/* "from" with content, and an empty "to" */
static void open_both(void)
{
	fill(bytes, SIZE, 1);
	put_bytes("from", bytes, SIZE);
	put("to", "");
	from = open_file("from", O_RDONLY);
	to = open_file("to", O_RDWR);
	end = 0;
}

static void close_both(void)
{
	close(from);
	close(to);
}

static void all_copied(int rc)
{
	assert_int_equal(rc, 0);
	assert_int_equal(end, SIZE);
	expect_bytes("to", bytes, SIZE);
	close_both();
}

static void short_writes_are_gone_on_with(void **state)
{
	(void)state;
	open_both();
	fault("1:short:forever:pwrite");
	all_copied(lc_copy_bytes(to, &end, bytes, SIZE));
	expect_fired();
	open_both();
	fault("1:EINTR:pwrite");
	all_copied(lc_copy_bytes(to, &end, bytes, SIZE));
}

static void failing_writes_tell_how_far_they_came(void **state)
{
	(void)state;
	open_both();
	fault("1:short:pwrite,2:ENOSPC:pwrite");
	assert_int_equal(lc_copy_bytes(to, &end, bytes, SIZE), -ENOSPC);
	assert_int_equal(end, SIZE / 2);
	close_both();
}

static void short_reads_are_gone_on_with(void **state)
{
	static unsigned char back[SIZE + 10];

	(void)state;
	open_both();
	fault("1:short:forever:pread");
	assert_int_equal(lc_copy_read(from, back, SIZE, 0), SIZE);
	assert_memory_equal(back, bytes, SIZE);
	fault("1:EINTR:pread");
	assert_int_equal(lc_copy_read(from, back, 10, 5), 10);
	assert_memory_equal(back, bytes + 5, 10);
	fault("2:EIO:pread");
	assert_int_equal(lc_copy_read(from, back, sizeof back, 0), -EIO);
	expect_fired();
	assert_int_equal(lc_copy_read(from, back, sizeof back, 0), SIZE);
	close_both();
}

/* clone, copy_file_range, sendfile, read: each is the way out of the one before. */
static void each_way_copies_all(void **state)
{
	static const char *const ways[] = {
	        "1:EOPNOTSUPP:clone",
	        "1:EXDEV:clone,1:EXDEV:forever:copyrange",
	        "1:EINVAL:clone,1:ENOSYS:forever:copyrange,1:EINVAL:forever:sendfile",
	        "1:EIO:clone,1:short:forever:copyrange",
	        "1:EIO:clone,1:EINTR:copyrange",
	        "1:EIO:clone,1:EPERM:copyrange,1:short:forever:sendfile",
	        "1:EIO:clone,1:EPERM:copyrange,1:EINTR:sendfile",
	        "1:EIO:clone,1:EBADF:copyrange,1:ENOSYS:sendfile,1:short:forever:pread",
	        "1:EIO:clone,1:EBADF:copyrange,1:ENOSYS:sendfile,1:EINTR:pread",
	        "1:EIO:clone,2:ETXTBSY:copyrange,2:EINVAL:sendfile",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++) {
		open_both();
		fault(ways[i]);
		all_copied(lc_copy_all(from, to, &end, -1));
	}
}

static void errors_of_each_way_end_the_copy(void **state)
{
	static const struct {
		const char *faults;
		int errnum;
	} ways[] = {
	        {"1:EIO:clone,1:EIO:copyrange", EIO},
	        {"1:EIO:clone,1:ENOSPC:copyrange", ENOSPC},
	        {"1:EIO:clone,1:EXDEV:copyrange,1:EDQUOT:sendfile", EDQUOT},
	        {"1:EIO:clone,1:EXDEV:copyrange,1:EINVAL:sendfile,1:EIO:pread", EIO},
	        {"1:EIO:clone,1:EXDEV:copyrange,1:EINVAL:sendfile,1:EFBIG:pwrite", EFBIG},
	        {"1:EIO:clone,1:EIO:truncate", EIO},
	        {"1:EIO:stat", EIO},
	        {"1:EOPNOTSUPP:clone,3:EIO:lseek", EIO},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(ways); i++) {
		open_both();
		fault(ways[i].faults);
		if (lc_copy_all(from, to, &end, -1) != -ways[i].errnum)
			fail_msg("%s", ways[i].faults);
		expect_fired();
		close_both();
	}
}

static void between_file_systems_too(void **state)
{
	char path[300];
	int there;

	(void)state;
	snprintf(path, sizeof path, "%s/from", other_fs());
	open_both();
	put_bytes(path, bytes, SIZE);
	there = open_file(path, O_RDONLY);
	all_copied(lc_copy_all(there, to, &end, -1));
	close(there);
}

static void copying_begins_at_the_offset(void **state)
{
	(void)state;
	open_both();
	assert_int_equal(lseek(from, 1000, SEEK_SET), 1000);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, SIZE - 1000);
	expect_bytes("to", bytes + 1000, SIZE - 1000);
	/* behind what is there already */
	assert_int_equal(lseek(from, (off_t)SIZE - 5, SEEK_SET), SIZE - 5);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, SIZE - 1000 + 5);
	/* nothing is left */
	assert_int_equal(lseek(from, (off_t)SIZE, SEEK_SET), SIZE);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, SIZE - 1000 + 5);
	close_both();
}

static int write_all(void *context)
{
	int fd = *(int *)context;
	size_t done = 0;

	while (done < SIZE)
		done += (size_t)write(fd, bytes + done, SIZE - done);
	return 0;
}

/* A pipe that another process fills */
static int pipe_from_child(void)
{
	int ends[2];
	pid_t child;

	assert_return_code(pipe(ends), errno);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		_exit(write_all(&ends[1]));
	}
	close(ends[1]);
	return ends[0];
}

static void pipes_are_read_to_their_end(void **state)
{
	static const char *const faults[] = {"1:short:read", "1:EINTR:read", "1:EAGAIN:read"};
	int cancel[2];
	size_t i;

	(void)state;
	assert_return_code(pipe(cancel), errno);
	for (i = 0; i < COUNT_OF(faults); i++) {
		open_both();
		close(from);
		from = pipe_from_child();
		fault(faults[i]);
		all_copied(lc_copy_all(from, to, &end, i ? cancel[0] : -1));
	}
	close(cancel[0]);
	close(cancel[1]);
}

static void errors_of_pipes_end_the_copy(void **state)
{
	(void)state;
	open_both();
	close(from);
	from = pipe_from_child();
	fault("1:ENOSPC:pwrite");
	assert_int_equal(lc_copy_all(from, to, &end, -1), -ENOSPC);
	fault("1:EIO:read");
	assert_int_equal(lc_copy_all(from, to, &end, -1), -EIO);
	close_both();
}

static void directories_are_no_content(void **state)
{
	(void)state;
	open_both();
	close(from);
	from = open_file(".", O_RDONLY);
	assert_int_equal(lc_copy_all(from, to, &end, -1), -EISDIR);
	close_both();
}

/* Their size is 0, or a page, whatever they hold. */
static void files_that_do_not_know_their_size_are_read(void **state)
{
	static const char *const names[] = {"/proc/sys/kernel/ostype", "/sys/kernel/fscaps",
	                                    "/sys/kernel/uevent_seqnum"};
	char wanted[4096];
	ssize_t length;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(names); i++) {
		if (access(names[i], R_OK) != 0)
			continue;
		open_both();
		close(from);
		from = open_file(names[i], O_RDONLY);
		length = pread(from, wanted, sizeof wanted, 0);
		assert_true(length > 0);
		assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
		expect_bytes("to", wanted, (size_t)length);
		assert_int_equal(end, length);
		close_both();
	}
}

static void append_to_it(void *name)
{
	int fd = open_file(name, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "more", 4), 4);
	close(fd);
}

static void a_growing_file_is_copied_to_the_end_that_is_met(void **state)
{
	char name[] = "from";
	unsigned char *longer = malloc(SIZE + 4);

	(void)state;
	assert_non_null(longer);
	open_both();
	fault("1:EOPNOTSUPP:clone");
	at_call("copyrange", 1, append_to_it, name);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, SIZE + 4);
	memcpy(longer, bytes, SIZE);
	memcpy(longer + SIZE, "more", 4);
	expect_bytes("to", longer, SIZE + 4);
	free(longer);
	close_both();
}

static void cut_it(void *name)
{
	assert_return_code(truncate(name, 100), errno);
}

/* Zeros that were never in the file must not be made up for what is gone. */
static void a_shrinking_file_is_copied_to_the_end_that_is_met(void **state)
{
	static const char *const calls[] = {"clone", "lseek", "copyrange"};
	char name[] = "from";
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(calls); i++) {
		open_both();
		fault("1:EOPNOTSUPP:clone");
		at_call(calls[i], 1, cut_it, name);
		assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
		expect_bytes("to", bytes, 100);
		assert_int_equal(end, 100);
		close_both();
	}
	open_both();
	fault("1:EOPNOTSUPP:clone,1:short:copyrange");
	at_call("copyrange", 2, cut_it, name);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	expect_bytes("to", bytes, SIZE / 2);
	close_both();
}

#define HOLE ((off_t)1 << 20)

/* hole, data, hole, data, hole */
static void make_sparse(void)
{
	put("from", "");
	put("to", "");
	from = open_file("from", O_RDWR);
	to = open_file("to", O_RDWR);
	end = 0;
	assert_int_equal(pwrite(from, "one", 3, HOLE), 3);
	assert_int_equal(pwrite(from, "two", 3, 3 * HOLE), 3);
	assert_return_code(ftruncate(from, 5 * HOLE), errno);
}

static void holes_stay_holes(void **state)
{
	struct stat a, b;

	(void)state;
	make_sparse();
	fault("1:EOPNOTSUPP:clone");
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, 5 * HOLE);
	a = stat_of("from");
	b = stat_of("to");
	assert_int_equal(b.st_size, a.st_size);
	assert_true(b.st_blocks <= a.st_blocks);
	assert_true(b.st_blocks * 512 < HOLE);
	assert_int_equal(lc_copy_same(from, 0, to, -1), 1);
	close_both();
}

static void without_holes_zeros_are_copied(void **state)
{
	(void)state;
	make_sparse();
	fault("1:EOPNOTSUPP:clone,2:EINVAL:lseek");
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, 5 * HOLE);
	assert_int_equal(lc_copy_same(from, 0, to, -1), 1);
	close_both();
}

static void nothing_but_a_hole_is_copied(void **state)
{
	(void)state;
	put("from", "");
	put("to", "");
	from = open_file("from", O_RDWR);
	to = open_file("to", O_RDWR);
	assert_return_code(ftruncate(from, HOLE), errno);
	end = 0;
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, HOLE);
	assert_int_equal(stat_of("to").st_size, HOLE);
	assert_true(stat_of("to").st_blocks * 512 < HOLE);
	close_both();
}

static void files_over_4_gib_are_copied(void **state)
{
	const off_t far = ((off_t)5 << 30) + 3;
	char back[4] = "";

	(void)state;
	make_sparse();
	assert_int_equal(pwrite(from, "far", 3, far), 3);
	assert_int_equal(lc_copy_all(from, to, &end, -1), 0);
	assert_int_equal(end, far + 3);
	assert_int_equal(pread(to, back, 3, far), 3);
	assert_string_equal(back, "far");
	assert_int_equal(pread(to, back, 3, HOLE), 3);
	assert_string_equal(back, "one");
	close_both();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(short_writes_are_gone_on_with),
	        EVERY(failing_writes_tell_how_far_they_came),
	        EVERY(short_reads_are_gone_on_with),
	        EVERY(each_way_copies_all),
	        ON_TMPFS(each_way_copies_all),
	        EVERY(errors_of_each_way_end_the_copy),
	        EVERY(between_file_systems_too),
	        EVERY(copying_begins_at_the_offset),
	        EVERY(pipes_are_read_to_their_end),
	        EVERY(errors_of_pipes_end_the_copy),
	        EVERY(directories_are_no_content),
	        EVERY(files_that_do_not_know_their_size_are_read),
	        EVERY(a_growing_file_is_copied_to_the_end_that_is_met),
	        EVERY(a_shrinking_file_is_copied_to_the_end_that_is_met),
	        ON_TMPFS(a_shrinking_file_is_copied_to_the_end_that_is_met),
	        EVERY(holes_stay_holes),
	        ON_TMPFS(holes_stay_holes),
	        EVERY(without_holes_zeros_are_copied),
	        EVERY(nothing_but_a_hole_is_copied),
	        EVERY(files_over_4_gib_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
