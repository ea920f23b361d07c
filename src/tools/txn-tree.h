/* SPDX-License-Identifier: ISC */
/*
 * txn-tree.h - copies of files and trees for a validator to look at
 *
 * Nothing is flushed, and nothing here ever writes below a root: these are
 * trees that are thrown away. Paths are relative to directory descriptors;
 * symbolic links are copied, never followed. Each returns 0, or -1 with errno.
 */
#ifndef TXN_TREE_H
#define TXN_TREE_H

#include <stdbool.h>

/* A file, a link, or an empty directory, with its owner, attributes and mode. */
int txn_tree_copy_one(int from_dir, const char *from, int to_dir, const char *to);

/* The same with all that is below a directory, but for names in it that are ".commit" or a stage's.
 */
int txn_tree_copy(int from_dir, const char *from, int to_dir, const char *to);

/* Removes it with all that is below; no error if there is nothing. */
int txn_tree_remove(int dir, const char *path);

/* Owner and mode of a directory that is there already. */
int txn_tree_copy_directory_mode(int from_dir, const char *from, int to_dir, const char *to);

/*
 * Calls found for each name in a directory but "." and "..", until one call
 * does not return 0; returns what it returned.
 */
int txn_tree_names(int dir, const char *path, int (*found)(void *context, const char *name),
                   void *context);

bool txn_tree_is_directory(int dir, const char *path);

#endif
