/* SPDX-License-Identifier: ISC */
/*
 * triple-settle.c - the losers of a vote are rewritten before it is answered
 *
 * Contents first: a copy that does not hold the winner gets a new file, put
 * together of good blocks from wherever they are. Then the sidecars of those
 * that do hold it. Nothing is written into a file that is there, and the copy
 * that everything is taken from keeps its content in any case.
 */
#include "config.h"

#include "triple-internal.h"

#include "bytes.h"
#include "copy.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

void lc_triple_open_readers(struct lc_triple *t, struct lc_uncached readers[LC_TRIPLE_MAX])
{
	int winner = t->verdict.winner;
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_copy *copy = &t->copies[i];

		lc_uncached_init(&readers[i]);
		/* One that cannot be opened any more has no good blocks, that is all. */
		if (copy->exists && copy->good[winner])
			lc_uncached_open(&readers[i], copy->place.fd, copy->place.name);
	}
}

struct span {
	uint64_t start;
	uint64_t end;
};

static struct span span_of(const struct lc_triple_entry *entry, uint64_t index)
{
	struct span span = {index * entry->block, (index + 1) * entry->block};

	if (span.end > entry->length)
		span.end = entry->length;
	return span;
}

/* Is the block of that reader still good? Its last piece stays in the reader's buffer. */
static int proves(struct lc_triple *t, struct lc_uncached *reader, uint64_t index)
{
	const struct lc_triple_entry *entry = t->entries[t->verdict.winner];
	struct lc_digest_stream *stream = lc_digest_new();
	struct span span = span_of(entry, index);
	struct lc_digest digest;
	int good = stream != NULL;
	size_t want;

	for (; good && span.start < span.end; span.start += want) {
		want = span.end - span.start < LC_UNCACHED_SIZE ? (size_t)(span.end - span.start)
		                                                : LC_UNCACHED_SIZE;
		good = lc_uncached_read(reader, span.start, want) == (ssize_t)want;
		if (good)
			lc_digest_update(stream, reader->bytes, want);
	}
	if (good) {
		digest = lc_digest_value(stream);
		good = lc_triple_block_digest(t->set, entry->written, index, &digest) ==
		       lc_get_le64(entry->table + index * LC_TRIPLE_DIGEST);
	}
	lc_digest_free(stream);
	return good;
}

static int deliver(struct lc_triple *t, struct lc_uncached *reader, uint64_t index,
                   const struct lc_triple_sink *sink)
{
	struct span span = span_of(t->entries[t->verdict.winner], index);
	int whole = span.end - span.start <= LC_UNCACHED_SIZE, rc = 0;
	size_t want;

	for (; !rc && span.start < span.end; span.start += want) {
		want = span.end - span.start < LC_UNCACHED_SIZE ? (size_t)(span.end - span.start)
		                                                : LC_UNCACHED_SIZE;
		/* What fits into the buffer is there since it was proved. */
		if (!whole && lc_uncached_read(reader, span.start, want) != (ssize_t)want)
			return -EIO;
		rc = sink->put(sink->context, reader->bytes, want);
		if (!rc)
			rc = lc_triple_pace(t, want);
	}
	return rc;
}

int lc_triple_block(struct lc_triple *t, struct lc_uncached readers[LC_TRIPLE_MAX], uint64_t index,
                    const struct lc_triple_sink *sink)
{
	int winner = t->verdict.winner;
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (readers[i].fd >= 0 && t->copies[i].good[winner][index] &&
		    proves(t, &readers[i], index))
			return deliver(t, &readers[i], index, sink);
	return -EIO;
}

/* --- a new copy --- */

static int append(void *context, const void *bytes, size_t length)
{
	struct lc_stage *stage = context;

	return lc_copy_bytes(stage->fd, &stage->end, bytes, length);
}

static int fill(struct lc_triple *t, struct lc_stage *stage,
                struct lc_uncached readers[LC_TRIPLE_MAX])
{
	const struct lc_triple_sink sink = {append, stage};
	uint64_t b;
	int rc = 0;

	for (b = 0; !rc && b < t->entries[t->verdict.winner]->blocks; b++)
		rc = lc_triple_block(t, readers, b, &sink);
	return rc;
}

/* Rot has left the copy's time as it was; who lost gets the winner's. */
static int give_time(const struct lc_triple *t, struct lc_fresh *fresh, unsigned index)
{
	const struct lc_triple_time *won = &t->entries[t->verdict.winner]->mtime;
	int rotten = fresh->copy->exists && t->view.copies[index].now == t->verdict.winner;
	struct stat st = fresh->copy->st;

	if (!rotten) {
		st.st_mtim.tv_sec = won->seconds;
		st.st_mtim.tv_nsec = won->nanoseconds;
		st.st_atim = st.st_mtim;
	}
	return lc_sys_set_times(fresh->content.fd, &st);
}

static int stage_content(struct lc_triple *t, struct lc_fresh *fresh, unsigned index,
                         struct lc_uncached readers[LC_TRIPLE_MAX])
{
	int rc = lc_stage_open(&fresh->content, &fresh->copy->place);
	struct stat st;

	if (!rc)
		rc = fill(t, &fresh->content, readers);
	if (!rc)
		rc = lc_stage_link_random(&fresh->content);
	if (rc)
		return lc_fresh_fail(fresh, "stage", rc);
	rc = lc_fresh_metadata(t, fresh);
	if (!rc)
		rc = lc_fresh_fail(fresh, "give the time to", give_time(t, fresh, index));
	if (!rc)
		rc = lc_fresh_fail(fresh, "look at", lc_sys_fstat_times(fresh->content.fd, &st));
	if (!rc)
		fresh->sidecar.now.mtime = lc_triple_mtime(&st);
	return rc;
}

/* --- its sidecar --- */

static void name_winner(const struct lc_triple *t, struct lc_triple_sidecar *sidecar)
{
	const struct lc_triple_entry *won = t->entries[t->verdict.winner];
	struct lc_triple_time mtime = sidecar->now.mtime;
	unsigned i;

	sidecar->now = *won;
	sidecar->now.mtime = mtime;
	sidecar->now.members = t->view.candidates[t->verdict.winner].members;
	if (!t->verdict.advance)
		return;
	sidecar->now.version = t->verdict.advance;
	sidecar->now.parent_version = won->version;
	sidecar->now.parent = won->root;
	sidecar->now.members = 0;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->verdict.actions[i] != LC_ACT_NONE)
			sidecar->now.members |= 1u << i;
}

/* The version that the copy holds until its content is renamed, or was meant to. */
static void name_old(const struct lc_triple *t, unsigned index, struct lc_triple_sidecar *sidecar)
{
	const struct lc_triple_sidecar *own = &t->copies[index].sidecar;
	const struct lc_triple_entry *old = NULL;
	unsigned k;

	if (t->copies[index].side == LC_SIDE_GOOD)
		old = own->now.version < sidecar->now.version ? &own->now : &own->old;
	for (k = 0; k < t->view.candidate_count; k++)
		if (lc_triple_holds(t, index, (int)k) &&
		    t->entries[k]->version < sidecar->now.version &&
		    (!old || !lc_triple_holds(t, index, t->view.copies[index].now)))
			old = t->entries[k];
	if (old && old->version && old->version < sidecar->now.version)
		sidecar->old = *old;
}

static int stage_side(struct lc_triple *t, struct lc_fresh *fresh, unsigned index)
{
	if (fresh->side_only)
		fresh->sidecar.now.mtime = lc_triple_mtime(&fresh->copy->st);
	name_winner(t, &fresh->sidecar);
	if (t->opt.flags & COMMIT_TRIPLE_RAW)
		return 0;
	name_old(t, index, &fresh->sidecar);
	lc_fresh_identify(t, fresh, index, t->set);
	return fresh->failed ? -fresh->failed : lc_fresh_stage_side(fresh);
}

/*
 * A set that a scan has found: its paths come from a file that anybody could
 * have made. A place where no sidecar of the set lies is not written to.
 */
static int may_write(const struct lc_triple *t, unsigned index)
{
	return !(t->opt.flags & COMMIT_TRIPLE_FOUND) || t->copies[index].side == LC_SIDE_GOOD;
}

/* --- one batch: contents, or sidecars alone --- */

struct batch {
	struct lc_fresh fresh[LC_TRIPLE_MAX];
	unsigned index[LC_TRIPLE_MAX];
	unsigned count;
};

static void collect(struct lc_triple *t, struct batch *batch, enum lc_triple_action action)
{
	unsigned i;

	batch->count = 0;
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_fresh *fresh = &batch->fresh[batch->count];

		if (t->verdict.actions[i] != action)
			continue;
		lc_fresh_init(fresh, &t->copies[i]);
		fresh->side_only = action == LC_ACT_SIDECAR;
		if (!may_write(t, i))
			lc_fresh_fail(fresh, "obey a sidecar elsewhere for", -EPERM);
		batch->index[batch->count++] = i;
	}
}

static void stage_batch(struct lc_triple *t, struct batch *batch)
{
	struct lc_uncached readers[LC_TRIPLE_MAX];
	unsigned i;
	int rc;

	lc_triple_open_readers(t, readers);
	for (i = 0; i < batch->count; i++) {
		struct lc_fresh *fresh = &batch->fresh[i];

		rc = -fresh->failed;
		if (!rc && !fresh->side_only)
			rc = stage_content(t, fresh, batch->index[i], readers);
		if (!rc)
			stage_side(t, fresh, batch->index[i]);
	}
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_uncached_close(&readers[i]);
}

/* Copies that hold the winner, whatever becomes of the others. */
static unsigned holders(const struct lc_triple *t)
{
	unsigned i, count = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		count += lc_triple_holds(t, i, t->verdict.winner);
	return count;
}

/*
 * In turn, and where no copy is whole until one is durable: when that could not
 * be proved the next one keeps its good blocks.
 */
static void publish_batch(struct lc_triple *t, struct batch *batch)
{
	unsigned i, whole = holders(t), unproved = 0;

	if (!(t->opt.flags & COMMIT_TRIPLE_RAW))
		lc_fresh_publish_sides(t, batch->fresh, batch->count);
	for (i = 0; i < batch->count; i++) {
		struct lc_fresh *fresh = &batch->fresh[i];

		if (fresh->failed || fresh->side_only)
			continue;
		if (!whole && unproved)
			lc_fresh_fail(fresh, "wait for another copy of", -EIO);
		else if (lc_fresh_publish(t, fresh) == 0)
			whole++;
		else
			unproved++;
	}
}

static void note_batch(struct lc_triple *t, struct batch *batch)
{
	unsigned i;

	for (i = 0; i < batch->count; i++) {
		struct lc_fresh *fresh = &batch->fresh[i];
		struct lc_copy *copy = fresh->copy;

		copy->repaired = fresh->published;
		copy->failed = fresh->failed;
		if (fresh->failed)
			lc_triple_warn(t, COMMIT_OK, fresh->failed, fresh->failed_at, copy->given,
			               fresh->failed == EPERM && !may_write(t, batch->index[i])
			                       ? "no sidecar of the set lies there; name the three "
			                         "copies to have it written"
			                       : NULL);
		lc_fresh_release(fresh);
	}
}

static void run_batch(struct lc_triple *t, enum lc_triple_action action)
{
	struct batch batch;

	collect(t, &batch, action);
	if (!batch.count)
		return;
	stage_batch(t, &batch);
	lc_fresh_flush(t, batch.fresh, batch.count);
	if (!(t->opt.flags & COMMIT_TRIPLE_NO_REREAD))
		lc_fresh_reread(t, batch.fresh, batch.count);
	if (!(t->opt.flags & COMMIT_TRIPLE_DRY_RUN))
		publish_batch(t, &batch);
	note_batch(t, &batch);
}

/* Copies of which it is known now that they hold the winner under its number. */
static unsigned settled(const struct lc_triple *t)
{
	unsigned i, count = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		count += t->verdict.actions[i] == LC_ACT_KEEP || t->copies[i].repaired;
	return count;
}

int lc_triple_settle(struct lc_triple *t, struct commit_error *err)
{
	unsigned have;

	if (lc_triple_cancelled(t))
		return lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "settle", t->copies[0].given,
		                    NULL);
	run_batch(t, LC_ACT_CONTENT);
	run_batch(t, LC_ACT_SIDECAR);
	have = settled(t);
	if (have >= t->verdict.needed || (t->opt.flags & COMMIT_TRIPLE_DRY_RUN))
		return 0;
	return lc_error_format(err, COMMIT_EUNDECIDED, EIO, "settle", t->copies[0].given,
	                       "only %u of the copies could be made to hold version %llu, and what "
	                       "is answered now could be another answer after the next fault; "
	                       "--min-copies=1 answers all the same",
	                       have, (unsigned long long)t->entries[t->verdict.winner]->version);
}
