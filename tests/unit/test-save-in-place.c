/* SPDX-License-Identifier: ISC */
/* Saves that keep the inode, and what is done about those that were cut short. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct commit_save_options opt;
static struct commit_save_result result;
static struct commit_error err;

static void fresh_options(void)
{
	commit_save_options_init(&opt);
	opt.flags = COMMIT_SAVE_IN_PLACE;
	opt.wait_ms = 0;
	mark(&err);
}

static int begin(void **state)
{
	fresh_options();
	return support_begin(state);
}

static int save_as(const char *text)
{
	return commit_save_bytes("f", text, strlen(text), &opt, &result, &err);
}

static void saved(const char *text)
{
	assert_int_equal(save_as(text), 0);
	expect_untouched(&err);
	expect_clean();
}

static void refused(int code, int errnum)
{
	expect_error(save_as("new content"), &err, code, errnum);
	mark(&err);
}

/* What a child process does before it is killed */
static int save_new(void *fault_wanted)
{
	fault(fault_wanted);
	save_as("new content");
	return 0;
}

/* An edit that was committed, and then killed */
#define AT_UNLINK "1:kill:unlink"
#define AT_FIRST_WRITE "3:kill:pwrite"

static void interrupt(const char *when)
{
	char wanted[64];

	strcpy(wanted, when);
	assert_int_equal(in_child(save_new, wanted), 128 + SIGKILL);
	assert_int_equal(ours_in(".", NULL), 1);
}

static void the_inode_stays_and_all_its_names_too(void **state)
{
	ino_t before;

	(void)state;
	put("f", "old and longer than the new one");
	assert_return_code(chmod("f", 0751), errno);
	assert_return_code(link("f", "g"), errno);
	before = stat_of("f").st_ino;
	saved("new content");
	assert_int_equal(result.outcome, COMMIT_EDITED);
	assert_int_equal(result.bytes, 11);
	assert_int_equal(stat_of("f").st_ino, before);
	expect_file("g", "new content");
	expect_mode("f", 0751);
}

static void linked_files_are_edited_if_the_policy_says_so(void **state)
{
	(void)state;
	put("f", "old");
	opt.flags = 0;
	opt.hardlink = COMMIT_HARDLINK_IN_PLACE;
	saved("one");
	assert_int_equal(result.outcome, COMMIT_SAVED);
	assert_return_code(link("f", "g"), errno);
	saved("two");
	assert_int_equal(result.outcome, COMMIT_EDITED);
	expect_file("g", "two");
}

static void options_work_in_place_too(void **state)
{
	(void)state;
	put("f", "old");
	opt.flags |= COMMIT_SAVE_APPEND;
	saved(" new");
	expect_file("f", "old new");
	opt.flags = COMMIT_SAVE_IN_PLACE | COMMIT_SAVE_IF_CHANGED;
	saved("old new");
	assert_int_equal(result.outcome, COMMIT_UNCHANGED);
	opt.flags = COMMIT_SAVE_IN_PLACE | COMMIT_SAVE_ALLOW_EMPTY;
	saved("");
	expect_file("f", "");
	opt.backup = COMMIT_BACKUP_NUMBERED;
	opt.mode_and = 0700;
	saved("two");
	expect_file("f.~1~", "");
	expect_mode("f", 0600);
	opt.sync = COMMIT_SYNC_NONE;
	saved("three");
	assert_int_equal(result.flushes, 0);
}

static void where_there_is_no_file_one_is_created(void **state)
{
	(void)state;
	saved("new");
	assert_int_equal(result.outcome, COMMIT_CREATED);
	expect_file("f", "new");
}

static int judge(void *context, const char *staged, const char *target, struct commit_error *why)
{
	(void)why;
	expect_file(staged, "new content");
	expect_mode(staged, 0640);
	expect_file(target, "old");
	return *(int *)context;
}

static void validators_see_the_content_not_the_journal(void **state)
{
	int answer = 0;

	(void)state;
	put("f", "old");
	assert_return_code(chmod("f", 0640), errno);
	opt.validate = judge;
	opt.context = &answer;
	saved("new content");
	put("f", "old");
	answer = COMMIT_EREFUSED;
	assert_int_equal(save_as("new content"), COMMIT_EREFUSED);
	expect_file("f", "old");
	expect_clean();
}

static void make_it(void *name)
{
	put(name, "theirs");
}

static void a_file_that_comes_or_goes_meanwhile_is_refused(void **state)
{
	char name[] = "f";

	(void)state;
	at_call("flock", 2, make_it, name);
	refused(COMMIT_EREFUSED, ESTALE);
	expect_file("f", "theirs");
	at_call("flock", 2, unlink_it, name);
	refused(COMMIT_EREFUSED, ESTALE);
	/* between the lock and the open for editing: ".", "f", "f" again */
	put("f", "old");
	at_call("open", 3, replace_it, name);
	refused(COMMIT_EFAILED, ESTALE);
	expect_file("f", "replaced by somebody else");
	put("f", "old");
	at_call("getxattr", 1, replace_it, name);
	/* replaced after it was opened for editing: the edit goes to the old inode */
	save_as("new content");
	expect_file("f", "replaced by somebody else");
}

static void journals_live_elsewhere_where_they_must(void **state)
{
	(void)state;
	put("f", "old");
	opt.journal_dir = "journals";
	fault("1:EACCES:tmpfile");
	saved("new content");
	expect_file("f", "new content");
	assert_int_equal(ours_in("journals", NULL), 0);
	fault("1:EROFS:tmpfile,1:EIO:noreplace");
	refused(COMMIT_EFAILED, EIO);
	opt.journal_dir = NULL;
	setenv("COMMIT_JOURNAL_DIR", "/proc/nowhere", 1);
	fault("1:EACCES:tmpfile");
	assert_int_equal(save_as("x"), COMMIT_EFAILED);
	expect_file("f", "new content");
}

static void before_the_commit_nothing_has_changed(void **state)
{
	static const char *const faults[] = {"1:ENOSPC:reserve", "1:EIO:noreplace", "1:EIO:statfs",
	                                     "1:EIO:fsync",      "1:EIO:pwrite",    "1:EIO:linkfd"};
	size_t i;

	(void)state;
	put("f", "old");
	put("f~", "older");
	opt.backup = COMMIT_BACKUP_SIMPLE;
	for (i = 0; i < COUNT_OF(faults); i++) {
		fault(faults[i]);
		if (save_as("new content") != COMMIT_EFAILED)
			fail_msg("%s", faults[i]);
		expect_fired();
		expect_file("f", "old");
		expect_file("f~", "older");
		expect_clean();
	}
}

#define HOLE ((off_t)1 << 20)

/* "f": a hole, a word, and a hole at the end */
static struct stat put_sparse(void)
{
	int fd;

	put("f", "");
	fd = open_file("f", O_RDWR);
	assert_int_equal(pwrite(fd, "word", 4, HOLE), 4);
	assert_return_code(ftruncate(fd, 2 * HOLE), errno);
	assert_return_code(fsync(fd), errno);
	close(fd);
	return stat_of("f");
}

/* More than the sparse file holds, so that room is reserved for it */
static int save_much(void)
{
	static char much[3 * HOLE];

	fill(much, sizeof much, 1);
	return commit_save_bytes("f", much, sizeof much, &opt, &result, &err);
}

static void room_that_was_not_needed_is_given_back(void **state)
{
	static const char *const faults[] = {"1:EIO:noreplace", "1:EIO:noreplace,1:EIO:punch"};
	struct stat before, after;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		before = put_sparse();
		fault(faults[i]);
		expect_error(save_much(), &err, COMMIT_EFAILED, EIO);
		expect_fired();
		after = stat_of("f");
		assert_int_equal(after.st_size, before.st_size);
		assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
		if (i == 0)
			assert_int_equal(after.st_blocks, before.st_blocks);
		expect_clean();
	}
}

static void write_behind(void *name)
{
	int fd = open_file(name, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "theirs", 6), 6);
	close(fd);
}

/* Their bytes may lie where room was reserved. */
static void room_in_a_file_that_others_wrote_is_left(void **state)
{
	char name[] = "f", back[7] = "";
	int fd;

	(void)state;
	put_sparse();
	fault("1:EIO:noreplace");
	at_call("noreplace", 1, write_behind, name);
	expect_error(save_much(), &err, COMMIT_EFAILED, EIO);
	assert_int_equal(stat_of("f").st_size, 2 * HOLE + 6);
	fd = open_file("f", O_RDONLY);
	assert_int_equal(pread(fd, back, 6, 2 * HOLE), 6);
	assert_string_equal(back, "theirs");
	close(fd);
}

static void a_failed_flush_of_the_journal_is_undecided(void **state)
{
	(void)state;
	put("f", "old");
	fault("2:EIO:fsync");
	refused(COMMIT_EUNDECIDED, EIO);
	expect_fired();
	/* not a byte was written, and the journal is there for recovery */
	expect_file("f", "old");
	assert_int_equal(ours_in(".", NULL), 1);
	saved("next");
	expect_file("f", "next");
}

static void after_the_commit_it_is_pending(void **state)
{
	static const char *const faults[] = {"3:EIO:pwrite", "3:EIO:fsync", "1:EIO:unlink"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		put("f", "old");
		fault(faults[i]);
		refused(COMMIT_EPENDING, EIO);
		expect_fired();
		assert_int_equal(ours_in(".", NULL), 1);
		assert_int_equal(commit_recover_scan("f", NULL, NULL, NULL), 0);
		expect_file("f", "new content");
		expect_clean();
	}
	put("f", "old");
	fault("4:EIO:fsync");
	refused(COMMIT_EPENDING, EIO);
	expect_file("f", "new content");
	expect_clean();
	fault("2:EINVAL:fsync,4:EOPNOTSUPP:fsync");
	saved("no such flush");
}

static void the_next_save_finishes_what_was_interrupted(void **state)
{
	static const char *const whens[] = {AT_FIRST_WRITE, AT_UNLINK};
	char token[COMMIT_TOKEN_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(whens); i++) {
		put("f", "old and longer than the new one");
		interrupt(whens[i]);
		expect_error(commit_save_token("f", COMMIT_SYMLINK_FOLLOW, token, &err), &err,
		             COMMIT_EPENDING, 0);
		mark(&err);
		opt.flags = COMMIT_SAVE_APPEND;
		saved(", appended");
		expect_file("f", "new content, appended");
		fresh_options();
	}
}

static void an_edit_that_lives_is_waited_for(void **state)
{
	char name[256];
	int fd;

	(void)state;
	put("f", "old");
	interrupt(AT_UNLINK);
	assert_int_equal(ours_in(".", name), 1);
	fd = open_file(name, O_RDONLY);
	assert_return_code(flock(fd, LOCK_EX), errno);
	refused(COMMIT_EBUSY, EWOULDBLOCK);
	close(fd);
	fault("1:EIO:flock");
	refused(COMMIT_EFAILED, EIO);
	fault("1:EIO:pwrite");
	refused(COMMIT_EPENDING, EIO);
	saved("next");
}

static void an_edit_by_somebody_else_since_wants_a_person(void **state)
{
	char name[256];

	(void)state;
	put("f", "old");
	interrupt(AT_UNLINK);
	assert_int_equal(ours_in(".", name), 1);
	put("f", "edited by hand");
	refused(COMMIT_ECONFLICT, 0);
	expect_file("f", "edited by hand");
	expect_absent("f~");
	assert_int_equal(ours_in(".", NULL), 1);
}

/* A journal says who shall own the file, and with which set-id bits. */
static void the_journal_of_another_user_is_not_obeyed(void **state)
{
	char name[256];

	(void)state;
	need_root();
	put("f", "old");
	interrupt(AT_FIRST_WRITE);
	assert_int_equal(ours_in(".", name), 1);
	assert_return_code(chown(name, 1000, 1000), errno);
	refused(COMMIT_ECONFLICT, EPERM);
	expect_file("f", "old");
	assert_int_equal(ours_in(".", NULL), 1);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        IN_PLACE(the_inode_stays_and_all_its_names_too),
	        IN_PLACE(linked_files_are_edited_if_the_policy_says_so),
	        IN_PLACE(options_work_in_place_too),
	        IN_PLACE(where_there_is_no_file_one_is_created),
	        IN_PLACE(validators_see_the_content_not_the_journal),
	        IN_PLACE(a_file_that_comes_or_goes_meanwhile_is_refused),
	        IN_PLACE(journals_live_elsewhere_where_they_must),
	        IN_PLACE(before_the_commit_nothing_has_changed),
	        IN_PLACE(room_that_was_not_needed_is_given_back),
	        IN_PLACE(room_in_a_file_that_others_wrote_is_left),
	        IN_PLACE(a_failed_flush_of_the_journal_is_undecided),
	        IN_PLACE(after_the_commit_it_is_pending),
	        IN_PLACE(the_next_save_finishes_what_was_interrupted),
	        IN_PLACE(an_edit_that_lives_is_waited_for),
	        IN_PLACE(an_edit_by_somebody_else_since_wants_a_person),
	        IN_PLACE(the_journal_of_another_user_is_not_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
