/* SPDX-License-Identifier: ISC */
/*
 * recoverer.h - what a worker asks its recoverer, one packet each way on a socket
 *
 * The answer to a request is an int: the exit status as run() returns it.
 */
#ifndef CRASH_RECOVERER_H
#define CRASH_RECOVERER_H

enum { REQUEST_TEXT = 200, REQUEST_VARIABLES = 3 };

struct recoverer_request {
	char path[REQUEST_TEXT];   /* the tree to recover */
	char output[REQUEST_TEXT]; /* file for what the tool says */
	/* NAME=VALUE for the fault seam; "": none */
	char variables[REQUEST_VARIABLES][REQUEST_TEXT];
};

#endif
