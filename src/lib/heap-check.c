/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "heap-internal.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct commit_heap_walk {
	struct commit_heap *heap;
	const struct commit_heap_check *check;
	struct commit_heap_report report;
	struct commit_error *err;
	/* of units: some block has it; of blocks' first units: was referred to */
	unsigned char *covered;
	unsigned char *reached;
	/* blocks that were referred to and not traced yet, by their first units */
	uint64_t *waiting;
	uint64_t count;
	/* the first repair that failed */
	int rc;
};

void commit_heap_check_init(struct commit_heap_check *check)
{
	memset(check, 0, sizeof *check);
	check->size = sizeof *check;
}

static void tell(struct commit_heap_walk *w, int invariant, uint64_t unit, uint64_t count,
                 int repaired, const char *text)
{
	const struct commit_heap *heap = w->heap;
	const struct commit_heap_finding finding = {
	        .invariant = invariant,
	        .repaired = repaired,
	        .offset = (uint64_t)(heap->blocks - heap->base) + unit * LC_HEAP_UNIT,
	        .size = count * LC_HEAP_UNIT,
	        .text = text};

	if (invariant == 4)
		w->report.leaks++;
	else
		w->report.disasters++;
	w->report.repaired += repaired != 0;
	if (w->check->found)
		w->check->found(w->check->context, &finding);
}

/* How many of the units have a bit that is not value. */
static uint64_t others(const unsigned char *map, uint64_t unit, uint64_t count, int value)
{
	uint64_t found = 0;

	for (; count > 0; unit++, count--)
		found += lc_heap_bit(map, unit) != value;
	return found;
}

/* 1: it was done, in the transaction that was given for it. */
static int repair_bits(struct commit_heap_walk *w, unsigned char *map, uint64_t unit,
                       uint64_t count, int value)
{
	int rc;

	if (!w->check->xact || w->rc)
		return 0;
	rc = lc_heap_declare_bits(w->heap, w->check->xact, map, unit, count, w->err);
	w->rc = rc;
	if (!rc)
		lc_heap_put_bits(map, unit, count, value);
	return !rc;
}

/* Units up to where another block begins or something is free: all that a damaged one can have. */
static uint64_t claimed(const struct commit_heap *heap, uint64_t unit)
{
	uint64_t end = unit + 1;

	while (end < heap->units && lc_heap_bit(heap->used, end) && !lc_heap_bit(heap->first, end))
		end++;
	return end - unit;
}

/* A block that the bitmap knows; returns its units. */
static uint64_t check_block(struct commit_heap_walk *w, uint64_t unit)
{
	struct commit_heap *heap = w->heap;
	uint64_t count = lc_heap_block_units(heap, unit), alone;

	if (count == 0 && !lc_heap_bit(heap->used, unit)) {
		tell(w, 4, unit, 1, repair_bits(w, heap->first, unit, 1, 0),
		     "a block is marked where there is none");
		return 1;
	}
	if (count == 0) {
		count = claimed(heap, unit);
		tell(w, 2, unit, count, 0, "a block's head is damaged");
		lc_heap_put_bits(w->covered, unit, count, 1);
		return count;
	}
	w->report.blocks++;
	w->report.used_bytes += count * LC_HEAP_UNIT;
	alone = others(heap->first, unit + 1, count - 1, 0) == 0 &&
	        others(w->covered, unit, count, 0) == 0;
	if (!alone)
		tell(w, 1, unit, count, 0, "a block overlaps another one");
	if (others(heap->used, unit, count, 1) > 0)
		tell(w, 3, unit, count, alone && repair_bits(w, heap->used, unit, count, 1),
		     "a part of a block is marked free");
	lc_heap_put_bits(w->covered, unit, count, 1);
	/* One that overlaps must not hide those that begin inside of it. */
	return alone ? count : 1;
}

static void check_blocks(struct commit_heap_walk *w)
{
	uint64_t unit = 0;

	while (unit < w->heap->units)
		unit += lc_heap_bit(w->heap->first, unit) ? check_block(w, unit) : 1;
}

/* Whole blocks whose units are marked used, but not as theirs: heads are wiped when blocks are
 * freed. */
static void find_unmarked(struct commit_heap_walk *w)
{
	struct commit_heap *heap = w->heap;
	uint64_t unit, count;

	for (unit = 0; unit < heap->units; unit++) {
		if (!lc_heap_bit(heap->used, unit) || lc_heap_bit(w->covered, unit))
			continue;
		count = lc_heap_block_units(heap, unit);
		if (count == 0 || others(w->covered, unit, count, 0) > 0)
			continue;
		tell(w, 3, unit, count, repair_bits(w, heap->first, unit, 1, 1),
		     "a block is not marked as one");
		check_block(w, unit);
	}
}

/* Something refers to it. A block that is marked free is one all the same, if nobody else is there.
 */
static void refer(struct commit_heap_walk *w, uint64_t unit)
{
	struct commit_heap *heap = w->heap;
	uint64_t count = lc_heap_block_units(heap, unit);

	if (lc_heap_bit(w->reached, unit))
		return;
	lc_heap_put_bits(w->reached, unit, 1, 1);
	if (!lc_heap_bit(heap->first, unit)) {
		int safe = count > 0 && others(w->covered, unit, count, 0) == 0;

		if (safe) {
			w->report.blocks++;
			w->report.used_bytes += count * LC_HEAP_UNIT;
			lc_heap_put_bits(w->covered, unit, count, 1);
			safe = repair_bits(w, heap->used, unit, count, 1) &&
			       repair_bits(w, heap->first, unit, 1, 1);
		}
		tell(w, 3, unit, count, safe, "what is referred to is not marked as a block");
	}
	if (count > 0)
		w->waiting[w->count++] = unit;
}

void commit_heap_refers(struct commit_heap_walk *walk, const void *block)
{
	uint64_t unit;

	if (!block)
		return;
	unit = lc_heap_unit_of(walk->heap, block);
	if (unit == walk->heap->units)
		tell(walk, 3, 0, 0, 0, "something that is no block is referred to");
	else
		refer(walk, unit);
}

static void trace(struct commit_heap_walk *w)
{
	uint64_t unit;

	while (w->check->trace && w->count > 0) {
		unit = w->waiting[--w->count];
		w->check->trace(w->check->context, lc_heap_payload(w->heap, unit),
		                (size_t)(lc_heap_block_units(w->heap, unit) * LC_HEAP_UNIT -
		                         LC_HEAP_BLOCK_HEAD),
		                w);
	}
}

static void check_root(struct commit_heap_walk *w)
{
	int wrong;
	uint64_t unit = lc_heap_root_unit(w->heap, &wrong);

	if (wrong)
		tell(w, 2, 0, 0, 0, "the root is damaged");
	else if (unit < w->heap->units)
		refer(w, unit);
}

/* Its head goes as well, or it would be a block again if somebody referred to it. */
static int free_block(struct commit_heap_walk *w, uint64_t unit, uint64_t count)
{
	unsigned char *head = w->heap->blocks + unit * LC_HEAP_UNIT;

	if (!repair_bits(w, w->heap->used, unit, count, 0) ||
	    !repair_bits(w, w->heap->first, unit, 1, 0))
		return 0;
	w->rc = commit_rvm_set_range(w->check->xact, head, LC_HEAP_BLOCK_HEAD, w->err);
	if (!w->rc)
		memset(head, 0, LC_HEAP_BLOCK_HEAD);
	return !w->rc;
}

/* What nothing refers to is lost, if the caller has shown what refers to what and nothing was
 * wrong. */
static void find_lost(struct commit_heap_walk *w)
{
	const struct commit_heap *heap = w->heap;
	const int sure = w->report.disasters == 0;
	uint64_t unit, count;

	if (!w->check->trace)
		return;
	for (unit = 0; unit < heap->units; unit++) {
		if (!lc_heap_bit(heap->first, unit) || lc_heap_bit(w->reached, unit))
			continue;
		count = lc_heap_block_units(heap, unit);
		if (count > 0)
			tell(w, 4, unit, count, sure && free_block(w, unit, count),
			     "a block that nothing refers to");
	}
}

/* Marked used, and no block has it. */
static void find_leaks(struct commit_heap_walk *w)
{
	struct commit_heap *heap = w->heap;
	uint64_t unit = 0, begin;

	while (unit < heap->units) {
		begin = unit;
		while (unit < heap->units && lc_heap_bit(heap->used, unit) &&
		       !lc_heap_bit(w->covered, unit))
			unit++;
		if (unit > begin)
			tell(w, 4, begin, unit - begin,
			     repair_bits(w, heap->used, begin, unit - begin, 0),
			     "units that no block has are marked used");
		else
			unit++;
	}
}

/* The last words have bits of no unit. */
static void check_padding(struct commit_heap_walk *w)
{
	struct commit_heap *heap = w->heap;
	uint64_t end = (heap->units + 63) / 64 * 64, rest = end - heap->units;

	if (rest > 0 && others(heap->used, heap->units, rest, 0) > 0)
		tell(w, 4, heap->units, 0, repair_bits(w, heap->used, heap->units, rest, 0),
		     "units that are not there are marked used");
	if (rest > 0 && others(heap->first, heap->units, rest, 0) > 0)
		tell(w, 4, heap->units, 0, repair_bits(w, heap->first, heap->units, rest, 0),
		     "units that are not there begin a block");
}

static int check_all(struct commit_heap_walk *w)
{
	size_t bytes = (size_t)(w->heap->units / 8 + 1);

	w->covered = calloc(1, bytes);
	w->reached = calloc(1, bytes);
	w->waiting = calloc((size_t)w->heap->units, sizeof *w->waiting);
	if (!w->covered || !w->reached || !w->waiting)
		return lc_error_set(w->err, COMMIT_EFAILED, ENOMEM, "check heap",
		                    w->heap->rvm->path, NULL);
	check_blocks(w);
	find_unmarked(w);
	check_root(w);
	trace(w);
	find_leaks(w);
	find_lost(w);
	check_padding(w);
	return w->rc;
}

int commit_heap_check(struct commit_heap *heap, const struct commit_heap_check *check,
                      struct commit_heap_report *report, struct commit_error *err)
{
	struct commit_heap_walk w = {.heap = heap, .check = check, .err = err};
	int rc;

	if (check->size != sizeof *check)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "check heap", heap->rvm->path,
		                    "not set up by commit_heap_check_init");
	rc = check->xact ? lc_heap_own(heap, check->xact, err) : 0;
	if (!rc)
		rc = check_all(&w);
	free(w.covered);
	free(w.reached);
	free(w.waiting);
	if (!rc && report)
		*report = w.report;
	return rc;
}
