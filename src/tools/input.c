/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "input.h"

#include "cli.h"
#include "nls.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };

int input_await(struct commit_error *err)
{
	struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {signals_cancel_fd(), POLLIN, 0}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return cli_fail(err, COMMIT_EFAILED, errno, "poll", "standard input", "%s",
			                strerror(errno));
	if (fds[1].revents != 0)
		return cli_fail(err, COMMIT_ECANCELED, EINTR, "read", "standard input",
		                "stopped by a signal");
	return COMMIT_OK;
}

static int read_more(struct input *input, struct commit_error *err)
{
	ssize_t got;
	int rc;

	if (input->bytes != NULL && input->start > 0) {
		memmove(input->bytes, input->bytes + input->start, input->end - input->start);
		input->end -= input->start;
		input->start = 0;
	}
	if (input->size - input->end < CHUNK) {
		char *larger = realloc(input->bytes, input->size * 2 + CHUNK);

		if (larger == NULL)
			return cli_fail(err, COMMIT_EFAILED, ENOMEM, "read", "standard input",
			                "out of memory");
		input->bytes = larger;
		input->size = input->size * 2 + CHUNK;
	}
	rc = input_await(err);
	if (rc != COMMIT_OK)
		return rc;
	got = read(STDIN_FILENO, input->bytes + input->end, input->size - input->end);
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		return cli_fail(err, COMMIT_EFAILED, errno, "read", "standard input", "%s",
		                strerror(errno));
	input->end += got > 0 ? (size_t)got : 0;
	input->ended = got == 0;
	return COMMIT_OK;
}

/* The record that has been read to its end, or NULL. */
static char *cut_record(struct input *input, size_t *length)
{
	char *begin = input->bytes + input->start;
	size_t left = input->end - input->start;
	char *end = left > 0 ? memchr(begin, input->terminator, left) : NULL;

	if (end == NULL)
		return NULL;
	*end = '\0';
	*length = (size_t)(end - begin);
	input->start += *length + 1;
	input->number++;
	return begin;
}

char *input_next(struct input *input, size_t *length, int *rc, struct commit_error *err)
{
	*rc = COMMIT_OK;
	while (*rc == COMMIT_OK) {
		char *record = input->bytes != NULL ? cut_record(input, length) : NULL;

		if (record != NULL)
			return record;
		if (input->ended && input->start == input->end)
			return NULL;
		if (input->ended)
			*rc = cli_fail(err, COMMIT_EREFUSED, 0, "script", "standard input",
			               "it breaks off in its last %s; nothing was changed",
			               input->terminator == '\n' ? nls("line") : nls("word"));
		else
			*rc = read_more(input, err);
	}
	return NULL;
}
