/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "child.h"

#include "cli.h"
#include "nls.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GRACE_MS = 5000 };

static int set_attributes(posix_spawnattr_t *attributes, const struct child_request *request)
{
	int rc = posix_spawnattr_setsigmask(attributes, signals_original_mask());

	if (rc == 0 && request->group)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
		        attributes, (short)(POSIX_SPAWN_SETSIGMASK |
		                            (request->group ? POSIX_SPAWN_SETPGROUP : 0)));
	return rc;
}

static int set_descriptors(posix_spawn_file_actions_t *actions, const struct child_request *request)
{
	int rc = 0;

	if (request->in >= 0)
		rc = posix_spawn_file_actions_adddup2(actions, request->in, STDIN_FILENO);
	if (rc == 0 && request->out >= 0)
		rc = posix_spawn_file_actions_adddup2(actions, request->out, STDOUT_FILENO);
	return rc;
}

static int refuse(int errnum, const char *name, const char *path, struct commit_error *err)
{
	if (errnum == ENOMEM || errnum == EAGAIN)
		return cli_fail(err, COMMIT_EFAILED, errnum, "start a command", path, "%s: %s",
		                name, strerror(errnum));
	if (errnum == ENOENT)
		return cli_fail(err, COMMIT_EREFUSED, errnum, "run", path,
		                "%s: command not found (status 127); nothing was changed", name);
	return cli_fail(err, COMMIT_EREFUSED, errnum, "run", path,
	                "%s: cannot be executed (status 126): %s; nothing was changed", name,
	                strerror(errnum));
}

int child_start(struct child *child, const struct child_request *request, const char *path,
                struct commit_error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid = -1;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	rc = set_attributes(&attributes, request);
	if (rc == 0)
		rc = set_descriptors(&actions, request);
	if (rc == 0)
		rc = posix_spawnp(&pid, request->argv[0], &actions, &attributes, request->argv,
		                  environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return refuse(rc, request->argv[0], path, err);
	child->pid = pid;
	child->group = request->group;
	return COMMIT_OK;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

enum waited { WAIT_ENDED, WAIT_TIME, WAIT_SIGNAL };

/* Until the child ends, the time is over, or (if asked) a signal comes. */
static enum waited await(pid_t pid, int limit_ms, int cancel_fd, int *status)
{
	int64_t end = now_ms() + limit_ms;

	for (;;) {
		struct pollfd fds[] = {{signals_child_fd(), POLLIN, 0}, {cancel_fd, POLLIN, 0}};
		int64_t left = limit_ms < 0 ? -1 : end - now_ms();

		signals_child_seen();
		/* also when the status is lost (ECHILD): it is then not 0 */
		if (waitpid(pid, status, WNOHANG) != 0)
			return WAIT_ENDED;
		if (limit_ms >= 0 && left <= 0)
			return WAIT_TIME;
		if (poll(fds, 2, (int)left) > 0 && fds[1].revents != 0)
			return WAIT_SIGNAL;
	}
}

int child_wait(struct child *child, int limit_ms, int *status, struct commit_error *err)
{
	int found = 255 << 8;

	switch (await(child->pid, limit_ms, signals_cancel_fd(), &found)) {
	case WAIT_ENDED:
		/* Ctrl-C hits both of us: then we die of it, whatever the child did */
		if (signals_pending() != 0)
			break;
		*status = found;
		return COMMIT_OK;
	case WAIT_SIGNAL:
		child_stop(child, signals_pending());
		break;
	case WAIT_TIME:
		child_stop(child, SIGKILL);
		return cli_fail(err, COMMIT_EFAILED, ETIMEDOUT, "wait", NULL,
		                "took more than %d seconds", limit_ms / 1000);
	}
	return cli_fail(err, COMMIT_ECANCELED, EINTR, "wait", NULL, "stopped by a signal");
}

void child_stop(struct child *child, int signal)
{
	pid_t whom = child->group ? -child->pid : child->pid;
	int status;

	kill(whom, signal != 0 ? signal : SIGTERM);
	/* a stopped process would see the signal when it is continued only */
	kill(whom, SIGCONT);
	if (await(child->pid, GRACE_MS, -1, &status) == WAIT_ENDED)
		return;
	kill(whom, SIGKILL);
	waitpid(child->pid, &status, 0);
}

int child_judge(int status, const bool *accepted, const char *operation, const char *path,
                const char *name, const char *outcome, struct commit_error *err)
{
	if (WIFSIGNALED(status))
		return cli_fail(err, COMMIT_EREFUSED, 0, operation, path, "%s died of %s; %s", name,
		                signals_name(WTERMSIG(status)), nls(outcome));
	if (WEXITSTATUS(status) == 0 || (accepted != NULL && accepted[WEXITSTATUS(status)]))
		return COMMIT_OK;
	return cli_fail(err, COMMIT_EREFUSED, 0, operation, path, "%s exited with status %d; %s",
	                name, WEXITSTATUS(status), nls(outcome));
}
