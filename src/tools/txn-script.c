/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-script.h"

#include "cli.h"
#include "input.h"
#include "nls.h"
#include "txn-finish.h"
#include "txn-words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(const struct input *input, const char *why, struct commit_error *err)
{
	return cli_fail(err, COMMIT_EUSAGE, 0, "script", NULL, "%s %ju: %s; nothing was changed",
	                input->terminator == '\n' ? nls("line") : nls("word"),
	                (uintmax_t)input->number, nls(why));
}

static int run_words(struct txn_session *session, const struct input *input,
                     const struct txn_word *words, int count)
{
	const struct txn_operation *operation = txn_operation_find(words[0].text);
	int rc;

	if (operation == NULL || strlen(words[0].text) != words[0].length)
		return refuse(input, "no such operation", &session->err);
	if (count != txn_operation_count(operation) + 1)
		return refuse(input, "the operation has another number of words", &session->err);
	rc = txn_operation_run(operation, session->txn, words + 1, &session->err);
	/* what is wrong has been said; where has not */
	if (rc == COMMIT_EUSAGE && session->err.code == 0)
		return refuse(input, "a value makes no sense", &session->err);
	if (rc != COMMIT_OK && rc != COMMIT_ECANCELED)
		cli_say(NULL, "script: %s %ju failed:", input->terminator == '\n' ? "line" : "word",
		        (uintmax_t)input->number);
	return rc;
}

/* Returns 1 if there was an operation, 0 for an empty line, or a code. */
static int run_line(struct txn_session *session, const struct input *input, char *line,
                    size_t length)
{
	struct txn_word words[TXN_WORDS_MAX];
	const char *why;
	bool json = line[0] == '{';
	int count = json ? txn_words_json(line, length, words, &why)
	                 : txn_words_cut(line, length, words, &why);
	int rc;

	if (count < 0)
		rc = refuse(input, why, &session->err);
	else
		rc = count == 0 ? COMMIT_OK : run_words(session, input, words, count);
	if (json)
		txn_words_free(words);
	return rc != COMMIT_OK ? rc : count > 0;
}

/* A copy of the next record, for reading on moves the buffer. */
static int copy_record(struct input *input, struct txn_word *word, char **copy,
                       struct commit_error *err)
{
	int rc;
	char *record = input_next(input, &word->length, &rc, err);

	if (record == NULL && rc == COMMIT_OK)
		return cli_fail(err, COMMIT_EREFUSED, 0, "script", "standard input",
		                "it breaks off in an operation; nothing was changed");
	if (record == NULL)
		return rc;
	*copy = strdup(record);
	word->text = *copy;
	return *copy != NULL
	               ? COMMIT_OK
	               : cli_fail(err, COMMIT_EFAILED, ENOMEM, "script", NULL, "out of memory");
}

/* With -0: the name says how many records are its words. */
static int run_records(struct txn_session *session, struct input *input, const char *name)
{
	const struct txn_operation *operation = txn_operation_find(name);
	struct txn_word words[TXN_WORDS_MAX] = {{NULL, 0}};
	char *copies[TXN_OPERATION_WORDS] = {NULL};
	int count;
	int rc = COMMIT_OK;

	if (operation == NULL)
		return refuse(input, "no such operation", &session->err);
	count = txn_operation_count(operation);
	words[0] = (struct txn_word){operation->name, strlen(operation->name)};
	for (int i = 0; i < count && rc == COMMIT_OK; i++)
		rc = copy_record(input, &words[i + 1], &copies[i], &session->err);
	if (rc == COMMIT_OK)
		rc = run_words(session, input, words, count + 1);
	for (int i = 0; i < count; i++)
		free(copies[i]);
	return rc == COMMIT_OK ? 1 : rc;
}

static int run_all(struct txn_session *session, struct input *input)
{
	uint64_t operations = 0;
	char *record;
	size_t length;
	int rc;

	while ((record = input_next(input, &length, &rc, &session->err)) != NULL) {
		int done = input->terminator == '\n' ? run_line(session, input, record, length)
		                                     : run_records(session, input, record);

		if (done < 0)
			return done;
		operations += (uint64_t)done;
	}
	if (rc == COMMIT_OK && operations == 0)
		return cli_fail(&session->err, COMMIT_EREFUSED, 0, "script", "standard input",
		                "there is no operation in it; nothing was changed");
	return rc;
}

int txn_script(struct txn_session *session)
{
	struct input input = {.terminator = session->options->zero ? '\0' : '\n'};
	int rc = txn_finish_check(session);

	if (rc == COMMIT_OK && cli_was_closed(STDIN_FILENO))
		rc = cli_fail(&session->err, COMMIT_EFAILED, EBADF, "read", "standard input",
		              "it is closed");
	if (rc == COMMIT_OK && isatty(STDIN_FILENO) && !cli.quiet)
		cli_say(NULL, "reading operations from the terminal; Ctrl-D ends them");
	if (rc == COMMIT_OK)
		rc = txn_session_begin(session, NULL);
	if (rc == COMMIT_OK)
		rc = run_all(session, &input);
	if (rc == COMMIT_OK)
		rc = txn_finish(session);
	free(input.bytes);
	return rc;
}
