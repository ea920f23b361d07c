/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "publish-internal.h"

#include <errno.h>

/* The directory that holds path, once for neighbours. A directory that went is nothing to flush. */
static int flush_parent(struct lc_ends *ends, struct lc_beneath_cache *cache, const char *path)
{
	const struct lc_mount *mount = lc_mounts_find(&ends->mounts, path);
	const char *base;
	int dir;

	if (mount->traits.syncs)
		return 0;
	dir = lc_mounts_parent(&ends->mounts, cache, path, &base);
	if (dir == -ENOENT || dir == -ENOTDIR)
		return 0;
	if (dir < 0 || !cache->fresh)
		return dir < 0 ? dir : 0;
	return lc_mount_flush_directory(dir, mount->fd);
}

static int flush_step(struct lc_ends *ends, const struct lc_change *c)
{
	int rc = 0;

	/* Who edits in place flushes at once. */
	if (c->type != LC_CHANGE_PATCH)
		rc = flush_parent(ends, &ends->paths, c->path);
	if (!rc && (c->type == LC_CHANGE_TAKE || c->type == LC_CHANGE_PUT))
		rc = flush_parent(ends, &ends->places, c->place);
	return rc;
}

int lc_publish_flush(int root, const struct lc_change_list *list, const struct lc_change **bad)
{
	struct lc_ends ends;
	size_t i;
	int rc = lc_ends_init(&ends, root, list, bad);

	for (i = 0; i < ends.mounts.count && !rc; i++)
		if (ends.mounts.items[i].traits.syncs)
			rc = lc_sys_syncfs(ends.mounts.items[i].fd);
	for (i = 0; i < list->count && !rc; i++) {
		if (!lc_change_is_step(&list->items[i]))
			continue;
		*bad = &list->items[i];
		rc = flush_step(&ends, *bad);
	}
	lc_ends_release(&ends);
	return rc;
}
