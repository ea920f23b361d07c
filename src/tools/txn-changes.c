/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-changes.h"

#include "cli.h"
#include "jsonl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release_change(struct txn_change *change)
{
	free(change->path);
	free(change->real_before);
	free(change->real_after);
}

static int add_change(void *context, const char *path, enum commit_kind before,
                      const char *real_before, enum commit_kind after, const char *real_after)
{
	struct txn_changes *changes = context;
	struct txn_change change = {
	        .path = strdup(path),
	        .before = before,
	        .after = after,
	        .real_before = strdup(real_before != NULL ? real_before : ""),
	        .real_after = strdup(real_after != NULL ? real_after : ""),
	};

	if (changes->count == changes->room) {
		size_t room = changes->room * 2 + 16;
		struct txn_change *longer = realloc(changes->list, room * sizeof(*longer));

		if (longer != NULL) {
			changes->list = longer;
			changes->room = room;
		}
	}
	if (changes->count == changes->room || change.path == NULL || change.real_before == NULL ||
	    change.real_after == NULL) {
		release_change(&change);
		return COMMIT_EFAILED;
	}
	changes->list[changes->count++] = change;
	return COMMIT_OK;
}

static int compare(const void *a, const void *b)
{
	const struct txn_change *first = a;
	const struct txn_change *second = b;

	return strcmp(first->path, second->path);
}

int txn_changes_collect(struct txn_session *session, struct txn_changes *changes)
{
	int rc;

	*changes = (struct txn_changes){NULL, 0, 0};
	rc = commit_txn_changes(session->txn, add_change, changes, &session->err);
	if (rc != COMMIT_OK && session->err.code == 0)
		cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "list the changes", NULL,
		         "out of memory");
	if (changes->count > 0)
		qsort(changes->list, changes->count, sizeof(*changes->list), compare);
	return rc;
}

/* As it will be: what is patched is another file than it is now. */
static int show(struct txn_session *session, struct txn_change *change)
{
	char real[PATH_MAX];
	enum commit_kind kind;
	char *shown;
	int rc;

	if (change->after != COMMIT_KIND_FILE)
		return COMMIT_OK;
	rc = commit_txn_look(session->txn, change->path, &kind, real, sizeof(real), &session->err);
	if (rc != COMMIT_OK)
		return rc;
	shown = strdup(real);
	if (shown == NULL)
		return cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "look at", change->path,
		                "out of memory");
	free(change->real_after);
	change->real_after = shown;
	return COMMIT_OK;
}

int txn_changes_show(struct txn_session *session, struct txn_changes *changes)
{
	int rc = txn_changes_collect(session, changes);

	for (size_t i = 0; rc == COMMIT_OK && i < changes->count; i++)
		rc = show(session, &changes->list[i]);
	return rc;
}

void txn_changes_release(struct txn_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		release_change(&changes->list[i]);
	free(changes->list);
	*changes = (struct txn_changes){NULL, 0, 0};
}

char txn_change_letter(const struct txn_change *change)
{
	if (change->before == COMMIT_KIND_ABSENT)
		return 'A';
	if (change->after == COMMIT_KIND_ABSENT)
		return 'D';
	return change->before == change->after ? 'M' : 'T';
}

const char *txn_kind_name(enum commit_kind kind)
{
	switch (kind) {
	case COMMIT_KIND_ABSENT:
		return "absent";
	case COMMIT_KIND_FILE:
		return "file";
	case COMMIT_KIND_DIRECTORY:
		return "directory";
	case COMMIT_KIND_SYMLINK:
		return "symlink";
	case COMMIT_KIND_OTHER:
		return "other";
	}
	return "unknown";
}

static void print_change(const struct txn_session *session, const struct txn_change *change)
{
	struct json_t *line = session->options->json ? jsonl_new() : NULL;
	char letter[2] = {txn_change_letter(change), '\0'};

	if (session->options->zero) {
		printf("%s %s", letter, change->path);
		putchar('\0');
	} else if (!session->options->json) {
		cli_print("%s %s%s", letter, change->path,
		          change->after == COMMIT_KIND_DIRECTORY ? "/" : "");
	}
	jsonl_text(line, "change", letter);
	jsonl_path(line, "path", change->path);
	jsonl_text(line, "before", txn_kind_name(change->before));
	jsonl_text(line, "after", txn_kind_name(change->after));
	jsonl_print(line);
}

int txn_changes_print(struct txn_session *session)
{
	struct txn_changes changes;
	int rc = txn_changes_collect(session, &changes);

	for (size_t i = 0; rc == COMMIT_OK && i < changes.count; i++)
		print_change(session, &changes.list[i]);
	txn_changes_release(&changes);
	return rc;
}

int txn_status(struct txn_session *session)
{
	int rc = txn_session_resume(session);

	if (rc == COMMIT_OK)
		rc = txn_changes_print(session);
	return rc;
}
