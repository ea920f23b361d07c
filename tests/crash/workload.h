/* SPDX-License-Identifier: ISC */
/*
 * workload.h - for the files that hold workloads
 *
 * Such a file fills one table, which ends with an entry without name, and is
 * named in table.c. Steps are run by sh in the root of the file system, with
 *
 *     text CHARACTER COUNT    that many of the character on standard output
 *     $SCRATCH                a directory that is not on the recorded disk
 */
#ifndef CRASH_WORKLOAD_H
#define CRASH_WORKLOAD_H

#include "crash.h"

extern const struct workload save_workloads[];
extern const struct workload txn_workloads[];
extern const struct workload recovery_workloads[];
extern const struct workload triple_workloads[];

#endif
