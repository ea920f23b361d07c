/* SPDX-License-Identifier: ISC */
/*
 * store.h - the directory `.commit` in the root of a tree
 *
 *     .commit/format      version, and which directory this is; made last
 *     .commit/lock        locked exclusively by who commits or recovers
 *     .commit/log/        see log.h
 *     .commit/stage/ID/   one open or unfinished transaction
 *     .commit/.gitignore  so that git ignores all of it
 *
 * The bytes stand in commit-store(5). A store is input from a stranger until
 * its owner and its rights have been looked at.
 */
#ifndef LC_STORE_H
#define LC_STORE_H

#include "log.h"

#include <commit_txn.h>

#define LC_STORE_NAME ".commit"
#define LC_STORE_STAGE LC_STORE_NAME "/stage"

/* A transaction is a few hundred bytes a file; most are small. */
#define LC_STORE_SEGMENT ((uint32_t)256 * 1024)

struct commit_store {
	struct commit_store_options opt;
	/* the tree, .commit, its stage and its log, open as directories */
	int root;
	int home;
	int stage;
	int logs;
	/* the lock file */
	int lock;
	char *path;
	/* the log, while the lock is held for writing */
	struct lc_log *log;
	int look_only;
};

/* Opens, and makes if flags say so; no lock is held afterwards. Public errors. */
int lc_store_open(struct commit_store **out, const char *root, unsigned flags,
                  const struct commit_store_options *opt, struct commit_error *err);
void lc_store_close(struct commit_store *store);

/*
 * Takes the store for oneself and opens its log. Errors: COMMIT_EBUSY,
 * COMMIT_ECANCELED, COMMIT_ECONFLICT (the log is damaged), COMMIT_EFAILED.
 */
int lc_store_enter(struct commit_store *store, struct commit_error *err);
void lc_store_leave(struct commit_store *store);

/* There is something in the stage: a transaction that is open or unfinished. */
int lc_store_has_stages(const struct commit_store *store);

/* Calls found with the name of each stage. 0, or what found returned. */
int lc_store_each_stage(const struct commit_store *store,
                        int (*found)(void *context, const char *name), void *context);

/* Removes a stage and what is in it. 0 or a negative errno. */
int lc_store_remove_stage(const struct commit_store *store, const char *name);

/* COMMIT_EFAILED with the store's path. */
int lc_store_fail(const struct commit_store *store, int rc, const char *operation, const char *text,
                  struct commit_error *err);

#endif
