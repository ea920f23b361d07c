/* SPDX-License-Identifier: ISC */
/*
 * A copy of each region says what its bytes were when all was declared that was
 * changed. What differs from it, and lies in no range of an open transaction, was
 * written without set_range. Which pages are worth comparing the kernel may tell.
 *
 * All of it under the mutex of the log. Threads may be writing what they have declared
 * while it is compared: it does not matter which bytes are seen there.
 */
#include "config.h"

#include "rvm-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct declared {
	const struct commit_rvm_xact *xact;
	unsigned char *start;
	size_t length;
};

struct lc_audit {
	struct commit_rvm *rvm;
	void (*found)(void *context, const struct commit_rvm_breach *breach);
	void *context;
	/* of userfaultfd and of the page map, -1: every byte is compared */
	int watch;
	int pages;
	struct declared *ranges;
	size_t count;
	size_t room;
};

static size_t distance(const struct declared *range, const unsigned char *at)
{
	if (at < range->start)
		return (size_t)(range->start - at);
	return at < range->start + range->length ? 0
	                                         : (size_t)(at - range->start) - range->length + 1;
}

static void tell(const struct lc_audit *audit, const struct lc_rvm_region *region,
                 const unsigned char *at, size_t length)
{
	struct commit_rvm_breach breach = {.address = at,
	                                   .length = length,
	                                   .region = region->memory,
	                                   .offset = region->offset,
	                                   .segment = region->segment->path};
	const struct declared *range, *nearest = NULL;
	size_t i;

	for (i = 0; i < audit->count; i++) {
		range = &audit->ranges[i];
		if (range->start >= region->memory &&
		    (size_t)(range->start - region->memory) < region->length &&
		    (!nearest || distance(range, at) < distance(nearest, at)))
			nearest = range;
	}
	if (nearest) {
		breach.nearest = nearest->start;
		breach.nearest_length = nearest->length;
	}
	audit->found(audit->context, &breach);
}

/* The end of the declared range that at lies in, or at if it is in none. */
static unsigned char *declared_to(const struct lc_audit *audit, unsigned char *at)
{
	size_t i;

	for (i = 0; i < audit->count; i++)
		if (distance(&audit->ranges[i], at) == 0)
			return audit->ranges[i].start + audit->ranges[i].length;
	return at;
}

/* What is told once is taken for declared from then on. */
static void compare(const struct lc_audit *audit, const struct lc_rvm_region *region,
                    unsigned char *from, const unsigned char *to)
{
	unsigned char *shadow = region->shadow + (from - region->memory), *begin, *skip;

	if (memcmp(from, shadow, (size_t)(to - from)) == 0)
		return;
	while (from < to) {
		shadow = region->shadow + (from - region->memory);
		skip = *from == *shadow ? from + 1 : declared_to(audit, from);
		if (skip > from) {
			from = skip;
			continue;
		}
		begin = from;
		while (from < to && *from != region->shadow[from - region->memory] &&
		       declared_to(audit, from) == from)
			from++;
		memcpy(shadow, begin, (size_t)(from - begin));
		tell(audit, region, begin, (size_t)(from - begin));
	}
}

static void look_at(const struct lc_audit *audit, const struct lc_rvm_region *region, int at_all)
{
	unsigned char *at = region->memory, *end = at + region->length, *start, *stop;

	while (!at_all && audit->watch >= 0 && at < end) {
		if (lc_sys_written(audit->pages, at, end, &start, &stop) < 1)
			return;
		compare(audit, region, start, stop);
		at = stop;
	}
	if (at_all || audit->watch < 0)
		compare(audit, region, at, end);
}

void lc_audit_forget(const struct commit_rvm_xact *xact)
{
	struct lc_audit *audit = xact->rvm->audit;
	const struct lc_rvm_region *region;
	struct declared *range;
	size_t i, kept = 0;

	if (!audit)
		return;
	for (i = 0; i < audit->count; i++) {
		range = &audit->ranges[i];
		if (range->xact != xact) {
			audit->ranges[kept++] = *range;
			continue;
		}
		region = lc_rvm_region_at(audit->rvm, range->start, range->length);
		if (region && region->shadow)
			memcpy(region->shadow + (range->start - region->memory), range->start,
			       range->length);
	}
	audit->count = kept;
}

void lc_audit_look(struct commit_rvm *rvm)
{
	const struct lc_rvm_region *region;

	if (!rvm->audit)
		return;
	pthread_mutex_lock(&rvm->mutex);
	for (region = rvm->regions; region; region = region->next)
		look_at(rvm->audit, region, 0);
	pthread_mutex_unlock(&rvm->mutex);
}

int lc_audit_declared(struct commit_rvm_xact *xact, unsigned char *start, size_t length)
{
	struct lc_audit *audit = xact->rvm->audit;
	struct declared *bigger;
	size_t room;
	int rc = 0;

	if (!audit)
		return 0;
	pthread_mutex_lock(&xact->rvm->mutex);
	if (audit->count == audit->room) {
		room = audit->room ? 2 * audit->room : 64;
		bigger = realloc(audit->ranges, room * sizeof *bigger);
		rc = bigger ? 0 : -ENOMEM;
		if (bigger) {
			audit->ranges = bigger;
			audit->room = room;
		}
	}
	if (!rc)
		audit->ranges[audit->count++] = (struct declared){xact, start, length};
	pthread_mutex_unlock(&xact->rvm->mutex);
	return rc;
}

int lc_audit_mapped(struct commit_rvm *rvm, struct lc_rvm_region *region)
{
	if (!rvm->audit)
		return 0;
	region->shadow = malloc(region->length);
	if (!region->shadow)
		return -ENOMEM;
	memcpy(region->shadow, region->memory, region->length);
	/* From here on; a kernel that cannot watch this memory leaves it to comparing. */
	if (rvm->audit->watch >= 0 &&
	    lc_sys_watch(rvm->audit->watch, region->memory, region->length))
		lc_sys_drop(&rvm->audit->watch);
	return 0;
}

void lc_audit_unmapping(struct commit_rvm *rvm, struct lc_rvm_region *region)
{
	if (rvm->audit && region->shadow)
		look_at(rvm->audit, region, 1);
	free(region->shadow);
	region->shadow = NULL;
}

void lc_audit_free(struct commit_rvm *rvm)
{
	struct lc_rvm_region *region;

	for (region = rvm->regions; region; region = region->next)
		lc_audit_unmapping(rvm, region);
	if (!rvm->audit)
		return;
	lc_sys_drop(&rvm->audit->watch);
	lc_sys_drop(&rvm->audit->pages);
	free(rvm->audit->ranges);
	free(rvm->audit);
	rvm->audit = NULL;
}

static int start(struct commit_rvm *rvm)
{
	struct lc_rvm_region *region;
	int rc = 0;

	rvm->audit = calloc(1, sizeof *rvm->audit);
	if (!rvm->audit)
		return -ENOMEM;
	rvm->audit->rvm = rvm;
	rvm->audit->pages = -1;
	rvm->audit->watch = lc_sys_watch_open(&rvm->audit->pages);
	for (region = rvm->regions; region && !rc; region = region->next)
		rc = lc_audit_mapped(rvm, region);
	if (rc)
		lc_audit_free(rvm);
	return rc;
}

int commit_rvm_audit(struct commit_rvm *rvm,
                     void (*found)(void *context, const struct commit_rvm_breach *breach),
                     void *context, enum commit_rvm_audit_method *method, struct commit_error *err)
{
	struct commit_rvm_statistics now;
	int rc = 0;

	commit_rvm_statistics(rvm, &now);
	if (now.open_xacts > 0)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, -EBUSY, "audit", NULL,
		                   "transactions are open", err);
	pthread_mutex_lock(&rvm->mutex);
	lc_audit_free(rvm);
	if (found)
		rc = start(rvm);
	if (rvm->audit) {
		rvm->audit->found = found;
		rvm->audit->context = context;
	}
	if (!rc && method)
		*method = !rvm->audit             ? COMMIT_RVM_AUDIT_OFF
		          : rvm->audit->watch < 0 ? COMMIT_RVM_AUDIT_COMPARE
		                                  : COMMIT_RVM_AUDIT_WRITTEN;
	pthread_mutex_unlock(&rvm->mutex);
	return rc ? lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "audit", NULL, NULL, err) : 0;
}
