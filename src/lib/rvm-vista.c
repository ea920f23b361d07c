/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include "fault.h"
#include "pmem.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The slot that this thread had last, and the log it belongs to. */
static _Thread_local struct {
	uint64_t serial;
	struct lc_vista_slot *slot;
} latest;

static struct lc_vista_slot *slot_of(struct commit_rvm_xact *xact)
{
	/* its first member */
	return (struct lc_vista_slot *)(void *)xact;
}

/* Of a counter that only who has the slot changes. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
	                      memory_order_relaxed);
}

static int take_slot(struct lc_vista_slot *slot)
{
	return !atomic_exchange_explicit(&slot->busy, 1, memory_order_acquire);
}

/* One that nobody has, or a new one. */
static int find_slot(struct commit_rvm *rvm, struct lc_vista_slot **slot)
{
	int rc = 0;

	pthread_mutex_lock(&rvm->mutex);
	for (*slot = rvm->vista->slots; *slot && !take_slot(*slot); *slot = (*slot)->next)
		;
	if (!*slot)
		rc = lc_vista_make_slot(rvm, slot);
	if (!rc)
		(*slot)->busy = 1;
	pthread_mutex_unlock(&rvm->mutex);
	return rc;
}

int lc_vista_begin(struct commit_rvm *rvm, enum commit_rvm_begin mode,
                   struct commit_rvm_xact **xact, struct commit_error *err)
{
	struct lc_vista_slot *slot = latest.serial == rvm->vista->serial ? latest.slot : NULL;
	int rc;

	if (!slot || !take_slot(slot)) {
		rc = find_slot(rvm, &slot);
		if (rc)
			return lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "make undo log", NULL, NULL,
			                   err);
		latest.serial = rvm->vista->serial;
		latest.slot = slot;
	}
	slot->xact.mode = mode;
	*xact = &slot->xact;
	return 0;
}

static int holds(const struct lc_rvm_region *region, const unsigned char *start, size_t length)
{
	return start >= region->memory && (size_t)(start - region->memory) < region->length &&
	       length <= region->length - (size_t)(start - region->memory);
}

/* Without the mutex: says that it is used, then looks whether it may be. */
static int use_hint(struct lc_vista_slot *slot, const unsigned char *start, size_t length)
{
	struct lc_rvm_region *region = slot->hint;

	if (!region || slot->used_count == LC_VISTA_USED)
		return 0;
	atomic_exchange(&slot->used[slot->used_count], region);
	if (!atomic_load(&region->closing) && holds(region, start, length)) {
		slot->used_count++;
		return 1;
	}
	atomic_store(&slot->used[slot->used_count], NULL);
	return 0;
}

/* With the mutex held. */
static int pin(struct lc_vista_slot *slot, struct lc_rvm_region *region)
{
	size_t room = slot->pinned_room ? 2 * slot->pinned_room : 8;
	struct lc_rvm_region **bigger;

	if (slot->pinned_count == slot->pinned_room) {
		bigger = realloc(slot->pinned, room * sizeof(struct lc_rvm_region *));
		if (!bigger)
			return -ENOMEM;
		slot->pinned = bigger;
		slot->pinned_room = room;
	}
	slot->pinned[slot->pinned_count++] = region;
	region->pins++;
	return 0;
}

static int use_another(struct lc_vista_slot *slot, const unsigned char *start, size_t length,
                       struct lc_rvm_region **region)
{
	struct commit_rvm *rvm = slot->xact.rvm;
	int rc = 0;

	pthread_mutex_lock(&rvm->mutex);
	*region = lc_rvm_region_at(rvm, start, length);
	if (!*region)
		rc = -EFAULT;
	else if (slot->used_count < LC_VISTA_USED)
		atomic_store(&slot->used[slot->used_count++], *region);
	else
		rc = pin(slot, *region);
	pthread_mutex_unlock(&rvm->mutex);
	if (!rc)
		slot->hint = *region;
	return rc;
}

static int find_region(struct lc_vista_slot *slot, const unsigned char *start, size_t length,
                       struct lc_rvm_region **region)
{
	size_t i;

	for (i = 0; i < slot->used_count; i++) {
		*region = atomic_load_explicit(&slot->used[i], memory_order_relaxed);
		if (holds(*region, start, length))
			return 0;
	}
	for (i = 0; i < slot->pinned_count; i++) {
		*region = slot->pinned[i];
		if (holds(*region, start, length))
			return 0;
	}
	if (use_hint(slot, start, length)) {
		*region = slot->hint;
		return 0;
	}
	return use_another(slot, start, length, region);
}

/* Where a record's bytes are, in one of the regions that the transaction uses. */
static unsigned char *place_of(const struct lc_vista_slot *slot,
                               const struct lc_undo_record *record)
{
	const struct lc_rvm_region *region;
	size_t i;

	for (i = 0; i < slot->used_count + slot->pinned_count; i++) {
		region = i < slot->used_count ? slot->used[i] : slot->pinned[i - slot->used_count];
		if (region->segment->number == record->segment &&
		    record->offset >= region->offset &&
		    record->offset - region->offset < region->length)
			return region->memory + (record->offset - region->offset);
	}
	return NULL;
}

static int put_pieces(struct lc_vista_slot *slot, const struct lc_rvm_region *region,
                      const unsigned char *start, size_t length)
{
	size_t piece;
	int rc;

	for (; length > 0; start += piece, length -= piece) {
		piece = length < LC_UNDO_PIECE ? length : LC_UNDO_PIECE;
		if (slot->undo.room - slot->undo.end < lc_undo_size(piece)) {
			rc = lc_vista_grow(slot->xact.rvm, slot, lc_undo_size(piece));
			if (rc)
				return rc;
		}
		lc_undo_put(&slot->undo, region->segment->number,
		            region->offset + (uint64_t)(start - region->memory), start,
		            (uint32_t)piece);
	}
	return 0;
}

int lc_vista_set_range(struct commit_rvm_xact *xact, unsigned char *start, size_t length,
                       struct commit_error *err)
{
	struct lc_vista_slot *slot = slot_of(xact);
	const uint64_t end = slot->undo.end, last = slot->undo.last;
	struct lc_rvm_region *region;
	int rc = find_region(slot, start, length, &region);

	if (rc == -EFAULT)
		return lc_rvm_fail(xact->rvm, COMMIT_EUSAGE, rc, "set range", NULL,
		                   "the bytes do not lie in one region", err);
	if (!rc)
		rc = put_pieces(slot, region, start, length);
	if (!rc)
		return 0;
	if (slot->undo.end != end)
		lc_undo_cut(&slot->undo, end, last);
	return lc_rvm_fail(xact->rvm, COMMIT_EFAILED, rc, "set range", NULL, NULL, err);
}

/* The transaction is over, and its log empty. */
static void release(struct lc_vista_slot *slot)
{
	struct commit_rvm *rvm = slot->xact.rvm;

	if (rvm->audit) {
		pthread_mutex_lock(&rvm->mutex);
		lc_audit_forget(&slot->xact);
		pthread_mutex_unlock(&rvm->mutex);
	}
	if (slot->xact.ended)
		lc_rvm_call_ended(&slot->xact);
	if (slot->pinned_count > 0) {
		pthread_mutex_lock(&rvm->mutex);
		while (slot->pinned_count > 0)
			slot->pinned[--slot->pinned_count]->pins--;
		pthread_mutex_unlock(&rvm->mutex);
	}
	while (slot->used_count > 0)
		atomic_store_explicit(&slot->used[--slot->used_count], NULL, memory_order_release);
	atomic_store_explicit(&slot->busy, 0, memory_order_release);
}

/*
 * What was declared is durable, as it is now. All of it, for a record does not know
 * whether its region is on persistent memory; the others lose a little time.
 */
static void flush_ranges(struct lc_vista_slot *slot)
{
	struct lc_undo_record record;
	const unsigned char *place;
	uint64_t at = slot->undo.last;
	uint64_t left = slot->undo.end;

	while (left > 0 && !lc_undo_get(&slot->undo, at, &record)) {
		place = place_of(slot, &record);
		if (place)
			lc_pmem_flush(place, record.length);
		left = at;
		at = record.previous;
	}
	lc_pmem_fence();
}

int lc_vista_end(struct commit_rvm_xact *xact)
{
	struct lc_vista_slot *slot = slot_of(xact);

	if (slot->undo.persistent)
		flush_ranges(slot);
	count(&slot->commits, 1);
	count(&slot->bytes, slot->undo.end);
	if (slot->undo.end > 0)
		lc_undo_cut(&slot->undo, 0, 0);
	release(slot);
	return 0;
}

/* From the last to the first, so that of ranges that overlap the oldest value wins. */
static int roll_back(struct lc_vista_slot *slot, int look_only)
{
	struct lc_undo_record record;
	unsigned char *place;
	uint64_t at = slot->undo.last;
	uint64_t left = slot->undo.end;

	while (left > 0) {
		if (lc_undo_get(&slot->undo, at, &record))
			return -EBADMSG;
		place = place_of(slot, &record);
		if (!place)
			return -EBADMSG;
		if (!look_only)
			memcpy(place, record.old, record.length);
		(void)lc_fault("vista");
		left = at;
		at = record.previous;
	}
	return 0;
}

int lc_vista_abort(struct commit_rvm_xact *xact)
{
	struct lc_vista_slot *slot = slot_of(xact);
	int rc = roll_back(slot, 1);

	if (!rc)
		rc = roll_back(slot, 0);
	if (rc)
		return rc;
	if (slot->undo.persistent)
		flush_ranges(slot);
	if (slot->undo.end > 0)
		lc_undo_cut(&slot->undo, 0, 0);
	count(&slot->aborts, 1);
	release(slot);
	return 0;
}

int lc_vista_uses(struct commit_rvm *rvm, struct lc_rvm_region *region)
{
	struct lc_vista_slot *slot;
	int used = region->pins > 0, i;

	atomic_store(&region->closing, 1);
	for (slot = rvm->vista->slots; slot; slot = slot->next)
		for (i = 0; i < LC_VISTA_USED; i++)
			used |= atomic_load(&slot->used[i]) == region;
	if (used)
		atomic_store(&region->closing, 0);
	return used;
}

void lc_vista_statistics(struct commit_rvm *rvm, struct commit_rvm_statistics *statistics)
{
	struct lc_vista_slot *slot;

	for (slot = rvm->vista->slots; slot; slot = slot->next) {
		statistics->flush_commits += slot->commits;
		statistics->aborts += slot->aborts;
		statistics->log_bytes += slot->bytes;
		statistics->open_xacts += slot->busy != 0;
	}
	statistics->persistent = !rvm->vista->is_volatile;
}
