/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "sys.h"
#include "txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct decision {
	struct lc_scan *scan;
	const char *root;
};

static void kept(void *context, const char *path, const char *beside)
{
	const struct decision *decision = context;
	struct commit_finding finding = {.kind = COMMIT_FOUND_FILE,
	                                 .decision = COMMIT_DECIDE_BESIDE,
	                                 .reason = "nothing is lost: compare the two"};
	char *target = lc_recover_join(decision->root, path);
	char *name = lc_recover_join(decision->root, beside);

	finding.path = name ? name : beside;
	finding.target = target ? target : path;
	finding.owner = geteuid();
	finding.done = 1;
	lc_recover_tell(decision->scan, &finding);
	free(target);
	free(name);
}

static void tell(const struct decision *decision, enum lc_txn_outcome outcome)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_TXN, .target = "", .done = 1};
	char *stage = lc_recover_join(decision->root, LC_STORE_STAGE);
	char *path = stage ? lc_recover_join(stage, decision->scan->opt->resolve) : NULL;

	finding.path = path ? path : decision->root;
	finding.owner = geteuid();
	switch (outcome) {
	case LC_TXN_FINISHED:
		finding.decision = COMMIT_DECIDE_ROLL_FORWARD;
		finding.reason = "published to the end, as was decided";
		break;
	case LC_TXN_TAKEN_BACK:
		finding.decision = COMMIT_DECIDE_TAKE_BACK;
		finding.reason = "taken back by another transaction, as was decided";
		break;
	default:
		finding.decision = COMMIT_DECIDE_REMOVE;
		finding.reason = "was open, and aborted, as was decided";
		break;
	}
	if (outcome != LC_TXN_UNKNOWN)
		lc_recover_tell(decision->scan, &finding);
	free(path);
	free(stage);
}

static int resolve(const struct decision *decision, struct commit_store *store,
                   struct commit_error *err)
{
	struct lc_txn_resolution resolution = {
	        .number = lc_txn_number(decision->scan->opt->resolve),
	        .abort = decision->scan->opt->take == COMMIT_RESOLVE_ABORT,
	        .kept = kept,
	        .context = (void *)decision};
	int rc = lc_store_enter(store, err);

	if (rc)
		return rc;
	rc = lc_txn_resolve(store, &resolution, err);
	lc_store_leave(store);
	tell(decision, resolution.outcome);
	return rc;
}

/* 1 if the transaction is one of this store; others are not disturbed. */
static int concerns(struct lc_scan *scan, const char *root, struct commit_error *err)
{
	struct commit_store *store;
	struct stat st;
	int rc = lc_recover_open_store(scan, root, 1, &store, err);

	if (rc == LC_NO_STORE)
		return 0;
	if (rc)
		return rc;
	rc = lc_sys_lstat(store->stage, scan->opt->resolve, &st) == 0;
	if (!rc) {
		rc = lc_store_enter(store, err);
		if (!rc) {
			rc = lc_txn_is_unfinished(store, lc_txn_number(scan->opt->resolve), err);
			lc_store_leave(store);
		}
	}
	lc_store_close(store);
	return rc;
}

void lc_recover_resolve(struct lc_scan *scan, const char *root)
{
	struct decision decision = {scan, root};
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;
	int rc = concerns(scan, root, &err);

	if (rc > 0) {
		rc = lc_recover_open_store(scan, root, 0, &store, &err);
		if (rc == 0) {
			rc = resolve(&decision, store, &err);
			lc_store_close(store);
		}
	}
	/* About the decision, not about the store. */
	if (rc == COMMIT_EREFUSED || rc == COMMIT_EBUSY || rc == COMMIT_ECONFLICT ||
	    rc == COMMIT_EPENDING || rc == COMMIT_EUNDECIDED)
		lc_recover_complain(scan, rc, err.errnum, err.operation, err.path, err.text);
	else if (rc)
		lc_recover_store_trouble(scan, root, rc, &err);
}
