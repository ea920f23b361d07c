/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "sys.h"
#include "txn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One transaction as it was before recovery, and whether it is there after it. */
struct seen {
	struct lc_txn_verdict verdict;
	char *path;
	int left;
};

/* A store while its transactions are dealt with and told. */
struct visit {
	struct lc_scan *scan;
	const char *path;
	int dry;
	/* on a file system that cannot be written: nothing will be done, but something should */
	int read_only;
	struct seen *list;
	size_t count;
	size_t room;
	int no_memory;
	/* why something could not be removed: a negative errno */
	int unswept;
};

static int is_dry(const struct lc_scan *scan)
{
	return (scan->opt->flags & (COMMIT_RECOVER_DRY_RUN | COMMIT_RECOVER_LIST)) != 0;
}

void lc_recover_tell(struct lc_scan *scan, const struct commit_finding *finding)
{
	/* What has to be looked at is the file, not the stage. */
	int by_target = finding->kind == COMMIT_FOUND_TXN && *finding->target;
	const char *path = by_target ? finding->target : finding->path;

	scan->totals.found++;
	if (finding->done)
		scan->totals.repaired++;
	if (finding->decision == COMMIT_DECIDE_LEAK)
		scan->totals.leaks++;
	if (finding->decision == COMMIT_DECIDE_DISASTER)
		scan->totals.disasters++;
	if (finding->decision == COMMIT_DECIDE_CONFLICT) {
		scan->totals.conflicts++;
		lc_recover_complain(scan, COMMIT_ECONFLICT, finding->errnum, "recover", path,
		                    finding->reason);
	} else if (finding->code != COMMIT_OK) {
		scan->totals.failed += finding->code != COMMIT_ECONFLICT;
		lc_recover_complain(scan, finding->code, finding->errnum, "recover", path,
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

static int is_young(const struct visit *visit, const struct lc_txn_verdict *verdict)
{
	return verdict->fate != LC_TXN_LIVE &&
	       age_of(verdict->changed) < visit->scan->opt->older_than;
}

static void decide_conflict(const struct lc_txn_verdict *verdict, struct commit_finding *finding,
                            char reason[COMMIT_ERROR_TEXT_MAX])
{
	finding->decision = COMMIT_DECIDE_CONFLICT;
	finding->code = COMMIT_ECONFLICT;
	snprintf(reason, COMMIT_ERROR_TEXT_MAX,
	         "committed, and its target%s changed by somebody else since "
	         "(--resolve=%s:commit or :abort)",
	         verdict->paths > 1 ? " and others were" : " was", verdict->id);
}

static void decide(const struct visit *visit, const struct seen *seen,
                   struct commit_finding *finding, char reason[COMMIT_ERROR_TEXT_MAX])
{
	const struct lc_txn_verdict *verdict = &seen->verdict;

	finding->decision = COMMIT_DECIDE_ROLL_FORWARD;
	switch (verdict->fate) {
	case LC_TXN_LIVE:
		finding->decision = COMMIT_DECIDE_LIVE;
		strcpy(reason, "open, and may go on");
		break;
	case LC_TXN_SWEEP:
		finding->decision = COMMIT_DECIDE_REMOVE;
		strcpy(reason, "nobody will go on with it");
		break;
	case LC_TXN_FINISH:
		strcpy(reason, "committed, not published to the end");
		break;
	case LC_TXN_BEHIND:
		strcpy(reason, "committed, behind one that cannot be finished now");
		break;
	case LC_TXN_UNFLUSHED:
		strcpy(reason, "committed and published, but a flush failed: unmount its file "
		               "system everywhere, or reboot");
		finding->code = COMMIT_EPENDING;
		finding->errnum = EIO;
		break;
	case LC_TXN_WAIT:
		strcpy(reason, "committed, and the file system of its target is missing");
		finding->code = COMMIT_EPENDING;
		finding->errnum = ENODEV;
		break;
	case LC_TXN_CONFLICT:
		decide_conflict(verdict, finding, reason);
		break;
	}
	if (verdict->rc) {
		strcpy(reason, "committed, and cannot be looked at now");
		finding->code = COMMIT_EPENDING;
		finding->errnum = -verdict->rc;
	} else if (visit->read_only && verdict->fate == LC_TXN_FINISH) {
		finding->code = COMMIT_EPENDING;
		finding->errnum = EROFS;
	}
	if (is_young(visit, verdict)) {
		finding->decision = COMMIT_DECIDE_YOUNG;
		finding->code = COMMIT_OK;
		strcpy(reason, "younger than --older-than");
	}
}

/* A stage whose mount is missing waits for it; else what is left should have gone. */
static void explain_left(const struct visit *visit, const struct seen *seen,
                         struct commit_finding *finding, char reason[COMMIT_ERROR_TEXT_MAX])
{
	if (!visit->unswept || visit->unswept == -ENODEV || !seen->left ||
	    finding->decision != COMMIT_DECIDE_REMOVE)
		return;
	finding->code = COMMIT_EFAILED;
	finding->errnum = -visit->unswept;
	/* We have emptied it: what is there came by other ways, e.g. fsck without a journal. */
	if (visit->unswept == -ENOTEMPTY) {
		finding->decision = COMMIT_DECIDE_CONFLICT;
		finding->code = COMMIT_ECONFLICT;
		strcpy(reason,
		       "a directory that was removed has something in it again: look at it, "
		       "then remove it by hand");
	}
}

/* rc and err: what recovery has said, if it was tried. */
static void report(const struct visit *visit, const struct seen *seen, int rc,
                   const struct commit_error *err)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_TXN, .target = ""};
	char reason[COMMIT_ERROR_TEXT_MAX];
	char *target = *seen->path ? lc_recover_join(visit->path, seen->path) : NULL;
	char *stage = lc_recover_join(visit->path, LC_STORE_STAGE);
	char *path = stage ? lc_recover_join(stage, seen->verdict.id) : NULL;

	if (path) {
		finding.path = path;
		finding.target = target ? target : seen->path;
		finding.age = age_of(seen->verdict.changed);
		finding.owner = seen->verdict.owner;
		finding.reason = reason;
		decide(visit, seen, &finding, reason);
		finding.done = !seen->left && seen->verdict.fate != LC_TXN_LIVE;
		if (rc && seen->left && seen->verdict.fate == LC_TXN_FINISH &&
		    finding.code == COMMIT_OK) {
			finding.code = rc;
			finding.errnum = err->errnum;
		}
		explain_left(visit, seen, &finding, reason);
		lc_recover_tell(visit->scan, &finding);
	}
	free(path);
	free(stage);
	free(target);
}

static void collect(void *context, const struct lc_txn_verdict *verdict)
{
	struct visit *visit = context;
	struct seen *bigger;

	if (visit->count == visit->room) {
		visit->room = visit->room ? 2 * visit->room : 16;
		bigger = realloc(visit->list, visit->room * sizeof *bigger);
		if (!bigger) {
			visit->room = visit->count;
			visit->no_memory = 1;
			return;
		}
		visit->list = bigger;
	}
	visit->list[visit->count] =
	        (struct seen){.verdict = *verdict, .path = strdup(verdict->path), .left = 1};
	visit->no_memory |= !visit->list[visit->count].path;
	visit->count++;
}

static void mark(void *context, const struct lc_txn_verdict *verdict)
{
	struct visit *visit = context;
	size_t i;

	for (i = 0; i < visit->count; i++)
		if (strcmp(visit->list[i].verdict.id, verdict->id) == 0)
			visit->list[i].left = 1;
}

static void set_left(struct visit *visit, int left)
{
	size_t i;

	for (i = 0; i < visit->count; i++)
		visit->list[i].left = left;
}

/* There is something to do, and nothing too young: recovery is of all or none. */
static int is_wanted(const struct visit *visit)
{
	size_t i;
	int wanted = 0;

	for (i = 0; i < visit->count; i++) {
		if (is_young(visit, &visit->list[i].verdict))
			return 0;
		wanted |= visit->list[i].verdict.fate != LC_TXN_LIVE;
	}
	return wanted;
}

/* What was done is known by looking again, whatever recovery says. */
static int recover(struct visit *visit, struct commit_store *store, struct commit_error *err)
{
	struct commit_error again = COMMIT_ERROR_INIT;
	size_t i;
	int rc = lc_txn_survey(store, collect, visit, err);
	int done = 0;

	if (!rc && visit->no_memory)
		rc = lc_store_fail(store, -ENOMEM, "examine", NULL, err);
	if (!rc && !visit->dry && is_wanted(visit)) {
		done = lc_txn_recover(store, err);
		visit->unswept = store->unswept;
		set_left(visit, 0);
		if (lc_store_read_again(store, &again) != 0 ||
		    lc_txn_survey(store, mark, visit, &again) != 0)
			set_left(visit, done != 0);
	}
	for (i = 0; i < visit->count && !rc; i++)
		report(visit, &visit->list[i], done, err);
	/* Told by the findings; what is none of them was told by nobody yet. */
	if (done && visit->scan->code == COMMIT_OK)
		rc = done;
	return rc;
}

static void free_visit(struct visit *visit)
{
	size_t i;

	for (i = 0; i < visit->count; i++)
		free(visit->list[i].path);
	free(visit->list);
}

/* The state of a part of the store. 0 or a negative errno. */
static int look_at(const char *root, const char *part, struct stat *st)
{
	char *path = lc_recover_join(root, part);
	int rc = path ? lc_sys_lstat_times(AT_FDCWD, path, st) : -ENOMEM;

	free(path);
	return rc;
}

void lc_recover_store_trouble(struct lc_scan *scan, const char *root, int code,
                              const struct commit_error *err)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_STORE, .target = ""};
	struct stat st;

	finding.path = root;
	finding.reason = err->text;
	finding.code = code;
	finding.errnum = err->errnum;
	if (look_at(root, LC_STORE_NAME, &st) == 0) {
		finding.owner = st.st_uid;
		finding.age = age_of(st.st_ctime);
	}
	finding.decision = COMMIT_DECIDE_CONFLICT;
	if (code == COMMIT_EBUSY) {
		finding.decision = COMMIT_DECIDE_LIVE;
		finding.code = COMMIT_OK;
	} else if (code == COMMIT_EFAILED && (err->errnum == EPERM || err->errnum == EACCES)) {
		finding.decision = COMMIT_DECIDE_FOREIGN;
		finding.code = COMMIT_OK;
	} else if (code == COMMIT_EFAILED && err->errnum != EPROTONOSUPPORT) {
		finding.decision = COMMIT_DECIDE_UNPROVEN;
	} else if (code == COMMIT_EPENDING || code == COMMIT_EUNDECIDED) {
		finding.decision = COMMIT_DECIDE_ROLL_FORWARD;
	}
	lc_recover_tell(scan, &finding);
}

/*
 * Half made, without a format, it was never committed in; and the name may be a
 * file's. But one that has a format and lacks the rest had it once.
 */
static int is_no_store(const char *root, int code, struct commit_error *err)
{
	struct stat st;

	if (code != COMMIT_EFAILED ||
	    (err->errnum != ENOENT && err->errnum != ENOTDIR && err->errnum != ELOOP))
		return 0;
	if (look_at(root, LC_STORE_NAME, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    look_at(root, LC_STORE_NAME "/format", &st) != 0 || !S_ISREG(st.st_mode))
		return 1;
	err->errnum = EPROTONOSUPPORT;
	snprintf(err->text, sizeof err->text, "has a format, and a part of it is missing");
	return 0;
}

int lc_recover_open_store(struct lc_scan *scan, const char *root, int look,
                          struct commit_store **store, struct commit_error *err)
{
	struct commit_store_options opt;
	int rc;

	commit_store_options_init(&opt);
	/* One store in use does not stop the scan of the others. */
	opt.wait_ms = scan->opt->resolve && !look ? RESOLVE_WAIT_MS : 0;
	opt.cancel_fd = scan->opt->cancel_fd;
	rc = lc_store_open(store, root, look ? COMMIT_STORE_LOOK : 0, &opt, err);
	if (rc && is_no_store(root, rc, err))
		return LC_NO_STORE;
	scan->has_store = 1;
	return rc;
}

void lc_recover_nested(struct lc_scan *scan, const char *root, const struct commit_store *store)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_STORE, .target = ""};
	char reason[COMMIT_ERROR_TEXT_MAX], above[PATH_MAX];

	if (!lc_store_above(commit_store_root(store), above))
		return;
	snprintf(reason, sizeof reason,
	         "lies in the tree of the store of %.400s, and a tree has one store: remove one "
	         ".commit",
	         above);
	finding.path = root;
	finding.owner = geteuid();
	finding.reason = reason;
	finding.decision = COMMIT_DECIDE_CONFLICT;
	finding.code = COMMIT_ECONFLICT;
	if (scan->opt->flags & COMMIT_RECOVER_CHECK) {
		finding.decision = COMMIT_DECIDE_DISASTER;
		finding.invariant = 1;
	}
	lc_recover_tell(scan, &finding);
}

static int enter_and_recover(struct visit *visit, struct commit_store *store,
                             struct commit_error *err)
{
	int rc = lc_store_enter(store, err);

	if (rc)
		return rc;
	rc = recover(visit, store, err);
	if (!visit->dry) {
		lc_store_tidy(store);
		lc_txn_tidy(store);
	}
	lc_store_leave(store);
	if (!(visit->scan->opt->flags & COMMIT_RECOVER_LIST))
		lc_recover_nested(visit->scan, visit->path, store);
	return rc;
}

static void recover_store(struct lc_scan *scan, const char *root)
{
	struct visit visit = {.scan = scan, .path = root, .dry = is_dry(scan)};
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_store *store;
	int rc = lc_recover_open_store(scan, root, visit.dry, &store, &err);

	if (rc == COMMIT_EFAILED && err.errnum == EROFS) {
		visit.dry = visit.read_only = 1;
		rc = lc_recover_open_store(scan, root, 1, &store, &err);
	}
	if (rc == LC_NO_STORE)
		return;
	if (rc == 0) {
		rc = enter_and_recover(&visit, store, &err);
		lc_store_close(store);
	}
	if (rc)
		lc_recover_store_trouble(scan, root, rc, &err);
	free_visit(&visit);
}

void lc_recover_store(struct lc_scan *scan, const char *root)
{
	scan->has_store = 0;
	if (scan->opt->resolve)
		lc_recover_resolve(scan, root);
	else if (scan->opt->flags & COMMIT_RECOVER_CHECK)
		lc_recover_check_store(scan, root);
	else
		recover_store(scan, root);
	if (scan->has_store && scan->opt->store)
		scan->opt->store(scan->opt->context, root);
}
