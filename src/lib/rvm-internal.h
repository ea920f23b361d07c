/* SPDX-License-Identifier: ISC */
/*
 * rvm-internal.h - the parts of recoverable memory
 *
 *     rvm.c            create_log, initialize, terminate, options
 *     rvm-map.c        segments and regions
 *     rvm-xact.c       transactions in memory
 *     rvm-log.c        transactions as records; the queue; back-pressure
 *     rvm-truncate.c   truncation and recovery; the thread
 *     rvm-replay.c     records, to the new values that they stand for
 *     rvm-redo.c       new values, held in memory until they are written
 *     rvm-apply.c      the files that a log has changes of
 *     rvm-vista*.c     the Vista mode, see rvm-vista.h
 *
 * Records, all of transaction 0: a transaction that has ended is one record of
 * the type LC_RVM_XACT, so it is there or not; one that is too large for that is
 * several of LC_RVM_PART and a commit record in one batch. LC_RVM_SEGMENT says
 * which file a number means; it precedes the first use of the number behind each
 * position that the log is truncated at. LC_RVM_TRUNCATED says that what is
 * before a position is in its segments.
 *
 * Locks: truncating before mutex before the log's own. mutex guards everything
 * in struct commit_rvm that changes; truncating is held by who applies.
 */
#ifndef LC_RVM_INTERNAL_H
#define LC_RVM_INTERNAL_H

#include "dir.h"
#include "log.h"

#include <commit_rvm.h>

#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum lc_rvm_type { LC_RVM_XACT = LC_LOG_OPERATION, LC_RVM_PART, LC_RVM_SEGMENT, LC_RVM_TRUNCATED };

/* New values in one record at most. */
#define LC_RVM_RECORD_MAX ((size_t)1024 * 1024)
#define LC_RVM_RANGE_HEAD ((size_t)16)
#define LC_RVM_LOG_MIN ((uint64_t)1024 * 1024)
/* What says which file a number means, as it stands in logs. */
#define LC_RVM_SEGMENT_MAX (24 + PATH_MAX)

/* A file. Numbers begin at 1 and stay while the log is open. */
struct lc_rvm_segment {
	struct lc_rvm_segment *next;
	uint32_t number;
	uint64_t fs;
	uint64_t inode;
	int fd;
	unsigned regions;
	/* the log says so, behind the last position that it is truncated at */
	int defined;
	char path[PATH_MAX];
};

/*
 * Never freed while the log is open, but used again: a thread of the Vista mode
 * looks at the one it used last without the mutex.
 */
struct lc_rvm_region {
	struct lc_rvm_region *next;
	struct lc_rvm_segment *segment;
	uint64_t offset;
	size_t length;
	unsigned char *memory;
	/* ranges of open transactions */
	uint64_t pins;
	/* what the auditor takes for declared: a copy, if there is one */
	unsigned char *shadow;
	/* Vista: on persistent memory; nobody may begin to use it */
	int persistent;
	_Atomic int closing;
};

/* One range of a transaction; ranges are disjoint and sorted by address. */
struct lc_rvm_range {
	struct lc_rvm_region *region;
	unsigned char *start;
	size_t length;
	/* what was there, NULL: NO_RESTORE */
	unsigned char *old;
};

/* Who wants to know that a transaction has ended, committed or not. It may not call back. */
struct lc_rvm_ended {
	struct lc_rvm_ended *next;
	void (*call)(void *context);
	void *context;
};

struct commit_rvm_xact {
	struct commit_rvm *rvm;
	struct lc_rvm_ended *ended;
	enum commit_rvm_begin mode;
	struct lc_rvm_range *ranges;
	size_t count;
	size_t room;
};

/* Records of one transaction, ready for the log. */
struct lc_rvm_batch {
	struct lc_rvm_batch *next;
	struct lc_log_entry *entries;
	size_t count;
	uint64_t bytes;
	unsigned char payload[];
};

struct lc_vista;

struct commit_rvm {
	struct commit_rvm_options opt;
	/* of the Vista mode, else NULL */
	struct lc_vista *vista;
	/* NULL: nobody audits */
	struct lc_audit *audit;
	/* its directory is locked while dirfd is open */
	char *path;
	int dirfd;
	struct lc_log *log;
	pthread_mutex_t mutex;
	pthread_mutex_t truncating;
	/* truncation has ended; or the thread has work */
	pthread_cond_t room;
	pthread_cond_t work;
	pthread_t thread;
	int has_thread;
	int stop;
	int truncate_wanted;
	/* the log would like to have its next segment made */
	int prepare_wanted;
	/* why the last one failed: commits that wait for room do not wait for ever */
	int truncate_failed;
	struct lc_rvm_segment *segments;
	struct lc_rvm_region *regions;
	/* unmapped, to be used again */
	struct lc_rvm_region *retired;
	uint32_t last_number;
	/* ended with NO_FLUSH, oldest first */
	struct lc_rvm_batch *queue;
	struct lc_rvm_batch **queue_end;
	int64_t queue_since;
	/* what is before it is in the segments */
	uint64_t truncated;
	struct commit_rvm_statistics statistics;
};

int lc_rvm_fail(const struct commit_rvm *rvm, int code, int rc, const char *operation,
                const char *path, const char *why, struct commit_error *err);

/* rvm-xact.c: calls them all, once */
void lc_rvm_call_ended(struct commit_rvm_xact *xact);

/* rvm-map.c: with the mutex held */
struct lc_rvm_region *lc_rvm_region_at(struct commit_rvm *rvm, const void *start, size_t length);
void lc_rvm_unmap_all(struct commit_rvm *rvm);
/* Is fd the segment that number, fs and inode mean? 0, -ESTALE, or another errno. */
int lc_rvm_same_segment(int fd, uint64_t fs, uint64_t inode);

/* rvm-log.c */
/* The new values of a transaction, copied. NULL: no memory. */
struct lc_rvm_batch *lc_rvm_encode(const struct commit_rvm_xact *xact);
void lc_rvm_batch_free(struct lc_rvm_batch *batch);
/*
 * With the mutex held, which is let go while it waits for room: appends what is
 * queued and then batch, if that is not NULL. *end is what to force. -EFBIG: it
 * is larger than the log; -EAGAIN: there is no room, and it may not wait.
 */
int lc_rvm_append(struct commit_rvm *rvm, const struct lc_rvm_batch *batch, int may_wait,
                  uint64_t *end);
/*
 * With the mutex held: takes the batch, or frees it and fails. *end is what to force,
 * because it was too much for the queue; 0: nothing was.
 */
int lc_rvm_enqueue(struct commit_rvm *rvm, struct lc_rvm_batch *batch, uint64_t *end);
/* Everything that is queued, durable. */
int lc_rvm_force_queue(struct commit_rvm *rvm);

/* rvm-audit.c; nothing, where nobody audits */
/* After the range was declared. -ENOMEM: it goes on without it, and would tell of it. */
int lc_audit_declared(struct commit_rvm_xact *xact, unsigned char *start, size_t length);
/* Before a transaction ends. */
void lc_audit_look(struct commit_rvm *rvm);
/* With rvm's mutex held. It ends: what it has declared is as it should be. */
void lc_audit_forget(const struct commit_rvm_xact *xact);
int lc_audit_mapped(struct commit_rvm *rvm, struct lc_rvm_region *region);
void lc_audit_unmapping(struct commit_rvm *rvm, struct lc_rvm_region *region);
void lc_audit_free(struct commit_rvm *rvm);

/* rvm-apply.c: a file that a log has changes of, on their way to it */
struct lc_rvm_file {
	struct lc_rvm_file *next;
	uint32_t number;
	uint64_t fs;
	uint64_t inode;
	/* one of those that are mapped, or opened for this */
	int fd;
	int owned;
	/* has been written: to be flushed */
	int touched;
	char path[PATH_MAX];
};

struct lc_rvm_files {
	struct commit_rvm *rvm;
	struct lc_rvm_file *list;
	/* -ESTALE: what is in the way, and of which file */
	const char *why;
	const char *path;
};

/* What a number means, as bytes; returns their count. */
uint32_t lc_rvm_put_segment(const struct lc_rvm_segment *segment,
                            unsigned char payload[LC_RVM_SEGMENT_MAX]);
/* Takes such bytes and opens the file. -EBADMSG: they are none. */
int lc_rvm_files_take(struct lc_rvm_files *files, const unsigned char *p, size_t size);
struct lc_rvm_file *lc_rvm_files_find(const struct lc_rvm_files *files, uint32_t number);
int lc_rvm_files_flush(const struct lc_rvm_files *files);
void lc_rvm_files_release(struct lc_rvm_files *files);

/* rvm-redo.c: the last of all new values of each byte, page by page */
struct lc_rvm_redo {
	/* by a hash of file and offset; a power of two, at most half of them used */
	struct lc_rvm_page **pages;
	size_t room;
	size_t count;
};

/*
 * -ENOBUFS: it holds as much as it may; a part may have been taken. The file
 * must stay until the values are written or released.
 */
int lc_rvm_redo_put(struct lc_rvm_redo *redo, struct lc_rvm_file *file, uint64_t offset,
                    const unsigned char *bytes, size_t length);
/* To their files, not flushed; then none are held, whatever is returned. */
int lc_rvm_redo_write(struct lc_rvm_redo *redo);
void lc_rvm_redo_release(struct lc_rvm_redo *redo);

/* rvm-replay.c */
enum lc_rvm_replay_mode {
	/* hold all, or give up */
	LC_RVM_REPLAY_COLLECT,
	/* could it be done? */
	LC_RVM_REPLAY_LOOK,
	/* hold as much as memory may, and write that */
	LC_RVM_REPLAY_WRITE
};

struct lc_rvm_replay {
	struct commit_rvm *rvm;
	enum lc_rvm_replay_mode mode;
	/* records before it are in the segments */
	uint64_t from;
	struct lc_rvm_files files;
	struct lc_rvm_redo redo;
	/* parts whose commit record has not come yet, copied */
	unsigned char **parts;
	uint32_t *lengths;
	size_t count;
	size_t room;
	/* collected: from there, up to there; or why not all is */
	uint64_t first;
	uint64_t last;
	int spoilt;
};

void lc_rvm_replay_init(struct lc_rvm_replay *replay, struct commit_rvm *rvm);
/* To the segments, durably: what the log's scan shows from that position on. */
int lc_rvm_replay_scan(struct lc_rvm_replay *replay, uint64_t from);
/*
 * For the log while it is opened: takes what it reads, so that recovery need
 * not read it again. Opens segments, and writes nothing.
 */
int lc_rvm_replay_collect(void *context, const struct lc_record *record);
/*
 * After that: what was collected, to the segments, durably. Where collecting met
 * anything that is not plain, the log is read again, twice: to look, and to write.
 */
int lc_rvm_replay_all(struct lc_rvm_replay *replay);
void lc_rvm_replay_release(struct lc_rvm_replay *replay);

/* rvm-truncate.c */
/*
 * What the log holds goes to its segments; replay has seen it being opened.
 * -ESTALE: why and path tell what is in the way.
 */
int lc_rvm_recover(struct commit_rvm *rvm, struct lc_rvm_replay *replay, const char **why,
                   char path[PATH_MAX]);
/* The same while it is used: all that has ended before. */
int lc_rvm_truncate(struct commit_rvm *rvm);
int lc_rvm_thread_start(struct commit_rvm *rvm);
void lc_rvm_thread_stop(struct commit_rvm *rvm);

#endif
