/* SPDX-License-Identifier: ISC */
/*
 * txn-judge.c - what may be there after a run, and what must
 *
 * There are two right trees. "Old" is meant to the letter: same inodes, same
 * times. "New" is what the transaction without faults made. An exit status of 0
 * or 3 promises the new one, 1, 4 and 5 the old one, 6 and death leave it open;
 * but a commit record that was not written yet, or that is flushed already,
 * decides.
 */
#include "txn-walk.h"

#include <stdio.h>
#include <string.h>

enum promise { OLD, NEW, EITHER };

/* Metadata that cannot be kept is a warning, as it is for saves. */
int is_warned(const struct run *run)
{
	static const char *const calls[] = {"chown",    "acl",       "setxattr",
	                                    "getxattr", "listxattr", "stat"};
	size_t i;

	for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (fired_call(run, calls[i]))
			return strstr(run->err, "cannot keep") != NULL;
	return 0;
}

static const char *is_not_old(const struct txn_walk *walk, const struct tree *now)
{
	return tree_differs(&walk->old, now);
}

static const char *is_not_new(const struct txn_walk *walk, const struct tree *now)
{
	if (walk->warned)
		return tree_differs_in_content(now, &walk->new);
	return tree_differs_as_new(now, &walk->old, &walk->new, &walk->plain_old);
}

static enum promise promise_of_death(const struct txn_walk *walk, int step, const struct run *run)
{
	unsigned long at = run->fired_count > 0 ? run->fired[run->fired_count - 1].at : 0;

	if (step < walk->steps - 1)
		return OLD;
	if (run->fired_count != 1 || !walk->commit_flushed)
		return EITHER;
	if (at <= (unsigned long)walk->commit_written)
		return OLD;
	return at > (unsigned long)walk->commit_flushed ? NEW : EITHER;
}

static enum promise promise_of(const struct txn_walk *walk, int step, const struct run *run)
{
	if (walk->scenario->flags & T_UNCHANGED)
		return OLD;
	switch (run->status) {
	case 0:
		return step == walk->steps - 1 ? NEW : OLD;
	case 3:
		return NEW;
	case 6:
		return EITHER;
	case -1:
		return promise_of_death(walk, step, run);
	default:
		return OLD;
	}
}

/* What cannot be removed is not; a look that fails may mean the same. */
static int fired_at_cleaning(const struct run *run)
{
	static const char *const calls[] = {"unlink", "rmdir", "open", "dup", "flock", "pread"};
	size_t i;

	for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (fired_call(run, calls[i]))
			return 1;
	return run->fired_count > 1;
}

/* A transaction that processes of their own make is there until it is ended. */
static int may_stay(const struct txn_walk *walk, int step, const struct run *run)
{
	return (walk->scenario->flags & T_STEPS) && run->status != 0 && run->status != 3 &&
	       step < walk->steps;
}

void judge_step(struct txn_walk *walk, int step, const struct run *run, const struct tree *now)
{
	enum promise promise = promise_of(walk, step, run);
	int plain = (walk->scenario->flags & T_REFUSED) && step == walk->steps - 1 ? 4 : 0;
	const char *path;

	if (run->hung)
		txn_complain(walk, "hangs");
	if (run->killed || run->hung)
		return;
	if (run->leaked != 0)
		txn_complain(walk, "%ld descriptors leaked", run->leaked);
	if (run->status != plain && run->fired_count == 1 && fault_is_harmless(&run->fired[0]))
		txn_complain(walk, "exit %d because of %s of %s: %s", run->status,
		             run->fired[0].what, run->fired[0].call, run->err);
	if (run->status != 0 && run->status != 1 && run->status != 3 && run->status != 4 &&
	    run->status != 5 && run->status != 6)
		txn_complain(walk, "exit %d: %s", run->status, run->err);
	path = promise == OLD && now->stages == 0 ? is_not_old(walk, now) : NULL;
	if (path)
		txn_complain(walk, "exit %d, but %s has changed", run->status, path);
	path = promise == NEW && run->status == 0 ? is_not_new(walk, now) : NULL;
	if (path)
		txn_complain(walk, "exit 0, but %s is not new", path);
	if (now->stages > 0 && run->status != 3 && run->status != 6 && !fired_at_cleaning(run) &&
	    !(walk->scenario->flags & T_STEPS))
		txn_complain(walk, "exit %d leaves residue", run->status);
	if (run->status == 0 && (fired_call(run, "syncfs") || fired_call(run, "fsync")) &&
	    step == walk->steps - 1 && !(walk->scenario->flags & T_UNCHANGED))
		txn_complain(walk, "exit 0 after a failed flush");
}

void judge_txn_recovered(struct txn_walk *walk, int step, const struct run *run,
                         const struct tree *now)
{
	enum promise promise = promise_of(walk, step, run);
	const char *not_old = is_not_old(walk, now);
	const char *not_new = is_not_new(walk, now);

	if (promise == OLD && not_old)
		txn_complain(walk, "after exit %d and recovery %s is not as it was", run->status,
		             not_old);
	else if (promise == NEW && not_new)
		txn_complain(walk, "after exit %d and recovery %s is not new", run->status,
		             not_new);
	else if (not_old && not_new)
		txn_complain(walk, "after recovery the tree is neither old (%s) nor new (%s)",
		             not_old, not_new);
	if (now->stages > (may_stay(walk, step, run) ? 1 : 0))
		txn_complain(walk, "recovery leaves residue");
	if (now->strangers > 0)
		txn_complain(walk, "recovery leaves something in .commit");
}

void judge_txn_plain(struct txn_walk *walk, const struct run *last)
{
	int expected = walk->scenario->flags & T_REFUSED ? 4 : 0;
	const char *path = tree_differs(&walk->old, &walk->new);

	if (last->status != expected)
		txn_complain(walk, "exit %d, not %d: %s", last->status, expected, last->err);
	if (last->leaked != 0)
		txn_complain(walk, "%ld descriptors leaked", last->leaked);
	if (walk->new.stages > 0 || walk->new.strangers > 0)
		txn_complain(walk, "leaves residue");
	if ((walk->scenario->flags & T_UNCHANGED) && path)
		txn_complain(walk, "%s has changed", path);
	if (!(walk->scenario->flags & T_UNCHANGED) && !path)
		txn_complain(walk, "nothing has changed");
}
