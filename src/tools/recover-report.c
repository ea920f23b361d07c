/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-report.h"

#include "cli.h"
#include "human.h"
#include "jsonl.h"
#include "recover-spool.h"
#include "textfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const decision_names[RECOVER_DECISIONS] = {
        [COMMIT_DECIDE_LIVE] = "live",         [COMMIT_DECIDE_YOUNG] = "young",
        [COMMIT_DECIDE_UNPROVEN] = "unproven", [COMMIT_DECIDE_FOREIGN] = "foreign",
        [COMMIT_DECIDE_REMOVE] = "remove",     [COMMIT_DECIDE_ROLL_FORWARD] = "roll-forward",
        [COMMIT_DECIDE_CONFLICT] = "conflict", [COMMIT_DECIDE_TAKE_BACK] = "take-back",
        [COMMIT_DECIDE_BESIDE] = "beside",     [COMMIT_DECIDE_LEAK] = "leak",
        [COMMIT_DECIDE_DISASTER] = "disaster",
};

static const char *const invariants[] = {
        [1] = "nothing is used for two purposes",
        [2] = "everything is whole",
        [3] = "what is referred to exists",
        [4] = "what exists is referred to or live",
};

const char *recover_invariant(int number)
{
	return invariants[number];
}

/* A list tells the state of a transaction, not what would be done about it. */
static const char *word_of(const struct recover_options *options,
                           const struct commit_finding *finding)
{
	if (!(options->scan.flags & COMMIT_RECOVER_LIST) || finding->kind != COMMIT_FOUND_TXN)
		return decision_names[finding->decision];
	switch (finding->decision) {
	case COMMIT_DECIDE_LIVE:
		return "open";
	case COMMIT_DECIDE_REMOVE:
		return "dead";
	case COMMIT_DECIDE_ROLL_FORWARD:
		return "pending";
	default:
		return decision_names[finding->decision];
	}
}

static const char *kind_name(enum commit_finding_kind kind)
{
	switch (kind) {
	case COMMIT_FOUND_STAGED:
		return "staged";
	case COMMIT_FOUND_STAGE_DIR:
		return "stage-dir";
	case COMMIT_FOUND_IN_PLACE:
		return "in-place";
	case COMMIT_FOUND_TXN:
		return "transaction";
	case COMMIT_FOUND_STORE:
		return "store";
	case COMMIT_FOUND_FILE:
		return "file";
	case COMMIT_FOUND_RANGE:
		return "range";
	case COMMIT_FOUND_TRIPLE:
		return "triple";
	}
	return "unknown";
}

static int gravity(int code)
{
	static const int order[] = {COMMIT_EFAILED, COMMIT_EPENDING, COMMIT_EUNDECIDED,
	                            COMMIT_ECONFLICT, COMMIT_ECANCELED};

	if (code == COMMIT_OK)
		return 0;
	for (int i = 0; i < (int)(sizeof(order) / sizeof(order[0])); i++)
		if (order[i] == code)
			return i + 2;
	return 1;
}

int recover_graver(int a, int b)
{
	return gravity(a) >= gravity(b) ? a : b;
}

static void print_breach(const struct commit_finding *finding)
{
	cli_print("%s %s %s: breach of invariant %d, %s: %s", decision_names[finding->decision],
	          kind_name(finding->kind), finding->path, finding->invariant,
	          invariants[finding->invariant], finding->reason);
}

static void print_line(const char *word, const struct commit_finding *finding)
{
	char age[HUMAN_SIZE];
	char owner[HUMAN_SIZE];
	bool made_for = finding->target != NULL && finding->target[0] != '\0';
	bool failed = finding->code != COMMIT_OK && finding->errnum != 0;

	cli_print("%s %s %s: age %s, %" PRIu64 " bytes, owner %s%s%s: %s%s%s", word,
	          kind_name(finding->kind), finding->path, human_age(finding->age, age),
	          finding->size, human_user(finding->owner, owner), made_for ? ", for " : "",
	          made_for ? finding->target : "", finding->reason, failed ? "; not done: " : "",
	          failed ? commit_errno_name(finding->errnum) : "");
}

static void print_object(const char *word, const struct commit_finding *finding)
{
	struct json_t *line = jsonl_new();
	char owner[HUMAN_SIZE];
	bool failed = finding->code != COMMIT_OK && finding->errnum != 0;

	const char *slash = strrchr(finding->path, '/');

	jsonl_text(line, "decision", word);
	jsonl_text(line, "kind", kind_name(finding->kind));
	jsonl_path(line, "path", finding->path);
	if (finding->kind == COMMIT_FOUND_TXN)
		jsonl_text(line, "id", slash != NULL ? slash + 1 : finding->path);
	jsonl_path(line, "target",
	           finding->target != NULL && finding->target[0] != '\0' ? finding->target : NULL);
	jsonl_number(line, "age", (uint64_t)finding->age);
	jsonl_number(line, "size", finding->size);
	jsonl_number(line, "uid", finding->owner);
	jsonl_text(line, "owner", human_user(finding->owner, owner));
	jsonl_text(line, "reason", finding->reason);
	jsonl_bool(line, "done", finding->done != 0);
	jsonl_number(line, "code", (uint64_t)-finding->code);
	jsonl_text(line, "errno", failed ? commit_errno_name(finding->errnum) : NULL);
	if (finding->invariant > 0) {
		jsonl_number(line, "invariant", (uint64_t)finding->invariant);
		jsonl_text(line, "holds", invariants[finding->invariant]);
	}
	jsonl_print(line);
}

void recover_report_finding(const struct recover_options *options, struct recover_tally *tally,
                            const struct commit_finding *finding)
{
	tally->decisions[finding->decision]++;
	tally->repaired += finding->done != 0;
	tally->failed += finding->code != COMMIT_OK;
	tally->conflicts += finding->decision == COMMIT_DECIDE_CONFLICT;
	if (finding->decision == COMMIT_DECIDE_LIVE && !cli.verbose &&
	    !(options->scan.flags & COMMIT_RECOVER_LIST))
		return;
	recover_spool_finding(options->spool, finding);
	if (recover_page_is_output(options))
		return;
	if (options->json)
		print_object(word_of(options, finding), finding);
	else if (finding->invariant > 0)
		print_breach(finding);
	else
		print_line(word_of(options, finding), finding);
	/* what was done is known even if we are killed before the end */
	cli_push();
}

void recover_tally_add(struct recover_tally *sum, const struct recover_tally *more)
{
	for (int i = 0; i < RECOVER_DECISIONS; i++)
		sum->decisions[i] += more->decisions[i];
	sum->scanned += more->scanned;
	sum->repaired += more->repaired;
	sum->failed += more->failed;
	sum->conflicts += more->conflicts;
	sum->code = recover_graver(sum->code, more->code);
}

int recover_status(const struct recover_options *options, const struct recover_tally *tally)
{
	enum { REPAIRED = 10 };
	uint64_t leaks = tally->decisions[COMMIT_DECIDE_LEAK];
	int code = tally->code;

	if (tally->conflicts > 0 || tally->decisions[COMMIT_DECIDE_DISASTER] > 0)
		code = recover_graver(code, COMMIT_ECONFLICT);
	if (code != COMMIT_OK)
		return cli_exit(code);
	/* a leak is what the next run without --check would repair */
	return (tally->repaired > 0 || leaks > 0) && !options->repaired_ok ? REPAIRED : 0;
}

uint64_t recover_count(const struct recover_tally *tally)
{
	uint64_t sum = 0;

	for (int i = 0; i < RECOVER_DECISIONS; i++)
		sum += tally->decisions[i];
	return sum;
}

void recover_report_run(const struct recover_options *options, const struct recover_tally *tally,
                        int status)
{
	struct json_t *line = options->json ? jsonl_new() : NULL;

	if (cli.verbose)
		cli_say(NULL,
		        "%" PRIu64 " directory entries, %" PRIu64 " findings, %" PRIu64
		        " repaired, %" PRIu64 " not, %" PRIu64 " to be decided by a person",
		        tally->scanned, recover_count(tally), tally->repaired, tally->failed,
		        tally->conflicts);
	jsonl_bool(line, "summary", true);
	jsonl_bool(line, "would",
	           (options->scan.flags &
	            (COMMIT_RECOVER_DRY_RUN | COMMIT_RECOVER_CHECK | COMMIT_RECOVER_LIST)) != 0);
	jsonl_number(line, "scanned", tally->scanned);
	jsonl_number(line, "found", recover_count(tally));
	for (int i = 0; i < RECOVER_DECISIONS; i++)
		jsonl_number(line, decision_names[i], tally->decisions[i]);
	jsonl_number(line, "repaired", tally->repaired);
	jsonl_number(line, "failed", tally->failed);
	jsonl_number(line, "conflicts", tally->conflicts);
	jsonl_number(line, "exit", (uint64_t)status);
	jsonl_print(line);
}

static void print_metrics(FILE *stream, const void *context)
{
	const struct recover_tally *tally = context;

	fputs("# HELP commit_recover_findings What interrupted saves left, by decision.\n"
	      "# TYPE commit_recover_findings gauge\n",
	      stream);
	for (int i = 0; i < RECOVER_DECISIONS; i++)
		fprintf(stream, "commit_recover_findings{decision=\"%s\"} %" PRIu64 "\n",
		        decision_names[i], tally->decisions[i]);
	fprintf(stream,
	        "# HELP commit_recover_last_run_timestamp_seconds When this was counted.\n"
	        "# TYPE commit_recover_last_run_timestamp_seconds gauge\n"
	        "commit_recover_last_run_timestamp_seconds %jd\n",
	        (intmax_t)time(NULL));
}

int recover_write_metrics(const struct recover_options *options, const struct recover_tally *tally,
                          struct commit_error *err)
{
	return textfile_write(options->prom, print_metrics, tally, err);
}
