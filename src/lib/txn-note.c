/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include "copy.h"
#include "name.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * After a flush has failed the page cache says that all is clean, and the next
 * flush says that all is well, while the device has the old bytes. So the stage
 * notes in which boot, and in which life of the file system, that was: only in
 * another one is what is read what the device has. The note stands behind the
 * rest of `info`, whose block is there already: the disk may be full.
 */
#define NOTE "\nunflushed "

static int open_info(const struct commit_store *store, uint64_t number, int flags)
{
	char id[COMMIT_TXN_ID_SIZE];
	int dir, fd;

	lc_txn_id(number, id);
	dir = lc_sys_open(store->stage, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (dir == -ENOENT && flags != O_RDONLY && lc_sys_mkdir(store->stage, id, 0700) == 0)
		dir = lc_sys_open(store->stage, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	if (dir < 0)
		return dir;
	fd = lc_sys_open(dir, "info", flags | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -ENOENT && flags != O_RDONLY)
		fd = lc_sys_create(dir, "info", flags, 0600);
	lc_sys_drop(&dir);
	return fd;
}

/* The file's text, up to where a note of an earlier boot begins. */
static ssize_t read_info(int fd, char text[LC_TXN_INFO_SIZE])
{
	ssize_t length = lc_copy_read(fd, text, LC_TXN_INFO_SIZE - 1, 0);

	if (length >= 0)
		text[length] = '\0';
	return length;
}

/* Of steps on several file systems it is not known which one has failed. */
static uint64_t instance_of(const struct commit_store *store, const struct lc_logged *logged)
{
	uint64_t instance;
	size_t i;

	for (i = 0; i < logged->list.count; i++)
		if (logged->list.items[i].type == LC_CHANGE_MOUNT)
			return 0;
	return lc_sys_fs_instance(store->root, &instance) == 0 ? instance : 0;
}

int lc_txn_note_unflushed(const struct commit_store *store, const struct lc_logged *logged)
{
	char text[LC_TXN_INFO_SIZE], note[64];
	uint64_t instance = instance_of(store, logged);
	char *old;
	off_t at;
	int fd = open_info(store, logged->number, O_RDWR);
	int rc;

	if (fd < 0)
		return fd;
	at = read_info(fd, text);
	if (at >= 0) {
		old = strstr(text, NOTE);
		at = old ? old - text : at;
		/* The text before it ends with a newline, if there is any. */
		if (!old && at > 0 && text[at - 1] == '\n')
			at--;
		snprintf(note, sizeof note, NOTE "%08" PRIx32 " %016" PRIx64 "\n", lc_name_boot(),
		         instance);
		rc = lc_copy_bytes(fd, &at, note, strlen(note));
	} else {
		rc = (int)at;
	}
	lc_sys_drop(&fd);
	return rc;
}

int lc_txn_is_unflushed(const struct commit_store *store, uint64_t number)
{
	char text[LC_TXN_INFO_SIZE];
	uint64_t boot, then, now;
	const char *note;
	char *end;
	ssize_t length;
	int fd = open_info(store, number, O_RDONLY);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	length = read_info(fd, text);
	lc_sys_drop(&fd);
	if (length < 0)
		return (int)length;
	note = strstr(text, NOTE);
	if (!note)
		return 0;
	boot = strtoull(note + strlen(NOTE), &end, 16);
	then = strtoull(end, NULL, 16);
	/* What cannot be known is taken for the worse. */
	if (boot != 0 && lc_name_boot() != 0 && boot != lc_name_boot())
		return 0;
	if (lc_sys_fs_instance(store->root, &now) != 0)
		now = 0;
	return then == 0 || now == 0 || then == now;
}
