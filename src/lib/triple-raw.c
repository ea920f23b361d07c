/* SPDX-License-Identifier: ISC */
/*
 * triple-raw.c - the lecture's rule: whole contents, majority, else A
 *
 * What differs is a version of its own to the rest of the module, so that
 * settling and reading are the same for both protocols.
 */
#include "config.h"

#include "triple-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char no_set[LC_TRIPLE_SET_SIZE];

void lc_triple_raw_release(struct lc_triple *t)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		free(t->raw_tables[i]);
		t->raw_tables[i] = NULL;
	}
}

static int stat_copy(struct lc_copy *copy)
{
	int rc = lc_sys_lstat_times(copy->place.fd, copy->place.name, &copy->st);

	copy->exists = !rc;
	if (rc && rc != -ENOENT)
		copy->away = -rc;
	return rc || S_ISREG(copy->st.st_mode) ? 0 : -EINVAL;
}

/* Returns 0, also for a copy that cannot be read, or what ends the call. */
static int digest_copy(struct lc_triple *t, unsigned i)
{
	struct lc_copy *copy = &t->copies[i];
	struct lc_triple_entry *entry = &t->raw[i];
	int rc = stat_copy(copy);

	memset(entry, 0, sizeof *entry);
	if (rc || !copy->exists)
		return rc;
	entry->length = (uint64_t)copy->st.st_size;
	entry->mtime = lc_triple_mtime(&copy->st);
	rc = lc_fresh_table(t, copy->place.fd, copy->place.name, 0, no_set, entry,
	                    &t->raw_tables[i]);
	copy->unread = -rc;
	return rc == -ECANCELED || rc == -ENOMEM ? rc : 0;
}

static int same_content(const struct lc_triple *t, unsigned a, unsigned b)
{
	return t->raw[a].length == t->raw[b].length &&
	       memcmp(t->raw[a].root.bytes, t->raw[b].root.bytes, sizeof(struct lc_digest)) == 0;
}

/* The number of a content is the first copy that has it. */
static void number_contents(const struct lc_triple *t, int contents[LC_TRIPLE_MAX])
{
	unsigned i, j;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		contents[i] = -1;
		for (j = 0; j <= i && contents[i] < 0 && t->raw_tables[i]; j++)
			if (t->raw_tables[j] && same_content(t, i, j))
				contents[i] = (int)j;
	}
}

static int digest_all(struct lc_triple *t, struct commit_error *err)
{
	unsigned i;
	int rc;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		rc = t->copies[i].away ? 0 : digest_copy(t, i);
		if (rc)
			return lc_error_set(err,
			                    rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED,
			                    -rc, "read", t->copies[i].given,
			                    rc == -EINVAL ? "is not a regular file" : NULL);
	}
	return 0;
}

/* One that is alone is right only for those who said that one is enough. */
static int vote(const struct lc_triple *t, const int contents[LC_TRIPLE_MAX])
{
	int winner = lc_triple_raw_vote(contents, LC_TRIPLE_MAX), only = -1;
	unsigned i, there = 0;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (contents[i] >= 0) {
			only = (int)i;
			there++;
		}
	return winner < 0 && there == 1 && t->opt.min_copies == 1 ? only : winner;
}

static int mark_good(struct lc_triple *t, unsigned copy)
{
	size_t blocks = (size_t)t->raw[copy].blocks + 1;

	t->copies[copy].good[0] = malloc(blocks);
	if (!t->copies[copy].good[0])
		return -ENOMEM;
	memset(t->copies[copy].good[0], 1, blocks);
	t->view.candidates[0].holders |= 1u << copy;
	return 0;
}

static int declare(struct lc_triple *t, const int contents[LC_TRIPLE_MAX], int winner)
{
	struct lc_triple_verdict *verdict = &t->verdict;
	unsigned i;
	int rc = 0;

	t->entries[0] = &t->raw[winner];
	t->view.candidate_count = 1;
	verdict->outcome = LC_VOTE_WON;
	verdict->winner = 0;
	verdict->needed = t->opt.min_copies == 1 ? 1 : 2;
	for (i = 0; i < LC_TRIPLE_MAX && !rc; i++) {
		if (t->copies[i].away) {
			verdict->actions[i] = LC_ACT_NONE;
		} else if (contents[i] == contents[winner]) {
			verdict->actions[i] = LC_ACT_KEEP;
			rc = mark_good(t, i);
		} else {
			verdict->actions[i] = LC_ACT_CONTENT;
		}
	}
	return rc;
}

int lc_triple_raw_stat(struct lc_triple *t, struct commit_error *err)
{
	unsigned i;
	int rc;

	lc_triple_forget(t);
	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		rc = t->copies[i].away ? 0 : stat_copy(&t->copies[i]);
		if (rc)
			return lc_error_set(err, COMMIT_EFAILED, -rc, "look at", t->copies[i].given,
			                    "is not a regular file");
	}
	return 0;
}

int lc_triple_raw_look(struct lc_triple *t, struct commit_error *err)
{
	int contents[LC_TRIPLE_MAX];
	unsigned i;
	int rc, winner;

	lc_triple_forget(t);
	lc_triple_raw_release(t);
	rc = digest_all(t, err);
	if (rc)
		return rc;
	t->set = no_set;
	t->view.count = LC_TRIPLE_MAX;
	for (i = 0; i < LC_TRIPLE_MAX; i++)
		t->view.copies[i].now = t->view.copies[i].old = -1;
	number_contents(t, contents);
	winner = vote(t, contents);
	t->verdict.winner = -1;
	t->verdict.outcome = LC_VOTE_TOO_FEW;
	if (winner < 0)
		return 0;
	rc = declare(t, contents, winner);
	return rc ? lc_error_set(err, COMMIT_EFAILED, -rc, "compare", t->copies[0].given, NULL) : 0;
}

int lc_triple_raw_choice(struct lc_triple *t)
{
	int contents[LC_TRIPLE_MAX];
	int rc;

	lc_triple_raw_release(t);
	rc = digest_all(t, NULL);
	number_contents(t, contents);
	lc_triple_raw_release(t);
	return rc ? -1 : lc_triple_raw_vote(contents, LC_TRIPLE_MAX);
}
