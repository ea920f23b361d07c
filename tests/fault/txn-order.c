/* SPDX-License-Identifier: ISC */
/*
 * txn-order.c - the order of flushes and renames in a run without faults
 *
 *     staged content, its flush; the commit record, its flush; renames and
 *     metadata; their flush; the complete record, its flush; clean-up
 *
 * What a commit record names is durable before it (pitfall 33), no name is given
 * to what is not flushed (rule 4), and what another process will commit is
 * flushed by the one that has made it (rule 6).
 */
#define _GNU_SOURCE
#include "txn-walk.h"

#include <dirent.h>
#include <err.h>
#include <string.h>
#include <sys/stat.h>

#define NONE (-1)
#define LOGS_MAX 16

static const char *const change_calls[] = {
        "write", "pwrite", "copyrange", "sendfile",    "clone", "clonerange", "truncate",
        "chown", "acl",    "setxattr",  "removexattr", "chmod", "utimens",    NULL};
static const char *const meta_calls[] = {"chown", "setxattr", "chmod", NULL};
static const char *const name_calls[] = {"rename", "exchange", "noreplace", NULL};
static const char *const make_calls[] = {"create", "mkdir", "symlink", "link", NULL};
static const char *const flush_calls[] = {"fsync", "fdatasync", NULL};

/* Inodes of the store that tell calls apart. */
struct places {
	ino_t logs[LOGS_MAX];
	int count;
	ino_t home;
	ino_t log;
};

static int is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return 1;
	return 0;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void find_places(struct places *places)
{
	DIR *dir = opendir("root/.commit/log");
	struct dirent *entry;

	places->count = 0;
	places->home = inode_of("root/.commit");
	places->log = inode_of("root/.commit/log");
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && places->count < LOGS_MAX)
			places->logs[places->count++] = entry->d_ino;
	if (dir)
		closedir(dir);
}

static int is_log(const struct places *places, ino_t inode)
{
	int i;

	for (i = 0; i < places->count; i++)
		if (places->logs[i] == inode)
			return 1;
	return 0;
}

static int is_old_object(const struct tree *old, ino_t inode)
{
	int i;

	if (inode == inode_of("root"))
		return 1;
	for (i = 0; i < old->count; i++)
		if (old->nodes[i].inode == inode)
			return 1;
	return 0;
}

/* A call that everybody can see the effect of. */
static int is_publishing(const struct places *places, const struct tree *old,
                         const struct call *call)
{
	if (is_one_of(call->name, name_calls))
		return call->inode != places->home && call->inode != places->log;
	return is_one_of(call->name, meta_calls) && is_old_object(old, call->inode);
}

static int next_publishing(const struct places *places, const struct tree *old,
                           const struct trace *t, int from)
{
	for (; from < t->count; from++)
		if (is_publishing(places, old, &t->calls[from]))
			return from;
	return NONE;
}

static int last_publishing(const struct places *places, const struct tree *old,
                           const struct trace *t)
{
	int i, last = NONE;

	for (i = 0; i < t->count; i++)
		if (is_publishing(places, old, &t->calls[i]))
			last = i;
	return last;
}

/* The first flush behind a call that covers what is at the inode. */
static int covered(const struct trace *t, int from, ino_t inode)
{
	for (from++; from < t->count; from++)
		if (strcmp(t->calls[from].name, "syncfs") == 0 ||
		    (is_one_of(t->calls[from].name, flush_calls) && t->calls[from].inode == inode))
			return from;
	return NONE;
}

static int log_write(const struct places *places, const struct trace *t, int from)
{
	for (; from >= 0 && from < t->count; from++)
		if (strcmp(t->calls[from].name, "pwrite") == 0 &&
		    is_log(places, t->calls[from].inode))
			return from;
	return NONE;
}

static void must(struct txn_walk *walk, int a, int b, const char *what)
{
	if (a == NONE || b == NONE || a >= b)
		txn_complain(walk, "order of calls: %s (%d, %d)", what, a + 1, b + 1);
}

/* From the last step on: flush, complete record, flush, clean-up. */
static void judge_end(struct txn_walk *walk, const struct places *places, const struct trace *t,
                      int published)
{
	int flushed, completed, forced, cleaned;

	for (flushed = published + 1; flushed < t->count; flushed++)
		if (strcmp(t->calls[flushed].name, "syncfs") == 0)
			break;
	completed = log_write(places, t, published + 1);
	must(walk, flushed, completed, "publishing flushed before it is called complete");
	forced = completed == NONE ? NONE : covered(t, completed, t->calls[completed].inode);
	must(walk, completed, forced, "complete record flushed");
	/* An unlink may be a publishing step too: the last name of a pair of links. */
	for (cleaned = published + 1; cleaned < t->count; cleaned++)
		if (strcmp(t->calls[cleaned].name, "unlink") == 0 &&
		    strcmp(t->calls[cleaned].file, "ops") == 0)
			break;
	must(walk, forced, cleaned, "complete before the stage is removed");
}

/* What is made or changed before the record is flushed before it, and what after, before a rename.
 */
static void judge_content(struct txn_walk *walk, const struct places *places, const struct trace *t,
                          int written)
{
	int i, limit;

	for (i = 0; i < t->count; i++) {
		const struct call *call = &t->calls[i];
		int is_new = is_one_of(call->name, change_calls) && !is_log(places, call->inode) &&
		             !is_old_object(&walk->plain_old, call->inode);
		int is_made =
		        is_one_of(call->name, make_calls) && strncmp(call->file, "in-", 3) == 0;

		if (!is_new && !is_made)
			continue;
		limit = i < written ? written : next_publishing(places, &walk->plain_old, t, i);
		if (limit != NONE)
			must(walk, covered(t, i, call->inode), limit,
			     "content and metadata flushed before what names them");
	}
}

static void judge_commit(struct txn_walk *walk, const struct trace *t)
{
	int first, write, written = NONE, flushed;
	struct places places;

	find_places(&places);
	first = next_publishing(&places, &walk->plain_old, t, 0);
	for (write = log_write(&places, t, 0); write != NONE && write < first;
	     write = log_write(&places, t, write + 1))
		written = write;
	flushed = written == NONE ? NONE : covered(t, written, t->calls[written].inode);
	must(walk, written, flushed, "commit record flushed");
	must(walk, flushed, first, "commit record durable before anything is published");
	judge_content(walk, &places, t, written);
	judge_end(walk, &places, t, last_publishing(&places, &walk->plain_old, t));
	walk->commit_written = written + 1;
	walk->commit_flushed = flushed + 1;
}

/* A put that ends: content durable, then the operation that names it, durable. */
static void judge_put(struct txn_walk *walk, const struct trace *t)
{
	int i, recorded = NONE;

	for (i = 0; i < t->count; i++)
		if (strcmp(t->calls[i].name, "pwrite") == 0)
			recorded = i;
	must(walk, recorded,
	     recorded == NONE ? NONE : covered(t, recorded, t->calls[recorded].inode),
	     "operation flushed before its process ends");
	for (i = 0; i < recorded; i++)
		if (is_one_of(t->calls[i].name, change_calls) &&
		    t->calls[i].inode != t->calls[recorded].inode)
			must(walk, covered(t, i, t->calls[i].inode), recorded,
			     "content flushed before the operation that names it");
}

void judge_txn_order(struct txn_walk *walk)
{
	int i;

	if (walk->scenario->flags & T_STEPS)
		for (i = 0; i < walk->steps; i++)
			if (strncmp(walk->scenario->steps[i], "put ", 4) == 0)
				judge_put(walk, &walk->traces[i]);
	if (!(walk->scenario->flags & T_UNCHANGED))
		judge_commit(walk, &walk->traces[walk->steps - 1]);
}

/* The log is flushed, for what was read of it may be in the cache only; then as above. */
void judge_txn_recovery_order(struct txn_walk *walk, const struct trace *t)
{
	struct places places;
	int first, i, flushed = NONE;

	find_places(&places);
	first = next_publishing(&places, &walk->old, t, 0);
	if (first == NONE)
		return;
	for (i = 0; i < first; i++)
		if (is_one_of(t->calls[i].name, flush_calls) && is_log(&places, t->calls[i].inode))
			flushed = i;
	must(walk, flushed, first, "what the log says is flushed before it is carried out");
	judge_end(walk, &places, t, last_publishing(&places, &walk->old, t));
}
