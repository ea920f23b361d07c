/* SPDX-License-Identifier: ISC */
/* commit.h - everything libcommit offers; see libcommit(3) and libcommit(7) */
#ifndef COMMIT_H
#define COMMIT_H

#include <commit_error.h>
#include <commit_heap.h>
#include <commit_range.h>
#include <commit_recover.h>
#include <commit_rvm.h>
#include <commit_save.h>
#include <commit_triple.h>
#include <commit_txn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs, such as "0.1.0"; static. */
COMMIT_API const char *commit_version(void);

#ifdef __cplusplus
}
#endif

#endif
