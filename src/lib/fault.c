/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "fault.h"

#include <commit_error.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef LC_COVERAGE
/* gcc's: what was covered before a kill counts too */
void __gcov_dump(void);
#endif

#define FAULTS_MAX 8
#define ERRNO_MAX 200

enum what { WHAT_ERRNO, WHAT_SHORT, WHAT_KILL };

struct fault {
	unsigned long at;
	enum what what;
	int errnum;
	int forever;
	char call[32];
	unsigned long seen;
};

static struct {
	pthread_mutex_t mutex;
	int ready;
	int log;
	int trace;
	unsigned long calls;
	unsigned long fired;
	long open;
	int count;
	struct fault faults[FAULTS_MAX];
	void (*see)(void *context, const char *call);
	void *see_context;
} seam = {.mutex = PTHREAD_MUTEX_INITIALIZER, .log = -1, .trace = -1};

/* A test with a typo in its fault must not pass as "nothing fired". */
static void die(const char *why, const char *word)
{
	fprintf(stderr, "COMMIT_FAULT: %s: %s\n", word, why);
	abort();
}

static int errno_number(const char *name)
{
	int i;

	for (i = 1; i < ERRNO_MAX; i++)
		if (strcmp(commit_errno_name(i), name) == 0)
			return i;
	die("unknown errno", name);
	return 0;
}

static void parse_word(struct fault *fault, int index, const char *word)
{
	if (index == 0) {
		fault->at = strtoul(word, NULL, 10);
		if (fault->at == 0)
			die("not a number from 1", word);
	} else if (index == 1 && strcmp(word, "short") == 0) {
		fault->what = WHAT_SHORT;
	} else if (index == 1 && strcmp(word, "kill") == 0) {
		fault->what = WHAT_KILL;
	} else if (index == 1) {
		fault->errnum = errno_number(word);
	} else if (strcmp(word, "forever") == 0) {
		fault->forever = 1;
	} else if (strcmp(word, "once") != 0) {
		snprintf(fault->call, sizeof fault->call, "%s", word);
	}
}

static void parse_fault(struct fault *fault, char *spec)
{
	char *rest = NULL;
	char *word;
	int index = 0;

	for (word = strtok_r(spec, ":", &rest); word; word = strtok_r(NULL, ":", &rest))
		parse_word(fault, index++, word);
	if (index < 2)
		die("wants N:WHAT", spec);
}

static void log_line(const char *what, unsigned long number, const char *call, const char *detail)
{
	char line[160];
	int length;

	if (seam.log < 0)
		return;
	length = snprintf(line, sizeof line, "%s %lu %s %s\n", what, number, call, detail);
	if (write(seam.log, line, (size_t)length) != length)
		abort();
}

static void trace(const char *call, int fd, const char *name)
{
	char line[512];
	struct stat st;
	int length;

	if (seam.trace < 0)
		return;
	if (fd < 0 || fstat(fd, &st) != 0)
		st.st_ino = 0;
	length = snprintf(line, sizeof line, "call %lu %s %llu %.300s\n", seam.calls, call,
	                  (unsigned long long)st.st_ino, name && *name ? name : "-");
	if (write(seam.trace, line, (size_t)length) != length)
		abort();
}

/* The descriptor of the file that the environment names, -1 if it names none. */
static int open_log(const char *variable)
{
	const char *path = getenv(variable);
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;

	if (path && fd < 0)
		die(strerror(errno), path);
	return fd;
}

static void parse_faults(const char *spec)
{
	char copy[512];
	char *rest = NULL;
	char *word;

	seam.count = 0;
	memset(seam.faults, 0, sizeof seam.faults);
	snprintf(copy, sizeof copy, "%s", spec ? spec : "");
	for (word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (seam.count == FAULTS_MAX)
			die("too many faults", spec);
		parse_fault(&seam.faults[seam.count++], word);
	}
}

static void start(void)
{
	seam.ready = 1;
	seam.log = open_log("COMMIT_FAULT_LOG");
	seam.trace = open_log("COMMIT_FAULT_TRACE");
	parse_faults(getenv("COMMIT_FAULT"));
}

__attribute__((destructor)) static void finish(void)
{
	if (!seam.ready)
		return;
	log_line("calls", seam.calls, "-", "-");
	log_line("leaked", seam.open < 0 ? 0 : (unsigned long)seam.open, "-", "-");
}

static int matches(struct fault *fault, const char *call, size_t *length)
{
	if (fault->call[0] && strcmp(fault->call, call) != 0)
		return 0;
	if (fault->what == WHAT_SHORT && (!length || *length < 2))
		return 0;
	fault->seen++;
	return fault->forever ? fault->seen >= fault->at : fault->seen == fault->at;
}

static int fire(const struct fault *fault, const char *call, size_t *length)
{
	seam.fired++;
	switch (fault->what) {
	case WHAT_KILL:
		log_line("fired", fault->seen, call, "kill");
#ifdef LC_COVERAGE
		__gcov_dump();
#endif
		kill(getpid(), SIGKILL);
		pause();
		break;
	case WHAT_SHORT:
		log_line("fired", fault->seen, call, "short");
		if (length)
			*length /= 2;
		break;
	case WHAT_ERRNO:
		log_line("fired", fault->seen, call, commit_errno_name(fault->errnum));
		return -fault->errnum;
	}
	return 0;
}

static int ask(const char *call, int fd, const char *name, size_t *length)
{
	int i, rc = 0;

	if (seam.see)
		seam.see(seam.see_context, call);
	lc_fault_before(call);
	pthread_mutex_lock(&seam.mutex);
	if (!seam.ready)
		start();
	seam.calls++;
	trace(call, fd, name);
	/* All of them count the call, also behind one that fires. */
	for (i = 0; i < seam.count; i++)
		if (matches(&seam.faults[i], call, length) && rc == 0)
			rc = fire(&seam.faults[i], call, length);
	pthread_mutex_unlock(&seam.mutex);
	return rc;
}

int lc_fault_length(const char *call, int fd, size_t *length)
{
	return ask(call, fd, NULL, length);
}

int lc_fault_on(const char *call, int fd, const char *name)
{
	return ask(call, fd, name, NULL);
}

int lc_fault_opened(int fd)
{
	if (fd >= 0) {
		pthread_mutex_lock(&seam.mutex);
		seam.open++;
		pthread_mutex_unlock(&seam.mutex);
	}
	return fd;
}

int lc_fault_closed(int fd)
{
	if (fd >= 0) {
		pthread_mutex_lock(&seam.mutex);
		seam.open--;
		pthread_mutex_unlock(&seam.mutex);
	}
	return fd;
}

void lc_fault_arm(const char *faults)
{
	pthread_mutex_lock(&seam.mutex);
	if (!seam.ready)
		start();
	parse_faults(faults);
	seam.fired = 0;
	pthread_mutex_unlock(&seam.mutex);
}

unsigned long lc_fault_fired(void)
{
	return seam.fired;
}

long lc_fault_open(void)
{
	return seam.open;
}

void lc_fault_watch(void (*see)(void *context, const char *call), void *context)
{
	seam.see = see;
	seam.see_context = context;
}
