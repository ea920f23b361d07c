/* SPDX-License-Identifier: ISC */
/*
 * txn-view.h - a transaction's result for a validator, before it is committed
 *
 * The view is an overlay of two read-only layers: the root, and above it a tree
 * that has the changed files and hides the removed ones. It is mounted in a mount
 * namespace that has no other process than the validator, so it vanishes with it,
 * whatever happens; users other than root get a user namespace with it. Where
 * there are no overlays, --validate sees a copy of the root with the changes.
 */
#ifndef TXN_VIEW_H
#define TXN_VIEW_H

#include "txn-session.h"

/* Can a view be mounted over the root? COMMIT_EFAILED with the reason. */
int txn_view_check(struct commit_error *err);

/*
 * Runs the validator of the options over the session's transaction, its output
 * on our standard error. Errors: COMMIT_EREFUSED (it said no), COMMIT_ECANCELED,
 * COMMIT_EFAILED.
 */
int txn_view_validate(struct txn_session *session);

#endif
