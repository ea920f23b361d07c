/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>

/* On a read-only file system nothing can be finished, but it can be seen that it is not. */
static int open_to_look(struct commit_store **store, const char *root,
                        const struct commit_store_options *opt, struct commit_error *err)
{
	int rc = commit_store_open(store, root, COMMIT_STORE_LOOK, opt, err);

	if (rc == 0 && lc_store_has_stages(*store) > 0) {
		commit_store_close(*store);
		return lc_error_set(err, COMMIT_EPENDING, EROFS, "read", root,
		                    "a transaction may be unfinished, and the tree cannot be "
		                    "written to finish it");
	}
	return rc;
}

/* Polled like the exclusive lock: a wait in flock(2) could not be cancelled. */
static int share(int fd, const struct commit_store_options *opt)
{
	int64_t deadline = lc_lock_deadline(opt->wait_ms);
	int rc;

	for (;;) {
		rc = lc_sys_lock_shared(fd);
		if (rc != -EWOULDBLOCK)
			return rc;
		if (lc_sys_clock_ms() >= deadline)
			return rc;
		rc = lc_sys_wait(-1, opt->cancel_fd, 5);
		if (rc != -ETIMEDOUT)
			return rc;
	}
}

/* A descriptor of its own, for whoever runs under it: with no O_CLOEXEC. */
static int take_lock(struct commit_store *store, int *fd, struct commit_error *err)
{
	int lock = lc_sys_open(store->home, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int rc = lock < 0 ? lock : share(lock, &store->opt);

	if (rc && !lc_lock_unsupported(rc)) {
		lc_sys_drop(&lock);
		if (rc == -EWOULDBLOCK)
			return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
			                    "a transaction is being committed (--wait)");
		return lc_store_fail(store, rc, "lock", NULL, err);
	}
	rc = fcntl(lock, F_SETFD, 0);
	if (rc < 0) {
		rc = -errno;
		lc_sys_drop(&lock);
		return lc_store_fail(store, rc, "lock", NULL, err);
	}
	lc_sys_forget(lock);
	*fd = lock;
	return 0;
}

int commit_store_share(const char *root, const struct commit_store_options *opt, int *fd,
                       struct commit_error *err)
{
	struct commit_store *store;
	struct commit_error first = COMMIT_ERROR_INIT;
	int rc = commit_store_open(&store, root, 0, opt, &first);

	if (rc == COMMIT_EFAILED && (first.errnum == EROFS || first.errnum == EACCES))
		rc = open_to_look(&store, root, opt, &first);
	if (rc) {
		if (err)
			*err = first;
		return rc;
	}
	rc = take_lock(store, fd, err);
	commit_store_close(store);
	return rc;
}
