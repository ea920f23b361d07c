/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "copy.h"
#include "lock.h"
#include "name.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where locks are unknown, another host may be at work whose boot is not ours. */
#define LOCKLESS_AGE ((int64_t)24 * 60 * 60)

/* The 22nd field of /proc/PID/stat; the name before may hold anything. */
uint64_t lc_txn_process_start(int64_t pid)
{
	char path[64], text[1024];
	const char *field;
	ssize_t length;
	int fd, i;

	snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
	fd = lc_sys_open(AT_FDCWD, path, O_RDONLY);
	if (fd < 0)
		return 0;
	length = lc_copy_read(fd, text, sizeof text - 1, 0);
	lc_sys_drop(&fd);
	text[length > 0 ? length : 0] = '\0';
	field = strrchr(text, ')');
	for (i = 0; field && i < 20; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field + 1, NULL, 10) : 0;
}

static int read_number(const char **text, const char *word, int64_t *number)
{
	uint64_t found;

	if (!lc_store_take_number(text, word, 10, &found) || found > INT64_MAX)
		return 0;
	*number = (int64_t)found;
	return 1;
}

int lc_txn_read_info(int dir, struct lc_txn_info *info)
{
	char text[LC_TXN_INFO_SIZE];
	const char *next = text;
	int64_t keep, started, user, boot;
	ssize_t length;
	int fd = lc_sys_open(dir, "info", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	memset(info, 0, sizeof *info);
	if (fd < 0)
		return fd;
	length = lc_copy_read(fd, text, sizeof text - 1, 0);
	lc_sys_drop(&fd);
	if (length < 0)
		return (int)length;
	text[length] = '\0';
	if (!read_number(&next, "keep ", &keep) || !read_number(&next, "\nbegun ", &info->begun) ||
	    !read_number(&next, "\nttl ", &info->ttl) ||
	    !read_number(&next, "\nowner ", &info->owner) || !read_number(&next, " ", &started) ||
	    !read_number(&next, "\nuser ", &user))
		return -EBADMSG;
	/* Those of the first version do not say. */
	if (!read_number(&next, "\nboot ", &boot))
		boot = 0;
	/* Ages are counted from it. */
	if (info->begun < 0)
		return -EBADMSG;
	info->keep = keep != 0;
	info->boot = (uint32_t)boot;
	info->owner_started = (uint64_t)started;
	info->user = (uint64_t)user;
	return 0;
}

/* Of another boot than this one, as far as is known. */
static int is_of_another_boot(const struct lc_txn_info *info)
{
	return info->boot != 0 && lc_name_boot() != 0 && info->boot != lc_name_boot();
}

/*
 * One that is not kept dies with its process, whose lock tells; where there are
 * no locks its boot and its age do. A kept one dies with its owner, if it has
 * one, and of age. A process of an earlier boot is gone, whoever has its number.
 */
int lc_txn_is_dead(int ops, const struct lc_txn_info *info)
{
	int64_t age = (int64_t)time(NULL) - info->begun;
	int rc = lc_sys_lock(ops);

	/* Somebody has it, or nobody can tell. */
	if (rc && !lc_lock_unsupported(rc))
		return 0;
	if (!info->keep && lc_lock_unsupported(rc))
		return is_of_another_boot(info) && age > LOCKLESS_AGE;
	if (!info->keep)
		return 1;
	if (info->owner &&
	    (is_of_another_boot(info) || lc_txn_process_start(info->owner) != info->owner_started))
		return 1;
	return age > info->ttl;
}
