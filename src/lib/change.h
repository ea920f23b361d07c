/* SPDX-License-Identifier: ISC */
/*
 * change.h - one step of publishing, as it stands in the log
 *
 * A commit is a list of such steps, each of which can be repeated, because it
 * names by inode what it moves and what it expects. The layout stands in
 * commit-store(5). Decoding bounds every length: a log may be a stranger's.
 */
#ifndef LC_CHANGE_H
#define LC_CHANGE_H

#include "digest.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Types of log records (see enum lc_log_type). */
enum lc_change_type {
	/* what stands at path goes to place: removed, or on its way elsewhere */
	LC_CHANGE_TAKE = 16,
	/* what stands at place goes to path; what stood there goes to place */
	LC_CHANGE_PUT = 17,
	/*
	 * mode, owner or an attribute of what stands at path; with a place, of what
	 * stood there before the steps that take it to that place
	 */
	LC_CHANGE_META = 18,
	/*
	 * New content of a regular file that is not staged yet: value. path: the
	 * place that it will be staged at; place: the file whose metadata it gets,
	 * or "": then it gets mode.
	 */
	LC_CHANGE_CONTENT = 19,
	/* path: such a place; after: the object that is durable there now */
	LC_CHANGE_STAGED = 21,
	/*
	 * Another mount than the root's that the commit touches: path is its
	 * topmost directory in the tree ("": the root), whose inode is in before;
	 * value is its file system's id; place is the stage on it. No step.
	 */
	LC_CHANGE_MOUNT = 22,
	/*
	 * mode, owner or an attribute of what stands at path, as it was before; the
	 * first byte of the value is 0 if there was no such attribute. Not a step
	 */
	LC_CHANGE_WAS = 23,
	/* an attribute of what stands at path goes */
	LC_CHANGE_UNSET = 24,
	/*
	 * a range of what stands at path, which keeps its inode, gets other content:
	 * struct lc_patch is in value; place: the staged object that has both contents
	 */
	LC_CHANGE_PATCH = 25,
	/*
	 * Operations of an open transaction, in the file of its stage: before is
	 * what was seen on disk at path, and they are made again when the
	 * transaction is resumed.
	 */
	LC_OPERATION_PUT = 32, /* place: the staged object, after: its identity */
	LC_OPERATION_REMOVE = 33,
	LC_OPERATION_MOVE = 34, /* place: the new path, after: what was seen there */
	LC_OPERATION_META = 35,
	LC_OPERATION_PATCH = 36 /* as LC_CHANGE_PATCH */
};

/* What a version of a file is known by; our own renames leave all of it alone. */
struct lc_identity {
	uint64_t inode;
	/* type and permissions; 0: nothing stands there */
	uint32_t mode;
	uint32_t nanoseconds;
	uint64_t size;
	int64_t seconds;
};

struct lc_change {
	enum lc_change_type type;
	/* relative to the root, see beneath.h */
	char *path;
	/* TAKE, PUT and PATCH: where the object waits, relative to the root */
	char *place;
	/*
	 * PUT: what is expected at path before; TAKE: what is taken; META: with a
	 * mode, the modification time to set; PATCH: the file as it was found
	 */
	struct lc_identity before;
	/*
	 * PUT: what will stand at path; META: what stands there; TAKE: the same as
	 * before if it will be put at another path, nothing if it is removed; PATCH:
	 * the file with the size that it will have
	 */
	struct lc_identity after;
	/* META: (uint32_t)-1 leaves alone; attribute NULL: none */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	char *attribute;
	unsigned char *value;
	uint32_t value_length;
	/* META in a view: their order; not in the log */
	unsigned turn;
	/* PATCH: whoever publishes has locked the file before; not in the log */
	int held;
};

/* Bits of lc_patch.flags */
#define LC_PATCH_BACK 1u /* it takes back one that may have been cut short */

/*
 * A range that gets other content. Old content ends where the file ended. Both
 * lie in one object of total bytes, of which digest is.
 */
struct lc_patch {
	uint32_t flags;
	uint64_t offset;
	uint64_t new_at;
	uint64_t new_length;
	uint64_t old_at;
	uint64_t old_length;
	uint64_t total;
	struct lc_digest digest;
};

void lc_identity_of(const struct stat *st, struct lc_identity *identity);
/* The same version: of a file or link also its size and mtime, else its inode and type. */
int lc_identity_same(const struct lc_identity *a, const struct lc_identity *b);

/* It changes something, and is not just what the steps have to know. */
int lc_change_is_step(const struct lc_change *change);
/* A step that changes metadata. */
int lc_change_is_meta(const struct lc_change *change);

/* It edits content in place: a step or an operation. */
int lc_change_is_patch(const struct lc_change *change);
/* The bytes that a patch is about: as many as the longer of its contents has. */
uint64_t lc_patch_span(const struct lc_patch *patch);
/* Allocates the value of the change. 0 or -ENOMEM. */
int lc_change_set_patch(struct lc_change *change, const struct lc_patch *patch);
/* 0, or -EBADMSG: it makes no sense, as one that was decoded never does. */
int lc_change_get_patch(const struct lc_change *change, struct lc_patch *patch);

/* Allocates *payload. 0 or -ENOMEM. */
int lc_change_encode(const struct lc_change *change, unsigned char **payload, uint32_t *length);
/* 0, -EBADMSG, or -ENOMEM. The change is released by lc_change_release. */
int lc_change_decode(uint32_t type, const unsigned char *payload, uint32_t length,
                     struct lc_change *change);
void lc_change_release(struct lc_change *change);

/* A growing list of changes; initialise with zeros. */
struct lc_change_list {
	struct lc_change *items;
	size_t count;
	size_t room;
};

/* Takes over what change holds, also on failure. 0 or -ENOMEM. */
int lc_change_list_add(struct lc_change_list *list, struct lc_change *change);
void lc_change_list_release(struct lc_change_list *list);

#endif
