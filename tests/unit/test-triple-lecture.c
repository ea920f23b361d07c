/* SPDX-License-Identifier: ISC */
/*
 * The lecture's rule: every state of its tables, which are printed, and where it is
 * wrong, which is why it is not the default. The other half is test-triple-vote.c.
 */
#include "config.h"

#include "support.h"

#include "triple.h"

#include <stdio.h>
#include <string.h>

/* What one device holds: the old content, the new one, or something else, never twice the same. */
enum { OLD, NEW, GARBAGE };

static int content_number(int what, unsigned device)
{
	return what == GARBAGE ? 10 + (int)device : what;
}

static char sign(int what)
{
	return "01?"[what];
}

/* The state while step `step` runs: one device is half written. -1 and 2 * count: before, after. */
static void lecture_state(int step, unsigned count, int what[])
{
	unsigned i;

	for (i = 0; i < count; i++) {
		int from = 2 * (int)i;

		what[i] = step < from ? OLD : step == from ? GARBAGE : NEW;
	}
}

static int ask_raw(const int what[], unsigned count)
{
	int contents[LC_TRIPLE_MAX], chosen;
	unsigned i;

	for (i = 0; i < count; i++)
		contents[i] = content_number(what[i], i);
	chosen = lc_triple_raw_vote(contents, count);
	return chosen < 0 ? -1 : what[chosen];
}

/* The rows of the lecture: what each device holds while one step after the other runs. */
static const char *const two_devices[] = {"0?111", "000?1"};
static const char *const three_devices[] = {"0?11111", "000?111", "00000?1"};

static char row_of(int answer)
{
	if (answer < 0)
		return '-';
	return sign(answer);
}

/* Prints the table and a row of answers; returns how many of them are garbage. */
static unsigned print_lecture(const char *const table[], unsigned count)
{
	int what[LC_TRIPLE_MAX], step, last = 2 * (int)count - 1;
	unsigned i, wrong = 0;

	print_message("# %u devices, each written in turn; ? is garbage\n#   step  ", count);
	for (step = -1; step <= last; step++)
		print_message(" %d", step + 2);
	for (i = 0; i < count; i++) {
		print_message("\n#   %c     ", "ABC"[i]);
		for (step = -1; step <= last; step++) {
			lecture_state(step, count, what);
			assert_int_equal(sign(what[i]), table[i][step + 1]);
			print_message(" %c", sign(what[i]));
		}
	}
	print_message("\n#   answer");
	for (step = -1; step <= last; step++) {
		lecture_state(step, count, what);
		wrong += ask_raw(what, count) == GARBAGE;
		print_message(" %c", row_of(ask_raw(what, count)));
	}
	print_message("\n#   wrong answers: %u\n", wrong);
	return wrong;
}

/* Where they differ one must be believed, and for each there is a step in which it is garbage. */
static void two_devices_cannot_tell(void **state)
{
	int what[LC_TRIPLE_MAX], step;
	unsigned device, garbage[2] = {0, 0};

	(void)state;
	assert_true(print_lecture(two_devices, 2) > 0);
	for (step = -1; step <= 3; step++) {
		lecture_state(step, 2, what);
		for (device = 0; device < 2; device++)
			garbage[device] += what[0] != what[1] && what[device] == GARBAGE;
	}
	assert_int_equal(garbage[0], 1);
	assert_int_equal(garbage[1], 1);
}

/*
 * The step in which A is written is safe only by majority, and that of B only
 * by A: B is garbage, A and C differ.
 */
static void three_devices_survive_any_crash(void **state)
{
	int what[LC_TRIPLE_MAX], step, answer;

	(void)state;
	assert_int_equal(print_lecture(three_devices, 3), 0);
	for (step = -1; step <= 5; step++) {
		lecture_state(step, 3, what);
		answer = ask_raw(what, 3);
		/* Once written and once decided, it stays so. */
		assert_int_equal(answer, step < 2 ? OLD : NEW);
	}
}

/* Pitfall 54: rot in one copy and a crash while another is written; each case is printed. */
static void the_raw_rule_is_wrong_with_rot(void **state)
{
	int what[LC_TRIPLE_MAX], step, answer;
	unsigned rotten, wrong = 0;

	(void)state;
	print_message("# three devices, one of them rotten, crash while one is written\n");
	for (rotten = 0; rotten < 3; rotten++)
		for (step = -1; step <= 5; step++) {
			lecture_state(step, 3, what);
			what[rotten] = GARBAGE;
			answer = ask_raw(what, 3);
			if (answer != GARBAGE)
				continue;
			wrong++;
			print_message("#   %c %c %c, %c is rotten -> garbage: WRONG\n",
			              sign(what[0]), sign(what[1]), sign(what[2]), "ABC"[rotten]);
		}
	print_message("#   wrong answers: %u\n", wrong);
	assert_true(wrong > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(two_devices_cannot_tell),
	        EVERY(three_devices_survive_any_crash),
	        EVERY(the_raw_rule_is_wrong_with_rot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
