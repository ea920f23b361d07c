/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "sys.h"
#include "txn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the lecture grades them: what is not freed is bad, but not terrible. */
static enum commit_decision grade(int invariant)
{
	return invariant == 4 ? COMMIT_DECIDE_LEAK : COMMIT_DECIDE_DISASTER;
}

struct check {
	struct lc_scan *scan;
	const char *root;
};

static void breach(void *context, int invariant, const char *path, const char *reason)
{
	const struct check *check = context;
	struct commit_finding finding = {.kind = COMMIT_FOUND_STORE, .target = ""};
	char *whole = lc_recover_join(check->root, path);

	finding.path = whole ? whole : check->root;
	finding.reason = reason;
	finding.owner = geteuid();
	finding.invariant = invariant;
	finding.decision = grade(invariant);
	finding.code = invariant == 4 ? COMMIT_OK : COMMIT_ECONFLICT;
	lc_recover_tell(check->scan, &finding);
	free(whole);
}

/* The part of a store that an error is about. */
static void breach_by_error(const struct check *check, int code, const struct commit_error *err)
{
	if (code != COMMIT_ECONFLICT && err->errnum != EPROTONOSUPPORT)
		lc_recover_store_trouble(check->scan, check->root, code, err);
	else
		/* A copy claims the paths of the tree that it was copied from. */
		breach((void *)check, err->errnum == EXDEV ? 1 : 2, LC_STORE_NAME, err->text);
}

/* It was never finished, so nothing was ever committed in it. */
static void check_half_made(const struct check *check)
{
	char *home = lc_recover_join(check->root, LC_STORE_NAME);
	struct stat st;

	if (home && lc_sys_lstat(AT_FDCWD, home, &st) == 0 && S_ISDIR(st.st_mode))
		breach((void *)check, 4, LC_STORE_NAME, "a store that was never finished");
	free(home);
}

void lc_recover_check_store(struct lc_scan *scan, const char *root)
{
	struct check check = {scan, root};
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;
	int rc = lc_recover_open_store(scan, root, 1, &store, &err);

	if (rc == LC_NO_STORE) {
		check_half_made(&check);
		return;
	}
	if (rc == 0) {
		rc = lc_store_enter(store, &err);
		if (rc == 0) {
			rc = lc_txn_check(store, breach, &check, &err);
			lc_store_leave(store);
		}
		lc_recover_nested(scan, root, store);
		lc_store_close(store);
	}
	if (rc)
		breach_by_error(&check, rc, &err);
}

/*
 * A decision about a name outside stores, as a breach. An edit in place that is
 * not finished is none: its journal is what finishes it.
 */
int lc_recover_grade(struct commit_finding *finding)
{
	switch (finding->decision) {
	case COMMIT_DECIDE_REMOVE:
	case COMMIT_DECIDE_UNPROVEN:
		finding->invariant = 4;
		break;
	case COMMIT_DECIDE_CONFLICT:
		/* A journal and somebody else write one file; a displaced version is in none. */
		finding->invariant = finding->kind == COMMIT_FOUND_IN_PLACE ||
		                                     finding->kind == COMMIT_FOUND_RANGE
		                             ? 1
		                             : 3;
		break;
	case COMMIT_DECIDE_FOREIGN:
	case COMMIT_DECIDE_LIVE:
		return 1;
	default:
		return 0;
	}
	/* What could not be looked at stays what it is. */
	if (finding->code == COMMIT_EPENDING)
		finding->invariant = 0;
	else
		finding->decision = grade(finding->invariant);
	return 1;
}
