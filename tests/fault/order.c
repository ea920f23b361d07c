/* SPDX-License-Identifier: ISC */
/*
 * order.c - the order of calls in a run without faults
 *
 * No process can see what a power cut would, but the order of the calls tells:
 *
 *     staged file: content, owner, ACL and attributes, mode, flush, rename,
 *     flush of the directory
 *     in place: journal, its flush, its name, flush of the directory, target,
 *     its flush, unlink of the journal, flush of the directory
 */
#define _GNU_SOURCE
#include "walk.h"

#include <err.h>
#include <string.h>
#include <sys/stat.h>

#define NONE (-1)

static const char *const content_calls[] = {"write", "pwrite",     "copyrange", "sendfile",
                                            "clone", "clonerange", "truncate",  NULL};
static const char *const owner_calls[] = {"chown", NULL};
static const char *const attribute_calls[] = {"acl", "setxattr", "removexattr", NULL};
static const char *const mode_calls[] = {"chmod", NULL};
static const char *const change_calls[] = {
        "write", "pwrite", "copyrange", "sendfile",    "clone", "clonerange", "truncate",
        "chown", "acl",    "setxattr",  "removexattr", "chmod", "utimens",    NULL};
static const char *const flush_calls[] = {"fsync", "syncfs", NULL};
static const char *const name_calls[] = {"rename", "exchange", "noreplace", "link", NULL};
static const char *const unlink_calls[] = {"unlink", NULL};

static int is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return 1;
	return 0;
}

static int on_file(const struct call *call, const char *const *names, ino_t inode)
{
	return call->inode == inode && is_one_of(call->name, names);
}

/* The first at or after from, NONE if there is none. */
static int first(const struct trace *t, const char *const *names, ino_t inode, int from)
{
	int i;

	for (i = from < 0 ? 0 : from; i < t->count; i++)
		if (on_file(&t->calls[i], names, inode))
			return i;
	return NONE;
}

static int last(const struct trace *t, const char *const *names, ino_t inode)
{
	int i;

	for (i = t->count - 1; i >= 0; i--)
		if (on_file(&t->calls[i], names, inode))
			return i;
	return NONE;
}

/* The last call of these that works with a name that ends so. */
static int naming(const struct trace *t, const char *const *names, const char *end)
{
	size_t length;
	int i;

	for (i = t->count - 1; i >= 0; i--) {
		length = strlen(t->calls[i].file);
		if (is_one_of(t->calls[i].name, names) && length >= strlen(end) &&
		    strcmp(t->calls[i].file + length - strlen(end), end) == 0)
			return i;
	}
	return NONE;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		err(1, "%s", path);
	return st.st_ino;
}

/* Where both happened, a is before b. */
static void in_order(struct walk *walk, int a, int b, const char *what)
{
	if (a != NONE && b != NONE && a >= b)
		complain(walk, "order of calls: %s (%d, %d)", what, a + 1, b + 1);
}

/* Both must have happened, a before b. */
static void must(struct walk *walk, int a, int b, const char *what)
{
	if (a == NONE || b == NONE || a >= b)
		complain(walk, "order of calls: %s (%d, %d)", what, a + 1, b + 1);
}

/* A file that gets its name at call `named`. */
static void judge_staged(struct walk *walk, const struct trace *t, ino_t inode, int named)
{
	int change = last(t, change_calls, inode);

	in_order(walk, last(t, content_calls, inode), first(t, owner_calls, inode, 0),
	         "content before owner");
	in_order(walk, last(t, owner_calls, inode), first(t, attribute_calls, inode, 0),
	         "owner before ACL and attributes");
	in_order(walk, last(t, attribute_calls, inode), first(t, mode_calls, inode, 0),
	         "ACL and attributes before mode");
	in_order(walk, last(t, owner_calls, inode), first(t, mode_calls, inode, 0),
	         "owner before mode");
	must(walk, change, named, "all changes before the name");
	if (walk->scenario->flags & F_NO_SYNC)
		return;
	must(walk, change, last(t, flush_calls, inode), "flush after the last change");
	must(walk, last(t, flush_calls, inode), named, "flush before the name");
}

static void judge_rename(struct walk *walk)
{
	const struct trace *t = &walk->trace;
	const struct entry *backup = world_find(&walk->new, "d/f~");
	int named = naming(t, name_calls, "f");

	judge_staged(walk, t, world_find(&walk->new, "d/f")->inode, named);
	if (backup && !entry_same(backup, world_find(&walk->old, "d/f~"))) {
		judge_staged(walk, t, backup->inode, naming(t, name_calls, "f~"));
		must(walk, naming(t, name_calls, "f~"), named, "backup before the new file");
	}
	if (!(walk->scenario->flags & (F_NO_SYNC | F_DATA_SYNC)))
		must(walk, named, last(t, flush_calls, inode_of("d")),
		     "flush of the directory after the rename");
}

/* From the journal's name on: the target, its flush, the end of the journal. */
static void judge_apply(struct walk *walk, const struct trace *t, ino_t target, ino_t home)
{
	int change = last(t, change_calls, target);
	int removed = naming(t, unlink_calls, ".inplace");

	must(walk, change, removed, "target written before the journal goes");
	if (walk->scenario->flags & F_NO_SYNC)
		return;
	must(walk, change, first(t, flush_calls, target, change), "target flushed when written");
	must(walk, first(t, flush_calls, target, change), removed,
	     "target flushed before the journal goes");
	must(walk, removed, first(t, flush_calls, home, removed),
	     "directory flushed after the journal is gone");
}

/* The journal is what was flushed last before it got its name. */
static int journal_flush(const struct trace *t, int named)
{
	int i;

	for (i = named - 1; i >= 0; i--)
		if (strcmp(t->calls[i].name, "fsync") == 0)
			return i;
	return NONE;
}

static void judge_in_place(struct walk *walk)
{
	const struct trace *t = &walk->trace;
	ino_t home = inode_of(walk->scenario->flags & F_REGISTRY ? "reg" : "d");
	ino_t target = world_find(&walk->new, "d/f")->inode;
	int named = naming(t, name_calls, ".inplace");
	int written = first(t, change_calls, target, 0);
	int flushed = journal_flush(t, named);

	must(walk, named, written, "journal has its name before the target is written");
	judge_apply(walk, t, target, home);
	if (walk->scenario->flags & F_NO_SYNC)
		return;
	if (flushed == NONE || t->calls[flushed].inode == home ||
	    t->calls[flushed].inode == target) {
		complain(walk, "order of calls: the journal is not flushed before its name");
		return;
	}
	must(walk, last(t, change_calls, t->calls[flushed].inode), flushed,
	     "journal complete before its flush");
	must(walk, named, first(t, flush_calls, home, named), "directory flushed after the name");
	must(walk, first(t, flush_calls, home, named), written,
	     "directory flushed before the target is written");
}

static int flushes_anything(const struct trace *t)
{
	int i;

	for (i = 0; i < t->count; i++)
		if (is_one_of(t->calls[i].name, flush_calls))
			return 1;
	return 0;
}

void judge_order(struct walk *walk)
{
	const struct scenario *s = walk->scenario;

	if (s->flags & (F_REFUSED | F_UNCHANGED) || !world_find(&walk->new, "d/f"))
		return;
	if ((s->flags & F_NO_SYNC) && flushes_anything(&walk->trace))
		complain(walk, "--sync=none flushes");
	if (s->flags & F_IN_PLACE)
		judge_in_place(walk);
	else
		judge_rename(walk);
}

void judge_recovery_order(struct walk *walk, const struct trace *trace)
{
	struct walk copy = *walk;
	struct scenario forced = *walk->scenario;
	ino_t home = inode_of(walk->scenario->flags & F_REGISTRY ? "reg" : "d");

	if (naming(trace, unlink_calls, ".inplace") == NONE)
		return;
	/* Recovery flushes whatever the save was told. */
	forced.flags &= ~(unsigned)F_NO_SYNC;
	copy.scenario = &forced;
	judge_apply(&copy, trace, inode_of("d/f"), home);
}
