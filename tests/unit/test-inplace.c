/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "copy.h"
#include "inplace.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MANY ((size_t)200 * 1024 + 100)

static unsigned char old[MANY], new[MANY], mix[MANY];
static struct lc_place place;
static struct lc_stage stage;
static struct lc_edit edit;
static int target;
static const void *caps;

static int begin(void **state)
{
	fill(old, MANY, 1);
	fill(new, MANY, 2);
	memset(&edit, 0, sizeof edit);
	lc_stage_init(&stage);
	target = place.fd = -1;
	caps = NULL;
	return support_begin(state);
}

static void finish(void)
{
	lc_stage_release(&stage);
	lc_dir_release(&place);
	if (target >= 0)
		close(target);
	target = -1;
}

static int end(void **state)
{
	finish();
	return support_end(state);
}

/* "f" with old content, the journal with both staged but not committed */
static int try_edit(size_t old_size, size_t new_size)
{
	struct stat st;

	finish();
	put_bytes("f", old, old_size);
	assert_int_equal(lc_dir_resolve("f", COMMIT_SYMLINK_FOLLOW, &place, NULL), 0);
	assert_int_equal(lc_stage_open(&stage, &place), 0);
	stage.end = LC_JOURNAL_HEAD;
	assert_int_equal(lc_copy_bytes(stage.fd, &stage.end, new, new_size), 0);
	target = open_file("f", O_RDWR);
	if (caps)
		assert_return_code(fsetxattr(target, "security.capability", caps, 20, 0), errno);
	assert_return_code(fstat(target, &st), errno);
	edit.journal.mode = st.st_mode & 07777;
	edit.journal.uid = st.st_uid;
	edit.journal.gid = st.st_gid;
	assert_int_equal(lc_inplace_name(&place, NULL, &edit), 0);
	return lc_inplace_prepare(&stage, target, &st, &edit, -1);
}

static void make_edit(size_t old_size, size_t new_size)
{
	assert_int_equal(try_edit(old_size, new_size), 0);
}

static void write_target(const void *bytes, size_t length)
{
	assert_int_equal(pwrite(target, bytes, length, 0), length);
	assert_return_code(ftruncate(target, (off_t)length), errno);
}

static int decide(void)
{
	return lc_inplace_decide(stage.fd, &edit.journal, target);
}

static int apply(void)
{
	return lc_inplace_apply(stage.fd, &edit.journal, target, 1);
}

static void an_edit_gives_new_content_to_the_same_inode(void **state)
{
	static const size_t sizes[][2] = {{1000, 2000}, {2000, 1000}, {0, 1000},
	                                  {1000, 0},    {MANY, 5},    {5, MANY},
	                                  {MANY, MANY}, {512, 512},   {4096, 8192}};
	struct lc_journal journal;
	ino_t before;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		make_edit(sizes[i][0], sizes[i][1]);
		before = stat_of("f").st_ino;
		assert_int_equal(lc_stage_link_random(&stage), 0);
		assert_int_equal(lc_stage_flush(&stage, 1), 0);
		assert_int_equal(lc_inplace_read(stage.fd, &journal), 0);
		assert_memory_equal(&journal, &edit.journal, sizeof journal);
		assert_int_equal(decide(), 0);
		assert_int_equal(apply(), 0);
		expect_bytes("f", new, sizes[i][1]);
		assert_int_equal(stat_of("f").st_ino, before);
		/* again, as recovery may */
		assert_int_equal(decide(), 0);
		assert_int_equal(apply(), 0);
		expect_bytes("f", new, sizes[i][1]);
	}
}

static void every_mix_of_old_and_new_sectors_is_ours(void **state)
{
	const size_t sectors = 6;
	unsigned mask;
	size_t i;

	(void)state;
	make_edit(sectors * LC_SECTOR, sectors * LC_SECTOR);
	for (mask = 0; mask < 1u << sectors; mask++) {
		for (i = 0; i < sectors; i++)
			memcpy(mix + i * LC_SECTOR, (mask >> i & 1 ? new : old) + i * LC_SECTOR,
			       LC_SECTOR);
		write_target(mix, sectors * LC_SECTOR);
		assert_int_equal(decide(), 0);
	}
	assert_int_equal(apply(), 0);
	expect_bytes("f", new, sectors * LC_SECTOR);
}

static void one_foreign_byte_in_any_sector_is_seen(void **state)
{
	size_t at;

	(void)state;
	make_edit(MANY, MANY);
	for (at = 7; at < MANY; at += 20 * LC_SECTOR + 1) {
		memcpy(mix, at % 2 ? old : new, MANY);
		mix[at] ^= 0x10;
		write_target(mix, MANY);
		assert_int_equal(decide(), -ESTALE);
	}
	/* the first and the last byte, and a sector whose end alone is new */
	memcpy(mix, old, MANY);
	mix[0] ^= 1;
	write_target(mix, MANY);
	assert_int_equal(decide(), -ESTALE);
	mix[0] ^= 1;
	mix[MANY - 1] ^= 1;
	write_target(mix, MANY);
	assert_int_equal(decide(), -ESTALE);
	memcpy(mix, old, MANY);
	memcpy(mix + LC_SECTOR / 2, new + LC_SECTOR / 2, LC_SECTOR / 2);
	write_target(mix, MANY);
	assert_int_equal(decide(), -ESTALE);
}

/* A limit or a full disk ends a write where it likes. */
static void a_write_that_ended_inside_a_sector_is_ours(void **state)
{
	(void)state;
	make_edit(MANY, MANY);
	memcpy(mix, old, MANY);
	memcpy(mix, new, LC_SECTOR + 100);
	write_target(mix, MANY);
	assert_int_equal(decide(), 0);
}

/* While it grows: any size between, what is beyond the old end still zero or new. */
static void sizes_between_are_ours_while_it_grows(void **state)
{
	size_t size;

	(void)state;
	make_edit(700, 2000);
	for (size = 700; size <= 2000; size += 13) {
		memcpy(mix, old, 700);
		memset(mix + 700, 0, sizeof mix - 700);
		write_target(mix, size);
		assert_int_equal(decide(), 0);
		write_target(new, size);
		assert_int_equal(decide(), 0);
	}
	write_target(old, 699);
	assert_int_equal(decide(), -ESTALE);
	memset(mix + 700, 0, 2000);
	write_target(mix, 2001);
	assert_int_equal(decide(), -ESTALE);
	memset(mix + 700, 'x', 100);
	write_target(mix, 800);
	assert_int_equal(decide(), -ESTALE);
}

static void sizes_between_are_ours_while_it_shrinks(void **state)
{
	size_t size;

	(void)state;
	make_edit(2000, 700);
	for (size = 700; size <= 2000; size += 13) {
		write_target(old, size);
		assert_int_equal(decide(), 0);
		memcpy(mix, new, 700);
		memset(mix + 700, 0, sizeof mix - 700);
		write_target(mix, size);
		assert_int_equal(decide(), 0);
	}
	write_target(new, 699);
	assert_int_equal(decide(), -ESTALE);
}

/* A cut zeroes the rest of its block; that may reach the disk, and the new size not. */
static void a_cut_that_was_written_before_its_size_is_ours(void **state)
{
	(void)state;
	make_edit(2000, 700);
	memset(mix, 0, sizeof mix);
	memcpy(mix, old, 700);
	write_target(mix, 2000);
	assert_int_equal(decide(), 0);
	memcpy(mix, new, 600);
	write_target(mix, 2000);
	assert_int_equal(decide(), 0);
	mix[699] ^= 1;
	write_target(mix, 2000);
	assert_int_equal(decide(), -ESTALE);
	/* not in another sector, where nothing ends */
	mix[699] ^= 1;
	memcpy(mix + 1024, old + 1024, 100);
	write_target(mix, 2000);
	assert_int_equal(decide(), -ESTALE);
}

static void look_at_it(void *context)
{
	*(int *)context = decide();
}

/* Between any two calls of apply the target is one that recovery knows. */
static void a_kill_anywhere_in_apply_can_be_rolled_forward(void **state)
{
	static const char *const calls[] = {"pwrite", "truncate", "fsync", "stat"};
	static const size_t sizes[][2] = {{2000, 700}, {700, 2000}, {MANY, 1000}, {1000, MANY}};
	unsigned nth;
	size_t i, j;
	int seen;

	(void)state;
	for (i = 0; i < COUNT_OF(sizes); i++) {
		for (j = 0; j < COUNT_OF(calls); j++) {
			for (nth = 1; nth <= 2; nth++) {
				make_edit(sizes[i][0], sizes[i][1]);
				seen = 0;
				at_call(calls[j], nth, look_at_it, &seen);
				assert_int_equal(apply(), 0);
				if (seen)
					fail_msg("%zu to %zu, before %s: %s", sizes[i][0],
					         sizes[i][1], calls[j], commit_errno_name(-seen));
			}
		}
	}
}

static void another_file_is_not_the_target(void **state)
{
	int right;

	(void)state;
	make_edit(1000, 2000);
	right = target;
	put_bytes("g", old, 1000);
	target = open_file("g", O_RDWR);
	assert_int_equal(decide(), -ESTALE);
	close(target);
	target = open_file(".", O_RDONLY);
	assert_int_equal(decide(), -ESTALE);
	close(target);
	target = right;
	assert_int_equal(decide(), 0);
	edit.journal.fs ^= 1;
	assert_int_equal(decide(), -ESTALE);
}

static void damaged_images_are_not_applied(void **state)
{
	const struct lc_journal *j = &edit.journal;
	char byte;

	(void)state;
	make_edit(5000, 3000);
	assert_int_equal(pread(stage.fd, &byte, 1, (off_t)j->new_offset + 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(stage.fd, &byte, 1, (off_t)j->new_offset + 100), 1);
	assert_int_equal(decide(), -EBADMSG);
	make_edit(5000, 3000);
	byte ^= 0x55;
	assert_int_equal(pwrite(stage.fd, &byte, 1, (off_t)j->old_offset + 4999), 1);
	assert_int_equal(decide(), -EBADMSG);
	/* cut off */
	make_edit(5000, 3000);
	assert_return_code(ftruncate(stage.fd, (off_t)j->old_offset + 4999), errno);
	assert_int_equal(decide(), -EBADMSG);
	assert_return_code(ftruncate(stage.fd, LC_JOURNAL_HEAD), errno);
	assert_int_equal(apply(), -EBADMSG);
	expect_bytes("f", old, 5000);
}

static void cut_journal(void *context)
{
	(void)context;
	assert_return_code(ftruncate(stage.fd, LC_JOURNAL_HEAD), errno);
}

/* Its digests fitted a moment ago. */
static void an_image_that_ends_while_it_is_read_is_damage(void **state)
{
	(void)state;
	make_edit(5000, 3000);
	at_call("statfs", 1, cut_journal, NULL);
	assert_int_equal(decide(), -EBADMSG);
}

static void journals_are_read(void **state)
{
	struct lc_journal journal;
	int fd;

	(void)state;
	make_edit(10, 20);
	fault("1:EIO:pread");
	assert_int_equal(lc_inplace_read(stage.fd, &journal), -EIO);
	fault("1:EIO:stat");
	assert_int_equal(lc_inplace_read(stage.fd, &journal), -EIO);
	expect_fired();
	assert_return_code(ftruncate(stage.fd, LC_JOURNAL_HEAD - 1), errno);
	assert_int_equal(lc_inplace_read(stage.fd, &journal), -EBADMSG);
	put("empty", "");
	fd = open_file("empty", O_RDONLY);
	assert_int_equal(lc_inplace_read(fd, &journal), -EBADMSG);
	close(fd);
}

static void metadata_is_restored_after_the_write(void **state)
{
	static const unsigned char wanted[20] = {1, 0, 0, 2, 0, 4};
	char is[20];

	(void)state;
	need_root();
	caps = wanted;
	make_edit(0, 100);
	assert_int_equal(edit.journal.caps_length, 20);
	edit.journal.mode = 02711;
	edit.journal.uid = 1000;
	edit.journal.gid = 1001;
	assert_int_equal(apply(), 0);
	expect_mode("f", 02711);
	assert_int_equal(stat_of("f").st_uid, 1000);
	assert_int_equal(stat_of("f").st_gid, 1001);
	assert_int_equal(getxattr("f", "security.capability", is, 20), 20);
	assert_memory_equal(is, wanted, 20);
}

static void errors_of_preparing_are_told(void **state)
{
	static const char *const faults[] = {"1:EIO:statfs",   "1:EIO:getxattr", "1:EIO:pread",
	                                     "2:EIO:truncate", "2:EIO:pread",    "1:EIO:copyrange",
	                                     "2:EIO:pwrite"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		if (try_edit(1000, 2000) != -EIO)
			fail_msg("%s", faults[i]);
		expect_fired();
		expect_bytes("f", old, 1000);
	}
	fault("1:EOPNOTSUPP:getxattr");
	assert_int_equal(try_edit(1000, 2000), 0);
}

static int reserve(void)
{
	return lc_inplace_reserve(&edit, target);
}

static void space_is_reserved_for_a_file_that_grows(void **state)
{
	(void)state;
	make_edit(1000, MANY);
	assert_int_equal(reserve(), 0);
	assert_true(stat_of("f").st_blocks * 512 >= (off_t)MANY);
	assert_int_equal(stat_of("f").st_size, 1000);
	fault("1:ENOSPC:reserve");
	assert_int_equal(reserve(), -ENOSPC);
	fault("1:EOPNOTSUPP:reserve");
	assert_int_equal(reserve(), 0);
	make_edit(MANY, 1000);
	trace_begin();
	assert_int_equal(reserve(), 0);
	assert_string_equal(trace_end(), " stat ");
}

static void errors_of_applying_are_told(void **state)
{
	static const char *const faults[] = {"1:EIO:pread", "1:EIO:pwrite", "1:EIO:truncate",
	                                     "1:EIO:stat",  "1:EIO:chmod",  "1:EIO:fsync"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		make_edit(1000, 2000);
		assert_return_code(fchmod(target, 0644), errno);
		edit.journal.mode = 0600;
		fault(faults[i]);
		assert_int_equal(apply(), -EIO);
		expect_fired();
		assert_int_equal(decide(), 0);
		assert_int_equal(apply(), 0);
		expect_bytes("f", new, 2000);
	}
	make_edit(1000, 2000);
	edit.journal.gid++;
	fault("1:EPERM:chown");
	assert_int_equal(apply(), -EPERM);
}

static void errors_of_deciding_are_told(void **state)
{
	static const char *const faults[] = {"1:EIO:pread", "2:EIO:pread", "3:EIO:pread",
	                                     "4:EIO:pread", "5:EIO:pread", "1:EIO:stat",
	                                     "1:EIO:statfs"};
	size_t i;

	(void)state;
	make_edit(1000, 2000);
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		assert_int_equal(decide(), -EIO);
	}
}

#define EDIT(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EDIT(an_edit_gives_new_content_to_the_same_inode),
	        EDIT(every_mix_of_old_and_new_sectors_is_ours),
	        EDIT(one_foreign_byte_in_any_sector_is_seen),
	        EDIT(a_write_that_ended_inside_a_sector_is_ours),
	        EDIT(sizes_between_are_ours_while_it_grows),
	        EDIT(sizes_between_are_ours_while_it_shrinks),
	        EDIT(a_cut_that_was_written_before_its_size_is_ours),
	        EDIT(a_kill_anywhere_in_apply_can_be_rolled_forward),
	        EDIT(another_file_is_not_the_target),
	        EDIT(damaged_images_are_not_applied),
	        EDIT(an_image_that_ends_while_it_is_read_is_damage),
	        EDIT(journals_are_read),
	        EDIT(metadata_is_restored_after_the_write),
	        EDIT(errors_of_preparing_are_told),
	        EDIT(space_is_reserved_for_a_file_that_grows),
	        EDIT(errors_of_applying_are_told),
	        EDIT(errors_of_deciding_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
