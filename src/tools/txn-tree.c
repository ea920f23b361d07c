/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { BLOCK = 128 * 1024, ATTRIBUTE_MAX = 65536 };

bool txn_tree_is_directory(int dir, const char *path)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int txn_tree_names(int dir, const char *path, int (*found)(void *context, const char *name),
                   void *context)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int rc = 0;

	if (stream == NULL) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (rc == 0 && (errno = 0, entry = readdir(stream)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = found(context, entry->d_name);
	if (rc == 0 && errno != 0)
		rc = -1;
	closedir(stream);
	return rc;
}

/* What may not be given away or has no place there is left out: it is a copy. */
static void copy_attributes(int from, int to)
{
	char names[ATTRIBUTE_MAX];
	char *value = malloc(ATTRIBUTE_MAX);
	ssize_t length = flistxattr(from, names, sizeof(names));

	for (const char *name = names; value != NULL && length > 0 && name < names + length;
	     name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, ATTRIBUTE_MAX);

		if (size >= 0)
			(void)!fsetxattr(to, name, value, (size_t)size, 0);
	}
	free(value);
}

static int copy_metadata(int from, int to, const struct stat *st)
{
	if (fchown(to, st->st_uid, st->st_gid) != 0 && errno != EPERM && errno != EINVAL)
		return -1;
	copy_attributes(from, to);
	return fchmod(to, st->st_mode & 07777);
}

static int write_all(int to, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t written = write(to, bytes, length);

		if (written < 0 && errno != EINTR)
			return -1;
		if (written > 0) {
			bytes += written;
			length -= (size_t)written;
		}
	}
	return 0;
}

static int copy_bytes(int from, int to)
{
	char *block;
	ssize_t got;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while ((got = copy_file_range(from, NULL, to, NULL, 1 << 30, 0)) > 0)
		continue;
	if (got == 0)
		return 0;
	/* from where the kernel got stuck, if it moved at all */
	block = malloc(BLOCK);
	if (block == NULL)
		return -1;
	while ((got = read(from, block, BLOCK)) > 0 && write_all(to, block, (size_t)got) == 0)
		continue;
	free(block);
	return got == 0 ? 0 : -1;
}

static int copy_file(int from_dir, const char *from, int to_dir, const char *to,
                     const struct stat *st)
{
	int in = openat(from_dir, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int out = -1;
	int rc = -1;

	if (in >= 0)
		out = openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		             0600);
	if (out >= 0 && (st->st_size == 0 || copy_bytes(in, out) == 0))
		rc = copy_metadata(in, out, st);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

static int copy_link(int from_dir, const char *from, int to_dir, const char *to,
                     const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from_dir, from, target, sizeof(target) - 1);

	if (length < 0)
		return -1;
	target[length] = '\0';
	if (symlinkat(target, to_dir, to) != 0)
		return -1;
	(void)!fchownat(to_dir, to, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);
	return 0;
}

int txn_tree_copy_directory_mode(int from_dir, const char *from, int to_dir, const char *to)
{
	int in = openat(from_dir, from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int out = in >= 0 ? openat(to_dir, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct stat st;
	int rc = -1;

	if (out >= 0 && fstat(in, &st) == 0)
		rc = copy_metadata(in, out, &st);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

int txn_tree_copy_one(int from_dir, const char *from, int to_dir, const char *to)
{
	struct stat st;

	if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -1;
	if (S_ISREG(st.st_mode))
		return copy_file(from_dir, from, to_dir, to, &st);
	if (S_ISLNK(st.st_mode))
		return copy_link(from_dir, from, to_dir, to, &st);
	if (!S_ISDIR(st.st_mode))
		return mknodat(to_dir, to, (st.st_mode & S_IFMT) | 0600, st.st_rdev);
	if (mkdirat(to_dir, to, 0700) != 0 && errno != EEXIST)
		return -1;
	return txn_tree_copy_directory_mode(from_dir, from, to_dir, to);
}

struct walk {
	int from;
	int to;
};

static int copy_child(void *context, const char *name)
{
	const struct walk *walk = context;

	if (strcmp(name, ".commit") == 0 || strncmp(name, ".commit-stage-", 14) == 0)
		return 0;
	return txn_tree_copy(walk->from, name, walk->to, name);
}

/*
 * A directory gets its mode before what is in it: whoever may not write into it
 * then is not its owner or has made it so; see the chmod in between.
 */
int txn_tree_copy(int from_dir, const char *from, int to_dir, const char *to)
{
	struct walk walk = {-1, -1};
	int rc = txn_tree_copy_one(from_dir, from, to_dir, to);

	if (rc != 0 || !txn_tree_is_directory(from_dir, from))
		return rc;
	walk.from = openat(from_dir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	walk.to = openat(to_dir, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = -1;
	if (walk.from >= 0 && walk.to >= 0 && fchmod(walk.to, 0700) == 0)
		rc = txn_tree_names(walk.from, ".", copy_child, &walk);
	if (walk.from >= 0)
		close(walk.from);
	if (walk.to >= 0)
		close(walk.to);
	if (rc == 0)
		rc = txn_tree_copy_directory_mode(from_dir, from, to_dir, to);
	return rc;
}

static int remove_child(void *context, const char *name)
{
	return txn_tree_remove(*(const int *)context, name);
}

int txn_tree_remove(int dir, const char *path)
{
	int fd;
	int rc;

	if (unlinkat(dir, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	(void)!fchmod(fd, 0700);
	rc = txn_tree_names(fd, ".", remove_child, &fd);
	close(fd);
	return rc == 0 ? unlinkat(dir, path, AT_REMOVEDIR) : rc;
}
