/* SPDX-License-Identifier: ISC */
/* Ranges that a transaction edits in place. */
#include "config.h"

#include "support.h"

#include "inplace.h"
#include "publish.h"
#include "txn-internal.h"
#include "txn-support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 3000

static unsigned char old[SIZE], want[2 * SIZE];

static void make_file(void)
{
	fill(old, SIZE, 1);
	put_bytes("t/f", old, SIZE);
	memset(want, 0, sizeof want);
	memcpy(want, old, SIZE);
}

static void patches(uint64_t offset, const char *text)
{
	assert_int_equal(
	        commit_txn_patch_bytes(txn, "f", offset, text, strlen(text), &txn_err), 0);
	memcpy(want + offset, text, strlen(text));
}

static void ranges_and_a_file_are_one_commit(void **state)
{
	struct commit_txn_result result;
	int fd;

	(void)state;
	make_file();
	begins(0);
	patches(0, "first");
	patches(700, "across a sector's end, or not");
	puts_text("a", "new");
	put("source", "beyond");
	fd = open_file("source", O_RDONLY);
	assert_int_equal(commit_txn_patch_fd(txn, "f", SIZE + 100, fd, &txn_err), 0);
	close(fd);
	memcpy(want + SIZE + 100, "beyond", 6);
	expect_bytes("t/f", old, SIZE);
	assert_int_equal(commit_txn_prepare(txn, &txn_err), 0);
	expect_bytes("t/f", old, SIZE);
	assert_int_equal(commit_txn_commit(txn, &result, &txn_err), 0);
	expect_bytes("t/f", want, SIZE + 106);
	expect_file("t/a", "new");
	assert_int_equal(result.files, 2);
	assert_int_equal(result.bytes, 5 + 29 + 6 + 3);
	assert_int_equal(stages(), 0);
}

static void another_process_goes_on(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];

	(void)state;
	make_file();
	begins(COMMIT_TXN_KEEP);
	patches(10, "ten");
	strcpy(id, commit_txn_id(txn));
	close_txn();
	assert_int_equal(commit_txn_resume(&txn, store, id, &txn_err), 0);
	patches(20, "twenty");
	/* What the first has said counts still. */
	expect_error(commit_txn_patch_bytes(txn, "f", 12, "x", 1, &txn_err), &txn_err,
	             COMMIT_EREFUSED, EEXIST);
	close_txn();
	assert_int_equal(commit_txn_resume(&txn, store, id, &txn_err), 0);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EFAILED, ECANCELED);
	assert_int_equal(commit_txn_abort(txn, &txn_err), 0);
	expect_bytes("t/f", old, SIZE);
}

static void what_was_changed_before_it_is_resumed_is_found(void **state)
{
	char id[COMMIT_TXN_ID_SIZE];

	(void)state;
	make_file();
	begins(COMMIT_TXN_KEEP);
	patches(10, "ten");
	strcpy(id, commit_txn_id(txn));
	close_txn();
	put_bytes("t/f", want, SIZE - 1);
	assert_int_equal(commit_txn_resume(&txn, store, id, &txn_err), 0);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EREFUSED, ESTALE);
	expect_bytes("t/f", want, SIZE - 1);
}

static void staged_bytes_that_rot_are_not_written(void **state)
{
	char path[128];
	int fd;

	(void)state;
	make_file();
	begins(0);
	patches(10, "ten");
	snprintf(path, sizeof path, "t/.commit/stage/%s/in-0", commit_txn_id(txn));
	fd = open_file(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "T", 1, 0), 1);
	close(fd);
	expect_error(commit_txn_commit(txn, NULL, &txn_err), &txn_err, COMMIT_EFAILED, EBADMSG);
	expect_bytes("t/f", old, SIZE);
}

static void names_of_one_file_are_one_file(void **state)
{
	(void)state;
	make_file();
	assert_int_equal(link("t/f", "t/g"), 0);
	begins(0);
	patches(10, "ten");
	expect_error(commit_txn_patch_bytes(txn, "g", 11, "x", 1, &txn_err), &txn_err,
	             COMMIT_EREFUSED, EEXIST);
	close_txn();
	make_file();
	begins(0);
	patches(10, "ten");
	assert_int_equal(commit_txn_patch_bytes(txn, "g", 13, "more", 4, &txn_err), 0);
	memcpy(want + 13, "more", 4);
	assert_int_equal(commit_txn_rm(txn, "g", &txn_err), COMMIT_EREFUSED);
	close_txn();
	expect_bytes("t/f", old, SIZE);
}

/* --- sectors ------------------------------------------------------------- */

#define SPAN 2000
#define START 100

struct seen {
	unsigned is[8];
	size_t count;
};

static int note(void *context, uint64_t at, size_t length, unsigned is)
{
	struct seen *seen = context;

	assert_int_equal(at, seen->count == 0 ? 0 : seen->count * LC_SECTOR - START);
	assert_true(length <= LC_SECTOR);
	seen->is[seen->count++] = is;
	return 0;
}

static struct seen look_at(const unsigned char *bytes, unsigned flags)
{
	struct lc_patch patch = {.flags = flags,
	                         .offset = START,
	                         .new_length = SPAN,
	                         .old_at = SPAN,
	                         .old_length = SPAN,
	                         .total = 2 * (uint64_t)SPAN};
	struct seen seen = {.count = 0};
	int file, contents;

	put_bytes("file", bytes, START + SPAN);
	file = open_file("file", O_RDONLY);
	contents = open_file("contents", O_RDONLY);
	assert_int_equal(lc_publish_patch_look(file, contents, &patch, note, &seen), 0);
	close(file);
	close(contents);
	assert_int_equal(seen.count, 5);
	return seen;
}

static void each_sector_is_known_or_foreign(void **state)
{
	unsigned char both[2 * SPAN], now[START + SPAN];
	struct seen seen;

	(void)state;
	fill(both, SPAN, 2);
	fill(both + SPAN, SPAN, 3);
	put_bytes("contents", both, sizeof both);
	memset(now, 0, sizeof now);
	/* Up to the 1000th byte it is new. */
	memcpy(now + START, both + SPAN, SPAN);
	memcpy(now + START, both, 1000 - START);
	seen = look_at(now, 0);
	assert_int_equal(seen.is[0], LC_PATCH_IS_NEW);
	assert_int_equal(seen.is[1], LC_PATCH_IS_TORN);
	assert_int_equal(seen.is[2], LC_PATCH_IS_OLD);
	assert_int_equal(seen.is[4], LC_PATCH_IS_OLD);
	/* The other way round only a patch that takes back leaves it. */
	memcpy(now + START, both + SPAN, 1000 - START);
	memcpy(now + 1000, both + 1000 - START, SPAN - 1000 + START);
	seen = look_at(now, 0);
	assert_int_equal(seen.is[0], LC_PATCH_IS_OLD);
	assert_int_equal(seen.is[1], 0);
	assert_int_equal(seen.is[2], LC_PATCH_IS_NEW);
	seen = look_at(now, LC_PATCH_BACK);
	assert_int_equal(seen.is[1], LC_PATCH_IS_TORN);
	now[START + SPAN - 1] ^= 0x55;
	seen = look_at(now, LC_PATCH_BACK);
	assert_int_equal(seen.is[3], LC_PATCH_IS_NEW);
	assert_int_equal(seen.is[4], 0);
}

/* --- the record ---------------------------------------------------------- */

static int again(const struct lc_patch *patch, uint64_t inode, mode_t mode)
{
	char path[] = "f", place[] = ".commit/stage/1-2/in-0";
	struct lc_change c = {.type = LC_CHANGE_PATCH,
	                      .path = path,
	                      .place = place,
	                      .before = {.inode = 7, .mode = mode, .size = 5},
	                      .after = {.inode = inode, .mode = mode, .size = 6}};
	struct lc_change copy;
	struct lc_patch found;
	unsigned char *payload;
	uint32_t length;
	int rc;

	assert_int_equal(lc_change_set_patch(&c, patch), 0);
	assert_int_equal(lc_change_encode(&c, &payload, &length), 0);
	rc = lc_change_decode(LC_CHANGE_PATCH, payload, length, &copy);
	if (rc == 0) {
		assert_int_equal(lc_change_get_patch(&copy, &found), 0);
		assert_int_equal(found.new_at, patch->new_at);
		assert_int_equal(found.old_length, patch->old_length);
		assert_int_equal(copy.value_length, c.value_length);
		assert_memory_equal(copy.value, c.value, c.value_length);
		lc_change_release(&copy);
	}
	free(payload);
	free(c.value);
	return rc;
}

static void a_record_that_makes_no_sense_is_refused(void **state)
{
	const struct lc_patch good = {.flags = LC_PATCH_BACK,
	                              .offset = 10,
	                              .new_at = 3,
	                              .new_length = 4,
	                              .old_at = 1,
	                              .old_length = 6,
	                              .total = 7};
	struct lc_patch p;

	(void)state;
	assert_int_equal(again(&good, 7, S_IFREG | 0600), 0);
	assert_int_equal(again(&good, 8, S_IFREG | 0600), -EBADMSG);
	assert_int_equal(again(&good, 7, S_IFDIR | 0700), -EBADMSG);
	p = good;
	p.flags = 2;
	assert_int_equal(again(&p, 7, S_IFREG | 0600), -EBADMSG);
	p = good;
	p.new_at = 4;
	assert_int_equal(again(&p, 7, S_IFREG | 0600), -EBADMSG);
	p = good;
	p.old_length = UINT64_MAX;
	assert_int_equal(again(&p, 7, S_IFREG | 0600), -EBADMSG);
	p = good;
	p.offset = INT64_MAX - 5;
	assert_int_equal(again(&p, 7, S_IFREG | 0600), -EBADMSG);
	p = good;
	p.total = UINT64_MAX;
	assert_int_equal(again(&p, 7, S_IFREG | 0600), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {TREE(ranges_and_a_file_are_one_commit),
	                                   TREE(another_process_goes_on),
	                                   TREE(what_was_changed_before_it_is_resumed_is_found),
	                                   TREE(staged_bytes_that_rot_are_not_written),
	                                   TREE(names_of_one_file_are_one_file),
	                                   EVERY(each_sector_is_known_or_foreign),
	                                   EVERY(a_record_that_makes_no_sense_is_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
