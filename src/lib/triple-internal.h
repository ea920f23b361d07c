/* SPDX-License-Identifier: ISC */
/*
 * triple-internal.h - the parts of a triple set's work on files
 *
 *     triple-format.c  sidecars as bytes                        (pure)
 *     triple-vote.c    who wins                                 (pure)
 *     triple-set.c     the three places: resolved, locked, compared, released
 *     triple-look.c    what each of them holds
 *     triple-scan.c    a file's blocks, at a pace
 *     triple-stage.c   a new copy and its sidecar, staged, flushed, published
 *     triple-settle.c  the losers are rewritten
 *     triple-open.c    a write's content, staged beside all three copies
 *     triple-write.c   and from there to the acknowledgement
 *     triple-raw.c     the lecture's rule on bare files
 *     triple-read.c    reading, checking, repairing
 *     triple-tell.c    results and errors
 *     triple-find.c    sidecars below a directory
 */
#ifndef LC_TRIPLE_INTERNAL_H
#define LC_TRIPLE_INTERNAL_H

#include "dir.h"
#include "stage.h"
#include "triple.h"
#include "uncached.h"

#include <commit_triple.h>

#include <sys/stat.h>

/* One copy: where it is, and what was found there. */
struct lc_copy {
	const char *given;
	struct lc_place place;
	/* 0, or why its directory does not answer: it takes no part */
	int away;
	/* a lock on its directory is held */
	int locked;
	char side_name[256];
	uint64_t fs;
	dev_t device;
	/* found by a look */
	int exists;
	struct stat st;
	enum lc_triple_side side;
	struct lc_triple_sidecar sidecar;
	unsigned char *side_bytes;
	/* content that cannot be read, and why */
	int unread;
	/* for each candidate a byte for each block: 1 good; NULL: not compared */
	unsigned char *good[LC_TRIPLE_CANDIDATES];
	/* what was done to it */
	int repaired;
	int failed;
};

/* The work of one call on one set. */
struct lc_triple {
	struct commit_triple_options opt;
	struct lc_copy copies[LC_TRIPLE_MAX];
	/* what has the bytes of each candidate's table: an entry of some sidecar */
	const struct lc_triple_entry *entries[LC_TRIPLE_CANDIDATES];
	const unsigned char *set;
	/* where the copies are, for those who find a sidecar; "" if that is not known */
	char absolute[LC_TRIPLE_MAX][LC_TRIPLE_PATH_MAX + 1];
	struct lc_triple_view view;
	struct lc_triple_verdict verdict;
	/* of raw sets: what entries point to, and their tables */
	struct lc_triple_entry raw[LC_TRIPLE_MAX];
	unsigned char *raw_tables[LC_TRIPLE_MAX];
	unsigned flushes;
	/* bytes read so far, and since when, for the limit */
	uint64_t bytes_read;
	int64_t started;
};

/* --- triple-set.c --- */

/* Resolves the three places. t needs lc_triple_close in any case. */
int lc_triple_begin(struct lc_triple *t, const char *const paths[LC_TRIPLE_MAX],
                    const struct commit_triple_options *opt, struct commit_error *err);
/* Warns of copies that can die together, or refuses with STRICT. */
int lc_triple_compare_places(struct lc_triple *t, struct commit_error *err);
int lc_triple_lock(struct lc_triple *t, int exclusive, struct commit_error *err);
void lc_triple_unlock(struct lc_triple *t);
void lc_triple_close(struct lc_triple *t);
/* Copies whose directories answer. */
unsigned lc_triple_reachable(const struct lc_triple *t);
/* 1: something became readable on cancel_fd. */
int lc_triple_cancelled(const struct lc_triple *t);

/* --- triple-look.c --- */

enum lc_look {
	LC_LOOK_LIGHT, /* sidecars, sizes, times: content is what its times say */
	LC_LOOK_DEEP   /* every block, past the page cache */
};
/* Fills in the view and lets it vote. Forgets what was found before. */
int lc_triple_look(struct lc_triple *t, enum lc_look how, struct commit_error *err);
void lc_triple_forget(struct lc_triple *t);
/* All is in order as far as the look could tell: the usual case. */
int lc_triple_is_calm(const struct lc_triple *t);
/* What a copy's content is, in the words of the vote. */
int lc_triple_holds(const struct lc_triple *t, unsigned copy, int candidate);
struct lc_triple_time lc_triple_mtime(const struct stat *st);

/* --- triple-scan.c --- */

/* Waits so that no more is read than bwlimit says; tells of progress. 0 or -ECANCELED. */
int lc_triple_pace(struct lc_triple *t, size_t bytes);

/*
 * The digests of an open file's blocks, past the cache or through it. block
 * says what becomes of each: 0 to go on. A block that cannot be read has
 * content NULL. Returns 0 or a negative errno.
 */
struct lc_triple_scan {
	struct lc_triple *triple;
	struct lc_uncached *reader;
	uint64_t length;
	uint32_t block;
	int (*each)(void *context, uint64_t index, const struct lc_digest *content);
	void *context;
};
int lc_triple_scan_blocks(const struct lc_triple_scan *scan);

/* --- triple-stage.c --- */

/* A new copy on its way. */
struct lc_fresh {
	struct lc_copy *copy;
	struct lc_stage content;
	struct lc_stage side;
	struct lc_triple_sidecar sidecar;
	unsigned char *bytes;
	size_t size;
	/* only the sidecar is new */
	int side_only;
	/* 0, or why it takes no further part */
	int failed;
	const char *failed_at;
	/* the name leads to the new content, and that is durable */
	int published;
	/* the rename was tried: what the name leads to may be either */
	int touched;
};

void lc_fresh_init(struct lc_fresh *fresh, struct lc_copy *copy);
void lc_fresh_release(struct lc_fresh *fresh);
/* Notes a failure; the first is kept. Returns rc. */
int lc_fresh_fail(struct lc_fresh *fresh, const char *what, int rc);
/* Owner, mode, ACL, attributes: those of the copy that is replaced, or of a new file. */
int lc_fresh_metadata(struct lc_triple *t, struct lc_fresh *fresh);
/* Identity and paths of a sidecar for that copy; old and now are the caller's. */
void lc_fresh_identify(const struct lc_triple *t, struct lc_fresh *fresh, unsigned index,
                       const unsigned char set[LC_TRIPLE_SET_SIZE]);
/* Stages the sidecar's bytes. */
int lc_fresh_stage_side(struct lc_fresh *fresh);
/* Flushes everything that is staged, side by side. */
void lc_fresh_flush(struct lc_triple *t, struct lc_fresh *fresh, unsigned count);
/* Reads back past the cache what was flushed: content by its table, the sidecar by its bytes. */
void lc_fresh_reread(struct lc_triple *t, struct lc_fresh *fresh, unsigned count);
/* Publishes sidecars and flushes their directories, side by side. */
void lc_fresh_publish_sides(struct lc_triple *t, struct lc_fresh *fresh, unsigned count);
/* Publishes content and flushes its directory. */
int lc_fresh_publish(struct lc_triple *t, struct lc_fresh *fresh);
/*
 * A table for the content of a file, whose length and version stand in *entry,
 * into *table, which the caller frees; sets block, blocks and root too.
 */
int lc_fresh_table(struct lc_triple *t, int dirfd, const char *name, int cached,
                   const unsigned char set[LC_TRIPLE_SET_SIZE], struct lc_triple_entry *entry,
                   unsigned char **table);

/* --- triple-settle.c --- */

/*
 * Does what the verdict says, for those copies that may be written. Returns 0 if
 * as many hold the winner as are needed, else a code. What could not be done
 * stands in the copies.
 */
int lc_triple_settle(struct lc_triple *t, struct commit_error *err);
/* Takes content in its order, any number of pieces. Returns 0 or a negative errno. */
struct lc_triple_sink {
	int (*put)(void *context, const void *bytes, size_t length);
	void *context;
};
/* A block of the winner, proved again, from the first copy that has it; -EIO: none has. */
int lc_triple_block(struct lc_triple *t, struct lc_uncached readers[LC_TRIPLE_MAX], uint64_t index,
                    const struct lc_triple_sink *sink);
/* Opens those copies that have good blocks of the winner. */
void lc_triple_open_readers(struct lc_triple *t, struct lc_uncached readers[LC_TRIPLE_MAX]);

/* --- triple-open.c, triple-write.c --- */

/* A write; public as an opaque one. */
struct commit_triple {
	struct lc_triple t;
	struct lc_fresh fresh[LC_TRIPLE_MAX];
	char *paths[LC_TRIPLE_MAX];
	uint64_t length;
	off_t started;
	/* of the new content */
	struct lc_triple_entry entry;
	unsigned char *table;
	/* what stands in A, where there is no set yet */
	struct lc_triple_entry adopted;
	unsigned char *adopted_table;
	unsigned char set[LC_TRIPLE_SET_SIZE];
};

/* 0 if enough copies take part, else the error of the first that does not. */
int lc_triple_check_enough(const struct commit_triple *w, struct commit_error *err);

/* --- triple-raw.c --- */

/* What stands there, for those who need no more than that. */
int lc_triple_raw_stat(struct lc_triple *t, struct commit_error *err);

/* Fills in the view as if whole contents were versions, and the verdict by the lecture's rule. */
int lc_triple_raw_look(struct lc_triple *t, struct commit_error *err);
void lc_triple_raw_release(struct lc_triple *t);
/* For those whom the stronger rule gives no answer: the copy that this one would take. */
int lc_triple_raw_choice(struct lc_triple *t);

/* --- triple-tell.c --- */

/* The error of a vote that nobody has won. */
int lc_triple_refuse(struct lc_triple *t, struct commit_error *err);
void lc_triple_tell(struct lc_triple *t, struct commit_triple_result *result);
void lc_triple_warn(const struct lc_triple *t, int code, int errnum, const char *operation,
                    const char *path, const char *text);
/* "A", "B", "C" */
const char *lc_triple_letter(unsigned copy);

#endif
