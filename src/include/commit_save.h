/* SPDX-License-Identifier: ISC */
/*
 * commit_save.h - replace one file so that it is always wholly old or new
 *
 * Calling sequence
 *
 *     struct commit_save_options opt;
 *     struct commit_save *save;
 *
 *     commit_save_options_init(&opt);
 *     rc = commit_save_open(&save, "/etc/app.conf", &opt, &err);
 *     if (rc == 0)
 *         rc = commit_save_write(save, buffer, length, &err);
 *     if (rc == 0)
 *         rc = commit_save_finish(save, &err);          (pre-commit)
 *     if (rc == 0)
 *         rc = commit_save_commit(save, &result, &err); (commit, post-commit)
 *     commit_save_close(save);
 *
 * Three phases. Everything that can fail happens up to the end of
 * commit_save_finish and is undone by commit_save_close. The rename inside
 * commit_save_commit is the commit. What follows it cannot be undone: an error
 * after it is COMMIT_EPENDING ("committed, durability unproven"), never
 * COMMIT_EFAILED.
 *
 * Ownership: commit_save_open returns an object that commit_save_close frees,
 * in every state. Closing without a commit aborts: nothing was changed and
 * nothing stays behind. Paths in the options are copied by commit_save_open.
 *
 * Threads: different objects may be used by different threads; one object by
 * one thread at a time. Processes: two saves of one file exclude each other by
 * a lock on the file. After fork() only the parent may use the object.
 *
 * The library never prints, exits, changes the umask or the working directory,
 * or installs signal handlers.
 */
#ifndef COMMIT_SAVE_H
#define COMMIT_SAVE_H

#include <commit_error.h>

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct commit_save;

/* What to do with a path whose last component is a symbolic link. */
enum commit_symlink {
	COMMIT_SYMLINK_FOLLOW,  /* save the file it leads to; keep the link */
	COMMIT_SYMLINK_REPLACE, /* the link itself becomes a regular file */
	COMMIT_SYMLINK_REFUSE   /* COMMIT_EREFUSED */
};

/* What to do with a file that has more than one name. */
enum commit_hardlink {
	COMMIT_HARDLINK_REFUSE,  /* COMMIT_EREFUSED */
	COMMIT_HARDLINK_BREAK,   /* this name gets the new content only */
	COMMIT_HARDLINK_IN_PLACE /* all names get it: edit in place */
};

/* What is forced to the device before success is reported. */
enum commit_sync {
	COMMIT_SYNC_FULL, /* content, then the directory entry */
	COMMIT_SYNC_DATA, /* content: old or new after a power cut */
	COMMIT_SYNC_NONE  /* nothing: a power cut may leave an empty file */
};

/* How the old content is kept beside the new, named as cp(1) names it. */
enum commit_backup {
	COMMIT_BACKUP_NONE,
	COMMIT_BACKUP_SIMPLE,   /* file~ */
	COMMIT_BACKUP_NUMBERED, /* file.~1~, file.~2~, ... */
	COMMIT_BACKUP_EXISTING  /* numbered if there are such, else simple */
};

/* Bits of commit_save_options.flags */
#define COMMIT_SAVE_APPEND (1u << 0)      /* old content, then what is written */
#define COMMIT_SAVE_IF_CHANGED (1u << 1)  /* same content: leave the file alone */
#define COMMIT_SAVE_CREATE (1u << 2)      /* refuse if the file exists */
#define COMMIT_SAVE_MUST_EXIST (1u << 3)  /* refuse if it does not */
#define COMMIT_SAVE_FORCE (1u << 4)       /* replace a read-only file */
#define COMMIT_SAVE_ALLOW_EMPTY (1u << 5) /* empty content is wanted */
#define COMMIT_SAVE_STRICT (1u << 6)      /* what cannot be kept is an error */
#define COMMIT_SAVE_IN_PLACE (1u << 7)    /* keep the inode; journaled rewrite */
#define COMMIT_SAVE_LOCK_EARLY (1u << 8)  /* lock in open, not in finish */
#define COMMIT_SAVE_BRIEF (1u << 9)       /* short content, at hand: staged under a name */

/* Bits of commit_save_options.no_preserve */
#define COMMIT_KEEP_MODE (1u << 0)
#define COMMIT_KEEP_OWNER (1u << 1)
#define COMMIT_KEEP_ACL (1u << 2)
#define COMMIT_KEEP_XATTR (1u << 3)

struct commit_save_options {
	/* set by commit_save_options_init; do not change */
	size_t size;
	/* COMMIT_SAVE_*; default 0 */
	unsigned flags;
	enum commit_symlink symlink;
	enum commit_hardlink hardlink;
	enum commit_sync sync;
	enum commit_backup backup;
	/* suffix of simple backups; default "~"; may not contain '/' */
	const char *suffix;
	/* token that the file must have now (commit_save_token), or NULL */
	const char *expect;
	/* new mode = (old & mode_and) | mode_or; default 07777 and 0 */
	mode_t mode_and;
	mode_t mode_or;
	/* new owner and group; default -1: as the old file, or the process */
	uid_t owner;
	gid_t group;
	/* COMMIT_KEEP_* that are not taken over from the old file */
	unsigned no_preserve;
	/*
	 * Permission bits a new file starts from before the umask or the
	 * directory's default ACL is applied; default 0666. Set-id bits in it
	 * are ignored.
	 */
	mode_t create_mode;
	/* directory for the journal of an in-place save; NULL: see below */
	const char *journal_dir;
	/* milliseconds to wait for a lock; 0: do not wait; default 60000 */
	int64_t wait_ms;
	/* a descriptor that becomes readable to cancel; default -1 */
	int cancel_fd;
	/*
	 * Called in finish with the staged file's path, which has the target's
	 * base name and final metadata, and the target's resolved path. Returns 0
	 * or a negative commit_code with *err filled in, which ends the save.
	 */
	int (*validate)(void *context, const char *staged, const char *target,
	                struct commit_error *err);
	/* Called for what could not be kept or flushed without failing. */
	void (*warn)(void *context, const struct commit_error *warning);
	/* Called now and then by commit_save_splice: bytes of new content so far. */
	void (*progress)(void *context, uint64_t bytes);
	void *context;
};

/* What a save did. */
enum commit_outcome {
	COMMIT_SAVED,     /* an existing file was replaced */
	COMMIT_CREATED,   /* there was none */
	COMMIT_UNCHANGED, /* IF_CHANGED or an empty append: nothing was done */
	COMMIT_EDITED     /* rewritten in place */
};

struct commit_save_result {
	enum commit_outcome outcome;
	/* size in bytes of the file now */
	uint64_t bytes;
	/* calls that forced data to a device */
	unsigned flushes;
	/* base name of the backup that was made, "" if none */
	char backup[256];
};

/* Bytes that hold any token with its terminating zero. */
#define COMMIT_TOKEN_SIZE 160

/* Fills in the defaults named above. */
COMMIT_API void commit_save_options_init(struct commit_save_options *opt);

/*
 * Resolves path, pins its directory, checks what can be checked, and opens a
 * staged file there. opt may be NULL for the defaults.
 *
 * An in-place save (COMMIT_SAVE_IN_PLACE, or COMMIT_HARDLINK_IN_PLACE where
 * it applies) writes a journal of the old and the new content beside the file;
 * where that directory cannot be written, in opt->journal_dir, else in
 * $COMMIT_JOURNAL_DIR, else in /var/lib/commit (root) or
 * $XDG_STATE_HOME/commit, ~/.local/state/commit (others). An unfinished
 * in-place edit of path that is found beside it is finished first.
 *
 * Errors: COMMIT_EUSAGE (options), COMMIT_EREFUSED (policy, CREATE,
 * MUST_EXIST, read-only), COMMIT_EBUSY (LOCK_EARLY), COMMIT_ECONFLICT (an
 * unfinished in-place edit that a person must decide), COMMIT_ECANCELED,
 * COMMIT_EFAILED (any errno of open(2), in particular EISDIR, ELOOP, EACCES,
 * EROFS, ENOENT for a missing directory).
 */
COMMIT_API int commit_save_open(struct commit_save **save, const char *path,
                                const struct commit_save_options *opt, struct commit_error *err);

/*
 * Appends length bytes to the staged content, all or an error.
 * Errors: COMMIT_EFAILED (ENOSPC, EDQUOT, EIO, EFBIG, ...). After an error only
 * commit_save_close is useful: finish reports the same error again.
 */
COMMIT_API int commit_save_write(struct commit_save *save, const void *buffer, size_t length,
                                 struct commit_error *err);

/*
 * Appends everything that fd yields up to its end. A regular file is cloned,
 * or copied inside the kernel with its holes, from its current offset; a pipe
 * or a socket is read until end of file in constant memory. *copied, if not
 * NULL, gets the number of bytes. fd stays open.
 * Errors: as commit_save_write; EIO and others from reading; COMMIT_ECANCELED.
 */
COMMIT_API int commit_save_splice(struct commit_save *save, int fd, uint64_t *copied,
                                  struct commit_error *err);

/*
 * Pre-commit: lock, look again, preconditions, metadata, backup copy,
 * validator, flush of the staged file. Nothing visible has changed after it.
 * Errors: COMMIT_EREFUSED (empty content, token differs, hard links,
 * validator), COMMIT_EBUSY (lock not had in time), COMMIT_ECANCELED,
 * COMMIT_EFAILED (a flush that fails is final: the staged content is dropped).
 */
COMMIT_API int commit_save_finish(struct commit_save *save, struct commit_error *err);

/*
 * Commit and post-commit. *result, if not NULL, is filled in on success and
 * with COMMIT_EPENDING, and untouched otherwise.
 * Errors: COMMIT_EFAILED (the rename did not happen: EBUSY for a mount point,
 * EXDEV, EROFS, EACCES, ...), COMMIT_EREFUSED (the file changed under a
 * conditional save: theirs stays), COMMIT_EPENDING, COMMIT_EUNDECIDED (in place:
 * the flush that commits the journal failed; else: what a conditional save has
 * exchanged out could not be put back), COMMIT_ECONFLICT.
 */
COMMIT_API int commit_save_commit(struct commit_save *save, struct commit_save_result *result,
                                  struct commit_error *err);

/* What a commit would do now: after finish, before commit. */
COMMIT_API enum commit_outcome commit_save_outcome(const struct commit_save *save);

/* The resolved path of the target; valid until commit_save_close. */
COMMIT_API const char *commit_save_target(const struct commit_save *save);

/* Aborts if not committed; frees. NULL is allowed. Keeps errno. */
COMMIT_API void commit_save_close(struct commit_save *save);

/* open, write, finish, commit and close in one call. result may be NULL. */
COMMIT_API int commit_save_bytes(const char *path, const void *buffer, size_t length,
                                 const struct commit_save_options *opt,
                                 struct commit_save_result *result, struct commit_error *err);

/* The same with commit_save_splice of fd. */
COMMIT_API int commit_save_fd(const char *path, int fd, const struct commit_save_options *opt,
                              struct commit_save_result *result, struct commit_error *err);

/*
 * Writes the token of path's current state: one word of letters, digits, '-'
 * and '.'; "absent" where there is no file. It covers file system, inode,
 * size, ctime and a 128-bit digest (XXH3) of the content, so it reads the
 * whole file. It tells accident from intent; it is no defence against an
 * attacker who may write the file.
 * Errors: COMMIT_EFAILED; COMMIT_EPENDING where an in-place edit is unfinished.
 */
COMMIT_API int commit_save_token(const char *path, enum commit_symlink symlink,
                                 char token[COMMIT_TOKEN_SIZE], struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
