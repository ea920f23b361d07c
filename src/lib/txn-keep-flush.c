/* SPDX-License-Identifier: ISC */
/*
 * The syncfs that follows publishing takes along what history needs. Where none
 * is believed that is flushed file by file, before the complete record: after it
 * nobody makes it again.
 */
#include "config.h"

#include "txn-keep.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>

static int is_believed(const struct commit_store *store)
{
	struct lc_sys_traits traits;

	return lc_sys_fs_traits(store->home, &traits) == 0 && traits.syncs;
}

/* An old version too: whoever has written it need not have flushed it. */
static int flush_one(void *context, const char *name)
{
	const int *dir = context;
	struct stat st;
	int fd, rc = lc_sys_lstat(*dir, name, &st);

	if (rc || !S_ISREG(st.st_mode))
		return rc;
	fd = lc_sys_open(*dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	/* Nobody but root reads what its owner may not read. */
	if (fd < 0)
		return fd == -EACCES ? 0 : fd;
	rc = lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

/* Without its list of steps nothing of a stage is kept. */
static int flush_stage(const struct commit_store *store, const char *id)
{
	int dir = lc_sys_open(store->stage, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	struct stat st;
	int rc = dir < 0 ? dir : lc_sys_lstat(dir, LC_KEEP_STEPS, &st);

	if (!rc) {
		rc = lc_store_each_name(dir, flush_one, &dir);
		if (!rc)
			rc = lc_mount_flush_directory(dir, dir);
	}
	lc_sys_drop(&dir);
	return rc == -ENOENT ? 0 : rc;
}

int lc_keep_flush(const struct commit_store *store, const struct lc_logged *const *done,
                  size_t count)
{
	size_t i;
	int rc = 0;

	if (is_believed(store))
		return 0;
	for (i = 0; i < count && !rc && lc_keep_is_on(store); i++)
		rc = flush_stage(store, done[i]->info.id);
	return rc ? rc : lc_index_flush(store);
}
