/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "heap-internal.h"

#include "bytes.h"
#include "digest.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "commitHP"
#define VERSION 1
#define PAGE ((size_t)4096)

enum {
	AT_VERSION = 8,
	AT_UNIT = 12,
	AT_LENGTH = 16,
	AT_SALT = 24,
	AT_SUM = 32,
	AT_ROOT = 40,
	AT_ROOT_CHECK = 48
};
enum { AT_UNITS = 0, AT_CHECK = 8 };

static int fail(const struct commit_heap *heap, int code, int errnum, const char *operation,
                const char *why, struct commit_error *err)
{
	return lc_error_set(err, code, errnum, operation, heap->rvm->path, why);
}

/* Whole words, so that a search can take 64 bits at once. */
static size_t map_size(uint64_t units)
{
	return (size_t)((units + 63) / 64 * 8);
}

/* Where everything is follows from the length. */
static void lay_out(struct commit_heap *heap)
{
	/* a unit and two bits */
	const uint64_t bits = 8 * LC_HEAP_UNIT + 2;
	uint64_t units = (heap->length - PAGE) * 8 / bits;

	while (PAGE + 2 * map_size(units) + units * LC_HEAP_UNIT > heap->length)
		units--;
	heap->units = units;
	heap->used = heap->base + PAGE;
	heap->first = heap->used + map_size(units);
	heap->blocks = heap->base + heap->length - units * LC_HEAP_UNIT;
}

static int check_arguments(struct commit_rvm *rvm, void *memory, size_t length,
                           struct commit_error *err)
{
	const struct lc_rvm_region *region;

	pthread_mutex_lock(&rvm->mutex);
	region = lc_rvm_region_at(rvm, memory, length);
	pthread_mutex_unlock(&rvm->mutex);
	if (!region || length < 2 * PAGE || length % PAGE || (uintptr_t)memory % PAGE)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "heap", rvm->path,
		                    "a heap is two pages of one region or more");
	return 0;
}

static uint64_t check_of(const struct commit_heap *heap, uint64_t unit, const unsigned char *head)
{
	return lc_digest64_seeded(head, 8, heap->salt + unit);
}

static void put_root(const struct commit_heap *heap, uint64_t offset)
{
	lc_put_le64(heap->base + AT_ROOT, offset);
	lc_put_le64(heap->base + AT_ROOT_CHECK, check_of(heap, heap->units, heap->base + AT_ROOT));
}

int commit_heap_format(struct commit_rvm_xact *xact, void *memory, size_t length,
                       struct commit_error *err)
{
	struct commit_heap heap = {.rvm = xact->rvm, .base = memory, .length = length};
	int rc = check_arguments(xact->rvm, memory, length, err);

	if (rc)
		return rc;
	lay_out(&heap);
	rc = lc_sys_random(&heap.salt, sizeof heap.salt);
	if (rc)
		return fail(&heap, COMMIT_EFAILED, -rc, "format heap", NULL, err);
	rc = commit_rvm_set_range(xact, memory, (size_t)(heap.blocks - heap.base), err);
	if (rc)
		return rc;
	memset(memory, 0, (size_t)(heap.blocks - heap.base));
	memcpy(heap.base, MAGIC, strlen(MAGIC));
	lc_put_le32(heap.base + AT_VERSION, VERSION);
	lc_put_le32(heap.base + AT_UNIT, (uint32_t)LC_HEAP_UNIT);
	lc_put_le64(heap.base + AT_LENGTH, length);
	lc_put_le64(heap.base + AT_SALT, heap.salt);
	lc_put_le64(heap.base + AT_SUM, lc_digest64(heap.base, AT_SUM));
	put_root(&heap, 0);
	return 0;
}

static int read_head(struct commit_heap *heap, struct commit_error *err)
{
	const unsigned char *head = heap->base;

	if (memcmp(head, MAGIC, strlen(MAGIC)) != 0)
		return fail(heap, COMMIT_EREFUSED, EINVAL, "open heap", "no heap begins there",
		            err);
	if (lc_get_le64(head + AT_SUM) != lc_digest64(head, AT_SUM))
		return fail(heap, COMMIT_ECONFLICT, EBADMSG, "open heap", "its head is damaged",
		            err);
	if (lc_get_le32(head + AT_VERSION) != VERSION ||
	    lc_get_le32(head + AT_UNIT) != LC_HEAP_UNIT)
		return fail(heap, COMMIT_EREFUSED, EPROTONOSUPPORT, "open heap",
		            "it is of a version that is not known here", err);
	if (lc_get_le64(head + AT_LENGTH) != heap->length)
		return fail(heap, COMMIT_EREFUSED, EINVAL, "open heap", "it has another length",
		            err);
	heap->salt = lc_get_le64(head + AT_SALT);
	return 0;
}

static void give_up(void *context)
{
	struct commit_heap *heap = context;

	atomic_store(&heap->owner, NULL);
}

int commit_heap_open(struct commit_rvm *rvm, void *memory, size_t length, struct commit_heap **heap,
                     struct commit_error *err)
{
	struct commit_heap *made;
	int rc = check_arguments(rvm, memory, length, err);

	if (rc)
		return rc;
	made = calloc(1, sizeof *made);
	if (!made)
		return lc_error_set(err, COMMIT_EFAILED, ENOMEM, "open heap", rvm->path, NULL);
	made->rvm = rvm;
	made->base = memory;
	made->length = length;
	made->ended.call = give_up;
	made->ended.context = made;
	lay_out(made);
	rc = read_head(made, err);
	if (rc)
		free(made);
	else
		*heap = made;
	return rc;
}

int commit_heap_close(struct commit_heap *heap, struct commit_error *err)
{
	if (atomic_load(&heap->owner))
		return fail(heap, COMMIT_EREFUSED, EBUSY, "close heap",
		            "a transaction that has changed it is open", err);
	free(heap);
	return 0;
}

int lc_heap_own(struct commit_heap *heap, struct commit_rvm_xact *xact, struct commit_error *err)
{
	struct commit_rvm_xact *none = NULL;

	if (xact->rvm != heap->rvm)
		return fail(heap, COMMIT_EUSAGE, EINVAL, "heap",
		            "the transaction is of another log", err);
	if (atomic_compare_exchange_strong(&heap->owner, &none, xact)) {
		heap->ended.next = xact->ended;
		xact->ended = &heap->ended;
	} else if (none != xact) {
		return fail(heap, COMMIT_EBUSY, EBUSY, "heap",
		            "another transaction that is open has changed it", err);
	}
	return 0;
}

uint64_t lc_heap_block_units(const struct commit_heap *heap, uint64_t unit)
{
	const unsigned char *head = heap->blocks + unit * LC_HEAP_UNIT;
	uint64_t units = lc_get_le64(head + AT_UNITS);

	if (units == 0 || units > heap->units - unit ||
	    lc_get_le64(head + AT_CHECK) != check_of(heap, unit, head))
		return 0;
	return units;
}

unsigned char *lc_heap_payload(const struct commit_heap *heap, uint64_t unit)
{
	return heap->blocks + unit * LC_HEAP_UNIT + LC_HEAP_BLOCK_HEAD;
}

uint64_t lc_heap_unit_of(const struct commit_heap *heap, const void *block)
{
	const uintptr_t at = (uintptr_t)block, start = (uintptr_t)lc_heap_payload(heap, 0);

	if (at < start || (at - start) % LC_HEAP_UNIT || (at - start) / LC_HEAP_UNIT >= heap->units)
		return heap->units;
	return (at - start) / LC_HEAP_UNIT;
}

/* The unit of a block that is in use, or heap->units. */
static uint64_t live_unit(const struct commit_heap *heap, const void *block)
{
	uint64_t unit = lc_heap_unit_of(heap, block);

	if (unit < heap->units &&
	    (!lc_heap_bit(heap->first, unit) || !lc_heap_block_units(heap, unit)))
		return heap->units;
	return unit;
}

int lc_heap_declare_bits(const struct commit_heap *heap, struct commit_rvm_xact *xact,
                         unsigned char *map, uint64_t unit, uint64_t count,
                         struct commit_error *err)
{
	(void)heap;
	return commit_rvm_set_range(xact, map + unit / 8,
	                            (size_t)((unit + count - 1) / 8 - unit / 8 + 1), err);
}

void lc_heap_put_bits(unsigned char *map, uint64_t unit, uint64_t count, int value)
{
	for (; count > 0; unit++, count--) {
		const unsigned char bit = (unsigned char)(1u << unit % 8);

		if (value)
			map[unit / 8] |= bit;
		else
			map[unit / 8] &= (unsigned char)~bit;
	}
}

/* The first of count free units from from on, up to to; to if there is no such run. */
static uint64_t find_run(const struct commit_heap *heap, uint64_t from, uint64_t to, uint64_t count)
{
	uint64_t unit = from, run = 0;

	while (unit < to && run < count) {
		if (unit % 64 == 0 && lc_get_le64(heap->used + unit / 8) == UINT64_MAX) {
			unit += 64;
			run = 0;
		} else {
			run = lc_heap_bit(heap->used, unit) ? 0 : run + 1;
			unit++;
		}
	}
	return run == count ? unit - count : to;
}

static uint64_t find_room(const struct commit_heap *heap, uint64_t count)
{
	uint64_t unit = find_run(heap, heap->next, heap->units, count);

	return unit < heap->units ? unit : find_run(heap, 0, heap->units, count);
}

int commit_heap_allocate(struct commit_heap *heap, struct commit_rvm_xact *xact, size_t size,
                         void **block, struct commit_error *err)
{
	const uint64_t room = heap->units * LC_HEAP_UNIT;
	uint64_t count, unit;
	unsigned char *head;
	int rc = lc_heap_own(heap, xact, err);

	if (rc)
		return rc;
	count = size > room ? heap->units + 1
	                    : (size + LC_HEAP_BLOCK_HEAD + LC_HEAP_UNIT - 1) / LC_HEAP_UNIT;
	unit = find_room(heap, count);
	if (unit == heap->units)
		return fail(heap, COMMIT_EFAILED, ENOSPC, "allocate", "the heap has no such room",
		            err);
	head = heap->blocks + unit * LC_HEAP_UNIT;
	rc = lc_heap_declare_bits(heap, xact, heap->used, unit, count, err);
	if (!rc)
		rc = lc_heap_declare_bits(heap, xact, heap->first, unit, 1, err);
	if (!rc)
		rc = commit_rvm_set_range(xact, head, (size_t)(count * LC_HEAP_UNIT), err);
	if (rc)
		return rc;
	memset(head, 0, (size_t)(count * LC_HEAP_UNIT));
	lc_put_le64(head + AT_UNITS, count);
	lc_put_le64(head + AT_CHECK, check_of(heap, unit, head));
	lc_heap_put_bits(heap->used, unit, count, 1);
	lc_heap_put_bits(heap->first, unit, 1, 1);
	heap->next = unit + count < heap->units ? unit + count : 0;
	*block = head + LC_HEAP_BLOCK_HEAD;
	return 0;
}

int commit_heap_free(struct commit_heap *heap, struct commit_rvm_xact *xact, void *block,
                     struct commit_error *err)
{
	uint64_t unit = live_unit(heap, block), count;
	unsigned char *head;
	int rc;

	if (unit == heap->units)
		return fail(heap, COMMIT_EUSAGE, EINVAL, "free",
		            "no block of this heap begins there", err);
	rc = lc_heap_own(heap, xact, err);
	if (rc)
		return rc;
	count = lc_heap_block_units(heap, unit);
	head = heap->blocks + unit * LC_HEAP_UNIT;
	rc = lc_heap_declare_bits(heap, xact, heap->used, unit, count, err);
	if (!rc)
		rc = lc_heap_declare_bits(heap, xact, heap->first, unit, 1, err);
	if (!rc)
		rc = commit_rvm_set_range(xact, head, LC_HEAP_BLOCK_HEAD, err);
	if (rc)
		return rc;
	/* So that it is no block when it is freed again. */
	memset(head, 0, LC_HEAP_BLOCK_HEAD);
	lc_heap_put_bits(heap->used, unit, count, 0);
	lc_heap_put_bits(heap->first, unit, 1, 0);
	return 0;
}

size_t commit_heap_size(const struct commit_heap *heap, const void *block)
{
	uint64_t unit = live_unit(heap, block);

	if (unit == heap->units)
		return 0;
	return (size_t)(lc_heap_block_units(heap, unit) * LC_HEAP_UNIT - LC_HEAP_BLOCK_HEAD);
}

uint64_t lc_heap_root_unit(const struct commit_heap *heap, int *wrong)
{
	uint64_t offset = lc_get_le64(heap->base + AT_ROOT), unit = heap->units;

	*wrong = lc_get_le64(heap->base + AT_ROOT_CHECK) !=
	         check_of(heap, heap->units, heap->base + AT_ROOT);
	if (!*wrong && offset > 0 && offset < heap->length)
		unit = lc_heap_unit_of(heap, heap->base + offset);
	*wrong |= offset > 0 && unit == heap->units;
	return unit;
}

int commit_heap_set_root(struct commit_heap *heap, struct commit_rvm_xact *xact, void *block,
                         struct commit_error *err)
{
	int rc;

	if (block && live_unit(heap, block) == heap->units)
		return fail(heap, COMMIT_EUSAGE, EINVAL, "set root",
		            "no block of this heap begins there", err);
	rc = lc_heap_own(heap, xact, err);
	if (!rc)
		rc = commit_rvm_set_range(xact, heap->base + AT_ROOT, 16, err);
	if (!rc)
		put_root(heap, block ? (uint64_t)((unsigned char *)block - heap->base) : 0);
	return rc;
}

void *commit_heap_root(const struct commit_heap *heap)
{
	int wrong;
	uint64_t unit = lc_heap_root_unit(heap, &wrong);

	return unit == heap->units ? NULL : lc_heap_payload(heap, unit);
}
