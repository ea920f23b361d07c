/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "copy.h"
#include "error.h"
#include "lock.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT_SIZE 128
#define FORMAT_NEW "format.new"
#define FORMAT_START "libcommit store\nversion "
#define VERSION 1

/*
 * The directory's own inode is part of the format: a store that was moved is
 * the same one, a copy is not.
 */
static int format_text(int home, char text[FORMAT_SIZE])
{
	struct stat st;
	uint64_t fs;
	int rc = lc_sys_fstat(home, &st);

	if (!rc)
		rc = lc_sys_fs_id(home, &fs);
	if (!rc)
		snprintf(text, FORMAT_SIZE,
		         FORMAT_START "%d\nfs %016" PRIx64 "\ninode %" PRIu64 "\n", VERSION, fs,
		         (uint64_t)st.st_ino);
	return rc;
}

/* -ENOENT: not finished; -EPROTONOSUPPORT: another version; -EXDEV: a copy. */
static int check_format(int home)
{
	char wanted[FORMAT_SIZE], text[FORMAT_SIZE];
	ssize_t length;
	int fd = lc_sys_open(home, "format", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return fd;
	length = lc_copy_read(fd, text, sizeof text - 1, 0);
	lc_sys_drop(&fd);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	if (strncmp(text, FORMAT_START, strlen(FORMAT_START)) != 0)
		return -EBADMSG;
	if (strtoul(text + strlen(FORMAT_START), NULL, 10) != VERSION)
		return -EPROTONOSUPPORT;
	rc = format_text(home, wanted);
	if (rc)
		return rc;
	return strcmp(text, wanted) == 0 ? 0 : -EXDEV;
}

static int write_file(int dirfd, const char *name, const char *text)
{
	off_t at = 0;
	int fd = lc_sys_create(dirfd, name, O_WRONLY, 0600);
	int rc = fd == -EEXIST ? lc_sys_unlink(dirfd, name) : 0;

	if (fd == -EEXIST && !rc)
		fd = lc_sys_create(dirfd, name, O_WRONLY, 0600);
	if (rc || fd < 0)
		return rc ? rc : fd;
	rc = lc_copy_bytes(fd, &at, text, strlen(text));
	lc_sys_drop(&fd);
	return rc;
}

static int make_directory(int dirfd, const char *name, int *fd)
{
	int rc = lc_sys_mkdir(dirfd, name, 0700);

	if (rc && rc != -EEXIST)
		return rc;
	*fd = lc_sys_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return *fd < 0 ? *fd : 0;
}

/* Without a format there was never a commit: what is in the log is a first try. */
static int clear_directory(int fd)
{
	int copy = lc_sys_dup(fd), rc = 0;
	struct dirent *entry;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;

	if (!dir) {
		lc_sys_drop(&copy);
		return copy < 0 ? copy : -ENOMEM;
	}
	lc_sys_forget(copy);
	while (!rc && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			rc = lc_sys_unlink(fd, entry->d_name);
	closedir(dir);
	return rc;
}

/* With the lock held. One flush of the file system covers all that is new. */
static int make_content(struct commit_store *store)
{
	struct lc_log_options options;
	char text[FORMAT_SIZE];
	int rc = clear_directory(store->logs);

	lc_log_options_init(&options);
	options.segment_size = LC_STORE_SEGMENT;
	if (!rc)
		rc = lc_log_create(store->logs, &options);
	if (!rc)
		rc = write_file(store->home, ".gitignore", "*\n");
	if (!rc)
		rc = format_text(store->home, text);
	if (!rc)
		rc = write_file(store->home, FORMAT_NEW, text);
	if (!rc)
		rc = lc_sys_syncfs(store->home);
	if (!rc)
		rc = lc_sys_rename(store->home, FORMAT_NEW, store->home, "format");
	return rc;
}

static int open_lock(struct commit_store *store, int create)
{
	int flags = (store->look_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;

	store->lock = lc_sys_open(store->home, "lock", flags);
	if (store->lock == -ENOENT && create) {
		store->lock = lc_sys_create(store->home, "lock", O_RDWR, 0600);
		if (store->lock == -EEXIST)
			store->lock = lc_sys_open(store->home, "lock", flags);
	}
	return store->lock < 0 ? store->lock : 0;
}

static int complete_store(struct commit_store *store)
{
	int rc = lc_lock_acquire(store->lock, lc_lock_deadline(store->opt.wait_ms),
	                         store->opt.cancel_fd);

	if (rc && !lc_lock_unsupported(rc))
		return rc;
	/* Somebody else may have made it while we waited. */
	rc = check_format(store->home);
	if (rc == -ENOENT)
		rc = make_content(store);
	lc_sys_unlock(store->lock);
	return rc;
}

/* The store belongs to whom the tree belongs to. */
static int make_home(struct commit_store *store)
{
	struct stat root, home;
	int rc = make_directory(store->root, LC_STORE_NAME, &store->home);

	if (!rc)
		rc = lc_sys_fstat(store->root, &root);
	if (!rc)
		rc = lc_sys_fstat(store->home, &home);
	if (!rc && geteuid() == 0 && home.st_uid != root.st_uid)
		rc = -EPERM;
	return rc;
}

static int check_owner(const struct commit_store *store)
{
	struct stat st;
	int rc = lc_sys_fstat(store->home, &st);

	if (rc)
		return rc;
	return st.st_uid == geteuid() && (st.st_mode & 022) == 0 ? 0 : -EPERM;
}

static int open_parts(struct commit_store *store, int create)
{
	int rc = open_lock(store, create);

	if (!rc && create) {
		rc = make_directory(store->home, "stage", &store->stage);
		if (!rc)
			rc = make_directory(store->home, "log", &store->logs);
		if (!rc)
			rc = complete_store(store);
		return rc;
	}
	if (!rc)
		rc = check_format(store->home);
	if (!rc)
		rc = store->stage =
		        lc_sys_open(store->home, "stage", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (rc >= 0)
		rc = store->logs =
		        lc_sys_open(store->home, "log", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return rc < 0 ? rc : 0;
}

static int open_home(struct commit_store *store, unsigned flags)
{
	int create = (flags & COMMIT_STORE_CREATE) != 0;
	int rc;

	store->home = lc_sys_open(store->root, LC_STORE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = store->home;
	if (rc == -ENOENT && create)
		rc = make_home(store);
	if (rc >= 0)
		rc = check_owner(store);
	return rc ? rc : open_parts(store, create);
}

static int refuse(const struct commit_store *store, int rc, struct commit_error *err)
{
	switch (rc) {
	case -ENOENT:
		return lc_store_fail(store, rc, "open store",
		                     "there is no store here (commit-txn init makes one)", err);
	case -EPERM:
		return lc_store_fail(store, rc, "open store",
		                     "the tree or its store belongs to another user, or others may "
		                     "write the store",
		                     err);
	case -EPROTONOSUPPORT:
		return lc_store_fail(store, rc, "open store", "made by another version", err);
	case -EXDEV:
		return lc_error_set(err, COMMIT_ECONFLICT, EXDEV, "open store", store->path,
		                    "is a copy of another store and is never replayed; if it is "
		                    "not needed, remove .commit");
	case -EBADMSG:
		return lc_error_set(err, COMMIT_ECONFLICT, EBADMSG, "open store", store->path,
		                    "its format file is damaged");
	case -EWOULDBLOCK:
		return lc_error_set(err, COMMIT_EBUSY, EWOULDBLOCK, "lock", store->path,
		                    "another process is making the store (--wait)");
	default:
		return lc_store_fail(store, rc, "open store", NULL, err);
	}
}

int lc_store_open(struct commit_store **out, const char *root, unsigned flags,
                  const struct commit_store_options *opt, struct commit_error *err)
{
	struct commit_store *store = calloc(1, sizeof *store);
	int rc;

	if (!store)
		return lc_error_set(err, COMMIT_EFAILED, ENOMEM, "open store", root, NULL);
	if (opt)
		store->opt = *opt;
	else
		commit_store_options_init(&store->opt);
	store->look_only = (flags & COMMIT_STORE_LOOK) != 0;
	store->home = store->stage = store->logs = store->lock = -1;
	rc = store->root = lc_sys_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
	store->path = realpath(root, NULL);
	if (rc < 0 || !store->path) {
		lc_store_close(store);
		return lc_error_set(err, COMMIT_EFAILED, rc < 0 ? -rc : errno, "open", root, NULL);
	}
	rc = open_home(store, flags);
	if (rc) {
		rc = refuse(store, rc, err);
		lc_store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}
