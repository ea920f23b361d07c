/* SPDX-License-Identifier: ISC */
/* The heap's checker: breaches of each invariant on real bitmaps and blocks, graded and repaired.
 */
#include "config.h"

#include "support.h"

#include "heap-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ((size_t)4096)
#define SIZE (2 * PAGE)
#define BLOCKS 6

static struct commit_error err;
static struct commit_rvm *rvm;
static struct commit_heap *heap;
static unsigned char *memory;
/* The root, and those that it leads to: a chain of pointers. */
static void **blocks[BLOCKS];
static unsigned char whole[SIZE];

static void start(void)
{
	struct commit_rvm_options opt;
	struct commit_rvm_xact *x;
	void *block;
	int i;

	commit_rvm_options_init(&opt);
	opt.mode = COMMIT_RVM_VISTA;
	assert_int_equal(commit_rvm_create_log("log", &opt, &err), 0);
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	assert_int_equal(
	        commit_rvm_map(rvm, "data", 0, SIZE, NULL, COMMIT_RVM_CREATE, &block, &err), 0);
	memory = block;
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	assert_int_equal(commit_heap_format(x, memory, SIZE, &err), 0);
	assert_int_equal(commit_heap_open(rvm, memory, SIZE, &heap, &err), 0);
	for (i = 0; i < BLOCKS; i++) {
		assert_int_equal(
		        commit_heap_allocate(heap, x, (size_t)(100 + 20 * i), &block, &err), 0);
		blocks[i] = block;
		if (i > 0)
			*blocks[i - 1] = block;
	}
	assert_int_equal(commit_heap_set_root(heap, x, blocks[0], &err), 0);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	memcpy(whole, memory, SIZE);
}

static void finish(void)
{
	assert_int_equal(commit_heap_close(heap, &err), 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}

static void trace(void *context, const void *block, size_t size, struct commit_heap_walk *walk)
{
	(void)context;
	assert_true(size >= 100);
	commit_heap_refers(walk, *(void *const *)block);
}

/* What was found: how often each invariant was broken. */
static unsigned broken[5];

static void found(void *context, const struct commit_heap_finding *finding)
{
	(void)context;
	assert_in_range(finding->invariant, 1, 4);
	broken[finding->invariant]++;
}

static struct commit_heap_report check(int repair, int traced)
{
	struct commit_heap_report report;
	struct commit_heap_check how;

	commit_heap_check_init(&how);
	memset(broken, 0, sizeof broken);
	how.found = found;
	how.trace = traced ? trace : NULL;
	if (repair)
		assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &how.xact, &err),
		                 0);
	assert_int_equal(commit_heap_check(heap, &how, &report, &err), 0);
	assert_int_equal(report.leaks, broken[4]);
	assert_int_equal(report.disasters, broken[1] + broken[2] + broken[3]);
	if (repair)
		assert_int_equal(commit_rvm_end_xact(how.xact, COMMIT_RVM_FLUSH, &err), 0);
	return report;
}

/* One breach, which is repaired, and then all is as before. */
static void expect_repaired(int invariant, int traced)
{
	struct commit_heap_report report = check(0, traced);

	assert_int_equal(broken[invariant], report.leaks + report.disasters);
	assert_true(broken[invariant] > 0);
	assert_int_equal(report.repaired, 0);
	report = check(1, traced);
	assert_int_equal(report.repaired, broken[invariant]);
	assert_memory_equal(memory, whole, SIZE);
	report = check(0, 1);
	assert_int_equal(report.leaks + report.disasters, 0);
}

/* Looked at, graded, and left alone by a repair. */
static void expect_left_alone(int invariant)
{
	unsigned char bad[SIZE];
	struct commit_heap_report report;

	memcpy(bad, memory, SIZE);
	report = check(1, 1);
	assert_true(broken[invariant] > 0 && report.disasters > 0);
	assert_memory_equal(memory, bad, SIZE);
	memcpy(memory, whole, SIZE);
}

static uint64_t unit(int block)
{
	return lc_heap_unit_of(heap, blocks[block]);
}

static void invariant_4_what_is_free_is_marked_free(void **state)
{
	struct commit_rvm_xact *x;
	struct commit_heap_report report;
	void *block;

	(void)state;
	start();
	/* units that no block has */
	lc_heap_put_bits(heap->used, heap->units - 5, 3, 1);
	lc_heap_put_bits(heap->used, heap->units - 1, 1, 1);
	expect_repaired(4, 0);
	/* a block's mark, and no block */
	lc_heap_put_bits(heap->first, heap->units - 5, 1, 1);
	expect_repaired(4, 0);
	/* bits of units that are not there */
	assert_true(heap->units % 64 != 0);
	lc_heap_put_bits(heap->used, heap->units, 1, 1);
	expect_repaired(4, 0);
	/* a block that nothing refers to: only who can trace knows */
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	assert_int_equal(commit_heap_allocate(heap, x, 10, &block, &err), 0);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	report = check(1, 0);
	assert_int_equal(report.leaks + report.disasters, 0);
	expect_repaired(4, 1);
	finish();
}

static void invariant_3_what_is_used_is_marked_used(void **state)
{
	struct commit_rvm_xact *x;
	uint64_t first;

	(void)state;
	start();
	/* a block that was freed, and is referred to all the same */
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	assert_int_equal(commit_heap_free(heap, x, blocks[BLOCKS - 1], &err), 0);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	expect_left_alone(3);
	first = unit(3);
	lc_heap_put_bits(heap->used, first + 1, 1, 0);
	expect_repaired(3, 0);
	lc_heap_put_bits(heap->first, first, 1, 0);
	expect_repaired(3, 0);
	/* wholly: nobody knows of it but who refers to it */
	lc_heap_put_bits(heap->first, first, 1, 0);
	lc_heap_put_bits(heap->used, first, lc_heap_block_units(heap, first), 0);
	expect_repaired(3, 1);
	/* a pointer to where no block begins; to nowhere */
	*blocks[2] = (char *)blocks[3] + 32;
	expect_left_alone(3);
	*blocks[2] = memory;
	expect_left_alone(3);
	finish();
}

static void invariant_2_what_is_referred_to_is_initialised(void **state)
{
	(void)state;
	start();
	/* a block's head; the root */
	lc_heap_payload(heap, unit(2))[-1] ^= 1;
	expect_left_alone(2);
	memory[40] ^= 32;
	expect_left_alone(2);
	finish();
}

static void invariant_1_one_purpose(void **state)
{
	uint64_t first;
	void *block;
	struct commit_rvm_xact *x;

	(void)state;
	start();
	first = unit(1);
	/* a block gets the room of the tail of another one */
	lc_heap_put_bits(heap->used, first + 1, lc_heap_block_units(heap, first) - 1, 0);
	heap->next = 0;
	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	assert_int_equal(commit_heap_allocate(heap, x, 30, &block, &err), 0);
	assert_int_equal(lc_heap_unit_of(heap, block), first + 1);
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err), 0);
	check(0, 0);
	assert_true(broken[1] > 0);
	/* whose bytes the free ones are nobody can tell: they stay marked as they are */
	check(1, 0);
	assert_int_equal(lc_heap_bit(heap->used, first + 3), 0);
	memcpy(memory, whole, SIZE);
	finish();
}

/* Every bit of head, bitmaps and heads of blocks: nothing goes unnoticed. */
static void every_bit_flipped(void **state)
{
	struct commit_heap_report report;
	struct commit_heap *again;
	size_t at, end, bit;

	(void)state;
	start();
	end = (size_t)(heap->blocks - memory);
	for (bit = 0; bit < 8 * (end + (size_t)heap->units * LC_HEAP_UNIT); bit++) {
		at = bit / 8;
		/* what no format says anything about; what the caller has written */
		if ((at >= 56 && at < PAGE) ||
		    (at >= PAGE + 2 * ((heap->units + 63) / 64 * 8) && at < end) ||
		    (at >= end && ((at - end) % LC_HEAP_UNIT >= LC_HEAP_BLOCK_HEAD ||
		                   !lc_heap_bit(heap->first, (at - end) / LC_HEAP_UNIT))))
			continue;
		memory[at] ^= (unsigned char)(1 << bit % 8);
		if (at < 40) {
			assert_int_not_equal(commit_heap_open(rvm, memory, SIZE, &again, &err), 0);
		} else {
			report = check(0, 1);
			assert_true(report.leaks + report.disasters > 0);
		}
		memcpy(memory, whole, SIZE);
	}
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(invariant_4_what_is_free_is_marked_free),
	        EVERY(invariant_3_what_is_used_is_marked_used),
	        EVERY(invariant_2_what_is_referred_to_is_initialised),
	        EVERY(invariant_1_one_purpose),
	        EVERY(every_bit_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
