/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "range.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void decide(struct lc_recover_range *r, enum commit_decision decision, int work,
                   const char *reason)
{
	r->decision = decision;
	r->work = work;
	r->reason = reason;
}

static void name_target(const struct lc_place *dir, const struct lc_range_begin *begin,
                        char *target, size_t size)
{
	char *path = NULL;

	if (begin->flags & LC_RANGE_BESIDE)
		path = lc_recover_join(dir->path, begin->target);
	snprintf(target, size, "%s", path ? path : begin->target);
	free(path);
}

static void decide_edit(struct lc_recover_range *r, const struct lc_range_found *found, int rc)
{
	if (rc == 0 && found->edit.state == LC_RANGE_FORWARD)
		decide(r, COMMIT_DECIDE_ROLL_FORWARD, 1,
		       "committed, and nobody has written it since");
	else if (rc == 0 && found->edit.state == LC_RANGE_BACK)
		decide(r, COMMIT_DECIDE_TAKE_BACK, 1, "a write-behind edit that was not completed");
	else if (rc == 0)
		r->nothing = 1;
	else if (rc == -ENOENT)
		decide(r, COMMIT_DECIDE_REMOVE, 1, "the log of edits of a file that is gone");
	else if (rc == -ESTALE)
		decide(r, COMMIT_DECIDE_CONFLICT, 0, found->reason);
	else if (rc == -EBUSY)
		decide(r, COMMIT_DECIDE_LIVE, 0, "somebody holds a lock on the edited file");
	else
		r->rc = rc;
}

void lc_recover_range_look(struct lc_recover_range *r, const struct lc_place *dir, int fd,
                           char *target, size_t size)
{
	struct lc_range_found found;
	struct lc_log *log = NULL;
	int rc = lc_range_log_open(dir, fd, LC_RANGE_READ, &log, NULL);

	*r = (struct lc_recover_range){.decision = COMMIT_DECIDE_UNPROVEN,
	                               .reason = "cannot be looked at now"};
	lc_range_found_init(&found, log);
	if (rc == -ENOENT) {
		decide(r, COMMIT_DECIDE_REMOVE, 1, "a log that was never finished");
	} else if (lc_range_log_trouble(rc)) {
		decide(r, COMMIT_DECIDE_CONFLICT, 0, lc_range_log_trouble(rc));
	} else if (rc) {
		r->rc = rc;
	} else {
		rc = lc_range_examine(dir, -1, &found);
		if (found.edit.known)
			name_target(dir, &found.edit.begin, target, size);
		decide_edit(r, &found, rc);
	}
	lc_range_found_release(&found);
	lc_log_close(log);
}

int lc_recover_range_act(const struct lc_recover_range *r, const struct lc_place *dir,
                         const char *name, int fd)
{
	struct lc_range_found found;
	struct lc_log *log = NULL;
	int rc;

	if (r->decision == COMMIT_DECIDE_REMOVE)
		return lc_range_remove(dir, name, fd);
	/* Now it may be changed: a torn tail is dropped, and read again what is left. */
	rc = lc_range_log_open(dir, fd, LC_RANGE_CHANGE, &log, NULL);
	if (rc)
		return rc;
	lc_range_found_init(&found, log);
	rc = lc_range_examine(dir, -1, &found);
	if (!rc && found.edit.state != LC_RANGE_DONE)
		rc = lc_range_settle(&found);
	lc_range_found_release(&found);
	lc_log_close(log);
	return rc;
}
