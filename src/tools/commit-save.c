/* SPDX-License-Identifier: ISC */
/* commit-save - replace one file so that it is always wholly old or new */
#include <config.h>

#include "args.h"
#include "cli.h"
#include "human.h"
#include "jsonl.h"
#include "progress.h"
#include "save-options.h"
#include "save-source.h"
#include "save-validate.h"
#include "signals.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct run {
	const struct save_options *options;
	struct commit_save *save;
	struct source source;
	/* size of what was put into the save */
	uint64_t copied;
	struct commit_save_result result;
	struct commit_error err;
	/* NULL without --json */
	struct json_t *json;
};

static void warn(void *context, const struct commit_error *warning)
{
	struct run *run = context;

	cli_warning(warning);
	jsonl_append_error(run->json, "warnings", warning);
}

/* Of standard input and of a command nobody knows how much will come. */
static void tell_progress(void *context, uint64_t bytes)
{
	const struct run *run = context;
	uint64_t size = source_size(&run->source);
	char done[HUMAN_SIZE], all[HUMAN_SIZE];

	if (!progress_is_due())
		return;
	if (size >= bytes && size > 0)
		progress_show("%s of %s copied", human_bytes(bytes, done), human_bytes(size, all));
	else
		progress_show("%s copied", human_bytes(bytes, done));
}

static int validate(void *context, const char *staged, const char *target, struct commit_error *err)
{
	const struct run *run = context;

	/* it may write to the terminal */
	progress_end();
	return validate_run(run->options->validate, staged, target, err);
}

/*
 * An in-place edit that was interrupted is finished by the open of the next
 * save. A dry run stops before that, for it would change the file.
 */
static int look_for_pending(const struct save_options *options, struct commit_error *err)
{
	char token[COMMIT_TOKEN_SIZE];
	int rc = options->dry_run
	                 ? commit_save_token(options->file, options->save.symlink, token, err)
	                 : COMMIT_OK;

	/* other errors are for the open to tell of, in its own words */
	return rc == COMMIT_EPENDING ? rc : COMMIT_OK;
}

static int splice(void *save, int fd, uint64_t *copied, struct commit_error *err)
{
	return commit_save_splice(save, fd, copied, err);
}

static int write_bytes(void *save, const void *bytes, size_t length, struct commit_error *err)
{
	return commit_save_write(save, bytes, length, err);
}

static int fill(struct run *run)
{
	const struct source_sink sink = {splice, write_bytes, run->save};

	return source_fill(&run->source, &sink, &run->copied, &run->err);
}

/* All that can fail, and that leaves no trace if it does. */
static int prepare(struct run *run)
{
	const struct save_options *options = run->options;
	const struct source_wish wish = {options->from, options->command, options->accepted,
	                                 options->file};
	struct commit_save_options save = options->save;
	int rc;

	save.cancel_fd = signals_cancel_fd();
	save.warn = warn;
	save.progress = tell_progress;
	save.validate = options->validate != NULL ? validate : NULL;
	save.context = run;
	rc = source_open(&run->source, &wish, &save.create_mode, &run->err);
	if (source_is_brief(&run->source))
		save.flags |= COMMIT_SAVE_BRIEF;
	if (rc == COMMIT_OK)
		rc = look_for_pending(options, &run->err);
	if (rc == COMMIT_OK)
		rc = commit_save_open(&run->save, options->file, &save, &run->err);
	if (rc == COMMIT_OK && options->validate != NULL)
		rc = validate_check(options->validate, commit_save_target(run->save), &run->err);
	if (rc == COMMIT_OK)
		rc = fill(run);
	progress_wait("waiting for the disk");
	if (rc == COMMIT_OK)
		rc = commit_save_finish(run->save, &run->err);
	progress_end();
	return rc;
}

/* For -n: the result that a commit would have now. */
static void foresee(struct run *run)
{
	struct stat old;

	run->result.outcome = commit_save_outcome(run->save);
	run->result.bytes = run->copied;
	if ((run->options->save.flags & COMMIT_SAVE_APPEND) != 0 &&
	    stat(commit_save_target(run->save), &old) == 0)
		run->result.bytes += (uint64_t)old.st_size;
}

static int carry_out(struct run *run)
{
	int rc = prepare(run);

	if (rc == COMMIT_OK && run->options->dry_run)
		foresee(run);
	else if (rc == COMMIT_OK)
		rc = commit_save_commit(run->save, &run->result, &run->err);
	commit_save_close(run->save);
	source_close(&run->source);
	return rc;
}

static const char *outcome_name(enum commit_outcome outcome)
{
	switch (outcome) {
	case COMMIT_SAVED:
		return "saved";
	case COMMIT_CREATED:
		return "created";
	case COMMIT_UNCHANGED:
		return "unchanged";
	case COMMIT_EDITED:
		return "edited";
	}
	return "failed";
}

static void print_forecast(const struct run *run)
{
	const char *file = run->options->file;
	unsigned long long bytes = run->result.bytes;

	switch (run->result.outcome) {
	case COMMIT_SAVED:
		cli_print("would replace %s (%llu bytes)", file, bytes);
		break;
	case COMMIT_CREATED:
		cli_print("would create %s (%llu bytes)", file, bytes);
		break;
	case COMMIT_EDITED:
		cli_print("would edit %s in place (%llu bytes)", file, bytes);
		break;
	case COMMIT_UNCHANGED:
		cli_print("unchanged %s", file);
		break;
	}
}

static void print_result(const struct run *run)
{
	const struct commit_save_result *result = &run->result;
	bool backup = result->backup[0] != '\0';

	cli_say(run->options->file, "%s, %llu bytes, %u flushes%s%s", outcome_name(result->outcome),
	        (unsigned long long)result->bytes, result->flushes,
	        backup ? ", old content in " : "", result->backup);
}

/* The object of --json; `committed` means that result is filled in. */
static void print_json(struct run *run, int rc, bool committed, int status)
{
	const struct commit_save_result *result = &run->result;
	bool known = committed || (rc == COMMIT_OK && run->options->dry_run);

	jsonl_path(run->json, "path", run->options->file);
	jsonl_text(run->json, "outcome", known ? outcome_name(result->outcome) : "failed");
	jsonl_bool(run->json, "would", run->options->dry_run);
	jsonl_number(run->json, "bytes", result->bytes);
	jsonl_number(run->json, "flushes", result->flushes);
	jsonl_path(run->json, "backup", result->backup[0] != '\0' ? result->backup : NULL);
	jsonl_number(run->json, "exit", (uint64_t)status);
	jsonl_error(run->json, "error", rc != COMMIT_OK ? &run->err : NULL);
	jsonl_array(run->json, "warnings");
	jsonl_print(run->json);
}

/* Says what was done; returns the exit status. */
static int report(struct run *run, int rc)
{
	const struct save_options *options = run->options;
	bool committed = !options->dry_run && (rc == COMMIT_OK || rc == COMMIT_EPENDING);
	bool unchanged = rc == COMMIT_OK && run->result.outcome == COMMIT_UNCHANGED;
	int status = unchanged && options->unchanged >= 0 ? options->unchanged : cli_exit(rc);

	if (rc < 0)
		cli_error(&run->err);
	else if (!options->dry_run && cli.verbose)
		print_result(run);
	else if (options->dry_run && !options->json)
		print_forecast(run);
	print_json(run, rc, committed, status);
	/* what was committed is not undone by a reader that went away */
	if ((options->json || options->dry_run) && cli_flush() != COMMIT_OK &&
	    (unchanged || (rc == COMMIT_OK && !committed)))
		return -COMMIT_EFAILED;
	return status;
}

static int print_token(const struct save_options *options, struct json_t *json)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	char token[COMMIT_TOKEN_SIZE];
	int rc = commit_save_token(options->file, options->save.symlink, token, &err);

	jsonl_path(json, "path", options->file);
	jsonl_text(json, "token", rc == COMMIT_OK ? token : NULL);
	jsonl_number(json, "exit", (uint64_t)-rc);
	jsonl_error(json, "error", rc != COMMIT_OK ? &err : NULL);
	if (rc != COMMIT_OK)
		cli_error(&err);
	else if (json == NULL)
		puts(token);
	jsonl_print(json);
	if ((rc == COMMIT_OK || json != NULL) && cli_flush() != COMMIT_OK && rc == COMMIT_OK)
		rc = COMMIT_EFAILED;
	return cli_exit(rc);
}

int main(int argc, char **argv)
{
	struct save_options options;
	struct run run = {.options = &options, .source = {.fd = -1}, .err = COMMIT_ERROR_INIT};
	int rc;

	cli_start("commit-save");
	rc = save_options_parse(&options, argc, argv);
	if (rc != COMMIT_OK)
		return cli_exit(rc);
	run.json = options.json ? jsonl_new() : NULL;
	if (options.token)
		return print_token(&options, run.json);
	rc = signals_open(&run.err);
	if (rc == COMMIT_OK)
		rc = carry_out(&run);
	return report(&run, rc);
}
