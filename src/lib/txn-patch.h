/* SPDX-License-Identifier: ISC */
/*
 * txn-patch.h - ranges of files that a transaction edits in place
 *
 *     txn-patch.c         the operation
 *     txn-patch-hold.c    the files, from before the commit to its end
 *     txn-patch-show.c    the files as they will be
 *     txn-patch-aside.c   a person's decision, and what is kept for him
 *     txn-back-patch.c    the steps that take edits back
 *
 * What recovery does about them is in publish-patch.c. Functions return 0 or a
 * negative errno, those with err a public code.
 */
#ifndef LC_TXN_PATCH_H
#define LC_TXN_PATCH_H

#include "txn-internal.h"

/*
 * The new content of a range: the buffer; or what fd yields; or, if is_part is set,
 * length bytes of fd from at on, in the place of span, and the file has that size
 * then.
 */
struct lc_patch_source {
	int fd;
	const void *buffer;
	int is_part;
	uint64_t at;
	uint64_t length;
	uint64_t span;
	uint64_t size;
};

int lc_txn_patch(struct commit_txn *txn, const char *path, uint64_t offset,
                 const struct lc_patch_source *source, struct commit_error *err);
/*
 * Opens that file to be written. -ESTALE: another stands there; -EPERM: it would
 * lose set-id bits or capabilities.
 */
int lc_txn_patch_open(const struct commit_store *store, const char *real,
                      const struct lc_identity *wanted, struct stat *st);
const char *lc_txn_patch_why(int rc);

/* Opens and locks what the steps edit, if it is as it was. Let go in any case. */
int lc_txn_hold(struct commit_txn *txn, struct lc_change_list *list, struct commit_error *err);
void lc_txn_let_go(struct commit_txn *txn);

/* If a range of the file is edited, node->real becomes the path of a copy that has it. */
int lc_txn_show(struct commit_txn *txn, const char *path, struct lc_node *node,
                struct commit_error *err);
/* The name is one of such a copy in the stage. */
int lc_txn_is_shown(const char *name);

/* A commit about which a person decides. */
struct lc_patch_case {
	const struct commit_store *store;
	const char *id;
	const struct lc_change_list *list;
	void (*kept)(void *context, const char *path, const char *beside);
	void *context;
};

/* Where the file of the step stands now; -ENOENT: nowhere that the steps know of. */
int lc_txn_patch_find(const struct lc_patch_case *decided, const struct lc_change *c,
                      char real[PATH_MAX]);
/* Bytes of an open file become a file beside path, once, and whoever decides is told. */
int lc_txn_patch_aside(const struct lc_patch_case *decided, const char *path, const char *word,
                       uint64_t offset, int fd, uint64_t at, uint64_t length);
/* Ours goes over what others have written, which is kept aside. */
int lc_txn_patch_force(const struct lc_patch_case *decided, const struct lc_change *c);
/* The file is gone: what was to be written is kept aside. */
int lc_txn_patch_rescue(const struct lc_patch_case *decided, const struct lc_change *c);
/*
 * Adds the steps that put back what is not somebody else's to the end of back,
 * which has all others; what has no place any more is kept aside.
 */
int lc_txn_patch_back(const struct lc_patch_case *decided, struct lc_change_list *back);

#endif
