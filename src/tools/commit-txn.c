/* SPDX-License-Identifier: ISC */
/* commit-txn - change many files below one directory, all of them or none */
#include <config.h>

#include "cli.h"
#include "jsonl.h"
#include "signals.h"
#include "txn-apply.h"
#include "txn-changes.h"
#include "txn-finish.h"
#include "txn-log.h"
#include "txn-ops.h"
#include "txn-put.h"
#include "txn-run.h"
#include "txn-script.h"
#include "txn-session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int act_begin(struct txn_session *session)
{
	struct commit_txn_options txn;
	int rc;

	commit_txn_options_init(&txn);
	txn.flags = COMMIT_TXN_KEEP;
	txn.owner = session->options->owner;
	txn.ttl = session->options->ttl;
	rc = txn_session_begin(session, &txn);
	if (rc != COMMIT_OK || session->json != NULL)
		return rc;
	cli_print("%s", commit_txn_id(session->txn));
	/* nobody could end one whose name nobody knows */
	rc = cli_flush();
	if (rc != COMMIT_OK)
		commit_txn_abort(session->txn, NULL);
	return rc;
}

/* The commands that are operations of scripts too, with the same words. */
static int act_operation(struct txn_session *session)
{
	const struct txn_options *options = session->options;
	const struct txn_operation *operation = txn_operation_find(options->command->name);
	struct txn_word words[TXN_OPERATION_WORDS] = {{NULL, 0}};
	int rc = txn_session_resume(session);

	for (int i = 1; i < options->operand_count; i++)
		words[i - 1] =
		        (struct txn_word){options->operands[i], strlen(options->operands[i])};
	if (rc == COMMIT_OK)
		rc = txn_operation_run(operation, session->txn, words, &session->err);
	return rc;
}

static int act_commit(struct txn_session *session)
{
	int rc = txn_finish_check(session);

	if (rc == COMMIT_OK)
		rc = txn_session_resume(session);
	if (rc == COMMIT_OK)
		rc = txn_finish(session);
	return rc;
}

static int act_abort(struct txn_session *session)
{
	int rc;

	session->determined = true;
	rc = txn_session_resume(session);
	if (rc == COMMIT_OK)
		return commit_txn_abort(session->txn, &session->err);
	/* the store is there, the transaction is not: it has ended */
	if (session->root >= 0 && rc == COMMIT_EFAILED && session->err.errnum == ENOENT)
		rc = COMMIT_OK;
	return rc;
}

static int print_info(void *context, const struct commit_txn_info *info)
{
	static const char *const states[] = {[COMMIT_TXN_OPEN] = "open",
	                                     [COMMIT_TXN_PENDING] = "pending",
	                                     [COMMIT_TXN_COMMITTED] = "committed"};
	const struct txn_session *session = context;
	struct json_t *line = session->options->json ? jsonl_new() : NULL;
	time_t seconds = (time_t)info->time;
	char when[32] = "-";
	struct tm parts;

	if (info->state == COMMIT_TXN_COMMITTED && !cli.verbose) {
		jsonl_free(line);
		return 0;
	}
	if (gmtime_r(&seconds, &parts) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	if (!session->options->json)
		printf("%s %s %s %ju %" PRIu64 " %" PRIu64 "%c", info->id, states[info->state],
		       when, (uintmax_t)info->user, info->files, info->bytes,
		       session->options->zero ? '\0' : '\n');
	jsonl_text(line, "id", info->id);
	jsonl_text(line, "state", states[info->state]);
	jsonl_text(line, "time", when);
	jsonl_number(line, "user", info->user);
	jsonl_number(line, "files", info->files);
	jsonl_number(line, "bytes", info->bytes);
	jsonl_print(line);
	return 0;
}

static int act_list(struct txn_session *session)
{
	int rc = txn_session_open(session, COMMIT_STORE_LOOK);

	if (rc == COMMIT_OK)
		rc = commit_store_list(session->store, print_info, session, &session->err);
	return rc;
}

#define ENDS (TXN_VALIDATE | TXN_DRY_RUN | TXN_JSON)

static const struct txn_command commands[] = {
        {"init", "none", 0, 0, TXN_NO_CMD, TXN_HERE | TXN_LAYOUT | TXN_JSON, txn_init},
        {"begin", "none", 0, 0, TXN_NO_CMD, TXN_OWNER | TXN_JSON, act_begin},
        {"put", "TXN PATH", 2, 2, TXN_MAY_CMD, TXN_CONTENT | TXN_EXPECT | TXN_JSON, txn_put},
        {"patch", "TXN PATH", 2, 2, TXN_MAY_CMD, TXN_AT | TXN_CONTENT | TXN_EXPECT | TXN_JSON,
         txn_put},
        {"rm", "TXN PATH", 2, 2, TXN_NO_CMD, TXN_JSON, act_operation},
        {"mkdir", "TXN PATH", 2, 2, TXN_NO_CMD, TXN_JSON, act_operation},
        {"rmdir", "TXN PATH", 2, 2, TXN_NO_CMD, TXN_JSON, act_operation},
        {"mv", "TXN OLD NEW", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"symlink", "TXN TARGET NEW", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"link", "TXN OLD NEW", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"chmod", "TXN MODE PATH", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"chown", "TXN OWNER PATH", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"setxattr", "TXN NAME=VALUE PATH", 3, 3, TXN_NO_CMD, TXN_JSON, act_operation},
        {"status", "TXN", 1, 1, TXN_NO_CMD, TXN_ZERO | TXN_JSON, txn_status},
        {"diff", "TXN", 1, 1, TXN_NO_CMD, 0, txn_diff},
        {"commit", "TXN", 1, 1, TXN_NO_CMD, ENDS, act_commit},
        {"abort", "TXN", 1, 1, TXN_NO_CMD, TXN_JSON, act_abort},
        {"run", "none", 0, 0, TXN_MUST_CMD, ENDS, txn_run},
        {"apply", "ARCHIVE, or --from=DIR", 0, 1, TXN_NO_CMD, TXN_ARCHIVE | TXN_CONTENT | ENDS,
         txn_apply},
        {"script", "none", 0, 0, TXN_NO_CMD, TXN_ZERO | ENDS, txn_script},
        {"list", "none", 0, 0, TXN_NO_CMD, TXN_ZERO | TXN_JSON, act_list},
        {"log", "none", 0, 0, TXN_NO_CMD, TXN_ZERO | TXN_JSON, txn_log},
        {"undo", "ID", 1, 1, TXN_NO_CMD, ENDS, txn_undo},
        {"read", "none", 0, 0, TXN_MUST_CMD, 0, txn_read},
        {NULL, NULL, 0, 0, TXN_NO_CMD, 0, NULL},
};

/* The last object of --json. */
static void print_json(struct txn_session *session, int rc, int status)
{
	struct json_t *json = session->json;
	const struct commit_txn_result *result = &session->result;

	jsonl_text(json, "id", session->txn != NULL ? commit_txn_id(session->txn) : NULL);
	jsonl_bool(json, "committed", session->committed);
	jsonl_number(json, "files", result->files);
	jsonl_number(json, "bytes", result->bytes);
	jsonl_number(json, "flushes", result->flushes);
	jsonl_number(json, "exit", (uint64_t)status);
	jsonl_error(json, "error", rc < 0 && session->err.code != 0 ? &session->err : NULL);
	jsonl_array(json, "warnings");
	jsonl_print(json);
	session->json = NULL;
}

static int report(struct txn_session *session, int rc)
{
	const struct commit_txn_result *result = &session->result;
	int status = rc == COMMIT_ECANCELED ? 1 : -rc;

	/* without a code it has been said already */
	if (rc < 0 && session->err.code != 0)
		cli_error(&session->err);
	if (rc == COMMIT_OK && session->committed && cli.verbose)
		cli_say(NULL, "committed %s: %" PRIu64 " files, %" PRIu64 " bytes, %u flushes",
		        commit_txn_id(session->txn), result->files, result->bytes, result->flushes);
	print_json(session, rc, status);
	/* what was committed is not undone by a reader that went away */
	if (rc == COMMIT_OK && !session->committed && cli_flush() != COMMIT_OK)
		rc = COMMIT_EFAILED;
	else
		cli_push();
	return rc;
}

int main(int argc, char **argv)
{
	struct txn_options options;
	struct txn_session session = TXN_SESSION_INIT;
	bool reads;
	int rc;

	cli_start("commit-txn");
	session.options = &options;
	rc = txn_options_parse(&options, commands, argc, argv);
	if (rc == COMMIT_OK) {
		session.json = options.json ? jsonl_new() : NULL;
		rc = signals_open(&session.err);
		if (rc == COMMIT_OK)
			rc = options.command->act(&session);
		rc = report(&session, rc);
	}
	reads = options.command != NULL && options.command->act == txn_read;
	txn_session_close(&session);
	txn_options_release(&options);
	if (reads && rc < 0 && rc != COMMIT_ECANCELED)
		return txn_read_status(&session);
	return cli_exit(rc);
}
