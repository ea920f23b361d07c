/* SPDX-License-Identifier: ISC */
/* txn-call.h - one operation of the public interface on its way; txn-ops.c, txn-meta.c */
#ifndef LC_TXN_CALL_H
#define LC_TXN_CALL_H

#include "txn-internal.h"

/* What it is about, and what it found. */
struct lc_call {
	struct commit_txn *txn;
	const char *operation;
	char path[PATH_MAX];
	struct lc_node node;
	struct commit_error *err;
};

/* Makes the path canonical and looks what stands there. */
int lc_call_begin(struct lc_call *call, struct commit_txn *txn, const char *operation,
                  const char *path, struct commit_error *err);
/* A failed operation poisons the transaction. Returns a code. */
int lc_call_failed(struct lc_call *call, int rc, const char *text);
/* From now on the object stands at the path. */
int lc_call_put(struct lc_call *call, char *real, const struct lc_identity *identity);
/* Refuses what would replace or remove a file that the transaction edits in place. */
int lc_call_spares_patches(struct lc_call *call);
int lc_call_is_directory(const struct lc_node *node);
int lc_call_is_absent(const struct lc_node *node);
/* What was changed of source's metadata is changed of another name of it too. */
int lc_call_share_changes(const struct lc_call *source, struct lc_call *call);

#endif
