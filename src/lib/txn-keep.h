/* SPDX-License-Identifier: ISC */
/*
 * txn-keep.h - what stays of a commit when it is complete
 *
 *     txn-index.c        history/index: who committed what, and when
 *     txn-keep.c         from a stage to history/ID
 *     txn-keep-flush.c   making durable what that needs
 *     txn-prune.c        keeping history within its bound
 *     txn-steps.c        the file history/ID/steps
 *     txn-undo.c         taking a commit back
 *     txn-undo-copy.c    from a kept version to a staged one
 *     txn-undo-check.c   is everything as the commit has left it?
 *     txn-check-kept.c   is history whole?
 *     txn-relink.c       the names that a file had elsewhere
 *
 * All of it with the store entered. Functions return 0 or a negative errno.
 *
 * Publishing leaves old versions in the stage: `out-N` that were taken, `in-N`
 * that were exchanged out. If they are to be kept, the list of steps is written
 * beside them before the flush that comes before the complete record; after that
 * record the stage as a whole is renamed into history. So a stage of a complete
 * transaction that has the list belongs there, whoever finds it. What has other
 * names elsewhere is copied before, for nobody shall write to a kept version.
 */
#ifndef LC_TXN_KEEP_H
#define LC_TXN_KEEP_H

#include "txn-internal.h"

/* One line of the index. */
struct lc_indexed {
	uint64_t number;
	uint64_t sequence;
	int64_t time;
	uint64_t user;
	uint64_t files;
	uint64_t bytes;
	/* bytes of old versions; those of a pruned one are counted still */
	uint64_t kept;
	uint64_t undoes;
};

struct lc_index {
	struct lc_indexed *items;
	size_t count;
};

/* In the order of commits, each once. A torn tail is not there. */
int lc_index_read(const struct commit_store *store, struct lc_index *index);
void lc_index_release(struct lc_index *index);
const struct lc_indexed *lc_index_find(const struct lc_index *index, uint64_t number);
/* Gives it the next sequence number, if it is not there yet. */
int lc_index_add(struct commit_store *store, const struct lc_indexed *entry);
/* By its descriptor, and by those of its directories. */
int lc_index_flush(const struct commit_store *store);
/* -EBADMSG: a record is damaged that good ones follow; else what reading says. */
int lc_index_check(const struct commit_store *store);
int lc_index_is_part(const char *name);

/* The list of steps with who made them, as in a directory of history. */
int lc_steps_write(const struct commit_store *store, int dir, const struct commit_txn_info *info,
                   const struct lc_change_list *list);
int lc_steps_read(int dir, uint64_t number, struct commit_txn_info *info,
                  struct lc_change_list *list);

/*
 * The name in the stage under which a step leaves an old version behind; NULL: it
 * leaves none. id is that of the transaction.
 */
const char *lc_keep_name(const struct lc_change *change, const char *id);
/* The name of the copy that stands for that name, if there is one. */
void lc_keep_copy_name(const char *name, char copy[64]);
/*
 * The name of the old version that a step has left in dir, a copy of it or itself:
 * 1 or 0. -ENOENT; -EBADMSG: it is not what was kept. name is filled in anyway.
 */
#define LC_KEEP_NAME_SIZE 64
int lc_keep_find(int dir, const struct lc_change *change, const char *id,
                 char name[LC_KEEP_NAME_SIZE], struct stat *st);
/* An open file gets content, metadata and times of another. */
int lc_keep_copy(int from, int to, const char *path, const struct commit_store *store);

/* Before the commit: adds the metadata that its steps will change, to be put back. */
#define LC_KEEP_CAPABILITY "security.capability"
int lc_keep_note(struct commit_txn *txn, struct lc_change_list *list);
/* Published, not flushed yet: the index, and what is needed to keep it. */
int lc_keep_prepare(struct commit_store *store, const struct commit_txn_info *info,
                    const struct lc_change_list *list);
/* That too is durable then, on its own where syncfs is not believed. */
int lc_keep_flush(const struct commit_store *store, const struct lc_logged *const *done,
                  size_t count);
/* Complete: its stage goes to history, or goes away. May be repeated. */
int lc_keep_finish(struct commit_store *store, uint64_t number);
/* Removes the oldest until the store's bound holds. */
void lc_keep_prune(struct commit_store *store);
int lc_keep_is_on(const struct commit_store *store);
/* The directory of a kept commit; -ENOENT. */
int lc_keep_open(const struct commit_store *store, uint64_t number);

/* A file that still has a name somewhere in the tree; NULL: it was not found. */
struct lc_live {
	uint64_t inode;
	char *path;
};

/*
 * Sorts by inode, each once, and fills in the paths of as many as have one that
 * skip does not say 1 of.
 */
int lc_relink_look(int root, struct lc_live *live, size_t *count,
                   int (*skip)(void *context, const char *path), void *context);
struct lc_live *lc_relink_find(struct lc_live *live, size_t count, uint64_t inode);
/* Links it into the stage, if it is what it was: else -ESTALE, -ENOENT, or another. */
int lc_relink_stage(int root, const struct lc_live *live, const struct lc_identity *before,
                    int stage, const char *name);

/* What keeping makes in a stage beside the old versions: the list of steps, copies. */
#define LC_KEEP_STEPS "steps"
int lc_keep_is_made(const char *name);

/* An old version of the directory dir becomes an object of the transaction's stage. */
int lc_undo_copy(struct commit_txn *txn, int dir, const char *old, const char *name,
                 const struct stat *st);

/* txn-check-kept.c: breaches in history */
int lc_keep_check(const struct commit_store *store, lc_txn_breach *found, void *context);

/* -ESTALE: *bad is the path that is not as the steps have left it; kept is their directory. */
int lc_undo_check(int root, int kept, const struct lc_change_list *list, const char **bad);

#endif
