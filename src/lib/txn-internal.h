/* SPDX-License-Identifier: ISC */
/*
 * txn-internal.h - an open transaction
 *
 *     txn.c           begin, resume, abort, close; the file of operations
 *     txn-ops.c       the operations of the public interface
 *     txn-stage.c     new objects in the stage
 *     txn-commit.c    prepare, commit, publish
 *     txn-history.c   SCAN: what the log says
 *     txn-recover.c   DECIDE, REPLAY
 *     txn-list.c      telling what there is and what recovery would do
 *     txn-share.c     the lock of readers
 *
 * In `.commit/stage/ID/`: `info` says who began it and how long it lives,
 * `ops` holds its operations as records, `in-N` are staged objects, `out-N`
 * what publishing has taken from its path. The flock on `ops` is the sign of
 * life of a transaction that shall not outlive its process.
 */
#ifndef LC_TXN_INTERNAL_H
#define LC_TXN_INTERNAL_H

#include "change.h"
#include "store.h"
#include "txn.h"
#include "view.h"

#include <limits.h>
#include <stdint.h>

#define LC_TXN_INFO_SIZE 256

struct lc_txn_info {
	int keep;
	int64_t begun;
	int64_t ttl;
	int64_t owner;
	/* start time of the owner process, in ticks since boot: a pid comes back */
	uint64_t owner_started;
	uint64_t user;
};

/* commit-store(5): the payload of a begin record */
enum {
	LC_BEGIN_TIME = 0,
	LC_BEGIN_USER = 8,
	LC_BEGIN_FILES = 16,
	LC_BEGIN_BYTES = 24,
	LC_BEGIN_SIZE = 32
};

enum lc_txn_state { LC_TXN_OPEN, LC_TXN_POISONED, LC_TXN_ENDED };

struct commit_txn {
	struct commit_store *store;
	char id[COMMIT_TXN_ID_SIZE];
	uint64_t number;
	struct lc_txn_info info;
	enum lc_txn_state state;
	/* the stage, as a directory and relative to the root */
	int dir;
	char place[64];
	int ops;
	off_t ops_end;
	struct lc_view *view;
	unsigned serial;
	uint64_t bytes;
	unsigned flushes_before;
};

/* txn.c */
int lc_txn_fail(struct commit_txn *txn, int rc, const char *operation, const char *path,
                const char *text, struct commit_error *err);
/* Appends an operation to the file; durable before return if it shall outlive us. */
int lc_txn_record(struct commit_txn *txn, const struct lc_change *operation);
/* After a failed operation a commit would be of something nobody asked for. */
void lc_txn_poison(struct commit_txn *txn);
uint64_t lc_txn_number(const char *id);
void lc_txn_id(uint64_t number, char id[COMMIT_TXN_ID_SIZE]);
int lc_txn_read_info(int dir, struct lc_txn_info *info);
/* Its process is gone or its time is over; 0 also if that cannot be known. */
int lc_txn_is_dead(int dir, int ops, const struct lc_txn_info *info);

/* txn-stage.c: each makes the next object in-N, whose path is in real */
int lc_txn_stage_file(struct commit_txn *txn, const struct lc_node *old, int mode_of, int from,
                      const void *buffer, size_t length, char real[PATH_MAX],
                      struct lc_identity *identity, struct commit_error *err);
int lc_txn_stage_directory(struct commit_txn *txn, mode_t mode, char real[PATH_MAX],
                           struct lc_identity *identity);
int lc_txn_stage_symlink(struct commit_txn *txn, const char *target, char real[PATH_MAX],
                         struct lc_identity *identity);
int lc_txn_stage_link(struct commit_txn *txn, const struct lc_node *from, char real[PATH_MAX],
                      struct lc_identity *identity);
/* Metadata of what only the stage holds is changed at once. */
int lc_txn_stage_meta(struct commit_txn *txn, const struct lc_node *node,
                      const struct lc_change *meta, struct lc_identity *identity);

/* txn-history.c: SCAN */

/* What the log says about one transaction. */
struct lc_logged {
	uint64_t number;
	uint64_t position;
	struct commit_txn_info info;
	struct lc_change_list list;
	int committed;
	int complete;
};

/* SCAN's result: transactions in the order of their commits. */
struct lc_history {
	struct lc_logged *items;
	size_t count;
	size_t room;
};

/* Reads the log of an entered store. COMMIT_ECONFLICT: it makes no sense. */
int lc_history_read(struct commit_store *store, struct lc_history *history,
                    struct commit_error *err);
struct lc_logged *lc_history_find(const struct lc_history *history, uint64_t number);
void lc_history_release(struct lc_history *history);

/* txn-recover.c: with the store entered. */
/* The stage belongs to a transaction that nobody will go on with. */
int lc_txn_stage_is_dead(const struct commit_store *store, const char *name);
/* Carries out what a commit record has decided, flushes, completes. */
int lc_txn_finish(struct commit_store *store, uint64_t number, const struct lc_change_list *list,
                  struct commit_error *err);

#endif
