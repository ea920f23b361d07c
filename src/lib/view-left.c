/* SPDX-License-Identifier: ISC */
/*
 * A change of metadata is one of the file, whichever name it was asked for by.
 * If that name goes, or gets another file, the other names keep the file, and it
 * has to be changed all the same.
 */
#include "config.h"

#include "view-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A directory has one name. */
static int may_live_on(const struct lc_entry *entry)
{
	return entry->metas.count > 0 && entry->state != LC_NODE_ABSENT && entry->real &&
	       !S_ISDIR(entry->identity.mode);
}

int lc_view_leave(struct lc_view *view, struct lc_entry *entry)
{
	struct lc_left *bigger, left = {.identity = entry->identity, .metas = entry->metas};

	if (!may_live_on(entry)) {
		lc_change_list_release(&entry->metas);
		return 0;
	}
	left.real = strdup(entry->real);
	bigger = realloc(view->lefts, (view->left_count + 1) * sizeof *bigger);
	if (bigger)
		view->lefts = bigger;
	if (!bigger || !left.real) {
		free(left.real);
		return -ENOMEM;
	}
	view->lefts[view->left_count++] = left;
	memset(&entry->metas, 0, sizeof entry->metas);
	return 0;
}

/* 1 if it has names beside the one that it leaves, 0, or a negative errno. */
static int has_others(struct lc_view *view, const struct lc_left *left)
{
	struct stat st;
	int rc = lc_beneath_stat(&view->cache, left->real, &st);

	if (rc)
		return rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
	return st.st_ino == left->identity.inode && st.st_nlink > 1;
}

/* Another of its names, with changes that have an order with those of this one. */
static const struct lc_entry *find_heir(const struct lc_view *view, const struct lc_left *left)
{
	size_t i;

	for (i = 0; i < view->count; i++) {
		const struct lc_entry *entry = view->items[i];

		if (entry->metas.count > 0 && entry->state != LC_NODE_ABSENT &&
		    entry->identity.inode == left->identity.inode)
			return entry;
	}
	return NULL;
}

/* Where it will be then. What only the stage holds stays there. */
static const char *place_of(const struct lc_change_list *steps, const struct lc_left *left)
{
	size_t i;

	for (i = 0; i < steps->count; i++)
		if (steps->items[i].before.inode == left->identity.inode &&
		    strcmp(steps->items[i].path, left->real) == 0)
			return steps->items[i].place;
	return NULL;
}

static int add_steps(const struct lc_left *left, const char *path, const char *place,
                     struct lc_change_list *list)
{
	struct lc_change copy;
	size_t i;
	int rc = 0;

	for (i = 0; i < left->metas.count && !rc; i++) {
		rc = lc_view_copy_meta(&left->metas.items[i], path, place, &left->identity, &copy);
		if (!rc)
			rc = lc_change_list_add(list, &copy);
	}
	return rc;
}

int lc_view_plan_lefts(struct lc_view *view, const struct lc_change_list *takes,
                       const struct lc_change_list *puts, struct lc_change_list *firsts,
                       struct lc_change_list *metas)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < view->left_count && rc >= 0; i++) {
		const struct lc_left *left = &view->lefts[i];
		const struct lc_entry *heir;
		const char *place;

		rc = has_others(view, left);
		if (rc <= 0)
			continue;
		heir = find_heir(view, left);
		place = place_of(takes, left);
		if (!place)
			place = place_of(puts, left);
		rc = heir ? add_steps(left, heir->path, "", metas)
		          : add_steps(left, left->real, place ? place : left->real, firsts);
	}
	return rc < 0 ? rc : 0;
}

void lc_view_free_lefts(struct lc_view *view)
{
	size_t i;

	for (i = 0; i < view->left_count; i++) {
		free(view->lefts[i].real);
		lc_change_list_release(&view->lefts[i].metas);
	}
	free(view->lefts);
}
