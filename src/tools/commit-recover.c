/* SPDX-License-Identifier: ISC */
/* commit-recover - finish or remove what interrupted saves left behind */
#include <config.h>

#include "cli.h"
#include "progress.h"
#include "recover-options.h"
#include "recover-owner.h"
#include "recover-page.h"
#include "recover-report.h"
#include "recover-spool.h"
#include "signals.h"

#include <inttypes.h>

struct run {
	const struct recover_options *options;
	struct recover_tally tally;
	struct recover_owner_jobs jobs;
};

static void found(void *context, const struct commit_finding *finding)
{
	struct run *run = context;

	/* what its owner deals with later is reported then */
	if (!run->options->as_owner || !recover_owner_add(&run->jobs, finding))
		recover_report_finding(run->options, &run->tally, finding);
}

static void warn(void *context, const struct commit_error *warning)
{
	const struct run *run = context;

	cli_warning(warning);
	recover_spool_trouble(run->options->spool, warning);
}

static void store(void *context, const char *root)
{
	const struct run *run = context;

	recover_spool_store(run->options->spool, root);
}

/* Of all paths: those before this one are in the tally. */
static void tell_progress(void *context, uint64_t scanned)
{
	const struct run *run = context;

	if (progress_is_due())
		progress_show("%" PRIu64 " directory entries looked at",
		              run->tally.scanned + scanned);
}

static void scan_path(struct run *run, const char *path)
{
	struct commit_recover_options scan = run->options->scan;
	struct commit_recover_totals totals = {0};
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc;

	scan.cancel_fd = signals_cancel_fd();
	scan.found = found;
	scan.warn = warn;
	scan.store = store;
	scan.progress = tell_progress;
	scan.context = run;
	rc = commit_recover_scan(path, &scan, &totals, &err);
	if (rc < 0) {
		cli_error(&err);
		/* what a finding has told already is not told again */
		if ((rc != COMMIT_ECONFLICT && rc != COMMIT_EPENDING) || scan.resolve != NULL)
			recover_spool_trouble(run->options->spool, &err);
	}
	run->tally.scanned += totals.scanned;
	run->tally.code = recover_graver(run->tally.code, rc);
}

/* Nothing is written of a run that was stopped. */
static void write_report(struct run *run,
                         int (*write)(const struct recover_options *options,
                                      const struct recover_tally *tally, struct commit_error *err))
{
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc = run->tally.code != COMMIT_ECANCELED ? write(run->options, &run->tally, &err)
	                                             : COMMIT_OK;

	if (rc < 0)
		cli_error(&err);
	run->tally.code = recover_graver(run->tally.code, rc);
}

static int recover(struct run *run)
{
	const struct recover_options *options = run->options;

	progress_begin();
	for (int i = 0; i < options->path_count && run->tally.code != COMMIT_ECANCELED; i++)
		scan_path(run, options->paths[i]);
	progress_end();
	recover_owner_run(&run->jobs, options, &run->tally);
	recover_owner_release(&run->jobs);
	if (options->scan.resolve != NULL && run->tally.code == COMMIT_OK &&
	    recover_count(&run->tally) == 0 && !cli.quiet)
		cli_say(options->scan.resolve, "there is no such unfinished transaction: it has "
		                               "ended, or is in another place");
	if (options->prom != NULL)
		write_report(run, recover_write_metrics);
	if (options->html != NULL)
		write_report(run, recover_page_write);
	return recover_status(options, &run->tally);
}

/* What is wrong with the command line has been said by then. */
static int start(struct recover_options *options, int argc, char **argv)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc = recover_options_parse(options, argc, argv);

	if (rc == COMMIT_OK)
		rc = signals_open(&err);
	if (rc == COMMIT_OK && options->html != NULL)
		rc = recover_spool_open(&options->spool, &err);
	if (err.code < 0)
		cli_error(&err);
	return rc;
}

/* Something was to be read on standard output. */
static bool has_spoken(const struct run *run)
{
	return run->options->json || recover_count(&run->tally) > 0 ||
	       recover_page_is_output(run->options);
}

int main(int argc, char **argv)
{
	struct recover_options options;
	struct run run = {.options = &options};
	int status;
	int rc;

	cli_start("commit-recover");
	rc = start(&options, argc, argv);
	if (rc == COMMIT_OK) {
		status = recover(&run);
		recover_report_run(&options, &run.tally, status);
		/* findings that nobody could read are a failure, if nothing graver happened */
		if (has_spoken(&run) && cli_flush() != COMMIT_OK && status == 0)
			status = -COMMIT_EFAILED;
	} else {
		status = cli_exit(rc);
	}
	recover_options_release(&options);
	return status;
}
