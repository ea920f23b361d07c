/* SPDX-License-Identifier: ISC */
/*
 * reader.h - the entries of an archive, or of a directory, one after the other
 *
 * Calling sequence
 *
 *     rc = reader_open_archive(&reader, "a.tar.gz", cancel_fd, &err);
 *     while (rc == 0 && (rc = reader_next(reader, &entry, &err)) == 1)
 *         rc = ... reader_read(reader, buffer, size, &err) ...
 *     reader_close(reader);
 *
 * All formats and filters of libarchive but mtree, which has no content. Names
 * and targets are as the archive has them: nothing in them is to be trusted.
 * Content is read before the next call of reader_next, or not at all. One thread at
 * a time.
 */
#ifndef ARCHIVE_READER_H
#define ARCHIVE_READER_H

#include <commit_error.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct reader;

enum reader_kind {
	READER_FILE,
	READER_DIRECTORY,
	READER_SYMLINK,
	READER_HARDLINK,
	READER_OTHER /* a device, a fifo, a socket */
};

/* Valid until the next call of reader_next. */
struct reader_entry {
	const char *path;
	enum reader_kind kind;
	/* of a link: what it leads to */
	const char *target;
	/* with the mask of an ACL where the group's bits are */
	mode_t mode;
	/* by name where the name is known here */
	uid_t uid;
	gid_t gid;
	/* -1: not known before it has been read; a hard link may have content too */
	int64_t size;
	/* it has holes; reader_extract keeps them */
	bool sparse;
	/* the file itself, if what is read is a directory; else NULL */
	const char *source;
};

/*
 * name "-" is standard input. Errors: COMMIT_EFAILED (cannot be read, no
 * libarchive), COMMIT_EREFUSED (no archive), COMMIT_ECANCELED (cancel_fd is readable).
 */
int reader_open_archive(struct reader **opened, const char *name, int cancel_fd,
                        struct commit_error *err);

/* All below a directory, itself included as "."; no name ".commit" or ".commit-stage-...". */
int reader_open_tree(struct reader **opened, const char *directory, struct commit_error *err);

/*
 * Returns 1 with *entry, 0 at the proper end, or a code. Errors: COMMIT_EREFUSED
 * (damaged, encrypted, cut off, nothing in it), COMMIT_EFAILED, COMMIT_ECANCELED.
 */
int reader_next(struct reader *reader, struct reader_entry *entry, struct commit_error *err);

/* Up to size bytes of the entry's content, 0 at its end, or a code as above. */
ssize_t reader_read(struct reader *reader, void *buffer, size_t size, struct commit_error *err);

/* All of the entry's content into an empty file, with its holes. */
int reader_extract(struct reader *reader, int fd, struct commit_error *err);

/*
 * Calls found for each extended attribute of the entry, ACLs included, until a
 * call does not return 0; returns what it returned.
 */
int reader_attributes(struct reader *reader,
                      int (*found)(void *context, const char *name, const void *value,
                                   size_t length),
                      void *context);

void reader_close(struct reader *reader);

#endif
