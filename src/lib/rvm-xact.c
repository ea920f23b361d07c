/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-vista.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int commit_rvm_begin_xact(struct commit_rvm *rvm, enum commit_rvm_begin mode,
                          struct commit_rvm_xact **xact, struct commit_error *err)
{
	struct commit_rvm_xact *made;

	if (mode != COMMIT_RVM_RESTORE && mode != COMMIT_RVM_NO_RESTORE)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, -EINVAL, "begin", NULL, "no such mode", err);
	if (rvm->vista)
		return lc_vista_begin(rvm, mode, xact, err);
	made = calloc(1, sizeof *made);
	if (!made)
		return lc_rvm_fail(rvm, COMMIT_EFAILED, -ENOMEM, "begin", NULL, NULL, err);
	made->rvm = rvm;
	made->mode = mode;
	pthread_mutex_lock(&rvm->mutex);
	rvm->statistics.open_xacts++;
	pthread_mutex_unlock(&rvm->mutex);
	*xact = made;
	return 0;
}

/* The first range that ends behind at. */
static size_t first_behind(const struct commit_rvm_xact *xact, const unsigned char *at)
{
	size_t low = 0, high = xact->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (xact->ranges[middle].start + xact->ranges[middle].length <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Room for so many more. */
static int make_room(struct commit_rvm_xact *xact, size_t more)
{
	size_t room = xact->room ? xact->room : 8;
	struct lc_rvm_range *bigger;

	while (room < xact->count + more)
		room *= 2;
	if (room == xact->room)
		return 0;
	bigger = realloc(xact->ranges, room * sizeof *bigger);
	if (!bigger)
		return -ENOMEM;
	xact->ranges = bigger;
	xact->room = room;
	return 0;
}

/* One part that no range covers yet, in front of range at. There is room. */
static int insert(struct commit_rvm_xact *xact, size_t at, struct lc_rvm_region *region,
                  unsigned char *start, size_t length)
{
	struct lc_rvm_range range = {region, start, length, NULL};

	if (xact->mode == COMMIT_RVM_RESTORE) {
		range.old = malloc(length);
		if (!range.old)
			return -ENOMEM;
		memcpy(range.old, start, length);
	}
	memmove(&xact->ranges[at + 1], &xact->ranges[at],
	        (xact->count - at) * sizeof *xact->ranges);
	xact->ranges[at] = range;
	xact->count++;
	return 0;
}

/* The gaps between the ranges from first on, up to end: what is declared for the first time. */
static int fill_gaps(struct commit_rvm_xact *xact, struct lc_rvm_region *region,
                     unsigned char *start, const unsigned char *end, uint64_t *added)
{
	size_t at = first_behind(xact, start);
	unsigned char *stop;
	int rc = 0;

	while (!rc && start < end) {
		if (at < xact->count && xact->ranges[at].start <= start) {
			start = xact->ranges[at].start + xact->ranges[at].length;
			at++;
			continue;
		}
		stop = start + (end - start);
		if (at < xact->count && xact->ranges[at].start < stop)
			stop = xact->ranges[at].start;
		rc = make_room(xact, 1);
		if (!rc)
			rc = insert(xact, at, region, start, (size_t)(stop - start));
		if (rc)
			break;
		(*added)++;
		start = stop;
		at++;
	}
	return rc;
}

static struct lc_rvm_region *pin(struct commit_rvm *rvm, const void *start, size_t length)
{
	struct lc_rvm_region *region;

	pthread_mutex_lock(&rvm->mutex);
	region = lc_rvm_region_at(rvm, start, length);
	if (region)
		region->pins++;
	pthread_mutex_unlock(&rvm->mutex);
	return region;
}

int commit_rvm_set_range(struct commit_rvm_xact *xact, void *start, size_t length,
                         struct commit_error *err)
{
	struct commit_rvm *rvm = xact->rvm;
	unsigned char *at = start;
	struct lc_rvm_region *region;
	uint64_t added = 0;
	int rc;

	if (length == 0)
		return 0;
	if (rvm->audit && lc_audit_declared(xact, start, length))
		return lc_rvm_fail(rvm, COMMIT_EFAILED, -ENOMEM, "audit", NULL, NULL, err);
	if (rvm->vista)
		return lc_vista_set_range(xact, start, length, err);
	region = pin(rvm, start, length);
	if (!region)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, -EFAULT, "set range", NULL,
		                   "the bytes do not lie in one region", err);
	rc = fill_gaps(xact, region, at, at + length, &added);
	pthread_mutex_lock(&rvm->mutex);
	region->pins += added;
	region->pins--;
	pthread_mutex_unlock(&rvm->mutex);
	return rc ? lc_rvm_fail(rvm, COMMIT_EFAILED, rc, "set range", NULL, NULL, err) : 0;
}

void lc_rvm_call_ended(struct commit_rvm_xact *xact)
{
	struct lc_rvm_ended *ended;

	while ((ended = xact->ended)) {
		xact->ended = ended->next;
		ended->call(ended->context);
	}
}

/* The transaction is gone; with the mutex held. */
static void release(struct commit_rvm_xact *xact)
{
	size_t i;

	lc_audit_forget(xact);
	lc_rvm_call_ended(xact);
	xact->rvm->statistics.open_xacts--;
	for (i = 0; i < xact->count; i++) {
		xact->ranges[i].region->pins--;
		free(xact->ranges[i].old);
	}
	free(xact->ranges);
	free(xact);
}

int commit_rvm_abort_xact(struct commit_rvm_xact *xact, struct commit_error *err)
{
	struct commit_rvm *rvm = xact->rvm;
	size_t i;

	if (xact->mode != COMMIT_RVM_RESTORE)
		return lc_rvm_fail(rvm, COMMIT_EREFUSED, -EINVAL, "abort", NULL,
		                   "old values were not kept: it was begun with NO_RESTORE", err);
	lc_audit_look(rvm);
	if (rvm->vista)
		return lc_vista_abort(xact)
		               ? lc_rvm_fail(rvm, COMMIT_EFAILED, -EBADMSG, "abort", NULL,
		                             "the undo log is damaged: nothing was put back", err)
		               : 0;
	for (i = 0; i < xact->count; i++)
		memcpy(xact->ranges[i].start, xact->ranges[i].old, xact->ranges[i].length);
	pthread_mutex_lock(&rvm->mutex);
	rvm->statistics.aborts++;
	release(xact);
	pthread_mutex_unlock(&rvm->mutex);
	return 0;
}

/* What the queue had no room for is durable when this returns: that is its bound. */
static int end_no_flush(struct commit_rvm_xact *xact, struct lc_rvm_batch *batch, int *ended)
{
	struct commit_rvm *rvm = xact->rvm;
	uint64_t end;
	int rc;

	pthread_mutex_lock(&rvm->mutex);
	rc = lc_rvm_enqueue(rvm, batch, &end);
	*ended = !rc || lc_log_force(rvm->log, 0) == -EIO;
	if (*ended) {
		rvm->statistics.no_flush_commits += !rc;
		release(xact);
	}
	pthread_mutex_unlock(&rvm->mutex);
	return rc ? rc : lc_log_force(rvm->log, end);
}

/* *ended: it is in the log, or may be. */
static int end_flush(struct commit_rvm_xact *xact, struct lc_rvm_batch *batch, int *ended)
{
	struct commit_rvm *rvm = xact->rvm;
	uint64_t end;
	int rc;

	pthread_mutex_lock(&rvm->mutex);
	rc = lc_rvm_append(rvm, batch, 1, &end);
	*ended = !rc || lc_log_force(rvm->log, 0) == -EIO;
	if (*ended) {
		rvm->statistics.flush_commits += !rc;
		release(xact);
	}
	pthread_mutex_unlock(&rvm->mutex);
	lc_rvm_batch_free(batch);
	return rc ? rc : lc_log_force(rvm->log, end);
}

int commit_rvm_end_xact(struct commit_rvm_xact *xact, enum commit_rvm_end mode,
                        struct commit_error *err)
{
	struct commit_rvm *rvm = xact->rvm;
	struct lc_rvm_batch *batch;
	int ended = 0, rc;

	if (mode != COMMIT_RVM_FLUSH && mode != COMMIT_RVM_NO_FLUSH)
		return lc_rvm_fail(rvm, COMMIT_EUSAGE, -EINVAL, "end", NULL, "no such mode", err);
	lc_audit_look(rvm);
	if (rvm->vista)
		return lc_vista_end(xact);
	batch = lc_rvm_encode(xact);
	if (!batch)
		rc = -ENOMEM;
	else if (mode == COMMIT_RVM_FLUSH)
		rc = end_flush(xact, batch, &ended);
	else
		rc = end_no_flush(xact, batch, &ended);
	if (!rc)
		return 0;
	return lc_rvm_fail(rvm, ended ? COMMIT_EUNDECIDED : COMMIT_EFAILED, rc, "end", NULL,
	                   rc == -EFBIG ? "the transaction is larger than the log" : NULL, err);
}
