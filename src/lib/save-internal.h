/* SPDX-License-Identifier: ISC */
/*
 * save-internal.h - the object behind commit_save_*, and its phases
 *
 *     save.c           open, write, close; the order of the phases
 *     save-pending.c   an earlier in-place edit that was interrupted
 *     save-prepare.c   pre-commit: all that can fail
 *     save-validate.c  showing a validator what would be committed
 *     save-publish.c   commit and post-commit
 */
#ifndef LC_SAVE_INTERNAL_H
#define LC_SAVE_INTERNAL_H

#include "backup.h"
#include "inplace.h"
#include "meta.h"
#include "stage.h"
#include "target.h"

#include <commit_save.h>

enum save_state {
	SAVE_OPEN,     /* takes content */
	SAVE_FAILED,   /* only close is useful */
	SAVE_PREPARED, /* pre-commit is done */
	SAVE_DONE      /* committed, or nothing had to be done */
};

struct commit_save {
	/* the strings in it are our own copies */
	struct commit_save_options opt;
	enum save_state state;
	/* why state is SAVE_FAILED */
	struct commit_error failure;
	struct lc_target target;
	/* what will be published; for an in-place edit its journal */
	struct lc_stage stage;
	/* what is appended, until the old content is there to append it to */
	struct lc_stage input;
	/* what a validator sees of an in-place edit */
	struct lc_stage view;
	struct lc_backup backup;
	struct lc_meta_plan plan;
	/* a metadata-only empty file: what the kernel gives a new one; -1 if none */
	int probe;
	/* the staged file has a name from the start */
	int brief;
	int in_place;
	/* the edited file, open for writing; -1 if not in place */
	int edit_fd;
	struct lc_edit edit;
	/* where the journal is kept if not beside the target; fd -1 if unused */
	struct lc_place registry;
	enum commit_outcome outcome;
	uint64_t bytes;
	unsigned flushes_before;
};

/* The way out of EROFS. */
#define LC_SAVE_READ_ONLY "read-only file system (mount -o remount,rw makes it writable)"

/* Fails the save with an errno: COMMIT_EFAILED, or ECANCELED's own code. */
int lc_save_fail(struct commit_save *save, int rc, const char *operation, const char *text,
                 struct commit_error *err);

/* Passes a warning to the caller; with STRICT it is COMMIT_EFAILED. */
int lc_save_lost(struct commit_save *save, int errnum, const char *what, struct commit_error *err);

/* The save may not overwrite a version other than the one it has looked at. */
int lc_save_conditional(const struct commit_save *save);

/* The directory that journals and staged files of this save live in. */
const struct lc_place *lc_save_home(const struct commit_save *save);

/* The offset of the content in save->stage. */
off_t lc_save_start(const struct commit_save *save);

/* Policies about what was found at the path: type, links, rights, existence. */
int lc_save_check(struct commit_save *save, struct commit_error *err);

/* Finishes an in-place edit of the target that a crash has interrupted. */
int lc_save_finish_pending(struct commit_save *save, struct commit_error *err);

/* Links the staged file under the target's base name and asks the validator. */
int lc_save_validate(struct commit_save *save, struct lc_stage *stage, struct commit_error *err);
/* The private directory goes, or, if the validator left files in it, is told of. */
void lc_save_leave_private(struct commit_save *save, struct lc_stage *stage);

int lc_save_prepare(struct commit_save *save, struct commit_error *err);
int lc_save_publish(struct commit_save *save, struct commit_error *err);

#endif
