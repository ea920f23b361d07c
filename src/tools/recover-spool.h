/* SPDX-License-Identifier: ISC */
/*
 * recover-spool.h - what a run has found, kept for the page that is written at its end
 *
 * Calling sequence
 *
 *     rc = recover_spool_open(&spool, &err);
 *     recover_spool_finding(spool, finding);
 *     rc = recover_spool_read(spool, &records, &err);
 *     for (at = records.first; at != NULL; at = recover_spool_next(&records, at))
 *         ...
 *     recover_spool_release(&records);
 *
 * It is a file in memory, so that a child that has become another user adds to
 * the same one. What such a child has written is looked at before it is believed.
 */
#ifndef RECOVER_SPOOL_H
#define RECOVER_SPOOL_H

#include <commit.h>

#include <stddef.h>

enum recover_spool_kind {
	RECOVER_SPOOL_FINDING, /* strings: path, target, reason */
	RECOVER_SPOOL_TROUBLE, /* of a run; strings: path, operation, text */
	RECOVER_SPOOL_STORE,   /* strings: root, why its history cannot be read or "" */
	RECOVER_SPOOL_COMMIT   /* of the store before it */
};

enum { RECOVER_SPOOL_STRINGS = 3 };

struct recover_spool_record {
	size_t size; /* with its strings */
	enum recover_spool_kind kind;
	union {
		struct commit_finding finding; /* its pointers mean nothing: strings */
		struct commit_txn_info commit;
		int errnum; /* of trouble */
	} what;
	/* after this, each with its zero */
	size_t lengths[RECOVER_SPOOL_STRINGS];
};

struct recover_spool_records {
	struct recover_spool_record *first; /* NULL: there are none */
	size_t size;
};

/* *spool is a descriptor. Errors: COMMIT_EFAILED. */
int recover_spool_open(int *spool, struct commit_error *err);

/*
 * Each adds a record, and does nothing if spool is -1. Whether all could be added is
 * told by recover_spool_check, in the process that has added them, and recover_spool_read.
 */
void recover_spool_finding(int spool, const struct commit_finding *finding);
void recover_spool_trouble(int spool, const struct commit_error *err);
/* The store at root and its history, as it can be read now. */
void recover_spool_store(int spool, const char *root);

/* Where the next record goes; and back there, for what a child that died has left. */
off_t recover_spool_tell(int spool);
void recover_spool_cut(int spool, off_t end);

/* Errors: COMMIT_EFAILED: without memory, something is missing. */
int recover_spool_check(struct commit_error *err);
int recover_spool_read(int spool, struct recover_spool_records *records, struct commit_error *err);
void recover_spool_release(struct recover_spool_records *records);

/* The record after it, or NULL. */
const struct recover_spool_record *recover_spool_next(const struct recover_spool_records *records,
                                                      const struct recover_spool_record *record);
const char *recover_spool_string(const struct recover_spool_record *record, int index);

#endif
