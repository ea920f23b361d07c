/* SPDX-License-Identifier: ISC */
/*
 * triple-write.c - a write, from the first byte to the acknowledgement
 *
 *   1. Content goes into a staged file beside each copy, side by side.
 *   2. Locks; what an earlier crash has left is settled.
 *   3. Sidecars that name the version before and the new one are staged; all of
 *      it is flushed, all at once, and read back past the cache.
 *   4. The sidecars are published and flushed. Each copy is still the old one,
 *      and valid.
 *   5. A is renamed and its directory flushed: the commit. Then B, then C.
 *   6. The write is acknowledged if every copy that took part in step 3 got it.
 *
 * A copy that fails before step 4 is left out, if enough remain. One that fails
 * later was named as a member: the caller is told that the write is not finished.
 */
#include "config.h"

#include "triple-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static unsigned wanted(const struct commit_triple *w)
{
	return w->t.opt.min_copies ? w->t.opt.min_copies : LC_TRIPLE_MAX;
}

static unsigned taking_part(const struct commit_triple *w)
{
	unsigned i, count = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		count += !w->fresh[i].failed;
	return count;
}

/* The first that failed; one has, if not all take part. */
static const struct lc_fresh *first_failed(const struct commit_triple *w)
{
	unsigned i = 0;

	while (i + 1 < LC_TRIPLE_MAX && !w->fresh[i].failed)
		i++;
	return &w->fresh[i];
}

int lc_triple_check_enough(const struct commit_triple *w, struct commit_error *err)
{
	const struct lc_fresh *failed = first_failed(w);
	unsigned have = taking_part(w);

	if (have >= wanted(w))
		return 0;
	return lc_error_format(
	        err, COMMIT_EFAILED, failed->failed, failed->failed_at, failed->copy->given,
	        "%s; %u of 3 copies are left, and %u are wanted%s; nothing was changed",
	        strerror(failed->failed), have, wanted(w),
	        have == 2 ? " (--min-copies=2 writes those)" : "");
}

static void say_degraded(const struct commit_triple *w)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (w->fresh[i].failed)
			lc_triple_warn(&w->t, COMMIT_OK, w->fresh[i].failed, w->fresh[i].failed_at,
			               w->fresh[i].copy->given,
			               "this copy is not written; repair it when it is back");
}

/* --- what stands there now --- */

/* Copies that could not be settled take no part. */
static void leave_out_unsettled(struct commit_triple *w)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (w->t.copies[i].failed)
			lc_fresh_fail(&w->fresh[i], "settle", -w->t.copies[i].failed);
}

static int settle_first(struct commit_triple *w, struct commit_error *err)
{
	struct lc_triple *t = &w->t;
	int rc = lc_triple_look(t, LC_LOOK_LIGHT, err);

	if (rc || lc_triple_is_calm(t))
		return rc;
	rc = lc_triple_look(t, LC_LOOK_DEEP, err);
	if (rc || t->verdict.outcome == LC_VOTE_NO_SET)
		return rc;
	if (t->verdict.outcome != LC_VOTE_WON)
		return t->opt.flags & COMMIT_TRIPLE_FORCE ? 0 : lc_triple_refuse(t, err);
	rc = t->opt.flags & COMMIT_TRIPLE_DRY_RUN ? 0 : lc_triple_settle(t, err);
	leave_out_unsettled(w);
	return rc ? rc : lc_triple_look(t, LC_LOOK_DEEP, err);
}

/*
 * Plain files become a set: what A holds is its first version, so that a crash
 * on the way to the second has something to fall back to.
 */
static int adopt(struct commit_triple *w)
{
	struct lc_copy *a = &w->t.copies[0];
	int rc;

	if (!a->exists || a->away)
		return 0;
	w->adopted.version = w->adopted.written = 1;
	w->adopted.length = (uint64_t)a->st.st_size;
	w->adopted.members = 1;
	rc = lc_fresh_table(&w->t, a->place.fd, a->place.name, 0, w->set, &w->adopted,
	                    &w->adopted_table);
	if (rc)
		w->adopted.version = 0;
	return rc == -ECANCELED ? rc : 0;
}

/* Identity and number of what is written now. */
static int number_version(struct commit_triple *w, struct commit_error *err)
{
	struct lc_triple *t = &w->t;
	int top = t->verdict.outcome == LC_VOTE_WON ? t->verdict.winner : -1, rc = 0;
	unsigned k;

	if (t->set && t->verdict.outcome != LC_VOTE_FOREIGN)
		memcpy(w->set, t->set, sizeof w->set);
	else
		rc = lc_sys_random(w->set, sizeof w->set);
	if (!rc && t->verdict.outcome == LC_VOTE_NO_SET)
		rc = adopt(w);
	if (rc)
		return lc_error_set(err, rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED, -rc,
		                    "begin a set at", w->paths[0], NULL);
	w->entry.version = w->adopted.version;
	for (k = 0; k < t->view.candidate_count; k++)
		if (t->view.candidates[k].version > w->entry.version)
			w->entry.version = t->view.candidates[k].version;
	w->entry.written = ++w->entry.version;
	if (top >= 0) {
		w->entry.parent_version = t->entries[top]->version;
		w->entry.parent = t->entries[top]->root;
	} else if (w->adopted.version) {
		w->entry.parent_version = w->adopted.version;
		w->entry.parent = w->adopted.root;
	}
	return 0;
}

/* --- staging --- */

static int name_content(struct commit_triple *w, unsigned i)
{
	struct lc_fresh *fresh = &w->fresh[i];
	struct stat st;
	int rc = lc_fresh_fail(fresh, "stage", lc_stage_link_random(&fresh->content));

	if (!rc)
		rc = lc_fresh_metadata(&w->t, fresh);
	if (!rc)
		lc_sys_start_flush(fresh->content.fd);
	if (!rc)
		rc = lc_fresh_fail(fresh, "look at", lc_sys_fstat_times(fresh->content.fd, &st));
	if (!rc)
		fresh->sidecar.now.mtime = lc_triple_mtime(&st);
	return rc;
}

static void name_before(struct commit_triple *w, unsigned i)
{
	const struct lc_triple *t = &w->t;
	struct lc_triple_sidecar *sidecar = &w->fresh[i].sidecar;
	int now = t->view.copies[i].now, old = t->view.copies[i].old;

	if (lc_triple_holds(t, i, now))
		sidecar->old = t->copies[i].sidecar.now;
	else if (lc_triple_holds(t, i, old))
		sidecar->old = t->copies[i].sidecar.old;
	else if (w->adopted.version) {
		sidecar->old = w->adopted;
		sidecar->old.mtime = lc_triple_mtime(&t->copies[i].st);
	}
}

static void stage_sides(struct commit_triple *w)
{
	unsigned i, members = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		members |= w->fresh[i].failed ? 0 : 1u << i;
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_fresh *fresh = &w->fresh[i];
		struct lc_triple_time mtime = fresh->sidecar.now.mtime;

		if (fresh->failed)
			continue;
		fresh->sidecar.now = w->entry;
		fresh->sidecar.now.mtime = mtime;
		fresh->sidecar.now.members = members;
		name_before(w, i);
		lc_fresh_identify(&w->t, fresh, i, w->set);
		if (!fresh->failed)
			lc_fresh_stage_side(fresh);
	}
}

/* From the first copy that takes part; what the others got is held against it later. */
static int make_table(struct commit_triple *w, struct commit_error *err)
{
	unsigned i;
	int rc;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_fresh *fresh = &w->fresh[i];

		if (fresh->failed)
			continue;
		rc = lc_fresh_table(&w->t, fresh->content.holder, fresh->content.name, 1, w->set,
		                    &w->entry, &w->table);
		if (rc == -ECANCELED)
			return lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "stage", w->paths[i],
			                    NULL);
		if (lc_fresh_fail(fresh, "stage", rc) == 0)
			return 0;
	}
	return lc_triple_check_enough(w, err);
}

/* All that can fail and be undone. */
static int prepare(struct commit_triple *w, struct commit_error *err)
{
	int raw = (w->t.opt.flags & COMMIT_TRIPLE_RAW) != 0;
	unsigned i;
	int rc;

	w->entry.length = w->length;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (!w->fresh[i].failed)
			name_content(w, i);
	rc = make_table(w, err);
	if (!rc && raw)
		for (i = 0; i < LC_TRIPLE_MAX; i++)
			w->fresh[i].sidecar.now = w->entry;
	else if (!rc)
		stage_sides(w);
	if (!rc)
		rc = lc_triple_check_enough(w, err);
	if (rc)
		return rc;
	lc_fresh_flush(&w->t, w->fresh, LC_TRIPLE_MAX);
	if (!(w->t.opt.flags & COMMIT_TRIPLE_NO_REREAD))
		lc_fresh_reread(&w->t, w->fresh, LC_TRIPLE_MAX);
	return lc_triple_check_enough(w, err);
}

/* --- publishing --- */

struct published {
	unsigned members;
	unsigned touched;
	unsigned done;
};

/*
 * A, then B, then C, each durable before the next. Where it could not be proved
 * of any that it is, the last one is left as it was.
 */
static void publish(struct commit_triple *w, struct published *p)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_fresh *fresh = &w->fresh[i];

		if (fresh->failed)
			continue;
		if (!p->done && p->touched && p->touched + 1 >= p->members) {
			lc_fresh_fail(fresh, "wait for another copy of", -EIO);
			continue;
		}
		if (lc_fresh_publish(&w->t, fresh) == 0)
			p->done++;
		p->touched += fresh->touched;
		/* Nothing has changed yet: one copy less can still be too few. */
		if (!p->touched && taking_part(w) < wanted(w))
			return;
	}
}

/* The only place that acknowledges a write: every copy that took part has got it. */
static int judge(const struct commit_triple *w, const struct published *p, struct commit_error *err)
{
	unsigned i;

	if (p->done == p->members)
		return 0;
	if (!p->touched && lc_triple_check_enough(w, err))
		return COMMIT_EFAILED;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (w->fresh[i].failed && w->fresh[i].content.fd >= 0)
			break;
	if (i == LC_TRIPLE_MAX)
		i = 0;
	return lc_error_format(err, p->done ? COMMIT_EPENDING : COMMIT_EUNDECIDED,
	                       w->fresh[i].failed, w->fresh[i].failed_at, w->fresh[i].copy->given,
	                       "%s; %u of %u copies hold the new version; commit-triple repair "
	                       "finishes it",
	                       strerror(w->fresh[i].failed), p->done, p->members);
}

static int carry_out(struct commit_triple *w, struct commit_error *err)
{
	struct published p = {taking_part(w), 0, 0};
	int rc;

	if (!(w->t.opt.flags & COMMIT_TRIPLE_RAW))
		lc_fresh_publish_sides(&w->t, w->fresh, LC_TRIPLE_MAX);
	rc = lc_triple_check_enough(w, err);
	if (rc)
		return rc;
	publish(w, &p);
	return judge(w, &p, err);
}

static void tell(struct commit_triple *w, struct commit_triple_result *result)
{
	unsigned i;

	memset(result, 0, sizeof *result);
	result->raw_choice = -1;
	result->version = w->t.opt.flags & COMMIT_TRIPLE_RAW ? 0 : w->entry.version;
	result->bytes = w->length;
	result->flushes = w->t.flushes;
	memcpy(result->set, w->set, sizeof result->set);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		const struct lc_fresh *fresh = &w->fresh[i];
		struct commit_triple_copy *copy = &result->copies[i];
		int good = fresh->published || (w->t.opt.flags & COMMIT_TRIPLE_DRY_RUN);

		copy->errnum = fresh->failed;
		copy->repaired = w->t.copies[i].repaired;
		copy->state = fresh->copy->away ? COMMIT_COPY_UNREACHABLE
		              : fresh->failed   ? COMMIT_COPY_STALE
		              : good            ? COMMIT_COPY_GOOD
		                                : COMMIT_COPY_UNKNOWN;
		copy->version = copy->state == COMMIT_COPY_GOOD ? result->version : 0;
		result->good += copy->state == COMMIT_COPY_GOOD;
	}
}

int commit_triple_commit(struct commit_triple *w, struct commit_triple_result *result,
                         struct commit_error *err)
{
	int raw = (w->t.opt.flags & COMMIT_TRIPLE_RAW) != 0, rc;

	if (w->length == 0 && !(w->t.opt.flags & COMMIT_TRIPLE_ALLOW_EMPTY))
		return lc_error_set(err, COMMIT_EREFUSED, 0, "check", w->paths[0],
		                    "input is empty (--allow-empty writes an empty file)");
	rc = lc_triple_lock(&w->t, 1, err);
	if (!rc)
		rc = raw ? lc_triple_raw_stat(&w->t, err) : settle_first(w, err);
	if (!rc && !raw)
		rc = number_version(w, err);
	if (!rc)
		rc = prepare(w, err);
	if (!rc && lc_triple_cancelled(&w->t))
		rc = lc_error_set(err, COMMIT_ECANCELED, ECANCELED, "write", w->paths[0], NULL);
	if (!rc)
		say_degraded(w);
	if (!rc && !(w->t.opt.flags & COMMIT_TRIPLE_DRY_RUN))
		rc = carry_out(w, err);
	if (result && (!rc || rc == COMMIT_EPENDING))
		tell(w, result);
	lc_triple_unlock(&w->t);
	return rc;
}
