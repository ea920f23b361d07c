/* SPDX-License-Identifier: ISC */
/* txn-finish.h - the end of a transaction: prepare, validate, commit */
#ifndef TXN_FINISH_H
#define TXN_FINISH_H

#include "txn-session.h"

/*
 * To be called before anything is staged: can --validate-at-root be had?
 * Errors: COMMIT_EFAILED.
 */
int txn_finish_check(struct txn_session *session);

/*
 * Prepares the session's transaction, lets the validator look at it, and commits
 * it; with -n prints what would change instead. Errors: COMMIT_EREFUSED, and those
 * of commit_txn_prepare and commit_txn_commit.
 */
int txn_finish(struct txn_session *session);

#endif
