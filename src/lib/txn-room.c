/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What publishing may need on a file system: a directory that takes names grows
 * by blocks, and so does what says where its blocks are. A leaf that is split
 * leaves both halves half empty. A range that is edited in place may lie in a hole,
 * behind the end, or in a file that is never overwritten.
 */
#define ENTRY_HEAD 16
#define BLOCKS_EXTRA 3

/* One end of the steps, seen in the order in which they come: neighbours share a directory. */
struct side {
	char dir[PATH_MAX];
	uint64_t names;
};

struct need {
	const struct lc_mounts *mounts;
	/* bytes for each mount */
	uint64_t *bytes;
	struct side paths;
	struct side places;
};

static uint64_t block_of(const struct lc_mount *mount)
{
	return mount->traits.block;
}

/* The directory is full: on to the next. */
static void close_side(struct need *need, struct side *side)
{
	const struct lc_mount *mount;
	uint64_t block;

	if (side->names > 0) {
		/* Any name in it: find goes by the directory. */
		strcat(side->dir, "/.");
		mount = lc_mounts_find(need->mounts, side->dir + (side->dir[0] == '/'));
		block = block_of(mount);
		need->bytes[mount - need->mounts->items] +=
		        (2 * side->names / block + BLOCKS_EXTRA) * block;
	}
	side->names = 0;
	side->dir[0] = '\0';
}

static void add_name(struct need *need, struct side *side, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	const char *base = slash ? slash + 1 : path;

	if (strlen(side->dir) != length || memcmp(side->dir, path, length) != 0) {
		close_side(need, side);
		memcpy(side->dir, path, length);
		side->dir[length] = '\0';
	}
	side->names += ENTRY_HEAD + strlen(base);
}

static uint64_t patch_needs(const struct lc_change *c, uint64_t block)
{
	struct lc_patch patch;

	if (lc_change_get_patch(c, &patch) != 0)
		return 0;
	return (patch.new_length / block + 1 + BLOCKS_EXTRA) * block;
}

static void add_step(struct need *need, const struct lc_change *c)
{
	const struct lc_mount *mount = lc_mounts_find(need->mounts, c->path);

	if (c->type == LC_CHANGE_TAKE)
		add_name(need, &need->places, c->place);
	else if (c->type == LC_CHANGE_PUT && c->before.mode == 0)
		add_name(need, &need->paths, c->path);
	else if (c->type == LC_CHANGE_META && c->attribute)
		need->bytes[mount - need->mounts->items] += block_of(mount) + c->value_length;
	else if (c->type == LC_CHANGE_PATCH)
		need->bytes[mount - need->mounts->items] += patch_needs(c, block_of(mount));
}

static int keep(struct commit_txn *txn, size_t at, uint64_t bytes)
{
	int dir = lc_txn_stage_on(txn, at);
	int fd = dir < 0 ? dir : lc_sys_create(dir, LC_ROOM_NAME, O_WRONLY, 0600);
	int rc;

	if (fd == -EEXIST)
		fd = lc_sys_open(dir, LC_ROOM_NAME, O_WRONLY | O_NOFOLLOW);
	if (fd < 0)
		return fd;
	rc = lc_sys_reserve(fd, 0, (off_t)bytes);
	lc_sys_drop(&fd);
	/* Where it cannot be had it is done without. */
	return rc == -EOPNOTSUPP || rc == -ENOSYS || rc == -EINVAL ? 0 : rc;
}

int lc_txn_keep_room(struct commit_txn *txn, const struct lc_change_list *list,
                     struct commit_error *err)
{
	struct need *need = calloc(1, sizeof *need);
	size_t i;
	int rc;

	if (need) {
		need->mounts = &txn->mounts;
		need->bytes = calloc(txn->mounts.count, sizeof *need->bytes);
	}
	rc = need && need->bytes ? 0 : -ENOMEM;
	for (i = 0; i < list->count && !rc; i++)
		add_step(need, &list->items[i]);
	if (!rc) {
		close_side(need, &need->paths);
		close_side(need, &need->places);
	}
	for (i = 0; i < txn->mounts.count && !rc; i++)
		if (need->bytes[i] > 0)
			rc = keep(txn, i, need->bytes[i]);
	if (need)
		free(need->bytes);
	free(need);
	return rc ? lc_txn_fail(txn, rc, "reserve room", txn->id, NULL, err) : 0;
}

static void give(int root, const char *stage)
{
	int dir = lc_beneath_open(root, stage, O_PATH | O_DIRECTORY);

	if (dir >= 0)
		lc_sys_unlink(dir, LC_ROOM_NAME);
	lc_sys_drop(&dir);
}

void lc_txn_give_room(const struct commit_store *store, uint64_t number,
                      const struct lc_change_list *list)
{
	char stage[sizeof LC_STORE_STAGE + COMMIT_TXN_ID_SIZE];
	char id[COMMIT_TXN_ID_SIZE];
	size_t i;

	lc_txn_id(number, id);
	snprintf(stage, sizeof stage, LC_STORE_STAGE "/%s", id);
	give(store->root, stage);
	for (i = 0; i < list->count; i++)
		if (list->items[i].type == LC_CHANGE_MOUNT)
			give(store->root, list->items[i].place);
}
