/* SPDX-License-Identifier: ISC */
/*
 * txn-internal.h - an open transaction
 *
 *     txn.c           begin, resume, abort, close; the file of operations
 *     txn-life.c      who began it, and whether it lives
 *     txn-ops.c       the operations of the public interface (txn-call.h)
 *     txn-meta.c      those that change metadata
 *     txn-move.c      moves that are a copy
 *     txn-copy.c      the copies
 *     txn-patch*.c    ranges that are edited in place (txn-patch.h)
 *     txn-look.c      what stands where, for the public interface
 *     txn-stage.c     new objects in the stage
 *     txn-birth.c     what their directory gives them
 *     txn-content.c   new contents that ride in the log
 *     txn-mounts.c    on which mount a path is, and the stage there
 *     txn-mounts-stage.c   those stages: made, found again, removed
 *     txn-mounts-orphan.c  those whose transaction is not there
 *     txn-mounts-check.c   no step leaves its mount
 *     txn-prove.c     metadata that publishing will be able to set
 *     txn-room.c      room for what publishing adds to directories
 *     txn-commit.c    prepare, commit, publish
 *     txn-batch.c     the records that go to the log together
 *     txn-history.c   SCAN: what the log says
 *     txn-decide.c    DECIDE: what is to be done about unfinished commits
 *     txn-recover.c   REPLAY; what opening a store does
 *     txn-resolve.c   a person's decision
 *     txn-back.c      the steps that take a commit back
 *     txn-beside.c    putting aside what stands in the way
 *     txn-note.c      that a flush has failed, until another mount
 *     txn-list.c      telling what there is and what recovery would do
 *     txn-share.c     the lock of readers
 *
 * In `.commit/stage/ID/`: `info` says who began it and how long it lives,
 * `ops` holds its operations as records, `in-N` are staged objects, `out-N`
 * what publishing has taken from its path, `mounts` lists the stages on other
 * mounts, which have `in-N`, `out-N` and `home`. The flock on `ops` is the sign of
 * life of a transaction that shall not outlive its process.
 */
#ifndef LC_TXN_INTERNAL_H
#define LC_TXN_INTERNAL_H

#include "change.h"
#include "mount.h"
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
	/* see lc_name_boot */
	uint32_t boot;
};

/* commit-store(5): the payload of a begin record */
enum {
	LC_BEGIN_TIME = 0,
	LC_BEGIN_USER = 8,
	LC_BEGIN_FILES = 16,
	LC_BEGIN_BYTES = 24,
	LC_BEGIN_UNDOES = 32,
	LC_BEGIN_SIZE = 40
};

/* The payload of an abort record: the transaction that takes its transaction back. */
#define LC_ABORT_SIZE 8

enum lc_txn_state { LC_TXN_OPEN, LC_TXN_POISONED, LC_TXN_ENDED };

/* Where content for one mount is staged. */
struct lc_txn_stage {
	/* -1: not made yet */
	int dir;
	/* relative to the root; NULL: nothing for that mount so far */
	char *path;
};

/* A directory and the mount it is on: neighbours are asked for together. */
struct lc_txn_last {
	char dir[PATH_MAX];
	size_t at;
	int known;
};

/* A directory that hands something down to what is made in it. */
struct lc_txn_birth {
	char dir[PATH_MAX];
	/* -ENOENT: it does not */
	int fd;
	int known;
};

/* A file that the commit edits in place, open and locked. */
struct lc_held {
	int fd;
	struct stat before;
};

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
	/* LC_CHANGE_CONTENT: those that are not staged yet, and their bytes */
	struct lc_change_list contents;
	uint64_t content_bytes;
	/* what the umask leaves of 0666 */
	mode_t new_mode;
	int log_contents;
	void (*committed)(void *context);
	void *context;
	/* of new content; of the commit that is taken back, if it is one */
	uint64_t bytes;
	uint64_t undoes;
	unsigned flushes_before;
	/* mounts that were met, and for each its stage */
	struct lc_mounts mounts;
	struct lc_txn_stage *stages;
	/* the mount of the store */
	size_t home;
	/* a mount that had a stage is not there now: where */
	char *missing;
	struct lc_txn_birth birth;
	struct lc_txn_last in_view;
	struct lc_txn_last on_disk;
	/* records are flushed together later */
	int batch;
	/* txn-patch-hold.c */
	struct lc_held *held;
	size_t held_count;
};

/* txn.c */
int lc_txn_fail(struct commit_txn *txn, int rc, const char *operation, const char *path,
                const char *text, struct commit_error *err);
/* Appends an operation to the file, durably; does nothing if it shall not outlive us. */
int lc_txn_record(struct commit_txn *txn, const struct lc_change *operation);
/* The same at the end of another file of the stage. */
int lc_txn_append(const struct commit_txn *txn, int fd, off_t *end, const struct lc_change *change);
/* After a failed operation a commit would be of something nobody asked for. */
void lc_txn_poison(struct commit_txn *txn);
void lc_txn_id(uint64_t number, char id[COMMIT_TXN_ID_SIZE]);

/* txn-life.c */
/* When the process was started, in ticks since boot; 0: there is none. */
uint64_t lc_txn_process_start(int64_t pid);
int lc_txn_read_info(int dir, struct lc_txn_info *info);
/* Its process is gone or its time is over; 0 also if that cannot be known. */
int lc_txn_is_dead(int ops, const struct lc_txn_info *info);

/* txn-birth.c: path is where the object will be, NULL: its metadata will be another's */
/* The directory of path, if it or the stage hands something down; -ENOENT: neither. */
int lc_txn_birthplace(struct commit_txn *txn, const char *path, int stage);
void lc_txn_birth_forget(struct commit_txn *txn);
/* A new file or directory in that stage, as if it had been made where it will be. */
int lc_txn_create(struct commit_txn *txn, const char *path, int stage, const char *name);
int lc_txn_mkdir(struct commit_txn *txn, const char *path, int stage, const char *name,
                 mode_t mode);
int lc_txn_symlink(struct commit_txn *txn, size_t at, const char *path, const char *target,
                   int stage, const char *name);

/*
 * txn-stage.c: each makes the next object in-N on that mount; its path is in
 * real. What path is: see txn-birth.c.
 */
int lc_txn_stage_file(struct commit_txn *txn, size_t at, const char *path,
                      const struct lc_node *old, int mode_of, int from, const void *buffer,
                      size_t length, char real[PATH_MAX], struct lc_identity *identity,
                      struct commit_error *err);
int lc_txn_stage_directory(struct commit_txn *txn, size_t at, const char *path, mode_t mode,
                           char real[PATH_MAX], struct lc_identity *identity);
int lc_txn_stage_symlink(struct commit_txn *txn, size_t at, const char *path, const char *target,
                         char real[PATH_MAX], struct lc_identity *identity);
/* No descriptor of a staged link can be flushed: where it has to be, all of its mount is. */
int lc_txn_own_link(const struct commit_txn *txn, size_t at, int dir, const char *name, uid_t uid,
                    gid_t gid);
int lc_txn_stage_link(struct commit_txn *txn, size_t at, const struct lc_node *from,
                      char real[PATH_MAX], struct lc_identity *identity);
/* Metadata of what only the stage holds is changed at once. -EMLINK: it has other names. */
int lc_txn_stage_meta(struct commit_txn *txn, const struct lc_node *node,
                      const struct lc_change *meta, struct lc_identity *identity);

/* txn-modes.c: directories that their owner may not write */
/* Before the commit: may all those be moved that it moves? */
int lc_txn_check_modes(struct commit_txn *txn, const struct lc_change_list *list,
                       struct commit_error *err);
/* Modes that would be in the way of publishing are set by steps at its end, the deepest first. */
int lc_txn_lend_modes(struct commit_txn *txn, struct lc_change_list *list,
                      struct commit_error *err);

/* The path of the next object in that stage, a descriptor of which is returned. */
int lc_txn_next_object(struct commit_txn *txn, size_t at, char name[32], char real[PATH_MAX]);
/* What stands there by that name. */
int lc_txn_identify(int dir, const char *name, struct lc_identity *identity);
/* What is staged on that mount is not flushed by what flushes all of it before the record. */
int lc_txn_needs_flush(const struct commit_txn *txn, size_t at);
/* Gives fd the metadata of the file at path old, relative to the root. */
int lc_txn_keep_metadata(struct commit_store *store, const char *old, int fd,
                         struct commit_error *err);
/* The same of an open file or directory; path is for messages, mode_or is added. */
int lc_txn_copy_metadata(struct commit_store *store, int from, const char *path, int fd,
                         mode_t mode_or, struct commit_error *err);

/* txn-copy.c: a copy of what node is, times and all. A directory is empty, and its owner's. */
int lc_txn_stage_copy(struct commit_txn *txn, size_t at, const struct lc_node *node,
                      char real[PATH_MAX], struct lc_identity *identity, struct commit_error *err);

/* txn-move.c: as if moved, for what a rename cannot move */
int lc_txn_move_copy(struct commit_txn *txn, const char *from, const char *to,
                     struct commit_error *err);

/* txn-mounts.c; numbers are places in mounts and stages. 0 or a negative errno. */
int lc_txn_mounts_init(struct commit_txn *txn);
void lc_txn_mounts_release(struct commit_txn *txn);
/* The mount of the directory that holds path in the view. */
int lc_txn_mount_for(struct commit_txn *txn, const char *path, size_t *at);
/* The mount of the directory that holds real on disk. */
int lc_txn_mount_of(struct commit_txn *txn, const char *real, size_t *at);
/* Directories have moved in the view. */
void lc_txn_mounts_forget(struct commit_txn *txn);
/* The stage on that mount, made if need be: a descriptor that stays the transaction's. */
int lc_txn_stage_on(struct commit_txn *txn, size_t at);
/* The number of the stage that holds real, which is in one. */
size_t lc_txn_stage_of(const struct commit_txn *txn, const char *real);

/* txn-mounts-stage.c */
/* Writes it down and makes it. */
int lc_txn_stage_make(struct commit_txn *txn, size_t at);
/* What an earlier process has written down. */
int lc_txn_stages_load(struct commit_txn *txn);

/*
 * txn-mounts-orphan.c: `home` in a stage on another mount says which directory
 * it is, so that a copy is known for one, and which store it belongs to. With
 * store -1 only the first part is made. See commit-store(5).
 */
#define LC_STAGE_HOME_SIZE 160
#define LC_PROBE_SUFFIX ".probe"
#define LC_STAGE_NAME_SIZE (sizeof LC_STAGE_PREFIX + COMMIT_TXN_ID_SIZE + sizeof LC_PROBE_SUFFIX)
int lc_stage_home(int stage, int store, char text[LC_STAGE_HOME_SIZE]);

/* txn-mounts-check.c: with the store entered */
/* No step leaves its mount; adds the mounts to the list. Public errors. */
int lc_txn_check_mounts(struct commit_txn *txn, struct lc_change_list *list,
                        struct commit_error *err);
/* Makes all that is staged durable; without home only what is not in the store. */
int lc_txn_flush_stages(struct commit_txn *txn, int home);

/* txn-room.c: public errors */
#define LC_ROOM_NAME "reserve"
/* Keeps room on each file system for the directory entries that the steps add. */
int lc_txn_keep_room(struct commit_txn *txn, const struct lc_change_list *list,
                     struct commit_error *err);
/* Gives it back, for steps that have met a full disk. */
void lc_txn_give_room(const struct commit_store *store, uint64_t number,
                      const struct lc_change_list *list);

/*
 * txn-prove.c: what will be done to the metadata of an object on disk, on that
 * mount, must be known to work before the commit. 0 or a negative errno.
 */
#define LC_PROVE_NAME "prove"
int lc_txn_prove_meta(struct commit_txn *txn, size_t at, const struct lc_node *node,
                      const struct lc_change *meta);

/* txn-content.c */
/* May this content, for that mount, wait for the log? It replaces what node tells. */
int lc_txn_may_log(struct commit_txn *txn, size_t at, const struct lc_node *node, size_t length);
int lc_txn_log_content(struct commit_txn *txn, const struct lc_node *node, const void *buffer,
                       size_t length, char real[PATH_MAX], struct lc_identity *identity);
/* Everything that is new is such content. */
int lc_txn_logs_all(const struct commit_txn *txn);
/* Room for what will be staged after the commit. 0 or a negative errno. */
int lc_txn_reserve(struct commit_txn *txn);
/* Stages what waits after all, because somebody wants to see it. */
int lc_txn_stage_contents(struct commit_txn *txn, struct commit_error *err);
/*
 * After the commit: stages the contents of a transaction, makes them durable,
 * says so in the log, and fills in the steps that put them.
 */
int lc_txn_restage(struct commit_store *store, uint64_t number,
                   const struct lc_change_list *contents, struct lc_change_list *steps,
                   struct commit_error *err);
/* Fills identities of staged contents into the steps that put them. -EBADMSG: unknown ones. */
int lc_txn_fill_staged(struct lc_change_list *steps, const struct lc_change_list *staged);

/* txn-commit.c */
int lc_txn_changed(const struct commit_txn *txn, const char *path, struct commit_error *err);

/* txn-look.c */
/* The path without links on the way; -EPERM: it is the store's. */
int lc_txn_canonical(struct commit_txn *txn, const char *path, char canonical[PATH_MAX]);
/* What is wrong with such a path, for messages; NULL: errno tells. */
const char *lc_txn_explain(int rc);
/* New content that so far is in memory only. */
int lc_txn_is_waiting(const struct lc_node *node);

/* txn-batch.c: initialise with zeros; release in any case */
struct lc_batch {
	struct lc_log_entry *entries;
	unsigned char **payloads;
	size_t count;
	size_t room;
};

/* Adds the records of a list; 0 or -ENOMEM. */
int lc_batch_add(struct lc_batch *batch, uint64_t number, const struct lc_change_list *list);
/* Adds one record, whose payload must outlive the batch. */
int lc_batch_add_raw(struct lc_batch *batch, uint32_t type, uint64_t number, const void *payload,
                     uint32_t length);
/* The commit record at its end. */
int lc_batch_close(struct lc_batch *batch, uint64_t number);
void lc_batch_release(struct lc_batch *batch);

/* txn-history.c: SCAN */

/* What the log says about one transaction. */
struct lc_logged {
	uint64_t number;
	uint64_t position;
	struct commit_txn_info info;
	struct lc_change_list list;
	/* contents that the log holds, and where they were staged, if they were */
	struct lc_change_list contents;
	struct lc_change_list staged;
	int committed;
	int complete;
	/* the transaction that takes this one back, once that is committed; else 0 */
	uint64_t aborted_by;
};

/* SCAN's result: transactions in the order of their commits. */
struct lc_history {
	struct lc_logged *items;
	size_t count;
	size_t room;
};

/* The payload of a begin record; -EBADMSG. */
void lc_txn_put_begin(const struct commit_txn_info *info, unsigned char payload[LC_BEGIN_SIZE]);
int lc_txn_get_begin(const struct lc_record *record, struct commit_txn_info *info);

/* Reads the log of an entered store. COMMIT_ECONFLICT: it makes no sense. */
int lc_history_read(struct commit_store *store, struct lc_history *history,
                    struct commit_error *err);
/* It is complete; whoever takes another back completes that too. */
void lc_history_complete(struct lc_history *history, struct lc_logged *logged);
struct lc_logged *lc_history_find(const struct lc_history *history, uint64_t number);
void lc_history_release(struct lc_history *history);

/* txn-note.c: a publish flush that failed; only another boot or mount heals that */
int lc_txn_note_unflushed(const struct commit_store *store, const struct lc_logged *logged);
/* 1: noted, and still so; 0; or a negative errno. */
int lc_txn_is_unflushed(const struct commit_store *store, uint64_t number);

/* txn-decide.c: DECIDE */

/* What is to be done about one commit that is not complete. */
struct lc_decision {
	struct lc_logged *logged;
	enum lc_txn_fate fate;
	/* looking at it failed */
	int rc;
	/* it was published, flushed, and is complete */
	int finished;
	/* LC_TXN_CONFLICT: the first step in its way; and for each step whether it is, see
	 * publish.h */
	const struct lc_change *bad;
	unsigned char *foreign;
};

/* In the order of the commits. */
struct lc_decisions {
	struct lc_decision *items;
	size_t count;
};

/*
 * Looks at every path of every unfinished commit; changes nothing. All versions
 * that these commits know of a path are ours, whichever stands there. 0 or a
 * negative errno; release in any case.
 */
int lc_txn_decide(const struct commit_store *store, const struct lc_history *history,
                  struct lc_decisions *decisions);
void lc_txn_decisions_release(struct lc_decisions *decisions);

/* txn-back.c */
/*
 * The steps that take back what those of list have done so far, where nobody
 * has changed it since. *beside is called for an old version that is put beside
 * its path. 0 or a negative errno.
 */
int lc_txn_take_back(const struct commit_store *store, const char *id,
                     const struct lc_change_list *list, struct lc_change_list *back);

/* If path lies at or below from, it becomes the same below to: 1, 0, or -ENAMETOOLONG. */
int lc_txn_carry(char path[PATH_MAX], const char *from, const char *to);

/* A place in a stage, not at another path of the tree. */
int lc_txn_in_stage(const char *place);

/* txn-beside.c */
/* "path.WORD-ID" for the nth time, the name cut to what a directory takes. -ENAMETOOLONG. */
int lc_txn_beside(const char *path, const char *word, const char *id, int n, char name[PATH_MAX]);
/* What stands at path goes to a free name beside it, which *name then is. */
int lc_txn_put_aside(const struct commit_store *store, const char *path, const char *id,
                     char name[PATH_MAX]);
/* The directories above path, made where nothing stands; -ENOTDIR: *name stands in the way. */
int lc_txn_make_way(const struct commit_store *store, const char *path, char name[PATH_MAX]);

/* txn-recover.c: with the store entered. */
/* The stage belongs to a transaction that nobody will go on with. */
int lc_txn_stage_is_dead(const struct commit_store *store, const char *name);
/* Carries out what a commit record has decided, flushes, completes. */
int lc_txn_finish(struct commit_store *store, const struct commit_txn_info *info,
                  const struct lc_change_list *list, struct commit_error *err);
/* The parts of it. */
/* Stages contents of the log first, and fills in the steps that put them. */
int lc_txn_publish(struct commit_store *store, struct lc_logged *logged, struct commit_error *err);
/*
 * Flushes what was published, completes, drops the stages. What the log holds
 * before finished is not needed any more (0: not known).
 */
int lc_txn_conclude(struct commit_store *store, const struct lc_logged *const *done, size_t count,
                    uint64_t finished, struct commit_error *err);
/* Why it is not finished: a negative code. */
int lc_txn_tell_why(const struct commit_store *store, const struct lc_decision *decision,
                    struct commit_error *err);
/* REPLAY of the first count of them, or up to the first that cannot be finished. */
int lc_txn_replay(struct commit_store *store, struct lc_decisions *decisions, size_t count,
                  struct commit_error *err);
/*
 * lc_txn_recover before something else is done: that an earlier commit is not
 * finished must not look as if this one were committed.
 */
int lc_txn_recover_first(struct commit_store *store, struct commit_error *err);
/* Shared or exclusive, whatever is needed: nothing is committed and unpublished afterwards. */
int lc_txn_settle(struct commit_store *store, struct commit_error *err);
/* With the lock shared: does the log hold a commit that is not finished? 0, 1, or a code. */
int lc_txn_has_unfinished(struct commit_store *store, struct commit_error *err);

#endif
