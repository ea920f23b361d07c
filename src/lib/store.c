/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "error.h"
#include "lock.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static void log_options(const struct commit_store *store, struct lc_log_options *options)
{
	lc_log_options_init(options);
	options->segment_size = LC_STORE_SEGMENT;
	options->look_only = store->look_only;
}

int lc_store_enter(struct commit_store *store, struct commit_error *err)
{
	struct lc_log_options options;
	struct lc_log_report report;
	int rc = lc_lock_acquire(store->lock, lc_lock_deadline(store->opt.wait_ms),
	                         store->opt.cancel_fd);

	if (rc == -EWOULDBLOCK)
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
		                    "another transaction is being committed (--wait)");
	if (rc && !lc_lock_unsupported(rc))
		return lc_store_fail(store, rc, "lock", NULL, err);
	log_options(store, &options);
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

void lc_store_leave(struct commit_store *store)
{
	lc_log_close(store->log);
	store->log = NULL;
	lc_sys_unlock(store->lock);
}

int lc_store_each_stage(const struct commit_store *store,
                        int (*found)(void *context, const char *name), void *context)
{
	int fd = lc_sys_open(store->stage, ".", O_RDONLY | O_DIRECTORY);
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		lc_sys_drop(&fd);
		return -ENOMEM;
	}
	lc_sys_forget(fd);
	while (rc == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = found(context, entry->d_name);
	closedir(dir);
	return rc;
}

static int found_one(void *context, const char *name)
{
	(void)context;
	(void)name;
	return 1;
}

int lc_store_has_stages(const struct commit_store *store)
{
	return lc_store_each_stage(store, found_one, NULL);
}

static int remove_entry(int dirfd, const char *name)
{
	int rc = lc_sys_unlink(dirfd, name);

	return rc == -EISDIR || rc == -EPERM ? lc_sys_rmdir(dirfd, name) : rc;
}

/* A stage is flat: directories in it are new and empty, or taken and empty. */
static int empty_stage(int fd)
{
	struct dirent *entry;
	int rc = 0, copy = lc_sys_dup(fd);
	DIR *dir;

	if (copy < 0)
		return copy;
	dir = fdopendir(copy);
	if (!dir) {
		lc_sys_drop(&copy);
		return -ENOMEM;
	}
	lc_sys_forget(copy);
	while (!rc && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_entry(fd, entry->d_name);
	closedir(dir);
	return rc;
}

int lc_store_remove_stage(const struct commit_store *store, const char *name)
{
	int fd = lc_sys_open(store->stage, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc;

	if (fd < 0)
		return fd;
	rc = empty_stage(fd);
	lc_sys_drop(&fd);
	return rc ? rc : lc_sys_rmdir(store->stage, name);
}

void lc_store_close(struct commit_store *store)
{
	if (!store)
		return;
	lc_log_close(store->log);
	lc_sys_drop(&store->logs);
	lc_sys_drop(&store->stage);
	lc_sys_drop(&store->lock);
	lc_sys_drop(&store->home);
	lc_sys_drop(&store->root);
	free(store->path);
	free(store);
}

const char *commit_store_root(const struct commit_store *store)
{
	return store->path;
}
