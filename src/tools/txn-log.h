/* SPDX-License-Identifier: ISC */
/* txn-log.h - the commands init, log and undo: history, and how much of it is kept */
#ifndef TXN_LOG_H
#define TXN_LOG_H

#include "txn-session.h"

int txn_init(struct txn_session *session);

/* A line for each commit, the oldest first. */
int txn_log(struct txn_session *session);

/* The operand's commit is taken back by a transaction of its own. */
int txn_undo(struct txn_session *session);

#endif
