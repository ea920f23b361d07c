/* SPDX-License-Identifier: ISC */
/*
 * range-internal.h - the parts of editing ranges in place
 *
 *     range.c          public: open, write, commit, close
 *     range-target.c   the edited file or device: opened, locked, identified
 *     range-home.c     where its log is; opening and making it
 *     range-record.c   what the records mean
 *     range-case.c     the log read back: is an edit unfinished, and which way
 *     range-pass.c     the target compared, written, put back: commit and recovery
 *     range-recover.c  for the scanner
 *     range-show.c     for people
 *
 * Write-ahead: BEGIN, ranges, COMMIT, flush, target, flush, COMPLETE, flush.
 * Write-behind: BEGIN, ranges, flush, target, flush, COMPLETE, flush. Ranges
 * carry old and new content in both: recovery then tells its own half-done
 * work from what somebody else has written. ABORT ends an edit that was taken
 * back. Only one edit of a log can be unfinished: it is settled before the next.
 */
#ifndef LC_RANGE_INTERNAL_H
#define LC_RANGE_INTERNAL_H

#include "dir.h"
#include "log.h"
#include "name.h"

#include <commit_range.h>

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* New content in one record at most. */
#define LC_RANGE_CHUNK ((size_t)256 * 1024)

/* Bits of lc_range_begin.flags */
#define LC_RANGE_BESIDE 1u
#define LC_RANGE_DEVICE 2u
#define LC_RANGE_BEHIND 4u /* write-behind */

#define LC_RANGE_OP LC_LOG_OPERATION

/* Who is edited. */
struct lc_range_begin {
	uint32_t flags;
	/* of a file: its file system's; of a device: a digest of what names it */
	uint64_t id;
	/* 0 of a device */
	uint64_t inode;
	uint64_t old_size;
	uint64_t time;
	/* its name beside the log, else an absolute path */
	char target[PATH_MAX];
};

#define LC_RANGE_BEGIN_HEAD 40
#define LC_RANGE_BEGIN_MAX (LC_RANGE_BEGIN_HEAD + PATH_MAX)
#define LC_RANGE_OP_HEAD 16
#define LC_RANGE_OP_MAX (LC_RANGE_OP_HEAD + 2 * LC_RANGE_CHUNK)

/* One range, as a record has it. Old content ends where the file ended. */
struct lc_range_op {
	uint64_t offset;
	uint32_t length;
	uint32_t old_length;
	const unsigned char *old;
	const unsigned char *new;
};

size_t lc_range_encode_begin(const struct lc_range_begin *begin, unsigned char *payload);
int lc_range_decode_begin(const struct lc_record *record, struct lc_range_begin *begin);
/* The head; old and new content follow it. */
void lc_range_encode_op(const struct lc_range_op *op, unsigned char head[LC_RANGE_OP_HEAD]);
int lc_range_decode_op(const struct lc_record *record, struct lc_range_op *op);

struct lc_range_extent {
	uint64_t offset;
	uint64_t length;
};

/* A part of a range that no later range of the same edit covers. */
struct lc_range_piece {
	size_t op;
	uint64_t offset;
	uint64_t length;
};

enum lc_range_state { LC_RANGE_DONE, LC_RANGE_FORWARD, LC_RANGE_BACK };

/* The last edit in a log. */
struct lc_range_case {
	enum lc_range_state state;
	/* there is one */
	int known;
	int committed;
	int ended;
	uint64_t transaction;
	struct lc_range_begin begin;
	struct lc_range_extent *ops;
	size_t count;
	size_t room;
	/* by op */
	struct lc_range_piece *pieces;
	size_t piece_count;
	/* the file's size once it is done */
	uint64_t new_size;
};

/*
 * Reads what a scan of the log shows. -EBADMSG: its records make no sense.
 * Release it in any case.
 */
int lc_range_case_read(struct lc_log *log, struct lc_range_case *edit);
void lc_range_case_release(struct lc_range_case *edit);

enum lc_range_work { LC_RANGE_LOOK, LC_RANGE_WRITE, LC_RANGE_RESTORE };

/*
 * Goes over all pieces: looks whether each sector is known (-ESTALE: one is
 * not), writes the new content, or the old one. Nothing is flushed.
 */
int lc_range_pass(struct lc_log *log, const struct lc_range_case *edit, int target,
                  enum lc_range_work work);

/* A pass that changes the target, and its flush. */
int lc_range_carry_out(struct lc_log *log, const struct lc_range_case *edit, int target,
                       enum lc_range_work work);

/* Then the edit is at its end, durably: LC_LOG_COMPLETE, or LC_LOG_ABORT if it was restored. */
int lc_range_record_end(struct lc_log *log, const struct lc_range_case *edit, uint32_t type);

/* The edited file. */
struct lc_range_target {
	struct lc_place place;
	int fd;
	int is_device;
	uint64_t id;
	uint64_t inode;
	uint64_t size;
	int64_t deadline;
	int cancel_fd;
};

/* Resolves, opens and locks; reports its errors itself. Release it in any case. */
int lc_range_target_open(struct lc_range_target *target, const char *path,
                         struct commit_error *err);
void lc_range_target_release(struct lc_range_target *target);
/* Fills in id, inode and size of what is open. 0 or a negative errno; -ENODEV: none. */
int lc_range_target_identify(struct lc_range_target *target);

/* Where the log of a target is. */
struct lc_range_home {
	/* the directory that holds it: the target's, or the registry */
	struct lc_place registry;
	const struct lc_place *place;
	/* the log's name there, and the target's name in its records */
	char name[LC_NAME_SIZE];
	char target[PATH_MAX];
	int beside;
	/* its directory, locked; -1: none */
	int fd;
};

/* Finds it. 0, or a negative errno: -ENOENT: there is none, and none was to be made. */
int lc_range_home_open(struct lc_range_home *home, const struct lc_range_target *target,
                       const char *journal_dir, int make);
void lc_range_home_release(struct lc_range_home *home);
/* The path of the log's directory, for people; to be freed, may be NULL. */
char *lc_range_home_path(const struct lc_range_home *home);
/* -EPERM: it is another user's, or others can write it. */
int lc_range_home_trust(int fd);

enum lc_range_access { LC_RANGE_READ, LC_RANGE_CHANGE, LC_RANGE_MAKE };

/* Opens the log; -ENOENT: there is none, and none was to be made. */
int lc_range_log_open(const struct lc_place *place, int fd, enum lc_range_access access,
                      struct lc_log **log, struct lc_log_report *report);

#endif
