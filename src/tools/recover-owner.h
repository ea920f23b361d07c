/* SPDX-License-Identifier: ISC */
/*
 * recover-owner.h - other users' findings, dealt with under their identity
 *
 * Root believes nothing that another user may have written. With --as-owner a
 * child process becomes that user and scans the directory again; whatever it
 * is tricked into, it can do with that user's rights only, for a minute.
 */
#ifndef RECOVER_OWNER_H
#define RECOVER_OWNER_H

#include "recover-report.h"

/* A directory in which findings of owner are waiting. */
struct recover_owner_job {
	char *directory;
	uid_t owner;
};

struct recover_owner_jobs {
	struct recover_owner_job *list;
	size_t count;
};

/* Takes the finding on; false if it cannot be handed to its owner. */
bool recover_owner_add(struct recover_owner_jobs *jobs, const struct commit_finding *finding);

/* Runs all jobs one after the other; adds what they came to to *tally. */
void recover_owner_run(const struct recover_owner_jobs *jobs, const struct recover_options *options,
                       struct recover_tally *tally);

void recover_owner_release(struct recover_owner_jobs *jobs);

#endif
