/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "range-internal.h"

#include "inplace.h"
#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A first segment is written whole, so it is small; a long edit gets larger ones. */
#define FIRST_SEGMENT ((uint32_t)256 * 1024)
#define NEXT_SEGMENT ((uint32_t)4 * 1024 * 1024)

/* The names that log and target have seen from one directory. */
static int name_it(struct lc_range_home *home, const struct lc_range_target *target, int beside)
{
	struct lc_edit *edit = calloc(1, sizeof *edit);
	int rc = edit ? lc_inplace_name(&target->place, beside ? NULL : &home->registry, edit)
	              : -ENOMEM;

	if (!rc) {
		home->beside = beside;
		home->place = beside ? &target->place : &home->registry;
		strcpy(home->target, edit->journal.target);
		rc = lc_name_make_range(home->place->inode, home->target, home->name);
	}
	free(edit);
	return rc;
}

static int is_there(const struct lc_range_home *home)
{
	struct stat st;

	return lc_sys_lstat(home->place->fd, home->name, &st) == 0;
}

/* Found beside the file or in the registry: in this order, also by the next one. */
static int find(struct lc_range_home *home, const struct lc_range_target *target)
{
	int rc = name_it(home, target, 1);

	if (rc || is_there(home))
		return rc;
	rc = lc_inplace_registry(NULL, 0, &home->registry);
	if (rc)
		return -ENOENT;
	rc = name_it(home, target, 0);
	return rc || is_there(home) ? rc : -ENOENT;
}

static int make_dir(const struct lc_range_home *home)
{
	int rc = lc_sys_mkdir(home->place->fd, home->name, 0700);

	return rc == -EEXIST ? 0 : rc;
}

static int make_somewhere(struct lc_range_home *home, const struct lc_range_target *target)
{
	int rc = name_it(home, target, 1);

	if (!rc)
		rc = make_dir(home);
	if (rc != -EACCES && rc != -EROFS && rc != -EPERM)
		return rc;
	lc_dir_release(&home->registry);
	rc = lc_inplace_registry(NULL, 1, &home->registry);
	if (!rc)
		rc = name_it(home, target, 0);
	return rc ? rc : make_dir(home);
}

static int in_registry(struct lc_range_home *home, const struct lc_range_target *target,
                       const char *journal_dir, int make)
{
	int rc = lc_inplace_registry(journal_dir, make, &home->registry);

	if (!rc)
		rc = name_it(home, target, 0);
	return rc || !make ? rc : make_dir(home);
}

int lc_range_home_trust(int fd)
{
	struct stat st;
	int rc = lc_sys_fstat(fd, &st);

	if (rc)
		return rc;
	return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

int lc_range_home_open(struct lc_range_home *home, const struct lc_range_target *target,
                       const char *journal_dir, int make)
{
	int rc;

	memset(home, 0, sizeof *home);
	home->registry.fd = home->fd = -1;
	if (journal_dir || target->is_device) {
		rc = in_registry(home, target, journal_dir, make);
	} else {
		rc = find(home, target);
		if (rc == -ENOENT && make)
			rc = make_somewhere(home, target);
	}
	if (rc)
		return rc;
	home->fd = lc_sys_open(home->place->fd, home->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (home->fd < 0)
		return home->fd;
	rc = lc_range_home_trust(home->fd);
	if (!rc)
		rc = lc_lock_acquire(home->fd, target->deadline, target->cancel_fd);
	return lc_lock_unsupported(rc) ? 0 : rc;
}

void lc_range_home_release(struct lc_range_home *home)
{
	lc_sys_drop(&home->fd);
	lc_dir_release(&home->registry);
}

char *lc_range_home_path(const struct lc_range_home *home)
{
	const char *base = home->place->path;
	const char *slash = home->beside ? strrchr(base, '/') : base + strlen(base);
	size_t length = slash ? (size_t)(slash - base) : 0;
	char *path = malloc(length + strlen(home->name) + 2);

	if (path)
		sprintf(path, "%.*s%s%s", (int)length, base, slash ? "/" : "", home->name);
	return path;
}

static int make_log(const struct lc_place *place, int fd, struct lc_log_options *options)
{
	int rc;

	options->segment_size = FIRST_SEGMENT;
	rc = lc_log_create(fd, options);
	options->segment_size = NEXT_SEGMENT;
	/* The log's own name, too. */
	if (!rc)
		rc = lc_dir_flush(place, fd);
	return rc == -EINVAL || rc == -EOPNOTSUPP ? 0 : rc;
}

int lc_range_log_open(const struct lc_place *place, int fd, enum lc_range_access access,
                      struct lc_log **log, struct lc_log_report *report)
{
	struct lc_log_options options;
	int rc;

	lc_log_options_init(&options);
	options.segment_size = NEXT_SEGMENT;
	options.look_only = access == LC_RANGE_READ;
	rc = lc_log_open(fd, &options, log, report);
	if (rc != -ENOENT || access != LC_RANGE_MAKE)
		return rc;
	rc = make_log(place, fd, &options);
	return rc ? rc : lc_log_open(fd, &options, log, report);
}
