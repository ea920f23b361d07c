/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "sys.h"
#include "txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A store while its transactions are told: what replay will do is known before. */
struct visit {
	struct lc_scan *scan;
	const char *path;
	int dry;
	/* a young one keeps the whole store as it is: recovery is of all or none */
	int held_back;
	uint64_t wanted;
	uint64_t conflicts;
};

static int is_dry(const struct lc_scan *scan)
{
	return (scan->opt->flags & COMMIT_RECOVER_DRY_RUN) != 0;
}

static void tell(struct visit *visit, struct commit_finding *finding)
{
	struct lc_scan *scan = visit->scan;

	scan->totals.found++;
	if (finding->done)
		scan->totals.repaired++;
	if (finding->code == COMMIT_ECONFLICT) {
		scan->totals.conflicts++;
		lc_recover_complain(scan, COMMIT_ECONFLICT, 0, "recover", finding->path,
		                    finding->reason);
	}
	if (scan->opt->found)
		scan->opt->found(scan->opt->context, finding);
}

static int64_t age_of(int64_t changed)
{
	int64_t now = (int64_t)time(NULL);

	return now > changed ? now - changed : 0;
}

static void decide(const struct visit *visit, const struct lc_txn_verdict *verdict,
                   struct commit_finding *finding)
{
	switch (verdict->fate) {
	case LC_TXN_LIVE:
		finding->decision = COMMIT_DECIDE_LIVE;
		finding->reason = "open, and may go on";
		break;
	case LC_TXN_SWEEP:
		finding->decision = COMMIT_DECIDE_REMOVE;
		finding->reason = "nobody will go on with it";
		break;
	case LC_TXN_FINISH:
		finding->decision = COMMIT_DECIDE_ROLL_FORWARD;
		finding->reason = "committed, not published to the end";
		break;
	case LC_TXN_CONFLICT:
		finding->decision = COMMIT_DECIDE_CONFLICT;
		finding->reason = "committed, and its target was changed by somebody else since";
		finding->code = COMMIT_ECONFLICT;
		break;
	}
	if (verdict->fate != LC_TXN_LIVE && finding->age < visit->scan->opt->older_than) {
		finding->decision = COMMIT_DECIDE_YOUNG;
		finding->reason = "younger than --older-than";
		finding->code = COMMIT_OK;
	}
}

/* First round: only to know whether there is something to do, and nothing against it. */
static void count(void *context, const struct lc_txn_verdict *verdict)
{
	struct visit *visit = context;

	if (verdict->fate == LC_TXN_LIVE)
		return;
	if (age_of(verdict->changed) < visit->scan->opt->older_than)
		visit->held_back = 1;
	if (verdict->fate == LC_TXN_CONFLICT)
		visit->conflicts++;
	visit->wanted++;
}

static void report(void *context, const struct lc_txn_verdict *verdict)
{
	struct visit *visit = context;
	struct commit_finding finding = {.kind = COMMIT_FOUND_TXN};
	char *stage = lc_recover_join(visit->path, LC_STORE_STAGE);
	char *path = stage ? lc_recover_join(stage, verdict->id) : NULL;

	if (path) {
		finding.path = path;
		finding.target = verdict->path;
		finding.age = age_of(verdict->changed);
		finding.owner = verdict->owner;
		decide(visit, verdict, &finding);
		finding.done = !visit->dry && !visit->held_back && !visit->conflicts &&
		               verdict->fate != LC_TXN_LIVE;
		tell(visit, &finding);
	}
	free(path);
	free(stage);
}

/* Reported before it is done: what is done cannot be seen afterwards. */
static int recover(struct visit *visit, struct commit_store *store, struct commit_error *err)
{
	int rc = lc_txn_survey(store, count, visit, err);

	if (!rc)
		rc = lc_txn_survey(store, report, visit, err);
	if (!rc && visit->wanted > 0 && !visit->held_back && !visit->dry && !visit->conflicts)
		rc = lc_txn_recover(store, err);
	return rc;
}

static void tell_trouble(struct visit *visit, int code, const struct commit_error *err)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_STORE, .target = ""};

	finding.path = visit->path;
	finding.reason = err->text;
	finding.code = code;
	finding.errnum = err->errnum;
	finding.decision = COMMIT_DECIDE_CONFLICT;
	if (code == COMMIT_EBUSY)
		finding.decision = COMMIT_DECIDE_LIVE;
	else if (code == COMMIT_EFAILED)
		finding.decision = COMMIT_DECIDE_FOREIGN;
	if (code == COMMIT_EPENDING) {
		finding.decision = COMMIT_DECIDE_ROLL_FORWARD;
		visit->scan->totals.failed++;
		lc_recover_complain(visit->scan, code, err->errnum, err->operation, err->path,
		                    err->text);
	}
	tell(visit, &finding);
}

/* Half made, without a format, it was never committed in; and the name may be a file's. */
static int is_no_store(int code, int errnum)
{
	return code == COMMIT_EFAILED && (errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP);
}

void lc_recover_store(struct lc_scan *scan, const char *root)
{
	struct visit visit = {.scan = scan, .path = root, .dry = is_dry(scan)};
	struct commit_store_options opt;
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;
	int rc;

	commit_store_options_init(&opt);
	/* One store in use does not stop the scan of the others. */
	opt.wait_ms = 0;
	opt.cancel_fd = scan->opt->cancel_fd;
	rc = lc_store_open(&store, root, visit.dry ? COMMIT_STORE_LOOK : 0, &opt, &err);
	if (rc == 0) {
		rc = lc_store_enter(store, &err);
		if (rc == 0) {
			rc = recover(&visit, store, &err);
			lc_store_leave(store);
		}
		lc_store_close(store);
	}
	if (rc && !is_no_store(rc, err.errnum))
		tell_trouble(&visit, rc, &err);
}
