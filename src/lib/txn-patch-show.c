/* SPDX-License-Identifier: ISC */
/*
 * A file that is edited in place, as it will be: for who wants to read it before
 * the commit. A clone where the file system makes one, else a copy.
 */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "copy.h"
#include "publish.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define SHOWN "shown-"

int lc_txn_is_shown(const char *name)
{
	return strncmp(name, SHOWN, strlen(SHOWN)) == 0;
}

static const struct lc_change *first_patch(const struct lc_change_list *metas)
{
	size_t i;

	for (i = 0; metas && i < metas->count; i++)
		if (lc_change_is_patch(&metas->items[i]))
			return &metas->items[i];
	return NULL;
}

static int write_range(const struct commit_txn *txn, const struct lc_change *c, int copy)
{
	struct lc_patch patch;
	int contents = lc_beneath_open(txn->store->root, c->place, O_RDONLY | O_NONBLOCK);
	int rc = contents < 0 ? contents : lc_change_get_patch(c, &patch);

	if (!rc)
		rc = lc_publish_patch_write(copy, contents, &patch);
	if (!rc && c->after.size < c->before.size)
		rc = lc_sys_ftruncate(copy, (off_t)c->after.size);
	lc_sys_drop(&contents);
	return rc;
}

static int fill(const struct commit_txn *txn, const struct lc_change_list *metas, const char *real,
                int copy)
{
	int from = lc_beneath_open(txn->store->root, real, O_RDONLY | O_NONBLOCK);
	off_t end = 0;
	size_t i;
	int rc = from < 0 ? from : lc_copy_all(from, copy, &end, txn->store->opt.cancel_fd);

	lc_sys_drop(&from);
	for (i = 0; i < metas->count && !rc; i++)
		if (lc_change_is_patch(&metas->items[i]))
			rc = write_range(txn, &metas->items[i], copy);
	return rc;
}

/* Anew each time: an operation may have come between. */
static int make_copy(struct commit_txn *txn, const struct lc_change_list *metas,
                     struct lc_node *node, int dir, const char *name, struct commit_error *err)
{
	int copy = -1, rc = lc_sys_unlink(dir, name);

	rc = rc == -ENOENT ? 0 : rc;
	if (!rc)
		rc = copy = lc_sys_create(dir, name, O_RDWR, 0600);
	if (rc < 0)
		return lc_txn_fail(txn, rc, "copy", node->real, NULL, err);
	rc = fill(txn, metas, node->real, copy);
	if (rc)
		rc = lc_txn_fail(txn, rc, "copy", node->real, NULL, err);
	else
		rc = lc_txn_keep_metadata(txn->store, node->real, copy, err);
	lc_sys_drop(&copy);
	return rc;
}

int lc_txn_show(struct commit_txn *txn, const char *path, struct lc_node *node,
                struct commit_error *err)
{
	const struct lc_change_list *metas = lc_view_metas(txn->view, path);
	const struct lc_change *first = first_patch(metas);
	char name[64];
	size_t at;
	int dir, rc;

	if (!first)
		return 0;
	at = lc_txn_stage_of(txn, first->place);
	dir = at < txn->mounts.count ? lc_txn_stage_on(txn, at) : -ENODEV;
	if (dir < 0)
		return lc_txn_fail(txn, dir, "copy", path, NULL, err);
	snprintf(name, sizeof name, SHOWN "%s", strrchr(first->place, '/') + 1);
	rc = make_copy(txn, metas, node, dir, name, err);
	if (!rc)
		snprintf(node->real, sizeof node->real, "%s/%s", txn->stages[at].path, name);
	return rc;
}
