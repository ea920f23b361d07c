/* SPDX-License-Identifier: ISC */
/*
 * parse.h - values of options
 *
 * Each takes the option's name for the message, returns 0, or COMMIT_EUSAGE
 * after having said what is wrong with the value. Results are written on
 * success only.
 */
#ifndef PARSE_H
#define PARSE_H

#include <commit_txn.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct parse_word {
	const char *word;
	int value;
};

/* One word of a list that ends with { NULL, 0 }. */
int parse_choice(const char *option, const char *value, const struct parse_word *words,
                 int *choice);

/* Words separated by commas; their values are or-ed together. */
int parse_set(const char *option, const char *value, const struct parse_word *words, unsigned *set);

/* An exit status: 0 to 255. */
int parse_status(const char *option, const char *value, int *status);

/* Statuses and ranges of them: 1,3-5. Sets their elements in accepted[256]. */
int parse_statuses(const char *option, const char *value, bool *accepted);

/* Seconds with an optional fraction, as milliseconds. */
int parse_seconds(const char *option, const char *value, int64_t *milliseconds);

/* 90s, 10m, 12h, 7d, 2w, or bare seconds. */
int parse_age(const char *option, const char *value, int64_t *seconds);

/* Bytes: decimal or 0x..., with an optional unit K, M, G, T (KiB ...) of 1024; at most 2^63 - 1. */
int parse_bytes(const char *option, const char *value, uint64_t *bytes);
/* The same, silently: false if it is none. */
bool parse_offset(const char *value, uint64_t *bytes);
/* The same, but not 0. */
int parse_size(const char *option, const char *value, uint64_t *bytes);

/* How much is kept: so many (10), so long (12h, 7d), or so much (500K, 100M, 2G). */
struct parse_bound {
	enum commit_bound unit; /* COMMIT_BOUND_SAME: not given */
	uint64_t amount;
};
int parse_bound(const char *option, const char *value, struct parse_bound *bound);

/*
 * An octal mode, or clauses [ugoa]*[-+=][rwxst]* separated by commas, as
 * new = (old & mode_and) | mode_or. Without ugoa the umask is respected, as
 * chmod does.
 */
int parse_mode(const char *option, const char *value, mode_t *mode_and, mode_t *mode_or);

/* USER, USER:GROUP, USER: (the user's login group) or :GROUP; names or numbers. */
int parse_owner(const char *option, const char *value, uid_t *owner, gid_t *group);

#endif
