/* SPDX-License-Identifier: ISC */
/*
 * mutant.c - the fault seam of this program: leaves out flushes and checks
 *
 * The words are those of COMMIT_CRASH_MUTANT in fault.h, without the count.
 */
#include "config.h"

#include "model.h"

#include "fault.h"

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char *site = "?";
static char what[16], where[64];

/* a flush that waits for the next rename to be over */
static unsigned late;
static int renamed;

void (*mutant_sites)(const char *function);

void mutant_set(const char *spec)
{
	what[0] = where[0] = '\0';
	late = 0;
	if (spec && sscanf(spec, "%15[^:]:%63s", what, where) != 2)
		errx(2, "%s: wants WHAT:WHERE", spec);
}

void lc_fault_site(const char *function)
{
	site = function;
	if (mutant_sites)
		mutant_sites(function);
}

static int is_meant(const char *kind, const char *place)
{
	return strcmp(what, kind) == 0 && strcmp(where, place) == 0;
}

int lc_fault_skips_flush(int fd)
{
	if (is_meant("skip", site))
		return 1;
	if (late || !is_meant("late", site))
		return 0;
	late = node_of(fd);
	renamed = 0;
	return 1;
}

int lc_fault_blind(const char *check)
{
	return is_meant("blind", check);
}

void mutant_after_rename(void)
{
	renamed = 1;
}

void mutant_before_effect(void)
{
	if (!late || !renamed)
		return;
	trace_add(&machine.trace, EFFECT_FSYNC, late);
	late = 0;
}
