/* SPDX-License-Identifier: ISC */
/* human.h - sizes, ages, times and users as people read them */
#ifndef HUMAN_H
#define HUMAN_H

#include <stdint.h>
#include <sys/types.h>

/* Room for any of them. */
enum { HUMAN_SIZE = 256 };

/* Each writes to text and returns it. */

/* "512 bytes", "1.4 MiB", "20 GiB" */
const char *human_bytes(uint64_t bytes, char text[HUMAN_SIZE]);

/* "3m", "12h", "7d": the largest unit that leaves at least two of it. */
const char *human_age(int64_t seconds, char text[HUMAN_SIZE]);

/* 2026-01-31T23:59:59Z; "-" for what is no time. */
const char *human_time(int64_t seconds, char text[HUMAN_SIZE]);

/* A name if there is one, else the number. */
const char *human_user(uid_t user, char text[HUMAN_SIZE]);

#endif
