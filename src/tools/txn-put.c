/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-put.h"

#include "child.h"
#include "cli.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int txn_spool_open(struct txn_session *session)
{
	const char *directory = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd = openat(session->root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/commit-txn-XXXXXX",
	         directory != NULL && directory[0] != '\0' ? directory : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return cli_fail(&session->err, COMMIT_EFAILED, errno, "make a temporary file", path,
		                "%s", strerror(errno));
	unlink(path);
	return fd;
}

/* The path's token on the disk must be the one that is expected. */
static int check_token(struct txn_session *session, const char *path)
{
	const char *expected = session->options->expect;
	char found[COMMIT_TOKEN_SIZE];
	char *full;
	int rc;

	if (expected == NULL)
		return COMMIT_OK;
	if (asprintf(&full, "%s/%s", commit_store_root(session->store), path) < 0)
		return cli_fail(&session->err, COMMIT_EFAILED, ENOMEM, "--expect", path,
		                "out of memory");
	rc = commit_save_token(full, COMMIT_SYMLINK_REFUSE, found, &session->err);
	free(full);
	if (rc == COMMIT_OK && strcmp(found, expected) != 0)
		rc = cli_fail(
		        &session->err, COMMIT_EREFUSED, 0, "--expect", path,
		        "it has changed since the token was taken (it is %s now); nothing was "
		        "put",
		        found);
	return rc;
}

/* The whole file, or from --at on what there is. */
static int put_content(struct txn_session *session, const char *path, int fd, int mode_of)
{
	const struct txn_options *options = session->options;

	if (options->has_at)
		return commit_txn_patch_fd(session->txn, path, options->at, fd, &session->err);
	return commit_txn_put_fd(session->txn, path, fd, mode_of, &session->err);
}

static int put_descriptor(struct txn_session *session, int fd, int mode_of)
{
	const char *path = session->options->operands[1];
	struct commit_error first;
	int rc = put_content(session, path, fd, mode_of);

	/* what the put has recorded is not older than this look */
	if (rc == COMMIT_OK && check_token(session, path) != COMMIT_OK) {
		rc = session->err.code;
		first = session->err;
		commit_txn_abort(session->txn, &session->err);
		session->err = first;
		cli_say(path, "was changed at this moment; the transaction has been aborted");
	}
	return rc;
}

static int put_source(struct txn_session *session, const char *source)
{
	/* O_NONBLOCK: a FIFO without a writer shall not keep us from being cancelled */
	int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) != 0)
		rc = cli_fail(&session->err, COMMIT_EFAILED, errno, "open", source, "%s",
		              strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = cli_fail(&session->err, COMMIT_EFAILED, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
		              "read", source,
		              "SRC must be a file; what is not can be read by -- cat SRC");
	else
		rc = put_descriptor(session, fd, fd);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int put_stdin(struct txn_session *session)
{
	if (cli_was_closed(STDIN_FILENO))
		return cli_fail(&session->err, COMMIT_EFAILED, EBADF, "read", "standard input",
		                "it is closed; give the content by --from=SRC or -- CMD");
	if (isatty(STDIN_FILENO) && !cli.quiet)
		cli_say(session->options->operands[1],
		        "reading its new content from the terminal; Ctrl-D at the start of a line "
		        "ends it");
	return put_descriptor(session, STDIN_FILENO, -1);
}

/*
 * The output goes into a file first: whether it may be put is known when the
 * command has ended, and an operation cannot be taken back.
 */
static int put_output(struct txn_session *session)
{
	const char *path = session->options->operands[1];
	struct child_request request = {.argv = session->options->cmd, .in = -1};
	struct child child;
	int status;
	int spool = txn_spool_open(session);
	int rc;

	if (spool < 0)
		return spool;
	request.out = spool;
	rc = child_start(&child, &request, path, &session->err);
	if (rc == COMMIT_OK)
		rc = child_wait(&child, -1, &status, &session->err);
	if (rc == COMMIT_OK)
		rc = child_judge(status, NULL, "run", path, request.argv[0], "nothing was put",
		                 &session->err);
	if (rc == COMMIT_OK && lseek(spool, 0, SEEK_SET) < 0)
		rc = cli_fail(&session->err, COMMIT_EFAILED, errno, "read", path, "%s",
		              strerror(errno));
	if (rc == COMMIT_OK)
		rc = put_descriptor(session, spool, -1);
	close(spool);
	return rc;
}

int txn_put(struct txn_session *session)
{
	const struct txn_options *options = session->options;
	int rc = txn_session_resume(session);

	if (rc == COMMIT_OK)
		rc = check_token(session, options->operands[1]);
	if (rc != COMMIT_OK)
		return rc;
	if (options->cmd != NULL)
		return put_output(session);
	if (options->from != NULL && strcmp(options->from, "-") != 0)
		return put_source(session, options->from);
	return put_stdin(session);
}
