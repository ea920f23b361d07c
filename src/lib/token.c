/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "token.h"

#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION "1-"
#define DASHES 5

/* Everything but the digest; returns its length or a negative errno. */
static int head(int fd, const struct stat *st, char token[COMMIT_TOKEN_SIZE])
{
	uint64_t fs;
	int rc = lc_sys_fs_id(fd, &fs);

	if (rc)
		return rc;
	return snprintf(token, COMMIT_TOKEN_SIZE,
	                VERSION "%016" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%08lx-", fs,
	                (uint64_t)st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_ctim.tv_sec,
	                (unsigned long)st->st_ctim.tv_nsec);
}

static int tail(int fd, const struct stat *st, int cancel_fd, char *to)
{
	struct lc_digest digest;
	size_t i;
	int rc = lc_copy_digest(fd, 0, st->st_size, &digest, cancel_fd);

	if (rc)
		return rc;
	for (i = 0; i < sizeof digest.bytes; i++)
		sprintf(to + 2 * i, "%02x", digest.bytes[i]);
	return 0;
}

int lc_token_make(int fd, const struct stat *st, int cancel_fd, char token[COMMIT_TOKEN_SIZE])
{
	int length = head(fd, st, token);

	return length < 0 ? length : tail(fd, st, cancel_fd, token + length);
}

int lc_token_matches(const char *token, int fd, const struct stat *st, int cancel_fd)
{
	char now[COMMIT_TOKEN_SIZE];
	int length = head(fd, st, now);
	int rc;

	if (length < 0)
		return length;
	if (strncmp(token, now, (size_t)length) != 0)
		return 0;
	rc = tail(fd, st, cancel_fd, now + length);
	/* It shrank while it was read: not the state that the token names. */
	if (rc == -ENODATA)
		return 0;
	return rc ? rc : strcmp(token, now) == 0;
}

int lc_token_valid(const char *token)
{
	const char *c;
	int dashes = 0;

	if (strcmp(token, LC_TOKEN_ABSENT) == 0)
		return 1;
	if (strncmp(token, VERSION, strlen(VERSION)) != 0 || strlen(token) >= COMMIT_TOKEN_SIZE)
		return 0;
	for (c = token; *c; c++) {
		if (*c == '-')
			dashes++;
		else if (!strchr("0123456789abcdef.", *c))
			return 0;
	}
	return dashes == DASHES;
}
