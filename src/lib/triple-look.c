/* SPDX-License-Identifier: ISC */
/* triple-look.c - what each copy holds: its sidecar, and its content held against all versions */
#include "config.h"

#include "triple-internal.h"

#include "bytes.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct lc_triple_time lc_triple_mtime(const struct stat *st)
{
	struct lc_triple_time time = {st->st_mtim.tv_sec, (uint32_t)st->st_mtim.tv_nsec};

	return time;
}

/* vfat keeps even seconds only: a time that lost its fraction is the same time. */
static int same_time(const struct lc_triple_time *noted, const struct stat *st)
{
	struct lc_triple_time is = lc_triple_mtime(st);
	int64_t apart = noted->seconds - is.seconds;

	if (apart == 0 && noted->nanoseconds == is.nanoseconds)
		return 1;
	return is.nanoseconds == 0 && apart >= 0 && apart < 2;
}

void lc_triple_forget(struct lc_triple *t)
{
	unsigned i, k;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_copy *copy = &t->copies[i];

		for (k = 0; k < LC_TRIPLE_CANDIDATES; k++) {
			free(copy->good[k]);
			copy->good[k] = NULL;
		}
		free(copy->side_bytes);
		copy->side_bytes = NULL;
		copy->side = LC_SIDE_AWAY;
		copy->exists = copy->unread = 0;
		memset(&copy->st, 0, sizeof copy->st);
		memset(&copy->sidecar, 0, sizeof copy->sidecar);
	}
	memset(&t->view, 0, sizeof t->view);
	memset(&t->verdict, 0, sizeof t->verdict);
	t->verdict.winner = -1;
	memset(t->entries, 0, sizeof t->entries);
	t->set = NULL;
}

/* --- sidecars --- */

static int fits_place(const struct lc_copy *copy, unsigned index)
{
	struct lc_triple_sidecar probe = {.path = {{0}}};
	struct lc_digest_stream *stream = lc_digest_new();

	if (!stream)
		return 0;
	lc_digest_update(stream, copy->place.name, strlen(copy->place.name));
	probe.path = lc_digest_value(stream);
	lc_digest_free(stream);
	return copy->sidecar.copy == index &&
	       memcmp(probe.path.bytes, copy->sidecar.path.bytes, sizeof probe.path) == 0 &&
	       (!copy->fs || !copy->sidecar.fs || copy->fs == copy->sidecar.fs);
}

/* Returns 0, also for one that is bad, or what ends the call. */
static int read_side(struct lc_triple *t, unsigned index)
{
	struct lc_copy *copy = &t->copies[index];
	size_t size = 0;
	int rc = lc_uncached_load(copy->place.fd, copy->side_name, LC_TRIPLE_SIDECAR_MAX,
	                          &copy->side_bytes, &size);

	if (rc == -ENOENT) {
		copy->side = LC_SIDE_NONE;
		return 0;
	}
	if (!rc)
		rc = lc_triple_pace(t, size);
	if (rc == -ECANCELED || rc == -ENOMEM)
		return rc;
	if (!rc)
		rc = lc_triple_decode(copy->side_bytes, size, &copy->sidecar);
	copy->side = LC_SIDE_BAD;
	if (!rc)
		copy->side = fits_place(copy, index) ? LC_SIDE_GOOD : LC_SIDE_MISPLACED;
	/* Written by a later version of ours: not to be touched. */
	return rc == -EPROTONOSUPPORT ? rc : 0;
}

/* --- the set that most sidecars are of --- */

static unsigned votes_for(const struct lc_triple *t, const unsigned char *set)
{
	unsigned i, votes = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->copies[i].side >= LC_SIDE_MISPLACED)
			votes += memcmp(t->copies[i].sidecar.set, set, LC_TRIPLE_SET_SIZE) == 0;
	return votes;
}

static void choose_set(struct lc_triple *t)
{
	unsigned i, most = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_copy *copy = &t->copies[i];

		if (copy->side == LC_SIDE_GOOD && votes_for(t, copy->sidecar.set) > most) {
			most = votes_for(t, copy->sidecar.set);
			t->set = copy->sidecar.set;
		}
	}
	for (i = 0; i < LC_TRIPLE_MAX && t->set; i++)
		if (t->copies[i].side >= LC_SIDE_MISPLACED &&
		    memcmp(t->copies[i].sidecar.set, t->set, LC_TRIPLE_SET_SIZE) != 0)
			t->copies[i].side = LC_SIDE_FOREIGN;
}

static int same_entry(const struct lc_triple_entry *a, const struct lc_triple_entry *b)
{
	return a->version == b->version && a->length == b->length && a->block == b->block &&
	       memcmp(a->root.bytes, b->root.bytes, sizeof a->root) == 0;
}

static int add_candidate(struct lc_triple *t, const struct lc_triple_entry *entry)
{
	struct lc_triple_candidate *c;
	unsigned i;

	if (!entry->version)
		return -1;
	for (i = 0; i < t->view.candidate_count; i++)
		if (same_entry(t->entries[i], entry)) {
			t->view.candidates[i].members |= entry->members;
			return (int)i;
		}
	c = &t->view.candidates[i];
	c->version = entry->version;
	c->root = entry->root;
	c->parent_version = entry->parent_version;
	c->parent = entry->parent;
	c->members = entry->members;
	t->entries[i] = entry;
	t->view.candidate_count++;
	return (int)i;
}

static void collect_candidates(struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_copy *copy = &t->copies[i];

		t->view.copies[i].side = copy->side;
		t->view.copies[i].old = t->view.copies[i].now = -1;
		if (copy->side != LC_SIDE_GOOD)
			continue;
		t->view.copies[i].now = add_candidate(t, &copy->sidecar.now);
		t->view.copies[i].old = add_candidate(t, &copy->sidecar.old);
	}
}

/* --- content --- */

struct comparison {
	const struct lc_triple *t;
	const struct lc_triple_entry *entry;
	unsigned char *good;
	uint64_t bad;
};

static int compare_block(void *context, uint64_t index, const struct lc_digest *content)
{
	struct comparison *c = context;
	const unsigned char *noted = c->entry->table + index * LC_TRIPLE_DIGEST;

	c->good[index] = content && lc_triple_block_digest(c->t->set, c->entry->written, index,
	                                                   content) == lc_get_le64(noted);
	c->bad += !c->good[index];
	return 0;
}

/* Holds a copy against one candidate. */
static int compare_with(struct lc_triple *t, unsigned copy, unsigned candidate,
                        struct lc_uncached *reader)
{
	const struct lc_triple_entry *entry = t->entries[candidate];
	struct comparison c = {t, entry, calloc(1, (size_t)entry->blocks + 1), 0};
	struct lc_triple_scan scan = {t, reader, entry->length, entry->block, compare_block, &c};
	int rc = c.good ? lc_triple_scan_blocks(&scan) : -ENOMEM;

	if (rc) {
		free(c.good);
		return rc;
	}
	t->copies[copy].good[candidate] = c.good;
	if (!c.bad && (uint64_t)t->copies[copy].st.st_size == entry->length)
		t->view.candidates[candidate].holders |= 1u << copy;
	return 0;
}

/* The candidates, newest first, so that what is in order is read once. */
static void order_candidates(const struct lc_triple *t, unsigned order[LC_TRIPLE_CANDIDATES])
{
	unsigned i, j, kept;

	for (i = 0; i < t->view.candidate_count; i++) {
		order[i] = i;
		for (j = i; j > 0 && t->view.candidates[order[j]].version >
		                             t->view.candidates[order[j - 1]].version;
		     j--) {
			kept = order[j];
			order[j] = order[j - 1];
			order[j - 1] = kept;
		}
	}
}

/* The same content under another number, as settling gives it. */
static void hold_twins(struct lc_triple *t, unsigned copy, unsigned candidate)
{
	unsigned k;

	for (k = 0; k < t->view.candidate_count; k++)
		if (memcmp(t->entries[k]->root.bytes, t->entries[candidate]->root.bytes,
		           sizeof(struct lc_digest)) == 0)
			t->view.candidates[k].holders |= 1u << copy;
}

static int compare_copy(struct lc_triple *t, unsigned copy)
{
	struct lc_copy *c = &t->copies[copy];
	unsigned order[LC_TRIPLE_CANDIDATES] = {0}, k;
	struct lc_uncached reader;
	int rc;

	lc_uncached_init(&reader);
	rc = lc_uncached_open(&reader, c->place.fd, c->place.name);
	if (rc) {
		c->unread = -rc;
		return rc == -ENOMEM ? rc : 0;
	}
	order_candidates(t, order);
	for (k = 0; k < t->view.candidate_count && !rc; k++) {
		rc = compare_with(t, copy, order[k], &reader);
		if (!rc && (t->view.candidates[order[k]].holders >> copy & 1)) {
			hold_twins(t, copy, order[k]);
			break;
		}
	}
	lc_uncached_close(&reader);
	return rc;
}

/* Without reading: content with the size and the time of a version is taken for it. */
static void guess_copy(struct lc_triple *t, unsigned copy)
{
	const struct lc_copy *c = &t->copies[copy];
	const struct lc_triple_entry *entries[2] = {&c->sidecar.now, &c->sidecar.old};
	int named[2] = {t->view.copies[copy].now, t->view.copies[copy].old};
	unsigned i;

	for (i = 0; i < 2; i++)
		if (named[i] >= 0 && (uint64_t)c->st.st_size == entries[i]->length &&
		    same_time(&entries[i]->mtime, &c->st)) {
			hold_twins(t, copy, (unsigned)named[i]);
			return;
		}
}

int lc_triple_holds(const struct lc_triple *t, unsigned copy, int candidate)
{
	return candidate >= 0 && (t->view.candidates[candidate].holders >> copy & 1);
}

static int holds_any(const struct lc_triple *t, unsigned copy)
{
	unsigned k;

	for (k = 0; k < t->view.candidate_count; k++)
		if (lc_triple_holds(t, copy, (int)k))
			return 1;
	return 0;
}

static struct lc_triple_time newest_noted(const struct lc_triple *t)
{
	struct lc_triple_time newest = {0, 0};
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->copies[i].side == LC_SIDE_GOOD &&
		    t->copies[i].sidecar.now.mtime.seconds > newest.seconds)
			newest = t->copies[i].sidecar.now.mtime;
	return newest;
}

/*
 * Rot leaves the times alone; who writes, does not. A copy that has lost its
 * sidecar as well can be told only by being much newer than the others.
 */
static int is_edited(const struct lc_triple *t, unsigned copy)
{
	const struct lc_copy *c = &t->copies[copy];
	struct lc_triple_time noted = newest_noted(t);

	if (!c->exists || c->unread || holds_any(t, copy) || !t->set)
		return 0;
	if (c->side == LC_SIDE_GOOD)
		return !same_time(&c->sidecar.now.mtime, &c->st) &&
		       !same_time(&c->sidecar.old.mtime, &c->st) &&
		       !same_time(&c->sidecar.before, &c->st) &&
		       c->st.st_mtim.tv_sec >= c->sidecar.now.mtime.seconds;
	return c->st.st_mtim.tv_sec > noted.seconds + 2;
}

static void find_recoverable(struct lc_triple *t)
{
	unsigned i, k;
	uint32_t b;

	for (k = 0; k < t->view.candidate_count; k++) {
		struct lc_triple_candidate *c = &t->view.candidates[k];

		c->recoverable = 1;
		for (b = 0; b < t->entries[k]->blocks && c->recoverable; b++) {
			c->recoverable = 0;
			for (i = 0; i < LC_TRIPLE_MAX; i++)
				c->recoverable |= t->copies[i].good[k] && t->copies[i].good[k][b];
		}
		c->recoverable = c->recoverable || c->holders;
	}
}

static int stat_copy(struct lc_copy *copy)
{
	int rc = lc_sys_lstat_times(copy->place.fd, copy->place.name, &copy->st);

	if (rc == -ENOENT)
		return 0;
	if (rc) {
		copy->away = -rc;
		return 0;
	}
	copy->exists = 1;
	return S_ISREG(copy->st.st_mode) ? 0 : -EINVAL;
}

/* What is there, and what its sidecar says. */
static int look_at_places(struct lc_triple *t, struct commit_error *err)
{
	unsigned i;
	int rc;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		struct lc_copy *copy = &t->copies[i];

		rc = copy->away ? 0 : stat_copy(copy);
		if (rc)
			return lc_error_set(err, COMMIT_EFAILED, -rc, "look at", copy->given,
			                    "is not a regular file");
		rc = copy->away ? 0 : read_side(t, i);
		if (rc == -EPROTONOSUPPORT)
			return lc_error_set(err, COMMIT_EFAILED, -rc, "read the sidecar of",
			                    copy->given, "it is of a later format");
		if (rc)
			return lc_error_set(err,
			                    rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED,
			                    -rc, "read the sidecar of", copy->given, NULL);
	}
	return 0;
}

int lc_triple_look(struct lc_triple *t, enum lc_look how, struct commit_error *err)
{
	unsigned i;
	int rc;

	lc_triple_forget(t);
	t->view.count = LC_TRIPLE_MAX;
	t->view.min_copies = t->opt.min_copies ? t->opt.min_copies : 2;
	rc = look_at_places(t, err);
	if (rc)
		return rc;
	choose_set(t);
	collect_candidates(t);
	for (i = 0; i < LC_TRIPLE_MAX && !rc; i++) {
		if (t->copies[i].away || !t->copies[i].exists)
			continue;
		if (how == LC_LOOK_DEEP)
			rc = compare_copy(t, i);
		else
			guess_copy(t, i);
	}
	if (rc)
		return lc_error_set(err, rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED, -rc,
		                    "compare", t->copies[i - 1].given, NULL);
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		t->view.copies[i].edited = how == LC_LOOK_DEEP && is_edited(t, i);
	if (how == LC_LOOK_DEEP)
		find_recoverable(t);
	lc_triple_vote(&t->view, &t->verdict);
	return 0;
}

int lc_triple_is_calm(const struct lc_triple *t)
{
	unsigned i;

	if (t->verdict.outcome != LC_VOTE_WON || t->verdict.advance)
		return 0;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (t->verdict.actions[i] != LC_ACT_NONE &&
		    (t->verdict.actions[i] != LC_ACT_KEEP || t->copies[i].sidecar.twin_bad))
			return 0;
	return 1;
}
