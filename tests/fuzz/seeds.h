/* SPDX-License-Identifier: ISC */
/* seeds.h - what the parts of the generator share */
#ifndef SEEDS_H
#define SEEDS_H

#include "fuzz.h"

/* A new file for that target, to be closed. */
FILE *seed_open(const char *target);
void seed_bytes(const char *target, const void *bytes, size_t length);
void seed_le(FILE *out, uint64_t value, size_t bytes);

/* seeds-log.c: logs, segments, records, journals that the library has made */
void seeds_log(void);
void seeds_journal(void);
/* seeds-store.c: stores and changes */
void seeds_store(void);
/* seeds-text.c: names, tokens, scripts, values, paths */
void seeds_text(void);
/* seeds-archive.c */
void seeds_archive(void);

#endif
