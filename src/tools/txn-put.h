/* SPDX-License-Identifier: ISC */
/* txn-put.h - the command put, and files without a name */
#ifndef TXN_PUT_H
#define TXN_PUT_H

#include "txn-session.h"

/* commit-txn put: the content comes from SRC, a command, or standard input. */
int txn_put(struct txn_session *session);

/*
 * A file without a name, on the root's file system where that works, so that
 * its content can be cloned. Returns a descriptor, or COMMIT_EFAILED.
 */
int txn_spool_open(struct txn_session *session);

#endif
