/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>

/* On a read-only file system nothing can be finished, but it can be seen that it is not. */
static int open_to_share(struct commit_store **store, const char *root,
                         const struct commit_store_options *opt, struct commit_error *err)
{
	struct commit_error first = COMMIT_ERROR_INIT;
	int rc = lc_store_open(store, root, 0, opt, &first);

	if (rc == COMMIT_EFAILED && (first.errnum == EROFS || first.errnum == EACCES))
		return lc_store_open(store, root, COMMIT_STORE_LOOK, opt, err);
	if (rc && err)
		*err = first;
	return rc;
}

/*
 * Shares the lock and looks under it: what is found is what there will be as
 * long as the lock is held. An exclusive lock that becomes shared is let go in
 * between, so after recovery it is looked again.
 */
static int share_settled(struct commit_store *store, struct commit_error *err)
{
	int64_t deadline = lc_lock_deadline(store->opt.wait_ms);
	int rc;

	for (;;) {
		rc = lc_store_enter_shared(store, err);
		if (rc)
			return rc;
		rc = lc_txn_has_unfinished(store, err);
		lc_log_close(store->log);
		store->log = NULL;
		if (rc <= 0)
			break;
		lc_sys_unlock(store->lock);
		if (store->look_only)
			return lc_error_set(err, COMMIT_EPENDING, EROFS, "read", store->path,
			                    "a transaction is committed and not finished, and the "
			                    "tree cannot be written to finish it");
		rc = lc_txn_settle(store, err);
		if (rc)
			return rc;
		if (lc_sys_clock_ms() >= deadline)
			return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
			                    "transactions are being committed (--wait)");
	}
	if (rc)
		lc_sys_unlock(store->lock);
	return rc;
}

/*
 * The lock belongs to the open file, and the caller gets the descriptor that
 * took it: there is no moment without it. Whoever runs under it inherits it.
 */
static int give_lock(struct commit_store *store, int *fd, struct commit_error *err)
{
	if (fcntl(store->lock, F_SETFD, 0) < 0)
		return lc_store_fail(store, -errno, "lock", NULL, err);
	*fd = store->lock;
	lc_sys_forget(store->lock);
	store->lock = -1;
	return 0;
}

int commit_store_share(const char *root, const struct commit_store_options *opt, int *fd,
                       struct commit_error *err)
{
	struct commit_store *store;
	int rc = open_to_share(&store, root, opt, err);

	if (rc)
		return rc;
	rc = share_settled(store, err);
	if (!rc)
		rc = give_lock(store, fd, err);
	commit_store_close(store);
	return rc;
}
