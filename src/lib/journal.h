/* SPDX-License-Identifier: ISC */
/*
 * journal.h - the redo journal of one in-place edit, as bytes
 *
 * The layout stands in commit-journal(5). A journal holds the whole old and
 * the whole new content of a file and what is needed to find that file again
 * and to prove that nobody else has written to it.
 *
 * A journal may come from a stranger: lc_journal_decode bounds every length
 * and offset by the size of the journal itself.
 */
#ifndef LC_JOURNAL_H
#define LC_JOURNAL_H

#include "digest.h"

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

/* The header's bytes, and so the offset of the new image. */
#define LC_JOURNAL_HEAD 8192
/* Images start at multiples of this, so that they can be cloned. */
#define LC_JOURNAL_ALIGN 4096
#define LC_JOURNAL_CAPS_MAX 64

/* Bits of lc_journal.flags */
#define LC_JOURNAL_BESIDE 1u /* target is a name in the journal's own directory */

struct lc_journal {
	uint64_t fs;
	uint64_t inode;
	uint64_t created;
	uint32_t flags;
	uint64_t old_size;
	uint64_t new_size;
	uint64_t old_offset;
	uint64_t new_offset;
	struct lc_digest old_digest;
	struct lc_digest new_digest;
	/* what the file has after the edit; the mode's type bits are 0 */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	/* the value of security.capability, which a write takes away */
	uint32_t caps_length;
	unsigned char caps[LC_JOURNAL_CAPS_MAX];
	char target[PATH_MAX];
};

void lc_journal_encode(const struct lc_journal *journal, unsigned char head[LC_JOURNAL_HEAD]);

/*
 * size is that of the whole journal file. Returns 0, -EBADMSG (damaged, or no
 * journal) or -EPROTONOSUPPORT (a version that this library does not know).
 */
int lc_journal_decode(const unsigned char head[LC_JOURNAL_HEAD], uint64_t size,
                      struct lc_journal *journal);

/* The offset at or after size where an image may start. */
uint64_t lc_journal_align(uint64_t size);

#endif
