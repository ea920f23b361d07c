/* SPDX-License-Identifier: ISC */
/*
 * triple.c - workloads of commit-triple, with copies on one disk and on three
 *
 * $SCRATCH/answer is what a reader is to see after a step.
 */
#include "workload.h"

#define SET "a/s b/s c/s"
#define READ "commit-triple read -q " SET
#define CHECK "commit-triple check -q " SET
#define WRITE(character, count)                                                                    \
	"text " character " " count " >\"$SCRATCH/answer\"; "                                      \
	"commit-triple write -q --from=\"$SCRATCH/answer\" " SET
/* Reading back past the cache writes out what is dirty, and hides a flush too few. */
#define UNREAD(character, count) WRITE(character, count) " --no-reread"
#define BEFORE "mkdir -p a b c; text k 700 >keep; " WRITE("o", "5000")

/* A byte of a copy, its time stays. */
#define ROTS(copy, at)                                                                             \
	"; stamp=$(stat -c %y " copy "); printf '#' | dd of=" copy " bs=1 seek=" at                \
	" conv=notrunc status=none; touch -d \"$stamp\" " copy
/* Sidecars are published and A is: the write has happened, and nobody has been told. */
#define KILLED(call)                                                                               \
	"; text n 9000 >\"$SCRATCH/answer\"; COMMIT_FAULT=" call                                   \
	":kill:rename \"$CRASH_FAULT_BIN\"/commit-triple write -q "                                \
	"--from=\"$SCRATCH/answer\" " SET "; test $? -gt 128"

/* 70000 bytes are two blocks. */
#define WRITES                                                                                     \
	.promise = PROMISE_ALL, .before = BEFORE,                                                  \
	.steps = {WRITE("b", "9000"), UNREAD("c", "300"), UNREAD("d", "70000"), WRITE("e", "60")}, \
	.read = READ, .settled = CHECK
/* B and C are bad in different blocks; A in the last, which only B and C have then. */
#define REPAIRS                                                                                    \
	.promise = PROMISE_EACH,                                                                   \
	.before = BEFORE "; " WRITE("r", "140000") ROTS("b/s", "100") ROTS("c/s", "70000")         \
	        ROTS("a/s", "139000"),                                                             \
	.steps = {"commit-triple repair -q --repaired-ok " SET}, .read = READ, .settled = CHECK
#define RECOVERS(call)                                                                             \
	.promise = PROMISE_FINISHED, .before = BEFORE KILLED(call),                                \
	.steps = {"commit-recover -r . || test $? = 10"}, .read = READ, .settled = CHECK

const struct workload triple_workloads[] = {
        {.name = "triple-write", .about = "four writes, copies on one disk", WRITES},
        {.name = "triple-write-3",
         .about = "four writes, each copy on its disk",
         .disks = 3,
         WRITES},
        {.name = "triple-repair", .about = "a block of each copy rots, and is repaired", REPAIRS},
        {.name = "triple-repair-3",
         .about = "the same, each copy on its disk",
         .disks = 3,
         REPAIRS},
        {.name = "triple-recover",
         .about = "recovery of a write that was killed at B",
         RECOVERS("5")},
        {.name = "triple-recover-3",
         .about = "the same, each copy on its disk, killed at C",
         .disks = 3,
         RECOVERS("6")},
        {.name = NULL},
};
