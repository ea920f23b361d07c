/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "view-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * An original object that stands at another path afterwards. Between the two
 * it waits at place; place equal to real: it goes there directly.
 */
struct passage {
	const struct lc_entry *entry;
	char *place;
};

struct plan {
	struct lc_view *view;
	/* metadata of what loses a name */
	struct lc_change_list firsts;
	struct lc_change_list takes;
	struct lc_change_list puts;
	struct lc_change_list patches;
	struct lc_change_list metas;
	struct passage *passages;
	size_t passage_count;
};

/* What the view has seen is what is there: nobody else was at work. */
static int verify(struct plan *plan, const struct lc_entry *entry)
{
	struct lc_identity now;
	struct stat st;
	int rc;

	if (!entry->under)
		return 0;
	rc = lc_beneath_stat(&plan->view->cache, entry->under, &st);
	memset(&now, 0, sizeof now);
	if (rc == 0)
		lc_identity_of(&st, &now);
	else if (rc != -ENOENT && rc != -ENOTDIR)
		return rc;
	if (lc_identity_same(&now, &entry->seen))
		return 0;
	strcpy(plan->view->bad, entry->path);
	return -ESTALE;
}

/* Where what stands on disk at path waits, or is kept. */
static int new_place(struct plan *plan, const char *path, char **place)
{
	struct lc_view *view = plan->view;
	const char *stage = view->stage;
	size_t size;
	int rc = view->place ? view->place(view->place_context, path, &stage) : 0;

	if (rc) {
		strcpy(view->bad, path);
		return rc;
	}
	size = strlen(stage) + 24;
	*place = malloc(size);
	if (!*place)
		return -ENOMEM;
	snprintf(*place, size, "%s/out-%u", stage, view->next_place++);
	return 0;
}

static int is_moved(const struct lc_entry *entry)
{
	return entry->state == LC_NODE_ORIGINAL && !lc_view_is_unchanged(entry);
}

/* A directory above the path is another one afterwards. */
static int below_change(struct lc_view *view, const char *path)
{
	char above[PATH_MAX];
	const struct lc_entry *entry;
	char *slash;

	strcpy(above, path);
	while ((slash = strrchr(above, '/'))) {
		*slash = '\0';
		entry = lc_view_find(view, above);
		if (entry && !lc_view_is_unchanged(entry))
			return 1;
	}
	return 0;
}

/*
 * A move whose two ends nothing else touches is one rename: then the object is
 * at one path or the other at any moment.
 */
static int is_direct(struct lc_view *view, const struct lc_entry *entry)
{
	const struct lc_entry *source = lc_view_find(view, entry->real);

	return entry->seen.mode == 0 && entry->under && strcmp(entry->under, entry->path) == 0 &&
	       source && source->state == LC_NODE_ABSENT && source->under &&
	       strcmp(source->under, entry->real) == 0 && !below_change(view, entry->path) &&
	       !below_change(view, entry->real);
}

/* Another name of the file that stood there is put there: nothing has to change. */
static int is_put_back(const struct lc_entry *entry)
{
	return entry->state != LC_NODE_ABSENT && !lc_view_is_unchanged(entry) && entry->under &&
	       strcmp(entry->under, entry->path) == 0 && entry->seen.mode != 0 &&
	       !S_ISDIR(entry->seen.mode) && lc_identity_same(&entry->identity, &entry->seen);
}

static struct lc_entry *find_moved(const struct lc_view *view, const char *real)
{
	size_t i;

	for (i = 0; i < view->count; i++)
		if (is_moved(view->items[i]) && strcmp(view->items[i]->real, real) == 0)
			return view->items[i];
	return NULL;
}

/*
 * A step is known to be done by the inode it moves, so no path is both left and
 * entered by the same one: the name that leaves stays, and the one that comes
 * goes where that went.
 */
static int untangle(struct lc_view *view)
{
	struct lc_entry *entry, *moved;
	size_t i = 0;
	char *real;

	while (i < view->count) {
		entry = view->items[i++];
		if (!is_put_back(entry))
			continue;
		moved = find_moved(view, entry->under);
		real = moved ? moved->real : strdup(entry->under);
		if (!real)
			return -ENOMEM;
		if (moved) {
			moved->state = entry->state;
			moved->real = entry->real;
			/* Which may be put back itself now. */
			i = 0;
		} else {
			free(entry->real);
		}
		entry->state = LC_NODE_ORIGINAL;
		entry->real = real;
	}
	return 0;
}

static int by_real(const void *a, const void *b)
{
	return strcmp(((const struct passage *)a)->entry->real,
	              ((const struct passage *)b)->entry->real);
}

static int find_passages(struct plan *plan)
{
	struct lc_view *view = plan->view;
	size_t i;
	int rc = 0;

	plan->passages = calloc(view->count + 1, sizeof *plan->passages);
	if (!plan->passages)
		return -ENOMEM;
	for (i = 0; i < view->count && !rc; i++) {
		struct passage *passage = &plan->passages[plan->passage_count];
		const struct lc_entry *entry = view->items[i];

		if (!is_moved(entry))
			continue;
		passage->entry = entry;
		passage->place = is_direct(view, entry) ? strdup(entry->real) : NULL;
		if (!passage->place)
			rc = new_place(plan, entry->real, &passage->place);
		plan->passage_count += !rc;
	}
	if (!rc)
		qsort(plan->passages, plan->passage_count, sizeof *plan->passages, by_real);
	return rc;
}

static int has_real(const void *real, const void *passage)
{
	return strcmp(real, ((const struct passage *)passage)->entry->real);
}

static const struct passage *passage_of(const struct plan *plan, const char *real)
{
	return bsearch(real, plan->passages, plan->passage_count, sizeof *plan->passages, has_real);
}

/* New leaf over old leaf at one path, nothing above it moving: no moment without a file. */
static int is_exchange(const struct plan *plan, const struct lc_entry *entry)
{
	return entry->state != LC_NODE_ABSENT && entry->seen.mode != 0 && entry->under &&
	       strcmp(entry->under, entry->path) == 0 && !S_ISDIR(entry->seen.mode) &&
	       !S_ISDIR(entry->identity.mode) && !passage_of(plan, entry->under) &&
	       !below_change(plan->view, entry->path);
}

/* Takes over place. */
static int add_take(struct plan *plan, const struct lc_entry *entry, char *place, int moved)
{
	struct lc_change c = {.type = LC_CHANGE_TAKE, .place = place, .before = entry->seen};

	c.path = strdup(entry->under);
	if (moved)
		c.after = entry->seen;
	if (!c.path || !c.place) {
		lc_change_release(&c);
		return -ENOMEM;
	}
	return lc_change_list_add(&plan->takes, &c);
}

/* Somebody has put something into a directory that is to go. */
static int check_emptied(struct plan *plan, const struct lc_entry *entry)
{
	int rc = lc_view_is_emptied(plan->view, entry);

	if (rc == 0)
		strcpy(plan->view->bad, entry->path);
	return rc < 0 ? rc : rc == 0 ? -ESTALE : 0;
}

static int plan_take(struct plan *plan, const struct lc_entry *entry)
{
	const struct passage *passage;
	char *place;
	int rc;

	if (!entry->under || entry->seen.mode == 0 || lc_view_is_unchanged(entry))
		return 0;
	passage = passage_of(plan, entry->under);
	if (passage && strcmp(passage->place, entry->under) == 0)
		return 0;
	if (passage)
		return add_take(plan, entry, strdup(passage->place), 1);
	if (is_exchange(plan, entry))
		return 0;
	rc = S_ISDIR(entry->seen.mode) ? check_emptied(plan, entry) : 0;
	if (!rc)
		rc = new_place(plan, entry->under, &place);
	return rc ? rc : add_take(plan, entry, place, 0);
}

static int plan_put(struct plan *plan, const struct lc_entry *entry)
{
	struct lc_change c = {.type = LC_CHANGE_PUT, .after = entry->identity};
	const struct passage *passage;

	if (entry->state == LC_NODE_ABSENT || lc_view_is_unchanged(entry))
		return 0;
	passage = is_moved(entry) ? passage_of(plan, entry->real) : NULL;
	c.path = strdup(entry->path);
	c.place = strdup(passage ? passage->place : entry->real);
	if (is_exchange(plan, entry))
		c.before = entry->seen;
	if (!c.path || !c.place) {
		lc_change_release(&c);
		return -ENOMEM;
	}
	return lc_change_list_add(&plan->puts, &c);
}

int lc_view_copy_meta(const struct lc_change *from, const char *path, const char *place,
                      const struct lc_identity *identity, struct lc_change *to)
{
	*to = *from;
	to->type = from->type == LC_CHANGE_UNSET ? LC_CHANGE_UNSET : LC_CHANGE_META;
	to->after = *identity;
	to->path = strdup(path);
	to->place = strdup(place);
	to->attribute = from->attribute ? strdup(from->attribute) : NULL;
	to->value = malloc((size_t)from->value_length + 1);
	if (!to->path || !to->place || !to->value || (from->attribute && !to->attribute)) {
		lc_change_release(to);
		return -ENOMEM;
	}
	if (from->value_length > 0)
		memcpy(to->value, from->value, from->value_length);
	return 0;
}

/* Its place is that of its contents, and it knows the file before and after. */
static int plan_patch(struct plan *plan, const struct lc_entry *entry,
                      const struct lc_change *change)
{
	struct lc_change copy;
	int rc = lc_view_copy_meta(change, entry->path, change->place, &change->after, &copy);

	copy.type = LC_CHANGE_PATCH;
	return rc ? rc : lc_change_list_add(&plan->patches, &copy);
}

static int plan_metas(struct plan *plan, const struct lc_entry *entry)
{
	struct lc_change copy;
	size_t i;
	int rc = 0;

	for (i = 0; i < entry->metas.count && !rc; i++) {
		if (lc_change_is_patch(&entry->metas.items[i])) {
			rc = plan_patch(plan, entry, &entry->metas.items[i]);
			continue;
		}
		rc = lc_view_copy_meta(&entry->metas.items[i], entry->path, "", &entry->identity,
		                       &copy);
		if (!rc)
			rc = lc_change_list_add(&plan->metas, &copy);
	}
	return rc;
}

static int depth(const char *path)
{
	int count = 0;

	for (; *path; path++)
		count += *path == '/';
	return count;
}

/* Shallow before deep; within a depth neighbours stay together. */
static int by_depth(const void *a, const void *b)
{
	const struct lc_change *left = a, *right = b;
	int difference = depth(left->path) - depth(right->path);

	return difference ? difference : strcmp(left->path, right->path);
}

static int by_depth_down(const void *a, const void *b)
{
	return by_depth(b, a);
}

/* One file may have been changed under several of its names. */
static int by_turn(const void *a, const void *b)
{
	const struct lc_change *left = a, *right = b;

	return (left->turn > right->turn) - (left->turn < right->turn);
}

static int move_all(struct lc_change_list *to, struct lc_change_list *from)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < from->count && !rc; i++)
		rc = lc_change_list_add(to, &from->items[i]);
	return rc;
}

static void sort(struct lc_change_list *list, int (*order)(const void *, const void *))
{
	if (list->count > 1)
		qsort(list->items, list->count, sizeof *list->items, order);
}

static int make_lists(struct plan *plan)
{
	const struct lc_view *view = plan->view;
	size_t i;
	int rc = 0;

	for (i = 0; i < view->count && !rc; i++)
		rc = verify(plan, view->items[i]);
	if (!rc)
		rc = untangle(plan->view);
	if (!rc)
		rc = find_passages(plan);
	for (i = 0; i < view->count && !rc; i++) {
		rc = plan_take(plan, view->items[i]);
		if (!rc)
			rc = plan_put(plan, view->items[i]);
		if (!rc)
			rc = plan_metas(plan, view->items[i]);
	}
	if (!rc)
		rc = lc_view_plan_lefts(plan->view, &plan->takes, &plan->puts, &plan->firsts,
		                        &plan->metas);
	return rc;
}

static void release(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->passage_count; i++)
		free(plan->passages[i].place);
	free(plan->passages);
	lc_change_list_release(&plan->firsts);
	lc_change_list_release(&plan->takes);
	lc_change_list_release(&plan->puts);
	lc_change_list_release(&plan->patches);
	lc_change_list_release(&plan->metas);
}

int lc_view_plan(struct lc_view *view, struct lc_change_list *list, const char **bad)
{
	struct plan plan = {.view = view};
	int rc;

	view->next_place = 0;
	view->bad[0] = '\0';
	lc_beneath_forget(&view->cache);
	rc = make_lists(&plan);
	*bad = view->bad;
	sort(&plan.firsts, by_turn);
	sort(&plan.takes, by_depth_down);
	sort(&plan.puts, by_depth);
	lc_view_settle_sizes(&plan.patches);
	sort(&plan.metas, by_turn);
	rc = rc ? rc : move_all(list, &plan.firsts);
	if (!rc)
		rc = move_all(list, &plan.takes);
	if (!rc)
		rc = move_all(list, &plan.puts);
	if (!rc)
		rc = move_all(list, &plan.patches);
	if (!rc)
		rc = move_all(list, &plan.metas);
	release(&plan);
	return rc;
}
