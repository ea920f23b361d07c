/* SPDX-License-Identifier: ISC */
/*
 * triple.h - three copies: what is written beside them, and who wins
 *
 * This header has the two pure parts: the codec of sidecars and the vote. Both
 * work on memory alone, so that tests can go through all cases; what does the
 * work on files is in triple-internal.h.
 *
 * A sidecar names two versions of its copy: the one before and the one after
 * the last write. It is durable before the content changes, so a crash between
 * the two leaves a copy that is one of them.
 *
 * The vote, in order:
 *
 *   1. A copy that belongs to another set, or was edited by hand: a person decides.
 *   2. Fewer whole sidecars than asked for: refused. Two of them meet every
 *      write that two copies have taken part in, so no acknowledged version is
 *      overlooked.
 *   3. The highest version that is whole somewhere, or can be put together of
 *      good blocks, wins. Two of one version that differ: a fork.
 *   4. It must be known to another sidecar, itself or as the version that it was
 *      made of: else it is a fork.
 *   5. A higher version that is named, but is nowhere, must be one that was
 *      never acknowledged: one of its members still holds something older.
 *      Else it was lost, and an older one would be a wrong answer.
 *   6. If such a version is named, the winner gets a number above it, so that
 *      a copy that comes back with it later does not turn the answer around.
 */
#ifndef LC_TRIPLE_H
#define LC_TRIPLE_H

#include "digest.h"

#include <stddef.h>
#include <stdint.h>

#define LC_TRIPLE_MAX 3
/* Versions that three sidecars can name */
#define LC_TRIPLE_CANDIDATES (2 * LC_TRIPLE_MAX)
#define LC_TRIPLE_BLOCKS_MAX 65536
#define LC_TRIPLE_BLOCK_MIN 4096u
#define LC_TRIPLE_BLOCK_MAX (1u << 30)
#define LC_TRIPLE_BLOCK_DEFAULT 65536u
#define LC_TRIPLE_SET_SIZE 16

/* --- sidecars --- */

#define LC_TRIPLE_HEAD 288
#define LC_TRIPLE_DIGEST 8
#define LC_TRIPLE_PATH_MAX 4095
/* More than the largest one takes */
#define LC_TRIPLE_SIDECAR_MAX                                                                      \
	(LC_TRIPLE_HEAD + LC_TRIPLE_MAX * (LC_TRIPLE_PATH_MAX + 1) +                               \
	 2 * LC_TRIPLE_DIGEST * LC_TRIPLE_BLOCKS_MAX + 32)

struct lc_triple_time {
	int64_t seconds;
	uint32_t nanoseconds;
};

struct lc_triple_entry {
	/* 0: there is none */
	uint64_t version;
	/* the version that seeds the digests: the one the content was written as */
	uint64_t written;
	uint64_t length;
	uint32_t block;
	uint32_t blocks;
	/* bits of the copies that took part in the write */
	uint32_t members;
	/* the copy's mtime with this content */
	struct lc_triple_time mtime;
	/* of set, written, length, block and table: what the content is */
	struct lc_digest root;
	uint64_t parent_version;
	struct lc_digest parent;
	/* LC_TRIPLE_DIGEST bytes for each block; points into the sidecar's bytes */
	const unsigned char *table;
};

struct lc_triple_sidecar {
	unsigned copy;
	unsigned char set[LC_TRIPLE_SET_SIZE];
	/* of the copy's base name */
	struct lc_digest path;
	/* 0: the file system has no UUID */
	uint64_t fs;
	/* mtime of what stood there when the sidecar was written */
	struct lc_triple_time before;
	struct lc_triple_entry old;
	struct lc_triple_entry now;
	/* absolute; not terminated, they point into the sidecar's bytes */
	const char *paths[LC_TRIPLE_MAX];
	uint32_t path_lengths[LC_TRIPLE_MAX];
	/* one of the two checksums is bad */
	int twin_bad;
};

/* The sidecar's base name for a copy's; name has 256 bytes. */
void lc_triple_side_name(const char *copy, char name[256]);
/* 1: the base name has the form of a sidecar's. */
int lc_triple_is_side_name(const char *name);

/* Bytes that the encoded sidecar takes. */
size_t lc_triple_size(const struct lc_triple_sidecar *sidecar);
/* Fills lc_triple_size bytes at buffer. */
void lc_triple_encode(const struct lc_triple_sidecar *sidecar, unsigned char *buffer);
/*
 * 0, or -EBADMSG: this is no whole sidecar; -EPROTONOSUPPORT: of a later format.
 * Pointers of *sidecar point into buffer.
 */
int lc_triple_decode(const unsigned char *buffer, size_t size, struct lc_triple_sidecar *sidecar);

/* The digest of one block: of its content's, and of what it belongs to. */
uint64_t lc_triple_block_digest(const unsigned char set[LC_TRIPLE_SET_SIZE], uint64_t written,
                                uint64_t index, const struct lc_digest *content);
/* The root of an entry whose other fields and table are filled in. */
struct lc_digest lc_triple_root(const unsigned char set[LC_TRIPLE_SET_SIZE],
                                const struct lc_triple_entry *entry);
/* Block size and number of blocks for content of that length. */
void lc_triple_cut(uint64_t length, uint32_t wish, uint32_t *block, uint32_t *blocks);

/* --- the vote --- */

enum lc_triple_side {
	LC_SIDE_AWAY,      /* the copy's directory does not answer */
	LC_SIDE_NONE,      /* there is none */
	LC_SIDE_BAD,       /* damaged */
	LC_SIDE_MISPLACED, /* of this set, of another place */
	LC_SIDE_FOREIGN,   /* of another set */
	LC_SIDE_GOOD
};

struct lc_triple_candidate {
	uint64_t version;
	struct lc_digest root;
	uint64_t parent_version;
	struct lc_digest parent;
	uint32_t members;
	/* bits of the copies whose content is wholly this one */
	unsigned holders;
	/* each of its blocks is good in some copy */
	int recoverable;
};

struct lc_triple_view {
	/* 2 or 3 */
	unsigned count;
	unsigned min_copies;
	struct {
		enum lc_triple_side side;
		/* candidates that a good sidecar names, -1: none */
		int old;
		int now;
		/* changed by somebody else */
		int edited;
	} copies[LC_TRIPLE_MAX];
	unsigned candidate_count;
	struct lc_triple_candidate candidates[LC_TRIPLE_CANDIDATES];
};

enum lc_triple_outcome {
	LC_VOTE_WON,
	LC_VOTE_EDITED,  /* a copy was changed by hand */
	LC_VOTE_FOREIGN, /* a copy belongs to another set */
	LC_VOTE_NO_SET,  /* no sidecar at all */
	LC_VOTE_TOO_FEW, /* fewer whole sidecars than asked for */
	LC_VOTE_NOTHING, /* no version is whole */
	LC_VOTE_FORK,    /* versions that do not descend from each other */
	LC_VOTE_LOST     /* the newest version is nowhere, and may have been acknowledged */
};

enum lc_triple_action {
	LC_ACT_KEEP,
	LC_ACT_SIDECAR, /* content is right: a new sidecar */
	LC_ACT_CONTENT, /* both are written anew */
	LC_ACT_NONE     /* cannot be reached */
};

struct lc_triple_verdict {
	enum lc_triple_outcome outcome;
	/* a candidate, -1: nothing has won */
	int winner;
	/* 0, or the number that the winner gets now */
	uint64_t advance;
	enum lc_triple_action actions[LC_TRIPLE_MAX];
	/* copies that must hold the winner before an answer is given */
	unsigned needed;
};

void lc_triple_vote(const struct lc_triple_view *view, struct lc_triple_verdict *verdict);

/*
 * The lecture's rule. contents are numbers that stand for whole contents, equal
 * for equal ones, -1 for a copy that cannot be read. Returns the copy whose
 * content is right, -1: cannot be told. Of two copies that differ there is no
 * majority, and A is taken; of three that differ A is right.
 */
int lc_triple_raw_vote(const int contents[], unsigned count);

#endif
