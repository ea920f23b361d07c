/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "beneath.h"
#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_lock(struct commit_store *store, int create)
{
	int flags = (store->look_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_NONBLOCK;
	int rc = 0;

	store->lock = lc_sys_open(store->home, "lock", flags);
	if (store->lock == -ENOENT && create) {
		store->lock = lc_sys_create(store->home, "lock", O_RDWR, 0600);
		if (store->lock == -EEXIST)
			store->lock = lc_sys_open(store->home, "lock", flags);
		else if (store->lock >= 0)
			rc = lc_store_share(store, store->lock, LC_STORE_GROUP_FILE);
	}
	return store->lock < 0 ? store->lock : rc;
}

static int is_member(gid_t group)
{
	gid_t *groups;
	int count, found = group == getegid();

	count = getgroups(0, NULL);
	groups = count > 0 ? calloc((size_t)count, sizeof *groups) : NULL;
	if (groups)
		count = getgroups(count, groups);
	while (groups && !found && count > 0)
		found = groups[--count] == group;
	free(groups);
	return found;
}

/*
 * The mode of a directory says nothing of what its owner wants: that a group
 * may write the store stands in its format, which only the owner has written.
 * Of a group's store nobody is the superuser: what its members have written there
 * would be carried out with rights that none of them has.
 */
static int check_group(const struct commit_store *store, const struct stat *home,
                       const struct stat *root)
{
	struct lc_store_format format;
	struct stat st;
	int rc = lc_sys_lstat(store->home, "format", &st);

	if (!rc)
		rc = lc_store_read_format(store->home, &format);
	/* Somebody else's, whatever is in it. */
	if (rc)
		return rc == -EPROTONOSUPPORT ? rc : -EPERM;
	if (!format.grouped || st.st_uid != home->st_uid || format.group != home->st_gid ||
	    root->st_gid != home->st_gid || home->st_uid != root->st_uid ||
	    (home->st_mode & 007) != 0)
		return -EPERM;
	if (geteuid() == 0)
		return format.group == 0 && home->st_uid == 0 ? 0 : -EACCES;
	return home->st_uid == geteuid() || is_member(format.group) ? 0 : -EPERM;
}

static int check_owner(const struct commit_store *store)
{
	struct stat home, root;
	int rc = lc_sys_fstat(store->home, &home);

	if (!rc)
		rc = lc_sys_fstat(store->root, &root);
	if (rc)
		return rc;
	/* Whoever owns the tree decides what its paths are. */
	if (geteuid() == 0 && root.st_uid != 0)
		return check_group(store, &home, &root);
	if (home.st_uid == geteuid() && (home.st_mode & 022) == 0)
		return 0;
	return check_group(store, &home, &root);
}

static int open_part(const struct commit_store *store, const char *name, int *fd)
{
	*fd = lc_sys_open(store->home, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	return *fd < 0 ? *fd : 0;
}

static int open_parts(struct commit_store *store, int create)
{
	int rc = open_lock(store, create);

	if (!rc && create)
		return lc_store_complete(store);
	if (!rc)
		rc = lc_store_read_format(store->home, &store->format);
	if (!rc)
		rc = lc_store_check_format(store, &store->format);
	if (!rc)
		rc = open_part(store, "stage", &store->stage);
	if (!rc)
		rc = open_part(store, "log", &store->logs);
	if (!rc) {
		rc = open_part(store, "history", &store->history);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc;
}

/* Paths in the log begin with `.commit/` wherever that is. */
static int bind_home(struct commit_store *store)
{
	int rc;

	if (!store->elsewhere)
		return 0;
	rc = lc_beneath_bind(store->root, LC_STORE_NAME, store->home);
	store->bound = rc == 0;
	return rc;
}

static int open_home(struct commit_store *store, unsigned flags)
{
	int create = (flags & COMMIT_STORE_CREATE) != 0;
	char above[PATH_MAX];
	int rc;

	store->home = lc_sys_open(store->root, LC_STORE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = store->home < 0 ? store->home : 0;
	if (rc == -ENOTDIR)
		rc = lc_store_follow_link(store);
	if (rc == -ENOENT && create)
		rc = lc_store_above(store->path, above) ? -EALREADY : lc_store_make_home(store);
	if (!rc)
		rc = check_owner(store);
	if (!rc)
		rc = open_parts(store, create);
	return rc ? rc : bind_home(store);
}

static int refuse(const struct commit_store *store, int rc, struct commit_error *err)
{
	char above[PATH_MAX];

	switch (rc) {
	case -EALREADY:
		if (!lc_store_above(store->path, above))
			strcpy(above, "?");
		return lc_error_format(
		        err, COMMIT_EREFUSED, EEXIST, "make store", store->path,
		        "lies in the tree of the store of %.400s, and a tree has one "
		        "store; use that one (-C)",
		        above);
	case -ENOENT:
		return lc_store_fail(store, rc, "open store",
		                     "there is no store here (commit-txn init makes one)", err);
	case -EPERM:
		return lc_store_fail(store, rc, "open store",
		                     "the tree or its store belongs to another user, or others may "
		                     "write the store",
		                     err);
	case -EACCES:
		return lc_store_fail(store, rc, "open store",
		                     geteuid() == 0
		                             ? "is a group's store, whose members the superuser "
		                               "does not obey; work as one of them"
		                             : NULL,
		                     err);
	case -EINVAL:
		return lc_store_fail(
		        store, rc, "make store",
		        "the store's directory and the root must not lie in each other", err);
	case -ENOTEMPTY:
		return lc_store_fail(store, rc, "make store",
		                     "there is something else in the directory for the store", err);
	case -ESTALE:
		return lc_error_format(err, COMMIT_ECONFLICT, ESTALE, "open store", store->path,
		                       "its store is not there any more: %s", store->elsewhere);
	case -EPROTONOSUPPORT:
		return lc_store_fail(store, rc, "open store", "made by another version", err);
	case -EXDEV:
		if (store->layout && store->layout->directory && !store->linked && store->lock >= 0)
			return lc_store_fail(store, -EEXIST, "make store",
			                     "the directory for the store is that of another root",
			                     err);
		if (store->layout && store->layout->directory && store->home < 0)
			return lc_store_fail(
			        store, rc, "make store",
			        "the directory for the store is on another file system, "
			        "or renames do not lead there",
			        err);
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

int lc_store_open_as(struct commit_store **out, const char *root, unsigned flags,
                     const struct commit_store_layout *layout,
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
	store->layout = layout;
	store->home = store->stage = store->logs = store->history = store->lock = -1;
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
	store->layout = NULL;
	*out = store;
	return 0;
}

int lc_store_open(struct commit_store **out, const char *root, unsigned flags,
                  const struct commit_store_options *opt, struct commit_error *err)
{
	return lc_store_open_as(out, root, flags, NULL, opt, err);
}
