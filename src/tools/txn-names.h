/* SPDX-License-Identifier: ISC */
/* txn-names.h - the names that an archive has had so far */
#ifndef TXN_NAMES_H
#define TXN_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum txn_name_kind { TXN_NAME_FILE, TXN_NAME_DIRECTORY, TXN_NAME_SYMLINK };

struct txn_name {
	enum txn_name_kind kind;
	/* a directory that a name below it needs; its own entry may still come */
	bool implied;
	/* the mode a directory gets in the end */
	bool has_mode;
	mode_t mode;
	/* of a file: content has come; other names of it; the first of them */
	bool filled;
	struct txn_name *next_link;
	struct txn_name *first;
	char path[];
};

struct txn_names {
	struct txn_name **slots;
	size_t size;
	size_t count;
};

/* NULL if it is not there. */
struct txn_name *txn_names_find(const struct txn_names *names, const char *path);

/* A new one, which must not be there yet; NULL: out of memory. Stays where it is. */
struct txn_name *txn_names_add(struct txn_names *names, const char *path, enum txn_name_kind kind);

void txn_names_release(struct txn_names *names);

#endif
