/* SPDX-License-Identifier: ISC */
/*
 * crash.h - the power-loss rig: what its parts know of each other
 *
 *     fs        the file systems: how they are made and mounted
 *     workload  what is run on them, and what is promised about it (table.c)
 *     tree      a file tree as a list that can be compared and kept
 *     device    loop devices, an image in memory, mounting
 *     record    runs a workload on a recorded disk: log and states
 *     choice    which writes of a log reached the disk: enumerate, write down
 *     recover   runs recovery on what is mounted
 *     judge     mounts one crash image, recovers it, holds it against the states
 *     explore   all choices of one recording
 *     trouble   I/O errors below the file system
 *     report    what came out
 *
 * Errors of the rig itself end the program (err, errx): a rig that goes on
 * after one would report what it has not seen.
 */
#ifndef CRASH_H
#define CRASH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BLOCK 4096u
#define SECTOR 512u

enum {
	STEPS_MAX = 32,
	DISKS_MAX = 3,
	PATH_SIZE = 512,
	WHY_SIZE = 600,
	CHOICE_SIZE = 400,
	EPOCH_MAX = 8192
};

/* ---- fs.c ---- */
struct fs {
	const char *name;
	const char *type;
	uint64_t size;
	const char *make;    /* shell: makes a file system on "$1" */
	const char *options; /* of mount */
	const char *check;   /* shell, run on the device before a mount after a crash; NULL: none */
	/* a crash may leave two things half done that a journal would keep together */
	int no_journal;
};

extern const struct fs fs_table[];
const struct fs *fs_find(const char *name);

/* ---- table.c ---- */
enum promise {
	/* what a step has changed is there once it was acknowledged; all of it or nothing */
	PROMISE_ALL,
	/* the same, but a step in the middle may show in some of its files only */
	PROMISE_EACH,
	/* whenever the power goes: after recovery the tree is as after the last step begun */
	PROMISE_FINISHED,
	/* each file has one of its versions, an acknowledged one perhaps not the last */
	PROMISE_OLD_OR_NEW,
	/* what no step works on stays as it is, nothing else */
	PROMISE_NOTHING
};

struct recording;
struct tree;

struct workload {
	const char *name;
	const char *about;
	enum promise promise;
	/* 0 or 1: one disk; 3: the directories b and c are file systems on disks of their own */
	int disks;
	/* what is there before; run by sh in the root of the file system */
	const char *before;
	/* each is a command of sh that ends with 0 and is acknowledged then */
	const char *steps[STEPS_MAX];
	/*
	 * Where what was acknowledged shows only once somebody goes on: a command that
	 * does so after recovery ("$1": the steps acknowledged), and for each step what
	 * makes the tree, in a copy of it, what that then has to lead to.
	 */
	const char *resume;
	const char *model[STEPS_MAX];
	/*
	 * A command whose output after recovery is to be that after one of the steps:
	 * what those had in $SCRATCH/answer. NULL: nothing is asked.
	 */
	const char *read;
	/* and a command that ends with 0 then, for all is in order */
	const char *settled;
	/*
	 * more to ask of a state than the promise: NULL if all is well, else why
	 * not. The numbers are of the steps acknowledged and begun.
	 */
	const char *(*ask)(const struct recording *recording, const struct tree *now, int done,
	                   int begun);
};

/* Tables end with an entry without name. */
extern const struct workload *const workload_tables[];
const struct workload *workload_find(const char *name);

/* ---- tree.c ---- */
struct node {
	char *path;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t links;
	uint64_t size;
	uint64_t digest; /* of content or target, and of attributes */
};

struct tree {
	struct node *list;
	size_t count;
	/* names that the library gives to what it stages, one of them for messages */
	size_t residue;
	char residue_name[PATH_SIZE];
	/* errno of a call that could not look */
	int broken;
	char broken_name[PATH_SIZE];
	/* of stores and sidecars, so that a second recovery can be seen to change nothing */
	uint64_t stores;
	/* digest of what a reader was to see then */
	uint64_t answer;
};

void tree_take(struct tree *tree, const char *root);
uint64_t file_digest(const char *path);
void tree_release(struct tree *tree);
const struct node *tree_find(const struct tree *tree, const char *path);
/* The first difference, as text; "" if there is none. */
int tree_differ(const struct tree *is, const struct tree *wanted, char *why, size_t size);
int node_same(const struct node *a, const struct node *b);
void node_describe(const struct node *node, char *text, size_t size);
void tree_write(FILE *file, int number, const struct tree *tree);
/* Reads all trees of a file; returns how many. */
int tree_read_all(FILE *file, struct tree *list, int max);

/* ---- device.c ---- */
struct image {
	unsigned char *bytes;
	uint64_t size;
	unsigned char *used; /* a byte for each block that may hold something else than zeros */
};

void image_new(struct image *image, uint64_t size);
void image_load(struct image *image, const char *path);
void image_release(struct image *image);
void image_write(struct image *image, uint64_t offset, const void *data, size_t length);
void image_zero(struct image *image, uint64_t offset, uint64_t length);
/* Makes the file hold the image, sparse. */
void image_store(const struct image *image, int fd);

struct device {
	int fd;
	char path[32];
};

/* The disks of one machine, each a loop device that goes when it is closed. */
struct disks {
	int count;
	struct device list[DISKS_MAX];
};

/* One more, on that part of the file; size 0: all of it. */
void disks_add(struct disks *disks, const char *file, uint64_t offset, uint64_t size);
void disks_close(struct disks *disks);
/* Forgets what was read from the file before it was changed beneath. */
void disks_refresh(struct disks *disks);
/* The first at point, the others in the directories b and c of root. 0 or an errno */
int disks_mount(const struct disks *disks, const struct fs *fs, const char *point,
                const char *root);
void disks_unmount(const struct disks *disks, const char *point, const char *root);
void unmount(const char *point);

/* ---- run.c ---- */
struct spawn {
	const char *const *argv;
	const char *directory; /* NULL: as we are */
	const char *output;    /* file for both outputs, NULL: none */
	const char *variables[4];
	int seconds; /* after which it is killed; 0: 60 */
};

/* Exit status; 256 + signal; 1000: took too long. */
int run(const struct spawn *spawn);
int run_shell(const char *script, const char *argument, const char *directory, const char *output);
/* The same for a child of ours. */
int wait_for(pid_t pid, int seconds);
double now(void);
void file_tail(const char *path, char *text, size_t size);

/* ---- world.c ---- */
/* One worker's own mounts and files, gone with it. */
struct world {
	char top[64];
	char disk[80];  /* the recorder's mount point */
	char point[80]; /* where file systems are mounted */
	char root[84];  /* the directory in them where workloads work */
	char run[80];   /* the image of the explorer */
	char live[80];  /* the image of the recorder */
	char log[80];
	char output[80];
	struct disks disks;
	int run_fd;
	uint64_t run_size;
	int recoverer; /* a socket */
	pid_t recoverer_pid;
};

/* Why the rig cannot run here; NULL if it can. */
const char *world_why_not(void);
void world_begin(struct world *world, const char *top);
/* Steps find these tools: the real ones or those with the fault seam. */
void world_path(const struct world *world, int with_seam);
void world_end(struct world *world);
/* Another boot of the machine from here on, and the real one again. */
void world_reboot(struct world *world);
void world_boot_back(void);
/* Makes the explorer's disks as large together. */
void world_disks(struct world *world, uint64_t size, int count);

/* ---- record.c ---- */
struct request {
	uint32_t type;
	uint64_t offset;
	uint64_t length;
	const unsigned char *data;
};

/*
 * What was on its way when a flush was about to be answered, and what was known then.
 * With several disks a flush is one disk's: the others' writes are still on their way.
 */
struct epoch {
	size_t first; /* in recording.order */
	size_t count;
	uint64_t from; /* what has been flushed at its end */
	uint64_t to;
	int done;
	int begun;
};

struct recording {
	const struct fs *fs;
	const struct workload *workload;
	/* the disk when the steps began */
	struct image base;
	/* bytes of the log before that; a kept log starts behind them */
	size_t log_before;
	unsigned char *log;
	size_t log_size;
	/* writes and zeroings only, in order */
	struct request *requests;
	size_t count;
	/* the requests of the epochs, one epoch after the other */
	uint32_t *order;
	size_t order_count;
	struct epoch *epochs;
	size_t epoch_count;
	struct tree states[STEPS_MAX + 1];
	int steps;
	int noise;
};

static inline const struct request *epoch_request(const struct recording *recording,
                                                  const struct epoch *epoch, size_t i)
{
	return &recording->requests[recording->order[epoch->first + i]];
}

static inline int disks_of(const struct workload *workload)
{
	return workload->disks ? workload->disks : 1;
}

struct trouble {
	/* an order for the recorder */
	const char *order;
	/* exit status of each step that was run, and how many */
	int status[STEPS_MAX];
	int ran;
};

/* How the tools are run. */
struct setting {
	const char *mutant; /* COMMIT_CRASH_MUTANT, NULL: none */
	int noise;          /* somebody else flushes a file of his all the time */
};

/*
 * Runs the workload and reads what was recorded. With trouble the steps may
 * fail; the first that does is the last, and no states are taken.
 */
void record(struct world *world, const struct fs *fs, const struct workload *workload,
            const struct setting *setting, struct trouble *trouble, struct recording *recording);
void recording_release(struct recording *recording);
void recording_read_log(struct recording *recording, const char *path);
void recording_parse(struct recording *recording);
/* Writes and reads log, base and states in a directory. */
void recording_save(const struct recording *recording, const char *directory);
void recording_load(struct recording *recording, const char *directory);

/* ---- choice.c ---- */
/* One way in which the power can go: what of an epoch has arrived. */
struct choice {
	uint32_t epoch;
	/* of the torn write: its number in the epoch, and sectors; -1: none */
	int32_t torn;
	int32_t sectors; /* > 0: the first of them arrived; < 0: the last of them */
	int hole;        /* all but the sector of that number (from 1) arrived */
	unsigned char in[EPOCH_MAX / 8];
};

static inline int choice_has(const struct choice *choice, size_t i)
{
	return (choice->in[i / 8] >> (i % 8)) & 1;
}

void choice_print(const struct recording *recording, const struct choice *choice, char *text,
                  size_t size);
int choice_parse(const struct recording *recording, const char *text, struct choice *choice);

/* The image as epochs go by; choices are laid over it and taken off again. */
struct canvas {
	const struct recording *recording;
	struct image image;
	size_t epoch; /* everything before it has arrived */
	uint64_t hash;
	/* blocks that the epoch writes to, and how they were */
	uint32_t *blocks;
	size_t block_count;
	unsigned char *saved;
	uint64_t *hashes;
};

void canvas_begin(struct canvas *canvas, const struct recording *recording);
void canvas_end(struct canvas *canvas);
/* Returns the hash of the image that results. */
uint64_t canvas_lay(struct canvas *canvas, const struct choice *choice);
void canvas_lift(struct canvas *canvas);

/* Choices one after the other; the order is decided by seed. */
struct walk {
	const struct recording *recording;
	uint64_t random;
	struct plan *plan; /* what is enumerated, shuffled */
	size_t planned;
	size_t at;
};

void walk_begin(struct walk *walk, const struct recording *recording, uint64_t seed);
void walk_next(struct walk *walk, struct choice *choice);
void walk_end(struct walk *walk);
uint64_t random_next(uint64_t *state);

/* ---- recover.c ---- */
struct recovery {
	unsigned long kill_at; /* killed at this call; 0: not */
	int count;             /* recover_calls() is to know how many there were */
	const char *mutant;
	int installed; /* the program as users have it, by exec; nothing of the above then */
};

/* Started in the worker's mount namespace, which it shares. */
void recoverer_begin(struct world *world);
void recoverer_end(struct world *world);
/* Exit status as of run(). */
int recover(const struct world *world, const struct recovery *how);
unsigned long recover_calls(const struct world *world);
/* The installed commit-recover --check. */
int recover_check(const struct world *world);

/* ---- judge.c ---- */
enum verdict { VERDICT_GOOD, VERDICT_BAD, VERDICT_FS };

struct judgement {
	enum verdict verdict;
	int repaired; /* recovery had something to do */
	int killed;   /* recovery was killed on its way, as asked for */
	char why[WHY_SIZE];
};

struct question {
	const struct recording *recording;
	int done;
	int begun;
	int torn;
	/* the step after done has failed with status 1, which may leave a backup */
	int failed;
	/* the device has lost or refused a write, or died */
	int troubled;
	/* recovery by the installed program, and its check of the invariants at the end */
	int thorough;
	/* recovery is killed at this call, and run again; 0: not killed */
	unsigned long kill_at;
	const char *mutant;
	/* recovery's calls are counted and told here, NULL: not wanted */
	unsigned long *calls;
};

/* The image is in the world's disks. */
void judge(struct world *world, const struct question *question, struct judgement *judgement);
/* Holds a tree against the promise; 1: it is kept. */
int oracle(const struct question *question, const struct tree *now, char *why, size_t size);

/* ---- explore.c ---- */
struct tally {
	uint64_t choices; /* looked at */
	uint64_t images;  /* distinct, mounted */
	uint64_t torn;    /* of these */
	uint64_t repaired;
	uint64_t kills; /* crashes inside recovery */
	uint64_t power; /* images of a power cut inside recovery */
	uint64_t fs;    /* the file system itself did not survive a torn write */
	uint64_t bad;
	uint64_t writes;
	uint64_t epochs;
	/* cuts at each write and small subsets: how many there are, how many were tried */
	uint64_t planned;
	uint64_t tried;
	double seconds;
	char first[WHY_SIZE]; /* the first violation */
	char shown[CHOICE_SIZE];
};

struct limits {
	uint64_t images;
	double until;
	uint64_t bad; /* stop after so many violations */
	unsigned kill_every;
	uint64_t seed;
	const char *cases; /* directory for failures, NULL: none */
	const char *mutant;
};

void explore(struct world *world, const struct recording *recording, const struct limits *limits,
             struct tally *tally);

#endif
