/* SPDX-License-Identifier: ISC */
/*
 * wrap.c - what libcommit asks of libc and not of sys, answered by the model
 *
 * The linker sends the calls here (--wrap), so that the library's objects are
 * linked as they are.
 */
#include "config.h"

#include "model.h"

#include "log.h"
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	int fd;
	unsigned count, at;
	struct dirent entry;
	const char *names[];
};

DIR *__wrap_fdopendir(int fd);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_closedir(DIR *dir);
char *__wrap_realpath(const char *path, char *resolved);
time_t __wrap_time(time_t *when);
uid_t __wrap_geteuid(void);
gid_t __wrap_getegid(void);
int __wrap_getgroups(int size, gid_t list[]);
int __wrap_lc_log_create(int dirfd, const struct lc_log_options *options);
int __real_lc_log_create(int dirfd, const struct lc_log_options *options);
int __wrap_lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **log,
                       struct lc_log_report *report);
int __real_lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **log,
                       struct lc_log_report *report);

/* A list of what is there now; what is removed meanwhile is read all the same. */
DIR *__wrap_fdopendir(int fd)
{
	const unsigned number = node_of(fd);
	const struct node *node = number ? look_at(number) : NULL;
	struct stream *stream;
	unsigned i;

	errno = !node ? EBADF : ENOTDIR;
	if (!node || !S_ISDIR(node->at.mode))
		return NULL;
	stream = need(malloc(sizeof *stream + node->entry_count * sizeof(char *)));
	stream->fd = fd;
	stream->at = 0;
	stream->count = node->entry_count;
	for (i = 0; i < node->entry_count; i++)
		stream->names[i] = node->entries[i].name;
	return (DIR *)(void *)stream;
}

struct dirent *__wrap_readdir(DIR *dir)
{
	struct stream *stream = (struct stream *)(void *)dir;
	unsigned child = 0;

	while (!child && stream->at < stream->count) {
		const char *name = stream->names[stream->at++];

		child = node_find(look_at(node_of(stream->fd)), name);
		if (!child)
			continue;
		stream->entry.d_ino = disk_inode(child);
		stream->entry.d_type = (unsigned char)IFTODT(look_at(child)->at.mode);
		strcpy(stream->entry.d_name, name);
	}
	return child ? &stream->entry : NULL;
}

int __wrap_closedir(DIR *dir)
{
	struct stream *stream = (struct stream *)(void *)dir;

	lc_sys_drop(&stream->fd);
	free(stream);
	return 0;
}

/* The model's trees have no links in the paths that are asked for. */
char *__wrap_realpath(const char *path, char *resolved)
{
	unsigned number;
	size_t length = strlen(path);
	int rc = look_up(AT_FDCWD, path, 1, &number);

	if (rc) {
		errno = -rc;
		return NULL;
	}
	if (!resolved)
		resolved = need(malloc(PATH_MAX));
	memcpy(resolved, path, length + 1);
	return resolved;
}

time_t __wrap_time(time_t *when)
{
	const time_t now = machine_now().tv_sec;

	if (when)
		*when = now;
	return now;
}

uid_t __wrap_geteuid(void)
{
	return 0;
}

gid_t __wrap_getegid(void)
{
	return 0;
}

int __wrap_getgroups(int size, gid_t list[])
{
	(void)size, (void)list;
	return 0;
}

/* Recovery reads segments whole: of small ones there are more, and they are read sooner. */
enum { SEGMENT_SIZE = 8 * 1024 };

int __wrap_lc_log_create(int dirfd, const struct lc_log_options *options)
{
	struct lc_log_options small = *options;

	small.segment_size = SEGMENT_SIZE;
	return __real_lc_log_create(dirfd, &small);
}

int __wrap_lc_log_open(int dirfd, const struct lc_log_options *options, struct lc_log **log,
                       struct lc_log_report *report)
{
	struct lc_log_options small = *options;

	small.segment_size = SEGMENT_SIZE;
	return __real_lc_log_open(dirfd, &small, log, report);
}
