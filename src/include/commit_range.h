/* SPDX-License-Identifier: ISC */
/*
 * commit_range.h - ranges of a big file or a block device, edited in place as one transaction
 *
 *     struct commit_range *edit;
 *     rc = commit_range_open("disk.img", NULL, &edit, &err);
 *     rc = commit_range_write(edit, 4096, bytes, length, &err);    often
 *     rc = commit_range_commit(edit, NULL, &err);                  all or nothing
 *     ...                                                          the next one
 *     commit_range_close(edit);
 *
 * Old and new content of each range go into a log that lies beside the file
 * (commit-range(5)), so time and I/O depend on the ranges and not on the size of
 * the file. Two protocols:
 *
 *   write-ahead   a commit record is made durable, then the file is written.
 *                 After a crash the edit is finished if the record is there.
 *   write-behind  the file is written, then the end is recorded. After a crash
 *                 the edit is taken back.
 *
 * Either way each open, commit_recover_scan and commit-recover(8) bring an
 * interrupted edit to its end. A sector that then holds neither old nor new
 * content was written by somebody else: COMMIT_ECONFLICT, nothing is touched.
 * Readers that take no lock may see an edit half done; after it they do not.
 *
 * The file is locked (flock) while it is open here, a block device is opened
 * exclusively. A block device is known by its serial number, WWID, UUID or the
 * like and its size, and its log must be elsewhere (journal_dir).
 *
 * Ownership: nothing passed in is kept; commit_range_close frees the handle and
 * takes NULL. Threads: one handle, one thread at a time.
 */
#ifndef COMMIT_RANGE_H
#define COMMIT_RANGE_H

#include <commit_error.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum commit_protocol { COMMIT_WRITE_AHEAD, COMMIT_WRITE_BEHIND };

struct commit_range_options {
	/* set by commit_range_options_init; do not change */
	size_t size;
	enum commit_protocol protocol;
	/* do all that can fail, change nothing */
	int dry_run;
	/*
	 * Where the log goes; needed for block devices. NULL: beside the file, and
	 * where that cannot be, in the journal directory as of commit_save_open.
	 */
	const char *journal_dir;
	/* for the lock; default 60000, 0 does not wait */
	int64_t wait_ms;
	/* a descriptor that becomes readable to cancel; default -1 */
	int cancel_fd;
};

struct commit_range_result {
	uint64_t ranges;
	uint64_t bytes;
	/* of the file, before and after */
	uint64_t old_size;
	uint64_t new_size;
	/* flush calls that the commit took */
	unsigned flushes;
};

struct commit_range;

COMMIT_API void commit_range_options_init(struct commit_range_options *opt);

/*
 * Opens and locks path, which must exist, finishes or takes back what an
 * interrupted edit has left. opt may be NULL. Errors: COMMIT_EUSAGE,
 * COMMIT_EBUSY (locked; a block device that is in use), COMMIT_EREFUSED (neither
 * a regular file nor a block device; set-id bits or capabilities, which a write
 * takes away; a device without an identity), COMMIT_ECONFLICT (a person must
 * decide about an earlier edit), COMMIT_EFAILED (also where an earlier edit
 * cannot be finished now), COMMIT_ECANCELED.
 */
COMMIT_API int commit_range_open(const char *path, const struct commit_range_options *opt,
                                 struct commit_range **edit, struct commit_error *err);

/*
 * Adds a range to the transaction; the first one begins it. Where ranges
 * overlap the later one counts. A regular file grows if the range ends behind
 * its end. After a failure the transaction can only be aborted.
 */
COMMIT_API int commit_range_write(struct commit_range *edit, uint64_t offset, const void *bytes,
                                  size_t length, struct commit_error *err);

/*
 * All ranges or none. COMMIT_EREFUSED: there are none. COMMIT_EFAILED: nothing
 * changed. COMMIT_EPENDING: committed, the next open finishes it.
 * COMMIT_EUNDECIDED: the next open decides. After these two only
 * commit_range_close is left. *result, if not NULL, is set on success.
 */
COMMIT_API int commit_range_commit(struct commit_range *edit, struct commit_range_result *result,
                                   struct commit_error *err);

/* Forgets the ranges that were added. */
COMMIT_API void commit_range_abort(struct commit_range *edit);

COMMIT_API void commit_range_close(struct commit_range *edit);

/* What a log holds, for people. */
enum commit_range_kind {
	COMMIT_RANGE_BEGIN,
	COMMIT_RANGE_WRITE,
	COMMIT_RANGE_COMMIT,
	COMMIT_RANGE_COMPLETE,
	COMMIT_RANGE_ABORT,
	COMMIT_RANGE_UNKNOWN
};

struct commit_range_record {
	enum commit_range_kind kind;
	/* log sequence number, and what was durable when it was written */
	uint64_t position;
	uint64_t durable;
	uint64_t transaction;
	/* differs from that of other epochs and segments */
	uint64_t salt;
	/* of a range */
	uint64_t offset;
	uint64_t length;
	/* of a begin: seconds since 1970 */
	int64_t time;
	enum commit_protocol protocol;
};

enum commit_range_decision {
	COMMIT_RANGE_NOTHING,  /* nothing is unfinished */
	COMMIT_RANGE_FORWARD,  /* committed: recovery finishes it */
	COMMIT_RANGE_BACK,     /* write-behind, not complete: recovery takes it back */
	COMMIT_RANGE_CONFLICT, /* somebody else has written there: a person decides */
	COMMIT_RANGE_DAMAGED   /* the log itself; nothing is known */
};

struct commit_range_log {
	/* the directory that holds it; "" if there is none */
	char path[COMMIT_ERROR_PATH_MAX];
	uint64_t tail;
	uint64_t end;
	uint64_t epoch;
	uint64_t records;
	uint64_t segments;
	/* bytes of a torn tail, which recovery drops */
	uint64_t dropped;
	/* of damage: where */
	uint64_t damaged;
	enum commit_range_decision decision;
	/* one line, static */
	const char *reason;
};

/*
 * Calls found for each record of the log of path, then fills in *log; changes
 * nothing. found may be NULL; a non-zero result ends it and is returned.
 * COMMIT_EBUSY: an edit is under way. A log that is damaged is no error.
 */
COMMIT_API int
commit_range_log(const char *path, const struct commit_range_options *opt,
                 int (*found)(void *context, const struct commit_range_record *record),
                 void *context, struct commit_range_log *log, struct commit_error *err);

#ifdef __cplusplus
}
#endif

#endif
