/* SPDX-License-Identifier: ISC */
/* commit-range - edit ranges of a big file in place, all or nothing */
#include <config.h>

#include "cli.h"
#include "jsonl.h"
#include "range-log.h"
#include "range-options.h"
#include "range-script.h"
#include "signals.h"

#include <inttypes.h>

static void print_json(const struct range_options *options, int rc, bool committed,
                       const struct commit_range_result *result, const struct commit_error *err)
{
	struct json_t *line = options->json ? jsonl_new() : NULL;

	jsonl_path(line, "path", options->file);
	jsonl_bool(line, "committed", committed && !options->range.dry_run);
	jsonl_bool(line, "would", options->range.dry_run != 0);
	jsonl_number(line, "ranges", result->ranges);
	jsonl_number(line, "bytes", result->bytes);
	jsonl_number(line, "old_size", result->old_size);
	jsonl_number(line, "new_size", result->new_size);
	jsonl_number(line, "flushes", result->flushes);
	jsonl_number(line, "exit", (uint64_t)(rc == COMMIT_ECANCELED ? 1 : -rc));
	jsonl_error(line, "error", rc < 0 ? err : NULL);
	jsonl_print(line);
}

static void say(const struct range_options *options, const struct commit_range_result *result)
{
	const char *would = options->range.dry_run ? "would write" : "wrote";

	if (options->range.dry_run && !options->json)
		cli_print("%s: %s %" PRIu64 " ranges, %" PRIu64 " bytes", options->file, would,
		          result->ranges, result->bytes);
	else if (cli.verbose)
		cli_say(options->file, "%s %" PRIu64 " ranges, %" PRIu64 " bytes, %u flushes",
		        would, result->ranges, result->bytes, result->flushes);
}

/* An edit without ranges that is meant to be none is done. */
static int commit(struct commit_range *edit, const struct range_options *options,
                  struct commit_range_result *result, bool *committed, struct commit_error *err)
{
	int rc = commit_range_commit(edit, result, err);

	if (rc == COMMIT_EREFUSED && options->allow_empty)
		return COMMIT_OK;
	*committed = rc == COMMIT_OK || rc == COMMIT_EPENDING;
	if (rc == COMMIT_OK)
		say(options, result);
	return rc;
}

static int edit_file(const struct range_options *options, struct commit_error *err)
{
	struct commit_range_options range = options->range;
	struct commit_range_result result = {0};
	struct commit_range *edit = NULL;
	bool committed = false;
	int rc;

	range.cancel_fd = signals_cancel_fd();
	rc = commit_range_open(options->file, &range, &edit, err);
	if (rc == COMMIT_OK)
		rc = options->command == RANGE_WRITE ? range_script_write(edit, options, err)
		                                     : range_script_apply(edit, options, err);
	if (rc == COMMIT_OK)
		rc = commit(edit, options, &result, &committed, err);
	commit_range_close(edit);
	if (rc < 0)
		cli_error(err);
	print_json(options, rc, committed, &result, err);
	/* what was committed is not undone by a reader that went away */
	if (rc == COMMIT_OK && (options->json || range.dry_run) && cli_flush() != COMMIT_OK &&
	    !committed)
		rc = COMMIT_EFAILED;
	return rc;
}

static int show_log(const struct range_options *options, struct commit_error *err)
{
	int rc = range_log(options, err);

	if (rc < 0)
		cli_error(err);
	if (cli_flush() != COMMIT_OK && rc == COMMIT_OK)
		rc = COMMIT_EFAILED;
	return rc;
}

int main(int argc, char **argv)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	struct range_options options;
	int rc;

	cli_start("commit-range");
	rc = range_options_parse(&options, argc, argv);
	if (rc == COMMIT_OK && (rc = signals_open(&err)) < 0)
		cli_error(&err);
	else if (rc == COMMIT_OK)
		rc = options.command == RANGE_LOG ? show_log(&options, &err)
		                                  : edit_file(&options, &err);
	return cli_exit(rc);
}
