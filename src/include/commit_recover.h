/* SPDX-License-Identifier: ISC */
/*
 * commit_recover.h - find what a crash left behind, decide it, finish it
 *
 * Calling sequence
 *
 *     commit_recover_options_init(&opt);
 *     opt.flags = COMMIT_RECOVER_TREE;
 *     opt.found = print_finding;
 *     rc = commit_recover_scan("/etc", &opt, &totals, &err);
 *
 * SCAN finds every file that libcommit made for a save or an in-place edit,
 * by its name; DECIDE proves from the name, the lock and the content whether
 * it is ours and dead; REPLAY removes it or finishes the edit. What is not
 * proven is reported and left alone. Killed at any point it may be run again.
 *
 * COMMIT_RECOVER_CHECK asks instead whether what libcommit keeps is whole. The
 * four invariants of a file system, read for stores, logs, stages and names:
 *
 *     1  nothing is used for two purposes        a breach is a disaster
 *     2  everything starts initialised and whole a breach is a disaster
 *     3  what is referred to exists              a breach is a disaster
 *     4  what exists is referred to, or live     a breach is a leak
 *
 * A commit that a crash has interrupted is no breach: that is what logs are for.
 *
 * Ownership: findings passed to the callback are valid during the call only.
 * Threads: scans of different trees may run side by side; two scans of one
 * tree exclude each other file by file through locks.
 */
#ifndef COMMIT_RECOVER_H
#define COMMIT_RECOVER_H

#include <commit_error.h>

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of commit_recover_options.flags */
#define COMMIT_RECOVER_TREE (1u << 0)    /* descend into directories */
#define COMMIT_RECOVER_ONE_FS (1u << 1)  /* do not cross mounts */
#define COMMIT_RECOVER_DRY_RUN (1u << 2) /* decide only */
#define COMMIT_RECOVER_CHECK (1u << 3)   /* report breaches only, change nothing */
#define COMMIT_RECOVER_LIST (1u << 4)    /* report transactions only, change nothing */

enum commit_finding_kind {
	COMMIT_FOUND_STAGED,    /* staged file of a save that never committed */
	COMMIT_FOUND_STAGE_DIR, /* directory in which a validator saw one */
	COMMIT_FOUND_IN_PLACE,  /* journal of an unfinished in-place edit */
	COMMIT_FOUND_TXN,       /* transaction in a store */
	COMMIT_FOUND_STORE,     /* store that could not be looked into; or a part of one */
	COMMIT_FOUND_FILE,      /* file of a tree */
	COMMIT_FOUND_RANGE,     /* log of ranges edited in place, see commit_range.h */
	COMMIT_FOUND_TRIPLE     /* sidecar of a set of three copies */
};

enum commit_decision {
	COMMIT_DECIDE_LIVE,         /* its process lives: left alone */
	COMMIT_DECIDE_YOUNG,        /* younger than older_than: left alone */
	COMMIT_DECIDE_UNPROVEN,     /* looks like ours, cannot be proven: left */
	COMMIT_DECIDE_FOREIGN,      /* belongs to another user: left alone */
	COMMIT_DECIDE_REMOVE,       /* ours and dead: removed */
	COMMIT_DECIDE_ROLL_FORWARD, /* edit was committed: finished */
	COMMIT_DECIDE_CONFLICT,     /* edited by others since: a person decides */
	COMMIT_DECIDE_TAKE_BACK,    /* write-behind edit, or a person wants it back: done */
	COMMIT_DECIDE_BESIDE,       /* in the way of a resolution: now beside its path */
	COMMIT_DECIDE_LEAK,         /* breach: room that nobody will use or free */
	COMMIT_DECIDE_DISASTER      /* breach: content is lost, or may get lost */
};

struct commit_finding {
	enum commit_finding_kind kind;
	enum commit_decision decision;
	/* the decision was carried out */
	int done;
	/* COMMIT_OK, or why carrying it out did not work */
	int code;
	int errnum;
	/* what was found, and the file it was made for ("" if not known) */
	const char *path;
	const char *target;
	/* why it was decided so; one line */
	const char *reason;
	/* seconds since its last change, never negative */
	int64_t age;
	uint64_t size;
	uid_t owner;
	/* of a breach: 1 to 4; else 0 */
	int invariant;
};

struct commit_recover_options {
	/* set by commit_recover_options_init; do not change */
	size_t size;
	unsigned flags;
	/* seconds; younger findings are left alone; default 0 */
	int64_t older_than;
	/*
	 * What a person has decided about one transaction, by its id; nothing else
	 * is done then. NULL: nothing. committed: ours is published, and what others
	 * have put in its way goes beside it. aborted: an open one is dropped, a
	 * committed one is taken back by a new one.
	 */
	const char *resolve;
	enum { COMMIT_RESOLVE_COMMIT, COMMIT_RESOLVE_ABORT } take;
	/* a further directory of in-place journals; NULL: the default one */
	const char *journal_dir;
	/* a descriptor that becomes readable to cancel; default -1 */
	int cancel_fd;
	/* called for each finding after its decision was carried out */
	void (*found)(void *context, const struct commit_finding *finding);
	/* called where a directory could not be read; the scan goes on */
	void (*warn)(void *context, const struct commit_error *warning);
	/* called for each store, sound or not, after it was dealt with; root as in path */
	void (*store)(void *context, const char *root);
	/* called now and then with the directory entries that were looked at */
	void (*progress)(void *context, uint64_t scanned);
	void *context;
};

struct commit_recover_totals {
	uint64_t scanned;   /* directory entries looked at */
	uint64_t found;     /* findings of any decision */
	uint64_t repaired;  /* carried out */
	uint64_t failed;    /* could not be carried out, or not read */
	uint64_t conflicts; /* a person must decide */
	uint64_t leaks;     /* breaches of the fourth invariant */
	uint64_t disasters; /* breaches of the others */
};

COMMIT_API void commit_recover_options_init(struct commit_recover_options *opt);

/*
 * Scans path: a directory (its own entries; everything below it with
 * COMMIT_RECOVER_TREE) or a file (what was left behind for it). Journals in
 * the journal directory whose target lies at or below path are part of it.
 * *totals, if not NULL, is added to, also when an error is returned.
 *
 * Returns 0 when all findings could be dealt with, also when there were some.
 * Errors: COMMIT_ECONFLICT (a person must decide), COMMIT_EPENDING (a finding
 * could not be finished), COMMIT_EFAILED (path cannot be read),
 * COMMIT_ECANCELED. *err tells of the first and gravest. CHECK: COMMIT_ECONFLICT
 * for a disaster; leaks are in the totals only.
 *
 * resolve: COMMIT_EREFUSED, COMMIT_EBUSY as well; found is called for what was
 * put beside its path and then for the transaction. One that has ended, or that
 * nobody has heard of, is no error, and not found.
 */
COMMIT_API int commit_recover_scan(const char *path, const struct commit_recover_options *opt,
                                   struct commit_recover_totals *totals, struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
