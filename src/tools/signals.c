/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "signals.h"

#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int cancelling[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

static struct {
	sigset_t original;
	sigset_t cancel;
	int cancel_fd;
	int child_fd;
} state = {.cancel_fd = -1, .child_fd = -1};

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_open(struct commit_error *err)
{
	sigset_t blocked;
	sigset_t child;

	sigemptyset(&state.cancel);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, NULL, &state.original);
	for (size_t i = 0; i < COUNT(cancelling); i++) {
		int number = cancelling[i];

		if (!is_ignored(number) && !sigismember(&state.original, number))
			sigaddset(&state.cancel, number);
	}
	blocked = state.cancel;
	sigaddset(&blocked, SIGCHLD);
	/* past a file size limit write() shall fail with EFBIG, not kill us */
	sigaddset(&blocked, SIGXFSZ);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	/* where SIGCHLD is ignored, children vanish together with their status */
	if (is_ignored(SIGCHLD))
		signal(SIGCHLD, SIG_DFL);

	state.cancel_fd = signalfd(-1, &state.cancel, SFD_CLOEXEC | SFD_NONBLOCK);
	state.child_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (state.cancel_fd < 0 || state.child_fd < 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "signalfd", NULL, "%s",
		                strerror(errno));
	return COMMIT_OK;
}

int signals_cancel_fd(void)
{
	return state.cancel_fd;
}

int signals_child_fd(void)
{
	return state.child_fd;
}

void signals_child_seen(void)
{
	struct signalfd_siginfo seen[4];

	/* SIGCHLD does not queue up: there is one at most */
	(void)!read(state.child_fd, seen, sizeof(seen));
}

int signals_pending(void)
{
	sigset_t pending;

	if (sigpending(&pending) != 0)
		return 0;
	for (size_t i = 0; i < COUNT(cancelling); i++)
		if (sigismember(&pending, cancelling[i]) &&
		    sigismember(&state.cancel, cancelling[i]))
			return cancelling[i];
	return 0;
}

const sigset_t *signals_original_mask(void)
{
	return &state.original;
}

const char *signals_name(int number)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
	        {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"},   {SIGQUIT, "SIGQUIT"},
	        {SIGILL, "SIGILL"},   {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"},
	        {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGKILL, "SIGKILL"},
	        {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"}, {SIGUSR2, "SIGUSR2"},
	        {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
	        {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},
	        {SIGIO, "SIGIO"},     {SIGPWR, "SIGPWR"},
	};
	static char other[32];

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].number == number)
			return names[i].name;
	snprintf(other, sizeof(other), "signal %d", number);
	return other;
}

void signals_die(void)
{
	int number = signals_pending();

	/* it is still pending, for nobody has read it: this delivers it */
	fflush(NULL);
	sigprocmask(SIG_SETMASK, &state.original, NULL);
	/* only the first process of a container outlives the line above */
	_exit(number != 0 ? 128 + number : -COMMIT_EFAILED);
}
