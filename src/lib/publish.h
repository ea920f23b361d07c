/* SPDX-License-Identifier: ISC */
/*
 * publish.h - carrying out the steps of a commit; commit and recovery share it
 *
 *     lc_publish_judge(root, &list, foreign, &bad);   before the first rename
 *     lc_publish_apply(root, &list, &bad);     may be repeated at any point
 *
 * Each step is done if it is not done yet; which of the two is seen from the
 * inodes. A path that holds neither the version before nor the one after was
 * changed by somebody else: -ESTALE, and *bad is the change. Where a file system
 * of the list is not mounted now, nothing is touched: -ENODEV, and *bad is its
 * LC_CHANGE_MOUNT; -EXDEV: another one is mounted over a directory.
 */
#ifndef LC_PUBLISH_H
#define LC_PUBLISH_H

#include "change.h"

enum {
	/* somebody else has changed the path, or its directory is gone */
	LC_FOREIGN = 1,
	/* what was to be put there, or to get metadata, is gone: there is nothing to do */
	LC_FOREIGN_LOST = 2
};

/*
 * Is the path of each step as it was before, as it will be, or on its way?
 * foreign has a byte for each step: 0 if so, else one of these. 0; or a negative
 * errno of looking at *bad.
 */
int lc_publish_judge(int root, const struct lc_change_list *list, unsigned char *foreign,
                     const struct lc_change **bad);
/* The same for who wants to know of the first only: -ESTALE, and *bad is that. */
int lc_publish_examine(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* 0; -ESTALE; or another negative errno, after which it can be called again. */
int lc_publish_apply(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* Makes what apply has done durable: one flush for each file system where that will do. */
int lc_publish_flush(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* Owner, attribute, mode, time of the change on an open file, in that order. */
int lc_publish_set(int fd, const struct lc_change *change);
/*
 * The same of a file or directory by its name, which its owner need not have the
 * right to open, and then flushes it if that is asked for.
 */
int lc_publish_set_at(int dir, const char *name, const struct lc_change *change, int flush);

#endif
