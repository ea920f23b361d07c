/* SPDX-License-Identifier: ISC */
/*
 * store.h - the directory `.commit` in the root of a tree
 *
 *     .commit/format      version, and which directory this is; made last
 *     .commit/config      what may be changed later: how much history keeps
 *     .commit/lock        locked exclusively by who commits or recovers
 *     .commit/log/        see log.h
 *     .commit/stage/ID/   one open or unfinished transaction
 *     .commit/history/    what was committed, and old versions
 *     .commit/.gitignore  so that git ignores all of it
 *
 *     store.c         entering, leaving; the stages
 *     store-open.c    finding and opening one
 *     store-make.c    making one
 *     store-format.c  its files of text
 *
 * The content may lie in another directory; `.commit` is a file then that names
 * it, and each of the two knows the other by its inode.
 *
 * The bytes stand in commit-store(5). A store is input from a stranger until
 * its owner and its rights have been looked at.
 */
#ifndef LC_STORE_H
#define LC_STORE_H

#include "log.h"

#include <commit_txn.h>

#include <limits.h>

#define LC_STORE_NAME ".commit"
#define LC_STORE_STAGE LC_STORE_NAME "/stage"

/* A transaction is a few hundred bytes a file; most are small. */
#define LC_STORE_SEGMENT ((uint32_t)256 * 1024)
/* From this length on the log is trimmed. */
#define LC_STORE_LOG ((uint64_t)1024 * 1024)

#define LC_STORE_FORMAT_SIZE 256

/* The file format: which directory this is, and who may write it. */
struct lc_store_format {
	uint64_t fs;
	uint64_t inode;
	/* the inode of the root whose store lies here; 0: where `.commit` is */
	uint64_t root;
	int grouped;
	gid_t group;
};

struct lc_store_config {
	enum commit_bound bound;
	uint64_t keep;
};

struct commit_store {
	struct commit_store_options opt;
	/* the tree, .commit, its stage, log and history, open as directories */
	int root;
	int home;
	int stage;
	int logs;
	int history;
	/* where home is, if it is not `.commit` */
	char *elsewhere;
	int linked;
	int bound;
	struct lc_store_format format;
	/* read when the store is entered */
	struct lc_store_config config;
	/* while it is being made; NULL: the defaults */
	const struct commit_store_layout *layout;
	/* the lock file */
	int lock;
	char *path;
	/* the log, while the lock is held for writing */
	struct lc_log *log;
	/* what the log held up to here when it was entered is finished; 0: not known */
	uint64_t settled;
	/* recovery could not remove something that nobody needs: 0 or a negative errno */
	int unswept;
	int look_only;
};

/* Opens, and makes if flags say so; no lock is held afterwards. Public errors. */
int lc_store_open(struct commit_store **out, const char *root, unsigned flags,
                  const struct commit_store_options *opt, struct commit_error *err);
void lc_store_close(struct commit_store *store);

/* The same, and what is to be made is made as layout says. */
int lc_store_open_as(struct commit_store **out, const char *root, unsigned flags,
                     const struct commit_store_layout *layout,
                     const struct commit_store_options *opt, struct commit_error *err);

/*
 * Takes the store for oneself, or shares it if it is only looked at, and opens
 * its log. Errors: COMMIT_EBUSY, COMMIT_ECANCELED, COMMIT_ECONFLICT (the log is
 * damaged), COMMIT_EFAILED.
 */
int lc_store_enter(struct commit_store *store, struct commit_error *err);

/*
 * The log of an entered store as it is now: a scan shows what was there when it
 * was opened. After an error the store is left.
 */
int lc_store_read_again(struct commit_store *store, struct commit_error *err);

/* Shares the store with others who look, and opens its log to be looked at. */
int lc_store_enter_shared(struct commit_store *store, struct commit_error *err);

/* Shares the lock alone, given back by lc_sys_unlock. 0, also where there are no locks. */
int lc_store_lock_shared(struct commit_store *store, struct commit_error *err);
void lc_store_leave(struct commit_store *store);

/* There is something in the stage: a transaction that is open or unfinished. */
int lc_store_has_stages(const struct commit_store *store);

/* Calls found with the name of each stage. 0, or what found returned. */
int lc_store_each_stage(const struct commit_store *store,
                        int (*found)(void *context, const char *name), void *context);

/* The same for each name in an open directory. */
int lc_store_each_name(int dirfd, int (*found)(void *context, const char *name), void *context);

/*
 * 1 if a directory above path, which is absolute, is the root of a store: then
 * *above is that directory. A tree has one store.
 */
int lc_store_above(const char *path, char above[PATH_MAX]);

/*
 * Other mounts that a transaction works on each have a directory of this name
 * with its ID behind it, which is its stage there.
 */
#define LC_STAGE_PREFIX LC_STORE_NAME "-stage-"

/* Removes a file or an empty directory; a directory with such in it. */
int lc_store_remove_name(int dirfd, const char *name);
int lc_store_remove_flat(int dirfd, const char *name);

/* Removes a stage of the store and what is in it. 0 or a negative errno. */
int lc_store_remove_stage(const struct commit_store *store, const char *name);

/*
 * A file or directory that was made in the store is the group's too, with this
 * mode, if the store is; if it is not nothing is done.
 */
int lc_store_share(const struct commit_store *store, int fd, mode_t mode);
#define LC_STORE_GROUP_FILE 0660
#define LC_STORE_GROUP_PLACE 0770

/* store-make.c: these return negative errnos */
/* The directory that will be the store, in store->home; nothing is in it yet. */
int lc_store_make_home(struct commit_store *store);
/* Makes what is missing, and the format last; waits for the lock. */
int lc_store_complete(struct commit_store *store);
/* The directory history, which older stores lack, in store->history. */
int lc_store_make_history(struct commit_store *store);
/* The name is one that a store's own directory has, for good. No errno: 1 or 0. */
int lc_store_is_part(const char *name);

/* store-format.c: texts in the store; these return negative errnos */
/* Of the store that is to be made. */
int lc_store_new_format(const struct commit_store *store, struct lc_store_format *format);
/*
 * Written aside, then, when the caller has flushed it, under its name; the first
 * commit's flush makes that durable.
 */
int lc_store_write_format(const struct commit_store *store, const struct lc_store_format *format);
int lc_store_place_format(const struct commit_store *store);
/* -ENOENT: not finished; -EPROTONOSUPPORT: another version; -EBADMSG. */
int lc_store_read_format(int home, struct lc_store_format *format);
/* It is of this directory and this root, or -EXDEV: a copy. */
int lc_store_check_format(const struct commit_store *store, const struct lc_store_format *format);
/* The file `.commit` of a root whose store lies in store->elsewhere. */
int lc_store_write_link(const struct commit_store *store);
/* Opens what it names: -ENOTDIR: it is no such file; -ESTALE: nothing is there; -EXDEV. */
int lc_store_follow_link(struct commit_store *store);
/*
 * Takes the word and a number after it off *text, which then stands behind them.
 * 1, or 0 if something else stands there, with *text as it was.
 */
int lc_store_take_number(const char **text, const char *word, int base, uint64_t *number);
/* No file stands for the defaults. */
int lc_store_read_config(const struct commit_store *store, struct lc_store_config *config);
int lc_store_write_config(const struct commit_store *store, const struct lc_store_config *config);
/* Removes texts that were written aside and never got their names. With the lock held. */
void lc_store_tidy(const struct commit_store *store);

/*
 * Where a path relative to the root can be opened from the root; that is absolute
 * if it is in a store that lies elsewhere.
 */
void lc_store_where(const struct commit_store *store, const char *path, char *where, size_t size);

/* COMMIT_EFAILED with the store's path. */
int lc_store_fail(const struct commit_store *store, int rc, const char *operation, const char *text,
                  struct commit_error *err);

#endif
