/* SPDX-License-Identifier: ISC */
/*
 * tree.h - a small tree with a store that an input has filled
 *
 *     outside/secret     nothing of this may ever change
 *     tree/              a, b, d/x, d/e/, link -> ../outside
 *     tree/.commit/      format, lock, log/, stage/ID/{info,ops,in-0,in-1,in-2,in-3}
 *
 * Inputs name paths and versions of files by their number in fuzz_tree_paths,
 * because inodes are other ones each time.
 */
#ifndef TREE_H
#define TREE_H

#include "fuzz.h"

#include "change.h"

#define FUZZ_ID "11112222-33334444"
#define FUZZ_NUMBER UINT64_C(0x1111222233334444)
#define FUZZ_ID_2 "11112222-33334445"
#define FUZZ_KEPT ".commit/history/" FUZZ_ID_2
#define FUZZ_STAGE ".commit/stage/" FUZZ_ID

/* The first FUZZ_OBJECTS of them are there. */
enum { FUZZ_OBJECTS = 10, FUZZ_PATHS = 22, FUZZ_NO_VERSION = FUZZ_OBJECTS };
extern const char *const fuzz_tree_paths[FUZZ_PATHS];

/* The tree without a store, and all but what the input is about. */
void fuzz_tree_make(void);
/* Its store's format file, as it must be. */
void fuzz_tree_format(void);

/* u8: number of a path, or from FUZZ_PATHS on u8 length and text. To be freed. */
char *fuzz_tree_path(struct fuzz_input *in);
/* u8: number of an object, FUZZ_NO_VERSION, or one more and a changed field. */
void fuzz_tree_version(struct fuzz_input *in, struct lc_identity *identity);
/*
 * One change without its type: path, place, before, after, u16 mode, u8 user,
 * u8 group, u8 length and attribute, u8 length and value. To be released.
 */
void fuzz_tree_change(struct fuzz_input *in, enum lc_change_type type, struct lc_change *change);

#endif
