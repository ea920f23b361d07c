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
	LC_TXN_LIVE,    /* open, and may go on */
	LC_TXN_SWEEP,   /* nobody will go on with it, or it is done: removed */
	LC_TXN_FINISH,  /* committed, not published to the end */
	LC_TXN_CONFLICT /* committed, and somebody else has changed path since */
};

struct lc_txn_verdict {
	char id[COMMIT_TXN_ID_SIZE];
	enum lc_txn_fate fate;
	const char *path;
	int64_t changed;
	uid_t owner;
};

/* DECIDE without REPLAY: calls found for each stage of an entered store. */
int lc_txn_survey(struct commit_store *store,
                  void (*found)(void *context, const struct lc_txn_verdict *verdict), void *context,
                  struct commit_error *err);

/* SCAN, DECIDE, REPLAY of an entered store. */
int lc_txn_recover(struct commit_store *store, struct commit_error *err);

#endif
