/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-layer.h"

#include "cli.h"
#include "txn-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_whiteout(int dir, const char *path)
{
	return mknodat(dir, path, S_IFCHR, 0);
}

/* The directories above path, each like that of the root. */
static int make_parents(const struct txn_layer *layer, char *path)
{
	for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int rc = 0;

		*slash = '\0';
		if (!exists(layer->top, path)) {
			rc = mkdirat(layer->top, path, 0755);
			if (rc == 0 && txn_tree_is_directory(layer->root, path))
				rc = txn_tree_copy_directory_mode(layer->root, path, layer->top,
				                                  path);
		}
		*slash = '/';
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int hide(const struct txn_layer *layer, const struct txn_change *change)
{
	if (txn_tree_remove(layer->top, change->path) != 0)
		return -1;
	if (layer->copy || !exists(layer->root, change->path))
		return 0;
	if (make_parents(layer, change->path) != 0)
		return -1;
	return make_whiteout(layer->top, change->path);
}

static int hide_child(void *context, const char *name)
{
	int top = *(const int *)context;

	return exists(top, name) ? 0 : make_whiteout(top, name);
}

/* Hides what the root's directory of this name has and the new one has not. */
static int hide_children(const struct txn_layer *layer, const char *path)
{
	int top = openat(layer->top, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (top < 0)
		return -1;
	rc = txn_tree_names(layer->root, path, hide_child, &top);
	close(top);
	return rc;
}

static int put_directory(const struct txn_layer *layer, const struct txn_change *change)
{
	const char *path = change->path;
	bool same = strcmp(change->real_after, path) == 0;
	bool merged = !layer->copy && txn_tree_is_directory(layer->root, path);
	int rc;

	if (same && txn_tree_is_directory(layer->top, path))
		return 0;
	/* a file may stand there, or what the root had */
	if (!same && txn_tree_remove(layer->top, path) != 0)
		return -1;
	if (change->real_after[0] == '\0')
		rc = mkdirat(layer->top, path, 0755);
	else if (same)
		rc = txn_tree_copy_one(layer->root, path, layer->top, path);
	else
		rc = txn_tree_copy(layer->root, change->real_after, layer->top, path);
	if (rc == 0 && merged && !same)
		rc = hide_children(layer, path);
	return rc;
}

/* Is something above path no directory any more? Then nothing is left to be hidden. */
static bool is_gone(const struct txn_layer *layer, char *path)
{
	bool gone = false;

	for (char *slash = strchr(path, '/'); slash != NULL && !gone;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		gone = exists(layer->top, path) && !txn_tree_is_directory(layer->top, path);
		*slash = '/';
	}
	return gone;
}

static int put_change(const struct txn_layer *layer, const struct txn_change *change)
{
	if (change->after == COMMIT_KIND_ABSENT)
		return is_gone(layer, change->path) ? 0 : hide(layer, change);
	if (make_parents(layer, change->path) != 0)
		return -1;
	if (change->after == COMMIT_KIND_DIRECTORY)
		return put_directory(layer, change);
	if (txn_tree_remove(layer->top, change->path) != 0)
		return -1;
	return txn_tree_copy_one(layer->root, change->real_after, layer->top, change->path);
}

/* What is staged on another file system than the store's lies beside what it is for. */
static int hide_stage(const struct txn_layer *layer, const struct txn_change *change)
{
	const char *real = change->real_after;
	const char *stage = real != NULL ? strstr(real, ".commit-stage-") : NULL;
	const char *end = stage != NULL ? strchr(stage, '/') : NULL;
	char path[PATH_MAX];

	if (end == NULL || (stage != real && stage[-1] != '/') || layer->copy)
		return 0;
	memcpy(path, real, (size_t)(end - real));
	path[end - real] = '\0';
	if (exists(layer->top, path))
		return 0;
	return make_parents(layer, path) != 0 ? -1 : make_whiteout(layer->top, path);
}

int txn_layer_build(const struct txn_layer *layer, const struct txn_changes *changes,
                    struct commit_error *err)
{
	for (size_t i = 0; i < changes->count; i++)
		if (put_change(layer, &changes->list[i]) != 0 ||
		    hide_stage(layer, &changes->list[i]) != 0)
			return cli_fail(err, COMMIT_EFAILED, errno, "show the validator",
			                changes->list[i].path, "%s", strerror(errno));
	/* the store is no part of the result */
	if (!layer->copy && make_whiteout(layer->top, ".commit") != 0 && errno != EEXIST)
		return cli_fail(err, COMMIT_EFAILED, errno, "hide", ".commit", "%s",
		                strerror(errno));
	return COMMIT_OK;
}

uint64_t txn_layer_size(int root, const struct txn_changes *changes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < changes->count; i++) {
		struct stat st;

		if (changes->list[i].after != COMMIT_KIND_ABSENT &&
		    fstatat(root, changes->list[i].real_after, &st, AT_SYMLINK_NOFOLLOW) == 0)
			sum += (uint64_t)st.st_size;
	}
	return sum;
}
