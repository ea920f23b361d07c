/* SPDX-License-Identifier: ISC */
/*
 * recoverer SOCKET - commit-recover, loaded and linked once, run as often as wanted
 *
 * Recovery of a small tree takes less time than to start a program. Each request
 * gets a process of its own, forked from this one, which has never called the
 * library: nothing of one recovery is there in the next. It ends with the worker
 * that asks.
 */
#define _GNU_SOURCE
#include "crash.h"
#include "recoverer.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

/* recoverer-tool.c */
int recover_main(int argc, char **argv);

static void open_as(int wanted, const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd < 0)
		err(1, "%s", path);
	if (fd == wanted)
		return;
	if (dup2(fd, wanted) < 0)
		err(1, "%s", path);
	close(fd);
}

_Noreturn static void recover_once(struct recoverer_request *request)
{
	static char name[] = "commit-recover", option[] = "-r";
	char *arguments[] = {name, option, request->path, NULL};
	int i;

	open_as(0, "/dev/null", O_RDONLY);
	open_as(1, request->output, O_WRONLY | O_CREAT | O_TRUNC);
	if (dup2(1, 2) < 0)
		err(1, "output");
	for (i = 0; i < REQUEST_VARIABLES; i++)
		if (request->variables[i][0])
			putenv(request->variables[i]);
	exit(recover_main(3, arguments));
}

int main(int argc, char **argv)
{
	struct recoverer_request request;
	int socket = argc == 2 ? atoi(argv[1]) : -1;

	if (socket < 0)
		errx(2, "usage: recoverer SOCKET");
	fcntl(socket, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(socket, &request, sizeof request, 0) == (ssize_t)sizeof request) {
		pid_t pid = fork();
		int status;

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			close(socket);
			recover_once(&request);
		}
		status = wait_for(pid, 0);
		if (send(socket, &status, sizeof status, MSG_NOSIGNAL) != (ssize_t)sizeof status)
			return 1;
	}
	return 0;
}
