/* SPDX-License-Identifier: ISC */
/*
 * log.h - a segmented log of records: the memory of everything that commits
 *
 *     lc_log_create(dirfd, &options);                  once
 *     lc_log_open(dirfd, &options, &log, &report);
 *     lc_log_scan(log, LC_LOG_FORWARD, visit, ctx);    what is still there
 *     lc_log_reserve(log, bytes);                      ENOSPC happens here
 *     lc_log_append(log, batch, count, &end);          one batch, in order
 *     lc_log_force(log, end);                          durable up to there
 *     lc_log_trim(log, position);                      before it: not needed
 *     lc_log_close(log);
 *
 * The log knows nothing of what its records mean. Positions (log sequence
 * numbers, LSN) are bytes since the log was created and only grow; the first
 * is LC_LOG_START. The format stands in commit-log(5).
 *
 * A write-ahead protocol appends begin, operation and commit records, forces
 * the commit, changes the cells, and appends complete; recovery scans forward
 * and redoes. A write-behind protocol appends begin and the old contents,
 * forces them, changes the cells, and appends complete; recovery scans
 * backward and undoes. The types are the same; see enum lc_log_type.
 *
 * Group commit: the first thread that forces becomes the leader and flushes for
 * all who wait; who comes meanwhile waits for the next flush.
 *
 * A flush or a write that fails is final: the log takes nothing more (-EIO)
 * until it is opened again, and the outcome of what was not durable is unknown
 * until then.
 *
 * Threads: append, force, reserve, trim and positions may be called by many;
 * open, scan and close by one. Processes: the caller keeps a second one out.
 * All functions return 0 or a negative errno; -EINVAL: options or entries that
 * make no sense; -EROFS: the log was opened to look only.
 */
#ifndef LC_LOG_H
#define LC_LOG_H

#include "record.h"

#include <stddef.h>
#include <stdint.h>

#define LC_LOG_START ((uint64_t)4096)

/* What all protocols share; users of the log number their operations from 16. */
enum lc_log_type {
	LC_LOG_BEGIN = 1,
	LC_LOG_COMMIT = 2,   /* payload: u32 count, u32 0, 16 bytes digest */
	LC_LOG_COMPLETE = 3, /* its cells have been changed durably */
	LC_LOG_ABORT = 4,
	LC_LOG_OPERATION = 16
};

struct lc_log_options {
	/*
	 * bytes of a segment file, a multiple of 4096 from 8192 on; a larger batch
	 * gets a larger one
	 */
	uint32_t segment_size;
	/*
	 * A forced batch is followed by padding up to a multiple of this, so that
	 * no later write touches the blocks that hold it. A power of two up to
	 * 4096. 8: no padding, for devices whose writes leave the rest of a block
	 * alone when power fails.
	 */
	uint32_t block;
	/* change nothing: neither drop a tail nor begin an epoch */
	int look_only;
	/*
	 * With blocks of 4096: small batches wait in memory until they are forced,
	 * by one direct synchronous write wherever that proves to be faster than a
	 * write and a flush. What nobody forces is lost with the process.
	 */
	int direct;
	/*
	 * create: flush nothing. Until the caller has flushed the file system there
	 * need be no log after a crash, or a part of one.
	 */
	int unflushed;
	/*
	 * open: called for each record as it is read, from the tail on, before
	 * anything is known of those behind it; if not NULL. What it was told means
	 * nothing if open fails. A non-zero result fails it.
	 */
	int (*visit)(void *context, const struct lc_record *record);
	void *context;
};

struct lc_log_report {
	/* where the first damage was found, if the result is -EBADMSG */
	uint64_t damaged;
	/* bytes behind the last good record that are not kept */
	uint64_t dropped;
	uint64_t segments;
	uint64_t records;
};

/* One record of a batch. */
struct lc_log_entry {
	uint32_t type;
	uint32_t length;
	uint64_t transaction;
	const void *payload;
};

struct lc_log;

void lc_log_options_init(struct lc_log_options *options);

/*
 * -EEXIST: there is one already. What a create that was interrupted has left is
 * replaced. -EBADMSG: there are records here, but no superblocks.
 */
int lc_log_create(int dirfd, const struct lc_log_options *options);

/*
 * Reads the log past the page cache, where the file system has a way. -EBADMSG:
 * something below the position known durable is damaged, or a commit record
 * does not fit its batch; nothing was changed. -EPROTONOSUPPORT: a version that
 * is not known here. -ENOENT: there is no log. A torn tail above the position
 * known durable is dropped, and a new epoch with a new salt begins. What is
 * kept is flushed before this returns.
 */
int lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **log,
                struct lc_log_report *report);

void lc_log_close(struct lc_log *log);

enum lc_log_order { LC_LOG_FORWARD, LC_LOG_BACKWARD };

/*
 * Calls visit for each record that was there when the log was opened, from the
 * tail on or from the end back. Records without their commit record, the first
 * part of a batch that was torn, are among them. A non-zero result of visit
 * ends the scan and is returned. visit may append, force and trim.
 */
int lc_log_scan(struct lc_log *log, enum lc_log_order order,
                int (*visit)(void *context, const struct lc_record *record), void *context);

/*
 * From now on a scan shows what has been appended up to now, too; all of it is
 * durable when this returns. Records that are appended meanwhile are left out,
 * so one thread may read while others append.
 */
int lc_log_mark(struct lc_log *log);

/*
 * Calls stray for what lies in the log's directory and is in use by nothing, and
 * for a superblock that only its twin makes up for. 0, what stray returned, or
 * a negative errno.
 */
int lc_log_check(struct lc_log *log,
                 int (*stray)(void *context, const char *name, const char *reason), void *context);

/*
 * After it, the next append of up to that many bytes (lc_log_batch_size) meets
 * no full disk. -EFBIG: no segment can hold so much.
 */
int lc_log_reserve(struct lc_log *log, uint64_t bytes);

/*
 * The same for a caller who is about to flush the file system as a whole
 * anyway: a new segment is flushed by that, if lc_log_flushed says so before
 * the append; else the append flushes it.
 */
int lc_log_reserve_unflushed(struct lc_log *log, uint64_t bytes);
void lc_log_flushed(struct lc_log *log);

/*
 * Makes the next segment, and flushes it, while others append: a thread that
 * has nothing better to do saves them the time. An error of it is of no
 * consequence for the log. wants tells whether it is worth while now.
 */
int lc_log_prepare(struct lc_log *log);
int lc_log_wants_prepare(struct lc_log *log);

/*
 * Appends the entries next to each other in one segment. *end is the position
 * to force. A commit record's payload is made here: it covers the entries of
 * its transaction right before it. -EFBIG, -ENOSPC, -ENOMEM: nothing of the
 * batch will be found again, unless lc_log_force(log, 0) says -EIO then: a
 * write or flush has failed half-way, what was not durable is unknown.
 */
int lc_log_append(struct lc_log *log, const struct lc_log_entry *batch, size_t count,
                  uint64_t *end);

/* Returns when everything before that position is durable; -EIO: unknown, the log has failed. */
int lc_log_force(struct lc_log *log, uint64_t end);

/*
 * Records before that position are not needed any more; a log opened later may
 * still show them. A segment's file goes when both superblocks have left it
 * behind, which takes a second call.
 */
int lc_log_trim(struct lc_log *log, uint64_t position);

/* The position after the last record, of the first kept one, and what is durable. */
uint64_t lc_log_end(struct lc_log *log);
uint64_t lc_log_tail(struct lc_log *log);
uint64_t lc_log_durable(struct lc_log *log);

/* The epoch of the segment that is written. */
uint64_t lc_log_epoch(struct lc_log *log);

/* Bytes that a batch takes, padding included, at most. */
uint64_t lc_log_batch_size(const struct lc_log *log, const struct lc_log_entry *batch,
                           size_t count);

#endif
