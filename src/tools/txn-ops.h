/* SPDX-License-Identifier: ISC */
/*
 * txn-ops.h - the operations that the command line and scripts have in common
 *
 * Each has up to three words, in the same order in both places.
 */
#ifndef TXN_OPS_H
#define TXN_OPS_H

#include <commit_txn.h>

#include <stddef.h>

/* text is followed by a zero byte, and may have others before its length. */
struct txn_word {
	const char *text;
	size_t length;
};

#define TXN_OPERATION_WORDS 3

struct txn_operation {
	const char *name;
	/* what its words are called, also as keys of JSON; NULL: no more of them */
	const char *words[TXN_OPERATION_WORDS];
	int (*run)(struct commit_txn *txn, const struct txn_word *words, struct commit_error *err);
};

/* NULL if there is none of this name. */
const struct txn_operation *txn_operation_find(const char *name);

int txn_operation_count(const struct txn_operation *operation);

/*
 * Errors: COMMIT_EUSAGE (a value makes no sense; the transaction is as it was),
 * and those of the call. What is wrong with a value has been said already then,
 * and *err is untouched.
 */
int txn_operation_run(const struct txn_operation *operation, struct commit_txn *txn,
                      const struct txn_word *words, struct commit_error *err);

#endif
