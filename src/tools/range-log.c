/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "range-log.h"

#include "cli.h"
#include "human.h"
#include "jsonl.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const kinds[] = {
        [COMMIT_RANGE_BEGIN] = "begin",   [COMMIT_RANGE_WRITE] = "range",
        [COMMIT_RANGE_COMMIT] = "commit", [COMMIT_RANGE_COMPLETE] = "complete",
        [COMMIT_RANGE_ABORT] = "abort",   [COMMIT_RANGE_UNKNOWN] = "unknown",
};

static const char *const decisions[] = {
        [COMMIT_RANGE_NOTHING] = "nothing", [COMMIT_RANGE_FORWARD] = "roll-forward",
        [COMMIT_RANGE_BACK] = "take-back",  [COMMIT_RANGE_CONFLICT] = "conflict",
        [COMMIT_RANGE_DAMAGED] = "damaged",
};

static const char *protocol_name(const struct commit_range_record *record)
{
	return record->protocol == COMMIT_WRITE_BEHIND ? "write-behind" : "write-ahead";
}

static void print_line(const struct commit_range_record *record)
{
	char when[HUMAN_SIZE];
	char more[HUMAN_SIZE + 32] = "";

	if (record->kind == COMMIT_RANGE_BEGIN)
		snprintf(more, sizeof(more), " %s %s", protocol_name(record),
		         human_time(record->time, when));
	if (record->kind == COMMIT_RANGE_WRITE)
		snprintf(more, sizeof(more), " at %" PRIu64 " length %" PRIu64, record->offset,
		         record->length);
	cli_print("%" PRIu64 " %s transaction %" PRIu64 " salt %016" PRIx64 " durable %" PRIu64
	          "%s",
	          record->position, kinds[record->kind], record->transaction, record->salt,
	          record->durable, more);
}

static void print_object(const struct commit_range_record *record)
{
	struct json_t *line = jsonl_new();
	char text[HUMAN_SIZE];

	jsonl_text(line, "record", kinds[record->kind]);
	jsonl_number(line, "position", record->position);
	jsonl_number(line, "transaction", record->transaction);
	snprintf(text, sizeof(text), "%016" PRIx64, record->salt);
	jsonl_text(line, "salt", text);
	jsonl_number(line, "durable", record->durable);
	if (record->kind == COMMIT_RANGE_BEGIN) {
		jsonl_text(line, "protocol", protocol_name(record));
		jsonl_text(line, "time", human_time(record->time, text));
	}
	if (record->kind == COMMIT_RANGE_WRITE) {
		jsonl_number(line, "offset", record->offset);
		jsonl_number(line, "length", record->length);
	}
	jsonl_print(line);
}

static int found(void *context, const struct commit_range_record *record)
{
	const struct range_options *options = context;

	if (options->json)
		print_object(record);
	else
		print_line(record);
	return 0;
}

static void print_log(const struct range_options *options, const struct commit_range_log *log)
{
	struct json_t *line = options->json ? jsonl_new() : NULL;

	if (!options->json && log->path[0] == '\0')
		cli_print("no log: %s", log->reason);
	else if (!options->json)
		cli_print("log %s: epoch %" PRIu64 ", tail %" PRIu64 ", end %" PRIu64 ", %" PRIu64
		          " segments, %" PRIu64 " records, %" PRIu64
		          " bytes of a torn tail; recovery: %s, %s",
		          log->path, log->epoch, log->tail, log->end, log->segments, log->records,
		          log->dropped, decisions[log->decision], log->reason);
	jsonl_bool(line, "summary", true);
	jsonl_path(line, "log", log->path[0] != '\0' ? log->path : NULL);
	jsonl_number(line, "epoch", log->epoch);
	jsonl_number(line, "tail", log->tail);
	jsonl_number(line, "end", log->end);
	jsonl_number(line, "segments", log->segments);
	jsonl_number(line, "records", log->records);
	jsonl_number(line, "dropped", log->dropped);
	if (log->decision == COMMIT_RANGE_DAMAGED)
		jsonl_number(line, "damaged", log->damaged);
	jsonl_text(line, "recovery", decisions[log->decision]);
	jsonl_text(line, "reason", log->reason);
	jsonl_print(line);
}

int range_log(const struct range_options *options, struct commit_error *err)
{
	struct commit_range_log log;
	int rc =
	        commit_range_log(options->file, &options->range, found, (void *)options, &log, err);

	if (rc != COMMIT_OK)
		return rc;
	print_log(options, &log);
	if (log.decision == COMMIT_RANGE_CONFLICT || log.decision == COMMIT_RANGE_DAMAGED)
		return cli_fail(err, COMMIT_ECONFLICT, 0, "log", options->file, "%s", log.reason);
	return COMMIT_OK;
}
