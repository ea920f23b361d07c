/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "bytes.h"
#include "change.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* commit-store(5) */
enum {
	AT_PATH_LENGTH = 76,
	AT_PLACE_LENGTH = 80,
	AT_ATTRIBUTE_LENGTH = 84,
	AT_VALUE_LENGTH = 88,
	AT_STRINGS = 92
};

static unsigned char value[] = {0, 1, 255, 0};

static struct lc_change sample(enum lc_change_type type)
{
	static char path[] = "d/file", place[] = ".commit/stage/1-2/in-0", attribute[] = "user.a";
	struct lc_change c = {.type = type,
	                      .path = path,
	                      .place = place,
	                      .before = {1ull << 60, S_IFREG | 0640, 999999999, 1ull << 40, -5},
	                      .after = {7, S_IFDIR | 0755, 1, 2, INT64_MAX},
	                      .mode = 0644,
	                      .uid = UINT32_MAX,
	                      .gid = 12,
	                      .attribute = attribute,
	                      .value = value,
	                      .value_length = sizeof value};

	return c;
}

static void encode(const struct lc_change *c, unsigned char **bytes, uint32_t *length)
{
	assert_int_equal(lc_change_encode(c, bytes, length), 0);
}

static void refused(uint32_t type, const unsigned char *bytes, uint32_t length)
{
	struct lc_change c;
	/* of exactly that size, so that a read behind it is seen */
	unsigned char *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	if (length > 0)
		memcpy(copy, bytes, length);
	assert_int_equal(lc_change_decode(type, copy, length, &c), -EBADMSG);
	/* nothing is left in it that would have to be released */
	assert_null(c.path);
	assert_null(c.value);
	free(copy);
}

static void what_is_encoded_is_decoded(void **state)
{
	static const enum lc_change_type types[] = {
	        LC_CHANGE_TAKE,      LC_CHANGE_PUT,     LC_CHANGE_META,   LC_OPERATION_PUT,
	        LC_OPERATION_REMOVE, LC_OPERATION_MOVE, LC_OPERATION_META};
	unsigned char *bytes;
	uint32_t length;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(types); i++) {
		struct lc_change c = sample(types[i]), d;

		encode(&c, &bytes, &length);
		assert_int_equal(lc_change_decode(types[i], bytes, length, &d), 0);
		assert_int_equal(d.type, c.type);
		assert_string_equal(d.path, c.path);
		assert_string_equal(d.place, c.place);
		assert_string_equal(d.attribute, c.attribute);
		assert_int_equal(d.value_length, c.value_length);
		assert_memory_equal(d.value, c.value, c.value_length);
		assert_memory_equal(&d.before, &c.before, sizeof d.before);
		assert_memory_equal(&d.after, &c.after, sizeof d.after);
		assert_int_equal(d.mode, c.mode);
		assert_int_equal(d.uid, c.uid);
		assert_int_equal(d.gid, c.gid);
		lc_change_release(&d);
		lc_change_release(&d);
		free(bytes);
	}
}

static void what_is_left_out_stays_out(void **state)
{
	char path[] = "p";
	struct lc_change c = {.type = LC_CHANGE_META, .path = path}, d;
	unsigned char *bytes;
	uint32_t length;

	(void)state;
	encode(&c, &bytes, &length);
	assert_int_equal(lc_change_decode(LC_CHANGE_META, bytes, length, &d), 0);
	assert_null(d.attribute);
	assert_string_equal(d.place, "");
	assert_int_equal(d.value_length, 0);
	lc_change_release(&d);
	/* only what has a place may be without one */
	refused(LC_CHANGE_PUT, bytes, length);
	refused(LC_CHANGE_TAKE, bytes, length);
	refused(LC_OPERATION_MOVE, bytes, length);
	free(bytes);
}

static void types_that_are_not_known_are_refused(void **state)
{
	static const uint32_t types[] = {0, 1, 2, 3, 4, 15, 31, 36, 255, UINT32_MAX};
	struct lc_change c = sample(LC_CHANGE_PUT);
	unsigned char *bytes;
	uint32_t length;
	size_t i;

	(void)state;
	encode(&c, &bytes, &length);
	for (i = 0; i < COUNT_OF(types); i++)
		refused(types[i], bytes, length);
	free(bytes);
}

static void every_other_length_is_refused(void **state)
{
	struct lc_change c = sample(LC_CHANGE_PUT);
	unsigned char *bytes, *more;
	uint32_t length, cut;

	(void)state;
	encode(&c, &bytes, &length);
	for (cut = 0; cut < length; cut++)
		refused(LC_CHANGE_PUT, bytes, cut);
	more = calloc(1, length + 64);
	assert_non_null(more);
	memcpy(more, bytes, length);
	for (cut = 1; cut <= 64; cut++)
		refused(LC_CHANGE_PUT, more, length + cut);
	free(more);
	free(bytes);
}

static void lengths_inside_that_lie_are_refused(void **state)
{
	static const uint32_t lies[] = {1, 1000, INT32_MAX, UINT32_MAX, UINT32_MAX - 91};
	static const int fields[] = {AT_PATH_LENGTH, AT_PLACE_LENGTH, AT_ATTRIBUTE_LENGTH,
	                             AT_VALUE_LENGTH};
	struct lc_change c = sample(LC_CHANGE_PUT);
	unsigned char *bytes;
	uint32_t length, was;
	size_t i, k;

	(void)state;
	encode(&c, &bytes, &length);
	for (i = 0; i < COUNT_OF(fields); i++)
		for (k = 0; k < COUNT_OF(lies); k++) {
			was = lc_get_le32(bytes + fields[i]);
			lc_put_le32(bytes + fields[i], was + lies[k]);
			refused(LC_CHANGE_PUT, bytes, length);
			lc_put_le32(bytes + fields[i], was);
		}
	/* two that cancel out, also around the end of 32 bits */
	lc_put_le32(bytes + AT_PATH_LENGTH, (uint32_t)strlen(c.path) + 1000);
	lc_put_le32(bytes + AT_VALUE_LENGTH, (uint32_t)sizeof value - 1000);
	refused(LC_CHANGE_PUT, bytes, length);
	free(bytes);
}

static void paths_that_lead_out_are_refused(void **state)
{
	static const char *const bad[] = {"",    "/etc/passwd", "..",   "../x", "a/../../x",
	                            "a//", "a/",          "a//b", "./a",  "."};
	unsigned char *bytes;
	char path[32];
	uint32_t length;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(bad); i++) {
		struct lc_change c = sample(LC_CHANGE_PUT);

		snprintf(path, sizeof path, "%s", bad[i]);
		c.path = path;
		encode(&c, &bytes, &length);
		refused(LC_CHANGE_PUT, bytes, length);
		refused(LC_CHANGE_META, bytes, length);
		free(bytes);
		c = sample(LC_CHANGE_PUT);
		c.place = path;
		encode(&c, &bytes, &length);
		refused(LC_CHANGE_PUT, bytes, length);
		refused(LC_CHANGE_TAKE, bytes, length);
		refused(LC_OPERATION_MOVE, bytes, length);
		free(bytes);
	}
}

static void paths_that_are_too_long_are_refused(void **state)
{
	struct lc_change c = sample(LC_CHANGE_PUT);
	char *path = malloc(PATH_MAX + 2);
	unsigned char *bytes;
	uint32_t length;
	size_t i;

	(void)state;
	assert_non_null(path);
	for (i = 0; i < PATH_MAX; i++)
		path[i] = i % 2 ? '/' : 'p';
	path[PATH_MAX] = '\0';
	path[PATH_MAX - 1] = 'p';
	c.path = path;
	encode(&c, &bytes, &length);
	refused(LC_CHANGE_PUT, bytes, length);
	free(bytes);
	memset(path, 'p', NAME_MAX + 1);
	path[NAME_MAX + 1] = '\0';
	encode(&c, &bytes, &length);
	refused(LC_CHANGE_PUT, bytes, length);
	free(bytes);
	free(path);
}

static void zeros_in_strings_are_refused(void **state)
{
	struct lc_change c = sample(LC_CHANGE_PUT);
	unsigned char *bytes;
	uint32_t length, at, end;

	(void)state;
	encode(&c, &bytes, &length);
	end = length - (uint32_t)sizeof value;
	for (at = AT_STRINGS; at < end; at++) {
		unsigned char was = bytes[at];

		bytes[at] = 0;
		refused(LC_CHANGE_PUT, bytes, length);
		bytes[at] = was;
	}
	free(bytes);
}

/* Whatever stands there, decoding ends, and what it gives can be released. */
static void any_bytes_are_decoded_or_refused(void **state)
{
	struct lc_change c = sample(LC_CHANGE_PUT), d;
	unsigned char *bytes, noise[300];
	uint32_t length, at;
	unsigned seed;
	int rc, bit;

	(void)state;
	encode(&c, &bytes, &length);
	for (at = 0; at < length; at++)
		for (bit = 0; bit < 8; bit++) {
			bytes[at] ^= (unsigned char)(1 << bit);
			rc = lc_change_decode(LC_CHANGE_PUT, bytes, length, &d);
			assert_true(rc == 0 || rc == -EBADMSG);
			if (rc == 0)
				lc_change_release(&d);
			bytes[at] ^= (unsigned char)(1 << bit);
		}
	free(bytes);
	for (seed = 1; seed < 2000; seed++) {
		fill(noise, sizeof noise, seed);
		assert_int_equal(lc_change_decode(seed % 40, noise, seed % sizeof noise, &d),
		                 -EBADMSG);
	}
}

static void is_the_same_with_these_rights_only(const struct lc_identity *version)
{
	struct lc_identity other = *version;

	assert_true(lc_identity_same(version, &other));
	other.mode ^= 0044;
	assert_true(lc_identity_same(version, &other));
	other.inode = 11;
	assert_false(lc_identity_same(version, &other));
	other = *version;
	other.size++;
	assert_false(lc_identity_same(version, &other));
	other = *version;
	other.seconds++;
	assert_false(lc_identity_same(version, &other));
	other = *version;
	other.nanoseconds++;
	assert_false(lc_identity_same(version, &other));
}

static void a_version_is_its_object_and_what_was_written_to_it(void **state)
{
	const struct lc_identity file = {10, S_IFREG | 0644, 3, 100, 5}, none = {0};
	const struct lc_identity directory = {10, S_IFDIR | 0755, 3, 100, 5};
	const struct lc_identity link = {10, S_IFLNK | 0777, 3, 100, 5};
	struct lc_identity other = directory;

	(void)state;
	is_the_same_with_these_rights_only(&file);
	/* the next link often gets the inode of the last */
	is_the_same_with_these_rights_only(&link);
	assert_true(lc_identity_same(&none, &none));
	assert_false(lc_identity_same(&file, &none));
	assert_false(lc_identity_same(&none, &file));
	assert_false(lc_identity_same(&file, &directory));
	assert_false(lc_identity_same(&file, &link));
	/* what is in a directory is no matter of its own */
	other.seconds++;
	other.size++;
	assert_true(lc_identity_same(&directory, &other));
}

static void an_identity_is_taken_from_the_file(void **state)
{
	struct lc_identity identity;
	struct stat st;

	(void)state;
	put("f", "text");
	st = stat_of("f");
	lc_identity_of(&st, &identity);
	assert_int_equal(identity.inode, st.st_ino);
	assert_int_equal(identity.mode, st.st_mode);
	assert_int_equal(identity.size, 4);
	assert_int_equal(identity.seconds, st.st_mtim.tv_sec);
	assert_int_equal(identity.nanoseconds, st.st_mtim.tv_nsec);
}

static void a_list_grows_and_owns_what_is_in_it(void **state)
{
	struct lc_change_list list = {NULL, 0, 0};
	struct lc_change c;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		memset(&c, 0, sizeof c);
		snprintf(name, sizeof name, "%d", i);
		c.path = strdup(name);
		assert_int_equal(lc_change_list_add(&list, &c), 0);
		assert_null(c.path);
	}
	assert_int_equal(list.count, 300);
	assert_string_equal(list.items[299].path, "299");
	assert_string_equal(list.items[0].path, "0");
	lc_change_list_release(&list);
	assert_int_equal(list.count, 0);
	lc_change_list_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(what_is_encoded_is_decoded),
	        EVERY(what_is_left_out_stays_out),
	        EVERY(types_that_are_not_known_are_refused),
	        EVERY(every_other_length_is_refused),
	        EVERY(lengths_inside_that_lie_are_refused),
	        EVERY(paths_that_lead_out_are_refused),
	        EVERY(paths_that_are_too_long_are_refused),
	        EVERY(zeros_in_strings_are_refused),
	        EVERY(any_bytes_are_decoded_or_refused),
	        EVERY(a_version_is_its_object_and_what_was_written_to_it),
	        EVERY(an_identity_is_taken_from_the_file),
	        EVERY(a_list_grows_and_owns_what_is_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
