/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "beneath.h"
#include "dir.h"
#include "error.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_WAIT_MS 60000

void commit_store_options_init(struct commit_store_options *opt)
{
	memset(opt, 0, sizeof *opt);
	opt->size = sizeof *opt;
	opt->wait_ms = DEFAULT_WAIT_MS;
	opt->cancel_fd = -1;
}

int lc_store_fail(const struct commit_store *store, int rc, const char *operation, const char *text,
                  struct commit_error *err)
{
	return lc_error_set(err, rc == -ECANCELED ? COMMIT_ECANCELED : COMMIT_EFAILED, -rc,
	                    operation, store->path, text);
}

/* 0 if rc is a lock, or says that there are none here. */
static int judge_lock(const struct commit_store *store, int rc, struct commit_error *err)
{
	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
		                    "another transaction is being committed, or the tree is being "
		                    "read (--wait)");
	if (rc && !lc_lock_unsupported(rc))
		return lc_store_fail(store, rc, "lock", NULL, err);
	return 0;
}

int lc_store_lock_shared(struct commit_store *store, struct commit_error *err)
{
	int rc = lc_lock_share(store->lock, lc_lock_deadline(store->opt.wait_ms),
	                       store->opt.cancel_fd);

	return judge_lock(store, rc, err);
}

/* With the lock; which is given back if the log cannot be opened. */
static int open_log(struct commit_store *store, int look_only, struct commit_error *err)
{
	struct lc_log_options options;
	struct lc_log_report report;
	int rc;

	rc = lc_store_read_config(store, &store->config);
	if (rc) {
		lc_sys_unlock(store->lock);
		return rc == -EBADMSG ? lc_error_set(err, COMMIT_ECONFLICT, EBADMSG, "read config",
		                                     store->path, "its config file is damaged")
		                      : lc_store_fail(store, rc, "read config", NULL, err);
	}
	lc_log_options_init(&options);
	options.segment_size = LC_STORE_SEGMENT;
	options.look_only = look_only;
	rc = lc_log_open(store->logs, &options, &store->log, &report);
	if (rc == 0)
		return 0;
	lc_sys_unlock(store->lock);
	if (rc == -EBADMSG)
		return lc_error_format(err, COMMIT_ECONFLICT, EBADMSG, "read log", store->path,
		                       "the log is damaged at position %llu; nothing was changed",
		                       (unsigned long long)report.damaged);
	return lc_store_fail(store, rc, "read log", NULL, err);
}

int lc_store_enter_shared(struct commit_store *store, struct commit_error *err)
{
	int rc = lc_store_lock_shared(store, err);

	return rc ? rc : open_log(store, 1, err);
}

int lc_store_enter(struct commit_store *store, struct commit_error *err)
{
	int rc;

	if (store->look_only)
		return lc_store_enter_shared(store, err);
	rc = lc_lock_acquire(store->lock, lc_lock_deadline(store->opt.wait_ms),
	                     store->opt.cancel_fd);
	rc = judge_lock(store, rc, err);
	return rc ? rc : open_log(store, 0, err);
}

int lc_store_read_again(struct commit_store *store, struct commit_error *err)
{
	lc_log_close(store->log);
	store->log = NULL;
	return open_log(store, store->look_only, err);
}

void lc_store_leave(struct commit_store *store)
{
	lc_log_close(store->log);
	store->log = NULL;
	store->settled = 0;
	lc_sys_unlock(store->lock);
}

int lc_store_each_name(int dirfd, int (*found)(void *context, const char *name), void *context)
{
	return lc_dir_each(lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY), found, context);
}

int lc_store_each_stage(const struct commit_store *store,
                        int (*found)(void *context, const char *name), void *context)
{
	return lc_store_each_name(store->stage, found, context);
}

static int found_one(void *context, const char *name)
{
	(void)context;
	return name[0] != '.';
}

int lc_store_has_stages(const struct commit_store *store)
{
	return lc_store_each_stage(store, found_one, NULL);
}

int lc_store_remove_name(int dirfd, const char *name)
{
	int rc = lc_sys_unlink(dirfd, name);

	return rc == -EISDIR || rc == -EPERM ? lc_sys_rmdir(dirfd, name) : rc;
}

static int remove_one(void *context, const char *name)
{
	const int *fd = context;

	return lc_store_remove_name(*fd, name);
}

/* A stage is flat: directories in it are new and empty, or taken and empty. */
int lc_store_remove_flat(int dirfd, const char *name)
{
	int fd = lc_sys_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc;

	/* Without a journal a name may come back with another inode behind it. */
	if (fd == -ENOTDIR)
		return lc_sys_unlink(dirfd, name);
	if (fd < 0)
		return fd;
	/* First, so that nobody goes on with what is half gone if we are stopped. */
	rc = lc_store_remove_name(fd, "ops");
	if (!rc || rc == -ENOENT)
		rc = lc_store_each_name(fd, remove_one, &fd);
	lc_sys_drop(&fd);
	return rc ? rc : lc_sys_rmdir(dirfd, name);
}

int lc_store_remove_stage(const struct commit_store *store, const char *name)
{
	return lc_store_remove_flat(store->stage, name);
}

void lc_store_close(struct commit_store *store)
{
	if (!store)
		return;
	lc_log_close(store->log);
	if (store->bound)
		lc_beneath_unbind(store->root);
	lc_sys_drop(&store->history);
	lc_sys_drop(&store->logs);
	lc_sys_drop(&store->stage);
	lc_sys_drop(&store->lock);
	lc_sys_drop(&store->home);
	lc_sys_drop(&store->root);
	free(store->elsewhere);
	free(store->path);
	free(store);
}

void lc_store_where(const struct commit_store *store, const char *path, char *where, size_t size)
{
	size_t length = strlen(LC_STORE_NAME);

	if (store->elsewhere && strncmp(path, LC_STORE_NAME "/", length + 1) == 0)
		snprintf(where, size, "%s%s", store->elsewhere, path + length);
	else
		snprintf(where, size, "%s", path);
}

const char *commit_store_root(const struct commit_store *store)
{
	return store->path;
}
