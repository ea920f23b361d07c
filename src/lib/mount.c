/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mount.h"

#include "bytes.h"
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FS_ID_SIZE 8

static int describe_top(struct lc_mount *mount)
{
	struct stat st;
	int rc = lc_sys_mount(mount->fd, "", &mount->id);

	if (!rc)
		rc = lc_sys_fs_id(mount->fd, &mount->fs);
	if (!rc)
		rc = lc_sys_fstat(mount->fd, &st);
	if (rc)
		return rc;
	mount->inode = st.st_ino;
	/* What is not known is flushed the long way. */
	if (lc_sys_fs_traits(mount->fd, &mount->traits) != 0)
		mount->traits = (struct lc_sys_traits){0, 0, 4096};
	return 0;
}

static void release(struct lc_mount *mount)
{
	if (mount->length > 0)
		lc_sys_drop(&mount->fd);
	free(mount->top);
}

static int add(struct lc_mounts *mounts, int root, const char *top)
{
	struct lc_mount *items = realloc(mounts->items, (mounts->count + 1) * sizeof *items);
	struct lc_mount *mount;
	int rc;

	if (!items)
		return -ENOMEM;
	mounts->items = items;
	mount = &items[mounts->count];
	memset(mount, 0, sizeof *mount);
	mount->top = strdup(top);
	mount->length = strlen(top);
	rc = mount->top ? 0 : -ENOMEM;
	/* The root's is the caller's own: what is bound to that descriptor counts. */
	if (!rc && !*top)
		mount->fd = root;
	else
		mount->fd = rc ? -1 : lc_beneath_open(root, top, O_RDONLY | O_DIRECTORY);
	if (!rc)
		rc = mount->fd < 0 ? mount->fd : describe_top(mount);
	if (rc) {
		release(mount);
		return rc;
	}
	mounts->count++;
	return 0;
}

int lc_mounts_init(struct lc_mounts *mounts, int root)
{
	memset(mounts, 0, sizeof *mounts);
	return add(mounts, root, "");
}

int lc_mounts_add(struct lc_mounts *mounts, const char *top)
{
	return add(mounts, mounts->items[0].fd, top);
}

void lc_mounts_release(struct lc_mounts *mounts)
{
	size_t i;

	for (i = 0; i < mounts->count; i++)
		release(&mounts->items[i]);
	free(mounts->items);
	memset(mounts, 0, sizeof *mounts);
}

static int is_described(const struct lc_mount *mount, const struct lc_change *change)
{
	return change->value_length == FS_ID_SIZE && lc_get_le64(change->value) == mount->fs &&
	       change->before.inode == mount->inode;
}

int lc_mounts_add_described(struct lc_mounts *mounts, const struct lc_change *change)
{
	struct lc_mount *last;
	int rc = lc_mounts_add(mounts, change->path);

	if (rc)
		return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ? -ENODEV : rc;
	last = &mounts->items[mounts->count - 1];
	if (is_described(last, change))
		return 0;
	release(last);
	mounts->count--;
	return -ENODEV;
}

int lc_mounts_add_all(struct lc_mounts *mounts, const struct lc_change_list *list,
                      const struct lc_change **bad)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < list->count && !rc; i++) {
		if (list->items[i].type != LC_CHANGE_MOUNT)
			continue;
		*bad = &list->items[i];
		rc = lc_mounts_add_described(mounts, *bad);
	}
	return rc;
}

static int is_above(const struct lc_mount *mount, const char *path)
{
	return mount->length == 0 ||
	       (strncmp(path, mount->top, mount->length) == 0 && path[mount->length] == '/');
}

const struct lc_mount *lc_mounts_find(const struct lc_mounts *mounts, const char *path)
{
	const struct lc_mount *found = &mounts->items[0];
	size_t i;

	for (i = 1; i < mounts->count; i++)
		if (is_above(&mounts->items[i], path) && mounts->items[i].length >= found->length)
			found = &mounts->items[i];
	return found;
}

int lc_mounts_parent(const struct lc_mounts *mounts, struct lc_beneath_cache *cache,
                     const char *path, const char **base)
{
	const struct lc_mount *mount = lc_mounts_find(mounts, path);
	struct lc_sys_mount id;
	int dir, rc;

	if (cache->root != mount->fd) {
		lc_beneath_forget(cache);
		cache->root = mount->fd;
	}
	cache->fresh = 0;
	dir = lc_beneath_parent(cache, path + mount->length + (mount->length > 0), base);
	if (dir < 0 || !cache->fresh)
		return dir;
	rc = lc_sys_mount(dir, "", &id);
	if (!rc && !lc_mount_same(&id, &mount->id))
		rc = -EXDEV;
	if (rc)
		lc_beneath_forget(cache);
	return rc ? rc : dir;
}

int lc_mount_same(const struct lc_sys_mount *a, const struct lc_sys_mount *b)
{
	return a->id == b->id && a->device == b->device;
}

int lc_mount_describe(const struct lc_mount *mount, const char *stage, struct lc_change *change)
{
	memset(change, 0, sizeof *change);
	change->type = LC_CHANGE_MOUNT;
	change->mode = change->uid = change->gid = UINT32_MAX;
	change->before.inode = mount->inode;
	change->before.mode = S_IFDIR;
	change->path = strdup(mount->top);
	change->place = strdup(stage);
	change->value = malloc(FS_ID_SIZE);
	if (!change->path || !change->place || !change->value) {
		lc_change_release(change);
		return -ENOMEM;
	}
	change->value_length = FS_ID_SIZE;
	lc_put_le64(change->value, mount->fs);
	return 0;
}

static int flush_entry(int dirfd, const char *name)
{
	struct stat st;
	int rc = lc_sys_lstat(dirfd, name, &st);
	int fd;

	/* A link, a device: its directory holds all there is of it. */
	if (rc || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return rc;
	fd = lc_sys_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd;
	rc = S_ISDIR(st.st_mode) ? lc_mount_flush_below(fd) : lc_sys_fsync(fd);
	lc_sys_drop(&fd);
	return rc;
}

static int flush_one(void *context, const char *name)
{
	const int *dirfd = context;

	return flush_entry(*dirfd, name);
}

int lc_mount_flush_below(int dirfd)
{
	int rc = lc_dir_each(lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY), flush_one, &dirfd);

	return rc ? rc : lc_mount_flush_directory(dirfd, dirfd);
}

int lc_mount_flush_directory(int dirfd, int fallback)
{
	int fd = lc_sys_open(dirfd, ".", O_RDONLY | O_DIRECTORY);
	int rc = fd < 0 ? fd : lc_sys_fsync(fd);

	lc_sys_drop(&fd);
	/* Not to be read, or not to be flushed by itself. */
	if (rc == -EACCES || rc == -EINVAL || rc == -EOPNOTSUPP)
		rc = lc_sys_syncfs(fallback);
	return rc;
}
