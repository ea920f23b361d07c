/* SPDX-License-Identifier: ISC */
/*
 * Devices that take something else than what they were given, that change while they
 * are looked at, or stop to flush in the midst of a write or a repair. Pitfalls 55,
 * 56, 57, 61 and 64.
 */
#include "config.h"

#include "fault.h"
#include "support.h"
#include "triple-support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char side_magic_of[] = "a/.f.triple";

/* What happens at the first call of that name. */
static struct {
	const char *call;
	void (*strike)(void);
	unsigned struck;
} event;

static void watch(void *context, const char *call)
{
	(void)context;
	if (event.struck || strcmp(call, event.call) != 0)
		return;
	event.struck = 1;
	event.strike();
}

static void at_first(const char *call, void (*strike)(void))
{
	event.call = call;
	event.strike = strike;
	event.struck = 0;
	lc_fault_watch(watch, NULL);
}

static void expect_struck(void)
{
	lc_fault_watch(NULL, NULL);
	assert_int_equal(event.struck, 1);
}

static int is_side(const char *path)
{
	char magic[8] = "", start[8] = "?";
	int fd = open(side_magic_of, O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, magic, sizeof magic), sizeof magic);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, start, sizeof start) >= 0);
	close(fd);
	return memcmp(magic, start, sizeof magic) == 0;
}

/* A byte of what is staged beside B. */
static void spoil_staged(int side)
{
	char path[600];
	struct dirent *entry;
	DIR *dir = opendir("b");

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof path, "b/%s", entry->d_name);
		if (strncmp(entry->d_name, ".commit-", 8) == 0 && is_side(path) == side)
			flip(path, side ? 200 : 0);
	}
	closedir(dir);
}

static void spoil_content(void)
{
	spoil_staged(0);
}

static void spoil_side(void)
{
	spoil_staged(1);
}

static void spoil_b(void)
{
	flip("b/f", 0);
}

static void write_twice(void)
{
	triple_begin();
	assert_int_equal(triple_write("one"), 0);
	triple_remember();
	assert_int_equal(triple_write("two"), 0);
}

static void writes_past(void (*strike)(void))
{
	write_twice();
	at_first("fsync", strike);
	expect_error(triple_write("three"), &triple_err, COMMIT_EFAILED, EIO);
	expect_struck();
	assert_non_null(strstr(triple_err.operation, "read back"));
	assert_int_equal(triple_sweep(), 0);
	triple_read("two");
	/* One copy less, where that is allowed. */
	triple_opt.min_copies = 2;
	at_first("fsync", strike);
	assert_int_equal(triple_write("three"), 0);
	expect_struck();
	assert_int_equal(triple_result.good, 2);
	expect_file("b/f", "two");
	triple_opt.min_copies = 0;
	triple_read("three");
	expect_file("b/f", "three");
}

/* 61 */
static void a_device_that_took_other_content_is_found_out(void **state)
{
	(void)state;
	writes_past(spoil_content);
}

static void a_device_that_took_another_sidecar_is_found_out(void **state)
{
	(void)state;
	writes_past(spoil_side);
}

static void so_is_one_that_is_repaired(void **state)
{
	(void)state;
	write_twice();
	triple_strike(1, HURT_CONTENT);
	at_first("fsync", spoil_content);
	expect_error(triple_repair(), &triple_err, COMMIT_EPENDING, EIO);
	expect_struck();
	assert_int_equal(triple_sweep(), 0);
	assert_int_equal(triple_repair(), 0);
	triple_read("two");
}

/* 57: B was good when it was looked at, and is not when its block is taken. */
static void a_block_is_proved_when_it_is_taken(void **state)
{
	(void)state;
	write_twice();
	triple_strike(0, HURT_CONTENT);
	at_first("tmpfile", spoil_b);
	assert_int_equal(triple_repair(), 0);
	expect_struck();
	expect_file("a/f", "two");
	assert_int_equal(triple_repair(), 0);
	expect_file("b/f", "two");
}

/* 62: as long as it is not known that all sidecars are durable, no content changes. */
static void sidecars_are_durable_before_contents_change(void **state)
{
	static const char *const faults[] = {"7:EIO:once:fsync", "8:EIO:once:fsync",
	                                     "9:EIO:once:fsync"};
	unsigned i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		write_twice();
		fault(faults[i]);
		expect_error(triple_write("three"), &triple_err, COMMIT_EFAILED, EIO);
		expect_fired();
		fault(NULL);
		for (k = 0; k < 3; k++)
			expect_file(triple_paths[k], "two");
		triple_read("two");
	}
}

/*
 * 64: of the renames of A and B nobody knows whether they are durable. That of C would
 * leave no copy of which that is known.
 */
static void the_last_copy_stays_where_none_is_proved(void **state)
{
	(void)state;
	write_twice();
	/* Three contents, three sidecars, three directories; then A's, B's and C's. */
	fault("10:EIO:forever:fsync");
	expect_error(triple_write("three"), &triple_err, COMMIT_EUNDECIDED, EIO);
	expect_fired();
	fault(NULL);
	expect_file("c/f", "two");
	triple_read("three");
}

/* 55, 57: the same where no copy is whole. */
static void the_last_good_blocks_stay_where_none_is_proved(void **state)
{
	static char big[3 * TRIPLE_BLOCK];
	ino_t before[3];
	unsigned i, changed = 0;

	(void)state;
	triple_begin();
	fill(big, sizeof big, 4);
	assert_int_equal(triple_write_bytes(big, sizeof big), 0);
	for (i = 0; i < 3; i++) {
		flip(triple_paths[i], (off_t)i * TRIPLE_BLOCK);
		before[i] = stat_of(triple_paths[i]).st_ino;
	}
	fault("10:EIO:forever:fsync");
	expect_error(triple_repair(), &triple_err, COMMIT_EUNDECIDED, EIO);
	expect_fired();
	fault(NULL);
	for (i = 0; i < 3; i++)
		changed += stat_of(triple_paths[i]).st_ino != before[i];
	assert_int_equal(changed, 1);
	assert_int_equal(triple_repair(), 0);
	assert_int_equal(triple_get(), 0);
	triple_expect_bytes(big, sizeof big);
}

/* 56: one copy has it, and the others cannot be written: the next fault could turn it around. */
static void an_answer_waits_for_two_copies(void **state)
{
	(void)state;
	write_twice();
	triple_strike(1, HURT_CONTENT_BACK);
	triple_strike(2, HURT_CONTENT_BACK);
	fault("1:ENOSPC:forever:pwrite");
	expect_error(triple_get(), &triple_err, COMMIT_EUNDECIDED, EIO);
	expect_fired();
	assert_non_null(strstr(triple_err.text, "--min-copies=1"));
	triple_opt.min_copies = 1;
	fault("1:ENOSPC:forever:pwrite");
	triple_read("two");
	fault(NULL);
	triple_opt.min_copies = 0;
	triple_read("two");
	expect_file("c/f", "two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_device_that_took_other_content_is_found_out),
	        EVERY(a_device_that_took_another_sidecar_is_found_out),
	        EVERY(so_is_one_that_is_repaired),
	        EVERY(a_block_is_proved_when_it_is_taken),
	        EVERY(sidecars_are_durable_before_contents_change),
	        EVERY(the_last_copy_stays_where_none_is_proved),
	        EVERY(the_last_good_blocks_stay_where_none_is_proved),
	        EVERY(an_answer_waits_for_two_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
