/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What is about to be removed has this name: half of it is no history. */
#define GONE "gone-"

/* A kept commit; sequence 0: the index has forgotten it. */
struct kept {
	uint64_t number;
	uint64_t sequence;
	int64_t time;
	uint64_t bytes;
};

struct shelf {
	struct commit_store *store;
	struct kept *items;
	size_t count;
	size_t room;
};

static int add(void *context, const char *name)
{
	struct shelf *shelf = context;
	uint64_t number = lc_txn_number(name);
	struct kept *bigger;

	/* One that was killed while it was removed. */
	if (strncmp(name, GONE, strlen(GONE)) == 0 && lc_txn_number(name + strlen(GONE)))
		lc_store_remove_flat(shelf->store->history, name);
	if (!number)
		return 0;
	if (shelf->count == shelf->room) {
		shelf->room = shelf->room ? 2 * shelf->room : 64;
		bigger = realloc(shelf->items, shelf->room * sizeof *bigger);
		if (!bigger)
			return -ENOMEM;
		shelf->items = bigger;
	}
	shelf->items[shelf->count++] = (struct kept){.number = number};
	return 0;
}

static int by_sequence(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	if (left->sequence != right->sequence)
		return left->sequence < right->sequence ? -1 : 1;
	return left->number < right->number ? -1 : left->number > right->number;
}

static int by_number(const void *a, const void *b)
{
	const struct kept *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

/* The index knows when and how much; it is longer than the shelf. */
static int look_up(struct shelf *shelf)
{
	struct lc_index index;
	struct kept *found, wanted = {0};
	size_t i;
	int rc = lc_index_read(shelf->store, &index);

	if (rc)
		return rc;
	qsort(shelf->items, shelf->count, sizeof *shelf->items, by_number);
	for (i = 0; i < index.count; i++) {
		wanted.number = index.items[i].number;
		found = bsearch(&wanted, shelf->items, shelf->count, sizeof wanted, by_number);
		if (!found)
			continue;
		found->sequence = index.items[i].sequence;
		found->time = index.items[i].time;
		found->bytes = index.items[i].kept;
	}
	lc_index_release(&index);
	qsort(shelf->items, shelf->count, sizeof *shelf->items, by_sequence);
	return 0;
}

/* Does the bound hold if those from first on stay? */
static int holds(const struct shelf *shelf, size_t first, int64_t now)
{
	const struct lc_store_config *config = &shelf->store->config;
	uint64_t bytes = 0;
	size_t i;

	switch (config->bound) {
	case COMMIT_BOUND_COUNT:
		return shelf->count - first <= config->keep;
	case COMMIT_BOUND_SECONDS:
		return config->keep > 0 && shelf->items[first].sequence > 0 &&
		       now - shelf->items[first].time <= (int64_t)config->keep;
	case COMMIT_BOUND_BYTES:
		for (i = first; i < shelf->count; i++)
			bytes += shelf->items[i].bytes;
		return config->keep > 0 && shelf->items[first].sequence > 0 &&
		       bytes <= config->keep;
	default:
		return 0;
	}
}

static int drop(struct commit_store *store, uint64_t number)
{
	char id[COMMIT_TXN_ID_SIZE], gone[COMMIT_TXN_ID_SIZE + sizeof GONE];
	int rc;

	lc_txn_id(number, id);
	snprintf(gone, sizeof gone, GONE "%s", id);
	rc = lc_sys_rename(store->history, id, store->history, gone);
	return rc ? rc : lc_store_remove_flat(store->history, gone);
}

void lc_keep_prune(struct commit_store *store)
{
	struct shelf shelf = {.store = store};
	int64_t now = (int64_t)time(NULL);
	size_t first;
	int rc = store->history < 0 ? -ENOENT : lc_store_each_name(store->history, add, &shelf);
	int fits = store->config.bound == COMMIT_BOUND_COUNT && shelf.count <= store->config.keep;

	if (!rc && shelf.count > 0 && !fits)
		rc = look_up(&shelf);
	for (first = 0; !rc && !fits && first < shelf.count && !holds(&shelf, first, now); first++)
		rc = drop(store, shelf.items[first].number);
	free(shelf.items);
}

void lc_txn_tidy(struct commit_store *store)
{
	if (lc_keep_is_on(store))
		lc_keep_prune(store);
}
