/* SPDX-License-Identifier: ISC */
/*
 * view.h - the tree as a transaction would leave it, without touching it
 *
 * A view is a set of paths that differ from the tree on disk. Each operation
 * looks at the view, so that the second of two operations sees the first. In
 * the end the view is turned into the steps that make the tree equal to it:
 * first everything that leaves its path is taken, deepest first; then
 * everything new is put, shallowest first; then ranges are edited in place.
 * Metadata of a file that loses a name and keeps another come before all that,
 * all others last.
 *
 * Paths are relative to the root, as in beneath.h. All functions return 0 or a
 * negative errno of the system call that they stand for.
 */
#ifndef LC_VIEW_H
#define LC_VIEW_H

#include "change.h"

#include <limits.h>

enum lc_node_state {
	LC_NODE_ABSENT,
	LC_NODE_ORIGINAL, /* the object that stands on disk at the path real */
	LC_NODE_STAGED    /* an object in the stage, at the path real */
};

/* What stands at a path of the view. */
struct lc_node {
	enum lc_node_state state;
	struct lc_identity identity;
	/* where it can be found on disk now, relative to the root */
	char real[PATH_MAX];
};

struct lc_view;

/* stage is the directory, relative to the root, that taken objects go to. */
struct lc_view *lc_view_new(int root, const char *stage);
void lc_view_free(struct lc_view *view);

/*
 * Instead of that directory: place says, for what stands on disk at path, which
 * one it goes to; it has to be on the same mount.
 */
void lc_view_set_places(struct lc_view *view,
                        int (*place)(void *context, const char *path, const char **stage),
                        void *context);

/*
 * The path without symbolic links on the way, the last component untouched.
 * -EXDEV: a link leads out of the root; -ELOOP, -ENOTDIR, -EINVAL.
 */
int lc_view_canonical(struct lc_view *view, const char *path, char canonical[PATH_MAX]);

/* What stands at a canonical path; an absent one is no error. */
int lc_view_look(struct lc_view *view, const char *path, struct lc_node *node);

/* 1 if the directory at path has entries in the view, 0 if not. */
int lc_view_has_entries(struct lc_view *view, const char *path);

/*
 * Calls found for the name of each entry that the directory at path has in the
 * view, in order; they are collected before, so that found may change the view.
 */
int lc_view_children(struct lc_view *view, const char *path,
                     int (*found)(void *context, const char *name), void *context);

/* Changes of the view; the caller has checked that they make sense. */
int lc_view_put(struct lc_view *view, const char *path, const char *real,
                const struct lc_identity *identity);
int lc_view_remove(struct lc_view *view, const char *path);
int lc_view_move(struct lc_view *view, const char *from, const char *to);
/* Metadata of an original object, or a range of it; takes over what change holds. */
int lc_view_meta(struct lc_view *view, const char *path, struct lc_change *change);

/* Such changes of the object at path so far; NULL: none. */
const struct lc_change_list *lc_view_metas(const struct lc_view *view, const char *path);

/* A range of that file that waits to be edited and one of those bytes: 1 or 0. */
int lc_view_is_patched(const struct lc_view *view, const struct lc_identity *file, uint64_t offset,
                       uint64_t length);
/* At path, or below it, a range waits to be edited: 1 or 0. */
int lc_view_has_patch(const struct lc_view *view, const char *path);

/*
 * A staged object with inode 0 in its identity is not there yet. This looks for
 * all of them again, in the stage that is open as dir.
 */
int lc_view_restage(struct lc_view *view, int dir);

/*
 * What was on disk at path when the view touched it first. A resumed
 * transaction sets what an earlier process has seen. -ENOENT: not touched.
 */
int lc_view_seen(struct lc_view *view, const char *path, struct lc_identity *seen);
/* Where on disk that was; NULL: nowhere, or not touched. */
const char *lc_view_under(const struct lc_view *view, const char *path);
int lc_view_set_seen(struct lc_view *view, const char *path, const struct lc_identity *seen);

/* Calls found for each path that differs, with what stands there before and after. */
int lc_view_each(struct lc_view *view,
                 int (*found)(void *context, const char *path, const struct lc_node *before,
                              const struct lc_node *after),
                 void *context);

/*
 * The steps from the tree to the view. -ESTALE: a path that the view has
 * touched was changed on disk since, or a directory that is to go is not empty;
 * *bad names it until the view is freed.
 */
int lc_view_plan(struct lc_view *view, struct lc_change_list *list, const char **bad);

#endif
