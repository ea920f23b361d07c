/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "faults.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_MAX 60

static volatile pid_t running;

/* A tool that waits for ever is a finding, not the end of the walk. */
static void stop_running(int signal)
{
	(void)signal;
	if (running > 0)
		kill(running, SIGTERM);
}

static void watch(unsigned seconds)
{
	struct sigaction action = {.sa_handler = stop_running, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}

/* --- what was written ---------------------------------------------------- */

void read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;

	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The preset's own faults are no news. */
static int is_preset(const char *preset, const struct fired *fired)
{
	char word[64];
	const char *at;

	for (at = preset; at && *at; at = strchr(at, ','), at += at != NULL) {
		const char *what = strchr(at, ':') + 1;
		size_t length = strcspn(what, ":");
		const char *call = strchr(what + length + 1, ':') + 1;

		snprintf(word, sizeof word, "%.*s", (int)length, what);
		if (strcmp(word, fired->what) != 0)
			continue;
		snprintf(word, sizeof word, "%.*s", (int)strcspn(call, ","), call);
		if (strcmp(word, fired->call) == 0)
			return 1;
	}
	return 0;
}

/* Cuts a line into its words; it must have as many. */
static void cut(char *line, char **words, int count)
{
	char *rest = NULL, *word = strtok_r(line, " \n", &rest);
	int i;

	for (i = 0; i < count; i++, word = strtok_r(NULL, " \n", &rest)) {
		if (!word)
			errx(1, "cannot understand what the seam wrote: %s", line);
		words[i] = word;
	}
}

static void read_log(struct run *run, const char *preset)
{
	char text[16384];
	char *rest = NULL, *line;
	char *words[4];
	struct fired fired;

	run->calls = run->leaked = -1;
	run->fired_count = 0;
	read_text("log", text, sizeof text);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		cut(line, words, 4);
		fired.at = strtoul(words[1], NULL, 10);
		snprintf(fired.call, sizeof fired.call, "%s", words[2]);
		snprintf(fired.what, sizeof fired.what, "%s", words[3]);
		if (strcmp(words[0], "calls") == 0)
			run->calls = (long)fired.at;
		else if (strcmp(words[0], "leaked") == 0)
			run->leaked = (long)fired.at;
		else if (!is_preset(preset, &fired) && run->fired_count < FIRED_MAX)
			run->fired[run->fired_count++] = fired;
	}
}

int fired_call(const struct run *run, const char *call)
{
	int i;

	for (i = 0; i < run->fired_count; i++)
		if (strcmp(run->fired[i].call, call) == 0)
			return 1;
	return 0;
}

void read_trace(struct trace *trace)
{
	enum { WORDS = 5 };
	FILE *file = fopen("trace", "r");
	char line[1024];
	char *words[WORDS];
	struct call *call;

	trace->count = 0;
	while (file && fgets(line, sizeof line, file)) {
		if (trace->count == CALLS_MAX)
			errx(1, "too many calls");
		call = &trace->calls[trace->count++];
		cut(line, words, WORDS);
		snprintf(call->name, sizeof call->name, "%s", words[2]);
		call->inode = strtoul(words[3], NULL, 10);
		snprintf(call->file, sizeof call->file, "%s", words[4]);
	}
	if (file)
		fclose(file);
}

/* --- one process --------------------------------------------------------- */

const char *fault_tool(const char *tool, char path[4096])
{
	const char *directory = getenv("LC_FAULT_BIN");

	if (!directory)
		errx(1, "LC_FAULT_BIN is not set");
	snprintf(path, 4096, "%s/%s", directory, tool);
	return path;
}

void set_or_not(const char *name, const char *value)
{
	if (value && *value)
		setenv(name, value, 1);
	else
		unsetenv(name);
}

static void fill_status(struct run *run, int status, int hung)
{
	run->hung = hung;
	run->killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Runs argv with fd in as standard input; what it says goes to out and err. */
void run_tool(const char *const *argv, int in, struct run *run)
{
	posix_spawn_file_actions_t actions;
	const int flags = O_WRONLY | O_CREAT | O_TRUNC;
	int status, rc;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, 0);
	else
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "out", flags, 0600);
	posix_spawn_file_actions_addopen(&actions, 2, "err", flags, 0600);
	rc = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
	if (rc)
		errx(1, "%s: %s", argv[0], strerror(rc));
	posix_spawn_file_actions_destroy(&actions);
	running = pid;
	watch(SECONDS_MAX);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			err(1, "waitpid");
	fill_status(run, status, alarm(0) == 0);
	running = 0;
	read_text("out", run->out, sizeof run->out);
	read_text("err", run->err, sizeof run->err);
}

void run_with_fault(const char *const *argv, int in, const char *fault, const char *preset,
                    int traced, struct run *run)
{
	char both[480];

	/* The walked fault first: it counts every call. */
	snprintf(both, sizeof both, "%s%s%s", fault, *fault && *preset ? "," : "", preset);
	set_or_not("COMMIT_FAULT", both);
	set_or_not("COMMIT_FAULT_LOG", "log");
	set_or_not("COMMIT_FAULT_TRACE", traced ? "trace" : "");
	unlink("log");
	unlink("trace");
	run_tool(argv, in, run);
	read_log(run, preset);
	set_or_not("COMMIT_FAULT", "");
}

/* What may go wrong with a call; those not named fail with EIO. */
static const struct {
	const char *call;
	const char *errnos[6];
} errors[] = {
        {"open", {"EIO", "EMFILE", "EACCES"}},
        {"create", {"EIO", "ENOSPC", "EMFILE"}},
        {"tmpfile", {"EIO", "ENOSPC", "EMFILE"}},
        {"dup", {"EMFILE"}},
        {"read", {"EIO", "EINTR", "short"}},
        {"pread", {"EIO", "EINTR", "short"}},
        {"write", {"ENOSPC", "EIO", "EINTR", "short"}},
        {"pwrite", {"ENOSPC", "EIO", "EINTR", "short"}},
        {"copyrange", {"ENOSPC", "EIO", "EINTR", "short", "EINVAL"}},
        {"sendfile", {"ENOSPC", "EIO", "EINTR", "short", "EINVAL"}},
        {"clone", {"EIO", "ENOSPC"}},
        {"clonerange", {"EIO", "ENOSPC"}},
        {"truncate", {"EIO", "ENOSPC"}},
        {"reserve", {"ENOSPC", "EIO"}},
        {"stat", {"EIO", "EACCES"}},
        {"access", {"EIO", "EACCES"}},
        {"fsync", {"EIO", "ENOSPC"}},
        {"linkfd", {"EIO", "ENOSPC", "ENOENT"}},
        {"rename", {"EIO", "ENOSPC", "EBUSY", "EACCES"}},
        {"noreplace", {"EIO", "ENOSPC", "EINVAL"}},
        {"exchange", {"EIO", "ENOSPC", "EINVAL"}},
        {"unlink", {"EIO", "EPERM"}},
        {"mkdir", {"EIO", "ENOSPC"}},
        {"chmod", {"EIO", "EPERM"}},
        {"chown", {"EIO", "EPERM"}},
        {"utimens", {"EIO", "EPERM"}},
        {"acl", {"EIO", "EOPNOTSUPP"}},
        {"setxattr", {"EIO", "ENOSPC", "EPERM"}},
        {"flock", {"EAGAIN", "ENOLCK", "EINTR"}},
};

const char *const *fault_errnos(const char *call)
{
	static const char *const other[] = {"EIO", NULL};
	size_t i;

	for (i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (strcmp(errors[i].call, call) == 0)
			return errors[i].errnos;
	return other;
}

/* How many calls of that name there are up to and with this one. */
int trace_occurrence(const struct trace *trace, int at)
{
	int i, count = 0;

	for (i = 0; i <= at; i++)
		count += strcmp(trace->calls[i].name, trace->calls[at].name) == 0;
	return count;
}

/* EINTR for ever is no error but a reason to go on for ever. */
int fault_can_last(const char *what)
{
	return strcmp(what, "EINTR") != 0 && strcmp(what, "short") != 0;
}

/* What every program must be able to bear. */
int fault_is_harmless(const struct fired *fired)
{
	if (strcmp(fired->what, "short") == 0 || strcmp(fired->what, "EINVAL") == 0)
		return 1;
	if (strcmp(fired->what, "EINTR") == 0)
		return strcmp(fired->call, "flock") != 0 && strcmp(fired->call, "stat") != 0;
	return strcmp(fired->what, "ENOENT") == 0 && strcmp(fired->call, "linkfd") == 0;
}
