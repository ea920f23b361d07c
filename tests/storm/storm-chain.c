/* SPDX-License-Identifier: ISC */
/*
 * storm-chain.c - transactions one after the other over the same few paths
 *
 * What may be there is a set of states: after a transaction that says that it
 * is committed, what it makes of each of them; after one that says that it is
 * not, the same ones; after one that was killed, or says that it does not know,
 * both. Whenever the store was recovered the tree is one of the set, and the
 * set is that one from then on.
 */
#define _GNU_SOURCE
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_PENDING = 3, EXIT_CONFLICT = 11 };

struct possible {
	int count;
	/* a call has failed since the last recovery, so a flush may have */
	int errors;
	struct state states[STATES_MAX];
};

static void add_state(struct possible *possible, const struct state *state)
{
	int i;

	for (i = 0; i < possible->count; i++)
		if (!state_differs(&possible->states[i], state, NULL, 0))
			return;
	if (possible->count < STATES_MAX)
		possible->states[possible->count++] = *state;
}

/* What the transaction with these dice makes of a state. */
static struct state after(const struct state *state, uint64_t seed)
{
	struct dice dice = {seed};
	struct state next = *state;
	struct ops ops;

	ops_make(&dice, &next, &ops);
	return next;
}

static void follow(struct possible *possible, uint64_t seed, outcome_t outcome)
{
	static struct possible next;
	int may_be_old = outcome != 0 && outcome != 3;
	int may_be_new = outcome == 0 || outcome == 3 || outcome == 6 || outcome < 0;
	int i;

	next.count = 0;
	next.errors = possible->errors;
	for (i = 0; i < possible->count; i++) {
		struct state made = after(&possible->states[i], seed);

		if (may_be_old)
			add_state(&next, &possible->states[i]);
		if (may_be_new)
			add_state(&next, &made);
	}
	*possible = next;
}

/* The tree is one of the possible states, which it is from now on. */
static void settle(struct possible *possible)
{
	static struct state now;
	char text[2000];
	int i;

	state_look("root", &now);
	for (i = 0; i < possible->count; i++)
		if (!state_differs(&now, &possible->states[i], NULL, 0))
			break;
	if (i == possible->count) {
		for (i = 0; i < possible->count; i++) {
			state_differs(&now, &possible->states[i], text, sizeof text);
			tell("  is not state %d of %d:%s", i + 1, possible->count, text);
		}
		state_differs(&now, &possible->states[0], text, sizeof text);
		fail("the tree is none of %d possible states:%s", possible->count, text);
	}
	possible->count = 0;
	add_state(possible, &now);
}

static int is_plain(const struct fate *fate)
{
	return !fate->faults[0] && !fate->kill_after_us;
}

/*
 * The flush of what was published has failed: until the file system is mounted
 * anew nothing is believed, and nothing is committed (rule 2). Returns 1: so the
 * round is over.
 */
static int is_stuck(struct dice *dice, struct possible *possible, outcome_t outcome)
{
	static const struct fate none;
	outcome_t next;

	if (outcome != EXIT_PENDING && outcome != RECOVERY_UNTOLD && outcome != EXIT_FAILED)
		return 0;
	if (!possible->errors)
		return 0;
	settle(possible);
	next = run_transaction(&none, dice_next(dice));
	if (next != EXIT_FAILED)
		fail("recovery: exit %d, and a transaction after it: exit %d", outcome, next);
	settle(possible);
	tally.stuck++;
	return 1;
}

/* A recovery that may be disturbed, and one that may not. Returns 1 if it is stuck. */
static int recover(struct dice *dice, struct possible *possible)
{
	static const char *const sweep[] = {"commit-recover", "--repaired-ok", "root", NULL};
	struct fate fate = {"", 0};
	outcome_t outcome;

	while (dice_roll(dice, 3) == 0) {
		fate_choose(dice, &fate);
		outcome = run_recovery(dice, &fate);
		possible->errors |= fate.faults[0] && !strstr(fate.faults, "kill");
		tally.kills += outcome < 0;
		if (outcome == EXIT_CONFLICT || outcome == 2)
			fail("a disturbed recovery: exit %d", outcome);
	}
	outcome = run_recovery(dice, NULL);
	if (is_stuck(dice, possible, outcome))
		return 1;
	if (outcome != 0)
		fail("recovery: exit %d", outcome);
	settle(possible);
	possible->errors = 0;
	/* Who opens a store finishes what is committed; what is dead can wait. */
	outcome = root_stages() > 0 ? run_tool(sweep, NULL) : 0;
	if (outcome != 0 || root_stages() > 0)
		fail("recovery leaves residue: exit %d", outcome);
	return 0;
}

static void step(struct dice *dice, struct possible *possible)
{
	uint64_t seed = dice_next(dice);
	struct fate fate;
	outcome_t outcome;

	fate_choose(dice, &fate);
	outcome = run_transaction(&fate, seed);
	possible->errors |= fate.faults[0] && !strstr(fate.faults, "kill");
	if (outcome == EXIT_FAILED && possible->errors && is_plain(&fate))
		return;
	if (outcome == 11 || outcome == 2 || outcome == 4 || outcome == 5)
		fail("a transaction: exit %d", outcome);
	if (outcome != 0 && outcome >= 0 && is_plain(&fate))
		fail("a transaction without faults: exit %d", outcome);
	follow(possible, seed, outcome);
}

void round_chain(struct dice *dice)
{
	static struct possible possible;
	struct state empty = {.count = 0};
	int stuck = 0, i, length = 6 + (int)dice_roll(dice, 20);

	root_make();
	possible.count = 0;
	add_state(&possible, &empty);
	possible.errors = 0;
	for (i = 0; i < length && !stuck; i++) {
		step(dice, &possible);
		if (possible.count > STATES_MAX / 2 || dice_roll(dice, 2) == 0)
			stuck = recover(dice, &possible);
	}
	if (!stuck)
		recover(dice, &possible);
}

/* --- edits by others between a crash and recovery ------------------------ */

enum edit { EDIT_WRITE, EDIT_REPLACE, EDIT_REMOVE, EDIT_CREATE, EDIT_COUNT };

struct foreign {
	enum edit edit;
	char path[PATH_SIZE];
	uint64_t content;
};

static void write_foreign(const char *path, int flags, uint64_t content)
{
	unsigned char bytes[CONTENT_SIZE_MAX];
	size_t length = content_fill(content, bytes, sizeof bytes);
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		fail("cannot write %s: %s", path, strerror(errno));
	close(fd);
}

static int choose_path(struct dice *dice, const struct state *now, struct foreign *foreign)
{
	const struct item *item;

	if (foreign->edit == EDIT_CREATE) {
		/* below a directory or at the top; may be one that is to go */
		item = now->count ? &now->items[dice_roll(dice, (unsigned)now->count)] : NULL;
		if (item && item->kind == KIND_DIR && dice_roll(dice, 4))
			snprintf(foreign->path, PATH_SIZE, "%.30s/%c", item->path,
			         'a' + (char)dice_roll(dice, 5));
		else
			snprintf(foreign->path, PATH_SIZE, "%c", 'a' + (char)dice_roll(dice, 5));
		return !state_find(now, foreign->path);
	}
	if (now->count == 0)
		return 0;
	item = &now->items[dice_roll(dice, (unsigned)now->count)];
	snprintf(foreign->path, PATH_SIZE, "%s", item->path);
	return item->kind == KIND_FILE;
}

/* Does one; 0 if there is nothing that could be edited so. */
static int edit(struct dice *dice, const struct state *now, struct foreign *foreign)
{
	char path[PATH_SIZE + 8];

	foreign->edit = (enum edit)dice_roll(dice, EDIT_COUNT);
	foreign->content = dice_next(dice) >> 16 | 1ull << 60;
	if (!choose_path(dice, now, foreign))
		return 0;
	snprintf(path, sizeof path, "root/%s", foreign->path);
	switch (foreign->edit) {
	case EDIT_WRITE:
		write_foreign(path, O_TRUNC, foreign->content);
		break;
	case EDIT_REPLACE:
		write_foreign("theirs", O_CREAT | O_EXCL, foreign->content);
		if (rename("theirs", path) != 0)
			fail("cannot replace %s", path);
		break;
	case EDIT_REMOVE:
		foreign->content = state_find(now, foreign->path)->content;
		if (unlink(path) != 0)
			fail("cannot remove %s", path);
		break;
	default:
		write_foreign(path, O_CREAT | O_EXCL, foreign->content);
	}
	tally.edits++;
	tell("  edit %d of %s", foreign->edit, foreign->path);
	return 1;
}

/* Their content stands once in the tree, or at each name of the file they wrote to. */
static int holds(const struct state *state, uint64_t content)
{
	int i, count = 0;

	for (i = 0; i < state->count; i++)
		count += state->items[i].kind == KIND_FILE && state->items[i].content == content;
	return count;
}

/*
 * But for the path that was edited, and for the other names of the file there,
 * the tree is the state.
 */
static int is_but_for(const struct state *now, const struct state *then,
                      const struct foreign *foreign)
{
	static struct state a, b;
	int i;

	a = *now;
	b = *then;
	for (i = now->count - 1; i >= 0 && foreign->edit != EDIT_REMOVE; i--)
		if (now->items[i].kind == KIND_FILE && now->items[i].content == foreign->content) {
			state_drop(&a, now->items[i].path);
			state_drop(&b, now->items[i].path);
		}
	if (!state_differs(&a, &b, NULL, 0))
		return 1;
	/* Removed, or replaced and put aside under another name */
	state_drop(&a, foreign->path);
	state_drop(&b, foreign->path);
	if (!state_differs(&a, &b, NULL, 0))
		return 1;
	/* Removed, and the transaction would have given it another name */
	b = *then;
	for (i = b.count - 1; i >= 0 && foreign->edit == EDIT_REMOVE; i--)
		if (b.items[i].content == foreign->content && b.items[i].kind == KIND_FILE &&
		    !state_find(now, b.items[i].path)) {
			state_drop(&b, b.items[i].path);
			return !state_differs(now, &b, NULL, 0);
		}
	return 0;
}

static void judge_edit(struct possible *possible, const struct foreign *foreign,
                       const struct state *edited, outcome_t outcome)
{
	static struct state now;
	char text[2000];
	int i;

	state_look("root", &now);
	if (outcome == 11) {
		tally.conflicts++;
		if (state_differs(&now, edited, text, sizeof text))
			fail("exit 11, but something has changed:%s", text);
		return;
	}
	if (foreign->edit != EDIT_REMOVE && !holds(&now, foreign->content))
		fail("the edit of %s is lost", foreign->path);
	for (i = 0; i < possible->count; i++)
		if (is_but_for(&now, &possible->states[i], foreign))
			return;
	for (i = 0; i < possible->count; i++) {
		state_differs(&now, &possible->states[i], text, sizeof text);
		tell("  is not state %d of %d:%s", i + 1, possible->count, text);
	}
	state_differs(&now, edited, text, sizeof text);
	fail("after an edit of %s the tree is none of %d states; since:%s", foreign->path,
	     possible->count, text);
}

static outcome_t recover_edited(struct dice *dice)
{
	static const char *const tell_me[] = {"commit-recover", "--repaired-ok", "root", NULL};
	outcome_t outcome = run_recovery(dice, NULL);

	/* Those who only want the store do not tell why they cannot have it. */
	return outcome == 0 || outcome == EXIT_CONFLICT ? outcome : run_tool(tell_me, NULL);
}

/* A transaction dies or fails, somebody edits, then it is recovered. */
void round_edit(struct dice *dice)
{
	static struct possible possible;
	static struct state edited;
	struct state empty = {.count = 0};
	struct foreign foreign;
	struct fate fate;
	outcome_t first, again;
	uint64_t seed;
	int i;

	root_make();
	possible.count = 0;
	add_state(&possible, &empty);
	for (i = 0; i < 3; i++) {
		seed = dice_next(dice);
		memset(&fate, 0, sizeof fate);
		if (run_transaction(&fate, seed) != 0)
			fail("a transaction without faults fails");
		follow(&possible, seed, 0);
	}
	seed = dice_next(dice);
	fate_choose(dice, &fate);
	/* mostly late, where there is something half done */
	if (dice_roll(dice, 3))
		snprintf(fate.faults, sizeof fate.faults, "%u:kill:once:%s", 1 + dice_roll(dice, 6),
		         dice_roll(dice, 2) ? "exchange" : "noreplace");
	follow(&possible, seed, run_transaction(&fate, seed));
	state_look("root", &edited);
	if (!edit(dice, &edited, &foreign))
		return;
	state_look("root", &edited);
	possible.errors = fate.faults[0] && !strstr(fate.faults, "kill");
	first = recover_edited(dice);
	if (possible.errors && first == EXIT_PENDING) {
		tally.stuck++;
		return;
	}
	if (first != 0 && first != 11)
		fail("recovery after an edit: exit %d", first);
	judge_edit(&possible, &foreign, &edited, first);
	state_look("root", &edited);
	again = recover_edited(dice);
	if (again != first)
		fail("a second recovery after an edit: exit %d, not %d", again, first);
	judge_edit(&possible, &foreign, &edited, again);
}
