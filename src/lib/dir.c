/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "dir.h"

#include "error.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As in the kernel (MAXSYMLINKS). */
#define LINKS_MAX 40
#define PROC_MAGIC 0x9fa0

int lc_dir_open(int dirfd, const char *path, int *readable)
{
	int fd = lc_sys_open(dirfd, path, O_RDONLY | O_DIRECTORY);

	*readable = fd >= 0;
#ifdef O_PATH
	if (fd == -EACCES)
		fd = lc_sys_open(dirfd, path, O_PATH | O_DIRECTORY);
#endif
	return fd;
}

int lc_dir_flush(const struct lc_place *place, int member)
{
	return place->readable ? lc_sys_fsync(place->fd) : lc_sys_syncfs(member);
}

void lc_dir_release(struct lc_place *place)
{
	lc_sys_drop(&place->fd);
	free(place->path);
	place->path = NULL;
}

/* "a/b" + "c" -> "a/c"; an absolute link stands for itself. */
static char *path_beside(const char *path, const char *link)
{
	const char *slash = link[0] == '/' ? NULL : strrchr(path, '/');
	size_t head = slash ? (size_t)(slash - path) + 1 : 0;
	char *joined = malloc(head + strlen(link) + 1);

	if (!joined)
		return NULL;
	memcpy(joined, path, head);
	strcpy(joined + head, link);
	return joined;
}

/* Splits text at its last slash. Returns 0 or the errno of a name that is no file's. */
static int split(char *text, const char **directory, const char **base)
{
	char *slash = strrchr(text, '/');

	*base = slash ? slash + 1 : text;
	if (!slash)
		*directory = ".";
	else if (slash == text)
		*directory = "/";
	else
		*directory = text;
	if (**base == '\0' || strcmp(*base, ".") == 0 || strcmp(*base, "..") == 0)
		return EISDIR;
	if (strlen(*base) > NAME_MAX)
		return ENAMETOOLONG;
	if (slash)
		*slash = '\0';
	return 0;
}

/*
 * What fs.protected_symlinks would do had the kernel followed the link: in a
 * sticky directory that all may write, only one's own links and those of the
 * directory's owner are followed. Links in /proc are no paths at all.
 */
static int check_link(int dirfd, const struct stat *link, const char **why)
{
	struct stat dir;
	long type;
	int rc = lc_sys_fstat(dirfd, &dir);

	if (rc)
		return rc;
	*why = "symbolic link of another user in a sticky directory";
	if ((dir.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) &&
	    link->st_uid != geteuid() && link->st_uid != dir.st_uid)
		return -EACCES;
	*why = "a link in /proc names an open file, not a path";
	if (lc_sys_fs_type(dirfd, &type) == 0 && type == PROC_MAGIC)
		return -ELOOP;
	*why = NULL;
	return 0;
}

static int read_link(int dirfd, const char *name, char *buffer, size_t size)
{
	ssize_t length = lc_sys_readlink(dirfd, name, buffer, size);

	if (length < 0)
		return (int)length;
	if ((size_t)length == size)
		return -ENAMETOOLONG;
	if (length == 0)
		return -ENOENT;
	buffer[length] = '\0';
	return 0;
}

struct walk {
	enum commit_symlink policy;
	/* the directory that text is relative to; a link's is held open */
	int from;
	/* what is still to be resolved; split() cuts it up */
	char *text;
	const char *why;
};

/*
 * One component: fills in place; returns 1 if it was a link that was followed
 * (walk then holds the rest), 0 if this is the file, or a negative errno.
 */
static int step(struct walk *walk, struct lc_place *place)
{
	char target[PATH_MAX];
	const char *directory, *base;
	struct stat *const st = &place->found;
	char *joined;
	int rc = split(walk->text, &directory, &base);

	if (rc)
		return -rc;
	strcpy(place->name, base);
	place->fd = lc_dir_open(walk->from, directory, &place->readable);
	if (place->fd < 0)
		return place->fd;
	memset(st, 0, sizeof *st);
	rc = lc_sys_lstat(place->fd, place->name, st);
	if (rc == -ENOENT)
		return 0;
	if (rc || !S_ISLNK(st->st_mode) || walk->policy == COMMIT_SYMLINK_REPLACE)
		return rc;
	walk->why = "is a symbolic link (see --symlink)";
	if (walk->policy == COMMIT_SYMLINK_REFUSE)
		return -ELOOP;
	rc = check_link(place->fd, st, &walk->why);
	if (!rc)
		rc = read_link(place->fd, place->name, target, sizeof target);
	if (rc)
		return rc;
	joined = path_beside(place->path, target);
	free(walk->text);
	walk->text = strdup(target);
	if (!joined || !walk->text) {
		free(joined);
		return -ENOMEM;
	}
	free(place->path);
	place->path = joined;
	return 1;
}

static int follow(struct walk *walk, struct lc_place *place)
{
	int links, rc = 1;

	for (links = 0; rc == 1; links++) {
		if (links > LINKS_MAX)
			return -ELOOP;
		rc = step(walk, place);
		if (rc != 1)
			break;
		/* The next text is relative to the directory that holds this link. */
		lc_sys_drop(&walk->from);
		walk->from = place->fd;
		place->fd = -1;
	}
	return rc;
}

static int each_entry(DIR *dir, int (*found)(void *context, const char *name), void *context)
{
	struct dirent *entry;
	int rc = 0;

	while (!rc) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = found(context, entry->d_name);
	}
	return rc;
}

int lc_dir_each(int fd, int (*found)(void *context, const char *name), void *context)
{
	DIR *dir;
	int rc;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		rc = -errno;
		lc_sys_drop(&fd);
		return rc;
	}
	/* It is closed with the stream. */
	lc_sys_forget(fd);
	rc = each_entry(dir, found, context);
	closedir(dir);
	return rc;
}

int lc_dir_resolve(const char *path, enum commit_symlink policy, struct lc_place *place,
                   struct commit_error *err)
{
	struct walk walk = {policy, AT_FDCWD, NULL, NULL};
	struct stat st;
	int rc, code;

	memset(place, 0, sizeof *place);
	place->fd = -1;
	if (path[0] == '\0')
		return lc_error_set(err, COMMIT_EUSAGE, ENOENT, "resolve", path, "empty path");
	walk.text = strdup(path);
	place->path = strdup(path);
	rc = walk.text && place->path ? follow(&walk, place) : -ENOMEM;
	if (rc == 0)
		rc = lc_sys_fstat(place->fd, &st);
	place->inode = rc == 0 ? st.st_ino : 0;
	if (rc < 0) {
		code = policy == COMMIT_SYMLINK_REFUSE && walk.why ? COMMIT_EREFUSED
		                                                   : COMMIT_EFAILED;
		lc_error_set(err, code, -rc, "resolve", path, walk.why);
		lc_dir_release(place);
	}
	lc_sys_drop(&walk.from);
	free(walk.text);
	return rc < 0 ? code : 0;
}
