/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "view-internal.h"

#include "digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 64

int lc_view_is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

int lc_view_is_unchanged(const struct lc_entry *entry)
{
	return entry->state == LC_NODE_ORIGINAL && entry->under &&
	       strcmp(entry->real, entry->under) == 0;
}

/* The slot of the path, or the free one where it belongs. */
static size_t slot_of(const struct lc_view *view, const char *path)
{
	size_t slot = lc_digest64(path, strlen(path)) & (view->slot_count - 1);

	while (view->slots[slot] && strcmp(view->items[view->slots[slot] - 1]->path, path) != 0)
		slot = (slot + 1) & (view->slot_count - 1);
	return slot;
}

struct lc_entry *lc_view_find(const struct lc_view *view, const char *path)
{
	uint32_t index = view->slot_count ? view->slots[slot_of(view, path)] : 0;

	return index ? view->items[index - 1] : NULL;
}

static int rebuild(struct lc_view *view, size_t slot_count)
{
	uint32_t *slots = calloc(slot_count, sizeof *slots);
	size_t i;

	if (!slots)
		return -ENOMEM;
	free(view->slots);
	view->slots = slots;
	view->slot_count = slot_count;
	for (i = 0; i < view->count; i++)
		view->slots[slot_of(view, view->items[i]->path)] = (uint32_t)i + 1;
	return 0;
}

static int make_room(struct lc_view *view)
{
	size_t room = view->room ? 2 * view->room : FIRST_SLOTS / 2;
	struct lc_entry **items;

	if (view->count < view->room)
		return 0;
	items = realloc(view->items, room * sizeof(struct lc_entry *));
	if (!items)
		return -ENOMEM;
	view->items = items;
	view->room = room;
	return rebuild(view, 2 * room);
}

struct lc_entry *lc_view_insert(struct lc_view *view, char *path)
{
	struct lc_entry *entry = path ? calloc(1, sizeof *entry) : NULL;

	if (!entry || make_room(view)) {
		free(entry);
		free(path);
		return NULL;
	}
	entry->path = path;
	view->slots[slot_of(view, path)] = (uint32_t)view->count + 1;
	view->items[view->count++] = entry;
	return entry;
}

int lc_view_rekey(struct lc_view *view, const char *from, const char *to)
{
	size_t from_length = strlen(from), to_length = strlen(to);
	size_t i, moved = 0;

	for (i = 0; i < view->count; i++) {
		struct lc_entry *entry = view->items[i];
		char *path;

		if (!lc_view_is_below(entry->path, from))
			continue;
		path = malloc(to_length + strlen(entry->path + from_length) + 1);
		if (!path)
			return -ENOMEM;
		memcpy(path, to, to_length);
		strcpy(path + to_length, entry->path + from_length);
		free(entry->path);
		entry->path = path;
		moved++;
	}
	return moved ? rebuild(view, view->slot_count) : 0;
}

void lc_view_free_entries(struct lc_view *view)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		free(view->items[i]->path);
		free(view->items[i]->real);
		free(view->items[i]->under);
		lc_change_list_release(&view->items[i]->metas);
		free(view->items[i]);
	}
	free(view->items);
	free(view->slots);
}
