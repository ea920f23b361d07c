/* SPDX-License-Identifier: ISC */
/*
 * walk [OPTION]... - every call of every mode of commit-save fails or dies once
 *
 *     --full       every scenario without shortening, and a short walk of each
 *                  with each thing missing and on the disk
 *     --thin       the core of the scenarios only (for slow builds)
 *     --only=TEXT  scenarios whose name has TEXT
 *     --jobs=N     workers; default: the processors
 *     --dir=DIR    where worlds are made; default /dev/shm, $TMPDIR, /tmp
 *     --disk=DIR   where those are made that shall be on a disk; default: .
 *
 * Speaks TAP: one test for each scenario on each kind of file system.
 * Environment: LC_FAULT_BIN, the directory of the tools with the fault seam.
 */
#include "pool.h"
#include "walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MISSING_ALL = 7 };

void complain(struct walk *walk, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report_complain(walk->report, walk->doing, walk->fault, format, args);
	va_end(args);
}

/* --- which jobs ---------------------------------------------------------- */

/* Other owners and capabilities are root's to give. */
static int needs_root(const struct scenario *s)
{
	return (s->setup & (S_OWNER | S_CAPS)) || s->owner;
}

static void add_job(struct board *board, const struct scenario *s, unsigned missing, int on_disk)
{
	struct pool_job job = {s, missing, on_disk, needs_root(s), ""};

	snprintf(job.title, sizeof job.title, "%s%s%s%s%s", s->name,
	         missing & V_TMPFILE ? ", without O_TMPFILE" : "",
	         missing & V_FLAGS ? ", without renameat2" : "",
	         missing & V_COPY ? ", without copy_file_range" : "",
	         on_disk ? ", on the disk" : "");
	pool_add(board, &job);
}

static void add_variants(struct board *board, const struct pool_options *options,
                         const struct scenario *s)
{
	unsigned missing;

	for (missing = 1; missing <= MISSING_ALL; missing++) {
		int single = (missing & (missing - 1)) == 0;

		if (options->full ? single || missing == MISSING_ALL
		                  : !options->thin && single && (missing & s->variants))
			add_job(board, s, missing, 0);
	}
}

static void choose_jobs(struct board *board, const struct pool_options *options)
{
	size_t i;

	for (i = 0; i < scenario_count; i++) {
		const struct scenario *s = &scenarios[i];

		if (options->only && !strstr(s->name, options->only))
			continue;
		if (options->thin && !(s->flags & F_CORE))
			continue;
		add_job(board, s, 0, 0);
		add_variants(board, options, s);
		if (options->full || (s->flags & F_CORE && !options->thin))
			add_job(board, s, 0, 1);
	}
}

static void work(const struct pool_job *pooled, int full, struct report *report)
{
	static struct walk walk;
	const struct job job = {pooled->what, pooled->missing, pooled->on_disk};

	memset(&walk, 0, sizeof walk);
	walk.job = &job;
	walk.scenario = job.scenario;
	/* Where something is missing, or on the disk, the short walk is enough. */
	walk.full = full && !job.missing && !job.on_disk;
	walk.report = report;
	walk.counts = &report->counts;
	walk_job(&walk);
}

int main(int argc, char **argv)
{
	static const struct pool saves = {"walk", "saves", choose_jobs, work};

	setenv("COMMIT_JOURNAL_DIR", "reg", 1);
	return pool_main(&saves, argc, argv);
}
