/* SPDX-License-Identifier: ISC */
/*
 * walk.h - the fault walk: every call of every mode fails or dies once
 *
 *     pool.c        workers, TAP, counts; also of other walks
 *     faults.c      one run of a tool, and what the seam wrote about it; dito
 *     walk.c        main, which jobs there are
 *     scenarios.c   the modes of commit-save as a table
 *     world.c       the files of one case: made, looked at, compared
 *     tool.c        commit-save and commit-recover as the scenarios want them
 *     judge.c       what may be there after a run, and what must
 *     order.c       the order of calls in a run without faults
 *     steps.c       the walk over one scenario: N = 1 ... until nothing fires
 *     recovery.c    the walk over commit-recover on what a killed save left
 *
 * A worker's current directory is its world:
 *
 *     d/      the directory of the file that is saved, d/f
 *     reg/    the directory of journals
 *     link    a symbolic link to d/f, where the scenario wants one
 *     src     what --from and producers read
 *     again   what the second save of each case writes
 *     log, trace, out, err     of the last run
 */
#ifndef WALK_H
#define WALK_H

#include "faults.h"
#include "pool.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- contents ------------------------------------------------------------ */

enum content {
	C_NONE, /* no file */
	C_EMPTY,
	C_OLD,      /* 700 bytes */
	C_NEW,      /* 900 bytes */
	C_EQUAL,    /* 700 other bytes */
	C_SHORT,    /* 300 bytes */
	C_APPENDED, /* C_OLD, then C_SHORT */
	C_BIG_OLD,  /* 150000 bytes */
	C_BIG_NEW,  /* 150000 other bytes */
	C_LONGER,   /* 200000 bytes */
	C_SPARSE,   /* data, a hole, data, a hole */
	C_AGAIN,    /* of the second save */
	C_COUNT
};

struct bytes {
	const unsigned char *data;
	size_t size;
};

struct bytes content_bytes(enum content content);

/* --- scenarios ----------------------------------------------------------- */

/* struct scenario.setup */
enum {
	S_OWNER = 1 << 0,    /* the old file is another user's */
	S_BACKUP = 1 << 1,   /* there is a d/f~ */
	S_HARDLINK = 1 << 2, /* d/f has a second name d/g */
	S_SYMLINK = 1 << 3,  /* the save goes through ../link */
	S_ACL = 1 << 4,
	S_XATTR = 1 << 5,
	S_SETID = 1 << 6,
	S_CAPS = 1 << 7,    /* a capability */
	S_DIR_ACL = 1 << 8, /* d has a default ACL, d/f none */
	S_TOKEN = 1 << 9    /* --expect= the token of the file */
};

/* struct scenario.flags */
enum {
	F_IN_PLACE = 1 << 0,
	F_REGISTRY = 1 << 1,  /* the journal is in reg/ */
	F_UNCHANGED = 1 << 2, /* nothing is to be done */
	F_REFUSED = 1 << 3,   /* exit 4 also without a fault */
	F_NO_SYNC = 1 << 4,   /* --sync=none */
	F_DATA_SYNC = 1 << 5, /* --sync=data */
	F_SLOW = 1 << 6,      /* starts other programs */
	F_CORE = 1 << 7,      /* also on the disk, also in a thin walk */
	F_LINKS_LOST = 1 << 8 /* the other hard link keeps the old content */
};

/* struct scenario.variants: what is missing on the file system */
enum {
	V_TMPFILE = 1 << 0, /* O_TMPFILE */
	V_FLAGS = 1 << 1,   /* renameat2 with flags */
	V_COPY = 1 << 2     /* clones and copy_file_range */
};

enum feed { FEED_PIPE, FEED_FROM, FEED_COMMAND };

struct scenario {
	const char *name;
	const char *args[8];
	unsigned setup;
	unsigned flags;
	/* the missing things that are walked in the short walk too */
	unsigned variants;
	enum feed feed;
	enum content old, input, expect;
	/* faults that belong to the scenario, "" or "1:EACCES:once:tmpfile" */
	const char *preset;
	/* expected if not that of the old file, or 0644 of a new one */
	mode_t mode;
	uid_t owner;
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

/*
 * A scenario on a file system with something missing. On the disk the short
 * walk only kills and fails once.
 */
struct job {
	const struct scenario *scenario;
	unsigned missing;
	int on_disk;
};

/* --- the world ----------------------------------------------------------- */

#define ENTRIES_MAX 24

struct entry {
	char name[NAME_SIZE]; /* with its directory: "d/f" */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	nlink_t links;
	ino_t inode;
	off_t size;
	struct timespec mtime;
	uint64_t content;
	uint64_t xattrs;
};

struct world {
	int count;
	struct entry entries[ENTRIES_MAX];
};

void world_make(const struct scenario *scenario);
void world_look(struct world *world);
/* NULL if there is none */
const struct entry *world_find(const struct world *world, const char *name);
int is_residue(const struct entry *entry);
int residue_count(const struct world *world);
/* Both NULL, or everything but atime and ctime is equal. */
int entry_same(const struct entry *a, const struct entry *b);
/* Both NULL, or what a save keeps is equal: not inode and times. */
int entry_alike(const struct entry *a, const struct entry *b);
int world_same(const struct world *a, const struct world *b);
/* A digest of what is there, random names left out. */
uint64_t world_class(const struct world *world);
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);
uint64_t hash_content(const char *path);
uint64_t hash_xattrs(const char *path);
void write_file(const char *path, enum content content);
void set_xattr(const char *path, const char *name, const void *value, size_t size);
/* Nothing is left in it; level 0: the directory itself stays. */
void empty_directory(const char *path, int level);

/* --- running tools ------------------------------------------------------- */

void run_save(const struct job *job, const char *fault, int traced, struct run *run);
void run_second_save(const struct scenario *scenario, struct run *run);
void run_recover(const char *fault, int traced, struct run *run);

/* --- the walk ------------------------------------------------------------ */

#define SEEN_MAX 512

struct walk {
	const struct job *job;
	const struct scenario *scenario;
	int full;
	/* before and after a save without faults */
	struct world old, new;
	struct trace trace;
	/* what is being done, for messages */
	char fault[160];
	char doing[128];
	/* the last case ended by a kill */
	int killed;
	/* and its exit status */
	int status;
	struct counts *counts;
	/* classes of residue whose recovery has been walked */
	int seen_count;
	uint64_t seen[SEEN_MAX];
	struct report *report;
};

__attribute__((format(printf, 2, 3))) void complain(struct walk *walk, const char *format, ...);

/* Walks one job; complaints are in walk->report. */
void walk_job(struct walk *walk);

/* The save without faults did what it was asked for. */
void judge_plain(struct walk *walk, const struct run *run);
/* After a run with a fault, before recovery. */
void judge_run(struct walk *walk, const struct run *run, const struct world *now);
/* After recovery of what a run left. */
void judge_recovered(struct walk *walk, const struct run *save, const struct world *before,
                     const struct run *recover, const struct world *now);
void judge_order(struct walk *walk);
void judge_recovery_order(struct walk *walk, const struct trace *trace);

/* Walks commit-recover over what this fault leaves; the world holds it now. */
void walk_recovery(struct walk *walk, const char *fault, const struct run *save,
                   const struct world *residue);

#endif
