/* SPDX-License-Identifier: ISC */
/* triple-find.c - sidecars below a directory, and what they say of their set */
#include "config.h"

#include "triple-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search {
	const struct commit_triple_options *opt;
	int (*found)(void *context, const struct commit_triple_found *sidecar);
	void *context;
	struct commit_error *err;
	/* the directory that is being read */
	int dir;
	const char *path;
	/* what the call returns: set together with a stop */
	int code;
};

static void name_copies(const struct lc_triple_sidecar *sidecar,
                        char paths[LC_TRIPLE_MAX][LC_TRIPLE_PATH_MAX + 1],
                        struct commit_triple_found *found)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++) {
		memcpy(paths[i], sidecar->paths[i], sidecar->path_lengths[i]);
		paths[i][sidecar->path_lengths[i]] = '\0';
		found->copies[i] = paths[i];
	}
}

/* Absolute, and without a zero in it, which would cut it short. */
static int paths_make_sense(const struct lc_triple_sidecar *sidecar)
{
	unsigned i;

	for (i = 0; i < LC_TRIPLE_MAX; i++)
		if (sidecar->path_lengths[i] == 0 || sidecar->paths[i][0] != '/' ||
		    memchr(sidecar->paths[i], 0, sidecar->path_lengths[i]))
			return 0;
	return 1;
}

static int tell_one(struct search *search, int dirfd, const char *name, const char *path)
{
	char(*paths)[LC_TRIPLE_PATH_MAX + 1] = calloc(LC_TRIPLE_MAX, sizeof *paths);
	struct commit_triple_found found = {.path = path};
	struct lc_triple_sidecar sidecar;
	unsigned char *bytes = NULL;
	struct stat st;
	size_t size = 0;
	int rc = lc_sys_lstat(dirfd, name, &st);

	if (rc || !S_ISREG(st.st_mode) || !paths) {
		free(paths);
		return 0;
	}
	lc_uncached_load(dirfd, name, LC_TRIPLE_SIDECAR_MAX, &bytes, &size);
	found.owner = st.st_uid;
	found.readable =
	        bytes && lc_triple_decode(bytes, size, &sidecar) == 0 && paths_make_sense(&sidecar);
	if (found.readable) {
		found.index = sidecar.copy;
		memcpy(found.set, sidecar.set, sizeof found.set);
		name_copies(&sidecar, paths, &found);
	}
	rc = search->found(search->context, &found);
	search->code = rc;
	free(bytes);
	free(paths);
	return rc;
}

static int look_below(struct search *search, const char *name, const char *path);

static int look_at_entry(void *context, const char *name)
{
	struct search *search = context;
	size_t length = strlen(search->path) + strlen(name) + 2;
	char *path = malloc(length);
	struct stat st;
	int rc = 0;

	if (!path)
		return -ENOMEM;
	snprintf(path, length, "%s%s%s", search->path,
	         search->path[strlen(search->path) - 1] == '/' ? "" : "/", name);
	if (search->opt->cancel_fd >= 0 && lc_sys_wait(-1, search->opt->cancel_fd, 0) == -ECANCELED)
		rc = search->code =
		        lc_error_set(search->err, COMMIT_ECANCELED, ECANCELED, "scan", path, NULL);
	else if (lc_triple_is_side_name(name))
		rc = tell_one(search, search->dir, name, path);
	else if (lc_sys_lstat(search->dir, name, &st) == 0 && S_ISDIR(st.st_mode))
		rc = look_below(search, name, path);
	free(path);
	return rc;
}

/* A directory that cannot be read is said, and the scan goes on. */
static int look_below(struct search *search, const char *name, const char *path)
{
	struct search below = *search;
	struct commit_error warning;
	int rc;

	below.path = path;
	below.dir = lc_sys_open(search->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	rc = below.dir < 0 ? below.dir
	                   : lc_dir_each(lc_sys_open(below.dir, ".", O_RDONLY | O_DIRECTORY),
	                                 look_at_entry, &below);
	lc_sys_drop(&below.dir);
	search->code = below.code;
	if (rc >= 0 || below.code)
		return below.code;
	lc_error_set(&warning, COMMIT_OK, -rc, "read directory", path, NULL);
	if (search->opt->warn)
		search->opt->warn(search->opt->context, &warning);
	return 0;
}

int commit_triple_find(const char *path, const struct commit_triple_options *opt,
                       int (*found)(void *context, const struct commit_triple_found *sidecar),
                       void *context, struct commit_error *err)
{
	struct commit_triple_options defaults;
	struct search search = {opt, found, context, err, -1, path, 0};
	struct lc_place place;
	int rc;

	commit_triple_options_init(&defaults);
	if (!opt)
		search.opt = &defaults;
	search.dir = lc_sys_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (search.dir == -ENOTDIR) {
		rc = lc_dir_resolve(path, COMMIT_SYMLINK_FOLLOW, &place, err);
		if (rc)
			return rc;
		rc = tell_one(&search, place.fd, place.name, path);
		lc_dir_release(&place);
		return rc;
	}
	if (search.dir < 0)
		return lc_error_set(err, COMMIT_EFAILED, -search.dir, "open", path, NULL);
	rc = lc_dir_each(lc_sys_open(search.dir, ".", O_RDONLY | O_DIRECTORY), look_at_entry,
	                 &search);
	lc_sys_drop(&search.dir);
	if (rc < 0 && !search.code)
		return lc_error_set(err, COMMIT_EFAILED, -rc, "read directory", path, NULL);
	return search.code;
}
