/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "save-validate.h"

#include "child.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_plain(const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                            "_./+,@%:=-";

	/* one that begins with '-' would be taken for an option */
	return path[0] != '-' && path[strspn(path, plain)] == '\0';
}

int validate_check(const char *command, const char *path, struct commit_error *err)
{
	if (strstr(command, "{}") == NULL || is_plain(path))
		return COMMIT_OK;
	return cli_fail(err, COMMIT_EUSAGE, 0, "--validate", path,
	                "a shell could misread this name in place of {}; write \"$1\" instead, "
	                "with the double quotes");
}

/* command with path for each {}; the caller frees it. */
static char *fill_in(const char *command, const char *path)
{
	size_t size = strlen(command) + 1;
	char *filled;
	char *end;

	for (const char *at = command; (at = strstr(at, "{}")) != NULL; at += 2)
		size += strlen(path);
	filled = malloc(size);
	if (filled == NULL)
		return NULL;
	end = filled;
	for (const char *at; (at = strstr(command, "{}")) != NULL; command = at + 2) {
		end = mempcpy(end, command, (size_t)(at - command));
		end = stpcpy(end, path);
	}
	stpcpy(end, command);
	return filled;
}

/* The same words that sh gets, but not const, as exec has it. */
static int start_shell(struct child *child, char *script, const char *staged, const char *target,
                       int in, struct commit_error *err)
{
	char shell[] = "sh";
	char option[] = "-c";
	char *first = strdup(staged);
	char *second = strdup(target);
	char *argv[] = {shell, option, script, shell, first, second, NULL};
	struct child_request request = {
	        .argv = argv, .in = in, .out = STDERR_FILENO, .group = true};
	int rc;

	if (first == NULL || second == NULL)
		rc = cli_fail(err, COMMIT_EFAILED, ENOMEM, "validate", target, "out of memory");
	else
		rc = child_start(child, &request, target, err);
	free(first);
	free(second);
	return rc;
}

int validate_run(const char *command, const char *staged, const char *target,
                 struct commit_error *err)
{
	struct child child;
	char *script;
	int status;
	int null;
	int rc = validate_check(command, staged, err);

	if (rc != COMMIT_OK)
		return rc;
	script = fill_in(command, staged);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (script == NULL || null < 0)
		rc = cli_fail(err, COMMIT_EFAILED, errno, "validate", target, "%s",
		              strerror(errno));
	else
		rc = start_shell(&child, script, staged, target, null, err);
	if (rc == COMMIT_OK)
		rc = child_wait(&child, -1, &status, err);
	if (rc == COMMIT_OK)
		rc = child_judge(status, NULL, "validate", target, "the validator",
		                 "the file was left as it was", err);
	if (null >= 0)
		close(null);
	free(script);
	return rc;
}
