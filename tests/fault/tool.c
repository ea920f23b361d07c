/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "walk.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 24
#define SECONDS_MAX 60
#define TOKEN_SIZE 200

/* What the file systems of struct job.missing say. */
static const char *const missing_faults[] = {
        "1:EOPNOTSUPP:forever:tmpfile",
        "1:EINVAL:forever:exchange,1:EINVAL:forever:noreplace",
        "1:EOPNOTSUPP:forever:clone,1:EOPNOTSUPP:forever:clonerange,1:EXDEV:forever:copyrange",
};

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

static void read_text(const char *path, char *text, size_t size)
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

static const char *tool_path(const char *tool, char path[4096])
{
	const char *directory = getenv("LC_FAULT_BIN");

	if (!directory)
		errx(1, "LC_FAULT_BIN is not set");
	snprintf(path, 4096, "%s/%s", directory, tool);
	return path;
}

static void set_or_not(const char *name, const char *value)
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
static void run_tool(const char *const *argv, int in, struct run *run)
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

static void run_with_fault(const char *const *argv, int in, const char *fault, const char *preset,
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

/* The read end of a pipe that holds the content. */
static int filled_pipe(enum content content)
{
	struct bytes bytes = content_bytes(content);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		err(1, "pipe");
	if (bytes.size > 0 && write(ends[1], bytes.data, bytes.size) != (ssize_t)bytes.size)
		err(1, "pipe");
	close(ends[1]);
	return ends[0];
}

static const char *ask_token(char *text)
{
	char path[4096];
	const char *argv[] = {tool_path("commit-save", path), "--token", "d/f", NULL};
	struct run run;

	set_or_not("COMMIT_FAULT_LOG", "");
	set_or_not("COMMIT_FAULT_TRACE", "");
	run_tool(argv, -1, &run);
	if (run.status != 0)
		errx(1, "commit-save --token: %s", run.err);
	snprintf(text, TOKEN_SIZE, "--expect=%.*s", (int)strcspn(run.out, "\n"), run.out);
	return text;
}

static void preset_of(const struct job *job, char *preset, size_t size)
{
	size_t i, length;

	snprintf(preset, size, "%s", job->scenario->preset ? job->scenario->preset : "");
	for (i = 0; i < sizeof missing_faults / sizeof missing_faults[0]; i++) {
		length = strlen(preset);
		if (job->missing & (1u << i))
			snprintf(preset + length, size - length, "%s%s", length ? "," : "",
			         missing_faults[i]);
	}
}

/*
 * A command that the killed save had just forked shares its locks until it is
 * executed: only then the save is dead for recovery.
 */
static void wait_for_locks(void)
{
	static struct world world;
	const struct timespec pause = {0, 1000000};
	int i, fd, tries;

	world_look(&world);
	for (i = 0; i < world.count; i++) {
		if (!is_residue(&world.entries[i]))
			continue;
		fd = open(world.entries[i].name, O_RDONLY);
		for (tries = 0; fd >= 0 && tries < SECONDS_MAX * 1000; tries++) {
			if (flock(fd, LOCK_EX | LOCK_NB) == 0)
				break;
			nanosleep(&pause, NULL);
		}
		if (fd >= 0)
			close(fd);
	}
}

void run_save(const struct job *job, const char *fault, int traced, struct run *run)
{
	const struct scenario *s = job->scenario;
	char path[4096], token[TOKEN_SIZE], preset[256];
	const char *argv[ARGS_MAX] = {tool_path("commit-save", path), "--json", "--wait=0"};
	int count = 3, in = -1, i;

	for (i = 0; s->args[i]; i++)
		argv[count++] = s->args[i];
	if (s->setup & S_TOKEN)
		argv[count++] = ask_token(token);
	if (s->feed == FEED_FROM)
		argv[count++] = "--from=src";
	argv[count++] = s->setup & S_SYMLINK ? "link" : "d/f";
	if (s->feed == FEED_COMMAND) {
		argv[count++] = "--";
		argv[count++] = "cat";
		argv[count++] = "src";
	}
	argv[count] = NULL;
	if (s->feed == FEED_PIPE)
		in = filled_pipe(s->input);
	preset_of(job, preset, sizeof preset);
	run_with_fault(argv, in, fault, preset, traced, run);
	if (in >= 0)
		close(in);
	if (run->killed && s->feed == FEED_COMMAND)
		wait_for_locks();
}

void run_second_save(const struct scenario *s, struct run *run)
{
	char path[4096];
	const char *argv[] = {tool_path("commit-save", path),
	                      "--wait=0",
	                      "--force",
	                      "--from=again",
	                      s->flags & F_IN_PLACE ? "--in-place" : "--hardlink=break",
	                      "d/f",
	                      NULL};

	run_with_fault(argv, -1, "", "", 0, run);
}

void run_recover(const char *fault, int traced, struct run *run)
{
	char path[4096];
	const char *argv[] = {tool_path("commit-recover", path), "--json", "--journal-dir=reg", "d",
	                      NULL};

	run_with_fault(argv, -1, fault, "", traced, run);
}
