/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-owner.h"

#include "child.h"
#include "cli.h"
#include "recover-spool.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_MS = 60000 };

/* The directory that path lies in; the caller frees it. */
static char *copy_directory(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool recover_owner_add(struct recover_owner_jobs *jobs, const struct commit_finding *finding)
{
	struct recover_owner_job job = {NULL, finding->owner};
	struct recover_owner_job *longer;

	/* a strange file of root's is not made less strange by being root */
	if (finding->decision != COMMIT_DECIDE_FOREIGN || finding->owner == 0)
		return false;
	job.directory = finding->kind == COMMIT_FOUND_STORE ? strdup(finding->path)
	                                                    : copy_directory(finding->path);
	for (size_t i = 0; job.directory != NULL && i < jobs->count; i++)
		if (jobs->list[i].owner == job.owner &&
		    strcmp(jobs->list[i].directory, job.directory) == 0) {
			free(job.directory);
			return true;
		}
	longer = realloc(jobs->list, (jobs->count + 1) * sizeof(*longer));
	if (longer != NULL)
		jobs->list = longer;
	if (longer == NULL || job.directory == NULL) {
		free(job.directory);
		return false;
	}
	jobs->list[jobs->count++] = job;
	return true;
}

/* No way back: real, effective and saved ids, and all groups. */
static int become(uid_t owner, struct commit_error *err)
{
	const struct passwd *user = getpwuid(owner);

	if (user == NULL)
		return cli_fail(err, COMMIT_EFAILED, 0, "--as-owner", NULL,
		                "user %ju has no account to take the groups from",
		                (uintmax_t)owner);
	if (initgroups(user->pw_name, user->pw_gid) != 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(owner, owner, owner) != 0 || setuid(0) == 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "--as-owner", NULL,
		                "cannot become %s: %s", user->pw_name, strerror(errno));
	return COMMIT_OK;
}

struct rescan {
	const struct recover_options *options;
	struct recover_tally tally;
	uid_t owner;
};

static void found(void *context, const struct commit_finding *finding)
{
	struct rescan *rescan = context;

	/* the rest of the directory has been dealt with already */
	if (finding->owner == rescan->owner)
		recover_report_finding(rescan->options, &rescan->tally, finding);
}

static void warn(void *context, const struct commit_error *warning)
{
	const struct rescan *rescan = context;

	cli_warning(warning);
	recover_spool_trouble(rescan->options->spool, warning);
}

static void store(void *context, const char *root)
{
	const struct rescan *rescan = context;

	recover_spool_store(rescan->options->spool, root);
}

/* The child: becomes the owner, scans one directory, sends its tally, ends. */
static void work(const struct recover_owner_job *job, const struct recover_options *options,
                 int out) __attribute__((noreturn));

static void work(const struct recover_owner_job *job, const struct recover_options *options,
                 int out)
{
	struct rescan rescan = {.options = options, .owner = job->owner};
	struct commit_recover_options scan = options->scan;
	struct commit_error err = COMMIT_ERROR_INIT;
	int rc;

	scan.flags &= ~COMMIT_RECOVER_TREE;
	scan.cancel_fd = signals_cancel_fd();
	scan.found = found;
	scan.warn = warn;
	scan.store = store;
	scan.context = &rescan;
	rc = become(job->owner, &err);
	if (rc == COMMIT_OK)
		rc = commit_recover_scan(job->directory, &scan, NULL, &err);
	/* findings of others in this directory are no conflict of this job */
	if (rc == COMMIT_ECONFLICT && rescan.tally.conflicts == 0)
		rc = COMMIT_OK;
	if (rc == COMMIT_OK)
		rc = recover_spool_check(&err);
	if (rc < 0) {
		cli_error(&err);
		/* the others are told by findings */
		if (rc != COMMIT_ECONFLICT && rc != COMMIT_EPENDING)
			recover_spool_trouble(options->spool, &err);
	}
	rescan.tally.code = rc;
	fflush(stdout);
	_exit(write(out, &rescan.tally, sizeof(rescan.tally)) == sizeof(rescan.tally) ? 0 : 1);
}

static int run_job(const struct recover_owner_job *job, const struct recover_options *options,
                   struct recover_tally *tally, struct commit_error *err)
{
	struct recover_tally part;
	struct child child = {0, false};
	int ends[2];
	int status;
	int rc;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return cli_fail(err, COMMIT_EFAILED, errno, "pipe", job->directory, "%s",
		                strerror(errno));
	fflush(stdout);
	child.pid = fork();
	if (child.pid == 0)
		work(job, options, ends[1]);
	if (child.pid < 0)
		rc = cli_fail(err, COMMIT_EFAILED, errno, "fork", job->directory, "%s",
		              strerror(errno));
	else
		rc = child_wait(&child, LIMIT_MS, &status, err);
	if (rc == COMMIT_OK && read(ends[0], &part, sizeof(part)) == sizeof(part))
		recover_tally_add(tally, &part);
	else if (rc == COMMIT_OK)
		rc = cli_fail(err, COMMIT_EFAILED, 0, "--as-owner", job->directory,
		              "the process that took its owner's identity died");
	close(ends[0]);
	close(ends[1]);
	return rc;
}

void recover_owner_run(const struct recover_owner_jobs *jobs, const struct recover_options *options,
                       struct recover_tally *tally)
{
	for (size_t i = 0; i < jobs->count && tally->code != COMMIT_ECANCELED; i++) {
		struct commit_error err = COMMIT_ERROR_INIT;
		off_t end = recover_spool_tell(options->spool);
		int rc = run_job(&jobs->list[i], options, tally, &err);

		if (rc < 0) {
			cli_error(&err);
			/* it may have died within a record */
			recover_spool_cut(options->spool, end);
			recover_spool_trouble(options->spool, &err);
		}
		tally->code = recover_graver(tally->code, rc);
	}
}

void recover_owner_release(struct recover_owner_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		free(jobs->list[i].directory);
	free(jobs->list);
	*jobs = (struct recover_owner_jobs){NULL, 0};
}
