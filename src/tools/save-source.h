/* SPDX-License-Identifier: ISC */
/*
 * save-source.h - where the content of a save or a write comes from
 *
 * Calling sequence: source_open, commit_save_open, source_fill,
 * commit_save_finish, source_close.
 */
#ifndef SAVE_SOURCE_H
#define SAVE_SOURCE_H

#include <commit_error.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What was asked for: SRC, else a command, else standard input. */
struct source_wish {
	const char *from;
	char **command;
	/* statuses of the command that count as success apart from 0; NULL: none */
	const bool *accepted;
	/* what the content is for, in messages */
	const char *file;
};

/* Where it goes. */
struct source_sink {
	int (*splice)(void *to, int fd, uint64_t *copied, struct commit_error *err);
	int (*write)(void *to, const void *bytes, size_t length, struct commit_error *err);
	void *to;
};

struct source {
	struct source_wish wish;
	/* SRC or standard input; -1 for a command */
	int fd;
	/* fd is ours to close */
	bool opened;
	struct stat st;
};

/*
 * Opens SRC without waiting for anything. A regular SRC lends its permission
 * bits to a FILE that does not exist yet: *create_mode is set then.
 * Errors: COMMIT_EFAILED, in particular EISDIR and a closed standard input.
 */
int source_open(struct source *source, const struct source_wish *wish, mode_t *create_mode,
                struct commit_error *err);

/* All of the content can be read at once: a small regular file, but not to be cloned. */
bool source_is_brief(const struct source *source);

/*
 * All of the content into the sink; *copied gets its size. A command is run, and
 * has ended with an accepted status when this returns 0.
 * Errors: COMMIT_EREFUSED (the command failed), those of the sink.
 */
int source_fill(struct source *source, const struct source_sink *sink, uint64_t *copied,
                struct commit_error *err);

/* Keeps errno; may be called in any state after source_open. */
/* Bytes that there are, as far as that is known beforehand; else 0. */
uint64_t source_size(const struct source *source);

void source_close(struct source *source);

#endif
