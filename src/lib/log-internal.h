/* SPDX-License-Identifier: ISC */
/*
 * log-internal.h - the parts of a log
 *
 *     log.c          append, force, reserve, trim: the running log
 *     log-force.c    making what was appended durable; group commit
 *     log-open.c     create; reading it back: what is kept, what is a torn tail
 *     log-scan.c     showing the records that were found
 *     log-segment.c  one segment file: made, begun, found, swept away
 *     log-read.c     the records in a segment
 *     log-super.c    the two superblocks
 *     log-file.c     reading files of a log, which may come from a stranger
 *     log-commit.c   count and digest in commit records
 *
 * What a segment's header says before its first record is written: everything
 * before the segment is durable, and which record is the last before it. The
 * header is durable before the first record is written, so that
 *
 *   - a bad header with nothing behind it holds nothing that was acknowledged;
 *   - a bad header with something behind it is damage;
 *   - a segment ends with the record that the next header names, whatever
 *     stands behind it: a tail that was dropped stays dropped.
 */
#ifndef LC_LOG_INTERNAL_H
#define LC_LOG_INTERNAL_H

#include "digest.h"
#include "log.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>

/* Header of a segment, superblock, and the unit in which a device tears. */
#define LC_LOG_BLOCK ((size_t)4096)
#define LC_LOG_NAME_SIZE 32
/* A log is input from a stranger: no segment is larger, and so no allocation. */
#define LC_LOG_SEGMENT_MAX ((uint64_t)256 * 1024 * 1024)
/* No segment begins behind it, so that no position overflows. */
#define LC_LOG_FIRST_MAX (UINT64_MAX - 2 * LC_LOG_SEGMENT_MAX)
/* No record is there: read on to the end. */
#define LC_LOG_ALL UINT64_MAX

/* A file's bytes, read past the page cache where that is possible. */
struct lc_log_image {
	unsigned char *bytes;
	/* a multiple of LC_LOG_BLOCK */
	uint64_t size;
	/* size of the whole file */
	uint64_t file_size;
};

struct lc_segment {
	uint64_t number;
	/* position of its first record: a multiple of LC_LOG_BLOCK */
	uint64_t first;
	/* position of the last record before it, 0 if there is none */
	uint64_t previous;
	uint64_t epoch;
	uint64_t salt;
	/* bytes of the file, header included */
	uint64_t size;
	int fd;
};

/* The records of a segment. */
struct lc_segment_records {
	struct lc_record *list;
	size_t count;
	size_t room;
	/* position after the last good record */
	uint64_t end;
	/* position of that record or of the last before the segment */
	uint64_t last;
};

struct lc_super {
	uint64_t generation;
	/* number of the first segment that counts, and the tail in it */
	uint64_t segment;
	uint64_t tail;
	/* the first segment that one of the two superblocks still counts */
	uint64_t floor;
	/* one of the two is damaged */
	int alone;
	/* as it was read: it need not be durable */
	int unproven;
};

enum lc_log_way { LC_LOG_CACHED, LC_LOG_DIRECT };

/* Bytes for one direct write, and where in the segment's file they go: a multiple of LC_LOG_BLOCK.
 */
struct lc_log_waiting {
	unsigned char *bytes;
	uint64_t offset;
	size_t length;
};

struct lc_log {
	int dirfd;
	struct lc_log_options options;
	pthread_mutex_t mutex;
	pthread_cond_t flushed;
	struct lc_super super;
	/* the segment that is written; fd -1 before there is one */
	struct lc_segment current;
	uint64_t next;
	uint64_t last;
	uint64_t durable;
	uint64_t tail;
	/* everything before it is durable or being flushed by the leader */
	uint64_t started;
	int flushing;
	int failed;
	/* how the next batches are forced, unless some are in the page cache already */
	enum lc_log_way way;
	int cached;
	/* the current segment, opened for direct writes, or -1 */
	int direct_fd;
	struct lc_log_waiting waiting;
	/* what the leader writes */
	struct lc_log_waiting leaving;
	/* nanoseconds that a force of each way takes, and how many there have been */
	int64_t means[2];
	uint64_t turns;
	/* the current segment is new and must be flushed before its first record */
	int unflushed;
	/* the next segment, made and flushed ahead of use, without a header; fd -1: none */
	struct lc_segment ahead;
	int preparing;
	/* what a scan covers: up to this record in this segment */
	uint64_t scan_segment;
	uint64_t scan_last;
	/* that segment as it was opened: the first scan need not read it again; or no bytes */
	struct lc_log_image opened;
};

/* log-force.c */
void lc_log_force_init(struct lc_log *log);
/* The current segment is about to change; all of it is durable. */
void lc_log_force_leave(struct lc_log *log);
void lc_log_force_release(struct lc_log *log);
/* With the mutex held: what has been appended stands there, or waits to be forced. */
int lc_log_put(struct lc_log *log, uint64_t offset, const unsigned char *bytes, size_t length);
/* With the mutex held: waits for a leader at work, then forces all itself. */
int lc_log_force_all(struct lc_log *log);

uint64_t lc_log_align(uint64_t position, uint64_t unit);
int lc_log_options_check(const struct lc_log_options *options);

/* log-file.c */
/* -EBADMSG: not a regular file, or not the one that was looked at. */
int lc_log_open_file(int dirfd, const char *name, int flags, struct stat *st);
/*
 * The first size bytes, a multiple of LC_LOG_BLOCK; of a file that is shorter
 * only what is there, and two blocks in any case. Unload it if that went well.
 */
int lc_log_load(int dirfd, const char *name, uint64_t size, struct lc_log_image *image);
void lc_log_unload(struct lc_log_image *image);
/* How many bytes from offset on there are up to the last one that is not zero. */
uint64_t lc_log_nonzero(const struct lc_log_image *image, uint64_t offset);
/* Whoever may make files in the log's directory may write this one: a group, or its owner alone. */
int lc_log_share(int dirfd, int fd);
/* Flushes the directory where the file system knows how to. */
int lc_log_flush_dir(int dirfd);

/* log-super.c */
int lc_super_exists(int dirfd);
/* With flush: appears as a whole, durably, or not at all. */
int lc_super_create(int dirfd, const struct lc_super *super, int flush);
/* The newer of the two that are good; -EBADMSG if neither is. */
int lc_super_read(int dirfd, struct lc_super *super);
/* Overwrites the older or damaged one and flushes. Increments the generation. */
int lc_super_write(int dirfd, struct lc_super *super);

/* log-segment.c */
void lc_segment_name(uint64_t number, char name[LC_LOG_NAME_SIZE]);
/*
 * A new file of that size, all zeros, not flushed; no header yet. Takes the
 * place of one that was left there; so there is none that counts.
 */
int lc_segment_make(int dirfd, uint64_t number, uint64_t size, struct lc_segment *segment);
/* Gives it its header, which is flushed before its first record is written. */
int lc_segment_begin(struct lc_segment *segment, uint64_t first, uint64_t previous, uint64_t epoch);
/* Makes a new segment durable, its name included. */
int lc_segment_flush(int dirfd, const struct lc_segment *segment);
/*
 * Opens the segment with that number. -ENOENT: there is none. -ENODATA: it has
 * never begun. -EBADMSG: its header is damaged. A segment whose file is shorter
 * than it says is opened: what is missing reads as zeros.
 */
int lc_segment_open(int dirfd, uint64_t number, int look_only, struct lc_segment *segment);
int lc_segment_load(int dirfd, const struct lc_segment *segment, struct lc_log_image *image);
/* The page cache shows the same bytes: 1, 0, or a negative errno. */
int lc_segment_cache_agrees(const struct lc_segment *segment, const struct lc_log_image *image);
/* The highest number of a segment file in the directory, 0 if there is none. */
int lc_segment_highest(int dirfd, uint64_t *highest);
int lc_segment_remove(int dirfd, uint64_t number);
/* Removes the files of all segments with lower numbers. */
int lc_segment_sweep(int dirfd, uint64_t below);

/* log-read.c */
/*
 * Reads on from the segment's start up to the record at until, or to the end.
 * -EBADMSG: until is not there, or a commit record does not fit; records->end
 * tells where. list points into the image; release it in any case.
 */
int lc_segment_read(const struct lc_segment *segment, const struct lc_log_image *image,
                    uint64_t until, struct lc_segment_records *records);
void lc_segment_records_release(struct lc_segment_records *records);
/*
 * The highest position that a record behind the end, or before it, knew to be
 * durable. -EBADMSG: there is so much behind it that looks like records and is
 * none that no accident has written it.
 */
int lc_segment_claims(const struct lc_segment *segment, const struct lc_log_image *image,
                      const struct lc_segment_records *records, uint64_t *claimed);

/* log-commit.c: what a commit record says about the records before it */
#define LC_COMMIT_PAYLOAD 24

struct lc_commit_check {
	struct lc_digest_stream *stream;
	uint64_t transaction;
	uint32_t count;
};

int lc_commit_check_init(struct lc_commit_check *check);
void lc_commit_check_release(struct lc_commit_check *check);
/* Takes in the next record, as it stands in the log, its padding left out. */
void lc_commit_check_add(struct lc_commit_check *check, uint64_t transaction,
                         const unsigned char *bytes, size_t length);
/* The payload of the commit record that follows; starts anew. */
void lc_commit_check_fill(struct lc_commit_check *check, uint64_t transaction,
                          unsigned char payload[LC_COMMIT_PAYLOAD]);
/* 1 if the commit record at list[at] fits those before it. */
int lc_commit_check_fits(struct lc_commit_check *check, const struct lc_record *list, size_t at);

#endif
