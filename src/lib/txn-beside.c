/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "beneath.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIES 99

int lc_txn_beside(const char *path, const char *word, const char *id, int n, char name[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char tail[64];
	size_t room;

	if (n > 1)
		snprintf(tail, sizeof tail, ".%s-%s-%d", word, id, n);
	else
		snprintf(tail, sizeof tail, ".%s-%s", word, id);
	room = NAME_MAX - strlen(tail);
	if (snprintf(name, PATH_MAX, "%.*s%.*s%s", (int)(base - path), path, (int)room, base,
	             tail) >= PATH_MAX)
		return -ENAMETOOLONG;
	return 0;
}

/* Never over what stands there: without the call for it, after a look. */
static int rename_new(int dir, const char *from, const char *to)
{
	struct stat st;
	int rc = lc_sys_rename_new(dir, from, dir, to);

	if (rc != -EINVAL && rc != -ENOSYS && rc != -EOPNOTSUPP)
		return rc;
	rc = lc_sys_lstat(dir, to, &st);
	if (rc == 0)
		return -EEXIST;
	return rc == -ENOENT ? lc_sys_rename(dir, from, dir, to) : rc;
}

int lc_txn_put_aside(const struct commit_store *store, const char *path, const char *id,
                     char name[PATH_MAX])
{
	struct lc_beneath_cache cache;
	const char *base, *slash;
	int dir, n, rc = -EEXIST;

	lc_beneath_init(&cache, store->root);
	dir = lc_beneath_parent(&cache, path, &base);
	for (n = 1; n <= TRIES && dir >= 0 && rc == -EEXIST; n++) {
		rc = lc_txn_beside(path, "theirs", id, n, name);
		slash = strrchr(name, '/');
		if (!rc)
			rc = rename_new(dir, base, slash ? slash + 1 : name);
	}
	lc_beneath_release(&cache);
	return dir < 0 ? dir : rc;
}

int lc_txn_make_way(const struct commit_store *store, const char *path, char name[PATH_MAX])
{
	struct lc_beneath_cache cache;
	const char *base, *slash = path;
	struct stat st;
	int dir, rc = 0;

	lc_beneath_init(&cache, store->root);
	while (!rc && (slash = strchr(slash, '/'))) {
		snprintf(name, PATH_MAX, "%.*s", (int)(slash - path), path);
		slash++;
		rc = lc_beneath_stat(&cache, name, &st);
		if (rc == 0)
			rc = S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
		else if (rc == -ENOENT) {
			dir = lc_beneath_parent(&cache, name, &base);
			rc = dir < 0 ? dir : lc_sys_mkdir(dir, base, 0755);
		}
	}
	lc_beneath_release(&cache);
	return rc;
}
