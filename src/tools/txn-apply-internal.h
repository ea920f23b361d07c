/* SPDX-License-Identifier: ISC */
/* txn-apply-internal.h - what the parts of apply know of each other */
#ifndef TXN_APPLY_INTERNAL_H
#define TXN_APPLY_INTERNAL_H

#include "txn-names.h"
#include "txn-session.h"

#include "archive/reader.h"

struct apply {
	struct txn_session *session;
	struct reader *reader;
	struct txn_names names;
	/* owners can be set; they are those of the entries */
	bool privileged;
	bool same_owner;
	/* attributes that only root may set have been left out */
	bool left_out;
	/* what was taken, for progress.h */
	uint64_t entries;
	uint64_t bytes;
};

/* COMMIT_EREFUSED, naming the entry. */
int txn_apply_refuse(struct apply *apply, const char *entry, const char *why);

/*
 * The name of an entry, or of a link's target, without "./" and needless slashes,
 * and without the directories that --strip-components takes away; *path is "" if
 * nothing is left. Errors: COMMIT_EREFUSED.
 */
int txn_apply_path(struct apply *apply, const char *entry, const char *name, char *path,
                   size_t size, bool *excluded);

bool txn_apply_excluded(const struct apply *apply, const char *path);

/* Entries and bytes so far, and more bytes of the entry that is being taken. */
void txn_apply_progress(const struct apply *apply, uint64_t more);

/* What stands at path now, and where it can be read. */
int txn_apply_look(struct apply *apply, const char *path, enum commit_kind *kind, char *real,
                   size_t size);

/* The entry's content, to path. */
int txn_apply_content(struct apply *apply, const char *path, const struct reader_entry *entry);

/*
 * Owner, attributes and mode of the entry, to path; the mode of a directory is
 * left for later. had_list: what stood there had an ACL.
 */
int txn_apply_metadata(struct apply *apply, const char *path, struct txn_name *name,
                       const struct reader_entry *entry, bool had_list);

/* The modes that were left. */
int txn_apply_modes(struct apply *apply);

/* Removes all at path, spared names excepted: returns 1 if there were such. */
int txn_apply_clear(struct apply *apply, const char *path);

/* --mirror: removes what the archive has not named. */
int txn_apply_sweep(struct apply *apply);

#endif
