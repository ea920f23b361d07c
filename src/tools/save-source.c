/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "save-source.h"

#include "child.h"
#include "cli.h"
#include "progress.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* Up to here reading takes less time than anybody would cancel it in. */
#define BRIEF_SIZE 65536

static int open_path(struct source *source, const char *path, struct commit_error *err)
{
	/* O_NONBLOCK: a FIFO without a writer shall not keep us from being cancelled */
	source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (source->fd < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "open", path, "%s", strerror(errno));
	source->opened = true;
	if (fstat(source->fd, &source->st) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "stat", path, "%s", strerror(errno));
	if (S_ISDIR(source->st.st_mode))
		return cli_fail(err, COMMIT_EFAILED, EISDIR, "read", path,
		                "it is a directory; SRC must be a file");
	return COMMIT_OK;
}

static int open_stdin(struct source *source, struct commit_error *err)
{
	source->fd = STDIN_FILENO;
	if (cli_was_closed(STDIN_FILENO))
		return cli_fail(err, COMMIT_EFAILED, EBADF, "read", "standard input",
		                "it is closed; give the content by --from=SRC or -- CMD");
	if (fstat(source->fd, &source->st) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "stat", "standard input", "%s",
		                strerror(errno));
	return COMMIT_OK;
}

int source_open(struct source *source, const struct source_wish *wish, mode_t *create_mode,
                struct commit_error *err)
{
	int rc;

	*source = (struct source){.wish = *wish, .fd = -1};
	if (wish->command != NULL)
		return COMMIT_OK;
	if (wish->from == NULL || strcmp(wish->from, "-") == 0)
		return open_stdin(source, err);
	rc = open_path(source, wish->from, err);
	if (rc == COMMIT_OK && S_ISREG(source->st.st_mode))
		*create_mode = source->st.st_mode & 0777;
	return rc;
}

bool source_is_brief(const struct source *source)
{
	return source->fd == STDIN_FILENO && S_ISREG(source->st.st_mode) &&
	       source->st.st_size > 0 && source->st.st_size <= BRIEF_SIZE;
}

/* Should it grow meanwhile, all that it then has is taken. */
static int fill_brief(int fd, const struct source_sink *sink, uint64_t *copied,
                      struct commit_error *err)
{
	char buffer[BRIEF_SIZE];
	int rc = COMMIT_OK;
	ssize_t length;

	*copied = 0;
	do {
		length = read(fd, buffer, sizeof buffer);
		if (length < 0 && errno != EINTR)
			return cli_fail(err, COMMIT_EFAILED, errno, "read", "standard input", "%s",
			                strerror(errno));
		if (length > 0) {
			rc = sink->write(sink->to, buffer, (size_t)length, err);
			*copied += (uint64_t)length;
		}
	} while (rc == COMMIT_OK && length != 0);
	return rc;
}

/* A FIFO opened without waiting looks empty until somebody opens it to write. */
static int await_writer(int fd, const char *path, struct commit_error *err)
{
	struct pollfd fds[] = {{fd, POLLIN, 0}, {signals_cancel_fd(), POLLIN, 0}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return cli_fail(err, COMMIT_EFAILED, errno, "poll", path, "%s",
			                strerror(errno));
	if (fds[1].revents != 0)
		return cli_fail(err, COMMIT_ECANCELED, EINTR, "read", path, "stopped by a signal");
	return COMMIT_OK;
}

static int fill_from_descriptor(struct source *source, const struct source_sink *sink,
                                uint64_t *copied, struct commit_error *err)
{
	int rc = COMMIT_OK;

	if (isatty(source->fd) && !cli.quiet)
		cli_say(source->wish.file, "reading its new content from the terminal; "
		                           "Ctrl-D at the start of a line ends it");
	/* who types sees what he types */
	if (!isatty(source->fd))
		progress_begin();
	if (source->opened && S_ISFIFO(source->st.st_mode))
		rc = await_writer(source->fd, source->wish.from, err);
	if (rc == COMMIT_OK && source->opened)
		fcntl(source->fd, F_SETFL, fcntl(source->fd, F_GETFL) & ~O_NONBLOCK);
	if (rc == COMMIT_OK)
		rc = sink->splice(sink->to, source->fd, copied, err);
	return rc;
}

/* Starts the command; *out gets the end of the pipe that its output comes from. */
static int start_command(const struct source_wish *wish, struct child *child, int *out,
                         struct commit_error *err)
{
	struct child_request request = {.argv = wish->command, .in = -1};
	int ends[2];
	int rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "pipe", wish->file, "%s",
		                strerror(errno));
	request.out = ends[1];
	rc = child_start(child, &request, wish->file, err);
	close(ends[1]);
	if (rc == COMMIT_OK)
		*out = ends[0];
	else
		close(ends[0]);
	return rc;
}

static int fill_from_command(const struct source_wish *wish, const struct source_sink *sink,
                             uint64_t *copied, struct commit_error *err)
{
	struct child child;
	int status;
	int out = -1;
	int rc = start_command(wish, &child, &out, err);

	if (rc != COMMIT_OK)
		return rc;
	rc = sink->splice(sink->to, out, copied, err);
	close(out);
	if (rc != COMMIT_OK) {
		/* its output has nowhere to go: a signal of ours, or a full disk */
		child_stop(&child, signals_pending());
		return rc;
	}
	rc = child_wait(&child, -1, &status, err);
	if (rc == COMMIT_OK)
		rc = child_judge(status, wish->accepted, "run", wish->file, wish->command[0],
		                 "the file was left as it was", err);
	return rc;
}

int source_fill(struct source *source, const struct source_sink *sink, uint64_t *copied,
                struct commit_error *err)
{
	if (source->wish.command != NULL)
		return fill_from_command(&source->wish, sink, copied, err);
	if (source_is_brief(source))
		return fill_brief(source->fd, sink, copied, err);
	return fill_from_descriptor(source, sink, copied, err);
}

uint64_t source_size(const struct source *source)
{
	return source->fd >= 0 && S_ISREG(source->st.st_mode) ? (uint64_t)source->st.st_size : 0;
}

void source_close(struct source *source)
{
	int saved = errno;

	if (source->opened)
		close(source->fd);
	source->opened = false;
	errno = saved;
}
