/* SPDX-License-Identifier: ISC */
/*
 * Is history whole? Each commit that is kept has a list of steps, and each old
 * version that this names is there, is what it was, and can be read to its end.
 */
#include "config.h"

#include "txn-keep.h"

#include "copy.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HISTORY LC_STORE_NAME "/history/"

struct shelf {
	const struct commit_store *store;
	lc_txn_breach *found;
	void *context;
};

static int tell(const struct shelf *shelf, int invariant, const char *id, const char *name,
                const char *reason)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, HISTORY "%s%s%s", id, *name ? "/" : "", name);
	shelf->found(shelf->context, invariant, path, reason);
	return 0;
}

/*
 * 0, -EIO and the like: what the disk says; what may not be read cannot be told.
 * -EBADMSG: of an edit in place it is known what they should be.
 */
static int read_all(const struct shelf *shelf, int dir, const char *name, const struct stat *st,
                    const struct lc_change *c)
{
	struct lc_digest digest;
	struct lc_patch patch;
	int rc, fd;

	if (!S_ISREG(st->st_mode))
		return 0;
	fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd == -EACCES ? 0 : fd;
	rc = lc_copy_digest(fd, 0, st->st_size, &digest, shelf->store->opt.cancel_fd);
	lc_sys_drop(&fd);
	if (!rc && lc_change_is_patch(c) && lc_change_get_patch(c, &patch) == 0 &&
	    memcmp(digest.bytes, patch.digest.bytes, sizeof digest.bytes) != 0)
		rc = -EBADMSG;
	return rc;
}

static int check_old(const struct shelf *shelf, int dir, const char *id, const struct lc_change *c)
{
	char name[LC_KEEP_NAME_SIZE];
	struct stat st;
	int rc = lc_keep_find(dir, c, id, name, &st);

	if (rc == -ENOENT)
		return tell(shelf, 3, id, name, "an old version that was kept is not there");
	if (rc == -EBADMSG)
		return tell(shelf, 2, id, name, "is not the old version that was kept");
	if (rc < 0)
		return rc;
	rc = read_all(shelf, dir, name, &st, c);
	if (rc == -EBADMSG)
		return tell(shelf, 2, id, name, "is not what was kept of an edit in place");
	if (rc == -ENODATA || rc == -EIO)
		return tell(shelf, 2, id, name, "an old version that was kept cannot be read");
	return rc;
}

static int check_commit(const struct shelf *shelf, const char *id, uint64_t number)
{
	struct lc_change_list list = {NULL, 0, 0};
	struct commit_txn_info info;
	int dir = lc_sys_open(shelf->store->history, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	int rc = dir < 0 ? dir : lc_steps_read(dir, number, &info, &list);
	size_t i;

	if (rc == -ENOTDIR || rc == -ELOOP)
		rc = tell(shelf, 2, id, "", "is no directory");
	else if (rc == -ENOENT || rc == -EBADMSG || rc == -EIO)
		rc = tell(shelf, 2, id, LC_KEEP_STEPS,
		          "the list of steps is damaged, or not there");
	for (i = 0; i < list.count && !rc; i++)
		if (lc_keep_name(&list.items[i], id))
			rc = check_old(shelf, dir, id, &list.items[i]);
	lc_change_list_release(&list);
	lc_sys_drop(&dir);
	return rc;
}

static int check_name(void *context, const char *name)
{
	const struct shelf *shelf = context;
	uint64_t number = lc_txn_number(name);

	if (number)
		return check_commit(shelf, name, number);
	if (lc_index_is_part(name))
		return 0;
	return tell(shelf, 4, name, "", "not a part of history");
}

int lc_keep_check(const struct commit_store *store, lc_txn_breach *found, void *context)
{
	const struct shelf shelf = {store, found, context};
	int rc = store->history < 0 ? -ENOENT : lc_index_check(store);

	if (rc == -ENOENT)
		return 0;
	if (rc == -EBADMSG)
		rc = tell(&shelf, 2, "index", "", "a record in it is damaged");
	return rc ? rc : lc_store_each_name(store->history, check_name, (void *)&shelf);
}
