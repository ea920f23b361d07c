/* SPDX-License-Identifier: ISC */
/*
 * steps.c - the walk over one scenario: N = 1 ... until nothing fires
 */
#include "walk.h"

#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 1000 };

/* The save that follows: it works, and leaves nothing. */
static void save_again(struct walk *walk)
{
	struct bytes again = content_bytes(C_AGAIN);
	const struct entry *file;
	struct world now;
	struct run run;

	run_second_save(walk->scenario, &run);
	walk->counts->seconds++;
	world_look(&now);
	file = world_find(&now, "d/f");
	if (run.status != 0)
		complain(walk, "the second save: exit %d: %s", run.status, run.err);
	else if (!file || file->content != hash_bytes(1, again.data, again.size))
		complain(walk, "the second save has not saved");
	else if (residue_count(&now) > 0)
		complain(walk, "the second save leaves residue");
}

/* What is left is found and gone; a killed save is recovered in every way. */
static void recover(struct walk *walk, const struct run *save, const struct world *residue)
{
	struct world now;
	struct run run;

	if (residue_count(residue) == 0 && !walk->full)
		return;
	run_recover("", 0, &run);
	walk->counts->recoveries++;
	world_look(&now);
	judge_recovered(walk, save, residue, &run, &now);
}

/* One case. Returns whether the fault fired. */
static int try(struct walk *walk, const char *doing, const char *fault)
{
	struct world now;
	struct run run;

	snprintf(walk->doing, sizeof walk->doing, "%s", doing);
	snprintf(walk->fault, sizeof walk->fault, "%s", fault);
	world_make(walk->scenario);
	world_look(&walk->old);
	run_save(walk->job, fault, 0, &run);
	walk->counts->runs++;
	walk->killed = run.killed;
	walk->status = run.status;
	if (run.fired_count == 0)
		return 0;
	walk->counts->fired++;
	walk->counts->kills += run.killed;
	world_look(&now);
	judge_run(walk, &run, &now);
	recover(walk, &run, &now);
	if (walk->full || residue_count(&now) > 0)
		save_again(walk);
	if (run.killed && residue_count(&now) > 0 &&
	    (walk->full || (strcmp(doing, "kill") == 0 && !walk->job->on_disk)))
		walk_recovery(walk, fault, &run, &now);
	return 1;
}

/* A kill while what went wrong is cleaned up: the second counts on from N. */
static void kill_clean_up(struct walk *walk, int at, const char *what)
{
	char spec[96];
	int next;

	for (next = at; next < STEPS_MAX; next++) {
		snprintf(spec, sizeof spec, "%d:%s,%d:kill", at, what, next);
		if (!try(walk, "kill in clean-up", spec) || !walk->killed)
			break;
	}
}

static void fail_call(struct walk *walk, int index, const char *what, int lasting)
{
	const char *call = walk->trace.calls[index].name;
	char spec[96];

	/* The seam counts for "short" only what has a length. */
	if (strcmp(what, "short") == 0)
		snprintf(spec, sizeof spec, "%d:short:once:%s",
		         trace_occurrence(&walk->trace, index), call);
	else
		snprintf(spec, sizeof spec, "%d:%s:once", index + 1, what);
	/* What is missing anyway is not counted. */
	if (!try(walk, "once", spec) && !walk->job->missing)
		complain(walk, "did not fire");
	if (!lasting || !fault_can_last(what))
		return;
	snprintf(spec, sizeof spec, "%d:%s:forever:%s", trace_occurrence(&walk->trace, index), what,
	         call);
	try(walk, "forever", spec);
}

/* Calls after which there is something to undo, or nothing can be undone. */
static int is_turning_point(const char *call)
{
	static const char *const calls[] = {"rename", "exchange", "noreplace", "link",
	                                    "fsync",  "unlink",   "truncate",  "chmod"};
	size_t i;

	for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (strcmp(call, calls[i]) == 0)
			return 1;
	return 0;
}

static void walk_call(struct walk *walk, int index)
{
	const char *call = walk->trace.calls[index].name;
	const char *const *errnos = fault_errnos(call);
	char spec[96];
	int i;

	snprintf(spec, sizeof spec, "%d:kill", index + 1);
	if (!try(walk, "kill", spec))
		complain(walk, "did not fire");
	if (walk->job->on_disk && !walk->full) {
		snprintf(spec, sizeof spec, "%d:EIO:once", index + 1);
		try(walk, "once", spec);
		return;
	}
	for (i = 0; errnos[i]; i++)
		fail_call(walk, index, errnos[i], i == 0 || walk->full);
	snprintf(spec, sizeof spec, "%d:EIO:forever", index + 1);
	try(walk, "everything fails from here", spec);
	/* What alone is a failure is told, whatever the clean-up says. */
	snprintf(spec, sizeof spec, "%d:EIO:once", index + 1);
	try(walk, "once", spec);
	if (walk->status != 0) {
		snprintf(spec, sizeof spec, "%d:EIO:once,1:EPERM:forever:unlink", index + 1);
		try(walk, "once, and no unlink", spec);
	}
	if (walk->full || is_turning_point(call))
		kill_clean_up(walk, index + 1, "EIO:once");
}

/*
 * Writes that stop anywhere, then a kill or an error: each byte of the target
 * is old or new, but its sectors may be both.
 */
static void walk_torn_writes(struct walk *walk)
{
	char spec[96];
	int at;

	for (at = 1; at < STEPS_MAX; at++) {
		snprintf(spec, sizeof spec, "%d:kill,1:short:forever:pwrite", at);
		if (!try(walk, "kill among torn writes", spec) || !walk->killed)
			break;
		snprintf(spec, sizeof spec, "%d:ENOSPC:forever:pwrite,1:short:forever:pwrite", at);
		try(walk, "no space among torn writes", spec);
	}
}

/* Makes walk->old, walk->new and walk->trace. */
static void walk_plain(struct walk *walk)
{
	struct run run;

	snprintf(walk->doing, sizeof walk->doing, "without faults");
	world_make(walk->scenario);
	world_look(&walk->old);
	run_save(walk->job, "", 1, &run);
	walk->counts->runs++;
	world_look(&walk->new);
	read_trace(&walk->trace);
	judge_plain(walk, &run);
	judge_order(walk);
	if (run.calls != walk->trace.count)
		complain(walk, "%ld calls, but %d in the trace", run.calls, walk->trace.count);
	if (!(walk->scenario->flags & F_REFUSED))
		save_again(walk);
}

void walk_job(struct walk *walk)
{
	char spec[96];
	int index;

	walk_plain(walk);
	if (walk->report->failures > 0)
		return;
	for (index = 0; index < walk->trace.count; index++)
		walk_call(walk, index);
	snprintf(spec, sizeof spec, "%d:kill", walk->trace.count + 1);
	if (try(walk, "kill after the last call", spec))
		complain(walk, "fired");
	if ((walk->scenario->flags & F_IN_PLACE) && (walk->full || !walk->job->on_disk))
		walk_torn_writes(walk);
}
