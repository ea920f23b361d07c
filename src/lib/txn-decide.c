/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "publish.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * The steps of all unfinished commits by path, in the order of the commits: the
 * chain of versions that a path goes through. Whichever of them stands there is
 * ours.
 */
struct link {
	const struct lc_change *step;
	size_t turn;
};

struct chain {
	struct link *links;
	size_t count;
};

static int by_path(const void *a, const void *b)
{
	const struct link *left = a, *right = b;
	int order = strcmp(left->step->path, right->step->path);

	if (order)
		return order;
	return (left->turn > right->turn) - (left->turn < right->turn);
}

static int make_chain(const struct lc_decisions *decisions, struct chain *chain)
{
	size_t i, k, total = 0;

	for (i = 0; i < decisions->count; i++)
		total += decisions->items[i].logged->list.count;
	chain->links = calloc(total + 1, sizeof *chain->links);
	chain->count = 0;
	if (!chain->links)
		return -ENOMEM;
	for (i = 0; i < decisions->count; i++) {
		const struct lc_change_list *list = &decisions->items[i].logged->list;

		for (k = 0; k < list->count; k++)
			if (lc_change_is_step(&list->items[k]))
				chain->links[chain->count++] = (struct link){&list->items[k], i};
	}
	qsort(chain->links, chain->count, sizeof *chain->links, by_path);
	return 0;
}

/* The first link with that path, or where it would stand. */
static size_t first_link(const struct chain *chain, const char *path)
{
	size_t low = 0, high = chain->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(chain->links[middle].step->path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int has_path(const struct chain *chain, size_t at, const char *path)
{
	return at < chain->count && strcmp(chain->links[at].step->path, path) == 0;
}

/* A version that one of the commits found or has put there; nothing is one too. */
static int is_member(const struct chain *chain, const char *path, const struct lc_identity *now)
{
	size_t at;

	for (at = first_link(chain, path); has_path(chain, at, path); at++) {
		const struct lc_change *step = chain->links[at].step;

		if (lc_change_is_meta(step))
			continue;
		if (lc_identity_same(now, &step->before) || lc_identity_same(now, &step->after))
			return 1;
		/* A file that is taken leaves nothing behind. */
		if (step->type == LC_CHANGE_TAKE && now->mode == 0)
			return 1;
	}
	return 0;
}

/* An earlier commit that is not finished changes the path, or one above it. */
static int is_preceded(const struct chain *chain, size_t turn, const char *path, int *above)
{
	char prefix[PATH_MAX];
	char *slash;

	strcpy(prefix, path);
	*above = 0;
	for (;;) {
		size_t at = first_link(chain, prefix);

		if (has_path(chain, at, prefix) && chain->links[at].turn < turn)
			return 1;
		slash = strrchr(prefix, '/');
		if (!slash)
			return 0;
		*slash = '\0';
		*above = 1;
	}
}

/* What looks like somebody else's may be what another of our commits has put there. */
static int absolve(const struct commit_store *store, const struct chain *chain, size_t turn,
                   const struct lc_change *step)
{
	struct lc_beneath_cache cache;
	struct lc_identity now;
	struct stat st;
	int above, rc;

	/* Below what an earlier one moves nothing can be said before its turn. */
	if (is_preceded(chain, turn, step->path, &above) && above)
		return 1;
	lc_beneath_init(&cache, store->root);
	rc = lc_beneath_stat(&cache, step->path, &st);
	lc_beneath_release(&cache);
	memset(&now, 0, sizeof now);
	if (rc == 0)
		lc_identity_of(&st, &now);
	else if (rc != -ENOENT && rc != -ENOTDIR && rc != -ELOOP)
		return rc;
	return is_member(chain, step->path, &now);
}

static int judge(const struct commit_store *store, const struct chain *chain, size_t turn,
                 struct lc_decision *decision, int alone)
{
	const struct lc_change_list *list = &decision->logged->list;
	size_t i;
	int rc;

	decision->foreign = calloc(list->count + 1, 1);
	if (!decision->foreign)
		return -ENOMEM;
	rc = lc_publish_judge(store->root, list, decision->foreign, &decision->bad);
	for (i = 0; i < list->count && !rc; i++) {
		if (!decision->foreign[i])
			continue;
		rc = alone ? 0 : absolve(store, chain, turn, &list->items[i]);
		if (rc > 0)
			decision->foreign[i] = 0;
		else if (decision->fate != LC_TXN_CONFLICT) {
			decision->fate = LC_TXN_CONFLICT;
			decision->bad = &list->items[i];
		}
		rc = rc < 0 ? rc : 0;
	}
	return rc;
}

static int collect(const struct lc_history *history, struct lc_decisions *decisions)
{
	const struct lc_logged *by;
	size_t i;

	decisions->count = 0;
	decisions->items = calloc(history->count + 1, sizeof *decisions->items);
	if (!decisions->items)
		return -ENOMEM;
	for (i = 0; i < history->count; i++) {
		struct lc_logged *logged = &history->items[i];

		if (!logged->committed || logged->complete)
			continue;
		by = logged->aborted_by ? lc_history_find(history, logged->aborted_by) : NULL;
		/* Taken back: whoever does that has it in its own list of steps. */
		if (by && by->committed)
			continue;
		decisions->items[decisions->count++].logged = logged;
	}
	return 0;
}

int lc_txn_decide(const struct commit_store *store, const struct lc_history *history,
                  struct lc_decisions *decisions)
{
	struct chain chain = {NULL, 0};
	int rc = collect(history, decisions);
	int waits = 0;
	size_t i;

	if (!rc)
		rc = make_chain(decisions, &chain);
	for (i = 0; i < decisions->count && !rc; i++) {
		struct lc_decision *decision = &decisions->items[i];
		int unflushed = lc_txn_is_unflushed(store, decision->logged->number);

		decision->fate = LC_TXN_FINISH;
		if (unflushed < 0)
			rc = unflushed;
		else if (unflushed)
			decision->fate = LC_TXN_UNFLUSHED;
		else
			rc = judge(store, &chain, i, decision, decisions->count == 1);
		/* One that cannot be looked at now does not keep us from telling of the others. */
		if (rc == -ENODEV || rc == -EXDEV) {
			decision->fate = LC_TXN_WAIT;
			rc = 0;
		}
		decision->rc = rc;
		rc = rc == -ENOMEM ? rc : 0;
		if (waits && decision->fate == LC_TXN_FINISH)
			decision->fate = LC_TXN_BEHIND;
		waits |= decision->rc || decision->fate != LC_TXN_FINISH;
	}
	free(chain.links);
	return rc;
}

void lc_txn_decisions_release(struct lc_decisions *decisions)
{
	size_t i;

	for (i = 0; i < decisions->count; i++)
		free(decisions->items[i].foreign);
	free(decisions->items);
	memset(decisions, 0, sizeof *decisions);
}
