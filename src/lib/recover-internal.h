/* SPDX-License-Identifier: ISC */
/*
 * recover-internal.h - the parts of recovery
 *
 *     recover.c          SCAN: walks directories, knows names
 *     recover-decide.c   DECIDE and REPLAY: one name at a time
 *     recover-store.c    the same for a tree's store
 */
#ifndef LC_RECOVER_INTERNAL_H
#define LC_RECOVER_INTERNAL_H

#include "dir.h"
#include "name.h"

#include <commit_recover.h>

struct lc_scan {
	const struct commit_recover_options *opt;
	struct commit_recover_totals totals;
	/* the first and gravest that went wrong */
	struct commit_error *err;
	int code;
	int cancelled;
	dev_t device;
	/* only edits of this file, or of files below this directory, count; NULL: all */
	const char *only;
};

/* Decides about one name of ours, carries that out unless dry, reports it. */
void lc_recover_handle(struct lc_scan *scan, const struct lc_place *dir, const char *name,
                       const struct lc_name *parsed);

/* Recovers the store in the directory root, where there is one. */
void lc_recover_store(struct lc_scan *scan, const char *root);

/* Something could not be read: counted, reported, and the scan goes on. */
void lc_recover_warn(struct lc_scan *scan, int rc, const char *what, const char *path);

/* Keeps the gravest error in scan->err. */
void lc_recover_complain(struct lc_scan *scan, int code, int errnum, const char *what,
                         const char *path, const char *why);

/* "directory/name", to be freed; NULL: no memory. */
char *lc_recover_join(const char *directory, const char *name);

#endif
