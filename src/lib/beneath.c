/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "beneath.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Directories that lie elsewhere; few, and most of the time none. */
struct binding {
	struct binding *next;
	int root;
	int home;
	size_t length;
	char name[NAME_MAX + 1];
};

static struct binding *bindings;
static pthread_mutex_t bindings_lock = PTHREAD_MUTEX_INITIALIZER;

int lc_beneath_bind(int root, const char *name, int home)
{
	struct binding *binding = calloc(1, sizeof *binding);

	if (!binding)
		return -ENOMEM;
	binding->root = root;
	binding->home = home;
	binding->length = strlen(name);
	memcpy(binding->name, name, binding->length);
	pthread_mutex_lock(&bindings_lock);
	binding->next = bindings;
	bindings = binding;
	pthread_mutex_unlock(&bindings_lock);
	return 0;
}

void lc_beneath_unbind(int root)
{
	struct binding **at, *gone = NULL;

	pthread_mutex_lock(&bindings_lock);
	for (at = &bindings; *at; at = &(*at)->next)
		if ((*at)->root == root) {
			gone = *at;
			*at = gone->next;
			break;
		}
	pthread_mutex_unlock(&bindings_lock);
	free(gone);
}

/* Where path is to be looked up; *root and *path become that. */
static void follow_binding(int *root, const char **path)
{
	const struct binding *at;

	pthread_mutex_lock(&bindings_lock);
	for (at = bindings; at; at = at->next)
		if (at->root == *root && strncmp(*path, at->name, at->length) == 0 &&
		    ((*path)[at->length] == '/' || (*path)[at->length] == '\0'))
			break;
	if (at) {
		*root = at->home;
		*path += at->length + ((*path)[at->length] == '/');
	}
	pthread_mutex_unlock(&bindings_lock);
}

int lc_beneath_valid(const char *path)
{
	const char *end;
	size_t length;

	if (strlen(path) >= PATH_MAX)
		return 0;
	for (;; path = end + 1) {
		end = strchr(path, '/');
		length = end ? (size_t)(end - path) : strlen(path);
		if (length == 0 || length > NAME_MAX || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return 0;
		if (!end)
			return 1;
	}
}

/* One descriptor after the other; each is opened without following a link. */
static int walk(int root, const char *path, int flags)
{
	char name[NAME_MAX + 1];
	const char *end;
	int dir = root;
	int fd, last;

	for (;; path = end + 1) {
		end = strchr(path, '/');
		last = end == NULL;
		memcpy(name, path, last ? strlen(path) + 1 : (size_t)(end - path));
		if (!last)
			name[end - path] = '\0';
		fd = lc_sys_open(dir, name, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW);
		if (dir != root)
			lc_sys_drop(&dir);
		if (fd < 0 || last)
			return fd;
		dir = fd;
	}
}

int lc_beneath_open(int root, const char *path, int flags)
{
	int fd;

	if (*path != '\0' && !lc_beneath_valid(path))
		return -EINVAL;
	follow_binding(&root, &path);
	if (*path == '\0')
		return lc_sys_open(root, ".", flags);
	fd = lc_sys_open_beneath(root, path, flags | O_NOFOLLOW, 0);
	return fd == -ENOSYS || fd == -EPERM ? walk(root, path, flags) : fd;
}

void lc_beneath_init(struct lc_beneath_cache *cache, int root)
{
	cache->root = root;
	cache->fd = -1;
	cache->fresh = 0;
	cache->path[0] = '\0';
}

void lc_beneath_forget(struct lc_beneath_cache *cache)
{
	lc_sys_drop(&cache->fd);
}

void lc_beneath_release(struct lc_beneath_cache *cache)
{
	lc_beneath_forget(cache);
}

int lc_beneath_parent(struct lc_beneath_cache *cache, const char *path, const char **base)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (!lc_beneath_valid(path))
		return -EINVAL;
	*base = slash ? slash + 1 : path;
	if (cache->fd >= 0 && strlen(cache->path) == length &&
	    memcmp(cache->path, path, length) == 0)
		return cache->fd;
	lc_beneath_forget(cache);
	memcpy(cache->path, path, length);
	cache->path[length] = '\0';
	cache->fd = lc_beneath_open(cache->root, cache->path, O_PATH | O_DIRECTORY);
	cache->fresh = 1;
	return cache->fd;
}

int lc_beneath_stat(struct lc_beneath_cache *cache, const char *path, struct stat *st)
{
	const char *base;
	int dir = lc_beneath_parent(cache, path, &base);

	return dir < 0 ? dir : lc_sys_lstat_times(dir, base, st);
}
