/* SPDX-License-Identifier: ISC */
/*
 * commit_triple.h - one file as three copies on three devices
 *
 * Calling sequence of a write
 *
 *     const char *const paths[COMMIT_TRIPLE_COPIES] = {"/a/state", "/b/state", "/c/state"};
 *     struct commit_triple_options opt;
 *     struct commit_triple *triple;
 *
 *     commit_triple_options_init(&opt);
 *     rc = commit_triple_open(&triple, paths, &opt, &err);
 *     if (rc == 0)
 *         rc = commit_triple_write(triple, buffer, length, &err);
 *     if (rc == 0)
 *         rc = commit_triple_commit(triple, &result, &err);
 *     commit_triple_close(triple);
 *
 * and of a read
 *
 *     rc = commit_triple_read(paths, &opt, put_somewhere, context, &result, &err);
 *
 * The copies stay plain files. Beside each lies a small sidecar, see
 * commit-triple(5), that says which version the copy holds and what each of its
 * blocks is. The order of the paths is part of the set: A, B, C.
 *
 * Three phases. Up to the rename of the first copy everything can be undone and
 * is undone by commit_triple_close. That rename is the commit. An error after
 * it is COMMIT_EPENDING: the next read, repair or commit-recover finishes it.
 *
 * Ownership: commit_triple_open returns an object that commit_triple_close
 * frees, in every state. Results hold no pointers to be freed; their strings
 * are static. Paths are copied.
 *
 * Threads: different objects may be used by different threads; one object by
 * one thread at a time. Flushes run in threads of their own, which block all
 * signals and end before the call returns. Processes: readers share and writers
 * exclude each other by locks on the directories of the copies.
 *
 * The library never prints, exits, changes the umask or the working directory,
 * or installs signal handlers.
 */
#ifndef COMMIT_TRIPLE_H
#define COMMIT_TRIPLE_H

#include <commit_error.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define COMMIT_TRIPLE_COPIES 3

struct commit_triple;

/* Bits of commit_triple_options.flags */
#define COMMIT_TRIPLE_RAW (1u << 0)         /* the bare rule: whole files, majority, else A */
#define COMMIT_TRIPLE_STRICT (1u << 1)      /* copies that can die together: refused */
#define COMMIT_TRIPLE_FORCE (1u << 2)       /* write over whatever stands there */
#define COMMIT_TRIPLE_ALLOW_EMPTY (1u << 3) /* empty content is wanted */
#define COMMIT_TRIPLE_NO_REREAD                                                                    \
	(1u << 4)                       /* what was flushed is not read back                       \
	                                 */
#define COMMIT_TRIPLE_FOUND (1u << 5)   /* the set was found by commit_triple_find, see there */
#define COMMIT_TRIPLE_DRY_RUN (1u << 6) /* do all that changes nothing */

struct commit_triple_options {
	/* set by commit_triple_options_init; do not change */
	size_t size;
	/* COMMIT_TRIPLE_*; default 0 */
	unsigned flags;
	/* copies that must take part, 1 to 3; 0, the default: 3 to write, 2 otherwise */
	unsigned min_copies;
	/*
	 * Bytes in a block of new content: a power of two, 4096 to 2^30; default
	 * 65536. It is doubled for large files until 65536 blocks suffice.
	 */
	uint32_t block_size;
	/* permission bits of a new copy before the umask; default 0666 */
	mode_t create_mode;
	/* bytes a second that are read at most while copies are checked; 0: all */
	uint64_t bwlimit;
	/* milliseconds to wait for a lock; 0: do not wait; default 60000 */
	int64_t wait_ms;
	/* a descriptor that becomes readable to cancel; default -1 */
	int cancel_fd;
	/* called now and then with the bytes that were read so far; or NULL */
	void (*progress)(void *context, uint64_t bytes);
	/* called for what is worth saying and does not end the call; or NULL */
	void (*warn)(void *context, const struct commit_error *warning);
	void *context;
};

/* What one copy was found to be. */
enum commit_triple_state {
	COMMIT_COPY_GOOD,        /* holds the version that won */
	COMMIT_COPY_UNSETTLED,   /* the content is right, the sidecar is not */
	COMMIT_COPY_STALE,       /* holds a whole older version, or one that lost */
	COMMIT_COPY_DAMAGED,     /* holds no version wholly */
	COMMIT_COPY_MISSING,     /* is not there */
	COMMIT_COPY_MISPLACED,   /* belongs to another place of the set */
	COMMIT_COPY_EDITED,      /* was changed by somebody else: a person decides */
	COMMIT_COPY_FOREIGN,     /* belongs to another set: a person decides */
	COMMIT_COPY_UNREACHABLE, /* the device does not answer */
	COMMIT_COPY_UNKNOWN      /* nothing has won, or nothing was compared */
};

struct commit_triple_copy {
	enum commit_triple_state state;
	/* the version it holds, 0 if none */
	uint64_t version;
	/* blocks of the winner that are bad in it */
	uint64_t bad_blocks;
	/* it was rewritten, wholly or its sidecar */
	int repaired;
	/* why it could not be looked at or repaired; 0: it could */
	int errnum;
};

/* What has become of the set. */
struct commit_triple_result {
	/* the version that holds now; 0 for raw sets */
	uint64_t version;
	/* bytes of content */
	uint64_t bytes;
	/* copies that hold it, when the call returned */
	unsigned good;
	/* copies that were rewritten, wholly or their sidecars */
	unsigned repaired;
	/* and that would be: of a check, or of a repair that could not do all */
	unsigned wanting;
	/* calls that forced data to a device */
	unsigned flushes;
	/* where nothing has won: the copy that the raw rule would take, -1: none */
	int raw_choice;
	/* 16 bytes that name the set; zeros for raw sets */
	unsigned char set[16];
	struct commit_triple_copy copies[COMMIT_TRIPLE_COPIES];
};

/* Fills in the defaults named above. */
COMMIT_API void commit_triple_options_init(struct commit_triple_options *opt);

/*
 * Opens a staged file beside each copy. opt may be NULL for the defaults.
 * Errors: COMMIT_EUSAGE (options, the same file twice), COMMIT_EREFUSED (copies
 * that can die together, with STRICT), COMMIT_EFAILED (too few directories
 * answer, ...).
 */
COMMIT_API int commit_triple_open(struct commit_triple **triple,
                                  const char *const paths[COMMIT_TRIPLE_COPIES],
                                  const struct commit_triple_options *opt,
                                  struct commit_error *err);

/*
 * Appends length bytes to the staged content of all copies. A device that
 * fails is left out, as long as min_copies remain.
 * Errors: COMMIT_EFAILED, COMMIT_ECANCELED. After an error only
 * commit_triple_close is useful.
 */
COMMIT_API int commit_triple_write(struct commit_triple *triple, const void *buffer, size_t length,
                                   struct commit_error *err);

/* The same with everything that fd yields up to its end, in constant memory. */
COMMIT_API int commit_triple_splice(struct commit_triple *triple, int fd, uint64_t *copied,
                                    struct commit_error *err);

/*
 * Locks, settles what an earlier crash has left, flushes, reads back, and
 * publishes A, then B, then C. *result, if not NULL, is filled in on success
 * and with COMMIT_EPENDING, and untouched otherwise.
 * Errors: COMMIT_EREFUSED (empty content, too few whole sidecars), COMMIT_EBUSY,
 * COMMIT_ECANCELED, COMMIT_ECONFLICT (an edit by hand, a fork, nothing valid:
 * nothing was changed; FORCE writes over it), COMMIT_EFAILED (nothing changed),
 * COMMIT_EPENDING (committed on a part of the copies), COMMIT_EUNDECIDED (what
 * was renamed could not be flushed, and the last old copy was left).
 */
COMMIT_API int commit_triple_commit(struct commit_triple *triple,
                                    struct commit_triple_result *result, struct commit_error *err);

/* Aborts if not committed; frees. NULL is allowed. Keeps errno. */
COMMIT_API void commit_triple_close(struct commit_triple *triple);

/* open, write, commit and close in one call. result may be NULL. */
COMMIT_API int commit_triple_bytes(const char *const paths[COMMIT_TRIPLE_COPIES],
                                   const void *buffer, size_t length,
                                   const struct commit_triple_options *opt,
                                   struct commit_triple_result *result, struct commit_error *err);

/*
 * Compares all copies past the page cache, rewrites those that lost the vote,
 * and only then hands the content to put, piece by piece, each piece compared
 * with its digest again. put returns 0, or a negative code with *err filled in,
 * which ends the read. result may be NULL.
 * Errors: COMMIT_EFAILED (ENOENT: there is no such set, ...), COMMIT_EREFUSED
 * (too few copies answer), COMMIT_ECONFLICT (a fork, an edit by hand, nothing
 * valid), COMMIT_EUNDECIDED (the losers could not be rewritten), COMMIT_EBUSY,
 * COMMIT_ECANCELED; *result is filled in then too, once the places were found.
 */
COMMIT_API int commit_triple_read(
        const char *const paths[COMMIT_TRIPLE_COPIES], const struct commit_triple_options *opt,
        int (*put)(void *context, const void *bytes, size_t length, struct commit_error *err),
        void *context, struct commit_triple_result *result, struct commit_error *err);

enum commit_triple_depth {
	COMMIT_TRIPLE_STATUS, /* sidecars, sizes and times only; changes nothing */
	COMMIT_TRIPLE_CHECK,  /* every block, past the page cache; changes nothing */
	COMMIT_TRIPLE_REPAIR  /* and rewrites what is not good */
};

/*
 * Looks at all copies. result may be NULL. Returns 0 if a version has won; what
 * is wrong with single copies is in *result. Errors: as commit_triple_read, and
 * COMMIT_EPENDING if a copy could not be repaired.
 */
COMMIT_API int commit_triple_check(const char *const paths[COMMIT_TRIPLE_COPIES],
                                   const struct commit_triple_options *opt,
                                   enum commit_triple_depth depth,
                                   struct commit_triple_result *result, struct commit_error *err);

/* One sidecar that was found. All strings are valid during the call only. */
struct commit_triple_found {
	/* of the sidecar */
	const char *path;
	uid_t owner;
	/* 0: it cannot be read, and nothing below is known */
	int readable;
	const char *copies[COMMIT_TRIPLE_COPIES];
	unsigned index;
	unsigned char set[16];
};

/*
 * Finds sidecars below path, or reads the one that path names. found returns 0
 * to go on, or what the call shall return.
 *
 * A sidecar names absolute paths, and whoever can write one could have them
 * written to: obey only owners whom you trust, and set COMMIT_TRIPLE_FOUND, with
 * which nothing is written where no sidecar of that set lies already.
 * Errors: COMMIT_EFAILED (path cannot be read), COMMIT_ECANCELED.
 */
COMMIT_API int commit_triple_find(const char *path, const struct commit_triple_options *opt,
                                  int (*found)(void *context,
                                               const struct commit_triple_found *sidecar),
                                  void *context, struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
