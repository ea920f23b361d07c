/* SPDX-License-Identifier: ISC */
/*
 * stage.h - a staged file: what will be published, before anybody sees it
 *
 *     lc_stage_init(&stage);
 *     lc_stage_open(&stage, &place);            0600, locked, best unnamed
 *     lc_copy_bytes(stage.fd, &stage.end, ...);
 *     lc_stage_link(&stage, name);              a name of ours (name.h)
 *     lc_stage_flush(&stage);                   a failure is final
 *     lc_stage_replace(&stage, "app.conf");     the atomic act
 *     lc_stage_release(&stage);                 removes what was not published
 *
 * While it lives the file is locked (flock); recovery takes a free lock as the
 * sign that its maker is dead. All functions return 0 or a negative errno.
 *
 * Ownership: the place must outlive the stage. A released stage may be released
 * again. The publishing functions leave fd open and locked: the published file
 * stays ours until release.
 */
#ifndef LC_STAGE_H
#define LC_STAGE_H

#include "dir.h"
#include "name.h"

#include <sys/types.h>

/* Nobody else may look in before it is known who may. */
#define LC_STAGE_MODE 0600

struct lc_stage {
	const struct lc_place *place;
	/* the file; -1: released */
	int fd;
	/* where content goes next: the size so far */
	off_t end;
	/* the directory that holds name: place->fd or subdir */
	int holder;
	/* "" while the file has no name of ours */
	char name[256];
	/* a private directory, or -1 and "" */
	int subdir;
	char subdir_name[LC_NAME_SIZE];
};

void lc_stage_init(struct lc_stage *stage);
int lc_stage_open(struct lc_stage *stage, const struct lc_place *place);
/*
 * With a name of kind staged from the start: dearer if its maker is killed
 * before it links, cheaper if not. An unnamed file costs xfs a list of its own,
 * which it flushes too. The mode is LC_STAGE_MODE or one that is known to let in
 * nobody else than the target's.
 */
int lc_stage_open_named(struct lc_stage *stage, const struct lc_place *place, mode_t mode);

/*
 * An empty file made with that mode in the directory, already without a name:
 * its mode and ACL are what the kernel gives a new file there. Returns a
 * descriptor or a negative errno.
 */
int lc_stage_probe(const struct lc_place *place, mode_t mode);

/* Gives the file that name in its directory, whatever name it has now. */
int lc_stage_link(struct lc_stage *stage, const char *name);
/* A random name of kind staged, if it has none in its directory yet. */
int lc_stage_link_random(struct lc_stage *stage);
/* Gives it the given base name in a private directory (0700) beside. */
int lc_stage_link_private(struct lc_stage *stage, const char *base);

/*
 * Removes that directory, which the staged file has left. -ENOTEMPTY if
 * others put files there: it stays, and is not touched by release either.
 */
int lc_stage_drop_private(struct lc_stage *stage);

/*
 * Forces the content to the device and collects what the file system reports
 * at close only; without force only the latter. -EIO if the size is not what
 * was written.
 */
int lc_stage_flush(struct lc_stage *stage, int force);

/* The name still leads to the staged file and nothing else. */
int lc_stage_intact(const struct lc_stage *stage);

/* Renames over target, whatever is there. */
int lc_stage_replace(struct lc_stage *stage, const char *target);
/*
 * -EEXIST if there is a target. Where that takes a link and an unlink and the
 * second fails, this is 0, the name of ours stays, and release tries again.
 */
int lc_stage_create(struct lc_stage *stage, const char *target);
/*
 * Exchanges with target: stage->name then names the version that came out.
 * -ENOSYS where the file system cannot; nothing has happened then.
 */
int lc_stage_exchange(struct lc_stage *stage, const char *target);

/* Removes the name of ours and what it leads to. */
int lc_stage_unlink(struct lc_stage *stage);
/* A name of ours in the directory, and what it leads to, is now the stage's to remove. */
void lc_stage_take_name(struct lc_stage *stage, const char *name);
/* The name, and what it leads to, stays behind: it is not ours to remove. */
void lc_stage_forget_name(struct lc_stage *stage);

void lc_stage_release(struct lc_stage *stage);

#endif
