/* SPDX-License-Identifier: ISC */
/*
 * meta.h - owner, ACL, extended attributes and mode, from old file to staged
 *
 * The order is the contract: owner first, because a change of owner drops
 * set-id bits and capabilities; ACL and attributes next; the mode last,
 * because it decides who may look. Until then the staged file is 0600.
 */
#ifndef LC_META_H
#define LC_META_H

#include <commit_error.h>

#include <sys/stat.h>

struct lc_meta_plan {
	/* COMMIT_KEEP_* that are taken over */
	unsigned keep;
	/* mode = (base & mode_and) | mode_or */
	mode_t mode_and;
	mode_t mode_or;
	/* -1: the old one's */
	uid_t owner;
	gid_t group;
	/* what cannot be kept is COMMIT_EFAILED, else a warning */
	int strict;
	void (*warn)(void *context, const struct commit_error *warning);
	void *context;
};

/*
 * Gives the file `to` the metadata of `from` as planned. from is the old file
 * or -1; st is its state, or, for a new file, the mode that the kernel chose
 * for one (lc_meta_fresh), then with from its ACL's source or -1.
 * is_new: from and st do not describe a file that is replaced.
 *
 * An owner or a group that was asked for by number and cannot be set is an
 * error; one that cannot be kept is a warning and costs the bits it guarded:
 * set-id bits without the owner, group bits without the group.
 * Errors: COMMIT_EFAILED. path is for messages.
 */
int lc_meta_apply(int from, const struct stat *st, int is_new, int to,
                  const struct lc_meta_plan *plan, const char *path, struct commit_error *err);

/* 1 also where that cannot be told. */
int lc_meta_has_acl(int fd);

/* COMMIT_EFAILED if the plan is strict, else warns and returns 0. */
int lc_meta_lost(const struct lc_meta_plan *plan, int errnum, const char *what, const char *path,
                 struct commit_error *err);

#endif
