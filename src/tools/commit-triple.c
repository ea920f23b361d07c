/* SPDX-License-Identifier: ISC */
/* commit-triple - one file as three copies that outlive a device */
#include <config.h>

#include "cli.h"
#include "progress.h"
#include "save-source.h"
#include "signals.h"
#include "triple-options.h"
#include "triple-report.h"
#include "triple-scrub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run {
	const struct triple_options *options;
	struct commit_triple_options triple;
	struct triple_tally tally;
	struct commit_triple_result result;
	struct commit_error err;
};

static void warn(void *context, const struct commit_error *warning)
{
	(void)context;
	cli_warning(warning);
}

static const char *const *paths_of(const struct run *run)
{
	return (const char *const *)run->options->operands;
}

/* --- write --- */

static int splice(void *triple, int fd, uint64_t *copied, struct commit_error *err)
{
	return commit_triple_splice(triple, fd, copied, err);
}

static int write_bytes(void *triple, const void *bytes, size_t length, struct commit_error *err)
{
	return commit_triple_write(triple, bytes, length, err);
}

static int write_copies(struct run *run)
{
	const struct triple_options *options = run->options;
	const struct source_wish wish = {options->from, options->producer, options->accepted,
	                                 options->operands[0]};
	struct commit_triple *triple = NULL;
	struct source_sink sink = {splice, write_bytes, NULL};
	struct source source;
	uint64_t copied = 0;
	int rc = source_open(&source, &wish, &run->triple.create_mode, &run->err);

	if (rc == COMMIT_OK)
		rc = commit_triple_open(&triple, paths_of(run), &run->triple, &run->err);
	sink.to = triple;
	if (rc == COMMIT_OK)
		rc = source_fill(&source, &sink, &copied, &run->err);
	if (rc == COMMIT_OK)
		rc = commit_triple_commit(triple, &run->result, &run->err);
	commit_triple_close(triple);
	source_close(&source);
	return rc;
}

/* --- read --- */

static int put_stdout(void *context, const void *bytes, size_t length, struct commit_error *err)
{
	const char *at = bytes;
	ssize_t done;

	(void)context;
	while (length > 0) {
		if (signals_pending() != 0)
			return cli_fail(err, COMMIT_ECANCELED, EINTR, "write", "standard output",
			                "stopped by a signal");
		done = write(STDOUT_FILENO, at, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return cli_fail(err, COMMIT_EFAILED, errno, "write", "standard output",
			                "%s", strerror(errno));
		at += done;
		length -= (size_t)done;
	}
	return COMMIT_OK;
}

static int put_save(void *save, const void *bytes, size_t length, struct commit_error *err)
{
	return commit_save_write(save, bytes, length, err);
}

static int read_to_file(struct run *run)
{
	struct commit_save_options save_options;
	struct commit_save *save = NULL;
	int rc;

	commit_save_options_init(&save_options);
	save_options.flags = COMMIT_SAVE_ALLOW_EMPTY;
	save_options.cancel_fd = signals_cancel_fd();
	save_options.warn = warn;
	rc = commit_save_open(&save, run->options->to, &save_options, &run->err);
	if (rc == COMMIT_OK)
		rc = commit_triple_read(paths_of(run), &run->triple, put_save, save, &run->result,
		                        &run->err);
	if (rc == COMMIT_OK)
		rc = commit_save_finish(save, &run->err);
	if (rc == COMMIT_OK && !run->options->dry_run)
		rc = commit_save_commit(save, NULL, &run->err);
	commit_save_close(save);
	return rc;
}

static int read_copies(struct run *run)
{
	if (run->options->to != NULL)
		return read_to_file(run);
	if (cli_was_closed(STDOUT_FILENO))
		return cli_fail(&run->err, COMMIT_EFAILED, EBADF, "write", "standard output",
		                "it is closed; give --to=FILE");
	return commit_triple_read(paths_of(run), &run->triple, put_stdout, NULL, &run->result,
	                          &run->err);
}

/* --- both --- */

static int one_set(struct run *run)
{
	int rc;

	progress_begin();
	rc = run->options->command == TRIPLE_WRITE ? write_copies(run) : read_copies(run);
	progress_end();
	if (rc < 0)
		cli_error(&run->err);
	if (rc == COMMIT_ECANCELED)
		return cli_exit(rc);
	triple_report_set(run->options, &run->tally, paths_of(run), &run->result, rc, &run->err);
	if (cli.verbose && rc == COMMIT_OK)
		cli_say(run->options->operands[0],
		        "version %llu, %llu bytes, %u copies, %u flushes",
		        (unsigned long long)run->result.version,
		        (unsigned long long)run->result.bytes, run->result.good,
		        run->result.flushes);
	if (run->options->json && cli_flush() != COMMIT_OK && rc == COMMIT_OK &&
	    run->options->command == TRIPLE_READ)
		rc = COMMIT_EFAILED;
	return cli_exit(rc);
}

static int many_sets(struct run *run)
{
	const struct triple_options *options = run->options;
	bool many = options->recursive || options->list != NULL;
	int status, rc;

	progress_begin();
	if (many)
		scrub_all(options, &run->tally);
	else
		scrub_set(options, &run->tally, paths_of(run), 0);
	progress_end();
	if (options->prom != NULL && run->tally.code != COMMIT_ECANCELED) {
		rc = triple_write_metrics(options, &run->tally, &run->err);
		if (rc < 0)
			cli_error(&run->err);
		if (rc < 0 && run->tally.code == COMMIT_OK)
			run->tally.code = rc;
	}
	status = triple_status(options, &run->tally);
	if (many)
		triple_report_run(options, &run->tally, status);
	if (cli_flush() != COMMIT_OK && status == 0)
		status = -COMMIT_EFAILED;
	return status;
}

int main(int argc, char **argv)
{
	struct triple_options options;
	struct run run = {.options = &options, .err = COMMIT_ERROR_INIT};
	int status, rc;

	cli_start("commit-triple");
	rc = triple_options_parse(&options, argc, argv);
	if (rc == COMMIT_OK && (rc = signals_open(&run.err)) < 0)
		cli_error(&run.err);
	run.triple = options.triple;
	run.triple.cancel_fd = signals_cancel_fd();
	run.triple.warn = warn;
	run.triple.progress = triple_progress;
	run.result.raw_choice = -1;
	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++)
		run.result.copies[i].state = COMMIT_COPY_UNKNOWN;
	if (rc != COMMIT_OK)
		status = cli_exit(rc);
	else if (options.command == TRIPLE_WRITE || options.command == TRIPLE_READ)
		status = one_set(&run);
	else
		status = many_sets(&run);
	triple_options_release(&options);
	return status;
}
