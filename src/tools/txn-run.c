/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-run.h"

#include "child.h"
#include "cli.h"
#include "signals.h"
#include "txn-finish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The command's own calls of commit-txn change the transaction meanwhile, so
 * ours is closed while it runs; it ends with us if we are killed.
 */
static int begin(struct txn_session *session, char id[COMMIT_TXN_ID_SIZE])
{
	struct commit_txn_options txn;
	int rc;

	commit_txn_options_init(&txn);
	txn.flags = COMMIT_TXN_KEEP;
	txn.owner = getpid();
	rc = txn_session_begin(session, &txn);
	if (rc == COMMIT_OK) {
		strcpy(id, commit_txn_id(session->txn));
		if (setenv("COMMIT_ROOT", commit_store_root(session->store), 1) != 0 ||
		    setenv("COMMIT_TXN", id, 1) != 0)
			rc = cli_fail(&session->err, COMMIT_EFAILED, errno, "run", NULL, "%s",
			              strerror(errno));
	}
	return rc;
}

static int run_command(struct txn_session *session)
{
	struct child_request request = {.argv = session->options->cmd, .in = -1, .out = -1};
	struct child child;
	int status;
	int rc = child_start(&child, &request, NULL, &session->err);

	if (rc == COMMIT_OK)
		rc = child_wait(&child, -1, &status, &session->err);
	if (rc == COMMIT_OK)
		rc = child_judge(status, NULL, "run", NULL, request.argv[0], "nothing was changed",
		                 &session->err);
	return rc;
}

static int resume(struct txn_session *session, const char *id, struct commit_error *err)
{
	int rc = txn_session_open(session, 0);

	if (rc == COMMIT_OK)
		rc = commit_txn_resume(&session->txn, session->store, id, &session->err);
	if (rc != COMMIT_OK && err != &session->err)
		*err = session->err;
	return rc;
}

/* The first error is the one to be told. */
static void abort_it(struct txn_session *session, const char *id)
{
	struct commit_error first = session->err;
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc = COMMIT_OK;

	session->determined = true;
	if (session->txn == NULL) {
		txn_session_close(session);
		rc = resume(session, id, &err);
	}
	if (rc == COMMIT_OK)
		rc = commit_txn_abort(session->txn, &err);
	if (rc != COMMIT_OK && !(err.errnum == ENOENT && err.code == COMMIT_EFAILED))
		cli_error(&err);
	session->err = first;
}

int txn_run(struct txn_session *session)
{
	char id[COMMIT_TXN_ID_SIZE] = "";
	int rc = txn_finish_check(session);

	if (rc == COMMIT_OK)
		rc = begin(session, id);
	if (rc == COMMIT_OK) {
		txn_session_close(session);
		rc = run_command(session);
	}
	if (rc == COMMIT_OK)
		rc = resume(session, id, &session->err);
	if (rc == COMMIT_OK)
		rc = txn_finish(session);
	if (id[0] != '\0' && !session->committed && rc != COMMIT_EUNDECIDED &&
	    (rc != COMMIT_OK || session->options->dry_run))
		abort_it(session, id);
	return rc;
}

int txn_read(struct txn_session *session)
{
	struct commit_store_options store;
	char **cmd = session->options->cmd;
	char *root = NULL;
	int fd = -1;
	int rc = txn_session_root(session, &root);

	txn_session_store_options(session, &store);
	if (rc == COMMIT_OK)
		rc = commit_store_share(root, &store, &fd, &session->err);
	free(root);
	if (rc != COMMIT_OK)
		return rc;
	/* the descriptor is the lock: it lasts as long as the command has it */
	sigprocmask(SIG_SETMASK, signals_original_mask(), NULL);
	execvp(cmd[0], cmd);
	return cli_fail(&session->err, COMMIT_EREFUSED, errno, "run", NULL, "%s: %s", cmd[0],
	                strerror(errno));
}

int txn_read_status(const struct txn_session *session)
{
	const struct commit_error *err = &session->err;

	if (err->code != COMMIT_EREFUSED || strcmp(err->operation, "run") != 0)
		return TXN_READ_FAILED;
	return err->errnum == ENOENT ? TXN_READ_NOT_FOUND : TXN_READ_NOT_RUN;
}
