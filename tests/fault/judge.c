/* SPDX-License-Identifier: ISC */
/*
 * judge.c - what may be there after a run, and what must
 *
 * "Old" is meant to the letter: same inode, same times. "New" is what the save
 * without faults made: content, owner, mode, ACL, attributes, number of links.
 */
#define _GNU_SOURCE
#include "walk.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_PENDING = 3,
	EXIT_REFUSED = 4,
	EXIT_BUSY = 5,
	EXIT_UNDECIDED = 6,
	EXIT_REPAIRED = 10
};

#define NEW_FILE_MODE 0644

/* --- comparing ----------------------------------------------------------- */

enum which { MAIN, KEPT }; /* the file and its other name; backups */

static int is_kind(const char *name, enum which which)
{
	int is_main = strcmp(name, "d/f") == 0 || strcmp(name, "d/g") == 0;

	return is_main == (which == MAIN);
}

/* Names of ours that lead to the same file are not counted as its links. */
static const struct entry *find(const struct world *world, const char *name, struct entry *copy)
{
	const struct entry *found = world_find(world, name);
	int i;

	if (!found)
		return NULL;
	*copy = *found;
	for (i = 0; i < world->count; i++)
		if (is_residue(&world->entries[i]) && world->entries[i].inode == copy->inode)
			copy->links--;
	return copy;
}

typedef int (*compare)(const struct entry *a, const struct entry *b);

static int subset_fits(const struct world *names, const struct world *now, const struct world *then,
                       enum which which, compare equal)
{
	struct entry copy;
	int i;

	for (i = 0; i < names->count; i++) {
		const char *name = names->entries[i].name;

		if (is_residue(&names->entries[i]) || !is_kind(name, which))
			continue;
		if (!equal(find(now, name, &copy), world_find(then, name)))
			return 0;
	}
	return 1;
}

/* A kill between the reservation of space and the commit has touched the times. */
static int same_but_times(const struct entry *a, const struct entry *b)
{
	return entry_alike(a, b) && (!a || a->inode == b->inode);
}

/* All names of that kind, wherever they are, are equal in both worlds. */
static int fits(const struct world *now, const struct world *then, enum which which, compare equal)
{
	return subset_fits(now, now, then, which, equal) &&
	       subset_fits(then, now, then, which, equal);
}

static int is_old(const struct walk *walk, const struct world *now, enum which which)
{
	return fits(now, &walk->old, which, entry_same);
}

static int is_new(const struct walk *walk, const struct world *now, enum which which)
{
	return fits(now, &walk->new, which, entry_alike);
}

static int is_old_but_times(const struct walk *walk, const struct world *now)
{
	return (walk->scenario->flags & F_IN_PLACE) && fits(now, &walk->old, MAIN, same_but_times);
}

static int content_same(const struct entry *a, const struct entry *b)
{
	if (!a || !b)
		return a == b;
	return a->size == b->size && a->content == b->content;
}

/* Calls whose failure may cost metadata, with a warning. */
static int fired_at_metadata(const struct run *run)
{
	static const char *const calls[] = {"chown",    "acl",       "setxattr",
	                                    "getxattr", "listxattr", "flock"};
	size_t i;

	for (i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (fired_call(run, calls[i]))
			return 1;
	return 0;
}

/* No right that neither the old file gave nor the new one was to give. */
static int grants_more(const struct walk *walk, const struct world *now)
{
	const struct entry *is = world_find(now, "d/f");
	const struct entry *was = world_find(&walk->old, "d/f");
	const struct entry *meant = world_find(&walk->new, "d/f");
	mode_t allowed = (was ? was->mode : 0) | (meant ? meant->mode : 0);

	if (!is || !meant)
		return 0;
	/* Set-id bits are for the owner and group that they were meant for. */
	if (is->uid != meant->uid || is->gid != meant->gid)
		allowed &= ~(mode_t)(S_ISUID | S_ISGID);
	return (is->mode & 07777 & ~allowed) != 0;
}

static int is_warned(const struct run *run)
{
	return fired_at_metadata(run) && strstr(run->err, "cannot keep");
}

/* New, or new but for metadata that could not be kept, and said so. */
static int is_new_or_warned(const struct walk *walk, const struct run *run, const struct world *now)
{
	if (is_new(walk, now, MAIN) && is_new(walk, now, KEPT))
		return 1;
	return is_warned(run) && !grants_more(walk, now) &&
	       fits(now, &walk->new, MAIN, content_same) &&
	       fits(now, &walk->new, KEPT, content_same);
}

/* What cannot be removed, or exchanged back, or looked at, is not. */
static int fired_at_cleaning(const struct run *run)
{
	return (run->fired_count > 1 && (fired_call(run, "stat") || fired_call(run, "rename"))) ||
	       fired_call(run, "unlink") || fired_call(run, "rmdir") || fired_call(run, "exchange");
}

/* --- runs that ended by themselves --------------------------------------- */

static void judge_done(struct walk *walk, const struct run *run, const struct world *now)
{
	if (!is_new_or_warned(walk, run, now))
		complain(walk, "exit 0, but the file is not the new one");
	if (residue_count(now) > 0 && !fired_at_cleaning(run))
		complain(walk, "exit 0 leaves residue");
	if (fired_call(run, "fsync") || fired_call(run, "syncfs") || fired_call(run, "close"))
		complain(walk, "exit 0 after a failed flush");
}

static void judge_failed(struct walk *walk, const struct run *run, const struct world *now)
{
	int relaxed = fired_at_cleaning(run) && run->fired_count > 1;

	if (!is_old(walk, now, MAIN) && !(run->fired_count > 1 && is_old_but_times(walk, now)))
		complain(walk, "exit %d, but the file has changed", run->status);
	if (!is_old(walk, now, KEPT) && !(relaxed && is_new(walk, now, KEPT)))
		complain(walk, "exit %d, but the backup has changed", run->status);
	if (!is_old(walk, now, KEPT) && !strstr(run->err, "could not be taken back"))
		complain(walk, "exit %d leaves a backup and does not say so", run->status);
	if (residue_count(now) > 0 && !fired_at_cleaning(run))
		complain(walk, "exit %d leaves residue", run->status);
}

static void judge_pending(struct walk *walk, const struct run *run, const struct world *now)
{
	/* A file edited in place is whole after recovery only. */
	if (!(walk->scenario->flags & F_IN_PLACE) && !is_new_or_warned(walk, run, now))
		complain(walk, "exit 3, but the file is not the new one");
	if (!is_new(walk, now, KEPT) && !fired_at_metadata(run))
		complain(walk, "exit 3, but the backup is not there");
}

static int has_journal(const struct world *world)
{
	int i;

	for (i = 0; i < world->count; i++)
		if (is_residue(&world->entries[i]) && strstr(world->entries[i].name, ".inplace"))
			return 1;
	return 0;
}

static void judge_undecided(struct walk *walk, const struct world *now)
{
	if (residue_count(now) == 0)
		complain(walk, "exit 6, but nothing is left to decide by");
	if (!(walk->scenario->flags & F_IN_PLACE))
		return;
	if (!is_old(walk, now, MAIN) && !is_old_but_times(walk, now))
		complain(walk, "exit 6, but the file was written already");
	if (!has_journal(now))
		complain(walk, "exit 6, but there is no journal");
}

/* The first error is the one that is told, whatever went wrong after it. */
static void judge_message(struct walk *walk, const struct run *run)
{
	static const char *const plain[] = {"EIO", "ENOSPC", "EMFILE", "EBUSY", "EPERM"};
	char wanted[64];
	size_t i;

	snprintf(wanted, sizeof wanted, "\"exit\":%d,", run->status);
	if (!strstr(run->out, wanted))
		complain(walk, "the JSON object does not say exit %d", run->status);
	if (run->status == EXIT_DONE || run->fired_count == 0 ||
	    strncmp(walk->doing, "once", 4) != 0 || (walk->scenario->flags & F_REFUSED))
		return;
	/* An unlink that belongs to the way, not to the clean-up */
	if (strcmp(walk->doing, "once") != 0 && strcmp(run->fired[0].call, "unlink") == 0)
		return;
	snprintf(wanted, sizeof wanted, "\"errno\":\"%s\"", run->fired[0].what);
	for (i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if (strcmp(run->fired[0].what, plain[i]) == 0 && !strstr(run->out, wanted))
			complain(walk, "the error told is not %s of %s: %s", run->fired[0].what,
			         run->fired[0].call, run->err);
}

static void judge_exit(struct walk *walk, const struct run *run, const struct world *now)
{
	int plain = walk->scenario->flags & F_REFUSED ? EXIT_REFUSED : EXIT_DONE;

	if (strcmp(walk->doing, "once") == 0 && run->fired_count == 1 &&
	    fault_is_harmless(&run->fired[0]) && run->status != plain)
		complain(walk, "exit %d because of %s of %s: %s", run->status, run->fired[0].what,
		         run->fired[0].call, run->err);
	judge_message(walk, run);
	if (run->leaked != 0)
		complain(walk, "%ld descriptors leaked", run->leaked);
	switch (run->status) {
	case EXIT_DONE:
		judge_done(walk, run, now);
		break;
	case EXIT_FAILED:
	case EXIT_REFUSED:
	case EXIT_BUSY:
		judge_failed(walk, run, now);
		break;
	case EXIT_PENDING:
		judge_pending(walk, run, now);
		break;
	case EXIT_UNDECIDED:
		judge_undecided(walk, now);
		break;
	default:
		complain(walk, "exit %d: %s", run->status, run->err);
	}
}

/* --- runs that were killed ----------------------------------------------- */

static int may_be_half_done(const struct walk *walk, const struct run *run, const struct world *now)
{
	/* The old version is kept before the new one appears. */
	if (is_new_or_warned(walk, run, now))
		return 1;
	if (!is_old(walk, now, MAIN) && !is_old_but_times(walk, now))
		return 0;
	return is_old(walk, now, KEPT) || is_new(walk, now, KEPT) ||
	       (is_warned(run) && fits(now, &walk->new, KEPT, content_same));
}

void judge_run(struct walk *walk, const struct run *run, const struct world *now)
{
	if (run->hung)
		complain(walk, "hangs");
	else if (run->killed && run->fired_count == 0)
		complain(walk, "killed, but not by the fault");
	else if (run->killed) {
		/* What is edited in place is whole when there is no journal. */
		if (!((walk->scenario->flags & F_IN_PLACE) && has_journal(now)) &&
		    !may_be_half_done(walk, run, now))
			complain(walk, "killed, and the file is neither old nor new");
	} else
		judge_exit(walk, run, now);
}

/* --- after recovery ------------------------------------------------------ */

static void judge_findings(struct walk *walk, const struct world *before, const struct run *recover)
{
	int i, expected = residue_count(before) > 0 ? EXIT_REPAIRED : 0;

	if (recover->status != expected)
		complain(walk, "commit-recover: exit %d, not %d: %s%s", recover->status, expected,
		         recover->err, recover->out);
	if (recover->leaked != 0)
		complain(walk, "commit-recover: %ld descriptors leaked", recover->leaked);
	for (i = 0; i < before->count; i++)
		if (is_residue(&before->entries[i]) &&
		    !strstr(recover->out, strchr(before->entries[i].name, '/') + 1))
			complain(walk, "commit-recover does not name %s", before->entries[i].name);
}

static void judge_final(struct walk *walk, const struct run *save, const struct world *before,
                        const struct world *now)
{
	int must_be_new =
	        save->status == EXIT_PENDING || save->status == EXIT_DONE || has_journal(before);
	int must_be_old = save->status == EXIT_FAILED || save->status == EXIT_REFUSED ||
	                  save->status == EXIT_BUSY;

	if (must_be_old) {
		if (!is_old(walk, now, MAIN) &&
		    !(save->fired_count > 1 && is_old_but_times(walk, now)))
			complain(walk, "exit %d, and recovery changed the file", save->status);
	} else if (must_be_new && !(walk->scenario->flags & F_UNCHANGED)) {
		if (!is_new_or_warned(walk, save, now))
			complain(walk, "after recovery the file is not the new one");
	} else if (!may_be_half_done(walk, save, now)) {
		complain(walk, "after recovery the file is neither old nor new");
	}
}

void judge_recovered(struct walk *walk, const struct run *save, const struct world *before,
                     const struct run *recover, const struct world *now)
{
	judge_findings(walk, before, recover);
	if (residue_count(now) > 0)
		complain(walk, "recovery leaves residue");
	judge_final(walk, save, before, now);
}

/* --- the run without a fault --------------------------------------------- */

static void judge_file(struct walk *walk, const struct entry *old, const struct entry *new)
{
	const struct scenario *s = walk->scenario;
	struct bytes expect = content_bytes(s->expect);
	mode_t mode = s->mode ? s->mode : old ? old->mode & 07777 : NEW_FILE_MODE;

	if (!new) {
		complain(walk, "there is no file");
		return;
	}
	if ((size_t) new->size != expect.size ||
	    new->content != hash_bytes(1, expect.data, expect.size))
		complain(walk, "content is not the expected one");
	if ((new->mode & 07777) != mode)
		complain(walk, "mode %o, not %o", new->mode & 07777, mode);
	if (new->uid != (s->owner ? s->owner
	                 : old    ? old->uid
	                          : 0) ||
	    new->gid != (old ? old->gid : 0))
		complain(walk, "owner %u:%u", new->uid, new->gid);
	if (old && new->xattrs != old->xattrs)
		complain(walk, "ACL or attributes are not those of the old file");
	if (!old && (new->xattrs != 0) != ((s->setup & S_DIR_ACL) != 0))
		complain(walk, "ACL is not what the directory gives");
	if (old && (old->inode == new->inode) != ((s->flags & (F_IN_PLACE | F_UNCHANGED)) != 0))
		complain(walk, "inode was kept, or was not");
}

static void judge_backup(struct walk *walk, const struct entry *old)
{
	const struct entry *backup = world_find(&walk->new, "d/f~");
	int i, wanted = 0;

	for (i = 0; walk->scenario->args[i]; i++)
		wanted |= strcmp(walk->scenario->args[i], "-b") == 0 ||
		          strncmp(walk->scenario->args[i], "--backup", 8) == 0;
	if (!backup)
		backup = world_find(&walk->new, "d/f.~1~");
	if (!wanted || !old) {
		if (!is_old(walk, &walk->new, KEPT))
			complain(walk, "made a file beside");
		return;
	}
	if (!backup || !content_same(backup, old) || backup->mode != old->mode ||
	    backup->uid != old->uid || backup->xattrs != old->xattrs ||
	    backup->mtime.tv_sec != old->mtime.tv_sec ||
	    backup->mtime.tv_nsec != old->mtime.tv_nsec)
		complain(walk, "the backup is not the old file");
}

void judge_plain(struct walk *walk, const struct run *run)
{
	const struct scenario *s = walk->scenario;
	const struct entry *old = world_find(&walk->old, "d/f");
	const struct entry *new = world_find(&walk->new, "d/f");
	const struct entry *other = world_find(&walk->new, "d/g");
	int expected = s->flags & F_REFUSED ? EXIT_REFUSED : 0;
	struct stat st;

	if (run->status != expected)
		complain(walk, "exit %d, not %d: %s", run->status, expected, run->err);
	if (run->leaked != 0)
		complain(walk, "%ld descriptors leaked", run->leaked);
	if (residue_count(&walk->new) > 0)
		complain(walk, "leaves residue");
	if (s->flags & (F_REFUSED | F_UNCHANGED)) {
		if (!world_same(&walk->old, &walk->new))
			complain(walk, "something has changed");
		return;
	}
	judge_file(walk, old, new);
	judge_backup(walk, old);
	if (other && content_same(other, s->flags & F_LINKS_LOST ? old : new) == 0)
		complain(walk, "the other hard link has the wrong content");
	if ((s->setup & S_SYMLINK) && (lstat("link", &st) != 0 || !S_ISLNK(st.st_mode)))
		complain(walk, "the symbolic link is none any more");
}
