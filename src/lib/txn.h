/* SPDX-License-Identifier: ISC */
/*
 * txn.h - what recovery of whole trees wants to know of a store's transactions
 *
 * The public interface of transactions is commit_txn.h.
 */
#ifndef LC_TXN_H
#define LC_TXN_H

#include "store.h"

#include <stdint.h>

enum lc_txn_fate {
	LC_TXN_LIVE,     /* open, and may go on */
	LC_TXN_SWEEP,    /* nobody will go on with it, or it is done: removed */
	LC_TXN_FINISH,   /* committed, not published to the end */
	LC_TXN_WAIT,     /* the same, and what is mounted at path is not what was */
	LC_TXN_CONFLICT, /* committed, and somebody else has changed path since */
	LC_TXN_BEHIND,   /* committed, behind one that cannot be finished now */
	LC_TXN_UNFLUSHED /* published, and a flush has failed: wants another mount or boot */
};

struct lc_txn_verdict {
	char id[COMMIT_TXN_ID_SIZE];
	enum lc_txn_fate fate;
	/* LC_TXN_CONFLICT: the first path of them all */
	const char *path;
	uint64_t paths;
	int64_t changed;
	uid_t owner;
	/* it could not be looked at: a negative errno */
	int rc;
};

/*
 * DECIDE without REPLAY, of an entered store: calls found for each commit that
 * is not finished, in their order, then for each other stage.
 */
int lc_txn_survey(struct commit_store *store,
                  void (*found)(void *context, const struct lc_txn_verdict *verdict), void *context,
                  struct commit_error *err);

/* SCAN, DECIDE, REPLAY of an entered store. */
int lc_txn_recover(struct commit_store *store, struct commit_error *err);

enum lc_txn_outcome {
	LC_TXN_UNKNOWN,    /* it has ended, or never was */
	LC_TXN_FINISHED,   /* published to the end */
	LC_TXN_TAKEN_BACK, /* by another transaction, which is finished */
	LC_TXN_ABORTED     /* it was open, and is gone */
};

/*
 * A person has decided about a transaction of an entered store. commit: ours is
 * published; what others have put in its way is moved aside, beside it. abort:
 * an open one is dropped; a committed one is taken back by a new transaction,
 * which leaves alone what others have changed since; an old version that has no
 * place any more is put beside it. kept is called for each file that has been
 * put beside its path, also when a resolution that was interrupted goes on.
 *
 * Errors: COMMIT_EREFUSED (an open one cannot be committed here; one before it
 * must be decided first), COMMIT_EBUSY (another process works on it),
 * COMMIT_EPENDING, COMMIT_ECONFLICT (somebody goes on changing its paths).
 */
struct lc_txn_resolution {
	uint64_t number;
	int abort;
	void (*kept)(void *context, const char *path, const char *beside);
	void *context;
	enum lc_txn_outcome outcome;
};

int lc_txn_resolve(struct commit_store *store, struct lc_txn_resolution *resolution,
                   struct commit_error *err);
/*
 * Looks for breaches of the four invariants (commit_recover.h) in an entered
 * store; path is relative to its root. That its log cannot be read at all is one
 * too, and said by the error.
 */
typedef void lc_txn_breach(void *context, int invariant, const char *path, const char *reason);

int lc_txn_check(struct commit_store *store, lc_txn_breach *found, void *context,
                 struct commit_error *err);

/* 1 if the log holds its commit, and that is not finished; 0; or a code. */
int lc_txn_is_unfinished(struct commit_store *store, uint64_t number, struct commit_error *err);

/* 0: not an id. */
uint64_t lc_txn_number(const char *id);

/* Removes the stage of a transaction on all mounts; -ENODEV: one is missing, it is kept. */
int lc_txn_remove_stage(struct commit_store *store, const char *name);

/* What a directory that has the name of a stage on another mount is. */
enum lc_stage_fate {
	LC_STAGE_PART,    /* belongs to a transaction that is still there */
	LC_STAGE_DEAD,    /* ours, and its transaction is gone */
	LC_STAGE_FOREIGN, /* of another user */
	LC_STAGE_COPY,    /* a copy of one, or something else */
	LC_STAGE_LOST     /* ours, with content, and its store is not above it */
};

/* The name has the form of one, or of its probe. */
int lc_stage_name(const char *name);
enum lc_stage_fate lc_stage_judge(int dirfd, const char *name);
int lc_stage_remove(int dirfd, const char *name);

/* Removes what is too old in the history, where somebody was killed while he did. */
void lc_txn_tidy(struct commit_store *store);

#endif
