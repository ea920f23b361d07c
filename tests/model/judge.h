/* SPDX-License-Identifier: ISC */
/*
 * judge.h - every crash point of a program: draw disks, recover, compare
 *
 * A state is a disk that was drawn, told from others by a digest of all that is on
 * it and of the promise that is held against it; it is judged once.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "draw.h"
#include "program.h"

struct counts {
	uint64_t programs, steps, points;
	uint64_t drawn;   /* disks drawn from a program's trace, or a recovery's */
	uint64_t states;  /* of these, not seen before: judged */
	uint64_t second;  /* of the states, those of a crash inside recovery */
	uint64_t kills;   /* processes that died, and the kernel lived on */
	uint64_t repairs; /* states in which recovery had something to do */
	uint64_t family[FAMILIES];
	uint64_t violations;
};

/* One crash: after that many effects, that draw; and in the recovery of it another. */
enum { DRAW_KILLED = 1000 };

struct cut {
	size_t point;
	unsigned draw;
	int is_second;
	size_t second_point;
	unsigned second_draw;
};

enum { REASON_MAX = 300 };

struct judge {
	enum order order;
	unsigned draws;        /* at each point, at most */
	unsigned second_draws; /* at each point inside recovery; every second_every-th state */
	unsigned second_every;
	unsigned kill_every; /* points at which the process is killed, too */
	/* only this one; NULL: all */
	const struct cut *only;
	/* everything is told */
	int verbose;
	/* states that were seen are judged again */
	int fresh;
	struct counts *counts;
	/* the first violation, if there was one */
	int found;
	struct cut cut;
	char why[600];
	char reason[REASON_MAX];
};

void judge_program(struct judge *judge, const struct program *program);

#endif
