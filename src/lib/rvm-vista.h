/* SPDX-License-Identifier: ISC */
/*
 * rvm-vista.h - the Vista mode of recoverable memory
 *
 *     rvm-vista.c          begin, set_range, end, abort: no lock, no system call
 *     rvm-undo.c           the undo log of one thread, as bytes in memory
 *     rvm-vista-files.c    the files in the log's directory
 *     rvm-vista-recover.c  what a crash has left: rolled back
 *
 * After Lowell and Chen, "Free transactions with Rio Vista" (SOSP 1997): regions
 * are mapped shared, so the page cache has each change at once. Old values go
 * into an undo log, a file that is mapped as well. A transaction ends by saying
 * that its undo log is empty. A crash is an abort: old values are put back from
 * the last to the first.
 *
 * A slot is an undo log and the transaction that is open on it. A thread takes
 * the one that it used last, if nobody has it; so logs are in fact one for each
 * thread, though no thread owns one.
 *
 * The protocol, in this order for whoever is killed between any two stores, and,
 * on persistent memory, for whoever loses power:
 *
 *   1. a record with the old bytes is written behind the end: it counts for nothing
 *   2. the end moves behind it, one aligned store of 8 bytes that carries a check
 *   3. the program changes the bytes
 *   4. commit: the end moves back to 0, after what was changed is durable
 *
 * Rolling back leaves the end where it is until all is put back, so it can be
 * killed and begun anew.
 *
 * Unmapping: a slot says which regions its transaction uses, then looks whether
 * one is being closed; who unmaps says that it is being closed, then looks
 * whether a slot uses it. Both are sequentially consistent, so that one of them
 * sees the other.
 */
#ifndef LC_RVM_VISTA_H
#define LC_RVM_VISTA_H

#include "rvm-internal.h"

#include <endian.h>

/* commit-vista(5): the undo log */
#define LC_UNDO_HEAD ((size_t)4096)
#define LC_UNDO_ROOM ((uint64_t)65536)
#define LC_UNDO_RECORD ((size_t)32)
/* Bytes of one record; a longer range is several. */
#define LC_UNDO_PIECE ((size_t)1 << 20)
enum {
	LC_UNDO_AT_CHECK = 0,
	LC_UNDO_AT_SEGMENT = 8,
	LC_UNDO_AT_LENGTH = 12,
	LC_UNDO_AT_OFFSET = 16,
	LC_UNDO_AT_PREVIOUS = 24
};

/* One undo log in memory. */
struct lc_undo {
	/* the mapping: a header, then room bytes of records */
	unsigned char *bytes;
	uint64_t room;
	uint64_t salt;
	/* of records; of the last one of them */
	uint64_t end;
	uint64_t last;
	int persistent;
};

/* A record, taken apart. */
struct lc_undo_record {
	uint32_t segment;
	uint32_t length;
	uint64_t offset;
	uint64_t previous;
	const unsigned char *old;
};

/* Regions that a transaction uses and that need no mutex; more are counted in pins. */
#define LC_VISTA_USED 4

struct lc_vista_slot {
	struct commit_rvm_xact xact;
	struct lc_vista_slot *next;
	uint32_t number;
	int fd;
	struct lc_undo undo;
	_Atomic int busy;
	_Atomic(struct lc_rvm_region *) used[LC_VISTA_USED];
	unsigned used_count;
	/* the last one of the transaction before */
	struct lc_rvm_region *hint;
	struct lc_rvm_region **pinned;
	size_t pinned_count;
	size_t pinned_room;
	/* changed by who has the slot, read by anybody */
	_Atomic uint64_t commits;
	_Atomic uint64_t aborts;
	_Atomic uint64_t bytes;
};

struct lc_vista {
	/* no other one has had it: threads remember slots by it */
	uint64_t serial;
	/* with the mutex; slots are only added */
	struct lc_vista_slot *slots;
	uint32_t count;
	/* something is mapped that does not survive a crash of the system, and a file says so */
	int is_volatile;
};

/* rvm-undo.c */
/* The end as it stands in the log: it proves that it belongs there. */
uint64_t lc_undo_end_word(uint64_t salt, uint64_t end);
/* 1 and *end, if it is one. */
int lc_undo_end_of(uint64_t salt, uint64_t word, uint64_t *end);
/* An empty log's header; check it against the file's inode: -EBADMSG, -EPROTONOSUPPORT. */
void lc_undo_begin(struct lc_undo *undo, uint64_t salt, uint64_t inode);
int lc_undo_open(struct lc_undo *undo, uint64_t inode);
size_t lc_undo_size(size_t length);
/* There is room for it. It is durable, where memory is, when this returns. */
void lc_undo_put(struct lc_undo *undo, uint32_t segment, uint64_t offset, const unsigned char *old,
                 uint32_t length);
/* Everything from end on counts no more. last is the record before it. */
void lc_undo_cut(struct lc_undo *undo, uint64_t end, uint64_t last);
/* The record at that position, which is before the end. -EBADMSG: it is none. */
int lc_undo_get(const struct lc_undo *undo, uint64_t at, struct lc_undo_record *record);

/* rvm-vista.c */
int lc_vista_begin(struct commit_rvm *rvm, enum commit_rvm_begin mode,
                   struct commit_rvm_xact **xact, struct commit_error *err);
int lc_vista_set_range(struct commit_rvm_xact *xact, unsigned char *start, size_t length,
                       struct commit_error *err);
int lc_vista_end(struct commit_rvm_xact *xact);
int lc_vista_abort(struct commit_rvm_xact *xact);
/* With the mutex held: an open transaction has a range in it. If none has, none can any more. */
int lc_vista_uses(struct commit_rvm *rvm, struct lc_rvm_region *region);
void lc_vista_statistics(struct commit_rvm *rvm, struct commit_rvm_statistics *statistics);

/* rvm-vista-files.c */
/* dirfd becomes an empty log of this mode. -EEXIST: it is a log already. */
int lc_vista_create(int dirfd);
/* 0: it is one; -ENOENT: it is not. */
int lc_vista_is(int dirfd);
/* With the mutex held: an undo log, not busy. */
int lc_vista_make_slot(struct commit_rvm *rvm, struct lc_vista_slot **slot);
/* Room for so many bytes more. */
int lc_vista_grow(struct commit_rvm *rvm, struct lc_vista_slot *slot, uint64_t bytes);
/* What a segment's number means, before there are records of it. */
int lc_vista_define(struct commit_rvm *rvm, const struct lc_rvm_segment *segment);
/* Before it is used: this memory does not survive a crash of the system. */
int lc_vista_note_volatile(struct commit_rvm *rvm);
/* The boot in which that was said: 1 and *boot, 0: it was not. */
int lc_vista_was_volatile(int dirfd, uint32_t *boot);
/* The payload of a file of ours, the caller frees it. */
int lc_vista_read(int dirfd, const char *name, uint32_t type, unsigned char **payload,
                  uint32_t *length);
/* Calls visit with the number of each undo log. */
int lc_vista_each(int dirfd, int (*visit)(void *context, uint32_t number), void *context);
int lc_vista_open_undo(int dirfd, uint32_t number, struct lc_undo *undo, size_t *size);
int lc_vista_read_segment(struct lc_rvm_files *files, int dirfd, uint32_t number);
/* Undo logs, numbers, and what is half made; durably. */
int lc_vista_sweep(int dirfd);
/* All segments are on their devices. */
int lc_vista_sync(struct commit_rvm *rvm);
void lc_vista_free(struct commit_rvm *rvm);

/* rvm-vista-recover.c */
/* As lc_rvm_recover; -ENOTRECOVERABLE: memory has not survived, as far as is known. */
int lc_vista_start(struct commit_rvm *rvm, const char **why, char path[PATH_MAX]);

#endif
