/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "triple-report.h"

#include "cli.h"
#include "human.h"
#include "jsonl.h"
#include "progress.h"
#include "textfile.h"
#include "recover-report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const state_names[TRIPLE_STATES] = {
        [COMMIT_COPY_GOOD] = "good",
        [COMMIT_COPY_UNSETTLED] = "unsettled",
        [COMMIT_COPY_STALE] = "stale",
        [COMMIT_COPY_DAMAGED] = "damaged",
        [COMMIT_COPY_MISSING] = "missing",
        [COMMIT_COPY_MISPLACED] = "misplaced",
        [COMMIT_COPY_EDITED] = "edited",
        [COMMIT_COPY_FOREIGN] = "foreign",
        [COMMIT_COPY_UNREACHABLE] = "unreachable",
        [COMMIT_COPY_UNKNOWN] = "unknown",
};

static const char *const letters[COMMIT_TRIPLE_COPIES] = {"A", "B", "C"};

static const char *const command_names[] = {
        [TRIPLE_WRITE] = "write",   [TRIPLE_READ] = "read",     [TRIPLE_CHECK] = "check",
        [TRIPLE_REPAIR] = "repair", [TRIPLE_STATUS] = "status",
};

static void format_set(const unsigned char set[16], char text[33])
{
	for (int i = 0; i < 16; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", set[i]);
}

static void print_copy(const char *letter, const char *path, const struct commit_triple_copy *copy)
{
	char version[64] = "", blocks[64] = "", error[64] = "";

	if (copy->version > 0)
		snprintf(version, sizeof(version), ", version %" PRIu64, copy->version);
	if (copy->bad_blocks > 0)
		snprintf(blocks, sizeof(blocks), ", %" PRIu64 " blocks bad", copy->bad_blocks);
	if (copy->errnum != 0)
		snprintf(error, sizeof(error), ", %s", commit_errno_name(copy->errnum));
	cli_print("%s %s %s%s%s%s%s", letter, path, state_names[copy->state], version, blocks,
	          error, copy->repaired ? ", repaired" : "");
}

static void print_copy_object(const char *letter, const char *path,
                              const struct commit_triple_copy *copy)
{
	struct json_t *line = jsonl_new();

	jsonl_text(line, "copy", letter);
	jsonl_path(line, "path", path);
	jsonl_text(line, "state", state_names[copy->state]);
	jsonl_number(line, "generation", copy->version);
	jsonl_number(line, "bad_blocks", copy->bad_blocks);
	jsonl_bool(line, "repaired", copy->repaired != 0);
	jsonl_text(line, "errno", copy->errnum != 0 ? commit_errno_name(copy->errnum) : NULL);
	jsonl_print(line);
}

static void print_set_object(const struct triple_options *options,
                             const struct commit_triple_result *result, int code,
                             const struct commit_error *err)
{
	struct json_t *line = jsonl_new();
	char set[33];

	format_set(result->set, set);
	jsonl_text(line, "command", command_names[options->command]);
	jsonl_text(line, "set", set);
	jsonl_bool(line, "would", options->dry_run);
	jsonl_number(line, "generation", result->version);
	jsonl_number(line, "bytes", result->bytes);
	jsonl_number(line, "good", result->good);
	jsonl_number(line, "repaired", result->repaired);
	jsonl_number(line, "wanting", result->wanting);
	jsonl_number(line, "flushes", result->flushes);
	jsonl_text(line, "raw", result->raw_choice >= 0 ? letters[result->raw_choice] : NULL);
	jsonl_number(line, "code", (uint64_t)-code);
	jsonl_error(line, "error", code < 0 ? err : NULL);
	jsonl_print(line);
}

static void add(struct triple_tally *tally, const struct commit_triple_result *result, int code)
{
	tally->sets++;
	tally->repaired += result->repaired;
	tally->wanting += result->wanting;
	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++) {
		tally->states[result->copies[i].state]++;
		tally->bad_blocks += result->copies[i].bad_blocks;
	}
	tally->code = recover_graver(tally->code, code);
}

void triple_report_set(const struct triple_options *options, struct triple_tally *tally,
                       const char *const paths[COMMIT_TRIPLE_COPIES],
                       const struct commit_triple_result *result, int code,
                       const struct commit_error *err)
{
	bool looks = options->command != TRIPLE_WRITE && options->command != TRIPLE_READ;
	bool all = options->command == TRIPLE_STATUS || cli.verbose;

	add(tally, result, code);
	for (int i = 0; i < COMMIT_TRIPLE_COPIES; i++) {
		const struct commit_triple_copy *copy = &result->copies[i];

		if (options->json)
			print_copy_object(letters[i], paths[i], copy);
		else if (looks && (all || copy->state != COMMIT_COPY_GOOD))
			print_copy(letters[i], paths[i], copy);
	}
	if (options->json)
		print_set_object(options, result, code, err);
	/* what was done is known even if we are killed before the end */
	cli_push();
}

int triple_status(const struct triple_options *options, const struct triple_tally *tally)
{
	enum { REPAIRED = 10 };
	int code = tally->code;

	if (tally->states[COMMIT_COPY_UNREACHABLE] > 0)
		code = recover_graver(code, COMMIT_EFAILED);
	if (code != COMMIT_OK)
		return cli_exit(code);
	return (tally->repaired > 0 || tally->wanting > 0 ||
	        tally->states[COMMIT_COPY_UNSETTLED] > 0) &&
	                       !options->repaired_ok
	               ? REPAIRED
	               : 0;
}

void triple_report_run(const struct triple_options *options, const struct triple_tally *tally,
                       int status)
{
	struct json_t *line = options->json ? jsonl_new() : NULL;

	if (cli.verbose)
		cli_say(NULL,
		        "%" PRIu64 " sets, %" PRIu64 " copies repaired, %" PRIu64 " to repair",
		        tally->sets, tally->repaired, tally->wanting);
	jsonl_bool(line, "summary", true);
	jsonl_number(line, "sets", tally->sets);
	for (int i = 0; i < TRIPLE_STATES; i++)
		jsonl_number(line, state_names[i], tally->states[i]);
	jsonl_number(line, "bad_blocks", tally->bad_blocks);
	jsonl_number(line, "repaired", tally->repaired);
	jsonl_number(line, "wanting", tally->wanting);
	jsonl_number(line, "exit", (uint64_t)status);
	jsonl_print(line);
}

static void print_metrics(FILE *stream, const void *context)
{
	const struct triple_tally *tally = context;

	fputs("# HELP commit_triple_copies Copies, by what they were found to be.\n"
	      "# TYPE commit_triple_copies gauge\n",
	      stream);
	for (int i = 0; i < TRIPLE_STATES; i++)
		fprintf(stream, "commit_triple_copies{state=\"%s\"} %" PRIu64 "\n", state_names[i],
		        tally->states[i]);
	fprintf(stream,
	        "# HELP commit_triple_sets Sets that were looked at.\n"
	        "# TYPE commit_triple_sets gauge\n"
	        "commit_triple_sets %" PRIu64 "\n"
	        "# HELP commit_triple_bad_blocks Blocks that were bad.\n"
	        "# TYPE commit_triple_bad_blocks gauge\n"
	        "commit_triple_bad_blocks %" PRIu64 "\n"
	        "# HELP commit_triple_repaired_copies Copies that were rewritten.\n"
	        "# TYPE commit_triple_repaired_copies gauge\n"
	        "commit_triple_repaired_copies %" PRIu64 "\n"
	        "# HELP commit_triple_last_run_timestamp_seconds When this was counted.\n"
	        "# TYPE commit_triple_last_run_timestamp_seconds gauge\n"
	        "commit_triple_last_run_timestamp_seconds %jd\n",
	        tally->sets, tally->bad_blocks, tally->repaired, (intmax_t)time(NULL));
}

int triple_write_metrics(const struct triple_options *options, const struct triple_tally *tally,
                         struct commit_error *err)
{
	return textfile_write(options->prom, print_metrics, tally, err);
}

void triple_progress(void *context, uint64_t bytes)
{
	char text[HUMAN_SIZE];

	(void)context;
	if (progress_is_due())
		progress_show("%s read", human_bytes(bytes, text));
}
