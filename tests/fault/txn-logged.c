/* SPDX-License-Identifier: ISC */
/*
 * txn-logged ROOT - puts whose contents ride in the log, from standard input
 *
 *     put PATH FILE      rm PATH      mv OLD NEW
 *
 * The tools put from files, whose contents are staged; this one puts from memory.
 * Exit status as of the tools.
 */
#include <commit.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORD = 128, CONTENT_MAX = 8192 };

static void warn(void *context, const struct commit_error *warning)
{
	(void)context;
	fprintf(stderr, "txn-logged: %s: %s: %s\n", warning->path, warning->operation,
	        warning->text);
}

static int put(struct commit_txn *txn, const char *path, const char *file, struct commit_error *err)
{
	static char bytes[CONTENT_MAX];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, bytes, sizeof bytes) : -1;

	if (fd >= 0)
		close(fd);
	if (length < 0)
		return COMMIT_EUSAGE;
	return commit_txn_put_bytes(txn, path, bytes, (size_t)length, err);
}

static int operate(struct commit_txn *txn, struct commit_error *err)
{
	char line[3 * WORD], word[WORD], path[WORD], other[WORD];
	int rc = 0;

	while (!rc && fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%127s %127s %127s", word, path, other) < 2)
			return COMMIT_EUSAGE;
		if (strcmp(word, "put") == 0)
			rc = put(txn, path, other, err);
		else if (strcmp(word, "rm") == 0)
			rc = commit_txn_rm(txn, path, err);
		else
			rc = commit_txn_mv(txn, path, other, err);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_txn_options txn_options;
	struct commit_store_options options;
	struct commit_store *store;
	struct commit_txn *txn;
	int rc;

	if (argc < 2)
		return -COMMIT_EUSAGE;
	commit_store_options_init(&options);
	options.wait_ms = 0;
	options.warn = warn;
	commit_txn_options_init(&txn_options);
	txn_options.flags = COMMIT_TXN_LOG_CONTENTS;
	rc = commit_store_open(&store, argv[1], COMMIT_STORE_CREATE, &options, &err);
	if (!rc) {
		rc = commit_txn_begin(&txn, store, &txn_options, &err);
		if (!rc) {
			rc = operate(txn, &err);
			if (!rc)
				rc = commit_txn_commit(txn, NULL, &err);
			commit_txn_close(txn);
		}
		commit_store_close(store);
	}
	if (rc)
		fprintf(stderr, "txn-logged: %s: %s: %s (%s)\n", err.path, err.operation, err.text,
		        commit_errno_name(err.errnum));
	return -rc;
}
