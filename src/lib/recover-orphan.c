/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "sys.h"
#include "txn.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static void decide(enum lc_stage_fate fate, struct commit_finding *finding)
{
	switch (fate) {
	case LC_STAGE_PART:
	case LC_STAGE_DEAD:
		finding->decision = COMMIT_DECIDE_REMOVE;
		finding->reason = "its transaction is over";
		break;
	case LC_STAGE_FOREIGN:
		finding->decision = COMMIT_DECIDE_FOREIGN;
		finding->reason = "belongs to another user";
		break;
	case LC_STAGE_COPY:
		finding->decision = COMMIT_DECIDE_UNPROVEN;
		finding->reason = "not made here by a transaction, perhaps a copy";
		break;
	case LC_STAGE_LOST:
		finding->decision = COMMIT_DECIDE_CONFLICT;
		finding->reason = "the store of its transaction is gone, and this may be the "
		                  "only copy; look into it, then remove it";
		finding->code = COMMIT_ECONFLICT;
		break;
	}
}

static void remove_stage(int dirfd, const char *name, struct commit_finding *finding)
{
	int rc = lc_stage_remove(dirfd, name);

	finding->done = rc == 0;
	finding->code = rc ? COMMIT_EPENDING : COMMIT_OK;
	finding->errnum = -rc;
}

void lc_recover_orphan(struct lc_scan *scan, const struct lc_place *dir, const char *name)
{
	struct commit_finding finding = {.kind = COMMIT_FOUND_TXN, .target = ""};
	enum lc_stage_fate fate = lc_stage_judge(dir->fd, name);
	int dry = (scan->opt->flags & (COMMIT_RECOVER_DRY_RUN | COMMIT_RECOVER_CHECK)) != 0;
	int64_t now = (int64_t)time(NULL);
	struct stat st;
	char *path;

	/* The store that it belongs to tells of it. */
	if (fate == LC_STAGE_PART || lc_sys_lstat_times(dir->fd, name, &st) != 0)
		return;
	path = lc_recover_join(dir->path, name);
	if (!path)
		return;
	finding.path = path;
	finding.owner = st.st_uid;
	finding.age = now > st.st_ctime ? now - st.st_ctime : 0;
	decide(fate, &finding);
	if (finding.age < scan->opt->older_than) {
		finding.decision = COMMIT_DECIDE_YOUNG;
		finding.reason = "younger than --older-than";
		finding.code = COMMIT_OK;
	}
	if (finding.decision == COMMIT_DECIDE_REMOVE && !dry)
		remove_stage(dir->fd, name, &finding);
	if (!(scan->opt->flags & COMMIT_RECOVER_CHECK) || lc_recover_grade(&finding))
		lc_recover_tell(scan, &finding);
	free(path);
}
