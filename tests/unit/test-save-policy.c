/* SPDX-License-Identifier: ISC */
/* What a save does with what it finds: links, rights, versions, backups. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

static struct commit_save_options opt;
static struct commit_save_result result;
static struct commit_error err;
static char warnings[4000];
static char token[COMMIT_TOKEN_SIZE];

static void note_warning(void *context, const struct commit_error *warning)
{
	strcat(context, warning->text);
}

static void fresh_options(void)
{
	commit_save_options_init(&opt);
	opt.warn = note_warning;
	opt.context = warnings;
	opt.wait_ms = 0;
	warnings[0] = '\0';
	mark(&err);
}

static int begin(void **state)
{
	fresh_options();
	return support_begin(state);
}

static int save_as(const char *path, const char *text)
{
	return commit_save_bytes(path, text, strlen(text), &opt, &result, &err);
}

static void saved(const char *path, const char *text)
{
	assert_int_equal(save_as(path, text), 0);
	expect_untouched(&err);
	expect_clean();
}

static void refused(const char *path, int code, int errnum)
{
	expect_error(save_as(path, "new"), &err, code, errnum);
	expect_clean();
	mark(&err);
}

static void take_token(const char *path)
{
	assert_int_equal(commit_save_token(path, opt.symlink, token, NULL), 0);
	opt.expect = token;
}

static void links_are_followed_and_kept(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	put("d/f", "old");
	assert_return_code(chmod("d/f", 0640), errno);
	assert_return_code(symlink("d/f", "link"), errno);
	saved("link", "new");
	assert_true(S_ISLNK(stat_of("link").st_mode));
	expect_file("d/f", "new");
	expect_mode("d/f", 0640);
	assert_int_equal(ours_in("d", NULL), 0);
	assert_return_code(symlink("d/fresh", "dangling"), errno);
	saved("dangling", "made");
	expect_file("d/fresh", "made");
	assert_return_code(symlink("loop", "loop"), errno);
	refused("loop", COMMIT_EFAILED, ELOOP);
	assert_true(S_ISLNK(stat_of("loop").st_mode));
}

static void links_are_replaced_or_refused_if_asked(void **state)
{
	(void)state;
	put("f", "old");
	assert_return_code(chmod("f", 0640), errno);
	assert_return_code(symlink("f", "link"), errno);
	opt.symlink = COMMIT_SYMLINK_REFUSE;
	refused("link", COMMIT_EREFUSED, ELOOP);
	opt.symlink = COMMIT_SYMLINK_REPLACE;
	saved("link", "new");
	assert_true(S_ISREG(stat_of("link").st_mode));
	/* not 0777, the link's own */
	expect_mode("link", 0640);
	expect_file("f", "old");
	assert_return_code(symlink("nowhere", "dangling"), errno);
	saved("dangling", "new");
	expect_mode("dangling", 0644);
}

static void hard_links_are_refused_or_broken(void **state)
{
	(void)state;
	put("f", "old");
	assert_return_code(link("f", "g"), errno);
	refused("f", COMMIT_EREFUSED, EMLINK);
	expect_file("f", "old");
	opt.hardlink = COMMIT_HARDLINK_BREAK;
	saved("f", "new");
	expect_file("f", "new");
	expect_file("g", "old");
	assert_int_equal(stat_of("g").st_nlink, 1);
}

static void link_it(void *name)
{
	assert_return_code(link(name, "sibling"), errno);
}

static void hard_links_made_meanwhile_are_seen(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old");
	/* the first lock is the staged file's, the second the target's */
	at_call("flock", 2, link_it, name);
	refused("f", COMMIT_EREFUSED, EMLINK);
	assert_return_code(unlink("sibling"), errno);
	opt.hardlink = COMMIT_HARDLINK_IN_PLACE;
	at_call("flock", 2, link_it, name);
	refused("f", COMMIT_EREFUSED, EMLINK);
	expect_file("f", "old");
}

static void read_only_files_want_force(void **state)
{
	(void)state;
	put("f", "old");
	assert_return_code(chmod("f", 0444), errno);
	refused("f", COMMIT_EREFUSED, EACCES);
	expect_file("f", "old");
	opt.flags = COMMIT_SAVE_FORCE;
	saved("f", "new");
	expect_mode("f", 0444);
	fresh_options();
	assert_return_code(chmod("f", 0644), errno);
	fault("1:EACCES:access");
	refused("f", COMMIT_EREFUSED, EACCES);
	fault("1:EIO:access");
	refused("f", COMMIT_EFAILED, EIO);
	expect_file("f", "new");
}

static void what_is_no_regular_file_is_an_error(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	assert_return_code(mkfifo("fifo", 0644), errno);
	refused("d", COMMIT_EFAILED, EISDIR);
	refused("fifo", COMMIT_EFAILED, EINVAL);
	refused("", COMMIT_EUSAGE, ENOENT);
	refused("fifo/x", COMMIT_EFAILED, ENOTDIR);
	assert_true(S_ISFIFO(stat_of("fifo").st_mode));
}

static void appending_keeps_what_is_there(void **state)
{
	(void)state;
	opt.flags = COMMIT_SAVE_APPEND;
	saved("f", "one ");
	assert_int_equal(result.outcome, COMMIT_CREATED);
	saved("f", "two ");
	expect_file("f", "one two ");
	assert_int_equal(result.bytes, 8);
	saved("f", "");
	assert_int_equal(result.outcome, COMMIT_UNCHANGED);
	saved("none", "");
	expect_absent("none");
	fault("1:EIO:lseek");
	expect_error(save_as("f", "new"), &err, COMMIT_EFAILED, EIO);
	expect_file("f", "one two ");
}

static void what_others_append_before_the_lock_is_kept(void **state)
{
	char name[] = "f";

	(void)state;
	put("f", "old ");
	opt.flags = COMMIT_SAVE_APPEND;
	/* staged file, input, target */
	at_call("flock", 3, rewrite_it, name);
	saved("f", "; new");
	expect_file("f", "written by somebody else; new");
}

static void unchanged_content_leaves_the_file_alone(void **state)
{
	struct stat before;

	(void)state;
	put("f", "same");
	before = stat_of("f");
	opt.flags = COMMIT_SAVE_IF_CHANGED;
	saved("f", "same");
	assert_int_equal(result.outcome, COMMIT_UNCHANGED);
	assert_int_equal(result.flushes, 0);
	assert_int_equal(stat_of("f").st_ino, before.st_ino);
	assert_int_equal(stat_of("f").st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	saved("f", "SAME");
	assert_int_equal(result.outcome, COMMIT_SAVED);
	expect_file("f", "SAME");
	/* another mode is a change too */
	opt.mode_or = 0002;
	saved("f", "SAME");
	assert_int_equal(result.outcome, COMMIT_SAVED);
	expect_mode("f", 0646);
	opt.mode_or = 0;
	fault("1:EIO:pread");
	expect_error(save_as("f", "EMAS"), &err, COMMIT_EFAILED, EIO);
	expect_file("f", "SAME");
}

static void a_held_lock_is_busy(void **state)
{
	int other, cancel[2];

	(void)state;
	put("f", "old");
	other = open_file("f", O_RDONLY);
	assert_return_code(flock(other, LOCK_EX), errno);
	refused("f", COMMIT_EBUSY, EWOULDBLOCK);
	opt.flags = COMMIT_SAVE_LOCK_EARLY;
	refused("f", COMMIT_EBUSY, EWOULDBLOCK);
	assert_return_code(pipe(cancel), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	opt.cancel_fd = cancel[0];
	opt.wait_ms = 60000;
	refused("f", COMMIT_ECANCELED, ECANCELED);
	close(other), close(cancel[0]), close(cancel[1]);
	opt.cancel_fd = -1;
	saved("f", "new");
}

static void an_early_lock_is_had_by_open(void **state)
{
	struct commit_save *save = NULL;
	int other;

	(void)state;
	put("f", "old");
	other = open_file("f", O_RDONLY);
	opt.flags = COMMIT_SAVE_LOCK_EARLY;
	assert_return_code(flock(other, LOCK_EX), errno);
	assert_int_equal(commit_save_open(&save, "f", &opt, &err), COMMIT_EBUSY);
	assert_return_code(flock(other, LOCK_UN), errno);
	assert_int_equal(commit_save_open(&save, "f", &opt, NULL), 0);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
	commit_save_close(save);
	assert_return_code(flock(other, LOCK_EX | LOCK_NB), errno);
	close(other);
}

static void missing_locks_are_a_warning(void **state)
{
	(void)state;
	put("f", "old");
	fault("1:ENOLCK:forever:flock");
	saved("f", "new");
	expect_fired();
	assert_non_null(strstr(warnings, "a lock against other writers"));
	opt.flags = COMMIT_SAVE_STRICT;
	fault("1:ENOLCK:forever:flock");
	refused("f", COMMIT_EFAILED, ENOLCK);
	expect_file("f", "new");
}

static void new_files_get_what_the_kernel_gives(void **state)
{
	static const mode_t masks[] = {0, 022, 027, 077};
	char name[16];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(masks); i++) {
		umask(masks[i]);
		snprintf(name, sizeof name, "n%zu", i);
		saved(name, "x");
		expect_mode(name, 0666 & ~masks[i]);
		opt.create_mode = 06777;
		snprintf(name, sizeof name, "x%zu", i);
		saved(name, "x");
		expect_mode(name, 0777 & ~masks[i]);
		opt.create_mode = 0666;
		/* an existing file keeps its mode whatever the umask is */
		assert_return_code(chmod(name, 0666), errno);
		saved(name, "y");
		expect_mode(name, 0666);
	}
	umask(022);
	assert_return_code(mkdir("d", 0755), errno);
	give_acl("d", "system.posix_acl_default", 6);
	saved("d/f", "x");
	assert_true(getxattr("d/f", "system.posix_acl_access", NULL, 0) > 0);
	assert_true(stat_of("d/f").st_mode & 0040);
}

static void what_is_not_preserved_is_as_in_a_new_file(void **state)
{
	(void)state;
	put("f", "old");
	assert_return_code(chmod("f", 0700), errno);
	opt.no_preserve = COMMIT_KEEP_MODE;
	saved("f", "new");
	expect_mode("f", 0644);
	opt.mode_and = 07700;
	opt.mode_or = 0001;
	saved("f", "new");
	expect_mode("f", 0601);
}

static void backups_are_made_in_the_same_act(void **state)
{
	(void)state;
	put("f", "one");
	assert_return_code(chmod("f", 0640), errno);
	opt.backup = COMMIT_BACKUP_SIMPLE;
	opt.mode_or = 0004;
	saved("f", "two");
	assert_string_equal(result.backup, "f~");
	expect_file("f~", "one");
	/* what the old file was, not what the new one shall be */
	expect_mode("f~", 0640);
	expect_mode("f", 0644);
	saved("f", "three");
	expect_file("f~", "two");
	opt.backup = COMMIT_BACKUP_EXISTING;
	saved("f", "four");
	expect_file("f~", "three");
	opt.backup = COMMIT_BACKUP_NUMBERED;
	saved("f", "five");
	expect_file("f.~1~", "four");
	opt.backup = COMMIT_BACKUP_EXISTING;
	saved("f", "six");
	expect_file("f.~2~", "five");
	assert_string_equal(result.backup, "f.~2~");
	saved("fresh", "new");
	assert_string_equal(result.backup, "");
}

static void a_failed_commit_takes_its_backup_back(void **state)
{
	(void)state;
	put("f", "old");
	put("f~", "older");
	opt.backup = COMMIT_BACKUP_SIMPLE;
	fault("1:EBUSY:rename");
	refused("f", COMMIT_EFAILED, EBUSY);
	expect_file("f", "old");
	expect_file("f~", "older");
	fault("1:EROFS:noreplace");
	opt.suffix = ".bak";
	refused("f", COMMIT_EFAILED, EROFS);
	expect_absent("f.bak");
	opt.suffix = "~";
	fault("1:EIO:unlink");
	expect_error(save_as("f", "new"), &err, COMMIT_EPENDING, EIO);
	expect_file("f", "new");
	expect_file("f~", "old");
}

static void names_of_255_bytes_work(void **state)
{
	char name[NAME_MAX + 1];

	(void)state;
	memset(name, 'n', NAME_MAX);
	name[NAME_MAX] = '\0';
	saved(name, "one");
	saved(name, "two");
	take_token(name);
	saved(name, "three");
	expect_file(name, "three");
	fresh_options();
	opt.backup = COMMIT_BACKUP_SIMPLE;
	refused(name, COMMIT_EFAILED, ENAMETOOLONG);
	expect_file(name, "three");
}

static const char *validator_does;
static unsigned validated;

static int validate(void *context, const char *staged, const char *target, struct commit_error *why)
{
	(void)context;
	validated++;
	assert_string_equal(strrchr(staged, '/') + 1, "f");
	assert_string_equal(target, "f");
	expect_file(staged, "new");
	expect_mode(staged, 0640);
	if (strcmp(validator_does, "refuse") == 0) {
		why->code = COMMIT_EREFUSED;
		why->errnum = 0;
		why->operation = "validate";
		strcpy(why->path, target);
		strcpy(why->text, "no");
		return COMMIT_EREFUSED;
	}
	if (strcmp(validator_does, "write") == 0)
		put(staged, "evil");
	if (strcmp(validator_does, "chmod") == 0)
		assert_return_code(chmod(staged, 0777), errno);
	if (strcmp(validator_does, "unlink") == 0)
		assert_return_code(unlink(staged), errno);
	return 0;
}

static void validators_see_what_will_be_there(void **state)
{
	static const char *const bad[] = {"refuse", "write", "chmod", "unlink"};
	size_t i;

	(void)state;
	opt.validate = validate;
	for (i = 0; i < COUNT_OF(bad); i++) {
		put("f", "old");
		assert_return_code(chmod("f", 0640), errno);
		validator_does = bad[i];
		refused("f", COMMIT_EREFUSED, 0);
		expect_file("f", "old");
	}
	validator_does = "nothing";
	validated = 0;
	saved("f", "new");
	assert_int_equal(validated, 1);
	expect_file("f", "new");
	fault("1:EIO:mkdir");
	refused("f", COMMIT_EFAILED, EIO);
}

#define POLICY(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        POLICY(links_are_followed_and_kept),
	        POLICY(links_are_replaced_or_refused_if_asked),
	        POLICY(hard_links_are_refused_or_broken),
	        POLICY(hard_links_made_meanwhile_are_seen),
	        POLICY(read_only_files_want_force),
	        POLICY(what_is_no_regular_file_is_an_error),
	        POLICY(appending_keeps_what_is_there),
	        POLICY(what_others_append_before_the_lock_is_kept),
	        POLICY(unchanged_content_leaves_the_file_alone),
	        POLICY(a_held_lock_is_busy),
	        POLICY(an_early_lock_is_had_by_open),
	        POLICY(missing_locks_are_a_warning),
	        POLICY(new_files_get_what_the_kernel_gives),
	        POLICY(what_is_not_preserved_is_as_in_a_new_file),
	        POLICY(backups_are_made_in_the_same_act),
	        POLICY(a_failed_commit_takes_its_backup_back),
	        POLICY(names_of_255_bytes_work),
	        POLICY(validators_see_what_will_be_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
