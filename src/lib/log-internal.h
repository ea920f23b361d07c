/* SPDX-License-Identifier: ISC */
/*
 * log-internal.h - the parts of a log
 *
 *     log.c          append, force, reserve, trim: the running log
 *     log-open.c     reading it back: what is kept, what is a torn tail
 *     log-segment.c  one segment file
 *     log-super.c    the two superblocks
 *     log-commit.c   count and digest in commit records
 */
#ifndef LC_LOG_INTERNAL_H
#define LC_LOG_INTERNAL_H

#include "digest.h"
#include "log.h"

#include <pthread.h>
#include <stddef.h>

/* Header of a segment, superblock, and the unit in which a device tears. */
#define LC_LOG_BLOCK 4096u
#define LC_LOG_NAME_SIZE 32
/* Stands for the record before the oldest one, which is gone. */
#define LC_LOG_ANY UINT64_MAX

struct lc_segment {
	uint64_t number;
	/* position of its first record: a multiple of LC_LOG_BLOCK */
	uint64_t first;
	uint64_t epoch;
	uint64_t salt;
	/* bytes of the file, header included */
	uint64_t size;
	int fd;
};

struct lc_super {
	uint64_t generation;
	/* number of the first segment that counts, and the tail in it */
	uint64_t segment;
	uint64_t tail;
};

/* The content of a segment, read past the page cache. */
struct lc_segment_image {
	unsigned char *bytes;
	uint64_t size;
};

/* Where the records of a segment end, and what stands behind. */
struct lc_segment_end {
	/* position after the last good record */
	uint64_t position;
	/* position of that record, 0 if there is none */
	uint64_t last;
	/* the highest position that any record in it claims to be durable */
	uint64_t claimed;
	uint64_t records;
	/* bytes behind the end that are not zero */
	int dirty;
};

struct lc_log {
	int dirfd;
	struct lc_log_options options;
	pthread_mutex_t mutex;
	pthread_cond_t flushed;
	struct lc_super super;
	/* number of the first segment whose file is still there */
	uint64_t oldest;
	/* the segment that is written; fd -1 before there is one */
	struct lc_segment current;
	/* made ahead of use, without a header; fd -1 if there is none */
	struct lc_segment spare;
	uint64_t next;
	uint64_t last;
	uint64_t durable;
	uint64_t tail;
	/* everything before it is durable or being flushed by the leader */
	uint64_t started;
	int flushing;
	int failed;
	/* what a scan covers */
	uint64_t scan_end;
};

uint64_t lc_log_align(uint64_t position, uint64_t unit);

/* log-super.c */
int lc_super_create(int dirfd, const struct lc_super *super);
/* The newer of the two that are good; -EBADMSG if neither is. */
int lc_super_read(int dirfd, struct lc_super *super);
/* Overwrites the older one and flushes. Increments the generation. */
int lc_super_write(int dirfd, struct lc_super *super);

/* log-segment.c */
void lc_segment_name(uint64_t number, char name[LC_LOG_NAME_SIZE]);
/* A new file of that size, all zeros, flushed with its directory; no header yet. */
int lc_segment_make(int dirfd, uint64_t number, uint64_t size, struct lc_segment *segment);
/* Gives it its header; durable with the next flush of the segment. */
int lc_segment_begin(struct lc_segment *segment, uint64_t first, uint64_t epoch);
/*
 * Opens the segment with that number. -ENOENT: there is none. -ENODATA: it has
 * never begun. -EBADMSG: its header is damaged.
 */
int lc_segment_open(int dirfd, uint64_t number, int look_only, struct lc_segment *segment);
/* Reads all of it past the page cache, where that is possible. */
int lc_segment_load(int dirfd, const struct lc_segment *segment, struct lc_segment_image *image);
void lc_segment_unload(struct lc_segment_image *image);
/* The page cache shows the same bytes: 1, 0, or a negative errno. */
int lc_segment_cache_agrees(const struct lc_segment *segment, const struct lc_segment_image *image);
/*
 * The next good record at or after *position: 1, or 0 at the end; *position
 * then stands behind it, or at the end. previous is the record before.
 */
int lc_segment_next(const struct lc_segment *segment, const struct lc_segment_image *image,
                    uint64_t previous, uint64_t *position, struct lc_record *record);
/* Finds the end of the records that follow each other from start on. */
void lc_segment_find_end(const struct lc_segment *segment, const struct lc_segment_image *image,
                         uint64_t start, uint64_t previous, struct lc_segment_end *end);

/* log-commit.c: what a commit record says about the records before it */
#define LC_COMMIT_PAYLOAD 24

struct lc_commit_check {
	struct lc_digest_stream *stream;
	uint64_t transaction;
	uint32_t count;
};

int lc_commit_check_init(struct lc_commit_check *check);
void lc_commit_check_release(struct lc_commit_check *check);
/* Takes in the next record of a batch, as it stands in the log. */
void lc_commit_check_add(struct lc_commit_check *check, uint64_t transaction,
                         const unsigned char *bytes, size_t length);
/* The payload of the commit record that follows; starts anew. */
void lc_commit_check_fill(struct lc_commit_check *check, uint64_t transaction,
                          unsigned char payload[LC_COMMIT_PAYLOAD]);
/* 1 if a commit record found in the log fits what was added; starts anew. */
int lc_commit_check_fits(struct lc_commit_check *check, const struct lc_record *record);

#endif
