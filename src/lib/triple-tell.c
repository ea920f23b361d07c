/* SPDX-License-Identifier: ISC */
/* triple-tell.c - results and errors in the words of the public header */
#include "config.h"

#include "triple-internal.h"

#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *lc_triple_letter(unsigned copy)
{
	static const char *const letters[LC_TRIPLE_MAX] = {"A", "B", "C"};

	return letters[copy];
}

void lc_triple_warn(const struct lc_triple *t, int code, int errnum, const char *operation,
                    const char *path, const char *text)
{
	struct commit_error warning;

	if (!t->opt.warn)
		return;
	lc_error_set(&warning, code, errnum, operation, path, text);
	t->opt.warn(t->opt.context, &warning);
}

/* The first copy of which that is true; there is one. */
static unsigned first_edited(const struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX - 1; i++)
		if (t->view.copies[i].edited)
			break;
	return i;
}

static unsigned first_with(const struct lc_triple *t, enum lc_triple_side side)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX - 1; i++)
		if (t->copies[i].side == side)
			break;
	return i;
}

static unsigned count_with(const struct lc_triple *t, enum lc_triple_side side)
{
	unsigned i, count = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		count += t->copies[i].side == side;
	return count;
}

/* ", --raw would take A" and what else is a way out where nothing has won */
static const char *raw_advice(struct lc_triple *t, char *text, size_t size)
{
	int choice = lc_triple_raw_choice(t);

	if (choice >= 0)
		snprintf(text, size, "--raw would take copy %s, %s",
		         lc_triple_letter((unsigned)choice), t->copies[choice].given);
	else
		snprintf(text, size, "--raw would have no majority either");
	return text;
}

static int no_set(struct lc_triple *t, struct commit_error *err)
{
	char advice[COMMIT_ERROR_TEXT_MAX];
	unsigned i, there = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		there += t->copies[i].exists != 0;
	if (!there)
		return lc_error_set(err, COMMIT_EFAILED, ENOENT, "look for the set at",
		                    t->copies[0].given, NULL);
	return lc_error_format(err, COMMIT_EREFUSED, ENODATA, "look for the set at",
	                       t->copies[0].given,
	                       "the files have no sidecars (a write makes them a set); %s",
	                       raw_advice(t, advice, sizeof advice));
}

static int too_few(struct lc_triple *t, struct commit_error *err)
{
	unsigned away = count_with(t, LC_SIDE_AWAY), good = count_with(t, LC_SIDE_GOOD), i;
	char advice[COMMIT_ERROR_TEXT_MAX];

	if (away && good) {
		i = first_with(t, LC_SIDE_AWAY);
		return lc_error_format(err, COMMIT_EREFUSED, t->copies[i].away, "reach",
		                       t->copies[i].given,
		                       "only %u of the copies can be told to be of the set, and %u "
		                       "are wanted (--min-copies=1 takes what one says)",
		                       good, t->view.min_copies);
	}
	if (count_with(t, LC_SIDE_MISPLACED) >= 2)
		return lc_error_format(err, COMMIT_ECONFLICT, EXDEV, "compare", t->copies[0].given,
		                       "the copies were written in another order, or stand in each "
		                       "other's place: name them in the order A, B, C");
	if (away == LC_TRIPLE_MAX)
		return lc_error_set(err, COMMIT_EFAILED, t->copies[0].away, "reach",
		                    t->copies[0].given, NULL);
	return lc_error_format(err, COMMIT_ECONFLICT, EBADMSG, "compare", t->copies[0].given,
	                       "%u of the sidecars are whole, and %u are wanted; %s", good,
	                       t->view.min_copies, raw_advice(t, advice, sizeof advice));
}

static int foreign(const struct lc_triple *t, struct commit_error *err)
{
	return lc_error_set(err, COMMIT_ECONFLICT, EEXIST, "compare",
	                    t->copies[first_with(t, LC_SIDE_FOREIGN)].given,
	                    "belongs to another set: nothing was changed; if it is not wanted, "
	                    "remove it and its sidecar, then repair");
}

static int edited(const struct lc_triple *t, struct commit_error *err)
{
	const char *path = t->copies[first_edited(t)].given;

	return lc_error_format(err, COMMIT_ECONFLICT, ESTALE, "compare", path,
	                       "was changed by somebody else, nothing was changed here; to keep "
	                       "that: commit-triple write --force --from=COPY A B C; to drop it: "
	                       "remove the copy, then repair");
}

static int no_majority(const struct lc_triple *t, struct commit_error *err)
{
	unsigned i, there = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		there += t->copies[i].exists != 0;
	if (!there)
		return lc_error_set(err, COMMIT_EFAILED,
		                    t->copies[0].away ? t->copies[0].away : ENOENT, "read",
		                    t->copies[0].given, NULL);
	return lc_error_format(err, COMMIT_ECONFLICT, EBADMSG, "compare", t->copies[0].given,
	                       "no two of the %u copies that are there agree, and A is right only "
	                       "where all three are there; nothing was changed",
	                       there);
}

int lc_triple_refuse(struct lc_triple *t, struct commit_error *err)
{
	char advice[COMMIT_ERROR_TEXT_MAX];
	const char *why = "no version is whole";

	if (t->opt.flags & COMMIT_TRIPLE_RAW)
		return no_majority(t, err);
	switch (t->verdict.outcome) {
	case LC_VOTE_EDITED:
		return edited(t, err);
	case LC_VOTE_FOREIGN:
		return foreign(t, err);
	case LC_VOTE_NO_SET:
		return no_set(t, err);
	case LC_VOTE_TOO_FEW:
		return too_few(t, err);
	case LC_VOTE_FORK:
		why = "the copies hold versions that do not descend from each other";
		break;
	case LC_VOTE_LOST:
		why = "the newest version is whole nowhere, and may have been acknowledged";
		break;
	default:
		break;
	}
	return lc_error_format(err, COMMIT_ECONFLICT, EBADMSG, "compare", t->copies[0].given,
	                       "%s: nothing was changed; %s (commit-triple write --force "
	                       "--from=COPY A B C keeps one of them)",
	                       why, raw_advice(t, advice, sizeof advice));
}

/* --- results --- */

static uint64_t version_held(const struct lc_triple *t, unsigned i)
{
	uint64_t held = 0;
	unsigned k;

	for (k = 0; k < t->view.candidate_count; k++)
		if (lc_triple_holds(t, i, (int)k) && t->entries[k]->version > held)
			held = t->entries[k]->version;
	return held;
}

static enum commit_triple_state state_of(const struct lc_triple *t, unsigned i)
{
	const struct lc_copy *copy = &t->copies[i];

	if (copy->away)
		return COMMIT_COPY_UNREACHABLE;
	if (t->view.copies[i].edited)
		return COMMIT_COPY_EDITED;
	if (copy->side == LC_SIDE_FOREIGN)
		return COMMIT_COPY_FOREIGN;
	if (t->verdict.winner < 0)
		return copy->exists ? COMMIT_COPY_UNKNOWN : COMMIT_COPY_MISSING;
	if (t->verdict.actions[i] == LC_ACT_KEEP)
		return copy->sidecar.twin_bad ? COMMIT_COPY_UNSETTLED : COMMIT_COPY_GOOD;
	if (!copy->exists)
		return COMMIT_COPY_MISSING;
	if (copy->side == LC_SIDE_MISPLACED)
		return COMMIT_COPY_MISPLACED;
	if (t->verdict.actions[i] == LC_ACT_SIDECAR)
		return COMMIT_COPY_UNSETTLED;
	return version_held(t, i) ? COMMIT_COPY_STALE : COMMIT_COPY_DAMAGED;
}

static uint64_t count_bad(const struct lc_triple *t, unsigned i)
{
	int winner = t->verdict.winner;
	uint64_t bad = 0;
	uint32_t b;

	if (winner < 0 || !t->copies[i].exists || lc_triple_holds(t, i, winner))
		return 0;
	if (!t->copies[i].good[winner])
		return t->copies[i].unread ? t->entries[winner]->blocks : 0;
	for (b = 0; b < t->entries[winner]->blocks; b++)
		bad += !t->copies[i].good[winner][b];
	return bad;
}

static void tell_copy(const struct lc_triple *t, unsigned i, struct commit_triple_result *result)
{
	struct commit_triple_copy *copy = &result->copies[i];
	int wants = t->verdict.winner >= 0 && (t->verdict.actions[i] == LC_ACT_CONTENT ||
	                                       t->verdict.actions[i] == LC_ACT_SIDECAR);

	copy->state = state_of(t, i);
	copy->version = version_held(t, i);
	copy->bad_blocks = count_bad(t, i);
	copy->repaired = t->copies[i].repaired;
	copy->errnum = t->copies[i].away     ? t->copies[i].away
	               : t->copies[i].failed ? t->copies[i].failed
	                                     : t->copies[i].unread;
	result->repaired += copy->repaired != 0;
	result->wanting += wants && !copy->repaired;
	result->good += copy->repaired || copy->state == COMMIT_COPY_GOOD ||
	                lc_triple_holds(t, i, t->verdict.winner);
}

void lc_triple_tell(struct lc_triple *t, struct commit_triple_result *result)
{
	int winner = t->verdict.winner;
	unsigned i;

	memset(result, 0, sizeof *result);
	result->raw_choice = -1;
	result->flushes = t->flushes;
	if (t->set)
		memcpy(result->set, t->set, sizeof result->set);
	if (winner >= 0) {
		result->version =
		        t->verdict.advance ? t->verdict.advance : t->entries[winner]->version;
		result->bytes = t->entries[winner]->length;
	} else if (t->verdict.outcome != LC_VOTE_WON && !(t->opt.flags & COMMIT_TRIPLE_RAW)) {
		result->raw_choice = lc_triple_raw_choice(t);
	}
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		tell_copy(t, i, result);
}
