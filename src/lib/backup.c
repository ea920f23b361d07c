/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "backup.h"

#include "copy.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often a numbered name may be taken by somebody else while we want it. */
#define PUBLISH_TRIES 16

void lc_backup_init(struct lc_backup *backup)
{
	memset(backup, 0, sizeof *backup);
	lc_stage_init(&backup->stage);
}

const char *lc_backup_advice(int rc)
{
	switch (-rc) {
	case EISDIR:
		return "the name of the backup is that of a directory (--suffix gives another)";
	case ENAMETOOLONG:
		return "the name with its suffix is too long for a backup beside it";
	default:
		return NULL;
	}
}

/* The N of "name.~N~", 0 if entry is not of that form. */
static unsigned long number_of(const char *entry, const char *name)
{
	size_t length = strlen(name);
	unsigned long number;
	char *end;

	if (strncmp(entry, name, length) != 0 || strncmp(entry + length, ".~", 2) != 0)
		return 0;
	entry += length + 2;
	if (*entry < '1' || *entry > '9')
		return 0;
	errno = 0;
	number = strtoul(entry, &end, 10);
	return errno == 0 && strcmp(end, "~") == 0 ? number : 0;
}

struct numbers {
	const char *name;
	unsigned long highest;
};

static int note_number(void *context, const char *name)
{
	struct numbers *numbers = context;
	unsigned long number = number_of(name, numbers->name);

	if (number > numbers->highest)
		numbers->highest = number;
	return 0;
}

/* The highest number among the backups of name; 0 if there is none. */
static int highest_number(const struct lc_place *place, unsigned long *highest)
{
	struct numbers numbers = {place->name, 0};
	int rc = lc_dir_each(lc_sys_open(place->fd, ".", O_RDONLY | O_DIRECTORY), note_number,
	                     &numbers);

	*highest = numbers.highest;
	return rc;
}

int lc_backup_choose(struct lc_backup *backup, const struct lc_place *place)
{
	unsigned long highest = 0;
	int length, rc = 0;

	if (backup->wish.kind != COMMIT_BACKUP_SIMPLE)
		rc = highest_number(place, &highest);
	if (rc)
		return rc;
	backup->numbered = backup->wish.kind == COMMIT_BACKUP_NUMBERED || highest > 0;
	if (backup->numbered)
		length = snprintf(backup->name, sizeof backup->name, "%s.~%lu~", place->name,
		                  highest + 1);
	else
		length = snprintf(backup->name, sizeof backup->name, "%s%s", place->name,
		                  backup->wish.suffix);
	return length < (int)sizeof backup->name ? 0 : -ENAMETOOLONG;
}

static int copy_content(struct lc_stage *stage, int fd)
{
	off_t at = lc_sys_lseek(fd, 0, SEEK_SET);

	if (at < 0)
		return (int)at;
	return lc_copy_all(fd, stage->fd, &stage->end, -1);
}

/* A directory is no older backup that may be replaced. */
static int check_name(const struct lc_backup *backup, const struct lc_place *place)
{
	struct stat st;
	int rc = lc_sys_lstat(place->fd, backup->name, &st);

	if (rc == -ENOENT)
		return 0;
	return rc == 0 && S_ISDIR(st.st_mode) ? -EISDIR : rc;
}

int lc_backup_prepare(struct lc_backup *backup, const struct lc_place *place,
                      const struct lc_backup_wish *wish, int fd, const struct stat *st,
                      const struct lc_meta_plan *plan, int force, struct commit_error *err)
{
	int rc;

	backup->wish = *wish;
	rc = lc_backup_choose(backup, place);
	if (!rc)
		rc = check_name(backup, place);
	if (!rc)
		rc = lc_stage_open(&backup->stage, place);
	if (!rc)
		rc = copy_content(&backup->stage, fd);
	if (!rc)
		rc = lc_stage_link_random(&backup->stage);
	if (rc)
		goto out;
	rc = lc_meta_apply(fd, st, 0, backup->stage.fd, plan, backup->name, err);
	if (rc)
		return rc;
	rc = lc_sys_set_times(backup->stage.fd, st);
	if (!rc)
		rc = lc_stage_flush(&backup->stage, force);
out:
	if (rc)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "back up", place->path,
		                    lc_backup_advice(rc));
	return 0;
}

/*
 * An exchange takes out whatever has the name, a directory too. That is no
 * older backup: it goes back, for nobody would look for it under our name.
 */
static int exchange_older(struct lc_backup *backup)
{
	struct stat out;
	int rc = lc_stage_exchange(&backup->stage, backup->name);

	if (rc)
		return rc;
	/* Over an older backup, so that it can come back. */
	backup->state = LC_BACKUP_EXCHANGED;
	rc = lc_sys_lstat(backup->stage.holder, backup->stage.name, &out);
	if (!rc && S_ISDIR(out.st_mode))
		rc = -EISDIR;
	if (rc)
		lc_backup_undo(backup);
	return rc;
}

/* One try: -EEXIST or -ENOENT if somebody else was faster. */
static int publish_once(struct lc_backup *backup)
{
	int rc = lc_stage_create(&backup->stage, backup->name);

	if (rc == 0) {
		backup->state = LC_BACKUP_CREATED;
		return 0;
	}
	if (rc != -EEXIST)
		return rc;
	if (backup->numbered) {
		rc = lc_backup_choose(backup, backup->stage.place);
		return rc ? rc : -EEXIST;
	}
	return exchange_older(backup);
}

/* The errno says that there are no hard links here, or no more to this file. */
static int no_link(int rc)
{
	return rc == -EPERM || rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EMLINK;
}

/*
 * Without an exchange the older backup gets a second name before it is replaced,
 * by which it can come back; without hard links it goes for good.
 */
static int publish_over(struct lc_backup *backup)
{
	struct lc_stage *stage = &backup->stage;
	const int dir = stage->place->fd;
	char spare[LC_NAME_SIZE];
	int rc = lc_name_make(LC_NAME_STAGED, stage->place->inode, spare);
	int linked;

	if (!rc)
		rc = lc_sys_link(dir, backup->name, dir, spare);
	linked = rc == 0;
	if (!linked && !no_link(rc))
		return rc;
	rc = lc_stage_replace(stage, backup->name);
	if (rc && linked)
		lc_sys_unlink(dir, spare);
	if (rc)
		return rc;
	backup->state = linked ? LC_BACKUP_REPLACED : LC_BACKUP_KEPT;
	if (linked)
		lc_stage_take_name(stage, spare);
	return 0;
}

int lc_backup_publish(struct lc_backup *backup)
{
	int tries, rc = -EEXIST;

	for (tries = 0; (rc == -EEXIST || rc == -ENOENT) && tries < PUBLISH_TRIES; tries++) {
		rc = publish_once(backup);
		if (backup->is_left)
			return rc;
	}
	return rc == -ENOSYS ? publish_over(backup) : rc;
}

int lc_backup_keep(struct lc_backup *backup)
{
	int older = backup->state == LC_BACKUP_EXCHANGED || backup->state == LC_BACKUP_REPLACED;

	backup->state = LC_BACKUP_KEPT;
	return older ? lc_stage_unlink(&backup->stage) : 0;
}

/* The older backup stays under our name rather than nowhere. */
static void leave_older(struct lc_backup *backup)
{
	snprintf(backup->older, sizeof backup->older, "%s", backup->stage.name);
	lc_stage_forget_name(&backup->stage);
}

void lc_backup_undo(struct lc_backup *backup)
{
	struct lc_stage *stage = &backup->stage;
	int rc = 0;

	if (backup->state == LC_BACKUP_CREATED)
		rc = lc_sys_unlink(stage->place->fd, backup->name);
	else if (backup->state == LC_BACKUP_EXCHANGED)
		rc = lc_stage_exchange(stage, backup->name);
	/* The copy that would go with the rename is of a file that is still there. */
	if (backup->state == LC_BACKUP_REPLACED || (backup->state == LC_BACKUP_EXCHANGED && rc))
		rc = lc_stage_replace(stage, backup->name);
	if (rc && backup->state != LC_BACKUP_CREATED)
		leave_older(backup);
	/* One that could not be spared is gone. */
	backup->is_left = (rc && rc != -ENOENT) || backup->state == LC_BACKUP_KEPT;
	backup->state = LC_BACKUP_STAGED;
}

void lc_backup_release(struct lc_backup *backup)
{
	lc_stage_release(&backup->stage);
}
