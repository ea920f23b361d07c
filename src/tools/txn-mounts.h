/* SPDX-License-Identifier: ISC */
/* txn-mounts.h - mounting a view, in a process that is about to become the validator */
#ifndef TXN_MOUNTS_H
#define TXN_MOUNTS_H

#include <commit_error.h>

#include <stdbool.h>

/*
 * Mount namespace of our own, from which nothing gets out; as another user than
 * root with a user namespace. COMMIT_EFAILED.
 */
int txn_mounts_enter(struct commit_error *err);

/* A file system in memory on path. */
int txn_mounts_memory(const char *path, struct commit_error *err);

/*
 * On the directory view: the tree root, over it top, both also with ',' or ':'
 * in their names; what is mounted below root is there too. Read-only.
 */
int txn_mounts_overlay(const char *view, const char *top, const char *root,
                       struct commit_error *err);

/* Shows from at to as well, with what is mounted below; read_only: from itself. */
int txn_mounts_bind(const char *from, const char *to, bool read_only, struct commit_error *err);

/* Tries all of it on an empty directory. */
int txn_mounts_try(const char *directory, struct commit_error *err);

#endif
