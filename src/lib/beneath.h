/* SPDX-License-Identifier: ISC */
/*
 * beneath.h - looking up paths that cannot leave a directory
 *
 * A path here is relative, has no empty, "." or ".." component, and no
 * symbolic link on the way to its last component. What is asked for by a store
 * that a stranger may have written cannot get out. Where the kernel has no
 * openat2 the same walk is done component by component.
 *
 * All functions return 0 or a descriptor, or a negative errno: -ENOENT,
 * -ENOTDIR, -ELOOP (a link on the way), -EINVAL (not such a path).
 */
#ifndef LC_BENEATH_H
#define LC_BENEATH_H

#include <sys/stat.h>

/* The path has the form above. */
int lc_beneath_valid(const char *path);

/* Opens path below root; "" is root itself. The last component is not followed. */
int lc_beneath_open(int root, const char *path, int flags);

/*
 * The directory name of root may lie elsewhere: from now on what is looked up
 * below it is looked up below home, which stays as confined. Both descriptors
 * must stay open until the binding is undone. 0 or -ENOMEM. Thread-safe.
 */
int lc_beneath_bind(int root, const char *name, int home);
void lc_beneath_unbind(int root);

/*
 * A directory that was opened last, because neighbours are asked for together.
 * init, then any number of parent, then release. The descriptor that parent
 * gives belongs to the cache and lives until the next call.
 */
struct lc_beneath_cache {
	int root;
	int fd;
	/* set to 1 whenever the directory is opened */
	int fresh;
	char path[4096];
};

void lc_beneath_init(struct lc_beneath_cache *cache, int root);
/* The directory that holds path; *base points to path's last component. */
int lc_beneath_parent(struct lc_beneath_cache *cache, const char *path, const char **base);
/* Renames may have moved the directory: look again. */
void lc_beneath_forget(struct lc_beneath_cache *cache);
void lc_beneath_release(struct lc_beneath_cache *cache);

/* The state of what stands at path, with times. */
int lc_beneath_stat(struct lc_beneath_cache *cache, const char *path, struct stat *st);

#endif
