/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "lock.h"
#include "mount.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is made in it is the group's too. */
#define GROUP_DIRECTORY 02770

static int is_grouped(const struct commit_store *store)
{
	return store->format.grouped ||
	       (store->layout && store->layout->flags & COMMIT_LAYOUT_GROUP);
}

int lc_store_share(const struct commit_store *store, int fd, mode_t mode)
{
	struct stat st;
	int rc;

	if (!is_grouped(store))
		return 0;
	rc = lc_sys_fstat(store->root, &st);
	if (!rc)
		rc = lc_sys_fchown(fd, (uid_t)-1, st.st_gid);
	return rc ? rc : lc_sys_fchmod(fd, mode);
}

static int make_directory(struct commit_store *store, const char *name, int *fd)
{
	int rc = lc_sys_mkdir(store->home, name, 0700);
	int made = rc == 0;

	if (rc && rc != -EEXIST)
		return rc;
	*fd = lc_sys_open(store->home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (*fd < 0)
		return *fd;
	return made ? lc_store_share(store, *fd, GROUP_DIRECTORY) : 0;
}

int lc_store_make_history(struct commit_store *store)
{
	return store->history >= 0 ? 0 : make_directory(store, "history", &store->history);
}

static int remove_name(void *context, const char *name)
{
	const int *fd = context;

	return lc_sys_unlink(*fd, name);
}

int lc_store_is_part(const char *name)
{
	static const char *const parts[] = {"format",  "config", "lock",      "log",
	                                    "history", "stage",  ".gitignore"};
	size_t i;

	for (i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strcmp(name, parts[i]) == 0)
			return 1;
	return 0;
}

/* What a first try may have left in the directory that will be the store. */
static int check_name(void *context, const char *name)
{
	(void)context;
	return lc_store_is_part(name) || strcmp(name, "format.new") == 0 ||
	                       strcmp(name, "config.new") == 0 || strcmp(name, "link.new") == 0
	               ? 0
	               : -ENOTEMPTY;
}

static int write_gitignore(struct commit_store *store)
{
	int fd = lc_sys_create(store->home, ".gitignore", O_WRONLY, 0600);
	ssize_t done;

	if (fd < 0)
		return fd == -EEXIST ? 0 : fd;
	done = lc_sys_write(fd, "*\n", 2);
	lc_sys_drop(&fd);
	return done < 0 ? (int)done : 0;
}

static int flush_home(int home)
{
	struct lc_sys_traits traits;

	if (lc_sys_fs_traits(home, &traits) == 0 && traits.syncs)
		return lc_sys_syncfs(home);
	return lc_mount_flush_below(home);
}

/*
 * With the lock held. One flush of the file system covers all that is new; the
 * format is last, and the group gets in after that.
 */
static int make_content(struct commit_store *store)
{
	struct lc_log_options options;
	struct lc_store_format format = {0};
	int rc;

	/* Without a format there was never a commit: what is in the log is a first try. */
	rc = lc_store_each_name(store->logs, remove_name, &store->logs);
	lc_log_options_init(&options);
	options.segment_size = LC_STORE_SEGMENT;
	options.unflushed = 1;
	if (!rc)
		rc = lc_log_create(store->logs, &options);
	if (!rc)
		rc = write_gitignore(store);
	if (!rc)
		rc = lc_store_new_format(store, &format);
	if (!rc)
		rc = lc_store_write_format(store, &format);
	if (!rc)
		rc = flush_home(store->home);
	if (!rc)
		rc = lc_store_place_format(store);
	if (!rc)
		store->format = format;
	return rc;
}

static int is_closed_to_group(const struct commit_store *store, const struct stat *home)
{
	return store->format.grouped && home->st_uid == geteuid() &&
	       ((home->st_mode & 07777) != GROUP_DIRECTORY || home->st_gid != store->format.group);
}

/* Also of one that was killed before its last step. */
static int open_to_others(struct commit_store *store)
{
	struct stat st;
	int rc = lc_sys_fstat(store->home, &st);

	if (!rc && is_closed_to_group(store, &st))
		rc = lc_store_share(store, store->home, GROUP_DIRECTORY);
	if (!rc && store->elsewhere && !store->linked)
		rc = lc_store_write_link(store);
	return rc;
}

static int complete_locked(struct commit_store *store)
{
	/* Somebody else may have made it while we waited. */
	int rc = lc_store_read_format(store->home, &store->format);

	if (rc == -ENOENT)
		rc = make_content(store);
	else if (!rc)
		rc = lc_store_check_format(store, &store->format);
	return rc ? rc : open_to_others(store);
}

/* Whoever reads the tree has the lock, and need not be waited for. */
static int is_complete(struct commit_store *store)
{
	struct stat st;

	return lc_store_read_format(store->home, &store->format) == 0 &&
	       lc_store_check_format(store, &store->format) == 0 &&
	       lc_sys_fstat(store->home, &st) == 0 && !is_closed_to_group(store, &st) &&
	       (!store->elsewhere || store->linked);
}

int lc_store_complete(struct commit_store *store)
{
	int rc = make_directory(store, "stage", &store->stage);

	if (!rc)
		rc = make_directory(store, "log", &store->logs);
	if (!rc)
		rc = lc_store_make_history(store);
	/* Of one that was killed after the link, before it was done. */
	if (!rc && store->linked)
		lc_sys_unlink(store->home, "link.new");
	if (!rc && is_complete(store))
		return 0;
	if (!rc)
		rc = lc_lock_acquire(store->lock, lc_lock_deadline(store->opt.wait_ms),
		                     store->opt.cancel_fd);
	if (rc && !lc_lock_unsupported(rc))
		return rc;
	rc = complete_locked(store);
	lc_sys_unlock(store->lock);
	return rc;
}

/* The store belongs to whom the tree belongs to. */
static int check_new_owner(const struct commit_store *store)
{
	struct stat root, home;
	int rc = lc_sys_fstat(store->root, &root);

	if (!rc)
		rc = lc_sys_fstat(store->home, &home);
	if (!rc && geteuid() == 0 && home.st_uid != root.st_uid)
		rc = -EPERM;
	return rc;
}

static int is_inside(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return 1;
	return strncmp(path, directory, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* The absolute path of a directory of which the last component may be missing. */
static int resolve(const char *name, char path[PATH_MAX], int *exists)
{
	char *copy = strdup(name), *slash, *found;
	size_t length = copy ? strlen(copy) : 0;

	if (!copy)
		return -ENOMEM;
	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = '\0';
	found = realpath(copy, path);
	*exists = found != NULL;
	if (found || errno != ENOENT) {
		free(copy);
		return found ? 0 : -errno;
	}
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	found = realpath(slash == copy ? "/" : slash ? copy : ".", path);
	length = found ? strlen(path) : 0;
	if (found && length + strlen(slash ? slash + 1 : copy) + 2 > PATH_MAX)
		errno = ENAMETOOLONG;
	else if (found)
		snprintf(path + length, PATH_MAX - length, "%s%s", length > 1 ? "/" : "",
		         slash ? slash + 1 : copy);
	free(copy);
	return found ? 0 : -errno;
}

/* Renames between the two must work; which can be asked without a file to rename. */
static int check_reach(const struct commit_store *store, int dir)
{
	struct stat here, there;
	int rc = lc_sys_fstat(store->root, &here);

	if (!rc)
		rc = lc_sys_fstat(dir, &there);
	if (!rc && here.st_dev != there.st_dev)
		rc = -EXDEV;
	if (!rc)
		rc = lc_sys_rename(dir, ".commit-not-there", store->root, ".commit-not-there");
	return rc == -ENOENT ? 0 : rc;
}

/* All that can be found out before anything is made. */
static int check_directory(struct commit_store *store, const char *path, int exists)
{
	char parent[PATH_MAX];
	int fd, rc;

	if (is_inside(path, store->path) || is_inside(store->path, path))
		return -EINVAL;
	strcpy(parent, path);
	if (!exists)
		*(strrchr(parent, '/') == parent ? parent + 1 : strrchr(parent, '/')) = '\0';
	fd = lc_sys_open(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	rc = check_reach(store, fd);
	if (!rc && exists)
		rc = lc_store_each_name(fd, check_name, NULL);
	lc_sys_drop(&fd);
	return rc;
}

static int make_elsewhere(struct commit_store *store)
{
	char path[PATH_MAX];
	int exists;
	int rc = resolve(store->layout->directory, path, &exists);

	if (!rc)
		rc = check_directory(store, path, exists);
	if (!rc && !exists)
		rc = lc_sys_mkdir(AT_FDCWD, path, 0700);
	if (rc)
		return rc;
	store->elsewhere = strdup(path);
	if (!store->elsewhere)
		return -ENOMEM;
	store->home = lc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return store->home < 0 ? store->home : check_new_owner(store);
}

int lc_store_make_home(struct commit_store *store)
{
	int rc;

	if (store->layout && store->layout->directory)
		return make_elsewhere(store);
	rc = lc_sys_mkdir(store->root, LC_STORE_NAME, 0700);
	if (rc && rc != -EEXIST)
		return rc;
	store->home = lc_sys_open(store->root, LC_STORE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return store->home < 0 ? store->home : check_new_owner(store);
}
