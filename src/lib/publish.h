/* SPDX-License-Identifier: ISC */
/*
 * publish.h - carrying out the steps of a commit; commit and recovery share it
 *
 *     lc_publish_examine(root, &list, &bad);   before the first rename
 *     lc_publish_apply(root, &list, &bad);     may be repeated at any point
 *
 * Each step is done if it is not done yet; which of the two is seen from the
 * inodes. A path that holds neither the version before nor the one after was
 * changed by somebody else: -ESTALE, and *bad is the change.
 */
#ifndef LC_PUBLISH_H
#define LC_PUBLISH_H

#include "change.h"

/* Is every path of the list as it was before, as it will be, or on its way? */
int lc_publish_examine(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* 0; -ESTALE; or another negative errno, after which it can be called again. */
int lc_publish_apply(int root, const struct lc_change_list *list, const struct lc_change **bad);

/* Owner, attribute, mode of the change on an open file, in that order. */
int lc_publish_set(int fd, const struct lc_change *change);

#endif
