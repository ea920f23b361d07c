/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-keep.h"

#include "beneath.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where do files have names that were linked to one that a commit has taken? The
 * tree is walked for it, by the inodes that its directories tell, and only if
 * there was such a file.
 */
struct walk {
	int root;
	dev_t device;
	struct lc_live *live;
	size_t count;
	size_t left;
	int (*skip)(void *context, const char *path);
	void *context;
	/* directories that wait to be read */
	char **waiting;
	size_t waiting_count;
	size_t room;
};

static int by_inode(const void *a, const void *b)
{
	const struct lc_live *left = a, *right = b;

	return left->inode < right->inode ? -1 : left->inode > right->inode;
}

struct lc_live *lc_relink_find(struct lc_live *live, size_t count, uint64_t inode)
{
	struct lc_live wanted = {.inode = inode};

	return count ? bsearch(&wanted, live, count, sizeof *live, by_inode) : NULL;
}

/* Takes over path. */
static int push(struct walk *walk, char *path)
{
	char **bigger;

	if (!path)
		return -ENOMEM;
	if (walk->waiting_count == walk->room) {
		walk->room = walk->room ? 2 * walk->room : 64;
		bigger = realloc(walk->waiting, walk->room * sizeof(char *));
		if (!bigger) {
			free(path);
			return -ENOMEM;
		}
		walk->waiting = bigger;
	}
	walk->waiting[walk->waiting_count++] = path;
	return 0;
}

static char *join(const char *directory, const char *name)
{
	size_t length = strlen(directory) + strlen(name) + 2;
	char *path = malloc(length);

	if (path)
		snprintf(path, length, "%s%s%s", directory, *directory ? "/" : "", name);
	return path;
}

/* Its type may be unknown before it is looked at. */
static int is_directory(int fd, const struct dirent *entry, dev_t device)
{
	struct stat st;

	if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return 0;
	return lc_sys_lstat(fd, entry->d_name, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_dev == device;
}

static int look_at(struct walk *walk, int fd, const char *directory, const struct dirent *entry)
{
	struct lc_live *live;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
	    (!*directory && strcmp(entry->d_name, LC_STORE_NAME) == 0))
		return 0;
	if (is_directory(fd, entry, walk->device))
		return push(walk, join(directory, entry->d_name));
	live = lc_relink_find(walk->live, walk->count, entry->d_ino);
	if (!live || live->path)
		return 0;
	live->path = join(directory, entry->d_name);
	if (!live->path)
		return -ENOMEM;
	if (walk->skip(walk->context, live->path)) {
		free(live->path);
		live->path = NULL;
	} else {
		walk->left--;
	}
	return 0;
}

/* A directory that went away, or cannot be read, has no name for us. */
static int read_directory(struct walk *walk, const char *path)
{
	int fd = lc_beneath_open(walk->root, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		lc_sys_drop(&fd);
		return 0;
	}
	lc_sys_forget(fd);
	while (!rc && walk->left > 0 && (entry = readdir(dir)))
		rc = look_at(walk, fd, path, entry);
	closedir(dir);
	return rc;
}

static size_t sort(struct lc_live *live, size_t count)
{
	size_t i, kept = 0;

	qsort(live, count, sizeof *live, by_inode);
	for (i = 0; i < count; i++)
		if (kept == 0 || live[kept - 1].inode != live[i].inode)
			live[kept++] = live[i];
	return kept;
}

int lc_relink_look(int root, struct lc_live *live, size_t *count,
                   int (*skip)(void *context, const char *path), void *context)
{
	struct walk walk = {.root = root, .live = live, .skip = skip, .context = context};
	struct stat st;
	char *path;
	int rc = lc_sys_fstat(root, &st);

	*count = walk.count = walk.left = sort(live, *count);
	walk.device = st.st_dev;
	if (!rc && *count > 0)
		rc = push(&walk, strdup(""));
	while (walk.waiting_count > 0) {
		path = walk.waiting[--walk.waiting_count];
		if (!rc && walk.left > 0)
			rc = read_directory(&walk, path);
		free(path);
	}
	free(walk.waiting);
	return rc;
}

int lc_relink_stage(int root, const struct lc_live *live, const struct lc_identity *before,
                    int stage, const char *name)
{
	struct lc_identity now;
	struct lc_beneath_cache cache;
	struct stat st;
	const char *base;
	int dir, rc;

	if (!live || !live->path)
		return -ENOENT;
	lc_beneath_init(&cache, root);
	dir = lc_beneath_parent(&cache, live->path, &base);
	rc = dir < 0 ? dir : lc_sys_link(dir, base, stage, name);
	if (!rc)
		rc = lc_sys_lstat_times(stage, name, &st);
	if (!rc) {
		lc_identity_of(&st, &now);
		if (!lc_identity_same(&now, before)) {
			lc_sys_unlink(stage, name);
			rc = -ESTALE;
		}
	}
	lc_beneath_release(&cache);
	return rc;
}
