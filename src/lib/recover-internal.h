/* SPDX-License-Identifier: ISC */
/*
 * recover-internal.h - the parts of recovery
 *
 *     recover.c          SCAN: walks directories, knows names
 *     recover-decide.c   DECIDE and REPLAY: one name at a time
 *     recover-store.c    the same for a tree's store
 *     recover-check.c    breaches of the four invariants
 *     recover-resolve.c  what a person has decided
 *     recover-range.c    logs of ranges that are edited in place
 *     recover-triple.c   sets of three copies
 *     recover-orphan.c   and for what a transaction has on another mount than its store
 */
#ifndef LC_RECOVER_INTERNAL_H
#define LC_RECOVER_INTERNAL_H

#include "dir.h"
#include "name.h"

#include <commit_recover.h>
#include <commit_txn.h>

struct lc_scan {
	const struct commit_recover_options *opt;
	struct commit_recover_totals totals;
	/* the first and gravest that went wrong */
	struct commit_error *err;
	int code;
	int cancelled;
	/* lc_recover_store has met one: what has its name may be something else */
	int has_store;
	dev_t device;
	/* only edits of this file, or of files below this directory, count; NULL: all */
	const char *only;
	/* sets of three copies that were looked at */
	unsigned char (*triples)[16];
	size_t triple_count;
};

/* Decides about one name of ours, carries that out unless dry, reports it. */
void lc_recover_handle(struct lc_scan *scan, const struct lc_place *dir, const char *name,
                       const struct lc_name *parsed);

/* Recovers the store in the directory root, where there is one; or what is asked for instead. */
void lc_recover_store(struct lc_scan *scan, const char *root);
void lc_recover_check_store(struct lc_scan *scan, const char *root);
void lc_recover_resolve(struct lc_scan *scan, const char *root);

/* A person is waiting, and so may we. */
#define RESOLVE_WAIT_MS 10000
/* Not a code of commit_error.h: nothing that was ever a store. */
#define LC_NO_STORE 1

/* Opens it, at once or not at all. 0, LC_NO_STORE, or a public code. */
int lc_recover_open_store(struct lc_scan *scan, const char *root, int look,
                          struct commit_store **store, struct commit_error *err);
/* Reports one that could not be dealt with. */
void lc_recover_store_trouble(struct lc_scan *scan, const char *root, int code,
                              const struct commit_error *err);
/* Reports it if its tree is part of another store's. */
void lc_recover_nested(struct lc_scan *scan, const char *root, const struct commit_store *store);

/* A decision turned into a breach; 0: it is none, and not to be reported. */
int lc_recover_grade(struct commit_finding *finding);

/* Counts and reports a finding. */
void lc_recover_tell(struct lc_scan *scan, const struct commit_finding *finding);

/* Deals with a stage that no store knows of, see lc_stage_name. */
void lc_recover_orphan(struct lc_scan *scan, const struct lc_place *dir, const char *name);

/* What is decided about a log of ranges, whose lock is held. */
struct lc_recover_range {
	/* nothing that anybody wants to hear of */
	int nothing;
	/* there is something to do: act does it */
	int work;
	enum commit_decision decision;
	const char *reason;
	/* what kept us from deciding */
	int rc;
};

/* target becomes the path of the edited file, as far as that is known. */
void lc_recover_range_look(struct lc_recover_range *r, const struct lc_place *dir, int fd,
                           char *target, size_t size);
int lc_recover_range_act(const struct lc_recover_range *r, const struct lc_place *dir,
                         const char *name, int fd);
/* Finishes the last write of the set that a sidecar is of, where that can be decided. */
void lc_recover_triple(struct lc_scan *scan, const struct lc_place *dir, const char *name);

/* Something could not be read: counted, reported, and the scan goes on. */
void lc_recover_warn(struct lc_scan *scan, int rc, const char *what, const char *path);

/* Keeps the gravest error in scan->err. */
void lc_recover_complain(struct lc_scan *scan, int code, int errnum, const char *what,
                         const char *path, const char *why);

/* "directory/name", to be freed; NULL: no memory. */
char *lc_recover_join(const char *directory, const char *name);

#endif
