/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECOVERED = 10, PERSON = 11, KILLED = 256 + 9 };

/* ---- the promises ---- */

static int is_whole(const struct question *q, const struct tree *now, char *why, size_t size)
{
	char other[WHY_SIZE / 2];
	const struct tree *states = q->recording->states;

	if (!tree_differ(now, &states[q->done], why, size))
		return 1;
	if (q->begun == q->done)
		return 0;
	if (!tree_differ(now, &states[q->begun], other, sizeof other))
		return 1;
	snprintf(why + strlen(why), size - strlen(why), "; nor is it step %d: %s", q->begun, other);
	return 0;
}

/* Is the file at path as it was after one of these steps? */
static int is_among(const struct question *q, const struct node *node, const char *path, int from,
                    int to)
{
	int i;

	for (i = from; i <= to; i++)
		if (node_same(node, tree_find(&q->recording->states[i], path)))
			return 1;
	return 0;
}

static int is_touched(const struct question *q, const char *path)
{
	const struct node *first = tree_find(&q->recording->states[0], path);
	int i;

	for (i = 1; i <= q->begun; i++)
		if (!node_same(first, tree_find(&q->recording->states[i], path)))
			return 1;
	return 0;
}

static int path_is_good(const struct question *q, const struct tree *now, const char *path,
                        char *why, size_t size)
{
	const struct node *node = tree_find(now, path);
	enum promise promise = q->recording->workload->promise;
	int from = promise == PROMISE_EACH ? q->done : 0;
	char is[100];

	if (promise == PROMISE_OLD_OR_NEW && q->recording->fs->no_journal)
		promise = PROMISE_NOTHING;
	if (promise == PROMISE_NOTHING && is_touched(q, path))
		return 1;
	if (is_among(q, node, path, from, q->begun))
		return 1;
	if (q->failed && !tree_find(&q->recording->states[q->done], path) &&
	    is_among(q, node, path, from, q->done + 1))
		return 1;
	node_describe(node, is, sizeof is);
	snprintf(why, size, "%s is %s, as after none of the steps %d to %d", path, is, from,
	         q->begun);
	return 0;
}

static int each_path(const struct question *q, const struct tree *now, char *why, size_t size)
{
	int i;
	size_t n;

	for (n = 0; n < now->count; n++)
		if (!path_is_good(q, now, now->list[n].path, why, size))
			return 0;
	for (i = 0; i <= q->begun; i++)
		for (n = 0; n < q->recording->states[i].count; n++)
			if (!path_is_good(q, now, q->recording->states[i].list[n].path, why, size))
				return 0;
	return 1;
}

/* Without a journal what a step was at may be in pieces; nothing else may. */
static int is_mid_step(const struct question *q)
{
	return q->recording->fs->no_journal && q->begun != q->done;
}

/*
 * A write that the device has lost may have been one of a directory that no step
 * is at. Without a journal names come back by that, or go, and e2fsck mends what
 * does not fit: things may be left over and a person may be needed, but no
 * content that was acknowledged may be missing.
 */
static int may_be_in_pieces(const struct question *q)
{
	return is_mid_step(q) || (q->troubled && q->recording->fs->no_journal);
}

/* Another name of the same file may be one that the step was at. */
static int stays(const struct node *was, const struct node *is)
{
	struct node linked;

	if (!is)
		return 0;
	linked = *is;
	linked.links = was->links;
	return node_same(was, &linked);
}

static int others_stay(const struct question *q, const struct tree *now, char *why, size_t size)
{
	const struct tree *states = q->recording->states;
	char was[100], is[100];
	size_t i;

	for (i = 0; i < states[q->done].count; i++) {
		const struct node *node = &states[q->done].list[i];

		if (!node_same(node, tree_find(&states[q->begun], node->path)))
			continue;
		if (stays(node, tree_find(now, node->path)))
			continue;
		node_describe(node, was, sizeof was);
		node_describe(tree_find(now, node->path), is, sizeof is);
		snprintf(why, size, "%s is %s, was %s, and nobody was at it", node->path, is, was);
		return 0;
	}
	return 1;
}

static int keeps_promise(const struct question *q, const struct tree *now, char *why, size_t size)
{
	enum promise promise = q->recording->workload->promise;

	/* All of it is in the store. */
	if (is_mid_step(q) && q->recording->workload->resume)
		return 1;
	if (is_mid_step(q) && promise != PROMISE_NOTHING && promise != PROMISE_OLD_OR_NEW)
		return others_stay(q, now, why, size);
	if (may_be_in_pieces(q) && q->begun == q->done && others_stay(q, now, why, size))
		return 1;
	if (promise == PROMISE_FINISHED)
		return !tree_differ(now, &q->recording->states[q->begun], why, size);
	return promise == PROMISE_ALL ? is_whole(q, now, why, size) : each_path(q, now, why, size);
}

int oracle(const struct question *q, const struct tree *now, char *why, size_t size)
{
	const struct workload *workload = q->recording->workload;
	const char *more;

	if (!keeps_promise(q, now, why, size))
		return 0;
	more = workload->ask ? workload->ask(q->recording, now, q->done, q->begun) : NULL;
	if (more)
		snprintf(why, size, "%s", more);
	return !more;
}

/* ---- one image ---- */

/* Where one judgement stands. */
struct case_now {
	struct world *world;
	const struct question *q;
	struct judgement *judgement;
	/* an error that only a damaged file system gives was seen */
	int fs_error;
};

__attribute__((format(printf, 2, 3))) static void bad(struct case_now *c, const char *format, ...)
{
	struct judgement *j = c->judgement;
	va_list args;

	if (j->verdict != VERDICT_GOOD)
		return;
	j->verdict = c->q->torn && c->fs_error ? VERDICT_FS : VERDICT_BAD;
	va_start(args, format);
	vsnprintf(j->why, sizeof j->why, format, args);
	va_end(args);
}

static int is_fs_error(int errnum)
{
	return errnum == EUCLEAN || errnum == EIO || errnum == EBADMSG;
}

static const char *const fs_words[] = {
        "EUCLEAN", "EBADMSG", "EIO", "needs cleaning", "Input/output error", "Bad message"};

static void tell_status(struct case_now *c, const char *what, int status)
{
	char said[WHY_SIZE / 2];
	size_t i;

	file_tail(c->world->output, said, sizeof said);
	for (i = 0; i < sizeof fs_words / sizeof *fs_words; i++)
		if (strstr(said, fs_words[i]))
			c->fs_error = 1;
	bad(c, "%s ended with %d: %s", what, status, said);
}

static int recover_again(const struct case_now *c, unsigned long kill_at, int count)
{
	struct recovery how = {.kill_at = kill_at, .count = count, .mutant = c->q->mutant};

	how.installed = c->q->thorough && !kill_at && !count && !how.mutant;
	return recover(c->world, &how);
}

static int may_need_person(const struct case_now *c, int status)
{
	return status == PERSON && may_be_in_pieces(c->q);
}

static void look(struct case_now *c, struct tree *tree)
{
	char why[WHY_SIZE - 100];

	tree_take(tree, c->world->root);
	if (tree->broken) {
		c->fs_error = is_fs_error(tree->broken);
		bad(c, "%s cannot be read: %s", tree->broken_name, strerror(tree->broken));
	}
	if (tree->residue && !may_be_in_pieces(c->q))
		bad(c, "left behind: %s", tree->residue_name);
	if (!oracle(c->q, tree, why, sizeof why))
		bad(c, "%s", why);
}

/* Recovery is done: nothing is left to do, and nothing changes any more. */
static void look_again(struct case_now *c, const struct tree *before)
{
	char why[WHY_SIZE - 100];
	struct tree after;
	int status = recover_again(c, 0, 0);

	if (status != 0 && !may_need_person(c, status))
		tell_status(c, "the second recovery", status);
	tree_take(&after, c->world->root);
	if (tree_differ(&after, before, why, sizeof why))
		bad(c, "the second recovery changed something: %s", why);
	if (after.stores != before->stores)
		bad(c, "the second recovery changed a store");
	tree_release(&after);
}

/*
 * The four invariants of what is kept. A store whose making was cut short stays for
 * the next begin, and --check says so; where there is no other, that is all it says.
 */
static void check(struct case_now *c)
{
	int status = recover_check(c->world);
	char said[WHY_SIZE];

	if (status == 0 || is_mid_step(c->q))
		return;
	file_tail(c->world->output, said, sizeof said);
	if (status != RECOVERED || !strstr(said, "a store that was never finished"))
		tell_status(c, "commit-recover --check", status);
}

/* Somebody goes on with what he was told is there. */
static void resume(struct case_now *c)
{
	const char *script = c->q->recording->workload->resume;
	char done[16];
	int status;

	if (!script)
		return;
	snprintf(done, sizeof done, "%d", c->q->done);
	status = run_shell(script, done, c->world->root, c->world->output);
	if (status != 0 && !is_mid_step(c->q))
		tell_status(c, "to go on", status);
}

static int is_answer(const struct question *q, uint64_t digest)
{
	int last = q->failed ? q->done + 1 : q->begun, i;

	for (i = q->done; i <= last; i++)
		if (digest == q->recording->states[i].answer)
			return 1;
	return 0;
}

/* Who reads sees what was there after the last step, or after the one begun. */
static void read_answer(struct case_now *c)
{
	const struct workload *workload = c->q->recording->workload;
	char answer[100];
	int status;

	if (!workload->read || is_mid_step(c->q))
		return;
	snprintf(answer, sizeof answer, "%s/read", c->world->top);
	status = run_shell(workload->read, NULL, c->world->root, answer);
	if (status != 0) {
		rename(answer, c->world->output);
		tell_status(c, "reading", status);
	} else if (!is_answer(c->q, file_digest(answer))) {
		bad(c, "reading gives neither what was acknowledged nor what was begun");
	}
	if (!workload->settled)
		return;
	status = run_shell(workload->settled, NULL, c->world->root, c->world->output);
	if (status != 0)
		tell_status(c, workload->settled, status);
}

static void judge_mounted(struct case_now *c)
{
	struct tree tree;
	int status;

	if (c->q->kill_at && recover_again(c, c->q->kill_at, 0) == KILLED)
		c->judgement->killed = 1;
	status = recover_again(c, 0, c->q->calls != NULL);
	if (c->q->calls)
		*c->q->calls = recover_calls(c->world);
	c->judgement->repaired = status == RECOVERED;
	if (status != 0 && status != RECOVERED && !may_need_person(c, status))
		tell_status(c, "recovery", status);
	resume(c);
	look(c, &tree);
	if (c->judgement->verdict == VERDICT_GOOD)
		look_again(c, &tree);
	if (c->judgement->verdict == VERDICT_GOOD && c->q->thorough)
		check(c);
	if (c->judgement->verdict == VERDICT_GOOD)
		read_answer(c);
	tree_release(&tree);
}

void judge(struct world *world, const struct question *question, struct judgement *judgement)
{
	struct case_now c = {world, question, judgement, 0};
	const struct fs *fs = question->recording->fs;
	int rc, i;

	memset(judgement, 0, sizeof *judgement);
	for (i = 0; fs->check && i < world->disks.count; i++)
		if (run_shell(fs->check, world->disks.list[i].path, NULL, world->output) != 0) {
			c.fs_error = 1;
			tell_status(&c, "the file system's check", 1);
			return;
		}
	rc = disks_mount(&world->disks, fs, world->point, world->root);
	if (rc) {
		c.fs_error = 1;
		bad(&c, "does not mount: %s", strerror(rc));
		return;
	}
	judge_mounted(&c);
	disks_unmount(&world->disks, world->point, world->root);
}
