/* SPDX-License-Identifier: ISC */
/*
 * range.h - what recovery does about the log of ranges of one file
 *
 *     struct lc_range_found found;
 *     lc_range_found_init(&found, log);        log as of lc_range_log_open
 *     rc = lc_range_examine(home, -1, &found);
 *     rc = lc_range_settle(&found);            where it is unfinished
 *     lc_range_found_release(&found);
 *
 * home is the directory in which the log has its name; it, the log and its
 * lock belong to the caller. The public side is commit_range.h.
 */
#ifndef LC_RANGE_H
#define LC_RANGE_H

#include "range-internal.h"

struct lc_range_found {
	struct lc_log *log;
	struct lc_range_case edit;
	/* the edited file: opened here, else -1; and whoever opened it */
	int target;
	int held;
	/* of a decision that is a person's */
	const char *reason;
};

void lc_range_found_init(struct lc_range_found *found, struct lc_log *log);

/*
 * Reads the log, finds and locks the file, or takes held, which is both if it
 * is not -1, and looks at every sector. 0: see edit.state; -ENOENT: nothing is
 * unfinished and the file is gone; -ESTALE: a person must decide; -EBUSY: the
 * file is locked; else what kept us from looking. Release it in any case.
 */
int lc_range_examine(const struct lc_place *home, int held, struct lc_range_found *found);

/* Why a log that cannot be opened is a person's to decide about; NULL: it is not. */
const char *lc_range_log_trouble(int rc);

/* Carries out what was found. 0 or a negative errno; may be repeated. */
int lc_range_settle(struct lc_range_found *found);

void lc_range_found_release(struct lc_range_found *found);

/* Removes a log, whose lock is held, for good. */
int lc_range_remove(const struct lc_place *home, const char *name, int dirfd);

#endif
