/* SPDX-License-Identifier: ISC */
/* triple-scrub.h - check, repair and status over many sets */
#ifndef TRIPLE_SCRUB_H
#define TRIPLE_SCRUB_H

#include "triple-options.h"
#include "triple-report.h"

/*
 * Looks at one set as options say, reports it, counts it. flags are added to
 * those of the options. Returns COMMIT_ECANCELED or 0; all else is in the tally.
 */
int scrub_set(const struct triple_options *options, struct triple_tally *tally,
              const char *const paths[COMMIT_TRIPLE_COPIES], unsigned flags);

/* All sets of the directories or of the list that options name. */
void scrub_all(const struct triple_options *options, struct triple_tally *tally);

#endif
