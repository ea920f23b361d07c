/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A store in the directory counts if whoever owns the directory has made it: in
 * one that all may write, nobody shall keep others from having stores below.
 */
static int has_store(const char *directory)
{
	char name[PATH_MAX + 32];
	struct stat home, dir, format;

	snprintf(name, sizeof name, "%s/" LC_STORE_NAME, directory);
	if (lc_sys_lstat(AT_FDCWD, name, &home) != 0 || !S_ISDIR(home.st_mode) ||
	    (home.st_mode & 022) != 0)
		return 0;
	if (lc_sys_lstat(AT_FDCWD, *directory ? directory : "/", &dir) != 0 ||
	    home.st_uid != dir.st_uid)
		return 0;
	strcat(name, "/format");
	/* It may be closed to us, and is one all the same. */
	return lc_sys_lstat(AT_FDCWD, name, &format) != -ENOENT;
}

int lc_store_above(const char *path, char above[PATH_MAX])
{
	char *slash;

	if (strlen(path) >= PATH_MAX)
		return 0;
	strcpy(above, path);
	while ((slash = strrchr(above, '/')) && slash[slash == above]) {
		*slash = '\0';
		if (!has_store(above))
			continue;
		if (!*above)
			strcpy(above, "/");
		return 1;
	}
	return 0;
}
