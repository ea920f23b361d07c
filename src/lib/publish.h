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

/*
 * 0; -ESTALE; or another negative errno, after which it can be called again. Or
 * LC_PUBLISH_UNFLUSHED: an edit in place could not be flushed, so that no flush of
 * its file system is believed now.
 */
#define LC_PUBLISH_UNFLUSHED 1
int lc_publish_apply(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* Makes what apply has done durable: one flush for each file system where that will do. */
int lc_publish_flush(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* What a sector of an edited range holds; 0: what somebody else has written. */
#define LC_PATCH_IS_OLD 1u
#define LC_PATCH_IS_NEW 2u
#define LC_PATCH_IS_TORN 4u /* of both something */

/*
 * Parts of an edit in place, of an open file by the open object that has both
 * contents. prove: -EBADMSG if that is damaged. look calls found for each sector,
 * at counts from the range's start, until it does not return 0. write: the new
 * content, not flushed, and the file never gets smaller.
 */
typedef int lc_publish_patch_sector(void *context, uint64_t at, size_t length, unsigned is);

int lc_publish_patch_prove(int contents, const struct lc_patch *patch);
int lc_publish_patch_look(int file, int contents, const struct lc_patch *patch,
                          lc_publish_patch_sector *found, void *context);
int lc_publish_patch_write(int file, int contents, const struct lc_patch *patch);

/* Owner, attribute, mode, time of the change on an open file, in that order. */
int lc_publish_set(int fd, const struct lc_change *change);
/*
 * The same of a file or directory by its name, which its owner need not have the
 * right to open, and then flushes it if that is asked for.
 */
int lc_publish_set_at(int dir, const char *name, const struct lc_change *change, int flush);

#endif
