/* SPDX-License-Identifier: ISC */
/*
 * txn-steps.c - the walk over one kind of transaction, and over its recovery
 *
 * Every call of every step fails in each way, or is the last of its process;
 * what that leaves is recovered, and the recovery is walked in the same way
 * (depth two), once for each class of what it may find.
 */
#define _GNU_SOURCE
#include "txn-walk.h"

#include <err.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_PENDING = 3, EXIT_REPAIRED = 10 };
enum { ARGS_MAX = 12, CALLS_LIMIT = 1500, CLASSES_SHORT = 2 };

void txn_complain(struct txn_walk *walk, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_complain(walk->report, walk->doing, walk->fault, format, args);
	va_end(args);
}

/* --- running ------------------------------------------------------------- */

void run_step(struct txn_walk *walk, int step, const char *fault, int traced, struct run *run)
{
	char path[4096], other[4096], words[256], *rest = NULL, *word;
	const char *argv[ARGS_MAX] = {fault_tool("commit-txn", path)};
	const char *logged[] = {fault_tool("txn-logged", other), "root", NULL};
	int count = 1, in;

	snprintf(words, sizeof words, "%s -C root --wait=0", walk->scenario->steps[step]);
	for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (count == ARGS_MAX - 1)
			errx(1, "too many words: %s", walk->scenario->steps[step]);
		argv[count++] = word;
	}
	in = open("ops", O_RDONLY | O_CLOEXEC);
	set_or_not("COMMIT_TXN", walk->id);
	run_with_fault(walk->scenario->flags & T_LOGGED ? logged : argv, in, fault, "", traced,
	               run);
	set_or_not("COMMIT_TXN", "");
	if (in >= 0)
		close(in);
	if (strncmp(walk->scenario->steps[step], "begin", strlen("begin")) == 0)
		snprintf(walk->id, sizeof walk->id, "%.*s", (int)strcspn(run->out, "\n"), run->out);
}

void run_txn_recover(const char *fault, int traced, struct run *run)
{
	char path[4096];
	const char *argv[] = {fault_tool("commit-recover", path), "--json", "root", NULL};

	run_with_fault(argv, -1, fault, "", traced, run);
}

static void run_other(const char *command, const char *operand, const char *last, struct run *run)
{
	char path[4096];
	const char *argv[] = {
	        fault_tool("commit-txn", path), command, "-C", "root", operand, last, NULL};

	run_with_fault(argv, -1, "", "", 0, run);
}

/* The tree anew, and the steps before this one, which work. */
static void prepare(struct txn_walk *walk, int step)
{
	struct run run = {0};
	int i;

	tree_make(walk->scenario);
	walk->id[0] = '\0';
	walk->warned = walk->unflushed = 0;
	tree_look(&walk->old);
	for (i = 0; i < step; i++) {
		run_step(walk, i, "", 0, &run);
		if (run.status != 0)
			errx(1, "%s: %s", walk->scenario->steps[i], run.err);
	}
}

/* --- recovery ------------------------------------------------------------ */

static int is_new_class(struct txn_walk *walk, const struct tree *residue)
{
	uint64_t class = tree_class(residue, &walk->old);
	int i;

	for (i = 0; i < walk->seen_count; i++)
		if (walk->seen[i] == class)
			return 0;
	if (walk->seen_count < SEEN_MAX)
		walk->seen[walk->seen_count++] = class;
	return 1;
}

/*
 * A flush of what was published has failed: until its file system is mounted
 * anew no flush is believed (rule 2), so recovery says 3, and waits.
 */
static void note_flush(struct txn_walk *walk, const struct run *run)
{
	if (run->status == EXIT_PENDING && strstr(run->err, "flush failed"))
		walk->unflushed = 1;
}

static int is_recovered(const struct txn_walk *walk, const struct run *recover)
{
	return recover->status == 0 || recover->status == EXIT_REPAIRED ||
	       (walk->unflushed && recover->status == EXIT_PENDING);
}

/* The recovery that nothing disturbs, and another, which finds nothing. */
static void converge(struct txn_walk *walk, int step, const struct run *run)
{
	struct tree now, again;
	struct run recover, second;

	note_flush(walk, run);
	run_txn_recover("", 0, &recover);
	walk->report->counts.recoveries++;
	note_flush(walk, &recover);
	if (!is_recovered(walk, &recover))
		txn_complain(walk, "commit-recover: exit %d: %s%s", recover.status, recover.err,
		             recover.out);
	if (recover.leaked != 0)
		txn_complain(walk, "commit-recover: %ld descriptors leaked", recover.leaked);
	tree_look(&now);
	if (recover.status == EXIT_PENDING && walk->unflushed)
		now.stages = 0;
	judge_txn_recovered(walk, step, run, &now);
	run_txn_recover("", 0, &second);
	if (second.status != (recover.status == EXIT_REPAIRED ? 0 : recover.status))
		txn_complain(walk, "a second commit-recover: exit %d: %s%s", second.status,
		             second.err, second.out);
	tree_look(&again);
	if (tree_differs(&now, &again) || now.stage_class != again.stage_class)
		txn_complain(walk, "a second commit-recover changes something");
}

static void judge_disturbed(struct txn_walk *walk, int step, const struct run *run,
                            const struct run *recover, const struct tree *now)
{
	if (recover->hung)
		txn_complain(walk, "commit-recover hangs");
	if (recover->killed)
		return;
	if (recover->leaked != 0)
		txn_complain(walk, "commit-recover: %ld descriptors leaked", recover->leaked);
	note_flush(walk, recover);
	if (recover->status < 0 || recover->status == 11 || recover->status == 2)
		txn_complain(walk, "commit-recover: exit %d: %s%s", recover->status, recover->err,
		             recover->out);
	/* A stage that is done with, and could not be removed, waits for the next one. */
	if (recover->status == 10) {
		struct tree rest = *now;

		rest.stages = 0;
		judge_txn_recovered(walk, step, run, &rest);
	}
}

/* One way to disturb it, at each of its calls. */
static void disturb(struct txn_walk *walk, int step, const char *fault, const char *how)
{
	char spec[64], doing[sizeof walk->doing];
	struct tree residue, now;
	struct run run, recover;
	int at, fired = 1;

	memcpy(doing, walk->doing, sizeof doing);
	for (at = 1; fired && at < CALLS_LIMIT; at++) {
		if (at == 1 || tree_differs(&residue, &now) ||
		    residue.stage_class != now.stage_class) {
			prepare(walk, step);
			run_step(walk, step, fault, 0, &run);
			walk->warned = is_warned(&run);
			walk->report->counts.runs++;
			tree_look(&residue);
		}
		snprintf(spec, sizeof spec, "%d:%s", at, how);
		snprintf(walk->doing, sizeof walk->doing, "recover with %.40s after step %d", spec,
		         step + 1);
		run_txn_recover(spec, 0, &recover);
		walk->report->counts.depth_two++;
		fired = recover.fired_count > 0;
		tree_look(&now);
		judge_disturbed(walk, step, &run, &recover, &now);
		if (tree_differs(&residue, &now) || residue.stage_class != now.stage_class)
			converge(walk, step, &run);
	}
	memcpy(walk->doing, doing, sizeof doing);
}

/* Whoever opens the store recovers it, and sees it recovered. */
static void open_it(struct txn_walk *walk, int step, const char *fault)
{
	struct tree now;
	struct run run, opened;

	prepare(walk, step);
	run_step(walk, step, fault, 0, &run);
	walk->warned = is_warned(&run);
	run_other("read", "--", "true", &opened);
	walk->report->counts.recoveries++;
	tree_look(&now);
	/* Who reads finishes what is committed; what is dead can wait. */
	now.stages = 0;
	if (opened.status != 0)
		txn_complain(walk, "commit-txn read: exit %d: %s", opened.status, opened.err);
	else
		judge_txn_recovered(walk, step, &run, &now);
}

static void walk_txn_recovery(struct txn_walk *walk, int step, const char *fault)
{
	struct trace trace;
	struct run run = {0};

	prepare(walk, step);
	run_step(walk, step, fault, 0, &run);
	run_txn_recover("", 1, &run);
	read_trace(&trace);
	judge_txn_recovery_order(walk, &trace);
	if (!(walk->scenario->flags & T_NO_STORE))
		open_it(walk, step, fault);
	disturb(walk, step, fault, "kill");
	if (walk->full || walk->seen_count == CLASSES_SHORT)
		disturb(walk, step, fault, "EIO:once");
	if (!walk->full)
		return;
	disturb(walk, step, fault, "EIO:forever");
}

/* --- one case ------------------------------------------------------------ */

/* What was begun by a process of its own is ended by one. */
static void abort_it(struct txn_walk *walk)
{
	struct run run = {0};

	/* As long as a flush is not believed nothing else is done in the store. */
	if (!walk->id[0] || walk->unflushed)
		return;
	run_other("abort", walk->id, NULL, &run);
	if (run.status != 0)
		txn_complain(walk, "abort: exit %d: %s", run.status, run.err);
}

/* The transaction that follows: it works, and leaves nothing. */
static void put_again(struct txn_walk *walk)
{
	struct bytes again = content_bytes(C_AGAIN);
	struct tree now;
	const struct node *node;
	struct run run = {0};
	char path[4096];
	const char *argv[] = {
	        fault_tool("commit-txn", path), "script", "-C", "root", "--wait=0", NULL};
	int in = open("ops.again", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (in < 0 || write(in, "put again again\n", 16) != 16 || lseek(in, 0, SEEK_SET) != 0)
		err(1, "ops.again");
	run_with_fault(argv, in, "", "", 0, &run);
	close(in);
	walk->report->counts.seconds++;
	tree_look(&now);
	node = tree_find(&now, "again");
	if (run.status != 0)
		txn_complain(walk, "the next transaction: exit %d: %s", run.status, run.err);
	else if (!node || node->content != hash_bytes(1, again.data, again.size))
		txn_complain(walk, "the next transaction has not put");
	else if (now.stages > (walk->scenario->flags & T_STEPS ? 1 : 0))
		txn_complain(walk, "the next transaction leaves residue");
}

/* Goes on after a step that did its work in spite of the fault. */
static void go_on(struct txn_walk *walk, int step, struct run *run)
{
	int i;

	for (i = step + 1; i < walk->steps; i++) {
		run_step(walk, i, "", 0, run);
		if (run->status == 0)
			continue;
		txn_complain(walk, "exit 0, but step %d: exit %d: %s", i + 1, run->status,
		             run->err);
		return;
	}
}

/* A put that failed poisons: to commit it would be to commit what nobody asked for. */
static void commit_poisoned(struct txn_walk *walk)
{
	struct tree now;
	struct run run = {0};

	run_other("commit", walk->id, NULL, &run);
	tree_look(&now);
	if (run.status == 0 && tree_differs(&walk->old, &now))
		txn_complain(walk, "a step failed, and its transaction could be committed");
}

static int is_worth_depth(const struct txn_walk *walk, int step, int number)
{
	if (walk->full)
		return 1;
	return step == walk->steps - 1 && walk->commit_flushed && number >= walk->commit_written &&
	       walk->seen_count < CLASSES_SHORT;
}

/* One case. Returns the exit status of the step, or -2 if nothing fired. */
static int try(struct txn_walk *walk, int step, int number, const char *doing, const char *fault)
{
	struct tree now;
	struct run run, last;

	snprintf(walk->doing, sizeof walk->doing, "step %d %s", step + 1, doing);
	snprintf(walk->fault, sizeof walk->fault, "%s", fault);
	prepare(walk, step);
	run_step(walk, step, fault, 0, &run);
	walk->report->counts.runs++;
	if (run.fired_count == 0)
		return -2;
	walk->report->counts.fired++;
	walk->report->counts.kills += run.killed;
	walk->warned = is_warned(&run);
	tree_look(&now);
	judge_step(walk, step, &run, &now);
	last = run;
	if (run.status == 0 && step < walk->steps - 1)
		go_on(walk, step, &last);
	else if (run.status > 0 && number > walk->resumed[step] && strcmp(doing, "once") == 0)
		commit_poisoned(walk);
	converge(walk, last.status == 0 ? walk->steps - 1 : step, &last);
	if (run.status != 0)
		abort_it(walk);
	if ((walk->full || now.stages > 0) && !walk->unflushed)
		put_again(walk);
	if (run.killed && (now.stages > 0 || step == walk->steps - 1) &&
	    is_worth_depth(walk, step, number) && is_new_class(walk, &now))
		walk_txn_recovery(walk, step, fault);
	return run.status;
}

static void fail_call(struct txn_walk *walk, int step, int index, const char *what, int lasting)
{
	const char *call = walk->traces[step].calls[index].name;
	int nth = trace_occurrence(&walk->traces[step], index);
	char spec[96];

	/* The seam counts for "short" only what has a length. */
	if (strcmp(what, "short") == 0)
		snprintf(spec, sizeof spec, "%d:short:once:%s", nth, call);
	else
		snprintf(spec, sizeof spec, "%d:%s:once", index + 1, what);
	try(walk, step, index + 1, "once", spec);
	if (!lasting || !fault_can_last(what))
		return;
	snprintf(spec, sizeof spec, "%d:%s:forever:%s", nth, what, call);
	try(walk, step, index + 1, "forever", spec);
}

/* A kill while what went wrong is cleaned up: the second counts on from N. */
static void kill_clean_up(struct txn_walk *walk, int step, int at)
{
	char spec[96];
	int next;

	for (next = at; next < at + 60; next++) {
		snprintf(spec, sizeof spec, "%d:EIO:once,%d:kill", at, next);
		if (try(walk, step, at, "kill in clean-up", spec) != -1)
			break;
	}
}

static int is_turning_point(const char *call)
{
	static const char *const calls[] = {"rename", "exchange",  "noreplace", "link",   "fsync",
	                                    "syncfs", "fdatasync", "unlink",    "pwrite", "mkdir"};
	size_t i;

	for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(call, calls[i]) == 0)
			return 1;
	return 0;
}

static void walk_call(struct txn_walk *walk, int step, int index)
{
	const char *call = walk->traces[step].calls[index].name;
	const char *const *errnos = fault_errnos(call);
	int i, turning = is_turning_point(call), status;
	char spec[96];

	snprintf(spec, sizeof spec, "%d:kill", index + 1);
	if (try(walk, step, index + 1, "kill", spec) == -2)
		txn_complain(walk, "did not fire");
	/* Outside the core the short walk only kills, and fails where something changes. */
	if (!walk->full && !turning && !(walk->scenario->flags & T_CORE))
		return;
	snprintf(spec, sizeof spec, "%d:EIO:once", index + 1);
	status = try(walk, step, index + 1, "once", spec);
	if (walk->job->on_disk || (!walk->full && (!turning || step < walk->steps - 1 ||
	                                           !(walk->scenario->flags & T_CORE))))
		return;
	for (i = 0; errnos[i]; i++)
		if (walk->full || strcmp(errnos[i], "EIO") != 0)
			fail_call(walk, step, index, errnos[i], walk->full);
	snprintf(spec, sizeof spec, "%d:EIO:forever", index + 1);
	try(walk, step, index + 1, "everything fails from here", spec);
	if (status > 0 && walk->full) {
		snprintf(spec, sizeof spec, "%d:EIO:once,1:EPERM:forever:unlink", index + 1);
		try(walk, step, index + 1, "once, and no unlink", spec);
		kill_clean_up(walk, step, index + 1);
	}
}

/* The call from which on the step surely has its transaction, and can poison it. */
static int find_resumed(const struct trace *t)
{
	int i;

	for (i = 0; i < t->count; i++)
		if (strcmp(t->calls[i].name, "create") == 0 ||
		    strcmp(t->calls[i].name, "pwrite") == 0)
			break;
	return i;
}

/* Makes walk->plain_old, walk->new and the traces. */
static void walk_plain(struct txn_walk *walk)
{
	struct run run = {0};
	int i;

	snprintf(walk->doing, sizeof walk->doing, "without faults");
	while (walk->steps < STEPS_IN_SCENARIO && walk->scenario->steps[walk->steps])
		walk->steps++;
	prepare(walk, 0);
	walk->plain_old = walk->old;
	for (i = 0; i < walk->steps; i++) {
		run_step(walk, i, "", 1, &run);
		walk->report->counts.runs++;
		read_trace(&walk->traces[i]);
		walk->resumed[i] =
		        i > 0 && i < walk->steps - 1 ? find_resumed(&walk->traces[i]) : CALLS_LIMIT;
		if (run.calls != walk->traces[i].count)
			txn_complain(walk, "%ld calls, but %d in the trace", run.calls,
			             walk->traces[i].count);
	}
	tree_look(&walk->new);
	judge_txn_plain(walk, &run);
	judge_txn_order(walk);
	converge(walk, walk->steps - 1, &run);
	put_again(walk);
}

void walk_txn(struct txn_walk *walk)
{
	int step, index;

	walk_plain(walk);
	if (walk->report->failures > 0)
		return;
	for (step = 0; step < walk->steps; step++)
		for (index = 0; index < walk->traces[step].count; index++)
			walk_call(walk, step, index);
}
