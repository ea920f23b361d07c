/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "view-internal.h"

#include "dir.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int has_staged_entries(struct lc_view *view, const char *path)
{
	size_t i;

	for (i = 0; i < view->count; i++)
		if (view->items[i]->state != LC_NODE_ABSENT &&
		    lc_view_is_below(view->items[i]->path, path))
			return 1;
	return 0;
}

/* An entry on disk counts unless the view says that it is gone. */
static int counts(struct lc_view *view, const char *directory, const char *name)
{
	char path[PATH_MAX];
	const struct lc_entry *entry;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
		return 1;
	entry = lc_view_find(view, path);
	return !entry || entry->state != LC_NODE_ABSENT;
}

/* A directory on disk, as the view has it at path. */
struct listed {
	struct lc_view *view;
	const char *path;
	struct names *names;
};

static int is_there(void *context, const char *name)
{
	const struct listed *listed = context;

	return counts(listed->view, listed->path, name);
}

static int has_disk_entries(struct lc_view *view, const char *path, const char *real)
{
	struct listed listed = {view, path, NULL};

	return lc_dir_each(lc_beneath_open(view->root, real, O_RDONLY | O_DIRECTORY), is_there,
	                   &listed);
}

int lc_view_has_entries(struct lc_view *view, const char *path)
{
	struct lc_node node;
	int rc = lc_view_look(view, path, &node);

	if (rc)
		return rc;
	if (has_staged_entries(view, path))
		return 1;
	return node.state == LC_NODE_ORIGINAL ? has_disk_entries(view, path, node.real) : 0;
}

struct names {
	char **items;
	size_t count;
	size_t room;
};

static void free_names(struct names *names)
{
	size_t i;

	for (i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

static int add_name(struct names *names, const char *name)
{
	char **bigger;

	if (names->count == names->room) {
		names->room = names->room ? 2 * names->room : 32;
		bigger = realloc(names->items, names->room * sizeof(char *));
		if (!bigger)
			return -ENOMEM;
		names->items = bigger;
	}
	names->items[names->count] = strdup(name);
	return names->items[names->count] ? (int)(names->count++, 0) : -ENOMEM;
}

static int add_if_there(void *context, const char *name)
{
	const struct listed *listed = context;

	return counts(listed->view, listed->path, name) ? add_name(listed->names, name) : 0;
}

static int add_disk_names(struct lc_view *view, const char *path, const char *real,
                          struct names *names)
{
	struct listed listed = {view, path, names};

	return lc_dir_each(lc_beneath_open(view->root, real, O_RDONLY | O_DIRECTORY), add_if_there,
	                   &listed);
}

static int add_view_names(struct lc_view *view, const char *path, struct names *names)
{
	size_t length = strlen(path), i;
	int rc = 0;

	for (i = 0; i < view->count && !rc; i++) {
		const struct lc_entry *entry = view->items[i];

		if (entry->state != LC_NODE_ABSENT && lc_view_is_below(entry->path, path) &&
		    !strchr(entry->path + length + 1, '/'))
			rc = add_name(names, entry->path + length + 1);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int lc_view_children(struct lc_view *view, const char *path,
                     int (*found)(void *context, const char *name), void *context)
{
	struct names names = {NULL, 0, 0};
	/* Not on the stack: found may go deep. */
	struct lc_node *node = malloc(sizeof *node);
	size_t i;
	int rc = node ? lc_view_look(view, path, node) : -ENOMEM;

	if (!rc && node->state == LC_NODE_ORIGINAL)
		rc = add_disk_names(view, path, node->real, &names);
	if (!rc)
		rc = add_view_names(view, path, &names);
	free(node);
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(char *), by_name);
	for (i = 0; i < names.count && !rc; i++)
		if (i == 0 || strcmp(names.items[i], names.items[i - 1]) != 0)
			rc = found(context, names.items[i]);
	free_names(&names);
	return rc;
}

/*
 * A directory that is looked at for what somebody else has put into it; moved
 * is made when a name is found that no entry stands for at its old path.
 */
struct emptied {
	struct lc_view *view;
	const struct lc_entry *entry;
	const struct lc_entry **moved;
	size_t moved_count;
};

static int by_under(const void *a, const void *b)
{
	const struct lc_entry *const *left = a, *const *right = b;

	return strcmp((*left)->under, (*right)->under);
}

static int has_under(const void *under, const void *entry)
{
	const struct lc_entry *const *one = entry;

	return strcmp(under, (*one)->under);
}

/* Entries of what stood below the directory on disk, wherever they are now. */
static int index_moved(struct emptied *emptied)
{
	const struct lc_view *view = emptied->view;
	size_t i;

	emptied->moved = calloc(view->count + 1, sizeof(const struct lc_entry *));
	if (!emptied->moved)
		return -ENOMEM;
	for (i = 0; i < view->count; i++)
		if (view->items[i]->under &&
		    lc_view_is_below(view->items[i]->under, emptied->entry->under))
			emptied->moved[emptied->moved_count++] = view->items[i];
	qsort(emptied->moved, emptied->moved_count, sizeof(const struct lc_entry *), by_under);
	return 0;
}

/* What is planned for the name, whose directory may have moved before it went. */
static int find_planned(struct emptied *emptied, const char *name, const struct lc_entry **entry)
{
	const struct lc_entry *const *found;
	char path[PATH_MAX];
	int rc;

	*entry = NULL;
	if (snprintf(path, sizeof path, "%s/%s", emptied->entry->path, name) < (int)sizeof path)
		*entry = lc_view_find(emptied->view, path);
	if (*entry && (*entry)->under)
		return 0;
	*entry = NULL;
	if (snprintf(path, sizeof path, "%s/%s", emptied->entry->under, name) >= (int)sizeof path)
		return 0;
	rc = emptied->moved ? 0 : index_moved(emptied);
	if (rc)
		return rc;
	found = bsearch(path, emptied->moved, emptied->moved_count, sizeof(const struct lc_entry *),
	                has_under);
	*entry = found ? *found : NULL;
	return 0;
}

/* 1 if the view has no plan for it. */
static int stays(void *context, const char *name)
{
	struct emptied *emptied = context;
	const struct lc_entry *entry;
	int rc = find_planned(emptied, name, &entry);

	return rc ? rc : !entry || lc_view_is_unchanged(entry);
}

int lc_view_is_emptied(struct lc_view *view, const struct lc_entry *entry)
{
	struct emptied emptied = {view, entry, NULL, 0};
	int fd = lc_beneath_open(view->root, entry->under, O_RDONLY | O_DIRECTORY);
	int full;

	/* Nobody who may not read it can tell; publishing looks again. */
	if (fd == -EACCES)
		return 1;
	full = lc_dir_each(fd, stays, &emptied);
	free(emptied.moved);
	return full < 0 ? full : !full;
}
