/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "storm.h"

#include "fault.h"

#include <commit.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MAX = 60, FAULT_CALLS = 320 };

/* --- what happens to a process ------------------------------------------- */

/* A death at a call, an error of a flush or of any call, a signal, or nothing. */
void fate_choose(struct dice *dice, struct fate *fate)
{
	static const char *const errors[] = {"EIO", "ENOSPC", "EMFILE", "EINTR"};
	unsigned which = dice_roll(dice, 20);
	unsigned at = 1 + dice_roll(dice, FAULT_CALLS);

	memset(fate, 0, sizeof *fate);
	if (which < 8)
		snprintf(fate->faults, sizeof fate->faults, "%u:kill", at);
	else if (which < 11)
		snprintf(fate->faults, sizeof fate->faults, "%u:EIO:once:fdatasync",
		         1 + dice_roll(dice, 4));
	else if (which < 12)
		snprintf(fate->faults, sizeof fate->faults, "%u:EIO:once:syncfs",
		         1 + dice_roll(dice, 2));
	else if (which < 13)
		snprintf(fate->faults, sizeof fate->faults, "%u:%s:once", at,
		         errors[dice_roll(dice, 4)]);
	else if (which < 14)
		snprintf(fate->faults, sizeof fate->faults, "%u:EIO:forever", at);
	else if (which < 17)
		fate->kill_after_us = 1 + dice_roll(dice, 4000);
}

static void sleep_us(unsigned us)
{
	const struct timespec pause = {us / 1000000, (long)(us % 1000000) * 1000};

	nanosleep(&pause, NULL);
}

/* Waits for it; kills it when its time has come. */
static outcome_t await(pid_t pid, const struct fate *fate)
{
	int status;

	if (fate && fate->kill_after_us) {
		sleep_us(fate->kill_after_us);
		kill(pid, SIGKILL);
	}
	alarm(SECONDS_MAX);
	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			err(1, "waitpid");
	alarm(0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

outcome_t run_child(const struct fate *fate, int (*act)(void *context), void *context)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		lc_fault_arm(fate ? fate->faults : "");
		_exit(act(context));
	}
	return await(pid, fate);
}

outcome_t run_tool(const char *const *argv, const struct fate *fate)
{
	char path[4096];
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		snprintf(path, sizeof path, "%s/%s", getenv("LC_FAULT_BIN"), argv[0]);
		if (fate && fate->faults[0])
			setenv("COMMIT_FAULT", fate->faults, 1);
		if (!verbose) {
			int null = open("/dev/null", O_WRONLY);

			dup2(null, 1);
			dup2(null, 2);
		}
		execv(path, (char *const *)argv);
		_exit(126);
	}
	return await(pid, fate);
}

/* --- a transaction ------------------------------------------------------- */

static int make_op(struct commit_txn *txn, const struct op *op, struct commit_error *error)
{
	unsigned char bytes[CONTENT_SIZE_MAX];
	char target[32];
	size_t length;

	switch (op->type) {
	case OP_PUT:
		length = content_fill(op->content, bytes, sizeof bytes);
		return commit_txn_put_bytes(txn, op->path, bytes, length, error);
	case OP_RM:
		return commit_txn_rm(txn, op->path, error);
	case OP_MKDIR:
		return commit_txn_mkdir(txn, op->path, op->mode, error);
	case OP_RMDIR:
		return commit_txn_rmdir(txn, op->path, error);
	case OP_MV:
		return commit_txn_mv(txn, op->path, op->to, error);
	case OP_SYMLINK:
		snprintf(target, sizeof target, "%llu", (unsigned long long)op->content);
		return commit_txn_symlink(txn, target, op->path, error);
	case OP_LINK:
		return commit_txn_link(txn, op->path, op->to, error);
	default:
		return commit_txn_chmod(txn, op->path, op->mode, error);
	}
}

static const char *const op_names[] = {"put", "rm",      "mkdir", "rmdir",
                                       "mv",  "symlink", "link",  "chmod"};

static void tell_op(const struct op *op)
{
	tell("    %s %s %s %o %llu", op_names[op->type], op->path, op->to, op->mode,
	     (unsigned long long)op->content);
}

static int make_all(struct commit_txn *txn, const struct ops *ops, struct commit_error *error)
{
	int i, rc = 0;

	for (i = 0; i < ops->count && !rc; i++) {
		tell_op(&ops->items[i]);
		rc = make_op(txn, &ops->items[i], error);
	}
	return rc;
}

static int transact(void *context)
{
	struct dice dice = {*(const uint64_t *)context};
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_txn_options options;
	struct commit_store *store;
	struct commit_txn *txn;
	struct state state;
	struct ops ops;
	int rc = commit_store_open(&store, "root", COMMIT_STORE_CREATE, NULL, &error);

	if (rc == 0) {
		/* Opening has recovered what there was: the tree is whole. */
		state_look("root", &state);
		ops_make(&dice, &state, &ops);
		commit_txn_options_init(&options);
		if (*(const uint64_t *)context & 1)
			options.flags = COMMIT_TXN_LOG_CONTENTS;
		rc = commit_txn_begin(&txn, store, &options, &error);
		if (rc == 0) {
			rc = make_all(txn, &ops, &error);
			if (rc == 0)
				rc = commit_txn_commit(txn, NULL, &error);
			commit_txn_close(txn);
		}
		commit_store_close(store);
	}
	if (rc)
		tell("    %s: %s: %s (%d)", error.operation, error.path, error.text, error.errnum);
	return -rc;
}

outcome_t run_transaction(const struct fate *fate, uint64_t dice)
{
	outcome_t outcome = run_child(fate, transact, &dice);

	tally.transactions++;
	tally.kills += outcome < 0;
	tally.undecided += outcome == 6;
	tally.committed += outcome == 0;
	tell("  transaction with %s, kill after %u us: %d", fate->faults, fate->kill_after_us,
	     outcome);
	return outcome;
}

/* --- recovery ------------------------------------------------------------ */

static int open_and_close(void *context)
{
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_store *store;
	int rc = commit_store_open(&store, "root", COMMIT_STORE_CREATE, NULL, &error);

	(void)context;
	if (rc == 0)
		commit_store_close(store);
	else
		tell("    %s: %s: %s (%d)", error.operation, error.path, error.text, error.errnum);
	return -rc;
}

outcome_t run_recovery(struct dice *dice, const struct fate *fate)
{
	static const char *const recover[] = {"commit-recover", "--repaired-ok", "root", NULL};
	static const char *const read[] = {"commit-txn", "read", "-C", "root", "--", "true", NULL};
	unsigned way = dice_roll(dice, 3);
	outcome_t outcome;

	tally.recoveries++;
	if (way == 0)
		outcome = run_child(fate, open_and_close, NULL);
	else
		outcome = run_tool(way == 1 ? recover : read, fate);
	tell("  recovery by %s with %s: %d",
	     way == 0   ? "opening"
	     : way == 1 ? "commit-recover"
	                : "commit-txn read",
	     fate ? fate->faults : "", outcome);
	/* read has its own; whoever calls knows what it may be about */
	return way == 2 && outcome == 125 ? RECOVERY_UNTOLD : outcome;
}

/* --- the root ------------------------------------------------------------ */

static void remove_below(const char *path)
{
	char inside[4096];
	struct dirent *entry;
	DIR *dir = opendir(path);

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
		if (unlink(inside) == 0)
			continue;
		remove_below(inside);
		rmdir(inside);
	}
	closedir(dir);
}

void root_make(void)
{
	remove_below("root");
	if (mkdir("root", 0755) != 0 && errno != EEXIST)
		err(1, "root");
	if (run_child(NULL, open_and_close, NULL) != 0)
		fail("the store cannot be made");
}

int root_stages(void)
{
	DIR *dir = opendir("root/.commit/stage");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}
