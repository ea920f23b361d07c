/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "inplace.h"

#include "sys.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* st_blocks counts in these, whatever the file system's block is. */
#define STAT_BLOCK 512
/* No file system's block is larger. */
#define BLOCK_MAX ((off_t)64 * 1024)

/* Where the first byte may lie that has no place on the device yet. */
static off_t first_unplaced(const struct stat *st)
{
	return (off_t)st->st_blocks * STAT_BLOCK < st->st_size ? 0 : st->st_size;
}

/*
 * The kernel takes capabilities and set-id bits from a file when room is made
 * in it. Before the commit nothing could give them back, were we killed.
 */
static int loses_privileges(const struct lc_edit *edit)
{
	return edit->journal.caps_length > 0 || (edit->before.st_mode & (S_ISUID | S_ISGID));
}

int lc_inplace_reserve(struct lc_edit *edit, int target)
{
	struct stat *before = &edit->before;
	off_t end = (off_t)edit->journal.new_size;
	int seen, rc = lc_sys_fstat_times(target, before);
	off_t from;

	if (rc)
		return rc;
	from = first_unplaced(before);
	if (end <= from || loses_privileges(edit))
		return 0;
	rc = lc_sys_reserve(target, from, end - from);
	if (rc == -EOPNOTSUPP || rc == -ENOSYS)
		return 0;
	/* Where room ran out, what was reserved until then stays reserved. */
	seen = lc_sys_fstat_times(target, &edit->reserved);
	edit->has_reserved = seen == 0;
	/* Without knowing whether somebody writes it, only the times are given back. */
	if (seen)
		lc_sys_set_times(target, before);
	return rc ? rc : seen;
}

/* Nobody has written the file since room was reserved. */
static int untouched(const struct lc_edit *edit, int target)
{
	const struct stat *then = &edit->reserved;
	struct stat now;

	return lc_sys_fstat_times(target, &now) == 0 && now.st_size == then->st_size &&
	       now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == then->st_mtim.tv_nsec &&
	       now.st_ctim.tv_sec == then->st_ctim.tv_sec &&
	       now.st_ctim.tv_nsec == then->st_ctim.tv_nsec;
}

/*
 * Where the file had holes the old image has them. The file itself cannot be
 * asked: once read, what is reserved and never written counts as data. The
 * last hole is emptied beyond the end of file, lest its last block stay.
 */
static void empty_holes(int fd, const struct lc_journal *j, int target)
{
	const off_t start = (off_t)j->old_offset;
	const off_t end = start + (off_t)j->old_size;
	off_t hole, data = start;

	while (data < end) {
		hole = lc_sys_lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || hole >= end)
			return;
		data = lc_sys_lseek(fd, hole, SEEK_DATA);
		if (data < 0 || data >= end)
			data = end + BLOCK_MAX;
		if (lc_sys_punch(target, hole - start, data - hole) != 0)
			return;
	}
}

void lc_inplace_unreserve(struct lc_edit *edit, int fd, int target)
{
	const struct stat *before = &edit->before;
	int ours = edit->has_reserved && untouched(edit, target);

	edit->has_reserved = 0;
	if (!ours)
		return;
	if (first_unplaced(before) == 0)
		empty_holes(fd, &edit->journal, target);
	/* To the size that it has: that frees what lies behind it. */
	if (lc_sys_ftruncate(target, before->st_size) == 0)
		lc_sys_set_times(target, before);
}
