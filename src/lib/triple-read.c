/* SPDX-License-Identifier: ISC */
/* triple-read.c - reading, checking, repairing */
#include "config.h"

#include "triple-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <string.h>

static int look(struct lc_triple *t, enum lc_look how, struct commit_error *err)
{
	int rc = t->opt.flags & COMMIT_TRIPLE_RAW ? lc_triple_raw_look(t, err)
	                                          : lc_triple_look(t, how, err);

	/* Times that are not as they were noted say that a closer look is needed, no more. */
	if (!rc && how == LC_LOOK_LIGHT && !lc_triple_is_calm(t) &&
	    !(t->opt.flags & COMMIT_TRIPLE_RAW))
		rc = lc_triple_look(t, LC_LOOK_DEEP, err);
	if (!rc && t->verdict.outcome != LC_VOTE_WON)
		rc = lc_triple_refuse(t, err);
	return rc;
}

/* A rotten twin of a checksum is worth a new sidecar. */
static void renew_twins(struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->verdict.actions[i] == LC_ACT_KEEP && t->copies[i].sidecar.twin_bad)
			t->verdict.actions[i] = LC_ACT_SIDECAR;
}

static int wants_settling(const struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->verdict.actions[i] == LC_ACT_CONTENT ||
		    t->verdict.actions[i] == LC_ACT_SIDECAR)
			return 1;
	return 0;
}

/*
 * Readers share the lock. Where there is something to settle it is taken for
 * this reader alone, and all is looked at again.
 */
static int look_and_settle(struct lc_triple *t, struct commit_error *err)
{
	int rc = lc_triple_lock(t, 0, err);

	if (!rc)
		rc = look(t, LC_LOOK_DEEP, err);
	if (!rc)
		renew_twins(t);
	if (rc || !wants_settling(t))
		return rc ? rc : lc_triple_settle(t, err);
	lc_triple_unlock(t);
	rc = lc_triple_lock(t, 1, err);
	if (!rc)
		rc = look(t, LC_LOOK_DEEP, err);
	if (!rc)
		renew_twins(t);
	return rc ? rc : lc_triple_settle(t, err);
}

/* --- handing over --- */

struct handing {
	int (*put)(void *context, const void *bytes, size_t length, struct commit_error *err);
	void *context;
	struct commit_error *err;
	/* what put has returned */
	int code;
};

static int hand_over(void *context, const void *bytes, size_t length)
{
	struct handing *handing = context;

	handing->code = handing->put(handing->context, bytes, length, handing->err);
	return handing->code ? -ECANCELED : 0;
}

/*
 * Each block is proved once more. The files that are open stay what they are:
 * who writes puts new ones into their place. So the lock is not needed, and a
 * slow reader keeps nobody waiting.
 */
static int hand_all(struct lc_triple *t, struct handing *handing)
{
	const struct lc_triple_sink sink = {hand_over, handing};
	struct lc_uncached readers[LC_TRIPLE_MAX];
	uint64_t b;
	unsigned i;
	int rc = 0;

	lc_triple_open_readers(t, readers);
	lc_triple_unlock(t);
	for (b = 0; !rc && b < t->entries[t->verdict.winner]->blocks; b++)
		rc = lc_triple_block(t, readers, b, &sink);
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		lc_uncached_close(&readers[i]);
	if (handing->code)
		return handing->code;
	if (rc == -ECANCELED)
		return lc_error_set(handing->err, COMMIT_ECANCELED, ECANCELED, "read",
		                    t->copies[0].given, NULL);
	return rc ? lc_error_set(handing->err, COMMIT_EFAILED, -rc, "read", t->copies[0].given,
	                         "a block that was good a moment ago is bad in all copies")
	          : 0;
}

int commit_triple_read(const char *const paths[LC_TRIPLE_MAX],
                       const struct commit_triple_options *opt,
                       int (*put)(void *context, const void *bytes, size_t length,
                                  struct commit_error *err),
                       void *context, struct commit_triple_result *result, struct commit_error *err)
{
	struct handing handing = {put, context, err, 0};
	struct lc_triple t;
	int rc = lc_triple_begin(&t, paths, opt, err);

	/* Who reads has not chosen the places, and need not be told each time. */
	if (!rc && (t.opt.flags & COMMIT_TRIPLE_STRICT))
		rc = lc_triple_compare_places(&t, err);
	if (!rc) {
		rc = look_and_settle(&t, err);
		if (result)
			lc_triple_tell(&t, result);
	}
	if (!rc)
		rc = hand_all(&t, &handing);
	lc_triple_close(&t);
	return rc;
}

/* --- checking --- */

/* A repair is done when nothing is left to be done. */
static int check_repaired(const struct lc_triple *t, struct commit_error *err)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->copies[i].failed)
			return lc_error_format(
			        err, COMMIT_EPENDING, t->copies[i].failed, "repair",
			        t->copies[i].given,
			        "%s; the other copies are good, repair again when it "
			        "can be written",
			        strerror(t->copies[i].failed));
	return 0;
}

static int carry_out(struct lc_triple *t, enum commit_triple_depth depth, struct commit_error *err)
{
	int repairs = depth == COMMIT_TRIPLE_REPAIR && !(t->opt.flags & COMMIT_TRIPLE_DRY_RUN);
	int rc = lc_triple_lock(t, repairs, err);

	if (!rc)
		rc = look(t, depth == COMMIT_TRIPLE_STATUS ? LC_LOOK_LIGHT : LC_LOOK_DEEP, err);
	if (rc || !repairs)
		return rc;
	renew_twins(t);
	rc = lc_triple_settle(t, err);
	return rc ? rc : check_repaired(t, err);
}

int commit_triple_check(const char *const paths[LC_TRIPLE_MAX],
                        const struct commit_triple_options *opt, enum commit_triple_depth depth,
                        struct commit_triple_result *result, struct commit_error *err)
{
	struct lc_triple t;
	int rc = lc_triple_begin(&t, paths, opt, err);

	if (!rc)
		rc = lc_triple_compare_places(&t, err);
	if (!rc) {
		rc = carry_out(&t, depth, err);
		if (result)
			lc_triple_tell(&t, result);
	}
	lc_triple_close(&t);
	return rc;
}
