/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-log.h"

#include "cli.h"
#include "human.h"
#include "jsonl.h"
#include "txn-finish.h"

#include <inttypes.h>
#include <stdio.h>

int txn_init(struct txn_session *session)
{
	return txn_session_make(session);
}

static void print_json(const struct commit_txn_info *info, const char *when, const char *user)
{
	struct json_t *line = jsonl_new();

	jsonl_number(line, "sequence", info->sequence);
	jsonl_text(line, "id", info->id);
	jsonl_text(line, "state", info->state == COMMIT_TXN_PENDING ? "pending" : "committed");
	jsonl_text(line, "time", when);
	jsonl_number(line, "user", info->user);
	jsonl_text(line, "user_name", user);
	jsonl_number(line, "files", info->files);
	jsonl_number(line, "bytes", info->bytes);
	jsonl_bool(line, "kept", info->kept != 0);
	jsonl_text(line, "undoes", info->undoes[0] != '\0' ? info->undoes : NULL);
	jsonl_print(line);
}

static int print_line(void *context, const struct commit_txn_info *info)
{
	const struct txn_session *session = context;
	char when[HUMAN_SIZE], user[HUMAN_SIZE], sequence[24] = "-";

	human_time(info->time, when);
	human_user(info->user, user);
	if (session->options->json) {
		print_json(info, when, user);
		return 0;
	}
	if (info->sequence > 0)
		snprintf(sequence, sizeof(sequence), "%" PRIu64, info->sequence);
	printf("%s %s %s %s(%ju) %" PRIu64 " %" PRIu64 "%s%s%s%s%c", sequence, info->id, when, user,
	       (uintmax_t)info->user, info->files, info->bytes,
	       info->state == COMMIT_TXN_PENDING ? " pending" : "", info->kept ? " kept" : "",
	       info->undoes[0] != '\0' ? " undoes " : "", info->undoes,
	       session->options->zero ? '\0' : '\n');
	return 0;
}

int txn_log(struct txn_session *session)
{
	int rc = txn_session_open(session, COMMIT_STORE_LOOK);

	if (rc == COMMIT_OK)
		rc = commit_store_history(session->store, print_line, session, &session->err);
	return rc;
}

/* Nothing is begun where there is nothing to undo: the store is not made for it. */
int txn_undo(struct txn_session *session)
{
	int rc = txn_finish_check(session);

	if (rc == COMMIT_OK)
		rc = txn_session_open(session, 0);
	if (rc == COMMIT_OK)
		rc = commit_txn_begin(&session->txn, session->store, NULL, &session->err);
	if (rc == COMMIT_OK)
		rc = commit_txn_undo(session->txn, session->options->operands[0], &session->err);
	if (rc == COMMIT_OK)
		rc = txn_finish(session);
	return rc;
}
