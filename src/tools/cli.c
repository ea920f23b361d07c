/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "cli.h"

#include "args.h"
#include "nls.h"
#include "progress.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cli cli = {"commit", false, false};

/* descriptors 0 to 2 that were closed when the tool was started */
static bool closed[3];

/* why standard output could not be written, first time */
static int output_errno;

void cli_start(const char *tool)
{
	cli.tool = tool;
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* the lowest free number is fd: those below are open by now */
		closed[fd] = true;
		if (open("/dev/null", O_RDWR) != fd)
			_exit(-COMMIT_EFAILED);
	}
}

bool cli_switch(int option)
{
	if (option == 'q')
		cli.quiet = true;
	else if (option == 'v')
		cli.verbose = true;
	else
		return false;
	return true;
}

bool cli_was_closed(int fd)
{
	return fd >= 0 && fd < 3 && closed[fd];
}

/* Appends text with its control characters as \ooo; cuts off what does not fit. */
static size_t append_escaped(char *line, size_t length, size_t size, const char *text)
{
	for (; *text != '\0' && length + 5 < size; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x20 || byte == 0x7f)
			length += (size_t)snprintf(line + length, 5, "\\%03o", byte);
		else
			line[length++] = *text;
	}
	return length;
}

/* One line, one write, whatever the text holds. */
static void put_line(FILE *stream, const char *subject, const char *text)
{
	char line[CLI_LINE_MAX];
	size_t length = 0;

	progress_clear();
	if (stream == stderr) {
		length = append_escaped(line, length, sizeof(line) - 1, cli.tool);
		length = append_escaped(line, length, sizeof(line) - 1, ": ");
	}
	if (subject != NULL) {
		length = append_escaped(line, length, sizeof(line) - 1, subject);
		length = append_escaped(line, length, sizeof(line) - 1, ": ");
	}
	length = append_escaped(line, length, sizeof(line) - 1, text);
	line[length++] = '\n';
	/* nobody is left to be told that standard error is broken */
	(void)fwrite(line, 1, length, stream);
}

void cli_say(const char *subject, const char *format, ...)
{
	char text[CLI_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), nls(format), arguments);
	va_end(arguments);
	put_line(stderr, subject, text);
}

void cli_print(const char *format, ...)
{
	char text[CLI_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put_line(stdout, NULL, text);
}

int cli_usage(const char *subject, const char *format, ...)
{
	char text[CLI_LINE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), nls(format), arguments);
	va_end(arguments);
	cli_say(subject, "%s; see %s --help", text, cli.tool);
	return COMMIT_EUSAGE;
}

/* `what: why (ERRNO)`, where the errno name is what scripts may look for. */
static void describe(const struct commit_error *err, char *line, size_t size)
{
	const char *operation = err->operation != NULL ? err->operation : "";
	const char *name = err->errnum != 0 ? commit_errno_name(err->errnum) : "";
	const char *text = nls(err->text[0] != '\0' ? err->text : "failed");
	bool told = err->text[0] != '\0' || err->errnum == 0;
	const char *why = told ? text : strerror(err->errnum);
	bool named = name[0] != '\0' && strstr(why, name) == NULL;

	snprintf(line, size, "%s%s%s%s%s%s", operation, operation[0] != '\0' ? ": " : "", why,
	         named ? " (" : "", named ? name : "", named ? ")" : "");
}

static const char *subject_of(const struct commit_error *err)
{
	return err->path[0] != '\0' ? err->path : NULL;
}

void cli_error(const struct commit_error *err)
{
	char line[COMMIT_ERROR_TEXT_MAX + 256];
	const char *way_out = "";
	bool told;

	if (err->code == COMMIT_ECANCELED)
		return;
	describe(err, line, sizeof(line));
	told = strstr(line, "commit-recover") != NULL || strcmp(cli.tool, "commit-recover") == 0;
	if (err->code == COMMIT_EPENDING && !told)
		way_out = nls("; commit-recover finishes it");
	if (err->code == COMMIT_EUNDECIDED && !told)
		way_out = nls("; nothing is lost, commit-recover decides it");
	cli_say(subject_of(err), "%s%s", line, way_out);
}

void cli_warning(const struct commit_error *warning)
{
	char line[COMMIT_ERROR_TEXT_MAX + 256];

	if (cli.quiet || (warning->code == COMMIT_NOTE && !cli.verbose))
		return;
	describe(warning, line, sizeof(line));
	cli_say(subject_of(warning), "warning: %s", line);
}

int cli_fail(struct commit_error *err, int code, int errnum, const char *operation,
             const char *path, const char *format, ...)
{
	va_list arguments;

	err->code = code;
	err->errnum = errnum;
	err->operation = operation;
	snprintf(err->path, sizeof(err->path), "%s", path != NULL ? path : "");
	va_start(arguments, format);
	vsnprintf(err->text, sizeof(err->text), nls(format), arguments);
	va_end(arguments);
	return code;
}

void cli_push(void)
{
	if (fflush(stdout) != 0 && output_errno == 0)
		output_errno = errno;
}

int cli_flush(void)
{
	if (closed[STDOUT_FILENO]) {
		cli_say("standard output", "write: it is closed");
		return COMMIT_EFAILED;
	}
	cli_push();
	if (output_errno == 0 && !ferror(stdout))
		return COMMIT_OK;
	if (output_errno == 0)
		output_errno = EIO;
	cli_say("standard output", "write: %s (%s)", strerror(output_errno),
	        commit_errno_name(output_errno));
	return COMMIT_EFAILED;
}

int cli_help(const char *text)
{
	fputs(text, stdout);
	return cli_flush() == COMMIT_OK ? ARGS_DONE : COMMIT_EFAILED;
}

int cli_version(void)
{
	printf("%s (libcommit) %s\n", cli.tool, commit_version());
	return cli_flush() == COMMIT_OK ? ARGS_DONE : COMMIT_EFAILED;
}

int cli_exit(int code)
{
	if (code == COMMIT_ECANCELED)
		signals_die();
	return code < 0 ? -code : 0;
}
