/* SPDX-License-Identifier: ISC */
/*
 * cli.h - what every tool does in the same way: start, speak, end
 *
 * Calling sequence
 *
 *     cli_start("commit-save");
 *     ... parse options, signals_open() ...
 *     rc = ...;
 *     if (rc < 0)
 *         cli_error(&err);
 *     return cli_exit(rc);
 *
 * Messages are one line each on standard error, `tool: path: what: why`, in
 * one write, with control characters shown as \ooo so that no file name can
 * play tricks on a terminal or forge a line. Formats are translated here (nls.h);
 * a new function that takes one is named in po/local.mk. Codes are those of enum
 * commit_code; the exit status is the code without its sign.
 */
#ifndef CLI_H
#define CLI_H

#include <commit.h>

#include <stdbool.h>

#define CLI_PRINTF(text, arguments) __attribute__((format(printf, text, arguments)))

/* Room for a line with two paths in it. */
#define CLI_LINE_MAX (2 * COMMIT_ERROR_PATH_MAX + 1024)

struct cli {
	const char *tool;
	bool quiet;   /* -q: no warnings, no announcements; errors remain */
	bool verbose; /* -v */
};

extern struct cli cli;

/*
 * Names the tool, and puts /dev/null where one of the descriptors 0 to 2 is
 * closed, so that no file of ours can get such a number.
 */
void cli_start(const char *tool);

/* -q and -v, which all tools have; false: another option. */
bool cli_switch(int option);

/* Was this one of the descriptors 0 to 2 closed when the tool was started? */
bool cli_was_closed(int fd);

/* One line on standard error: `tool: subject: ...`; subject may be NULL. */
void cli_say(const char *subject, const char *format, ...) CLI_PRINTF(2, 3);

/* One line on standard output, control characters escaped. */
void cli_print(const char *format, ...) CLI_PRINTF(1, 2);

/* cli_say, pointing at --help. Returns COMMIT_EUSAGE. */
int cli_usage(const char *subject, const char *format, ...) CLI_PRINTF(2, 3);

/* What failed, why, and the way out. A cancelled run says nothing. */
void cli_error(const struct commit_error *err);

/* The same for what did not stop the tool; nothing with -q, notes with -v only. */
void cli_warning(const struct commit_error *warning);

/* Fills in *err and returns code. */
int cli_fail(struct commit_error *err, int code, int errnum, const char *operation,
             const char *path, const char *format, ...) CLI_PRINTF(6, 7);

/* Writes out standard output now; cli_flush tells whether that worked. */
void cli_push(void);

/*
 * Writes out standard output. Returns 0, or COMMIT_EFAILED after having said
 * why: it is full, broken, or was closed from the start.
 */
int cli_flush(void);

/*
 * --help and --version, on standard output. Return ARGS_DONE, or COMMIT_EFAILED
 * after having said why.
 */
int cli_help(const char *text);
int cli_version(void);

/* The exit status for a code or ARGS_DONE; a cancelled tool dies of its signal. */
int cli_exit(int code);

#endif
