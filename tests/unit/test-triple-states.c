/* SPDX-License-Identifier: ISC */
/*
 * The enumeration of the votes once more, with the real code on real files: a
 * write is killed before each of its calls, and on each state of the files that
 * this can leave every fault and every pair of faults is tried.
 *
 * Three things are asked. Is the answer one that may be given: the new content
 * if the write was acknowledged, else the old or the new one? Does the same
 * answer come after the next fault (pitfall 56)? Is a refusal ever needed where
 * there was no fault, or one?
 */
#include "config.h"

#include "support.h"
#include "triple-support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATES_MAX 32
/* More than a block, and not the same in any */
#define OLD_SIZE (2 * TRIPLE_BLOCK + 100)
#define NEW_SIZE (TRIPLE_BLOCK + 50)

static char old[OLD_SIZE + 1], new[NEW_SIZE + 1];
static struct triple_state states[STATES_MAX];
static unsigned state_count;

struct count {
	unsigned cases;
	unsigned refused;
	unsigned wrong;
};

static void print_counts(const char *what, const struct count counts[3])
{
	unsigned i;

	print_message("# %s\n", what);
	for (i = 0; i < 3; i++)
		if (counts[i].cases)
			print_message("#   %u faults: %u cases, %u wrong, %u refused\n", i,
			              counts[i].cases, counts[i].wrong, counts[i].refused);
}

static void fill_text(char *text, size_t length, unsigned seed)
{
	size_t i;

	fill(text, length, seed);
	for (i = 0; i < length; i++)
		text[i] = (char)('a' + (text[i] & 15));
	text[length] = '\0';
}

struct death {
	char spec[64];
	unsigned min_copies;
};

static int die_there(void *context)
{
	const struct death *death = context;

	fault(death->spec);
	triple_opt.min_copies = death->min_copies;
	return triple_write(new) ? 1 : 0;
}

static void keep_state(void)
{
	struct triple_state now;
	unsigned i;

	triple_sweep();
	triple_capture(&now);
	for (i = 0; i < state_count; i++)
		if (triple_same(&states[i], &now)) {
			triple_free(&now);
			return;
		}
	assert_true(state_count < STATES_MAX);
	states[state_count++] = now;
}

/* Every state in which the files can be while `old` becomes `new`; the last is acknowledged. */
static void collect_states(void)
{
	struct triple_state before;
	struct death death = {.min_copies = 0};
	int n, status = 128 + SIGKILL;

	fill_text(old, OLD_SIZE, 1);
	fill_text(new, NEW_SIZE, 2);
	triple_begin();
	assert_int_equal(triple_write(old), 0);
	triple_remember();
	triple_capture(&before);
	state_count = 0;
	keep_state();
	for (n = 1; status == 128 + SIGKILL; n++) {
		/* The set id stays, so that states can be compared. */
		triple_restore(&before);
		snprintf(death.spec, sizeof death.spec, "%d:kill", n);
		status = in_child(die_there, &death);
		keep_state();
	}
	assert_int_equal(status, 0);
	triple_free(&before);
	print_message("# killed before each of %d calls: %u different states\n", n - 1,
	              state_count);
	/* Each sidecar, then each content; and as it was. */
	assert_true(state_count >= 7);
}

static void free_states(void)
{
	while (state_count)
		triple_free(&states[--state_count]);
}

/* 1: new, 0: old, -1: refused, -2: garbage */
static int ask(void)
{
	if (triple_get() != 0)
		return -1;
	if (strcmp(triple_text(), new) == 0)
		return 1;
	return strcmp(triple_text(), old) == 0 ? 0 : -2;
}

static void judge(unsigned state, const char *what, struct count *count)
{
	int answer = ask();
	int wrong = answer == -2 || (state == state_count - 1 && answer == 0);

	count->cases++;
	count->refused += answer == -1;
	count->wrong += wrong;
	if (wrong)
		print_message("#   WRONG: state %u, %s\n", state, what);
}

static void strike_pairs(unsigned state, struct count counts[3])
{
	unsigned a, b, one, two;
	char what[200];

	for (a = 0; a < 3; a++)
		for (b = a + 1; b < 3; b++)
			for (one = 0; one < HURT_KINDS; one++)
				for (two = 0; two < HURT_KINDS; two++) {
					/* Single ones once only. */
					if ((!one && two && a != 0) || (one && !two && b != 2) ||
					    (!one && !two && (a != 0 || b != 1)))
						continue;
					if (walk_skips())
						continue;
					triple_restore(&states[state]);
					triple_strike(a, (enum hurt)one);
					triple_strike(b, (enum hurt)two);
					snprintf(what, sizeof what, "%c %s, %c %s", "ABC"[a],
					         hurt_names[one], "ABC"[b], hurt_names[two]);
					judge(state, what, &counts[(one > 0) + (two > 0)]);
				}
}

static void no_wrong_answer(void **context)
{
	struct count counts[3] = {{0, 0, 0}};
	unsigned state, i;

	(void)context;
	collect_states();
	for (state = 0; state < state_count; state++)
		strike_pairs(state, counts);
	print_counts("crash at every call, then faults, on files", counts);
	for (i = 0; i < 3; i++)
		assert_int_equal(counts[i].wrong, 0);
	assert_int_equal(counts[0].refused, 0);
	assert_int_equal(counts[1].refused, 0);
	free_states();
}

/* Pitfall 56: an answer that was given is given again after the next fault, or none is. */
static void answers_do_not_turn_around(void **context)
{
	struct count counts[3] = {{0, 0, 0}};
	unsigned state, a, b, one, two;

	(void)context;
	collect_states();
	for (state = 0; state < state_count; state++)
		for (a = 0; a < 3; a++)
			for (one = 0; one < HURT_KINDS; one++) {
				struct triple_state settled;
				int first, then;

				if (walk_skips())
					continue;
				triple_restore(&states[state]);
				triple_strike(a, (enum hurt)one);
				first = ask();
				/* What is away is as it was when it comes back. */
				rename("a.gone", "a"), rename("b.gone", "b"), rename("c.gone", "c");
				triple_capture(&settled);
				for (b = 0; first >= 0 && b < 3; b++)
					for (two = 0; two < HURT_MISPLACED; two++) {
						if (two == HURT_BACK || two == HURT_CONTENT_BACK ||
						    two == HURT_SIDECAR_BACK)
							continue;
						triple_restore(&settled);
						triple_strike(b, (enum hurt)two);
						then = ask();
						counts[1].cases++;
						counts[1].refused += then == -1;
						counts[1].wrong += then != -1 && then != first;
						if (then != -1 && then != first)
							print_message("#   WRONG: state %u, %c %s, "
							              "read %d, "
							              "%c %s, read %d\n",
							              state, "ABC"[a],
							              hurt_names[one], first,
							              "ABC"[b], hurt_names[two],
							              then);
					}
				triple_free(&settled);
			}
	print_counts("read, then another fault, then read again", counts);
	assert_int_equal(counts[1].wrong, 0);
	free_states();
}

/* The write that two copies took part in, and what the third says when it is back. */
static void degraded_writes_are_not_forgotten(void **context)
{
	struct count counts[3] = {{0, 0, 0}};
	unsigned away, a, how;

	(void)context;
	fill_text(old, OLD_SIZE, 1);
	fill_text(new, NEW_SIZE, 2);
	for (away = 0; away < 3; away++)
		for (a = 0; a < 3; a++)
			for (how = 0; how < HURT_KINDS; how++) {
				if (walk_skips())
					continue;
				triple_begin();
				assert_int_equal(triple_write(old), 0);
				triple_remember();
				triple_strike(away, HURT_AWAY);
				triple_opt.min_copies = 2;
				assert_int_equal(triple_write(new), 0);
				rename("a.gone", "a"), rename("b.gone", "b"), rename("c.gone", "c");
				triple_opt.min_copies = 0;
				triple_strike(a, (enum hurt)how);
				state_count = 1;
				judge(0, hurt_names[how], &counts[how > 0]);
			}
	state_count = 0;
	print_counts("two copies written, the third comes back, one fault", counts);
	assert_int_equal(counts[0].wrong + counts[1].wrong, 0);
	assert_int_equal(counts[0].refused, 0);
}

/* The raw rule on the same states: what it gets wrong, for those who choose it. */
static void the_raw_rule_is_weaker(void **context)
{
	struct count counts[3] = {{0, 0, 0}};
	unsigned state, a;

	(void)context;
	collect_states();
	for (state = 0; state < state_count; state++)
		for (a = 0; a < 3; a++) {
			int answer;

			triple_restore(&states[state]);
			triple_strike(a, HURT_CONTENT);
			triple_opt.flags = COMMIT_TRIPLE_RAW;
			answer = ask();
			counts[1].cases++;
			counts[1].refused += answer == -1;
			counts[1].wrong +=
			        answer == -2 || (state == state_count - 1 && answer == 0);
		}
	print_counts("the same with --raw and rot only", counts);
	assert_true(counts[1].wrong > 0);
	free_states();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(no_wrong_answer),
	        ON_TMPFS(answers_do_not_turn_around),
	        ON_TMPFS(degraded_writes_are_not_forgotten),
	        ON_TMPFS(the_raw_rule_is_weaker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
