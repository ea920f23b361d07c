/* SPDX-License-Identifier: ISC */
/*
 * view-internal.h - the paths that a view knows
 *
 *     view.c         looking up, changing
 *     view-list.c    what a directory holds
 *     view-table.c   the table of paths
 *     view-plan.c    from a view to the steps that make the tree equal to it
 *     view-left.c    metadata of files that lose a name
 *     view-patch.c   ranges of files
 */
#ifndef LC_VIEW_INTERNAL_H
#define LC_VIEW_INTERNAL_H

#include "beneath.h"
#include "view.h"

struct lc_entry {
	char *path;
	enum lc_node_state state;
	/* as in struct lc_node; NULL if absent */
	char *real;
	struct lc_identity identity;
	/*
	 * What would stand here without this entry: its path on disk (NULL: below
	 * a staged directory there is nothing) and its version when it was first
	 * looked at. Directories above may move; this stays.
	 */
	char *under;
	struct lc_identity seen;
	struct lc_change_list metas;
};

/*
 * A file that left its path with changes of its metadata waiting: under another
 * name it may live on, which gets them.
 */
struct lc_left {
	/* where the name is on disk */
	char *real;
	struct lc_identity identity;
	struct lc_change_list metas;
};

struct lc_view {
	int root;
	char *stage;
	struct lc_beneath_cache cache;
	/*
	 * A directory that was found to be its own canonical path, for neighbours
	 * are asked for together; "": none. Whoever changes it or what is above
	 * it forgets it.
	 */
	char directory[PATH_MAX];
	/*
	 * What was found on disk at the path that was looked at last: an operation
	 * looks more than once. Forgotten with the next change of the view.
	 */
	char looked_at[PATH_MAX];
	struct lc_node found;
	struct lc_entry **items;
	size_t count;
	size_t room;
	/* open addressing: indices into items plus 1; 0: free */
	uint32_t *slots;
	size_t slot_count;
	struct lc_left *lefts;
	size_t left_count;
	unsigned next_turn;
	uint32_t next_place;
	int (*place)(void *context, const char *path, const char **stage);
	void *place_context;
	/* copy of the path that lc_view_plan complains about */
	char bad[PATH_MAX];
};

/* view-table.c */
struct lc_entry *lc_view_find(const struct lc_view *view, const char *path);
/* Adds one that is not there yet; takes over path. NULL: no memory. */
struct lc_entry *lc_view_insert(struct lc_view *view, char *path);
/* Gives every entry below from its path below to. 0 or -ENOMEM. */
int lc_view_rekey(struct lc_view *view, const char *from, const char *to);
void lc_view_free_entries(struct lc_view *view);

/* view-plan.c: the same change of metadata, as a step on that object at that path */
int lc_view_copy_meta(const struct lc_change *from, const char *path, const char *place,
                      const struct lc_identity *identity, struct lc_change *to);

/* view-patch.c: steps of one list */
void lc_view_settle_sizes(struct lc_change_list *patches);

/* view-left.c */
/* The object is about to leave the entry: what waits for it is kept. 0 or -ENOMEM. */
int lc_view_leave(struct lc_view *view, struct lc_entry *entry);
/*
 * Steps for what was kept and lives on: to firsts, which come before those that
 * move, or to metas, if another of its names is changed too. 0 or a negative errno.
 */
int lc_view_plan_lefts(struct lc_view *view, const struct lc_change_list *takes,
                       const struct lc_change_list *puts, struct lc_change_list *firsts,
                       struct lc_change_list *metas);
void lc_view_free_lefts(struct lc_view *view);

/* view-list.c: 1 if all that its directory on disk holds leaves it, 0 if not */
int lc_view_is_emptied(struct lc_view *view, const struct lc_entry *entry);

/* The path lies below the directory. */
int lc_view_is_below(const char *path, const char *directory);
/* The object at the path stays as and where it is, what is above it aside. */
int lc_view_is_unchanged(const struct lc_entry *entry);

#endif
