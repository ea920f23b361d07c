/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "judge.h"

#include <err.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- states that were seen: an open table of digests ---------------------------------- */

static struct {
	uint64_t *slots;
	size_t size, count;
} seen;

static int is_new(uint64_t digest)
{
	uint64_t *old = seen.slots;
	size_t i, at, size = seen.size;

	if (seen.count * 2 >= seen.size) {
		seen.size = size ? size * 2 : 1 << 20;
		seen.slots = need(calloc(seen.size, sizeof *seen.slots));
		seen.count = 0;
		for (i = 0; i < size; i++)
			if (old[i])
				is_new(old[i]);
		free(old);
	}
	digest += digest == 0;
	for (at = digest % seen.size; seen.slots[at]; at = (at + 1) % seen.size)
		if (seen.slots[at] == digest)
			return 0;
	seen.slots[at] = digest;
	seen.count++;
	return 1;
}

/* --- the promise ---------------------------------------------------------------------- */

/* What has begun and what was acknowledged when the power went */
struct promise {
	const struct program *program;
	unsigned begun, done; /* counts of steps */
};

static void promise_pass(struct promise *promise, const struct effect *effect)
{
	if (effect->kind == EFFECT_BEGUN)
		promise->begun = effect->node + 1;
	if (effect->kind == EFFECT_DONE)
		promise->done = effect->node + 1;
}

static uint64_t promise_digest(const struct promise *promise, uint64_t digest)
{
	const struct program *program = promise->program;
	unsigned i;

	for (i = program->joint ? promise->done : 0; i <= promise->begun; i++)
		digest = (digest ^ program->views[i].digest) * 0x9e3779b97f4a7c15u;
	return digest ^ promise->done ^ promise->begun << 4 ^ program->joint << 8;
}

static int is_touched(const struct program *program, unsigned step, uint64_t path)
{
	return view_find(&program->views[step], path) != view_find(&program->views[step + 1], path);
}

/* Also if what was written is what was there. */
static int is_written(const struct program *program, unsigned step, uint64_t path)
{
	return view_version(&program->views[step], path) !=
	       view_version(&program->views[step + 1], path);
}

/*
 * Each path for itself: from what was last acknowledged as durable on, any version.
 * What was not flushed may be anything.
 */
static int is_allowed(const struct promise *promise, uint64_t path, uint64_t face)
{
	const struct program *program = promise->program;
	unsigned i, first = 0;

	for (i = 0; i < promise->done; i++)
		if (program->step[i].sync == COMMIT_SYNC_FULL && is_touched(program, i, path))
			first = i + 1;
	for (i = first; i <= promise->begun; i++) {
		if (view_find(&program->views[i], path) == face)
			return 1;
		if (i < promise->begun && program->step[i].sync == COMMIT_SYNC_NONE &&
		    is_written(program, i, path))
			return 1;
	}
	return 0;
}

static int holds(const struct promise *promise, const struct view *view)
{
	const struct program *program = promise->program;
	unsigned i, j;

	for (i = promise->done; i <= promise->begun; i++)
		if (program->views[i].digest == view->digest)
			return 1;
	if (program->joint)
		return 0;
	for (i = 0; i < view->count; i++)
		if (!is_allowed(promise, view->at[i].path, view->at[i].face))
			return 0;
	for (j = 0; j <= promise->begun; j++)
		for (i = 0; i < program->views[j].count; i++)
			if (!view_find(view, program->views[j].at[i].path) &&
			    !is_allowed(promise, program->views[j].at[i].path, 0))
				return 0;
	return 1;
}

/* --- recovery ------------------------------------------------------------------------- */

static int complain(struct judge *judge, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static int complain(struct judge *judge, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(judge->why, sizeof judge->why, format, list);
	va_end(list);
	return -1;
}

static size_t changes(void)
{
	size_t i, count = 0;

	for (i = 0; i < machine.trace.count; i++)
		count += (size_t)effect_is_change(&machine.trace.items[i]);
	return count;
}

/* The last that a person would have to look at */
static void note_finding(void *context, const struct commit_finding *finding)
{
	char *reason = context;

	if (finding->invariant || finding->decision == COMMIT_DECIDE_CONFLICT || finding->code)
		snprintf(reason, REASON_MAX, "%.80s: %.160s", finding->path, finding->reason);
}

static int scan(struct judge *judge, unsigned flags, struct commit_recover_totals *totals,
                const char *when)
{
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_recover_options opt;
	int rc;

	judge->reason[0] = '\0';
	memset(totals, 0, sizeof *totals);
	commit_recover_options_init(&opt);
	opt.flags = COMMIT_RECOVER_TREE | flags;
	opt.found = note_finding;
	opt.context = judge->reason;
	rc = commit_recover_scan(TREE, &opt, totals, &error);
	if (rc || totals->failed || totals->conflicts)
		return complain(judge, "%s ends with %d, %llu failed, %llu conflicts: %.100s (%s)",
		                when, rc, (unsigned long long)totals->failed,
		                (unsigned long long)totals->conflicts, error.text, judge->reason);
	if (machine.open)
		return complain(judge, "%s leaves %d descriptors open", when, machine.open);
	return 0;
}

/* What a second recovery and a check say of what the first has left. */
static int look_again(struct judge *judge, enum family family)
{
	struct commit_recover_totals totals;
	const size_t before = changes();

	if (scan(judge, 0, &totals, "second recovery") != 0)
		return -1;
	if (totals.repaired || changes() != before)
		return complain(judge, "a second recovery finds something to do");
	if (family == FAMILY_SAVE)
		return 0;
	if (scan(judge, COMMIT_RECOVER_CHECK, &totals, "check") != 0)
		return -1;
	if (totals.leaks || totals.disasters)
		return complain(judge, "check: %llu leaks, %llu disasters (%s)",
		                (unsigned long long)totals.leaks,
		                (unsigned long long)totals.disasters, judge->reason);
	return changes() == before ? 0 : complain(judge, "a check changes something");
}

/* --sync=none promises nothing of what it has made, a journal for instance. */
static int is_unflushed(const struct promise *promise)
{
	unsigned i;

	for (i = 0; i < promise->begun; i++)
		if (promise->program->step[i].sync == COMMIT_SYNC_NONE)
			return 1;
	return 0;
}

static void print_recovery(const struct disk *disk, size_t end)
{
	printf("disk:\n");
	view_print(stdout, disk);
	printf("recovery, %zu effects:\n", end);
	trace_print(stdout, &machine.trace);
	printf("recovered:\n");
	view_print(stdout, &machine.disk);
}

/* Recovers the disk; its trace is in the machine then, without what came behind. */
static int recover(struct judge *judge, const struct promise *promise, const struct disk *disk,
                   unsigned boot, const struct past *killed, size_t *end)
{
	struct commit_recover_totals totals;
	struct view view;
	int rc;

	machine_boot(disk, boot);
	if (killed)
		past_hand_over(killed, &machine.trace);
	rc = scan(judge, 0, &totals, "recovery");
	*end = machine.trace.count;
	if (judge->verbose)
		print_recovery(disk, *end);
	if (rc && totals.conflicts && is_unflushed(promise))
		return 0;
	if (rc)
		return -1;
	view_take(&view, &machine.disk, promise->program->links);
	if (view.residue)
		return complain(judge, "%u names of ours are left", view.residue);
	if (!holds(promise, &view))
		return complain(judge, "the tree is none of those allowed (%u begun, %u done)",
		                promise->begun, promise->done);
	return look_again(judge, promise->program->family);
}

/* --- crash points ------------------------------------------------------------------------ */

static void violated(struct judge *judge, const struct cut *cut)
{
	judge->counts->violations++;
	if (judge->found)
		return;
	judge->found = 1;
	judge->cut = *cut;
}

static void judge_second(struct judge *judge, const struct promise *promise, struct cut *cut,
                         const struct past *past)
{
	struct disk disk;
	size_t end;
	uint64_t digest = past_draw(past, promise->program->seed + cut->point * 31 + cut->draw,
	                            cut->second_draw, &disk);

	judge->counts->drawn++;
	if (judge->only || judge->fresh || is_new(promise_digest(promise, digest))) {
		judge->counts->states++;
		judge->counts->second++;
		judge->counts->family[promise->program->family]++;
		if (recover(judge, promise, &disk, 4, NULL, &end) != 0)
			violated(judge, cut);
	}
	disk_release(&disk);
}

/* The power goes again, at each call of a recovery. */
static void judge_recovery(struct judge *judge, const struct promise *promise,
                           const struct disk *disk, struct cut cut, size_t begin, size_t end)
{
	struct trace trace = machine.trace;
	const size_t all = trace.count;
	unsigned most;
	struct past past;

	memset(&machine.trace, 0, sizeof machine.trace);
	trace.count = end;
	past_begin(&past, disk, &trace, judge->order);
	cut.is_second = 1;
	while (!judge->found && past_step(&past)) {
		if (past.at <= begin)
			continue;
		cut.second_point = past.at;
		most = past_draws(&past, judge->second_draws);
		for (cut.second_draw = 0; cut.second_draw < most; cut.second_draw++)
			if (!judge->only || (judge->only->second_point == cut.second_point &&
			                     judge->only->second_draw == cut.second_draw))
				judge_second(judge, promise, &cut, &past);
	}
	past_end(&past);
	trace.count = all;
	trace_clear(&trace);
	free(trace.items);
}

static void judge_disk(struct judge *judge, const struct promise *promise, const struct cut *cut,
                       const struct disk *disk)
{
	size_t end;

	judge->counts->states++;
	judge->counts->family[promise->program->family]++;
	if (recover(judge, promise, disk, 3, NULL, &end) != 0) {
		if (!judge->only || !judge->only->is_second)
			violated(judge, cut);
		return;
	}
	if (changes() == 0)
		return;
	judge->counts->repairs++;
	if (judge->only ? judge->only->is_second
	                : judge->second_every && judge->counts->repairs % judge->second_every == 0)
		judge_recovery(judge, promise, disk, *cut, 0, end);
}

/*
 * The process dies and the kernel lives on: recovery sees what no flush has
 * seen. Then the power goes.
 */
static void judge_killed(struct judge *judge, const struct promise *promise,
                         const struct past *past)
{
	const struct cut cut = {.point = past->at, .draw = DRAW_KILLED};
	struct disk disk;
	size_t end;

	past_volatile(past, &disk);
	judge->counts->kills++;
	if (recover(judge, promise, &disk, 2, past, &end) != 0)
		violated(judge, &cut);
	else
		judge_recovery(judge, promise, &past->disk, cut, past->count, end);
	disk_release(&disk);
}

static void judge_point(struct judge *judge, const struct promise *promise, const struct past *past)
{
	const unsigned most = past_draws(past, judge->draws);
	struct cut cut = {.point = past->at};
	struct disk disk;
	uint64_t digest;

	judge->counts->points++;
	for (; cut.draw < most && !judge->found; cut.draw++) {
		if (judge->only && cut.draw != judge->only->draw)
			continue;
		digest = past_draw(past, promise->program->seed, cut.draw, &disk);
		judge->counts->drawn++;
		if (judge->only || judge->fresh || is_new(promise_digest(promise, digest)))
			judge_disk(judge, promise, &cut, &disk);
		disk_release(&disk);
	}
	if (!judge->found && (judge->only ? judge->only->draw == DRAW_KILLED
	                                  : judge->counts->points % judge->kill_every == 0))
		judge_killed(judge, promise, past);
}

void judge_program(struct judge *judge, const struct program *program)
{
	struct promise promise = {.program = program};
	const struct effect *effect;
	struct past past;

	judge->found = 0;
	judge->counts->programs++;
	judge->counts->steps += program->steps;
	past_begin(&past, &program->before, &program->trace, judge->order);
	while (!judge->found && (effect = past_step(&past))) {
		promise_pass(&promise, effect);
		if (effect->kind != EFFECT_BIRTH && (!judge->only || judge->only->point == past.at))
			judge_point(judge, &promise, &past);
	}
	past_end(&past);
}
