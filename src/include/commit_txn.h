/* SPDX-License-Identifier: ISC */
/*
 * commit_txn.h - many changes below one directory, all of them or none
 *
 * Calling sequence
 *
 *     rc = commit_store_open(&store, "/etc/nginx", COMMIT_STORE_CREATE, NULL, &err);
 *     rc = commit_txn_begin(&txn, store, NULL, &err);
 *     rc = commit_txn_put_bytes(txn, "site.crt", crt, crt_length, &err);
 *     rc = commit_txn_put_bytes(txn, "site.key", key, key_length, &err);
 *     rc = commit_txn_commit(txn, &result, &err);
 *     commit_txn_close(txn);
 *     commit_store_close(store);
 *
 * A store is the directory `.commit` in the root of the tree: a log, staged
 * content, history. Pre-commit stages everything and checks everything that
 * can fail. The commit is one record, forced to the device by one flush. What
 * follows publishes by renames that can be repeated: after a crash, opening
 * the store or commit-recover finishes them with the same code.
 *
 * Operations see the tree as the operations before them have left it. Paths
 * are relative to the root, with no empty, "." or ".." component; directories
 * may be reached through symbolic links that stay below the root; the last
 * component is never followed. `.commit` itself is out of reach.
 *
 * Ownership: store, transaction: close frees. A transaction that is closed
 * without commit or abort stays open on disk if it was begun with
 * COMMIT_TXN_KEEP, and is aborted otherwise. The store must outlive its
 * transactions.
 *
 * Threads: one thread at a time per store with its transactions. Processes:
 * commits in one store exclude each other by its lock; operations of different
 * transactions go on side by side.
 *
 * Errors: as commit_error.h. COMMIT_EREFUSED: a path was changed by somebody
 * else since the transaction touched it, or a precondition does not hold.
 * COMMIT_EBUSY: the store is locked. COMMIT_EUNDECIDED: the flush of the commit
 * record failed; the next open decides. COMMIT_EPENDING: committed, but not
 * published to the end; recovery finishes. COMMIT_ECONFLICT: an earlier commit
 * waits for a person.
 */
#ifndef COMMIT_TXN_H
#define COMMIT_TXN_H

#include <commit_error.h>

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct commit_store;
struct commit_txn;

/* Bytes of a transaction id ("1a2b3c4d-5e6f7081") with its terminating zero. */
#define COMMIT_TXN_ID_SIZE 32

/* Bits of commit_store_open's flags */
#define COMMIT_STORE_CREATE (1u << 0) /* make .commit if there is none */
#define COMMIT_STORE_LOOK (1u << 1)   /* change nothing, not even by recovery */

struct commit_store_options {
	/* set by commit_store_options_init; do not change */
	size_t size;
	/* milliseconds to wait for the store's lock; default 60000 */
	int64_t wait_ms;
	/* a descriptor that becomes readable to cancel; default -1 */
	int cancel_fd;
	void (*warn)(void *context, const struct commit_error *warning);
	void *context;
};

COMMIT_API void commit_store_options_init(struct commit_store_options *opt);

/*
 * Opens the store of the tree at root. Recovers what a crash has interrupted
 * (not with LOOK). Errors: COMMIT_EFAILED with ENOENT (no store, and not
 * CREATE), EPERM (a store that belongs to another user, or that others may
 * write), EPROTONOSUPPORT (version); COMMIT_ECONFLICT (a copied store; damage;
 * a pending commit that a person must decide).
 */
COMMIT_API int commit_store_open(struct commit_store **store, const char *root, unsigned flags,
                                 const struct commit_store_options *opt, struct commit_error *err);
COMMIT_API void commit_store_close(struct commit_store *store);

/* What a bound on the old versions that history keeps is in. */
enum commit_bound {
	COMMIT_BOUND_SAME, /* the store's own, which is at first: none are kept */
	COMMIT_BOUND_COUNT,
	COMMIT_BOUND_SECONDS,
	COMMIT_BOUND_BYTES
};

/* Bits of commit_store_layout.flags */
#define COMMIT_LAYOUT_GROUP (1u << 0) /* the group of root may commit and recover */

struct commit_store_layout {
	/* set by commit_store_layout_init; do not change */
	size_t size;
	unsigned flags;
	/*
	 * where the store's content lies; NULL: in `.commit` itself. On the file
	 * system of root, not below it; made if only its last component is missing.
	 */
	const char *directory;
	/* old versions of the last `keep` commits, seconds, or bytes; 0: none */
	enum commit_bound bound;
	uint64_t keep;
};

COMMIT_API void commit_store_layout_init(struct commit_store_layout *layout);

/*
 * Makes the store of the tree at root, as layout says. Of one that is there
 * already the bound is changed, if layout has one; anything else must agree.
 * Errors: as commit_store_open; COMMIT_EFAILED with EXDEV (directory on another
 * file system), ENOTEMPTY, EEXIST (a store that is laid out otherwise).
 */
COMMIT_API int commit_store_create(const char *root, const struct commit_store_layout *layout,
                                   const struct commit_store_options *opt,
                                   struct commit_error *err);
/* The absolute path of the root; valid until close. */
COMMIT_API const char *commit_store_root(const struct commit_store *store);

/*
 * For readers who want one state of the tree: locks the store exclusively once,
 * recovers if needed, then shares the lock. *fd is the lock: whoever inherits
 * it (it has no O_CLOEXEC) holds it on. Works on a read-only tree, where nothing
 * can be recovered: COMMIT_EPENDING if something would have to be.
 * Errors: as commit_store_open. The caller closes *fd.
 */
COMMIT_API int commit_store_share(const char *root, const struct commit_store_options *opt, int *fd,
                                  struct commit_error *err);

/* Bits of commit_txn_options.flags */
#define COMMIT_TXN_KEEP (1u << 0) /* outlives the process: others may resume it */
/*
 * Small new contents that are in memory ride in the log with the commit record:
 * it is durable sooner, and all is written twice. Has no effect with KEEP, nor
 * when something else than such files is new: contents of more than 16 KiB,
 * directories, links, files that replace one with extended attributes.
 */
#define COMMIT_TXN_LOG_CONTENTS (1u << 1)

struct commit_txn_options {
	size_t size;
	unsigned flags;
	/* a process whose end aborts the transaction; 0: none */
	pid_t owner;
	/* seconds after which recovery aborts it; default 86400 */
	int64_t ttl;
	/*
	 * called during commit as soon as the commit record is durable: from here
	 * on no crash takes it back. NULL: nobody wants to know
	 */
	void (*committed)(void *context);
	void *context;
};

COMMIT_API void commit_txn_options_init(struct commit_txn_options *opt);

COMMIT_API int commit_txn_begin(struct commit_txn **txn, struct commit_store *store,
                                const struct commit_txn_options *opt, struct commit_error *err);
/* Goes on with one that another process has begun. COMMIT_EFAILED/ENOENT: none. */
COMMIT_API int commit_txn_resume(struct commit_txn **txn, struct commit_store *store,
                                 const char *id, struct commit_error *err);
COMMIT_API const char *commit_txn_id(const struct commit_txn *txn);

/*
 * Operations. Each is checked against the tree as the transaction would leave
 * it, and recorded. A failed one poisons the transaction: commit refuses.
 *
 * put: new content for a file, whose metadata are kept; a new file gets mode_of's
 * (a descriptor, or -1) owner, mode and attributes, or what the kernel gives a
 * file of mode 0666 in its directory. mkdir takes mode as mkdir(2) does.
 */
COMMIT_API int commit_txn_put_bytes(struct commit_txn *txn, const char *path, const void *buffer,
                                    size_t length, struct commit_error *err);
COMMIT_API int commit_txn_put_fd(struct commit_txn *txn, const char *path, int fd, int mode_of,
                                 struct commit_error *err);
/*
 * patch: from offset on the file gets other bytes, a buffer's or what fd yields, and
 * keeps its inode and everything else; it grows where they go beyond its end. Ranges
 * of one transaction do not overlap, and nothing else replaces or removes their file:
 * COMMIT_EREFUSED, as for no bytes at all and for files with set-id bits.
 */
COMMIT_API int commit_txn_patch_bytes(struct commit_txn *txn, const char *path, uint64_t offset,
                                      const void *buffer, size_t length, struct commit_error *err);
COMMIT_API int commit_txn_patch_fd(struct commit_txn *txn, const char *path, uint64_t offset,
                                   int fd, struct commit_error *err);
COMMIT_API int commit_txn_rm(struct commit_txn *txn, const char *path, struct commit_error *err);
COMMIT_API int commit_txn_mkdir(struct commit_txn *txn, const char *path, mode_t mode,
                                struct commit_error *err);
COMMIT_API int commit_txn_rmdir(struct commit_txn *txn, const char *path, struct commit_error *err);
COMMIT_API int commit_txn_mv(struct commit_txn *txn, const char *from, const char *to,
                             struct commit_error *err);
COMMIT_API int commit_txn_symlink(struct commit_txn *txn, const char *target, const char *path,
                                  struct commit_error *err);
COMMIT_API int commit_txn_link(struct commit_txn *txn, const char *from, const char *to,
                               struct commit_error *err);
COMMIT_API int commit_txn_chmod(struct commit_txn *txn, const char *path, mode_t mode,
                                struct commit_error *err);
COMMIT_API int commit_txn_chown(struct commit_txn *txn, const char *path, uid_t uid, gid_t gid,
                                struct commit_error *err);
COMMIT_API int commit_txn_setxattr(struct commit_txn *txn, const char *path, const char *name,
                                   const void *value, size_t length, struct commit_error *err);

/* What stands at a path in the transaction's own view. */
enum commit_kind {
	COMMIT_KIND_ABSENT,
	COMMIT_KIND_FILE,
	COMMIT_KIND_DIRECTORY,
	COMMIT_KIND_SYMLINK,
	COMMIT_KIND_OTHER
};

/*
 * Tells what stands at path, and, if real is not NULL, under which path
 * relative to the root it can be read now (staged content lies in .commit;
 * the path is absolute if the store's directory is another one). Of a file that is
 * patched a copy is made for that, anew each time.
 */
COMMIT_API int commit_txn_look(struct commit_txn *txn, const char *path, enum commit_kind *kind,
                               char *real, size_t size, struct commit_error *err);

/*
 * Calls found for each path that a commit would change, in no special order. Where
 * metadata or ranges of a file change, it is read at the same path before and after;
 * commit_txn_look shows what a patch makes of it.
 */
COMMIT_API int commit_txn_changes(struct commit_txn *txn,
                                  int (*found)(void *context, const char *path,
                                               enum commit_kind before, const char *real_before,
                                               enum commit_kind after, const char *real_after),
                                  void *context, struct commit_error *err);

struct commit_txn_result {
	uint64_t files;   /* paths that were changed */
	uint64_t bytes;   /* of new content */
	unsigned flushes; /* calls that forced data to a device */
};

/* All that commit does before its record, and no more; may be repeated. */
COMMIT_API int commit_txn_prepare(struct commit_txn *txn, struct commit_error *err);
COMMIT_API int commit_txn_commit(struct commit_txn *txn, struct commit_txn_result *result,
                                 struct commit_error *err);
/* After the end it changes nothing and returns 0. */
COMMIT_API int commit_txn_abort(struct commit_txn *txn, struct commit_error *err);
COMMIT_API void commit_txn_close(struct commit_txn *txn);

/* One transaction of a store, open or ended. */
struct commit_txn_info {
	char id[COMMIT_TXN_ID_SIZE];
	enum { COMMIT_TXN_OPEN, COMMIT_TXN_PENDING, COMMIT_TXN_COMMITTED } state;
	int64_t time; /* seconds since the epoch: begun, or committed */
	uid_t user;
	uint64_t files;
	uint64_t bytes;
	/* place in the order of commits, from 1 on; 0: not known */
	uint64_t sequence;
	/* commit_store_history: its old versions are there, undo is possible */
	int kept;
	/* the commit that this one has taken back; "": none */
	char undoes[COMMIT_TXN_ID_SIZE];
};

/* Open ones; committed ones that the log still holds, oldest first. */
COMMIT_API int commit_store_list(struct commit_store *store,
                                 int (*found)(void *context, const struct commit_txn_info *info),
                                 void *context, struct commit_error *err);

/*
 * What was committed, in the order of commits, also if the log does not hold it
 * any more: some thousands. Those that are not published to the end come last.
 */
COMMIT_API int commit_store_history(struct commit_store *store,
                                    int (*found)(void *context, const struct commit_txn_info *info),
                                    void *context, struct commit_error *err);

/*
 * Gives the transaction the operations that take back the commit id: content,
 * metadata, names, links, directories are as before. It must be new, without
 * COMMIT_TXN_KEEP, and is committed, and can be taken back, like any other.
 * Errors: COMMIT_EREFUSED: a path is not what the commit has left (err->path);
 * COMMIT_EFAILED: ENOENT, there is no such commit; ENODATA, its old versions
 * were not kept, or not so long; COMMIT_EUSAGE.
 */
COMMIT_API int commit_txn_undo(struct commit_txn *txn, const char *id, struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
