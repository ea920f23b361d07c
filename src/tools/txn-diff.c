/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "child.h"
#include "cli.h"
#include "txn-changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A descriptor that a child inherits, for diff is given /dev/fd/N: a name of
 * 4096 bytes can be opened relative to the root, but not below it.
 */
static int open_side(const struct txn_session *session, enum commit_kind kind, const char *real,
                     const char *path, struct commit_error *err)
{
	int fd = kind == COMMIT_KIND_FILE ? openat(session->root, real, O_RDONLY | O_NOFOLLOW)
	                                  : open("/dev/null", O_RDONLY);

	if (fd < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "open", path, "%s", strerror(errno));
	return fd;
}

static int run_diff(char *const *argv, const char *path, struct commit_error *err)
{
	struct child_request request = {.argv = argv, .in = -1, .out = -1};
	struct child child;
	int status;
	int rc;

	cli_push();
	rc = child_start(&child, &request, path, err);
	if (rc == COMMIT_EREFUSED)
		return cli_fail(err, COMMIT_EFAILED, err->errnum, "diff", path,
		                "cannot be run; it is part of diffutils");
	if (rc == COMMIT_OK)
		rc = child_wait(&child, -1, &status, err);
	/* 1: they differ; 2 also for files that are not text */
	if (rc == COMMIT_OK && (!WIFEXITED(status) || WEXITSTATUS(status) > 2))
		rc = cli_fail(err, COMMIT_EFAILED, 0, "diff", path, "it failed");
	return rc;
}

static char *label(const char *side, enum commit_kind kind, const char *path)
{
	char *text;

	if (kind != COMMIT_KIND_FILE)
		return strdup("/dev/null");
	return asprintf(&text, "%s/%s", side, path) < 0 ? NULL : text;
}

static int compare(const struct txn_change *change, int before, int after, struct commit_error *err)
{
	char program[] = "diff";
	char unified[] = "-u";
	char option[] = "--label";
	char old_file[32];
	char new_file[32];
	char *old_label = label("a", change->before, change->path);
	char *new_label = label("b", change->after, change->path);
	char *argv[] = {program,   unified,  option,   old_label, option,
	                new_label, old_file, new_file, NULL};
	int rc;

	snprintf(old_file, sizeof(old_file), "/dev/fd/%d", before);
	snprintf(new_file, sizeof(new_file), "/dev/fd/%d", after);
	if (old_label == NULL || new_label == NULL)
		rc = cli_fail(err, COMMIT_EFAILED, ENOMEM, "diff", change->path, "out of memory");
	else
		rc = run_diff(argv, change->path, err);
	free(old_label);
	free(new_label);
	return rc;
}

static int diff_content(const struct txn_session *session, const struct txn_change *change,
                        struct commit_error *err)
{
	int before;
	int after;
	int rc;

	if (change->before != COMMIT_KIND_FILE && change->after != COMMIT_KIND_FILE)
		return COMMIT_OK;
	before = open_side(session, change->before, change->real_before, change->path, err);
	if (before < 0)
		return before;
	after = open_side(session, change->after, change->real_after, change->path, err);
	rc = after < 0 ? after : compare(change, before, after, err);
	close(before);
	if (after >= 0)
		close(after);
	return rc;
}

static const char *read_link(const struct txn_session *session, enum commit_kind kind,
                             const char *real, char *text, size_t size)
{
	ssize_t length = -1;

	if (kind == COMMIT_KIND_SYMLINK)
		length = readlinkat(session->root, real, text, size - 1);
	text[length < 0 ? 0 : length] = '\0';
	return length < 0 ? "(none)" : text;
}

static void print_kinds(const struct txn_session *session, const struct txn_change *change)
{
	char old_target[PATH_MAX];
	char new_target[PATH_MAX];

	if (change->before == COMMIT_KIND_SYMLINK || change->after == COMMIT_KIND_SYMLINK)
		cli_print("%s: symbolic link %s -> %s", change->path,
		          read_link(session, change->before, change->real_before, old_target,
		                    sizeof(old_target)),
		          read_link(session, change->after, change->real_after, new_target,
		                    sizeof(new_target)));
	else if (change->before != change->after &&
	         (change->before != COMMIT_KIND_ABSENT || change->after == COMMIT_KIND_DIRECTORY))
		cli_print("%s: %s -> %s", change->path, txn_kind_name(change->before),
		          txn_kind_name(change->after));
}

/* Owner and mode, where both sides are there and are not one file. */
static bool print_metadata(const struct txn_session *session, const struct txn_change *change)
{
	struct stat old;
	struct stat new;

	if (fstatat(session->root, change->real_before, &old, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(session->root, change->real_after, &new, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	if (old.st_mode != new.st_mode)
		cli_print("%s: mode %04o -> %04o", change->path, (unsigned)old.st_mode & 07777,
		          (unsigned)new.st_mode & 07777);
	if (old.st_uid != new.st_uid || old.st_gid != new.st_gid)
		cli_print("%s: owner %ju:%ju -> %ju:%ju", change->path, (uintmax_t)old.st_uid,
		          (uintmax_t)old.st_gid, (uintmax_t) new.st_uid, (uintmax_t) new.st_gid);
	return true;
}

static int diff_change(const struct txn_session *session, const struct txn_change *change,
                       struct commit_error *err)
{
	bool same_type = change->before == change->after && change->after != COMMIT_KIND_ABSENT;

	if (same_type && strcmp(change->real_before, change->real_after) == 0) {
		cli_print("%s: owner, mode or attributes", change->path);
		return COMMIT_OK;
	}
	print_kinds(session, change);
	if (same_type)
		print_metadata(session, change);
	return diff_content(session, change, err);
}

int txn_diff(struct txn_session *session)
{
	struct txn_changes changes = {NULL, 0, 0};
	int rc = txn_session_resume(session);

	if (rc == COMMIT_OK)
		rc = txn_changes_show(session, &changes);
	for (size_t i = 0; rc == COMMIT_OK && i < changes.count; i++)
		rc = diff_change(session, &changes.list[i], &session->err);
	txn_changes_release(&changes);
	return rc;
}
