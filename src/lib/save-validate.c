/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "save-internal.h"

#include "error.h"
#include "sys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * "dir/.commit-....stagedir/name", by which a validator finds the staged file.
 * The path of a directory of journals is that directory's own.
 */
static char *staged_path(const struct lc_stage *stage)
{
	const struct lc_place *place = stage->place;
	const char *slash = strrchr(place->path, '/');
	size_t head = slash ? (size_t)(slash - place->path) + 1 : 0;
	char *path =
	        malloc(strlen(place->path) + sizeof stage->subdir_name + sizeof stage->name + 2);

	if (!path)
		return NULL;
	if (place->name[0])
		sprintf(path, "%.*s", (int)head, place->path);
	else
		sprintf(path, "%s/", place->path);
	sprintf(path + strlen(path), "%s/%s", stage->subdir_name, stage->name);
	return path;
}

/* 0, -ESTALE if it has changed, or why that cannot be told. */
static int unchanged_since(const struct stat *before, const struct lc_stage *stage)
{
	struct stat now;
	int rc = lc_stage_intact(stage);

	if (!rc)
		rc = lc_sys_fstat_times(stage->fd, &now);
	if (rc)
		return rc;
	if (now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
	    now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
	    now.st_ctim.tv_nsec == before->st_ctim.tv_nsec)
		return 0;
	return -ESTALE;
}

/* Validators judge; one that writes would publish what nobody has judged. */
int lc_save_validate(struct commit_save *save, struct lc_stage *stage, struct commit_error *err)
{
	struct stat before;
	char *path;
	int rc = lc_stage_link_private(stage, save->target.place.name);

	if (!rc)
		rc = lc_sys_fstat_times(stage->fd, &before);
	if (rc)
		return lc_save_fail(save, rc, "stage for validation", NULL, err);
	path = staged_path(stage);
	if (!path)
		return lc_save_fail(save, -ENOMEM, "stage for validation", NULL, err);
	rc = save->opt.validate(save->opt.context, path, save->target.place.path, err);
	free(path);
	if (rc)
		return rc;
	rc = unchanged_since(&before, stage);
	if (rc == -ESTALE)
		return lc_error_set(err, COMMIT_EREFUSED, 0, "validate", save->target.place.path,
		                    "the validator changed the staged file");
	return rc ? lc_save_fail(save, rc, "look at the staged file", NULL, err) : 0;
}

/* What a validator has left beside the staged file is not ours to remove. */
void lc_save_leave_private(struct commit_save *save, struct lc_stage *stage)
{
	struct commit_error warning;
	char name[LC_NAME_SIZE];
	int rc;

	strcpy(name, stage->subdir_name);
	rc = lc_stage_drop_private(stage);
	if (rc == 0 || !save->opt.warn)
		return;
	lc_error_format(&warning, COMMIT_OK, -rc, "validate", save->target.place.path,
	                "the validator left files in %s, which stays beside it", name);
	save->opt.warn(save->opt.context, &warning);
}
