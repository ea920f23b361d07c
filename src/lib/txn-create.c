/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void commit_store_layout_init(struct commit_store_layout *layout)
{
	memset(layout, 0, sizeof *layout);
	layout->size = sizeof *layout;
}

/* Is the store that is there the one that was asked for? */
static int check_layout(const struct commit_store *store, const struct commit_store_layout *layout,
                        struct commit_error *err)
{
	char path[PATH_MAX];

	if (layout->flags & COMMIT_LAYOUT_GROUP && !store->format.grouped)
		return lc_store_fail(store, -EEXIST, "make store",
		                     "there is a store already, and it is not for the group", err);
	if (!layout->directory)
		return 0;
	if (store->elsewhere && realpath(layout->directory, path) &&
	    strcmp(path, store->elsewhere) == 0)
		return 0;
	return lc_store_fail(store, -EEXIST, "make store",
	                     "there is a store already, in another place", err);
}

static int set_bound(struct commit_store *store, const struct commit_store_layout *layout,
                     struct commit_error *err)
{
	int rc;

	if (layout->bound == COMMIT_BOUND_SAME)
		return 0;
	rc = lc_lock_acquire(store->lock, lc_lock_deadline(store->opt.wait_ms),
	                     store->opt.cancel_fd);
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
		                    "another transaction is being committed (--wait)");
	store->config.bound = layout->bound;
	store->config.keep = layout->keep;
	if (!rc || lc_lock_unsupported(rc))
		rc = lc_store_write_config(store, &store->config);
	if (!rc)
		lc_keep_prune(store);
	lc_sys_unlock(store->lock);
	return rc ? lc_store_fail(store, rc, "write config", NULL, err) : 0;
}

int commit_store_create(const char *root, const struct commit_store_layout *layout,
                        const struct commit_store_options *opt, struct commit_error *err)
{
	struct commit_store *store;
	int rc;

	if (layout->size != sizeof *layout || layout->bound > COMMIT_BOUND_BYTES)
		return lc_error_set(err, COMMIT_EUSAGE, EINVAL, "make store", root,
		                    "the layout was not set up by commit_store_layout_init");
	rc = lc_store_open_as(&store, root, COMMIT_STORE_CREATE, layout, opt, err);
	if (rc)
		return rc;
	rc = check_layout(store, layout, err);
	if (!rc)
		rc = set_bound(store, layout, err);
	lc_store_close(store);
	return rc;
}
