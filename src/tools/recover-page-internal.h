/* SPDX-License-Identifier: ISC */
/*
 * recover-page-internal.h - the parts of the page
 *
 *     recover-page.c            the frame, the summary, what could not be read
 *     recover-page-findings.c   the table of what was found, and how it is graded
 *     recover-page-decide.c     what a person must decide, with commands to copy
 *     recover-page-timeline.c   the commits of a store
 *     recover-page-style.h      how it looks
 */
#ifndef RECOVER_PAGE_INTERNAL_H
#define RECOVER_PAGE_INTERNAL_H

#include "recover-page.h"
#include "recover-spool.h"

#include <limits.h>
#include <stdio.h>

struct recover_page {
	const struct recover_options *options;
	const struct recover_tally *tally;
	const struct recover_spool_records *records;
	int status;
	/* paths are as they were given: this is what relative ones begin at */
	char directory[PATH_MAX];
};

/* From what cannot wait to what is only told. */
enum recover_grade {
	RECOVER_GRADE_DISASTER,
	RECOVER_GRADE_DECIDE,
	RECOVER_GRADE_UNFINISHED,
	RECOVER_GRADE_LEAK,
	RECOVER_GRADE_REPAIRED,
	RECOVER_GRADE_PLANNED,
	RECOVER_GRADE_LEFT,
	RECOVER_GRADES
};

/* Nothing was done because nothing was to be done: -n, --check, --list. */
bool recover_page_is_dry(const struct recover_page *page);

enum recover_grade recover_page_grade(const struct recover_page *page,
                                      const struct commit_finding *finding);
uint64_t recover_page_count(const struct recover_page *page, enum recover_grade grade);

/* What was found, in words. */
const char *recover_page_kind(enum commit_finding_kind kind);

/* path from the root on, in text. */
const char *recover_page_absolute(const struct recover_page *page, const char *path,
                                  char text[COMMIT_ERROR_PATH_MAX]);

/* path, whole and escaped, as <code>. */
void recover_page_path(FILE *out, const struct recover_page *page, const char *path);

/* Sections; nothing where there is nothing to tell of. */
void recover_page_findings(FILE *out, const struct recover_page *page);
void recover_page_decide(FILE *out, const struct recover_page *page);
void recover_page_timelines(FILE *out, const struct recover_page *page);

#endif
