/* SPDX-License-Identifier: ISC */
/* txn-run.h - the commands run and read */
#ifndef TXN_RUN_H
#define TXN_RUN_H

#include "txn-session.h"

/* A transaction around a command: committed if it exits with 0. */
int txn_run(struct txn_session *session);

/*
 * Becomes the command, with the store's shared lock. Returns only if that did
 * not work, with a code; txn_read_status tells what to exit with.
 */
int txn_read(struct txn_session *session);

#define TXN_READ_FAILED 125
#define TXN_READ_NOT_RUN 126
#define TXN_READ_NOT_FOUND 127

/* For txn_read's failure in session->err: one of the statuses above. */
int txn_read_status(const struct txn_session *session);

#endif
