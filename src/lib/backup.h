/* SPDX-License-Identifier: ISC */
/*
 * backup.h - the old version kept beside the new one, without a gap
 *
 * A backup is a clone or a copy, never a link to the file that is still live.
 * It is published just before the commit and taken back if that fails; at any
 * moment the file has its name and the backup is whole.
 *
 *     lc_backup_init(&backup);
 *     lc_backup_prepare(&backup, ...);      pre-commit
 *     lc_backup_publish(&backup);
 *     rename of the file itself
 *     lc_backup_keep(&backup) or lc_backup_undo(&backup)
 *     lc_backup_release(&backup);
 */
#ifndef LC_BACKUP_H
#define LC_BACKUP_H

#include "meta.h"
#include "stage.h"

#include <commit_save.h>

struct lc_backup_wish {
	enum commit_backup kind;
	const char *suffix;
};

struct lc_backup {
	struct lc_stage stage;
	struct lc_backup_wish wish;
	/* the name carries a number: nobody else's may be replaced */
	int numbered;
	/* "" if none was asked for */
	char name[256];
	enum {
		LC_BACKUP_STAGED,
		LC_BACKUP_CREATED,
		LC_BACKUP_EXCHANGED,
		LC_BACKUP_REPLACED,
		LC_BACKUP_KEPT
	} state;
	/* lc_backup_undo could not: the backup is there, under name */
	int is_left;
	/* and the one that it has replaced is there under this one of ours, if it is not "" */
	char older[256];
};

void lc_backup_init(struct lc_backup *backup);

/*
 * Stages a flushed copy of the open file in state st with its metadata and
 * times, and chooses the backup's name.
 * Errors: COMMIT_EFAILED (ENAMETOOLONG for a name over 255 bytes, ENOSPC, ...).
 */
int lc_backup_prepare(struct lc_backup *backup, const struct lc_place *place,
                      const struct lc_backup_wish *wish, int fd, const struct stat *st,
                      const struct lc_meta_plan *plan, int force, struct commit_error *err);

/* 0 or a negative errno; after a failure nothing has changed, or is_left says so. */
int lc_backup_publish(struct lc_backup *backup);

/* The way out of an error of the two above, NULL where there is none. */
const char *lc_backup_advice(int rc);

/* After the commit: removes the backup that this one has replaced. */
int lc_backup_keep(struct lc_backup *backup);

/* After a failed commit: puts back what was there; see is_left. */
void lc_backup_undo(struct lc_backup *backup);

void lc_backup_release(struct lc_backup *backup);

/*
 * Chooses the name of the next backup as wished. 0, -ENAMETOOLONG, or a
 * negative errno of reading the directory.
 */
int lc_backup_choose(struct lc_backup *backup, const struct lc_place *place);

#endif
