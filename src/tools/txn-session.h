/* SPDX-License-Identifier: ISC */
/*
 * txn-session.h - one run of commit-txn: its store, its transaction, its outcome
 *
 * Calling sequence: zeroed with options set; txn_session_open or one of those
 * that call it; txn_session_close in any state. Errors are in session->err.
 */
#ifndef TXN_SESSION_H
#define TXN_SESSION_H

#include "txn-options.h"

struct txn_session {
	const struct txn_options *options;
	struct commit_store *store;
	struct commit_txn *txn;
	/* O_PATH descriptor of the root, from txn_session_open on; else -1 */
	int root;
	/* what is left to be done must not be stopped by a signal */
	bool determined;
	/* result is filled in: all of it has been committed */
	bool committed;
	struct commit_txn_result result;
	struct commit_error err;
	/* NULL without --json */
	struct json_t *json;
};

#define TXN_SESSION_INIT                                                                           \
	{                                                                                          \
		.root = -1, .err = COMMIT_ERROR_INIT                                               \
	}

/*
 * The root that the command line or the environment names, or that is found from
 * the working directory upwards, which then has a store; to be freed.
 */
int txn_session_root(struct txn_session *session, char **root);

/* Opens the store; flags as of commit_store_open. */
int txn_session_open(struct txn_session *session, unsigned flags);

/* Opens the store, made if need be where the root was named, and begins. */
int txn_session_begin(struct txn_session *session, const struct commit_txn_options *txn);

/* Opens the store and goes on with the transaction of the first operand. */
int txn_session_resume(struct txn_session *session);

/* Makes the store as the options say, or changes what it keeps. */
int txn_session_make(struct txn_session *session);

/* For commit_store_options. */
void txn_session_store_options(struct txn_session *session, struct commit_store_options *store);

/* Closes transaction and store; may be repeated, and the session opened again. */
void txn_session_close(struct txn_session *session);

#endif
