/* SPDX-License-Identifier: ISC */
/*
 * inplace.h - a file rewritten under its own inode, so that a crash can be undone
 *
 * The staged file is the journal: the new image is staged at LC_JOURNAL_HEAD,
 * then
 *
 *     lc_inplace_prepare(&stage, target, &edit, ...);   old image, header
 *     lc_stage_flush(&stage, 1);
 *     lc_inplace_reserve(&edit, target);
 *     lc_stage_create(&stage, edit.name);               commit
 *     flush of the journal's directory
 *     lc_inplace_apply(journal, &edit.journal, target); idempotent
 *     unlink of the journal, flush of its directory     done
 *
 * Recovery reads the journal, compares the target sector by sector, and
 * calls the same lc_inplace_apply.
 */
#ifndef LC_INPLACE_H
#define LC_INPLACE_H

#include "journal.h"
#include "name.h"
#include "stage.h"

#include <sys/stat.h>

/* The smallest unit that a disk writes as a whole. */
#define LC_SECTOR 512

struct lc_edit {
	struct lc_journal journal;
	/* the journal's name once it is committed */
	char name[LC_NAME_SIZE];
	/* room was reserved in the target: how it looked before and just after */
	int has_reserved;
	struct stat before;
	struct stat reserved;
};

/*
 * Opens the directory in which journals of targets are kept whose own
 * directory cannot be written: wanted, else $COMMIT_JOURNAL_DIR, else a
 * default (see commit_save_open); makes it if create is set. Returns 0 or a
 * negative errno, -ENOENT if there is none.
 */
int lc_inplace_registry(const char *wanted, int create, struct lc_place *place);

/*
 * Fills in who the edit is about and its journal's name: beside the target if
 * registry is NULL, else in the registry by the target's absolute path.
 */
int lc_inplace_name(const struct lc_place *target, const struct lc_place *registry,
                    struct lc_edit *edit);

/*
 * Completes the journal in stage, whose new image is written: adds the old
 * image of the target, open for writing and in state st, the digests and the
 * header. journal.mode, uid and gid are the caller's.
 */
int lc_inplace_prepare(struct lc_stage *stage, int target, const struct stat *st,
                       struct lc_edit *edit, int cancel_fd);

/*
 * What fails for lack of space shall fail before the commit: makes room in the
 * target for what is added and for what falls into holes. Where that is
 * unknown, or would cost the file a privilege, it does nothing. The target's
 * ctime and blocks tell of it.
 */
int lc_inplace_reserve(struct lc_edit *edit, int target);

/*
 * An edit that was not committed gives its room back, unless somebody has
 * written the file since; fd holds the images. Does nothing if none was
 * reserved.
 */
void lc_inplace_unreserve(struct lc_edit *edit, int fd, int target);

/*
 * count bytes of one sector hold the old image, the new one, or the new one up
 * to where a write was cut short and the old one from there.
 */
int lc_inplace_sector_known(const unsigned char *now, const unsigned char *old,
                            const unsigned char *new, size_t count);

/*
 * Taking back may be cut short as well, in a sector in which writing was: then
 * each byte is old or new, and that is all there is to say.
 */
int lc_inplace_bytes_known(const unsigned char *now, const unsigned char *old,
                           const unsigned char *new, size_t count);

/* Reads the journal in fd. As lc_journal_decode, or a negative errno of reading. */
int lc_inplace_read(int fd, struct lc_journal *journal);

/*
 * May the journal in fd be applied to the open target? 0: yes, each of its
 * sectors is old or new. -ESTALE: somebody else has replaced or written it.
 * -EBADMSG: the images in the journal are damaged.
 */
int lc_inplace_decide(int fd, const struct lc_journal *journal, int target);

/* Writes the new image over the target, sets size and metadata, flushes. */
int lc_inplace_apply(int fd, const struct lc_journal *journal, int target, int force);

/* One committed journal found in a directory, on its way to the end. */
struct lc_inplace_case {
	/* set by the caller: the directory, the journal's name in it, the open
	   and locked journal */
	const struct lc_place *home;
	const char *name;
	int fd;
	/* set by examine */
	struct lc_journal journal;
	int target;
	const char *reason;
};

/*
 * Reads the journal, finds and locks its target and decides. Returns 0 (it may
 * be replayed), -ESTALE (a person must decide; reason says why), -EBUSY (the
 * target is locked by somebody else) or another negative errno.
 */
int lc_inplace_examine(struct lc_inplace_case *found);

/* Applies, removes the journal, flushes. 0 or a negative errno; may be repeated. */
int lc_inplace_replay(struct lc_inplace_case *found);

void lc_inplace_case_release(struct lc_inplace_case *found);

#endif
