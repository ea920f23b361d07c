/* SPDX-License-Identifier: ISC */
/* input.h - standard input, cut into records, until a signal comes */
#ifndef INPUT_H
#define INPUT_H

#include <commit_error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Standard input, in records that end with one byte. The caller frees bytes. */
struct input {
	char *bytes;
	size_t size;
	/* what has been read and not been used begins at start */
	size_t start;
	size_t end;
	char terminator;
	/* how many there were */
	uint64_t number;
	bool ended;
};

/* Until there is something to read: 0, or a code: COMMIT_ECANCELED for a signal. */
int input_await(struct commit_error *err);

/*
 * The next record, its terminator replaced by a zero byte; valid until the next
 * call. NULL at the end, with *rc 0, or a code.
 */
char *input_next(struct input *input, size_t *length, int *rc, struct commit_error *err);

#endif
