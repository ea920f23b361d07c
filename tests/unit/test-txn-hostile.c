/* SPDX-License-Identifier: ISC */
/*
 * Stores that somebody has made to do harm, or that were damaged: nothing outside
 * the tree changes, and in it all is old, or new, or as it was.
 */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "txn-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUPER "w/.commit/log/super"
#define SEGMENT "w/.commit/log/segment-0000000000000001"
#define EVERY_BIT 97
#define EVERY_BYTE 64

static void make_tree(void)
{
	struct commit_store *store;

	assert_int_equal(system("rm -rf w"), 0);
	assert_int_equal(mkdir("w", 0700), 0);
	put("w/a", "old a");
	put("w/b", "old b");
	put("outside", "outside");
	assert_int_equal(commit_store_open(&store, "w", COMMIT_STORE_CREATE, NULL, NULL), 0);
	commit_store_close(store);
}

/* A commit that is not published, and one that is open. */
static void make_pending(char id[COMMIT_TXN_ID_SIZE])
{
	struct commit_txn_options options;
	struct commit_store *store;
	struct commit_txn *txn;

	make_tree();
	commit_txn_options_init(&options);
	options.flags = COMMIT_TXN_KEEP;
	assert_int_equal(commit_store_open(&store, "w", 0, NULL, NULL), 0);
	assert_int_equal(commit_txn_begin(&txn, store, &options, NULL), 0);
	assert_int_equal(commit_txn_put_bytes(txn, "b", "open", 4, NULL), 0);
	assert_int_equal(commit_txn_mkdir(txn, "dir", 0755, NULL), 0);
	strcpy(id, commit_txn_id(txn));
	commit_txn_close(txn);
	assert_int_equal(commit_txn_begin(&txn, store, NULL, NULL), 0);
	assert_int_equal(commit_txn_put_bytes(txn, "a", "new a", 5, NULL), 0);
	assert_int_equal(commit_txn_put_bytes(txn, "b", "new b", 5, NULL), 0);
	assert_int_equal(commit_txn_put_bytes(txn, "c", "new c", 5, NULL), 0);
	fault("1:EIO:exchange");
	assert_int_equal(commit_txn_commit(txn, NULL, NULL), COMMIT_EPENDING);
	expect_fired();
	commit_txn_close(txn);
	commit_store_close(store);
}

static int scans(unsigned flags)
{
	struct commit_recover_options options;

	commit_recover_options_init(&options);
	options.flags = flags;
	return commit_recover_scan("w", &options, NULL, NULL);
}

static int holds(const char *name, const char *text)
{
	char found[64] = "";
	int fd = open(name, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, found, sizeof found - 1);

	if (fd >= 0)
		close(fd);
	return length >= 0 && strcmp(found, text) == 0;
}

static int is_old(void)
{
	return holds("w/a", "old a") && holds("w/b", "old b") && access("w/c", F_OK) != 0;
}

static int is_new(void)
{
	return holds("w/a", "new a") && holds("w/b", "new b") && holds("w/c", "new c");
}

/* Whoever asks changes nothing; whoever recovers does all or nothing. 1: it is as it was. */
static int expect_sane(void)
{
	static const unsigned looks[] = {COMMIT_RECOVER_DRY_RUN, COMMIT_RECOVER_LIST,
	                                 COMMIT_RECOVER_CHECK};
	unsigned i;
	int rc;

	for (i = 0; i < COUNT_OF(looks); i++) {
		rc = scans(looks[i]);
		assert_true(rc == 0 || rc == COMMIT_ECONFLICT);
		assert_true(is_old());
	}
	rc = scans(0);
	expect_file("outside", "outside");
	if (rc == COMMIT_ECONFLICT) {
		assert_true(is_old());
		return 1;
	}
	assert_int_equal(rc, 0);
	assert_true(is_old() || is_new());
	return 0;
}

/* A copy of a file's first bytes. */
static size_t load(const char *name, unsigned char *bytes, size_t size)
{
	int fd = open_file(name, O_RDONLY);
	ssize_t length = read(fd, bytes, size);

	assert_true(length > 0);
	close(fd);
	return (size_t)length;
}

static void store_bytes(const char *name, const unsigned char *bytes, size_t length)
{
	int fd = open_file(name, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	close(fd);
}

static unsigned char whole[1 << 20];

/* Up to the last byte that is not zero, and some more. */
static size_t used(size_t length)
{
	while (length > 0 && !whole[length - 1])
		length--;
	return length + 128;
}

static void flip_all(const char *name)
{
	char id[COMMIT_TXN_ID_SIZE];
	size_t length, bit, end;
	unsigned conflicts = 0, others = 0;

	make_pending(id);
	length = load(name, whole, sizeof whole);
	end = used(length) < length ? used(length) : length;
	for (bit = 0; bit < end * 8; bit += EVERY_BIT) {
		if (walk_skips())
			continue;
		whole[bit / 8] ^= (unsigned char)(1U << bit % 8);
		store_bytes(name, whole, length);
		if (expect_sane()) {
			conflicts++;
			whole[bit / 8] ^= (unsigned char)(1U << bit % 8);
		} else {
			others++;
			make_pending(id);
			load(name, whole, sizeof whole);
		}
	}
	assert_true(others > 0);
	/* A superblock has a twin, which is enough. */
	assert_true(conflicts > 0 || strcmp(name, SUPER) == 0);
}

static void cut_all(const char *name)
{
	char id[COMMIT_TXN_ID_SIZE];
	size_t length, size, step;

	make_pending(id);
	length = load(name, whole, sizeof whole);
	for (size = 0; size < length; size += step) {
		step = size < 2 * used(length) ? EVERY_BYTE : 16 * EVERY_BYTE;
		if (walk_skips())
			continue;
		store_bytes(name, whole, size);
		if (expect_sane())
			continue;
		make_pending(id);
		load(name, whole, sizeof whole);
	}
}

static void bits_flip_in_the_log(void **state)
{
	(void)state;
	flip_all(SEGMENT);
}

static void bits_flip_in_the_superblocks(void **state)
{
	(void)state;
	flip_all(SUPER);
}

static void the_log_is_cut_off(void **state)
{
	(void)state;
	cut_all(SEGMENT);
	cut_all(SUPER);
}

/* The open transaction can be gone on with, or it cannot; that is all. */
static void resumes(const char *id)
{
	struct commit_store *store;
	struct commit_txn *txn;
	int rc;

	assert_int_equal(commit_store_open(&store, "w", 0, NULL, NULL), 0);
	rc = commit_txn_resume(&txn, store, id, NULL);
	assert_true(rc == 0 || rc == COMMIT_EFAILED);
	if (rc == 0) {
		commit_txn_prepare(txn, NULL);
		commit_txn_close(txn);
	}
	commit_store_close(store);
	rc = scans(COMMIT_RECOVER_CHECK);
	assert_true(rc == 0 || rc == COMMIT_ECONFLICT);
	rc = scans(COMMIT_RECOVER_DRY_RUN);
	assert_int_equal(rc, 0);
}

static void operations_and_info_are_damaged(void **state)
{
	static const char *const names[] = {"ops", "info"};
	char id[COMMIT_TXN_ID_SIZE], name[128];
	size_t length, at, i;

	(void)state;
	make_pending(id);
	assert_int_equal(scans(0), 0);
	for (i = 0; i < COUNT_OF(names); i++) {
		snprintf(name, sizeof name, "w/.commit/stage/%s/%s", id, names[i]);
		length = load(name, whole, sizeof whole);
		for (at = 0; at < length * 8; at += EVERY_BIT) {
			if (walk_skips())
				continue;
			whole[at / 8] ^= (unsigned char)(1U << at % 8);
			store_bytes(name, whole, length);
			resumes(id);
			whole[at / 8] ^= (unsigned char)(1U << at % 8);
			/* What looks dead was swept. */
			if (access(name, F_OK) != 0) {
				make_pending(id);
				assert_int_equal(scans(0), 0);
				snprintf(name, sizeof name, "w/.commit/stage/%s/%s", id, names[i]);
				length = load(name, whole, sizeof whole);
			}
		}
		for (at = 0; at < length; at += EVERY_BYTE) {
			if (walk_skips())
				continue;
			store_bytes(name, whole, at);
			resumes(id);
			if (access(name, F_OK) != 0) {
				make_pending(id);
				assert_int_equal(scans(0), 0);
				snprintf(name, sizeof name, "w/.commit/stage/%s/%s", id, names[i]);
			}
		}
	}
}

/* One step in a commit whose records are all right, as they only look to be. */
static void add_raw(uint32_t type, const void *payload, uint32_t length)
{
	unsigned char begin[LC_BEGIN_SIZE] = {0};
	struct lc_log_entry batch[3] = {{LC_LOG_BEGIN, LC_BEGIN_SIZE, 1, begin},
	                                {type, length, 1, payload},
	                                {LC_LOG_COMMIT, 0, 1, NULL}};
	struct commit_store *store;
	uint64_t end;

	assert_int_equal(lc_store_open(&store, "w", 0, NULL, NULL), 0);
	assert_int_equal(lc_store_enter(store, NULL), 0);
	assert_int_equal(lc_log_append(store->log, batch, 3, &end), 0);
	assert_int_equal(lc_log_force(store->log, end), 0);
	lc_store_leave(store);
	lc_store_close(store);
}

static void commit_raw(uint32_t type, const void *payload, uint32_t length)
{
	make_tree();
	add_raw(type, payload, length);
}

/* The steps of a commit are not obeyed: 11, and nothing is changed. */
static void expect_refused(void)
{
	assert_int_equal(expect_sane(), 1);
	assert_int_equal(scans(COMMIT_RECOVER_CHECK), COMMIT_ECONFLICT);
}

/* A put of the file outside, or of a over it, by these names. */
static unsigned char *step(const char *path, const char *place, uint32_t *length)
{
	struct lc_change c = {
	        .type = LC_CHANGE_PUT, .mode = UINT32_MAX, .uid = UINT32_MAX, .gid = UINT32_MAX};
	struct stat st = stat_of("outside");
	unsigned char *payload;

	lc_identity_of(&st, &c.after);
	c.path = (char *)path;
	c.place = (char *)place;
	assert_int_equal(lc_change_encode(&c, &payload, length), 0);
	return payload;
}

static void paths_lead_out(void **state)
{
	static char long_name[300], long_path[5000];
	static const char *const bad[] = {
	        "../outside", "/tmp/outside", "a/../../outside", "./a",    "a//b", "a/", "", "..",
	        ".",          "x/./y",        long_name,         long_path};
	unsigned char *payload;
	uint32_t length;
	size_t i;

	(void)state;
	memset(long_name, 'x', sizeof long_name - 1);
	for (i = 0; i + 1 < sizeof long_path; i++)
		long_path[i] = i % 2 ? '/' : 'x';
	make_tree();
	for (i = 0; i < COUNT_OF(bad); i++) {
		payload = step(bad[i], "c", &length);
		commit_raw(LC_CHANGE_PUT, payload, length);
		expect_refused();
		free(payload);
		payload = step("c", bad[i], &length);
		commit_raw(LC_CHANGE_PUT, payload, length);
		expect_refused();
		commit_raw(LC_CHANGE_TAKE, payload, length);
		expect_refused();
		free(payload);
		payload = step(bad[i], "", &length);
		commit_raw(LC_CHANGE_META, payload, length);
		expect_refused();
		free(payload);
	}
}

static void lengths_and_types_make_no_sense(void **state)
{
	static const uint32_t lengths[] = {0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 1000};
	unsigned char *payload;
	uint32_t length, offset;
	size_t i;

	(void)state;
	make_tree();
	payload = step("c", "d", &length);
	/* The lengths of path, place, attribute and value */
	for (offset = 76; offset < 92; offset += 4) {
		for (i = 0; i < COUNT_OF(lengths); i++) {
			uint32_t saved = lc_get_le32(payload + offset);

			lc_put_le32(payload + offset, lengths[i]);
			commit_raw(LC_CHANGE_PUT, payload, length);
			expect_refused();
			/* Sums that overflow come out right again. */
			lc_put_le32(payload + 88, 0U - lengths[i]);
			commit_raw(LC_CHANGE_PUT, payload, length);
			expect_refused();
			lc_put_le32(payload + 88, 0);
			lc_put_le32(payload + offset, saved);
		}
	}
	/* A zero in a name */
	payload[92] = '\0';
	commit_raw(LC_CHANGE_PUT, payload, length);
	expect_refused();
	payload[92] = 'c';
	commit_raw(LC_CHANGE_PUT, payload, length - 1);
	expect_refused();
	commit_raw(LC_CHANGE_PUT, payload, 0);
	expect_refused();
	commit_raw(99, payload, length);
	expect_refused();
	commit_raw(LC_LOG_ABORT, payload, length);
	expect_refused();
	free(payload);
}

static struct stat outside_before;

static void expect_outside_untouched(void)
{
	struct stat now = stat_of("out/f");

	expect_file("out/f", "theirs");
	assert_int_equal(now.st_ino, outside_before.st_ino);
	assert_int_equal(now.st_mode, outside_before.st_mode);
	assert_int_equal(system("test \"$(ls -A out)\" = f"), 0);
}

/* The tree's directories are links now, to where something of the same names lies. */
static void links_stand_in_the_way(void **state)
{
	static const uint32_t types[] = {LC_CHANGE_PUT, LC_CHANGE_TAKE, LC_CHANGE_META};
	static const char *const places[] = {"c", "c2", ""};
	struct lc_change c = {.mode = 0777, .uid = UINT32_MAX, .gid = UINT32_MAX};
	unsigned char *payload;
	uint32_t length;
	struct stat st;
	size_t i;

	(void)state;
	assert_int_equal(mkdir("out", 0777), 0);
	put("out/f", "theirs");
	outside_before = stat_of("out/f");
	for (i = 0; i < COUNT_OF(types); i++) {
		make_tree();
		put("w/c", "ours");
		st = stat_of(types[i] == LC_CHANGE_PUT ? "w/c" : "out/f");
		lc_identity_of(&st, &c.after);
		c.before = c.after;
		c.path = (char *)"d/f";
		c.place = (char *)places[i];
		assert_int_equal(lc_change_encode(&c, &payload, &length), 0);
		add_raw(types[i], payload, length);
		free(payload);
		assert_int_equal(symlink("../out", "w/d"), 0);
		/* What was to be taken is gone, and so taken; the rest is for a person. */
		assert_int_equal(scans(0), types[i] == LC_CHANGE_TAKE ? 0 : COMMIT_ECONFLICT);
		expect_outside_untouched();
		scans(COMMIT_RECOVER_CHECK);
		scans(0);
		expect_outside_untouched();
	}
}

/* Parts of the store are not what they were. */
static void parts_are_something_else(void **state)
{
	static const char *const parts[] = {"lock",  "format",    "log",
	                                    "stage", "log/super", "log/segment-0000000000000001"};
	/* shell commands, to be followed by a name */
	static const char *const made[] = {"ln -s ../../out", "mkfifo",   "mkdir",
	                                   "ln -s /dev/zero", "echo x >", "true"};
	char id[COMMIT_TXN_ID_SIZE], name[128], command[400];
	size_t i, k;
	int rc;

	(void)state;
	assert_int_equal(mkdir("out", 0777), 0);
	put("out/f", "theirs");
	outside_before = stat_of("out/f");
	for (i = 0; i < COUNT_OF(parts); i++) {
		for (k = 0; k < COUNT_OF(made); k++) {
			make_pending(id);
			snprintf(name, sizeof name, "w/.commit/%s", parts[i]);
			snprintf(command, sizeof command, "rm -rf %s && %s %s", name, made[k],
			         name);
			assert_int_equal(system(command), 0);
			scans(COMMIT_RECOVER_CHECK);
			assert_true(is_old());
			rc = scans(0);
			assert_true(rc <= 0);
			/* An empty stage has nothing to publish; what is left of it is told. */
			assert_true(is_old() || is_new());
			expect_file("outside", "outside");
			expect_outside_untouched();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(bits_flip_in_the_log), ON_TMPFS(bits_flip_in_the_superblocks),
	        ON_TMPFS(the_log_is_cut_off),   ON_TMPFS(operations_and_info_are_damaged),
	        ON_TMPFS(paths_lead_out),       ON_TMPFS(lengths_and_types_make_no_sense),
	        EVERY(links_stand_in_the_way),  ON_TMPFS(parts_are_something_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
