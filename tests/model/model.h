/* SPDX-License-Identifier: ISC */
/*
 * model.h - libcommit over a file system that is a model of POSIX persistence
 *
 * machine   one running kernel: the tree as processes see it (volatile), open
 *           files, locks, a clock, random numbers, all of them made from a seed
 * trace     what the machine did that matters to a disk, in order
 * draw      from a disk and a trace: a disk that a power cut may have left
 * program   what is done to the tree, random
 * judge     recovery on such a disk, and whether the promise was kept
 *
 * Nodes and pages are counted and copied when written, so a disk costs little
 * to copy, and digests of what has not changed stay known. One thread.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

enum { PAGE_SIZE = 4096, SECTOR = 512, NODES_MAX = 1024, XATTRS_MAX = 4, VALUE_MAX = 64 };
enum { NODE_ROOT = 1, NODE_BOOT = 2, UMASK = 022 };

/* --- node.c: what a disk holds ------------------------------------------- */

struct page {
	unsigned refs;
	int digested;
	uint64_t digest;
	unsigned char bytes[PAGE_SIZE];
};

struct xattr {
	const char *name;
	size_t length;
	unsigned char value[VALUE_MAX];
};

struct attributes {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec atime, mtime;
	unsigned xattr_count;
	struct xattr xattrs[XATTRS_MAX];
};

/* name is interned: equal names are one pointer */
struct entry {
	const char *name;
	unsigned node;
};

struct node {
	unsigned refs;
	int digested;
	uint64_t digest;
	struct attributes at;
	struct timespec ctime;
	unsigned nlink;
	off_t size;
	/* of a file; NULL: zeros */
	unsigned page_count, page_room;
	struct page **pages;
	/* of a directory */
	unsigned entry_count, entry_room;
	struct entry *entries;
	/* of a symbolic link, interned */
	const char *link;
};

/* Nodes by their number; the inode number is made from it, and never used again. */
struct disk {
	unsigned count;
	struct node *at[NODES_MAX];
};

const char *intern(const char *text, size_t length);
void *need(void *memory);

void page_hold(struct page *page);
void page_release(struct page *page);

void disk_copy(struct disk *to, const struct disk *from);
void disk_release(struct disk *disk);
/* a new node, of which the disk holds the only reference; its number */
unsigned disk_add(struct disk *disk, mode_t mode);
void disk_put(struct disk *disk, unsigned number, struct node *node);
/* the node, to be changed */
struct node *disk_own(struct disk *disk, unsigned number);
/* forgets what no name leads to; counts names; the digest of what is left */
uint64_t disk_settle(struct disk *disk);
ino_t disk_inode(unsigned number);

struct page *node_page(struct node *node, unsigned index);
void node_set_page(struct node *node, unsigned index, struct page *page);
void node_resize(struct node *node, off_t size);
unsigned node_find(const struct node *node, const char *name);
void node_enter(struct node *node, const char *name, unsigned number);
uint64_t node_digest(struct node *node);
/* of what a user sees of it: type, owner, mode, attributes, content */
uint64_t node_face(struct node *node);

/* --- trace.c: what matters to the disk ----------------------------------- */

enum effect_kind {
	EFFECT_BIRTH,
	EFFECT_DATA,     /* sectors of one page */
	EFFECT_EXTEND,   /* size, by writing: comes when it likes */
	EFFECT_TRUNCATE, /* size, in the order of metadata */
	EFFECT_ATTRIBUTES,
	EFFECT_NAMES,
	EFFECT_FSYNC,
	EFFECT_FDATASYNC,
	EFFECT_SYNCFS,
	EFFECT_BEGUN, /* a step of the program begins, */
	EFFECT_DONE   /* has been acknowledged */
};

struct names {
	unsigned count;
	struct {
		unsigned dir;
		const char *name;
		unsigned node; /* 0: no such name any more */
	} set[4];
};

struct effect {
	enum effect_kind kind;
	unsigned node;
	union {
		struct node *birth;
		struct {
			unsigned index;
			unsigned mask;
			struct page *page;
		} data;
		off_t size;
		struct attributes at;
		struct names names;
	} u;
};

struct trace {
	size_t count, room;
	struct effect *items;
};

void trace_clear(struct trace *trace);
void trace_print(FILE *out, const struct trace *trace);
struct effect *trace_add(struct trace *trace, enum effect_kind kind, unsigned node);
/* mask: of sectors, for DATA */
void effect_apply(struct disk *disk, const struct effect *effect, unsigned mask);
int effect_is_flush(const struct effect *effect);
int effect_is_change(const struct effect *effect);

/* --- machine.c: one running kernel ---------------------------------------- */

struct description {
	unsigned refs;
	unsigned node;
	int flags;
	int lock; /* 0, LOCK_SH, LOCK_EX */
	off_t at;
};

enum { FILES_MAX = 256, FILE_FIRST = 3 };

struct machine {
	struct disk disk;
	struct trace trace;
	struct description descriptions[FILES_MAX];
	/* descriptor to description; -1: closed */
	int files[FILES_MAX];
	int open;
	uint64_t random;
	uint64_t clock;
	unsigned boot;
	/* of the file system: whether syncfs is believed, and ioctls work */
	int syncs, clones;
};

extern struct machine machine;

/* Takes the disk over as one that was just mounted; nothing is open. */
void machine_boot(const struct disk *disk, unsigned boot);
void machine_stop(void);
struct timespec machine_now(void);
uint64_t next_random(uint64_t *state);

/* paths; all return a negative errno, or else a number or 0 */
struct place {
	unsigned dir;
	const char *name; /* NULL: the directory itself */
	unsigned node;    /* 0: there is none */
};
int place_find(int dirfd, const char *path, int follow, int beneath, struct place *place);
struct description *description_of(int fd);
int file_open(unsigned node, int flags);
unsigned node_of(int fd);
const struct node *look_at(unsigned number);
int look_up(int dirfd, const char *path, int follow, unsigned *number);

/* sys-*.c: what a call leaves in the trace */
struct effect *effect_now(enum effect_kind kind, unsigned node);
unsigned node_born(mode_t mode, const char *link);
/* one name, or two in one act; number 0: the name goes */
void names_change(unsigned count, unsigned dir, const char *name, unsigned number,
                  unsigned other_dir, const char *other, unsigned other_number);

/* mutant.c */
void mutant_set(const char *spec);
void mutant_before_effect(void);
void mutant_after_rename(void);
/* called with each function that flushes */
extern void (*mutant_sites)(const char *function);

#endif
