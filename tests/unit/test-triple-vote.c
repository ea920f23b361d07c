/* SPDX-License-Identifier: ISC */
/*
 * The default vote, without a file: every crash between two steps of a write, and
 * every fault and pair of faults on top of it. It is held to be never wrong.
 */
#include "config.h"

#include "support.h"

#include "triple.h"

#include <stdio.h>
#include <string.h>

/* What is on one device. Versions 1 and 2; 0 is none or garbage. */
struct device {
	int away;
	int side_good;
	int misplaced;
	int side_old;
	int side_now;
	int content;
};

struct fate {
	const char *name;
	void (*strike)(struct device *device);
};

static void nothing(struct device *d)
{
	(void)d;
}
static void dies(struct device *d)
{
	d->away = 1;
}
static void content_rots(struct device *d)
{
	d->content = 0;
}
static void sidecar_rots(struct device *d)
{
	d->side_good = 0;
}
static void all_rots(struct device *d)
{
	content_rots(d);
	sidecar_rots(d);
}
/* An acknowledged write that never happened, or a backup that was restored. */
static void goes_back(struct device *d)
{
	d->side_old = 0;
	d->side_now = 1;
	d->content = 1;
}
static void loses_content_write(struct device *d)
{
	d->content = 1;
}
/* A write to the wrong place: another slot's copy with its sidecar. */
static void is_overwritten_by_another(struct device *d)
{
	d->misplaced = 1;
}

static const struct fate fates[] = {
        {"nothing", nothing},
        {"dead", dies},
        {"content rotten", content_rots},
        {"sidecar rotten", sidecar_rots},
        {"all rotten", all_rots},
        {"back to version 1", goes_back},
        {"content back to version 1", loses_content_write},
        {"another slot's", is_overwritten_by_another},
};

/* members: who takes part. Steps: a sidecar each, then a content each. */
static unsigned steps_of(unsigned members)
{
	unsigned i, count = 0;

	for (i = 0; i < 3; i++)
		count += members >> i & 1;
	return 2 * count;
}

static void run_protocol(struct device devices[3], unsigned members, unsigned steps)
{
	unsigned i;

	for (i = 0; i < 3; i++)
		devices[i] = (struct device){.side_good = 1, .side_now = 1, .content = 1};
	for (i = 0; i < 3; i++)
		if ((members >> i & 1) && steps) {
			devices[i].side_old = 1;
			devices[i].side_now = 2;
			steps--;
		}
	for (i = 0; i < 3; i++)
		if ((members >> i & 1) && steps) {
			devices[i].content = 2;
			steps--;
		}
}

/* What the real code would see of it. Candidates: 0 is version 1, 1 is version 2. */
static void see(const struct device devices[3], unsigned members, unsigned min_copies,
                struct lc_triple_view *view)
{
	unsigned i, k;

	memset(view, 0, sizeof *view);
	view->count = 3;
	view->min_copies = min_copies;
	view->candidate_count = 2;
	for (k = 0; k < 2; k++) {
		view->candidates[k].version = k + 1;
		view->candidates[k].root.bytes[0] = (unsigned char)(k + 1);
		view->candidates[k].members = k ? members : 7;
	}
	view->candidates[1].parent_version = 1;
	view->candidates[1].parent.bytes[0] = 1;
	for (i = 0; i < 3; i++) {
		const struct device *d = &devices[i];
		int good = d->side_good && !d->misplaced && !d->away;

		view->copies[i].side = d->away         ? LC_SIDE_AWAY
		                       : !d->side_good ? LC_SIDE_BAD
		                       : d->misplaced  ? LC_SIDE_MISPLACED
		                                       : LC_SIDE_GOOD;
		view->copies[i].old = good ? d->side_old - 1 : -1;
		view->copies[i].now = good ? d->side_now - 1 : -1;
		if (!d->away && d->content)
			view->candidates[d->content - 1].holders |= 1u << i;
	}
	/* What no whole sidecar names is not known, whoever holds it. */
	for (k = 0; k < 2; k++) {
		int named = 0;

		for (i = 0; i < 3; i++)
			named |= view->copies[i].old == (int)k || view->copies[i].now == (int)k;
		if (!named)
			view->candidates[k].version = view->candidates[k].holders = 0;
		view->candidates[k].recoverable = view->candidates[k].holders != 0;
	}
	if (!view->candidates[1].version)
		view->candidate_count = 1;
}

struct count {
	unsigned cases, wrong, refused;
};

static void judge(const struct device devices[3], unsigned members, int acknowledged,
                  const char *what, struct count *count)
{
	struct lc_triple_verdict verdict;
	struct lc_triple_view view;
	uint64_t answer;

	see(devices, members, 2, &view);
	if (view.candidate_count == 2 && !view.candidates[0].version) {
		/* Version 2 is the only one that is known: it becomes the first candidate. */
		unsigned i;

		view.candidates[0] = view.candidates[1];
		view.candidate_count = 1;
		for (i = 0; i < 3; i++) {
			view.copies[i].old = view.copies[i].old == 1 ? 0 : -1;
			view.copies[i].now = view.copies[i].now == 1 ? 0 : -1;
		}
	} else if (!view.candidates[0].version) {
		view.candidate_count = 0;
	}
	lc_triple_vote(&view, &verdict);
	count->cases++;
	if (verdict.outcome != LC_VOTE_WON) {
		count->refused++;
		return;
	}
	answer = view.candidates[verdict.winner].version;
	if (acknowledged && answer != 2) {
		count->wrong++;
		print_message("#   WRONG: %s -> version %llu\n", what, (unsigned long long)answer);
	}
}

static void strike_all(unsigned members, unsigned steps, int acknowledged, unsigned most,
                       struct count counts[3])
{
	size_t one, two;
	unsigned a, b;
	char what[160];

	for (a = 0; a < 3; a++)
		for (one = 0; one < COUNT_OF(fates); one++)
			for (b = a + 1; b < 3; b++)
				for (two = 0; two < COUNT_OF(fates); two++) {
					struct device devices[3];

					if ((one > 0) + (two > 0) > (int)most)
						continue;
					run_protocol(devices, members, steps);
					fates[one].strike(&devices[a]);
					fates[two].strike(&devices[b]);
					snprintf(what, sizeof what,
					         "members %u, step %u, %c %s, %c %s", members,
					         steps, "ABC"[a], fates[one].name, "ABC"[b],
					         fates[two].name);
					judge(devices, members, acknowledged, what,
					      &counts[(one > 0) + (two > 0)]);
				}
}

/* Every step of a write by three copies, and every fault and pair of faults. */
static void the_default_is_never_wrong(void **state)
{
	struct count counts[3] = {{0, 0, 0}};
	unsigned steps, faults;

	(void)state;
	for (steps = 0; steps <= steps_of(7); steps++)
		strike_all(7, steps, steps == steps_of(7), 2, counts);
	print_message("# default protocol, crash after every step, then faults\n");
	for (faults = 0; faults < 3; faults++)
		print_message("#   %u faults: %u cases, %u wrong, %u refused\n", faults,
		              counts[faults].cases, counts[faults].wrong, counts[faults].refused);
	for (faults = 0; faults < 3; faults++)
		assert_int_equal(counts[faults].wrong, 0);
	/* A crash alone, and one fault with it, always leaves an answer. */
	assert_int_equal(counts[0].refused, 0);
	assert_int_equal(counts[1].refused, 0);
}

/* The same after a write that only two copies took part in, which is a fault in itself. */
static void a_degraded_write_is_never_forgotten(void **state)
{
	static const unsigned pairs[] = {3, 5, 6};
	struct count counts[3] = {{0, 0, 0}};
	unsigned i, faults;

	(void)state;
	for (i = 0; i < COUNT_OF(pairs); i++)
		strike_all(pairs[i], steps_of(pairs[i]), 1, 1, counts);
	print_message("# two copies written, the third away meanwhile, then a fault\n");
	for (faults = 0; faults < 2; faults++)
		print_message("#   %u faults: %u cases, %u wrong, %u refused\n", faults,
		              counts[faults].cases, counts[faults].wrong, counts[faults].refused);
	assert_int_equal(counts[0].wrong, 0);
	assert_int_equal(counts[0].refused, 0);
	assert_int_equal(counts[1].wrong, 0);
}

/* --- single rules --- */

static struct lc_triple_view calm(void)
{
	struct device devices[3];
	struct lc_triple_view view;

	run_protocol(devices, 7, steps_of(7));
	see(devices, 7, 2, &view);
	return view;
}

static enum lc_triple_outcome outcome_of(const struct lc_triple_view *view)
{
	struct lc_triple_verdict verdict;

	lc_triple_vote(view, &verdict);
	return verdict.outcome;
}

static void persons_are_asked_first(void **state)
{
	struct lc_triple_view view = calm();

	(void)state;
	view.copies[2].edited = 1;
	assert_int_equal(outcome_of(&view), LC_VOTE_EDITED);
	view = calm();
	view.copies[1].side = LC_SIDE_FOREIGN;
	assert_int_equal(outcome_of(&view), LC_VOTE_FOREIGN);
}

/* Pitfall 59 */
static void one_version_twice_is_a_fork(void **state)
{
	struct lc_triple_view view = calm();

	(void)state;
	view.candidates[2] = view.candidates[1];
	view.candidates[2].root.bytes[0] = 9;
	view.candidates[2].holders = 4;
	view.candidates[1].holders = 3;
	view.copies[2].now = 2;
	view.candidate_count = 3;
	assert_int_equal(outcome_of(&view), LC_VOTE_FORK);
}

/* The highest is held by one, and nobody else knows it or what it was made of. */
static void a_stranger_does_not_win(void **state)
{
	struct lc_triple_view view = calm();

	(void)state;
	view.candidates[2] = view.candidates[1];
	view.candidates[2].version = 7;
	view.candidates[2].root.bytes[0] = 9;
	view.candidates[2].parent_version = 6;
	view.candidates[2].holders = 4;
	view.candidates[1].holders = 3;
	view.copies[2].now = 2;
	view.copies[2].old = -1;
	view.candidate_count = 3;
	assert_int_equal(outcome_of(&view), LC_VOTE_FORK);
}

/* Pitfall 56: the number goes above the one that may come back. */
static void an_abandoned_version_is_overtaken(void **state)
{
	struct lc_triple_verdict verdict;
	struct lc_triple_view view;
	struct device devices[3];

	(void)state;
	run_protocol(devices, 7, 4);
	dies(&devices[0]);
	see(devices, 7, 2, &view);
	lc_triple_vote(&view, &verdict);
	assert_int_equal(verdict.outcome, LC_VOTE_WON);
	assert_int_equal(view.candidates[verdict.winner].version, 1);
	assert_int_equal(verdict.advance, 3);
	assert_int_equal(verdict.needed, 2);
	assert_int_equal(verdict.actions[1], LC_ACT_SIDECAR);
}

/* The newest is nowhere, and both that took part say so: an old one is no answer. */
static void a_lost_version_is_no_old_one(void **state)
{
	struct lc_triple_view view;
	struct device devices[3];

	(void)state;
	run_protocol(devices, 5, steps_of(5));
	content_rots(&devices[0]);
	content_rots(&devices[2]);
	see(devices, 5, 2, &view);
	assert_int_equal(outcome_of(&view), LC_VOTE_LOST);
}

static void too_few_sidecars_are_refused(void **state)
{
	struct lc_triple_view view;
	struct device devices[3];

	(void)state;
	run_protocol(devices, 7, steps_of(7));
	dies(&devices[0]);
	sidecar_rots(&devices[1]);
	see(devices, 7, 2, &view);
	assert_int_equal(outcome_of(&view), LC_VOTE_TOO_FEW);
	see(devices, 7, 1, &view);
	assert_int_equal(outcome_of(&view), LC_VOTE_WON);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(the_default_is_never_wrong),   EVERY(a_degraded_write_is_never_forgotten),
	        EVERY(persons_are_asked_first),      EVERY(one_version_twice_is_a_fork),
	        EVERY(a_stranger_does_not_win),      EVERY(an_abandoned_version_is_overtaken),
	        EVERY(a_lost_version_is_no_old_one), EVERY(too_few_sidecars_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
