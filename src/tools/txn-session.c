/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-session.h"

#include "cli.h"
#include "jsonl.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory, or a file that names one. */
static bool has_store(const char *directory)
{
	static const char start[] = "libcommit store elsewhere\n";
	char path[PATH_MAX + 16], text[sizeof(start)] = "";
	struct stat st;
	FILE *file;

	snprintf(path, sizeof(path), "%s/.commit", directory);
	if (lstat(path, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
		return false;
	if (S_ISDIR(st.st_mode))
		return true;
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	return strcmp(text, start) == 0;
}

/* From the working directory upwards; NULL with *err if there is no store. */
static char *find_upwards(struct commit_error *err)
{
	char *directory = getcwd(NULL, 0);

	if (directory == NULL) {
		cli_fail(err, COMMIT_EFAILED, errno, "find the root", ".", "%s", strerror(errno));
		return NULL;
	}
	while (!has_store(directory)) {
		char *slash = strrchr(directory, '/');

		if (slash == NULL || strcmp(directory, "/") == 0) {
			cli_fail(err, COMMIT_EFAILED, ENOENT, "find the root", NULL,
			         "no .commit here or above; say -C ROOT, or make one with "
			         "commit-txn init");
			free(directory);
			return NULL;
		}
		slash[slash == directory ? 1 : 0] = '\0';
	}
	return directory;
}

int txn_session_root(struct txn_session *session, char **root)
{
	const char *name = session->options->root;

	if (name == NULL)
		name = getenv("COMMIT_ROOT");
	if ((name == NULL || name[0] == '\0') &&
	    (session->options->command->allowed & TXN_HERE) != 0)
		name = ".";
	if (name == NULL || name[0] == '\0')
		*root = find_upwards(&session->err);
	else if ((*root = strdup(name)) == NULL)
		return cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "find the root", name,
		                "out of memory");
	return *root != NULL ? COMMIT_OK : COMMIT_EFAILED;
}

static void warn(void *context, const struct commit_error *warning)
{
	struct txn_session *session = context;

	cli_warning(warning);
	jsonl_append_error(session->json, "warnings", warning);
}

void txn_session_store_options(struct txn_session *session, struct commit_store_options *store)
{
	commit_store_options_init(store);
	store->wait_ms = session->options->wait_ms;
	store->cancel_fd = session->determined ? -1 : signals_cancel_fd();
	store->warn = warn;
	store->context = session;
}

static int open_at(struct txn_session *session, const char *root, unsigned flags)
{
	struct commit_store_options store;
	int rc;

	txn_session_store_options(session, &store);
	rc = commit_store_open(&session->store, root, flags, &store, &session->err);
	if (rc != COMMIT_OK)
		return rc;
	session->root = open(commit_store_root(session->store), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (session->root < 0)
		return cli_fail(&session->err, COMMIT_EFAILED, errno, "open", root, "%s",
		                strerror(errno));
	return COMMIT_OK;
}

int txn_session_open(struct txn_session *session, unsigned flags)
{
	char *root = NULL;
	int rc = txn_session_root(session, &root);

	if (rc == COMMIT_OK)
		rc = open_at(session, root, flags);
	free(root);
	return rc;
}

int txn_session_make(struct txn_session *session)
{
	const struct txn_options *options = session->options;
	struct commit_store_options store;
	struct commit_store_layout layout;
	char *root = NULL;
	int rc = txn_session_root(session, &root);

	txn_session_store_options(session, &store);
	commit_store_layout_init(&layout);
	layout.directory = options->store;
	layout.flags = options->group ? COMMIT_LAYOUT_GROUP : 0;
	layout.bound = options->keep.unit;
	layout.keep = options->keep.amount;
	if (rc == COMMIT_OK)
		rc = commit_store_create(root, &layout, &store, &session->err);
	free(root);
	return rc;
}

int txn_session_begin(struct txn_session *session, const struct commit_txn_options *txn)
{
	int rc = txn_session_open(session, COMMIT_STORE_CREATE);

	if (rc == COMMIT_OK)
		rc = commit_txn_begin(&session->txn, session->store, txn, &session->err);
	return rc;
}

int txn_session_resume(struct txn_session *session)
{
	const char *id = session->options->operands[0];
	int rc;

	if (strcmp(id, "@") == 0)
		id = getenv("COMMIT_TXN");
	if (id == NULL || id[0] == '\0')
		return cli_fail(&session->err, COMMIT_EUSAGE, 0, "", "@",
		                "stands for $COMMIT_TXN, which is not set");
	rc = txn_session_open(session, 0);
	if (rc == COMMIT_OK)
		rc = commit_txn_resume(&session->txn, session->store, id, &session->err);
	return rc;
}

void txn_session_close(struct txn_session *session)
{
	if (session->txn != NULL)
		commit_txn_close(session->txn);
	if (session->store != NULL)
		commit_store_close(session->store);
	if (session->root >= 0)
		close(session->root);
	session->txn = NULL;
	session->store = NULL;
	session->root = -1;
}
