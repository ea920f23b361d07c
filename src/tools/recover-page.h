/* SPDX-License-Identifier: ISC */
/* recover-page.h - a run as a page to look at, for --html */
#ifndef RECOVER_PAGE_H
#define RECOVER_PAGE_H

#include "recover-report.h"

/*
 * Replaces options->html, or writes on standard output if that is "-": what
 * options->spool holds, what the tally says, and the exit status it stands for.
 */
int recover_page_write(const struct recover_options *options, const struct recover_tally *tally,
                       struct commit_error *err);

#endif
