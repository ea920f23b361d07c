/* SPDX-License-Identifier: ISC */
/*
 * recovery.c - depth two: commit-recover dies or fails at every call of its own
 *
 * What a killed save left is walked once per class: other random names make no
 * other case. Where a killed recovery has changed nothing, the next is run over
 * the same files; else the last recovery must converge, and the save is killed
 * once more to have its residue back.
 */
#include "walk.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_CONFLICT = 11, EXIT_REPAIRED = 10, STEPS_MAX = 1000 };

static int is_new_class(struct walk *walk, const struct world *residue)
{
	uint64_t class = world_class(residue);
	int i;

	for (i = 0; i < walk->seen_count; i++)
		if (walk->seen[i] == class)
			return 0;
	if (walk->seen_count < SEEN_MAX)
		walk->seen[walk->seen_count++] = class;
	return 1;
}

static void make_again(struct walk *walk, const char *fault, struct world *residue)
{
	struct run run;

	world_make(walk->scenario);
	world_look(&walk->old);
	run_save(walk->job, fault, 0, &run);
	walk->counts->runs++;
	world_look(residue);
}

/* The recovery that nothing disturbs; everything must be in order after it. */
static void converge(struct walk *walk, const struct run *save, const struct world *before)
{
	struct world now;
	struct run run;

	run_recover("", 0, &run);
	walk->counts->recoveries++;
	world_look(&now);
	judge_recovered(walk, save, before, &run, &now);
}

/* What a recovery that was disturbed may say. */
static void judge_disturbed(struct walk *walk, const struct run *run, const struct world *now)
{
	if (run->hung)
		complain(walk, "commit-recover hangs");
	if (run->killed)
		return;
	if (run->leaked != 0)
		complain(walk, "commit-recover: %ld descriptors leaked", run->leaked);
	if (run->status < 0 || run->status == EXIT_CONFLICT)
		complain(walk, "commit-recover: exit %d", run->status);
	/* A file system without locks leaves it alone, and that is no error. */
	if ((run->status == EXIT_DONE || run->status == EXIT_REPAIRED) && residue_count(now) > 0 &&
	    !fired_call(run, "flock"))
		complain(walk, "commit-recover: exit %d, but there is residue: %s", run->status,
		         run->out);
	if (run->status == EXIT_DONE && residue_count(now) == 0)
		complain(walk, "commit-recover: exit 0, but it repaired");
	if (fired_call(run, "fsync") && run->status == EXIT_REPAIRED)
		complain(walk, "commit-recover: exit 10 after a failed flush");
}

/* One way to disturb it, at each of its calls. */
static void disturb(struct walk *walk, const char *fault, const struct run *save, const char *how)
{
	struct world residue, now;
	struct run run;
	char spec[64], doing[sizeof walk->doing];
	int at, fired = 1;

	memcpy(doing, walk->doing, sizeof doing);
	make_again(walk, fault, &residue);
	for (at = 1; fired && at < STEPS_MAX; at++) {
		snprintf(spec, sizeof spec, "%d:%s", at, how);
		snprintf(walk->doing, sizeof walk->doing, "recover with %.40s after save", spec);
		run_recover(spec, 0, &run);
		walk->counts->depth_two++;
		fired = run.fired_count > 0;
		world_look(&now);
		if (fired)
			judge_disturbed(walk, &run, &now);
		if (world_same(&residue, &now))
			continue;
		if (fired)
			converge(walk, save, &now);
		else
			judge_recovered(walk, save, &residue, &run, &now);
		make_again(walk, fault, &residue);
	}
	converge(walk, save, &residue);
	memcpy(walk->doing, doing, sizeof doing);
}

static void check_order(struct walk *walk, const char *fault)
{
	static struct trace trace;
	struct world residue;
	struct run run;

	make_again(walk, fault, &residue);
	run_recover("", 1, &run);
	walk->counts->recoveries++;
	read_trace(&trace);
	judge_recovery_order(walk, &trace);
}

/* The next save of the file finishes an edit that it finds beside it. */
static void save_over(struct walk *walk, const char *fault)
{
	struct bytes again = content_bytes(C_AGAIN);
	struct world residue, now;
	const struct entry *file;
	struct run run;

	make_again(walk, fault, &residue);
	run_second_save(walk->scenario, &run);
	walk->counts->seconds++;
	world_look(&now);
	file = world_find(&now, "d/f");
	if (run.status != 0)
		complain(walk, "a save over the residue: exit %d: %s", run.status, run.err);
	else if (!file || file->content != hash_bytes(1, again.data, again.size))
		complain(walk, "a save over the residue has not saved");
	run_recover("", 0, &run);
	world_look(&now);
	file = world_find(&now, "d/f");
	if (residue_count(&now) > 0)
		complain(walk, "a save over the residue: recovery leaves residue");
	if (!file || file->content != hash_bytes(1, again.data, again.size))
		complain(walk, "a save over the residue is undone by recovery");
}

static const struct entry *journal_in(const struct world *world)
{
	int i;

	for (i = 0; i < world->count; i++)
		if (is_residue(&world->entries[i]) && strstr(world->entries[i].name, ".inplace"))
			return &world->entries[i];
	return NULL;
}

/* Somebody writes a byte that is neither in the old nor in the new file. */
static void write_foreign(void)
{
	unsigned char byte = 0;
	int fd = open("d/f", O_RDWR);

	if (fd < 0 || pread(fd, &byte, 1, 0) < 0)
		err(1, "d/f");
	do
		byte++;
	while (byte == content_bytes(C_OLD).data[0] || byte == content_bytes(C_NEW).data[0] ||
	       byte == content_bytes(C_BIG_OLD).data[0] ||
	       byte == content_bytes(C_BIG_NEW).data[0] ||
	       byte == content_bytes(C_LONGER).data[0] || byte == content_bytes(C_SHORT).data[0]);
	if (pwrite(fd, &byte, 1, 0) != 1)
		err(1, "d/f");
	close(fd);
}

/* A later edit by somebody else is never written over: 11, and all is kept. */
static void edit_before(struct walk *walk, const char *fault)
{
	struct world edited, now;
	struct run run;

	make_again(walk, fault, &edited);
	if (!journal_in(&edited) || world_find(&edited, "d/f")->size == 0)
		return;
	write_foreign();
	world_look(&edited);
	run_recover("", 0, &run);
	walk->counts->recoveries++;
	world_look(&now);
	if (run.status != EXIT_CONFLICT)
		complain(walk, "commit-recover over a foreign edit: exit %d", run.status);
	if (!entry_same(world_find(&edited, "d/f"), world_find(&now, "d/f")))
		complain(walk, "commit-recover has written over a foreign edit");
	if (!journal_in(&now) || journal_in(&edited)->content != journal_in(&now)->content)
		complain(walk, "commit-recover has removed the journal of a conflict");
	if (walk->scenario->flags & F_REGISTRY)
		return;
	run_second_save(walk->scenario, &run);
	world_look(&now);
	if (run.status != EXIT_CONFLICT ||
	    !entry_same(world_find(&edited, "d/f"), world_find(&now, "d/f")))
		complain(walk, "a save over a foreign edit: exit %d", run.status);
}

void walk_recovery(struct walk *walk, const char *fault, const struct run *save,
                   const struct world *residue)
{
	static const char *const ways[] = {"EIO:once", "EIO:forever", "ENOSPC:once",
	                                   "EMFILE:forever:open"};
	size_t i, count = walk->full ? sizeof ways / sizeof ways[0] : 1;

	if (!is_new_class(walk, residue))
		return;
	check_order(walk, fault);
	if (!(walk->scenario->flags & F_REGISTRY))
		save_over(walk, fault);
	edit_before(walk, fault);
	disturb(walk, fault, save, "kill");
	for (i = 0; i < count; i++)
		disturb(walk, fault, save, ways[i]);
}
