/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "fault.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The function that asks for the next flush; each thread has its own. */
static _Thread_local const char *site = "?";

static struct {
	pthread_mutex_t mutex;
	int ready;
	int sites;
	char what[16];
	char where[64];
	unsigned long only; /* the Nth time in a process, 0: each time */
	unsigned long seen;
	/* a flush that waits for the next rename to be over */
	int late;
	int renamed;
	/* somebody else's file, and whether it is to be flushed at the next call */
	int noise;
	int changed;
} mutant = {.mutex = PTHREAD_MUTEX_INITIALIZER, .sites = -1, .late = -1, .noise = -1};

/* A file system with a tree of its own for flushes commits all by this. */
#define BTRFS_COMMIT _IO(0x94, 8)

static void start(void)
{
	const char *spec = getenv("COMMIT_CRASH_MUTANT");
	const char *sites = getenv("COMMIT_CRASH_SITES");
	const char *noise = getenv("COMMIT_CRASH_NOISE");

	mutant.ready = 1;
	if (sites)
		mutant.sites = open(sites, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (noise)
		mutant.noise = open(noise, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (!spec)
		return;
	/* NOLINTNEXTLINE(cert-err34-c): the number may be missing */
	if (sscanf(spec, "%15[^:]:%63[^:]:%lu", mutant.what, mutant.where, &mutant.only) < 2) {
		fprintf(stderr, "COMMIT_CRASH_MUTANT: %s: wants WHAT:WHERE[:N]\n", spec);
		abort();
	}
}

void lc_fault_site(const char *function)
{
	site = function;
}

static void tell_site(void)
{
	char line[80];
	int length;

	if (mutant.sites < 0)
		return;
	length = snprintf(line, sizeof line, "%s\n", site);
	if (write(mutant.sites, line, (size_t)length) != length)
		abort();
}

static int is_meant(const char *what, const char *where)
{
	if (strcmp(mutant.what, what) != 0 || strcmp(mutant.where, where) != 0)
		return 0;
	mutant.seen++;
	return mutant.only == 0 || mutant.only == mutant.seen;
}

int lc_fault_skips_flush(int fd)
{
	int skip;

	pthread_mutex_lock(&mutant.mutex);
	if (!mutant.ready)
		start();
	tell_site();
	skip = is_meant("skip", site);
	if (!skip && mutant.late < 0 && is_meant("late", site)) {
		mutant.late = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		mutant.renamed = 0;
		skip = 1;
	}
	pthread_mutex_unlock(&mutant.mutex);
	return skip;
}

int lc_fault_skips_hint(void)
{
	int skip;

	pthread_mutex_lock(&mutant.mutex);
	if (!mutant.ready)
		start();
	skip = strcmp(mutant.what, "skip") == 0 || strcmp(mutant.what, "late") == 0;
	pthread_mutex_unlock(&mutant.mutex);
	return skip;
}

static int is_one_of(const char *call, const char *const *list)
{
	while (*list && strcmp(call, *list) != 0)
		list++;
	return *list != NULL;
}

/*
 * Another process flushes a file of its own, and what the journal has of ours
 * goes with it, at the worst moments: right after each change of names.
 */
static void make_noise(void)
{
	if (write(mutant.noise, "n", 1) != 1)
		return;
	fsync(mutant.noise);
	ioctl(mutant.noise, BTRFS_COMMIT);
}

static const char *const renames[] = {"rename", "noreplace", "exchange", NULL};
static const char *const changes[] = {"rename", "noreplace", "exchange", "linkfd", "link",
                                      "unlink", "mkdir",     "rmdir",    "chmod",  "symlink",
                                      "create", "truncate",  NULL};

/* What was put off, and noise, come with the first call behind the one that counts. */
void lc_fault_before(const char *call)
{
	int due = -1, noisy;

	pthread_mutex_lock(&mutant.mutex);
	if (!mutant.ready)
		start();
	noisy = mutant.noise >= 0 && mutant.changed;
	mutant.changed = is_one_of(call, changes);
	if (mutant.late >= 0 && mutant.renamed) {
		due = mutant.late;
		mutant.late = -1;
	}
	mutant.renamed = mutant.renamed || is_one_of(call, renames);
	pthread_mutex_unlock(&mutant.mutex);
	if (noisy)
		make_noise();
	if (due < 0)
		return;
	fsync(due);
	close(due);
}

int lc_fault_blind(const char *check)
{
	int blind;

	pthread_mutex_lock(&mutant.mutex);
	if (!mutant.ready)
		start();
	/* A log has two checks, each of which sees what the other would miss. */
	blind = is_meant("blind", check) ||
	        (strcmp(check, "journal") != 0 && is_meant("blind", "log"));
	pthread_mutex_unlock(&mutant.mutex);
	return blind;
}
