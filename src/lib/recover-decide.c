/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "recover-internal.h"

#include "error.h"
#include "inplace.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Where locks are unknown, what is younger than this may be somebody's who lives. */
#define LOCKLESS_AGE ((int64_t)24 * 60 * 60)

/* One name of ours in one directory, while it is decided. */
struct candidate {
	struct lc_scan *scan;
	const struct lc_place *dir;
	const char *name;
	struct lc_name parsed;
	struct stat st;
	int fd;
	int lockless;
	struct commit_finding finding;
	char *path;
	char target[COMMIT_ERROR_PATH_MAX];
};

static int graver(int code, int than)
{
	static const int order[] = {COMMIT_ECANCELED, COMMIT_ECONFLICT, COMMIT_EUNDECIDED,
	                            COMMIT_EPENDING,  COMMIT_EFAILED,   COMMIT_EREFUSED,
	                            COMMIT_EBUSY,     COMMIT_OK};
	size_t i;

	for (i = 0; order[i] != COMMIT_OK; i++) {
		if (order[i] == than)
			return 0;
		if (order[i] == code)
			return 1;
	}
	return 0;
}

void lc_recover_complain(struct lc_scan *scan, int code, int errnum, const char *what,
                         const char *path, const char *why)
{
	if (!graver(code, scan->code))
		return;
	scan->code = code;
	lc_error_set(scan->err, code, errnum, what, path, why);
}

void lc_recover_warn(struct lc_scan *scan, int rc, const char *what, const char *path)
{
	struct commit_error warning;

	scan->totals.failed++;
	lc_recover_complain(scan, COMMIT_EFAILED, -rc, what, path, NULL);
	if (!scan->opt->warn)
		return;
	lc_error_set(&warning, COMMIT_OK, -rc, what, path, NULL);
	scan->opt->warn(scan->opt->context, &warning);
}

char *lc_recover_join(const char *directory, const char *name)
{
	size_t length = strlen(directory);
	int slash = length > 0 && directory[length - 1] != '/';
	char *path = malloc(length + strlen(name) + 2);

	if (path)
		sprintf(path, "%s%s%s", directory, slash ? "/" : "", name);
	return path;
}

static void decide(struct candidate *c, enum commit_decision decision, const char *reason)
{
	c->finding.decision = decision;
	c->finding.reason = reason;
}

/* What was decided could not be carried out. */
static void failed(struct candidate *c, int rc)
{
	c->finding.code = COMMIT_EPENDING;
	c->finding.errnum = -rc;
}

static void carried_out(struct candidate *c)
{
	c->finding.done = 1;
}

static void report(struct candidate *c)
{
	struct lc_scan *scan = c->scan;

	if (c->finding.decision == COMMIT_DECIDE_CONFLICT)
		c->finding.code = COMMIT_ECONFLICT;
	if ((scan->opt->flags & COMMIT_RECOVER_CHECK) && !lc_recover_grade(&c->finding))
		return;
	lc_recover_tell(scan, &c->finding);
}

/* It is there, but the disk or the process's limits keep us from deciding. */
static int undecided(struct candidate *c, int rc)
{
	decide(c, COMMIT_DECIDE_UNPROVEN, "cannot be looked at now");
	failed(c, rc);
	return 0;
}

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_uid == b->st_uid;
}

/*
 * Opens and locks: 1 if it is ours to decide about, 0 if it lives or cannot
 * be opened (decided), -ESTALE if it is gone.
 */
static int take(struct candidate *c, int flags)
{
	struct stat now;
	int rc;

	c->fd = lc_sys_open(c->dir->fd, c->name, flags | O_NOFOLLOW | O_NONBLOCK);
	if (c->fd == -ENOENT)
		return -ESTALE;
	if (c->fd < 0 && c->fd != -EACCES && c->fd != -EPERM)
		return undecided(c, c->fd);
	if (c->fd < 0) {
		decide(c, COMMIT_DECIDE_FOREIGN, "cannot be opened by this user");
		c->finding.errnum = -c->fd;
		return 0;
	}
	rc = lc_sys_lock(c->fd);
	if (rc == -EWOULDBLOCK) {
		decide(c, COMMIT_DECIDE_LIVE, "its process holds the lock");
		return 0;
	}
	c->lockless = rc != 0;
	if (c->lockless && (lc_name_this_boot(&c->parsed) || c->finding.age < LOCKLESS_AGE)) {
		decide(c, COMMIT_DECIDE_LIVE, "no locks on this file system, and it may be alive");
		return 0;
	}
	/*
	 * Its maker may have published or removed it while we waited. And what is
	 * open must be what was looked at: else somebody who may rename files here
	 * could show us our own journal and have us obey his.
	 */
	rc = lc_sys_lstat(c->dir->fd, c->name, &now);
	if (rc && rc != -ENOENT)
		return undecided(c, rc);
	if (rc || !same_file(&now, &c->st))
		return -ESTALE;
	rc = lc_sys_fstat(c->fd, &now);
	if (rc)
		return undecided(c, rc);
	return same_file(&now, &c->st) ? 1 : -ESTALE;
}

static int too_young(struct candidate *c)
{
	if (c->finding.age >= c->scan->opt->older_than)
		return 0;
	decide(c, COMMIT_DECIDE_YOUNG, "younger than --older-than");
	return 1;
}

static int dry(const struct candidate *c)
{
	return (c->scan->opt->flags & (COMMIT_RECOVER_DRY_RUN | COMMIT_RECOVER_CHECK)) != 0;
}

static void remove_file(struct candidate *c, const char *reason)
{
	int rc;

	decide(c, COMMIT_DECIDE_REMOVE, reason);
	if (dry(c))
		return;
	rc = lc_sys_unlink(c->dir->fd, c->name);
	if (rc)
		failed(c, rc);
	else
		carried_out(c);
}

static int handle_staged(struct candidate *c)
{
	int rc;

	if (!S_ISREG(c->st.st_mode) || !lc_name_proven(&c->parsed, c->dir->inode)) {
		decide(c, COMMIT_DECIDE_UNPROVEN, "not made by libcommit for this directory");
		return 0;
	}
	rc = take(c, O_RDONLY);
	if (rc == 1 && !too_young(c))
		remove_file(c, "staged by a process that is gone");
	return rc;
}

/*
 * Under such a name stands the staged file, or the version that it was meant to
 * replace. Anything else is a version that somebody wrote in between.
 */
static int handle_displaced(struct candidate *c)
{
	int rc;

	if (!S_ISREG(c->st.st_mode)) {
		decide(c, COMMIT_DECIDE_UNPROVEN, "not made by libcommit for this directory");
		return 0;
	}
	rc = take(c, O_RDONLY);
	if (rc != 1 || too_young(c))
		return rc;
	if (lc_name_is_staged(&c->parsed, c->dir->inode, &c->st))
		remove_file(c, "staged by a process that is gone");
	else if (lc_name_is_expected(&c->parsed, c->dir->inode, &c->st))
		remove_file(c, "the version that a finished save has replaced");
	else
		decide(c, COMMIT_DECIDE_CONFLICT,
		       "a version of a file that a save displaced by accident, or a copied name; "
		       "compare it with the file and remove one");
	return rc;
}

/* The one file in a stage directory: 1; 0 if there are more; or a negative errno. */
static int keep_name(void *context, const char *name)
{
	char *kept = context;
	int first = kept[0] == '\0';

	snprintf(kept, 256, "%s", name);
	return !first;
}

static int only_entry(int fd, char name[256])
{
	int rc;

	name[0] = '\0';
	rc = lc_dir_each(lc_sys_open(fd, ".", O_RDONLY | O_DIRECTORY), keep_name, name);
	return rc < 0 ? rc : !rc;
}

/* Or none at all. */
static int holds_one_file(struct candidate *c, char name[256])
{
	struct stat st;
	int rc = only_entry(c->fd, name);

	if (rc <= 0 || !name[0])
		return rc;
	rc = lc_sys_lstat(c->fd, name, &st);
	return rc ? rc : S_ISREG(st.st_mode);
}

static void remove_directory(struct candidate *c, const char *inside)
{
	int rc = 0;

	decide(c, COMMIT_DECIDE_REMOVE, "staged for a validator by a process that is gone");
	if (dry(c))
		return;
	if (inside[0])
		rc = lc_sys_unlink(c->fd, inside);
	if (!rc)
		rc = lc_sys_rmdir(c->dir->fd, c->name);
	if (rc)
		failed(c, rc);
	else
		carried_out(c);
}

static int handle_stage_dir(struct candidate *c)
{
	char inside[256];
	int rc;

	if (!S_ISDIR(c->st.st_mode) || !lc_name_proven(&c->parsed, c->dir->inode)) {
		decide(c, COMMIT_DECIDE_UNPROVEN, "not made by libcommit for this directory");
		return 0;
	}
	rc = take(c, O_RDONLY | O_DIRECTORY);
	if (rc != 1 || too_young(c))
		return rc;
	rc = holds_one_file(c, inside);
	if (rc < 0)
		return undecided(c, rc);
	if (rc == 0)
		decide(c, COMMIT_DECIDE_UNPROVEN, "holds files that libcommit did not put there");
	else
		remove_directory(c, inside);
	return 0;
}

static void name_target(struct candidate *c, const struct lc_inplace_case *found)
{
	char *path = NULL;

	if (found->journal.flags & LC_JOURNAL_BESIDE)
		path = lc_recover_join(c->dir->path, found->journal.target);
	snprintf(c->target, sizeof c->target, "%s", path ? path : found->journal.target);
	free(path);
}

/* In the journal directory only what was asked for is looked at. */
static int wanted(const struct candidate *c)
{
	const char *only = c->scan->only;
	size_t length;

	if (!only)
		return 1;
	length = strlen(only);
	if (strncmp(c->target, only, length) != 0)
		return 0;
	return c->target[length] == '\0' || c->target[length] == '/' || only[length - 1] == '/';
}

static void replay(struct candidate *c, struct lc_inplace_case *found)
{
	int rc;

	decide(c, COMMIT_DECIDE_ROLL_FORWARD, "committed, and nobody has written it since");
	if (dry(c))
		return;
	rc = lc_inplace_replay(found);
	if (rc)
		failed(c, rc);
	else
		carried_out(c);
}

static int decide_in_place(struct candidate *c, struct lc_inplace_case *found)
{
	int rc = lc_inplace_examine(found);

	name_target(c, found);
	/* What it is about cannot be known: not a reason to pass it over. */
	if (!c->target[0] && rc && rc != -ESTALE)
		return undecided(c, rc);
	if (!wanted(c))
		return -ESTALE;
	if (rc == 0) {
		replay(c, found);
	} else if (rc == -ESTALE) {
		decide(c, COMMIT_DECIDE_CONFLICT, found->reason);
	} else if (rc == -EBUSY) {
		decide(c, COMMIT_DECIDE_LIVE, "somebody holds a lock on the edited file");
	} else {
		decide(c, COMMIT_DECIDE_ROLL_FORWARD, "cannot be looked at now");
		failed(c, rc);
	}
	return 0;
}

static int handle_in_place(struct candidate *c)
{
	struct lc_inplace_case found = {.home = c->dir, .name = c->name, .target = -1};
	int rc;

	if (!S_ISREG(c->st.st_mode) || !lc_name_proven(&c->parsed, c->dir->inode)) {
		decide(c, COMMIT_DECIDE_UNPROVEN, "not made by libcommit for this directory");
		return 0;
	}
	/* A journal tells what to write where: only one's own is obeyed. */
	if (c->st.st_uid != geteuid()) {
		decide(c, COMMIT_DECIDE_FOREIGN, "the journal of another user");
		return 0;
	}
	rc = take(c, O_RDONLY);
	if (rc != 1 || too_young(c))
		return rc;
	found.fd = c->fd;
	rc = decide_in_place(c, &found);
	lc_inplace_case_release(&found);
	return rc;
}

static int handle_range(struct candidate *c)
{
	struct lc_recover_range r;
	int rc;

	if (!S_ISDIR(c->st.st_mode) || !lc_name_proven(&c->parsed, c->dir->inode)) {
		decide(c, COMMIT_DECIDE_UNPROVEN, "not made by libcommit for this directory");
		return 0;
	}
	/* As a journal does, it tells what to write where. */
	if (c->st.st_uid != geteuid() || c->st.st_mode & (S_IWGRP | S_IWOTH)) {
		decide(c, COMMIT_DECIDE_FOREIGN, "the log of another user, or others may write it");
		return 0;
	}
	rc = take(c, O_RDONLY | O_DIRECTORY);
	if (rc != 1)
		return rc;
	lc_recover_range_look(&r, c->dir, c->fd, c->target, sizeof c->target);
	c->finding.decision = r.decision;
	c->finding.reason = r.reason;
	if (r.rc)
		failed(c, r.rc);
	if (r.nothing || !wanted(c))
		return -ESTALE;
	if (!r.work || too_young(c) || dry(c))
		return 0;
	rc = lc_recover_range_act(&r, c->dir, c->name, c->fd);
	if (rc)
		failed(c, rc);
	else
		carried_out(c);
	return 0;
}

static int handle_kind(struct candidate *c)
{
	static const enum commit_finding_kind kinds[] = {
	        COMMIT_FOUND_STAGED, COMMIT_FOUND_STAGE_DIR, COMMIT_FOUND_STAGED,
	        COMMIT_FOUND_IN_PLACE, COMMIT_FOUND_RANGE};

	c->finding.kind = kinds[c->parsed.kind];
	switch (c->parsed.kind) {
	case LC_NAME_STAGED:
		return handle_staged(c);
	case LC_NAME_STAGE_DIR:
		return handle_stage_dir(c);
	case LC_NAME_DISPLACED:
		return handle_displaced(c);
	case LC_NAME_RANGE:
		return handle_range(c);
	default:
		return handle_in_place(c);
	}
}

void lc_recover_handle(struct lc_scan *scan, const struct lc_place *dir, const char *name,
                       const struct lc_name *parsed)
{
	struct candidate c = {.scan = scan, .dir = dir, .name = name, .parsed = *parsed, .fd = -1};
	time_t now = time(NULL);
	int rc = lc_sys_lstat_times(dir->fd, name, &c.st);

	if (rc == -ENOENT)
		return;
	c.path = lc_recover_join(dir->path, name);
	if (rc || !c.path) {
		lc_recover_warn(scan, rc ? rc : -ENOMEM, "look at", dir->path);
		free(c.path);
		return;
	}
	c.finding.path = c.path;
	c.finding.target = c.target;
	c.finding.size = (uint64_t)c.st.st_size;
	c.finding.owner = c.st.st_uid;
	c.finding.age = now > c.st.st_ctime ? now - c.st.st_ctime : 0;
	if (handle_kind(&c) != -ESTALE)
		report(&c);
	lc_sys_drop(&c.fd);
	free(c.path);
}
