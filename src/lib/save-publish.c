/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "save-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int pending(struct commit_save *save, int rc, const char *what, struct commit_error *err)
{
	return lc_error_format(err, COMMIT_EPENDING, -rc, what, save->target.place.path,
	                       "%s; the new content is committed, its durability is not proven",
	                       commit_errno_name(-rc));
}

/* The way out, for the errors that have one. */
static const char *rename_advice(int rc)
{
	switch (-rc) {
	case EBUSY:
		return "is a mount point and cannot be replaced (--in-place edits it)";
	case EXDEV:
		return "lies on another mount than its directory (--in-place edits it)";
	case EPERM:
	case EACCES:
		return "cannot be replaced: immutable, or in a sticky directory, or no right "
		       "(--in-place edits it)";
	case EROFS:
		return LC_SAVE_READ_ONLY;
	default:
		return NULL;
	}
}

static int changed_meanwhile(struct commit_save *save, int errnum, struct commit_error *err)
{
	return lc_error_set(err, COMMIT_EREFUSED, errnum, "replace", save->target.place.path,
	                    "was changed by somebody else meanwhile; theirs stays");
}

/* What a rename leaves alone tells whether this is the version we locked. */
static int is_expected(const struct stat *out, const struct stat *expected)
{
	return out->st_ino == expected->st_ino && out->st_size == expected->st_size &&
	       out->st_mtim.tv_sec == expected->st_mtim.tv_sec &&
	       out->st_mtim.tv_nsec == expected->st_mtim.tv_nsec;
}

/*
 * We have displaced a version that nobody showed us, or that cannot be looked
 * at (why): it goes back. If a third one came out on the way, its maker must be
 * told where it is; where the disk does not answer, recovery tells by the name
 * which version it is.
 */
static int put_back(struct commit_save *save, int why, struct commit_error *err)
{
	const char *path = save->target.place.path;
	int rc = lc_stage_exchange(&save->stage, save->target.place.name);
	int intact = rc ? rc : lc_stage_intact(&save->stage);

	if (intact == 0)
		return why ? lc_save_fail(save, why, "replace", NULL, err)
		           : changed_meanwhile(save, 0, err);
	if (why && rc)
		rc = lc_error_format(err, COMMIT_EUNDECIDED, -why, "replace", path,
		                     "%s; the version that it had is in %s, commit-recover decides",
		                     commit_errno_name(-why), save->stage.name);
	else if (why && intact != -ESTALE)
		rc = lc_save_fail(save, why, "replace", NULL, err);
	else
		rc = lc_error_format(err, COMMIT_ECONFLICT, -rc, "replace", path,
		                     "two others wrote it meanwhile; one version is in %s",
		                     save->stage.name);
	lc_stage_forget_name(&save->stage);
	return rc;
}

/* Exchange, then look at what came out. */
static int replace_expected(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	struct stat out;
	int rc = lc_stage_exchange(&save->stage, t->place.name);

	if (rc == -ENOSYS) {
		/* The next best: look, then rename. The gap between is stated in libcommit(7). */
		rc = lc_target_unmoved(t);
		if (!rc)
			rc = lc_stage_replace(&save->stage, t->place.name);
		if (rc == -ESTALE)
			return changed_meanwhile(save, 0, err);
		return rc ? lc_save_fail(save, rc, "replace", rename_advice(rc), err) : 0;
	}
	if (rc == -ENOENT)
		return changed_meanwhile(save, ENOENT, err);
	if (rc)
		return lc_save_fail(save, rc, "replace", rename_advice(rc), err);
	rc = lc_sys_lstat_times(save->stage.holder, save->stage.name, &out);
	if (rc || !is_expected(&out, &t->st))
		return put_back(save, rc, err);
	rc = lc_stage_unlink(&save->stage);
	return rc ? pending(save, rc, "remove the old version", err) : 0;
}

static int create_expected(struct commit_save *save, struct commit_error *err)
{
	int rc = lc_stage_create(&save->stage, save->target.place.name);

	if (rc == -EEXIST)
		return lc_error_set(err, COMMIT_EREFUSED, EEXIST, "create", save->target.place.path,
		                    "was created by somebody else meanwhile; theirs stays");
	if (rc)
		return lc_save_fail(save, rc, "create", rename_advice(rc), err);
	/* Its second name would make it a hard link to the next save. */
	rc = save->stage.name[0] ? lc_stage_unlink(&save->stage) : 0;
	return rc ? pending(save, rc, "remove the staged name", err) : 0;
}

/* The commit. COMMIT_EPENDING: it has happened, but not all that follows. */
static int replace(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int rc;

	if (lc_save_conditional(save) && !t->is_link)
		return t->exists ? replace_expected(save, err) : create_expected(save, err);
	rc = lc_stage_replace(&save->stage, t->place.name);
	return rc ? lc_save_fail(save, rc, "replace", rename_advice(rc), err) : 0;
}

/* "Failed" means that all is as it was: what is not has to be said. */
static int tell_left(const struct lc_backup *backup, int rc, struct commit_error *err)
{
	struct commit_error first;

	if (!backup->is_left || !err)
		return rc;
	first = *err;
	if (backup->older[0])
		return lc_error_format(err, rc, first.errnum, first.operation, first.path,
		                       "%s; its new backup %s could not be taken back, the one "
		                       "before is %s until commit-recover removes it",
		                       first.text, backup->name, backup->older);
	return lc_error_format(err, rc, first.errnum, first.operation, first.path,
	                       "%s; its new backup %s could not be taken back", first.text,
	                       backup->name);
}

static int publish_backup(struct commit_save *save, struct commit_error *err)
{
	int rc = save->backup.name[0] ? lc_backup_publish(&save->backup) : 0;

	if (!rc)
		return 0;
	rc = lc_save_fail(save, rc, "back up", lc_backup_advice(rc), err);
	return tell_left(&save->backup, rc, err);
}

static int take_backup_back(struct commit_save *save, int rc, struct commit_error *err)
{
	lc_backup_undo(&save->backup);
	return tell_left(&save->backup, rc, err);
}

/* The errno says that this file system knows no flush of directories. */
static int no_such_flush(int rc)
{
	return rc == -EINVAL || rc == -EOPNOTSUPP || rc == -ENOSYS;
}

static void note_no_flush(const struct commit_save *save, int rc)
{
	struct commit_error note;

	if (!save->opt.warn)
		return;
	lc_error_set(&note, COMMIT_NOTE, -rc, "flush the directory", save->target.place.path,
	             "this file system cannot flush directories");
	save->opt.warn(save->opt.context, &note);
}

static int flush_directory(struct commit_save *save, struct commit_error *err)
{
	int rc;

	if (save->opt.sync != COMMIT_SYNC_FULL)
		return 0;
	rc = lc_dir_flush(&save->target.place, save->stage.fd);
	if (no_such_flush(rc)) {
		note_no_flush(save, rc);
		return 0;
	}
	return rc ? pending(save, rc, "flush the directory", err) : 0;
}

static int keep_backup(struct commit_save *save, struct commit_error *err)
{
	int rc = save->backup.name[0] ? lc_backup_keep(&save->backup) : 0;

	return rc ? pending(save, rc, "remove the older backup", err) : 0;
}

static int publish_by_rename(struct commit_save *save, struct commit_error *err)
{
	int rc = replace(save, err);
	int later;

	if (rc && rc != COMMIT_EPENDING)
		return take_backup_back(save, rc, err);
	later = keep_backup(save, rc ? NULL : err);
	if (!rc)
		rc = later;
	later = flush_directory(save, rc ? NULL : err);
	return rc ? rc : later;
}

/* Where a person finds the journal. */
static const char *journal_path(const struct commit_save *save, char *text, size_t size)
{
	const struct lc_place *home = lc_save_home(save);
	const char *slash = strrchr(home->path, '/');
	int head = slash ? (int)(slash - home->path) + 1 : 0;

	if (home == &save->registry)
		snprintf(text, size, "%s/%s", home->path, save->edit.name);
	else
		snprintf(text, size, "%.*s%s", head, home->path, save->edit.name);
	return text;
}

/*
 * Names the journal durably: from then on the edit will happen. If that flush
 * fails, nobody knows whether the name is on the disk: the journal stays for
 * recovery to decide, and not a byte of the target is written.
 */
static int commit_journal(struct commit_save *save, struct commit_error *err)
{
	char path[COMMIT_ERROR_TEXT_MAX];
	int rc = lc_stage_create(&save->stage, save->edit.name);

	if (rc)
		return lc_save_fail(save, rc, "commit journal",
		                    rc == -EEXIST ? "another in-place edit is not finished "
		                                    "(commit-recover)"
		                                  : NULL,
		                    err);
	if (save->opt.sync == COMMIT_SYNC_NONE)
		return 0;
	rc = lc_dir_flush(lc_save_home(save), save->stage.fd);
	if (rc == 0 || no_such_flush(rc))
		return 0;
	return lc_error_format(err, COMMIT_EUNDECIDED, -rc, "commit journal",
	                       save->target.place.path,
	                       "%s; nothing is lost, commit-recover decides by %s",
	                       commit_errno_name(-rc), journal_path(save, path, sizeof path));
}

static int unfinished(struct commit_save *save, int rc, struct commit_error *err)
{
	char path[COMMIT_ERROR_TEXT_MAX];

	return lc_error_format(err, COMMIT_EPENDING, -rc, "edit in place", save->target.place.path,
	                       "%s; commit-recover finishes it from %s", commit_errno_name(-rc),
	                       journal_path(save, path, sizeof path));
}

static int publish_in_place(struct commit_save *save, struct commit_error *err)
{
	const int force = save->opt.sync != COMMIT_SYNC_NONE;
	const struct lc_place *home = lc_save_home(save);
	/* Before the commit, but not before there is one: it can be seen. */
	int rc = lc_inplace_reserve(&save->edit, save->edit_fd);

	if (rc)
		rc = lc_save_fail(save, rc, "reserve space", NULL, err);
	else
		rc = commit_journal(save, err);
	/* The room is given back only where no journal claims it. */
	if (!rc || rc == COMMIT_EUNDECIDED)
		save->edit.has_reserved = 0;
	if (rc)
		return rc == COMMIT_EUNDECIDED ? rc : take_backup_back(save, rc, err);
	rc = lc_inplace_apply(save->stage.fd, &save->edit.journal, save->edit_fd, force);
	if (!rc)
		rc = lc_sys_unlink(home->fd, save->edit.name);
	if (rc)
		return unfinished(save, rc, err);
	rc = keep_backup(save, err);
	if (rc || !force)
		return rc;
	/* Were the journal to come back, it would be replayed over later edits. */
	rc = lc_dir_flush(home, save->edit_fd);
	return rc == 0 || no_such_flush(rc) ? 0 : pending(save, rc, "flush the directory", err);
}

int lc_save_publish(struct commit_save *save, struct commit_error *err)
{
	int rc = publish_backup(save, err);

	if (rc)
		return rc;
	return save->in_place ? publish_in_place(save, err) : publish_by_rename(save, err);
}
