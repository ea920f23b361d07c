/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-patch.h"

#include "beneath.h"
#include "copy.h"
#include "lock.h"
#include "publish.h"
#include "stage.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 99
#define CHUNK ((size_t)65536)

/* Bytes of an open file that are to be kept. */
struct slice {
	int fd;
	uint64_t at;
	uint64_t length;
};

static int stands_at(const struct commit_store *store, const char *path,
                     const struct lc_identity *wanted)
{
	struct lc_beneath_cache cache;
	struct stat st;
	int rc;

	lc_beneath_init(&cache, store->root);
	rc = lc_beneath_stat(&cache, path, &st);
	lc_beneath_release(&cache);
	return rc == 0 && st.st_ino == wanted->inode && S_ISREG(st.st_mode);
}

/* 1 if path lies at or below from, and then to and the rest lead to that file. */
static int try_place(const struct lc_patch_case *decided, const struct lc_change *c,
                     const char *from, const char *to, char real[PATH_MAX])
{
	size_t length = strlen(from);

	if (strncmp(c->path, from, length) != 0 ||
	    (c->path[length] != '\0' && c->path[length] != '/') ||
	    snprintf(real, PATH_MAX, "%s%s", to, c->path + length) >= PATH_MAX)
		return 0;
	return stands_at(decided->store, real, &c->after);
}

int lc_txn_patch_find(const struct lc_patch_case *decided, const struct lc_change *c,
                      char real[PATH_MAX])
{
	const struct lc_change_list *list = decided->list;
	size_t i, k;

	if (try_place(decided, c, c->path, c->path, real))
		return 0;
	/* It, or what it is in, may not have been put there yet, or not even been taken. */
	for (i = 0; i < list->count; i++) {
		const struct lc_change *put = &list->items[i];

		if (put->type != LC_CHANGE_PUT)
			continue;
		if (try_place(decided, c, put->path, put->place, real))
			return 0;
		for (k = 0; k < list->count; k++)
			if (list->items[k].type == LC_CHANGE_TAKE &&
			    strcmp(list->items[k].place, put->place) == 0 &&
			    try_place(decided, c, put->path, list->items[k].path, real))
				return 0;
	}
	return -ENOENT;
}

/* Somebody who was killed may have made it already. */
static int holds(int dir, const char *name, const struct slice *slice)
{
	int fd = lc_sys_open(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	unsigned char *bytes = malloc(2 * CHUNK);
	ssize_t here = 1, there = 1;
	uint64_t done;
	size_t want;
	int same = fd >= 0 && bytes;

	for (done = 0; same && done <= slice->length && here > 0; done += (uint64_t)here) {
		want = slice->length - done < CHUNK ? (size_t)(slice->length - done) : CHUNK;
		/* And nothing behind it. */
		here = lc_copy_read(fd, bytes, want ? want : 1, (off_t)done);
		there = lc_copy_read(slice->fd, bytes + CHUNK, want, (off_t)(slice->at + done));
		same = here >= 0 && here == there && memcmp(bytes, bytes + CHUNK, (size_t)here) == 0;
	}
	lc_sys_drop(&fd);
	free(bytes);
	return same;
}

static int stage_slice(struct lc_stage *stage, const struct slice *slice, const char *name)
{
	int rc = lc_stage_open(stage, stage->place);

	if (!rc && slice->length > 0)
		rc = lc_copy_part(slice->fd, (off_t)slice->at, (off_t)slice->length, stage->fd,
		                  &stage->end, -1);
	if (!rc)
		rc = lc_stage_link_random(stage);
	if (!rc)
		rc = lc_stage_flush(stage, 1);
	return rc ? rc : lc_stage_create(stage, name);
}

/* The name stands for all of it or is not there. */
static int write_slice(int dir, const char *name, const struct slice *slice)
{
	struct lc_place place = {.fd = dir, .readable = 1};
	struct lc_stage stage;
	struct stat st;
	int rc = lc_sys_fstat(dir, &st);

	if (rc)
		return rc;
	place.inode = st.st_ino;
	lc_stage_init(&stage);
	stage.place = &place;
	rc = stage_slice(&stage, slice, name);
	lc_stage_release(&stage);
	return rc ? rc : lc_mount_flush_directory(dir, dir);
}

int lc_txn_patch_aside(const struct lc_patch_case *decided, const char *path, const char *word,
                       uint64_t offset, int fd, uint64_t at, uint64_t length)
{
	const struct slice slice = {fd, at, length};
	struct lc_beneath_cache cache;
	char name[PATH_MAX], tag[40];
	const char *base;
	int dir, n, rc = lc_txn_make_way(decided->store, path, name);

	snprintf(tag, sizeof tag, "%s-at-%" PRIu64, word, offset);
	lc_beneath_init(&cache, decided->store->root);
	for (n = 1, rc = rc ? rc : -EEXIST; n <= TRIES && rc == -EEXIST; n++) {
		rc = lc_txn_beside(path, tag, decided->id, n, name);
		if (rc)
			break;
		dir = lc_beneath_parent(&cache, name, &base);
		rc = dir < 0 ? dir : write_slice(dir, base, &slice);
		if (rc == -EEXIST && holds(dir, base, &slice))
			rc = 0;
	}
	lc_beneath_release(&cache);
	if (!rc && decided->kept)
		decided->kept(decided->context, path, name);
	return rc;
}

static int open_contents(const struct lc_patch_case *decided, const struct lc_change *c,
                         struct lc_patch *patch)
{
	int fd = lc_beneath_open(decided->store->root, c->place, O_RDONLY | O_NONBLOCK);
	int rc = fd < 0 ? fd : lc_change_get_patch(c, patch);

	if (!rc)
		rc = lc_publish_patch_prove(fd, patch);
	if (rc)
		lc_sys_drop(&fd);
	return rc ? rc : fd;
}

/* The range as it is now, and what is behind the end that the file should have. */
static int keep_theirs(const struct lc_patch_case *decided, const struct lc_change *c,
                       const struct lc_patch *patch, int file, uint64_t size)
{
	uint64_t span = lc_patch_span(patch), offset = patch->offset;
	uint64_t there = size > offset ? size - offset : 0;
	int rc = 0;

	if (there > 0)
		rc = lc_txn_patch_aside(decided, c->path, "theirs", offset, file, offset,
		                        there < span ? there : span);
	if (!rc && c->after.size < c->before.size && size > c->before.size)
		rc = lc_txn_patch_aside(decided, c->path, "theirs", c->before.size, file,
		                        c->before.size, size - c->before.size);
	return rc;
}

static uint64_t least(const struct lc_change *c)
{
	return c->before.size < c->after.size ? c->before.size : c->after.size;
}

static int force(const struct lc_patch_case *decided, const struct lc_change *c, int file,
                 int contents, const struct lc_patch *patch)
{
	struct stat st;
	int rc = lc_sys_lock(file);

	if (rc && !lc_lock_unsupported(rc))
		return rc == -EWOULDBLOCK ? -EBUSY : rc;
	rc = lc_sys_fstat(file, &st);
	if (!rc)
		rc = keep_theirs(decided, c, patch, file, (uint64_t)st.st_size);
	if (!rc)
		rc = lc_publish_patch_write(file, contents, patch);
	if (!rc)
		rc = lc_sys_fstat(file, &st);
	if (!rc && ((uint64_t)st.st_size < least(c) || c->after.size < c->before.size))
		rc = lc_sys_ftruncate(file, (off_t)c->after.size);
	return rc ? rc : lc_sys_fsync(file);
}

int lc_txn_patch_force(const struct lc_patch_case *decided, const struct lc_change *c)
{
	struct lc_patch patch;
	char real[PATH_MAX];
	int file = -1, contents = open_contents(decided, c, &patch);
	int rc = contents < 0 ? contents : lc_txn_patch_find(decided, c, real);

	if (!rc)
		rc = file = lc_beneath_open(decided->store->root, real, O_RDWR | O_NONBLOCK);
	if (file >= 0)
		rc = force(decided, c, file, contents, &patch);
	lc_sys_drop(&file);
	lc_sys_drop(&contents);
	/* Somebody was faster: it is looked at again. */
	return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ? 0 : rc;
}

int lc_txn_patch_rescue(const struct lc_patch_case *decided, const struct lc_change *c)
{
	struct lc_patch patch;
	int contents = open_contents(decided, c, &patch);
	int rc = contents;

	if (contents >= 0)
		rc = lc_txn_patch_aside(decided, c->path, "ours", patch.offset, contents,
		                        patch.new_at, patch.new_length);
	lc_sys_drop(&contents);
	return rc;
}
