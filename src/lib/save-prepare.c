/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "save-internal.h"

#include "copy.h"
#include "error.h"
#include "lock.h"
#include "sys.h"
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(struct commit_save *save, int errnum, const char *what, const char *why,
                  struct commit_error *err)
{
	return lc_error_set(err, COMMIT_EREFUSED, errnum, what, save->target.place.path, why);
}

/* A file that its user has protected from writing is not replaced by accident. */
static int check_writable(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int rc;

	if (!t->exists || t->is_link || (save->opt.flags & COMMIT_SAVE_FORCE))
		return 0;
	/* What is soon written is soon asked again, under the lock. */
	if (save->brief && save->stage.fd < 0)
		return 0;
	rc = (t->st.st_mode & 0222) == 0 ? -EACCES
	                                 : lc_sys_access(t->place.fd, t->place.name, W_OK);
	if (rc == -EACCES)
		return refuse(save, EACCES, "check", "is read-only (--force replaces it)", err);
	if (rc && rc != -ENOENT)
		return lc_save_fail(save, rc, "check", rc == -EROFS ? LC_SAVE_READ_ONLY : NULL,
		                    err);
	return 0;
}

/* More than one name: the policy, which may turn this into an in-place edit. */
static int check_links(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;

	if (!t->exists || t->is_link || t->st.st_nlink < 2 || save->in_place)
		return 0;
	switch (save->opt.hardlink) {
	case COMMIT_HARDLINK_BREAK:
		return 0;
	case COMMIT_HARDLINK_IN_PLACE:
		save->in_place = save->state == SAVE_OPEN && save->stage.fd < 0;
		if (save->in_place)
			return 0;
		return refuse(save, EMLINK, "check", "got another hard link meanwhile", err);
	default:
		return lc_error_format(err, COMMIT_EREFUSED, EMLINK, "check", t->place.path,
		                       "has %lu hard links (--hardlink=break gives this name alone "
		                       "the new content, --in-place all of them)",
		                       (unsigned long)t->st.st_nlink);
	}
}

int lc_save_check(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int present = t->exists || t->is_link;
	int rc;

	if (present && (save->opt.flags & COMMIT_SAVE_CREATE))
		return refuse(save, EEXIST, "check", "exists already", err);
	if (!present && (save->opt.flags & COMMIT_SAVE_MUST_EXIST))
		return refuse(save, ENOENT, "check", "does not exist", err);
	if (save->stage.fd < 0)
		save->in_place = t->exists && (save->opt.flags & COMMIT_SAVE_IN_PLACE);
	rc = check_writable(save, err);
	return rc ? rc : check_links(save, err);
}

static off_t content_size(const struct commit_save *save)
{
	return save->stage.end - lc_save_start(save);
}

static int check_input(struct commit_save *save, struct commit_error *err)
{
	if (save->opt.flags & COMMIT_SAVE_APPEND) {
		/* Nothing to append is nothing to do, be the file there or not. */
		if (save->input.end == 0)
			save->outcome = COMMIT_UNCHANGED;
		return 0;
	}
	if (content_size(save) == 0 && !(save->opt.flags & COMMIT_SAVE_ALLOW_EMPTY))
		return refuse(save, 0, "check",
		              "input is empty (--allow-empty saves an empty file)", err);
	return 0;
}

static int lock_target(struct commit_save *save, struct commit_error *err)
{
	int existed = save->target.exists;
	int unsupported, rc;

	rc = lc_target_lock(&save->target, lc_lock_deadline(save->opt.wait_ms), save->opt.cancel_fd,
	                    &unsupported, err);
	if (rc)
		return rc;
	if (unsupported) {
		rc = lc_save_lost(save, unsupported, "a lock against other writers", err);
		if (rc)
			return rc;
	}
	rc = lc_save_check(save, err);
	if (!rc && (save->opt.flags & COMMIT_SAVE_IN_PLACE) && existed != save->target.exists)
		rc = refuse(save, ESTALE, "check", "appeared or vanished meanwhile", err);
	return rc;
}

/* Whoever compares versions, or gives one its times back, needs to know them. */
static int read_times(struct commit_save *save, struct commit_error *err)
{
	int rc = 0;

	if (lc_save_conditional(save) || save->in_place || save->opt.backup != COMMIT_BACKUP_NONE)
		rc = lc_target_times(&save->target);
	return rc ? lc_save_fail(save, rc, "look at", NULL, err) : 0;
}

static int check_token(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int rc;

	if (!save->opt.expect)
		return 0;
	if (!t->exists || strcmp(save->opt.expect, LC_TOKEN_ABSENT) == 0)
		rc = !t->exists && strcmp(save->opt.expect, LC_TOKEN_ABSENT) == 0;
	else
		rc = lc_token_matches(save->opt.expect, t->fd, &t->st, save->opt.cancel_fd);
	if (rc < 0)
		return lc_save_fail(save, rc, "compare token", NULL, err);
	if (rc == 0)
		return refuse(save, 0, "compare token",
		              t->exists ? "has changed since the token was taken"
		                        : "does not exist any more",
		              err);
	return 0;
}

static int copy_from_start(int from, struct lc_stage *to, int cancel_fd)
{
	off_t at = lc_sys_lseek(from, 0, SEEK_SET);

	if (at < 0)
		return (int)at;
	return lc_copy_all(from, to->fd, &to->end, cancel_fd);
}

/* Old content, which only now is locked, and then the input. */
static int build_append(struct commit_save *save, struct commit_error *err)
{
	int rc = 0;

	if (!(save->opt.flags & COMMIT_SAVE_APPEND))
		return 0;
	if (save->target.exists)
		rc = copy_from_start(save->target.fd, &save->stage, save->opt.cancel_fd);
	if (!rc)
		rc = copy_from_start(save->input.fd, &save->stage, save->opt.cancel_fd);
	lc_stage_release(&save->input);
	return rc ? lc_save_fail(save, rc, "append", NULL, err) : 0;
}

/* Metadata that was asked for is a change too. */
static int same_metadata(const struct commit_save *save)
{
	const struct stat *st = &save->target.st;
	mode_t mode = st->st_mode & 07777;

	return ((mode & save->opt.mode_and) | save->opt.mode_or) == mode &&
	       (save->opt.owner == (uid_t)-1 || save->opt.owner == st->st_uid) &&
	       (save->opt.group == (gid_t)-1 || save->opt.group == st->st_gid);
}

static int compare_content(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int rc;

	if (!(save->opt.flags & COMMIT_SAVE_IF_CHANGED) || !t->exists || t->is_link ||
	    t->st.st_size != content_size(save) || !same_metadata(save))
		return 0;
	rc = lc_copy_same(save->stage.fd, lc_save_start(save), t->fd, save->opt.cancel_fd);
	if (rc < 0)
		return lc_save_fail(save, rc, "compare", NULL, err);
	if (rc == 1)
		save->outcome = COMMIT_UNCHANGED;
	return 0;
}

/*
 * The name proves which inode it was made for. Linking may have had to take
 * another one, where unnamed files cannot be linked: then it is named again.
 */
static int link_displaced(struct commit_save *save)
{
	const struct lc_target *t = &save->target;
	char name[LC_NAME_SIZE];
	struct stat before, after = {0};
	int rc;

	do {
		rc = lc_sys_fstat(save->stage.fd, &before);
		if (!rc)
			rc = lc_name_make_displaced(t->place.inode, before.st_ino, &t->st, name);
		if (!rc)
			rc = lc_stage_link(&save->stage, name);
		if (!rc)
			rc = lc_sys_fstat(save->stage.fd, &after);
	} while (!rc && after.st_ino != before.st_ino);
	return rc;
}

/* A name while it waits: which one depends on what will happen to it. */
static int link_stage(struct commit_save *save)
{
	const struct lc_target *t = &save->target;

	if (lc_save_conditional(save) && t->exists && !t->is_link)
		return link_displaced(save);
	return lc_stage_link_random(&save->stage);
}

/* What the kernel gives a new file here: umask and default ACL are its business. */
static int probe_new(struct commit_save *save, struct stat *st, struct commit_error *err)
{
	const mode_t mode = save->opt.create_mode & 0777;
	int rc;

	lc_sys_drop(&save->probe);
	rc = save->probe = lc_stage_probe(&save->target.place, mode);
	if (rc >= 0)
		rc = lc_sys_fstat(save->probe, st);
	if (rc < 0)
		return lc_save_fail(save, rc, "find out the mode of a new file", NULL, err);
	return 0;
}

static int apply_metadata(struct commit_save *save, int to, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	int keeps_mode = t->exists && (save->in_place || (save->plan.keep & COMMIT_KEEP_MODE));
	struct stat fresh = {0}, st = t->st;
	int rc = keeps_mode ? 0 : probe_new(save, &fresh, err);

	if (rc)
		return rc;
	if (!t->exists)
		return lc_meta_apply(save->probe, &fresh, 1, to, &save->plan, t->place.path, err);
	if (!keeps_mode)
		st.st_mode = fresh.st_mode;
	return lc_meta_apply(t->fd, &st, 0, to, &save->plan, t->place.path, err);
}

static int prepare_backup(struct commit_save *save, struct commit_error *err)
{
	const struct lc_target *t = &save->target;
	struct lc_backup_wish wish = {save->opt.backup, save->opt.suffix};
	struct lc_meta_plan plan = save->plan;

	if (wish.kind == COMMIT_BACKUP_NONE || !t->exists)
		return 0;
	/* The backup is what the old file was, not what the new one shall be. */
	plan.keep = COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR;
	plan.mode_and = 07777;
	plan.mode_or = 0;
	plan.owner = (uid_t)-1;
	plan.group = (gid_t)-1;
	return lc_backup_prepare(&save->backup, &t->place, &wish, t->fd, &t->st, &plan,
	                         save->opt.sync != COMMIT_SYNC_NONE, err);
}

/* The journal is not what a validator wants to see: it gets the content alone. */
static int validate_in_place(struct commit_save *save, struct commit_error *err)
{
	int rc = lc_stage_open(&save->view, lc_save_home(save));

	if (!rc)
		rc = lc_copy_part(save->stage.fd, lc_save_start(save), content_size(save),
		                  save->view.fd, &save->view.end, save->opt.cancel_fd);
	if (rc)
		return lc_save_fail(save, rc, "stage for validation", NULL, err);
	rc = apply_metadata(save, save->view.fd, err);
	if (!rc)
		rc = lc_save_validate(save, &save->view, err);
	if (!rc && lc_stage_unlink(&save->view) == 0)
		lc_save_leave_private(save, &save->view);
	lc_stage_release(&save->view);
	return rc;
}

/*
 * Owner and mode are set after the commit, when it is too late to fail. Only
 * an owner changes them, and only to what he may give an own file.
 */
static int may_set_metadata(struct commit_save *save, const struct lc_journal *j)
{
	const struct stat *st = &save->target.st;
	int same_owner = j->uid == st->st_uid && j->gid == st->st_gid;
	int rc;

	if (same_owner && j->mode == (st->st_mode & 07777))
		return 0;
	if (geteuid() != 0 && geteuid() != st->st_uid)
		return -EPERM;
	if (same_owner)
		return 0;
	rc = save->probe = lc_stage_probe(lc_save_home(save), 0600);
	return rc < 0 ? rc : lc_sys_fchown(save->probe, j->uid, j->gid);
}

/* The journal is complete, flushed and has a name, but not yet the one that counts. */
static int prepare_in_place(struct commit_save *save, struct commit_error *err)
{
	const struct lc_place *registry = save->registry.fd >= 0 ? &save->registry : NULL;
	struct lc_target *t = &save->target;
	struct lc_journal *j = &save->edit.journal;
	int rc;

	if (save->opt.validate) {
		rc = validate_in_place(save, err);
		if (rc)
			return rc;
	}
	rc = prepare_backup(save, err);
	if (rc)
		return rc;
	j->mode = ((t->st.st_mode & 07777) & save->opt.mode_and) | save->opt.mode_or;
	j->uid = save->opt.owner == (uid_t)-1 ? t->st.st_uid : save->opt.owner;
	j->gid = save->opt.group == (gid_t)-1 ? t->st.st_gid : save->opt.group;
	rc = may_set_metadata(save, j);
	if (rc)
		return lc_save_fail(save, rc, "set owner and mode", NULL, err);
	rc = lc_inplace_name(&t->place, registry, &save->edit);
	if (!rc)
		rc = lc_inplace_prepare(&save->stage, save->edit_fd, &t->st, &save->edit,
		                        save->opt.cancel_fd);
	if (!rc)
		rc = lc_stage_link_random(&save->stage);
	if (!rc)
		rc = lc_stage_flush(&save->stage, save->opt.sync != COMMIT_SYNC_NONE);
	return rc ? lc_save_fail(save, rc, "write journal", NULL, err) : 0;
}

static int prepare_stage(struct commit_save *save, struct commit_error *err)
{
	int rc = link_stage(save);

	if (rc)
		return lc_save_fail(save, rc, "stage", NULL, err);
	rc = apply_metadata(save, save->stage.fd, err);
	if (!rc)
		rc = prepare_backup(save, err);
	if (!rc && save->opt.validate) {
		rc = lc_save_validate(save, &save->stage, err);
		if (!rc) {
			rc = link_stage(save);
			if (rc)
				return lc_save_fail(save, rc, "stage", NULL, err);
			lc_save_leave_private(save, &save->stage);
		}
	}
	if (rc)
		return rc;
	rc = lc_stage_flush(&save->stage, save->opt.sync != COMMIT_SYNC_NONE);
	return rc ? lc_save_fail(save, rc, "flush", NULL, err) : 0;
}

/* The edit needs the file itself, open for writing, and still the locked one. */
static int open_for_edit(struct commit_save *save, struct commit_error *err)
{
	struct lc_target *t = &save->target;
	struct stat st;
	int fd = lc_sys_open(t->place.fd, t->place.name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	int rc = fd < 0 ? fd : lc_sys_fstat(fd, &st);

	if (!rc && (st.st_ino != t->st.st_ino || st.st_dev != t->st.st_dev))
		rc = -ESTALE;
	if (rc) {
		lc_sys_drop(&fd);
		return lc_save_fail(save, rc, "open for editing",
		                    rc == -EROFS ? LC_SAVE_READ_ONLY : NULL, err);
	}
	save->edit_fd = fd;
	return 0;
}

int lc_save_prepare(struct commit_save *save, struct commit_error *err)
{
	int rc = check_input(save, err);

	save->bytes = save->target.exists ? (uint64_t)save->target.st.st_size : 0;
	/* A token is looked at even if nothing is to be done. */
	if (rc || (save->outcome == COMMIT_UNCHANGED && !save->opt.expect))
		return rc;
	rc = lock_target(save, err);
	if (!rc)
		rc = read_times(save, err);
	if (!rc)
		rc = check_token(save, err);
	if (rc || save->outcome == COMMIT_UNCHANGED)
		return rc;
	rc = build_append(save, err);
	if (!rc)
		rc = compare_content(save, err);
	save->bytes = (uint64_t)content_size(save);
	if (rc || save->outcome == COMMIT_UNCHANGED)
		return rc;
	if (save->in_place) {
		save->outcome = COMMIT_EDITED;
		rc = open_for_edit(save, err);
		return rc ? rc : prepare_in_place(save, err);
	}
	save->outcome = save->target.exists ? COMMIT_SAVED : COMMIT_CREATED;
	return prepare_stage(save, err);
}
