/* SPDX-License-Identifier: ISC */
/*
 * txn-support.h - a tree with a store for tests of transactions
 *
 * The tree is t, with the files a and b and the directory d; each test begins
 * with its store open, whose locks are not waited for, and no transaction.
 */
#ifndef TEST_TXN_SUPPORT_H
#define TEST_TXN_SUPPORT_H

#include <commit.h>

extern struct commit_store *store;
extern struct commit_txn *txn;
extern struct commit_error txn_err;

struct commit_store_options txn_quick_options(void);
int txn_begin(void **state);
int txn_end(void **state);
#define TREE(test) cmocka_unit_test_setup_teardown(test, txn_begin, txn_end)

void begins(unsigned flags);
void puts_text(const char *path, const char *text);
/* How many stages there are. */
int stages(void);
void close_txn(void);

#endif
