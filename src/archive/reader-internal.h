/* SPDX-License-Identifier: ISC */
/* reader-internal.h - what reader.c and reader-open.c have in common */
#ifndef ARCHIVE_READER_INTERNAL_H
#define ARCHIVE_READER_INTERNAL_H

#include "calls.h"
#include "reader.h"

enum { READER_BLOCK = 128 * 1024, READER_NAME_MAX = 64 };

/* A name and its number, so that a thousand files of one user ask once. */
struct reader_known {
	char name[READER_NAME_MAX];
	uint32_t id;
};

struct reader {
	const struct archive_calls *la;
	struct archive *archive;
	struct archive_entry *entry;
	/* what the archive's name is in messages, and the current entry's */
	char *name;
	char *current;
	/* the archive, or -1 for a directory */
	int fd;
	int cancel_fd;
	/* bytes in block that libarchive has not had yet */
	ssize_t ahead;
	/* why the last block could not be read, 0 if it could */
	int errnum;
	char block[READER_BLOCK];
	/* bytes that entries had taken when the last one was done with */
	int64_t used;
	uint64_t entries;
	/* the block of content that is being read, and how far we are in it */
	const char *bytes;
	size_t length;
	int64_t offset;
	int64_t position;
	struct reader_known user;
	struct reader_known group;
	/* of a directory: which files are names of one */
	struct archive_entry_linkresolver *links;
};

/* Fills in *err and returns code. */
int reader_fail(struct commit_error *err, int code, int errnum, const char *path,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What libarchive says, for the entry that it came to. */
int reader_fail_archive(const struct reader *reader, struct commit_error *err);

#endif
