/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "name.h"

#include <errno.h>
#include <string.h>

#define DIR_INODE ((ino_t)4711)

static const struct stat version = {.st_ino = 20, .st_size = 30, .st_mtim = {40, 50}};

static struct lc_name parsed(const char *text)
{
	struct lc_name name;

	lc_name_parse(text, &name);
	return name;
}

static void names_have_their_form(void **state)
{
	char text[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	assert_int_equal(strlen(text), 57);
	assert_int_equal(strncmp(text, ".commit-", 8), 0);
	assert_int_equal(parsed(text).kind, LC_NAME_STAGED);
	assert_int_equal(lc_name_make(LC_NAME_STAGE_DIR, DIR_INODE, text), 0);
	assert_int_equal(parsed(text).kind, LC_NAME_STAGE_DIR);
	assert_int_equal(lc_name_make_in_place(DIR_INODE, "f", text), 0);
	assert_int_equal(parsed(text).kind, LC_NAME_IN_PLACE);
	assert_int_equal(lc_name_make_displaced(DIR_INODE, 5, &version, text), 0);
	name = parsed(text);
	assert_int_equal(name.kind, LC_NAME_DISPLACED);
	assert_true(strlen(text) < LC_NAME_SIZE - 1);
}

static void two_names_differ(void **state)
{
	char a[LC_NAME_SIZE], b[LC_NAME_SIZE];

	(void)state;
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, a), 0);
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, b), 0);
	assert_string_not_equal(a, b);
}

static void a_name_is_proven_in_its_directory_only(void **state)
{
	char text[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	name = parsed(text);
	assert_true(lc_name_proven(&name, DIR_INODE));
	assert_false(lc_name_proven(&name, DIR_INODE + 1));
	/* nor under another kind */
	strcpy(strrchr(text, '.'), ".inplace");
	name = parsed(text);
	assert_int_equal(name.kind, LC_NAME_IN_PLACE);
	assert_false(lc_name_proven(&name, DIR_INODE));
}

static void every_changed_digit_is_seen(void **state)
{
	char text[LC_NAME_SIZE];
	struct lc_name name;
	size_t i;

	(void)state;
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	for (i = 0; i < strlen(text); i++) {
		text[i] ^= 1;
		name = parsed(text);
		assert_true(name.kind == LC_NAME_NONE || !lc_name_proven(&name, DIR_INODE));
		text[i] ^= 1;
	}
}

static void other_names_are_not_ours(void **state)
{
	static const char *const others[] = {
	        "",
	        "f",
	        ".commit",
	        ".commit-",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.stage",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.stagedx",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef.displaced",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef-0123456789abcdef.staged",
	        ".commit-0123456789abcdef-01234567-0123456789abcdef-012.displaced",
	        ".commit-0123456789ABCDEF-01234567-0123456789abcdef.staged",
	        ".commit-0123456789abcdef-0123456-0123456789abcdef.staged",
	        ".commit-0123456789abcdef-01234567-0123456789abcde.staged",
	        "xcommit-0123456789abcdef-01234567-0123456789abcdef.staged",
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(others); i++)
		if (parsed(others[i]).kind != LC_NAME_NONE)
			fail_msg("%s was taken for ours", others[i]);
	assert_int_equal(parsed(".commit-0123456789abcdef-01234567-0123456789abcdef.staged").kind,
	                 LC_NAME_STAGED);
}

static void displaced_names_tell_three_versions_apart(void **state)
{
	struct stat staged = {.st_ino = 10}, other = version;
	char text[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_name_make_displaced(DIR_INODE, 10, &version, text), 0);
	name = parsed(text);
	assert_true(lc_name_is_staged(&name, DIR_INODE, &staged));
	assert_false(lc_name_is_staged(&name, DIR_INODE, &version));
	assert_false(lc_name_is_staged(&name, DIR_INODE + 1, &staged));
	assert_true(lc_name_is_expected(&name, DIR_INODE, &version));
	assert_false(lc_name_is_expected(&name, DIR_INODE, &staged));
	assert_false(lc_name_is_expected(&name, DIR_INODE + 1, &version));
	other.st_size++;
	assert_false(lc_name_is_expected(&name, DIR_INODE, &other));
	other = version;
	other.st_mtim.tv_nsec++;
	assert_false(lc_name_is_expected(&name, DIR_INODE, &other));
	other = version;
	other.st_mtim.tv_sec++;
	assert_false(lc_name_is_expected(&name, DIR_INODE, &other));
	/* our own rename changes the ctime */
	other = version;
	other.st_ctim.tv_sec++;
	assert_true(lc_name_is_expected(&name, DIR_INODE, &other));
}

static void journal_names_can_be_found_again(void **state)
{
	char a[LC_NAME_SIZE], b[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_name_make_in_place(DIR_INODE, "f", a), 0);
	assert_int_equal(lc_name_make_in_place(DIR_INODE, "f", b), 0);
	assert_string_equal(a, b);
	name = parsed(a);
	assert_true(lc_name_proven(&name, DIR_INODE));
	/* also after a reboot */
	assert_int_equal(name.boot, 0);
	assert_int_equal(lc_name_make_in_place(DIR_INODE, "g", b), 0);
	assert_string_not_equal(a, b);
	assert_int_equal(lc_name_make_in_place(DIR_INODE + 1, "f", b), 0);
	assert_string_not_equal(a, b);
}

static void the_boot_is_known(void **state)
{
	char text[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	name = parsed(text);
	assert_true(lc_name_this_boot(&name));
	name.boot++;
	assert_false(lc_name_this_boot(&name));
}

/* The first test, because a boot id that was read once is kept. */
static void without_a_boot_id_no_boot_is_this_one(void **state)
{
	char text[LC_NAME_SIZE];
	struct lc_name name;

	(void)state;
	fault("1:ENOENT:open");
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	name = parsed(text);
	assert_true(lc_name_proven(&name, DIR_INODE));
	assert_false(lc_name_this_boot(&name));
	name.boot = 1;
	fault("1:ENOENT:open");
	assert_false(lc_name_this_boot(&name));
	fault("1:EIO:read");
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), 0);
	assert_int_equal(parsed(text).boot, 0);
}

static void without_random_bytes_there_is_no_name(void **state)
{
	char text[LC_NAME_SIZE];

	(void)state;
	fault("1:EIO:forever:random");
	assert_int_equal(lc_name_make(LC_NAME_STAGED, DIR_INODE, text), -EIO);
	assert_int_equal(lc_name_make_displaced(DIR_INODE, 1, &version, text), -EIO);
	assert_int_equal(lc_name_make_in_place(DIR_INODE, "f", text), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(without_a_boot_id_no_boot_is_this_one),
	        EVERY(names_have_their_form),
	        EVERY(two_names_differ),
	        EVERY(a_name_is_proven_in_its_directory_only),
	        EVERY(every_changed_digit_is_seen),
	        EVERY(other_names_are_not_ours),
	        EVERY(displaced_names_tell_three_versions_apart),
	        EVERY(journal_names_can_be_found_again),
	        EVERY(the_boot_is_known),
	        EVERY(without_random_bytes_there_is_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
