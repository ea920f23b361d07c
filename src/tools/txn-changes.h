/* SPDX-License-Identifier: ISC */
/* txn-changes.h - what a transaction would change, in the order of the names */
#ifndef TXN_CHANGES_H
#define TXN_CHANGES_H

#include "txn-session.h"

struct txn_change {
	/* a directory comes before what is in it */
	char *path;
	enum commit_kind before;
	enum commit_kind after;
	/* where it can be read, relative to the root; "" if nowhere */
	char *real_before;
	char *real_after;
};

struct txn_changes {
	struct txn_change *list;
	size_t count;
	size_t room;
};

int txn_changes_collect(struct txn_session *session, struct txn_changes *changes);
/* The same for who reads the files: copies are made of those that are patched. */
int txn_changes_show(struct txn_session *session, struct txn_changes *changes);
void txn_changes_release(struct txn_changes *changes);

/* A new, D gone, T of another type, M changed. */
char txn_change_letter(const struct txn_change *change);

/* "file", "directory" ... */
const char *txn_kind_name(enum commit_kind kind);

/* One line (or object, with --json) for each change on standard output. */
int txn_changes_print(struct txn_session *session);

/* commit-txn status, and diff. */
int txn_status(struct txn_session *session);
int txn_diff(struct txn_session *session);

#endif
