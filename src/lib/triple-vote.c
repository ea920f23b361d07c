/* SPDX-License-Identifier: ISC */
/* triple-vote.c - who wins; the rules stand in triple.h */
#include "config.h"

#include "triple.h"

#include <string.h>

static int is_good(const struct lc_triple_view *view, unsigned i)
{
	return view->copies[i].side == LC_SIDE_GOOD;
}

static int holds(const struct lc_triple_view *view, unsigned copy, int candidate)
{
	return candidate >= 0 && (view->candidates[candidate].holders >> copy & 1);
}

/* A good sidecar of copy names that candidate. */
static int names(const struct lc_triple_view *view, unsigned copy, int candidate)
{
	return is_good(view, copy) && candidate >= 0 &&
	       (view->copies[copy].now == candidate || view->copies[copy].old == candidate);
}

static unsigned bits(unsigned mask)
{
	unsigned count = 0;

	for (; mask; mask &= mask - 1)
		count++;
	return count;
}

static unsigned count_sides(const struct lc_triple_view *view, enum lc_triple_side side)
{
	unsigned i, count = 0;

	for (i = 0; i < view->count; i++)
		count += view->copies[i].side == side;
	return count;
}

/* The copy's sidecar names the candidate, and its content is still the one before. */
static int is_waiting(const struct lc_triple_view *view, unsigned copy, int candidate)
{
	return view->copies[copy].now == candidate && holds(view, copy, view->copies[copy].old) &&
	       !holds(view, copy, candidate);
}

/* It holds something older, and its sidecar has not heard of the candidate. */
static int is_unaware(const struct lc_triple_view *view, unsigned copy, int candidate)
{
	int now = view->copies[copy].now;

	return !names(view, copy, candidate) && holds(view, copy, now) &&
	       view->candidates[now].version < view->candidates[candidate].version;
}

/*
 * The write of that candidate did not come to all of its members, so nobody was
 * told that it is done. One that waits proves it. One that is unaware may have
 * lost a write that it had acknowledged; two of them have not.
 */
static int never_came(const struct lc_triple_view *view, int candidate)
{
	unsigned i, waiting = 0, unaware = 0;

	for (i = 0; i < view->count; i++) {
		if (!is_good(view, i) || !(view->candidates[candidate].members >> i & 1))
			continue;
		waiting += is_waiting(view, i, candidate) != 0;
		unaware += is_unaware(view, i, candidate) != 0;
	}
	return waiting >= 1 || unaware >= 2;
}

static int is_valid(const struct lc_triple_view *view, int candidate)
{
	const struct lc_triple_candidate *c = &view->candidates[candidate];

	return c->holders || (c->recoverable && !never_came(view, candidate));
}

static int same_version_fork(const struct lc_triple_view *view, int top)
{
	unsigned i;

	for (i = 0; i < view->candidate_count; i++)
		if ((int)i != top && is_valid(view, (int)i) &&
		    view->candidates[i].version == view->candidates[top].version)
			return 1;
	return 0;
}

static int find_top(const struct lc_triple_view *view)
{
	int top = -1;
	unsigned i;

	for (i = 0; i < view->candidate_count; i++)
		if (is_valid(view, (int)i) &&
		    (top < 0 || view->candidates[i].version > view->candidates[top].version))
			top = (int)i;
	return top;
}

static int is_parent(const struct lc_triple_candidate *child, const struct lc_triple_candidate *of)
{
	return of->version == child->parent_version &&
	       memcmp(of->root.bytes, child->parent.bytes, sizeof of->root) == 0;
}

/* Copy's sidecar knows the version, or the one that it was made of. */
static int knows(const struct lc_triple_view *view, unsigned copy, int top)
{
	const struct lc_triple_candidate *c = &view->candidates[top];
	int old = view->copies[copy].old, now = view->copies[copy].now;

	return names(view, copy, top) || (old >= 0 && is_parent(c, &view->candidates[old])) ||
	       (now >= 0 && is_parent(c, &view->candidates[now]));
}

static int is_linked(const struct lc_triple_view *view, int top)
{
	unsigned witnesses = 0, others = 0, i;

	if (bits(view->candidates[top].holders) >= 2)
		return 1;
	for (i = 0; i < view->count; i++) {
		others += is_good(view, i);
		witnesses += is_good(view, i) && knows(view, i, top);
	}
	/* Its own sidecar is one of them; alone only where one was said to be enough. */
	return witnesses >= 2 || others < 2;
}

/* The highest version that any whole sidecar names. */
static uint64_t highest_named(const struct lc_triple_view *view)
{
	uint64_t highest = 0;
	unsigned i;

	for (i = 0; i < view->candidate_count; i++)
		if (view->candidates[i].version > highest)
			highest = view->candidates[i].version;
	return highest;
}

/* A version above top may have been acknowledged, and is nowhere. */
static int lost_one(const struct lc_triple_view *view, int top)
{
	unsigned i;

	for (i = 0; i < view->candidate_count; i++)
		if ((top < 0 || view->candidates[i].version > view->candidates[top].version) &&
		    !never_came(view, (int)i))
			return 1;
	return 0;
}

static enum lc_triple_action action_for(const struct lc_triple_view *view, unsigned copy, int top,
                                        uint64_t advance)
{
	if (view->copies[copy].side == LC_SIDE_AWAY)
		return LC_ACT_NONE;
	if (!holds(view, copy, top))
		return LC_ACT_CONTENT;
	if (advance || !is_good(view, copy) || view->copies[copy].now != top)
		return LC_ACT_SIDECAR;
	return LC_ACT_KEEP;
}

static void win(const struct lc_triple_view *view, int top, struct lc_triple_verdict *verdict)
{
	const struct lc_triple_candidate *c = &view->candidates[top];
	uint64_t highest = highest_named(view);
	unsigned i;

	verdict->outcome = LC_VOTE_WON;
	verdict->winner = top;
	if (highest > c->version)
		verdict->advance = highest + 1;
	for (i = 0; i < view->count; i++)
		verdict->actions[i] = action_for(view, i, top, verdict->advance);
	verdict->needed = view->min_copies < 2 ? 1 : 2;
	/* Where all hold it already, no later fault can bring another one up. */
	if (bits(c->holders) == view->count)
		verdict->needed = 0;
}

/* What a person, and not a vote, has to decide. */
static enum lc_triple_outcome ask_person(const struct lc_triple_view *view)
{
	unsigned i;

	for (i = 0; i < view->count; i++)
		if (view->copies[i].edited)
			return LC_VOTE_EDITED;
	if (count_sides(view, LC_SIDE_FOREIGN))
		return LC_VOTE_FOREIGN;
	return LC_VOTE_WON;
}

/* Every reachable copy has none: there never was a set. */
static int is_no_set(const struct lc_triple_view *view)
{
	unsigned none = count_sides(view, LC_SIDE_NONE);

	return none > 0 && none + count_sides(view, LC_SIDE_AWAY) == view->count;
}

void lc_triple_vote(const struct lc_triple_view *view, struct lc_triple_verdict *verdict)
{
	int top = find_top(view);
	unsigned i;

	memset(verdict, 0, sizeof *verdict);
	verdict->winner = -1;
	for (i = 0; i < view->count; i++)
		verdict->actions[i] =
		        view->copies[i].side == LC_SIDE_AWAY ? LC_ACT_NONE : LC_ACT_KEEP;
	verdict->outcome = ask_person(view);
	if (verdict->outcome != LC_VOTE_WON)
		return;
	if (is_no_set(view))
		verdict->outcome = LC_VOTE_NO_SET;
	else if (count_sides(view, LC_SIDE_GOOD) < view->min_copies)
		verdict->outcome = LC_VOTE_TOO_FEW;
	else if (top < 0)
		verdict->outcome = LC_VOTE_NOTHING;
	else if (same_version_fork(view, top) || !is_linked(view, top))
		verdict->outcome = LC_VOTE_FORK;
	else if (lost_one(view, top))
		verdict->outcome = LC_VOTE_LOST;
	else
		win(view, top, verdict);
}

/* --- the lecture --- */

int lc_triple_raw_vote(const int contents[], unsigned count)
{
	unsigned i, j, there = 0;

	for (i = 0; i < count; i++) {
		there += contents[i] >= 0;
		for (j = i + 1; j < count; j++)
			if (contents[i] >= 0 && contents[i] == contents[j])
				return (int)i;
	}
	/* All differ: A is right, for it is written first. A copy that died tells nothing. */
	return contents[0] >= 0 && there == count ? 0 : -1;
}
