/* SPDX-License-Identifier: ISC */
/*
 * Before the commit: each file that is edited in place is open for writing, locked,
 * and as it was; and stays so until the commit is published. Room for what is added
 * is kept in the stage (txn-room.c), so that nobody sees the file before.
 */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "error.h"
#include "lock.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct lc_held *find_held(const struct commit_txn *txn, uint64_t inode)
{
	size_t i;

	for (i = 0; i < txn->held_count; i++)
		if (txn->held[i].before.st_ino == inode)
			return &txn->held[i];
	return NULL;
}

/* What is dirty now is flushed: the old content is what the disk has, should it matter. */
static int hold_file(struct commit_txn *txn, const struct lc_change *c, struct lc_held *held)
{
	const struct commit_store_options *opt = &txn->store->opt;
	struct lc_node node;
	int rc = lc_view_look(txn->view, c->path, &node);

	if (rc)
		return rc;
	rc = held->fd = lc_txn_patch_open(txn->store, node.real, &c->before, &held->before);
	if (rc < 0)
		return rc;
	rc = lc_lock_acquire(held->fd, lc_lock_deadline(opt->wait_ms), opt->cancel_fd);
	if (rc && !lc_lock_unsupported(rc))
		return rc;
	/* Whoever had the lock may have written. */
	rc = lc_sys_fstat_times(held->fd, &held->before);
	return rc ? rc : lc_sys_fdatasync(held->fd);
}

static int is_old(void *context, uint64_t at, size_t length, unsigned is)
{
	(void)context, (void)at, (void)length;
	return is & LC_PATCH_IS_OLD ? 0 : -ESTALE;
}

/* Other times would do if the clock were finer: the bytes are what counts. */
static int check_content(const struct commit_txn *txn, const struct lc_change *c,
                         const struct lc_held *held, const struct lc_patch *patch)
{
	int contents = lc_beneath_open(txn->store->root, c->place, O_RDONLY | O_NONBLOCK);
	struct lc_identity now;
	int rc = contents < 0 ? contents : lc_publish_patch_prove(contents, patch);

	lc_identity_of(&held->before, &now);
	if (!rc && !lc_identity_same(&now, &c->before))
		rc = -ESTALE;
	if (!rc)
		rc = lc_publish_patch_look(held->fd, contents, patch, is_old, NULL);
	lc_sys_drop(&contents);
	return rc;
}

static int hold(struct commit_txn *txn, struct lc_change *c)
{
	struct lc_held *held = find_held(txn, c->before.inode);
	struct lc_patch patch;
	int rc = lc_change_get_patch(c, &patch);

	if (!rc && !held) {
		held = &txn->held[txn->held_count++];
		memset(held, 0, sizeof *held);
		rc = hold_file(txn, c, held);
	}
	if (!rc)
		rc = check_content(txn, c, held, &patch);
	c->held = 1;
	return rc;
}

static int fail(struct commit_txn *txn, int rc, const char *path, struct commit_error *err)
{
	if (rc == -ESTALE)
		return lc_txn_changed(txn, path, err);
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", path,
		                    "somebody else edits this file");
	return lc_txn_fail(txn, rc, "prepare", path,
	                   rc == -EBADMSG ? "what was staged for it is damaged"
	                                  : lc_txn_patch_why(rc),
	                   err);
}

int lc_txn_hold(struct commit_txn *txn, struct lc_change_list *list, struct commit_error *err)
{
	size_t i;
	int rc = 0;

	txn->held = calloc(list->count + 1, sizeof *txn->held);
	if (!txn->held)
		return lc_txn_fail(txn, -ENOMEM, "prepare", txn->id, NULL, err);
	for (i = 0; i < list->count && !rc; i++) {
		if (!lc_change_is_patch(&list->items[i]))
			continue;
		rc = hold(txn, &list->items[i]);
		if (rc)
			rc = fail(txn, rc, list->items[i].path, err);
	}
	return rc;
}

void lc_txn_let_go(struct commit_txn *txn)
{
	size_t i;

	for (i = 0; i < txn->held_count; i++)
		lc_sys_drop(&txn->held[i].fd);
	free(txn->held);
	txn->held = NULL;
	txn->held_count = 0;
}
