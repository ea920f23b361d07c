/* SPDX-License-Identifier: ISC */
/*
 * txn-apply.h - commit-txn apply: an archive or a directory as one transaction
 *
 * What is wrong with an archive is found before the commit, and then nothing of
 * it is applied: absolute names, "..", ".commit", names twice, names below
 * something that is no directory, links to what the archive does not have,
 * devices, fifos, and an archive that breaks off.
 */
#ifndef TXN_APPLY_H
#define TXN_APPLY_H

#include "txn-session.h"

int txn_apply(struct txn_session *session);

#endif
