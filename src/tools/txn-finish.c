/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-finish.h"

#include "progress.h"
#include "txn-changes.h"
#include "txn-view.h"

int txn_finish_check(struct txn_session *session)
{
	if (session->options->validate_at_root == NULL)
		return COMMIT_OK;
	return txn_view_check(&session->err);
}

int txn_finish(struct txn_session *session)
{
	const struct txn_options *options = session->options;
	int rc = commit_txn_prepare(session->txn, &session->err);

	/* from here on others write to the terminal */
	progress_end();
	if (rc == COMMIT_OK && (options->validate != NULL || options->validate_at_root != NULL))
		rc = txn_view_validate(session);
	if (rc == COMMIT_OK && options->dry_run)
		return txn_changes_print(session);
	if (rc == COMMIT_OK) {
		rc = commit_txn_commit(session->txn, &session->result, &session->err);
		session->committed = rc == COMMIT_OK || rc == COMMIT_EPENDING;
	}
	return rc;
}
