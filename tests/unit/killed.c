/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "killed.h"

#include "support.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

struct commit_recover_options opt;
struct commit_recover_totals totals;
struct commit_error err;
struct commit_finding last;
char last_path[5000], last_target[5000], warned[5000];

static void keep_finding(void *context, const struct commit_finding *finding)
{
	assert_ptr_equal(context, &opt);
	last = *finding;
	strcpy(last_path, finding->path);
	strcpy(last_target, finding->target);
}

static void keep_warning(void *context, const struct commit_error *warning)
{
	assert_ptr_equal(context, &opt);
	strcpy(warned, warning->path);
}

void killed_options(void)
{
	commit_recover_options_init(&opt);
	opt.found = keep_finding;
	opt.warn = keep_warning;
	opt.context = &opt;
	memset(&last, 0, sizeof last);
	last.decision = (enum commit_decision) - 1;
	warned[0] = '\0';
}

int killed_begin(void **state)
{
	killed_options();
	return support_begin(state);
}

int scan(const char *path)
{
	memset(&totals, 0, sizeof totals);
	mark(&err);
	return commit_recover_scan(path, &opt, &totals, &err);
}

void finds(const char *path, enum commit_decision decision, int done)
{
	int wanted = decision == COMMIT_DECIDE_CONFLICT ? COMMIT_ECONFLICT : 0;
	int rc = scan(path);

	if (rc != wanted || totals.found != 1 || last.decision != decision || last.done != done)
		fail_msg("code %d, %d found, the last %d, done %d: %s", rc, (int)totals.found,
		         (int)last.decision, last.done, last.reason ? last.reason : "");
	assert_int_equal(totals.repaired, done);
	if (wanted)
		expect_error(rc, &err, wanted, 0);
	else
		expect_untouched(&err);
}

void finds_nothing(const char *path)
{
	assert_int_equal(scan(path), 0);
	assert_int_equal(totals.found, 0);
	expect_untouched(&err);
}

static int approve(void *context, const char *path, const char *target, struct commit_error *why)
{
	(void)context, (void)path, (void)target, (void)why;
	/* killed while it judges */
	kill(getpid(), SIGKILL);
	return 0;
}

static int die(void *context)
{
	const struct death *death = context;
	struct commit_save_options save;
	char token[COMMIT_TOKEN_SIZE];

	commit_save_options_init(&save);
	save.flags = death->flags;
	save.journal_dir = death->journal_dir;
	if (death->validates)
		save.validate = approve;
	if (death->conditional) {
		commit_save_token("f", COMMIT_SYMLINK_FOLLOW, token, NULL);
		save.expect = token;
	}
	fault(death->when);
	commit_save_bytes("f", "new", 3, &save, NULL, NULL);
	return 0;
}

void leave_killed(const struct death *death, char name[256])
{
	struct death copy = *death;

	put("f", "old");
	assert_int_equal(in_child(die, &copy), 128 + SIGKILL);
	assert_int_equal(ours_in(death->journal_dir ? death->journal_dir : ".", name), 1);
}

const struct death staged = {.when = "1:kill:rename"};
const struct death displaced = {.when = "1:kill:exchange", .conditional = 1};
const struct death exchanged = {.when = "1:kill:unlink", .conditional = 1};
const struct death judged = {.when = NULL, .validates = 1};
const struct death edited = {.when = "3:kill:pwrite", .flags = COMMIT_SAVE_IN_PLACE};
const struct death elsewhere = {.when = "1:EACCES:tmpfile,3:kill:pwrite",
                                .flags = COMMIT_SAVE_IN_PLACE,
                                .journal_dir = "journals"};
