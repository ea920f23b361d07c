/* SPDX-License-Identifier: ISC */
/* sys-names.c - sys.h over the model: directories and the names in them */
#include "config.h"

#include "model.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void count_name(unsigned dir, unsigned number, int more)
{
	struct node *node = disk_own(&machine.disk, number);

	node->nlink += (unsigned)more;
	node->ctime = machine_now();
	if (S_ISDIR(node->at.mode)) {
		/* a new one has a name for itself, too */
		if (node->nlink == 1)
			node->nlink += (unsigned)more;
		disk_own(&machine.disk, dir)->nlink += (unsigned)more;
	}
}

static void change_name(struct names *names, unsigned dir, const char *name, unsigned number)
{
	struct node *node = disk_own(&machine.disk, dir);
	unsigned old = node_find(node, name);

	if (old)
		count_name(dir, old, -1);
	if (number)
		count_name(dir, number, 1);
	node = disk_own(&machine.disk, dir);
	node_enter(node, name, number);
	node->at.mtime = node->ctime = machine_now();
	names->set[names->count].dir = dir;
	names->set[names->count].name = name;
	names->set[names->count++].node = number;
}

void names_change(unsigned count, unsigned dir, const char *name, unsigned number,
                  unsigned other_dir, const char *other, unsigned other_number)
{
	struct effect *effect = effect_now(EFFECT_NAMES, 0);

	effect->u.names.count = 0;
	change_name(&effect->u.names, dir, name, number);
	if (count > 1)
		change_name(&effect->u.names, other_dir, other, other_number);
}

static int enter_new(int dirfd, const char *name, mode_t mode, const char *link)
{
	struct place place;
	int rc = place_find(dirfd, name, 0, 0, &place);

	if (rc || place.node)
		return rc ? rc : -EEXIST;
	names_change(1, place.dir, place.name, node_born(mode, link), 0, NULL, 0);
	return 0;
}

static int link_node(unsigned number, int dirfd, const char *name)
{
	struct place place;
	int rc = place_find(dirfd, name, 0, 0, &place);

	if (rc || place.node)
		return rc ? rc : -EEXIST;
	if (S_ISDIR(look_at(number)->at.mode))
		return -EPERM;
	names_change(1, place.dir, place.name, number, 0, NULL, 0);
	return 0;
}

int lc_sys_link_fd(int fd, int dirfd, const char *name)
{
	const unsigned number = node_of(fd);

	return number ? link_node(number, dirfd, name) : -EBADF;
}

int lc_sys_link(int from_dir, const char *from, int to_dir, const char *to)
{
	unsigned number;
	int rc = look_up(from_dir, from, 0, &number);

	return rc ? rc : link_node(number, to_dir, to);
}

/* --- renames --------------------------------------------------------------------- */

static int is_dir(unsigned number)
{
	return S_ISDIR(look_at(number)->at.mode);
}

/* Whether number is dir or above it */
static int is_above(unsigned number, unsigned dir)
{
	const struct node *node = look_at(number);
	unsigned i;

	if (number == dir)
		return 1;
	for (i = 0; i < node->entry_count; i++)
		if (is_dir(node->entries[i].node) && is_above(node->entries[i].node, dir))
			return 1;
	return 0;
}

static int find_both(int from_dir, const char *from, int to_dir, const char *to,
                     struct place places[2])
{
	int rc = place_find(from_dir, from, 0, 0, &places[0]);

	if (!rc)
		rc = place_find(to_dir, to, 0, 0, &places[1]);
	if (!rc && (!places[0].name || !places[1].name))
		rc = -EBUSY;
	if (!rc && !places[0].node)
		rc = -ENOENT;
	if (!rc && is_dir(places[0].node) && is_above(places[0].node, places[1].dir))
		rc = -EINVAL;
	return rc;
}

static int check_replaced(const struct place places[2])
{
	const unsigned from = places[0].node, to = places[1].node;

	if (!to)
		return 0;
	if (is_dir(to) && !is_dir(from))
		return -EISDIR;
	if (!is_dir(to) && is_dir(from))
		return -ENOTDIR;
	return is_dir(to) && look_at(to)->entry_count ? -ENOTEMPTY : 0;
}

static int move(const struct place places[2])
{
	int rc = check_replaced(places);

	if (!rc && places[0].node != places[1].node) {
		names_change(2, places[0].dir, places[0].name, 0, places[1].dir, places[1].name,
		             places[0].node);
		mutant_after_rename();
	}
	return rc;
}

int lc_sys_rename(int from_dir, const char *from, int to_dir, const char *to)
{
	struct place places[2];
	int rc = find_both(from_dir, from, to_dir, to, places);

	return rc ? rc : move(places);
}

int lc_sys_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	struct place places[2];
	int rc = find_both(from_dir, from, to_dir, to, places);

	if (!rc && places[1].node)
		rc = -EEXIST;
	return rc ? rc : move(places);
}

int lc_sys_exchange(int from_dir, const char *from, int to_dir, const char *to)
{
	struct place places[2];
	int rc = find_both(from_dir, from, to_dir, to, places);

	if (!rc && !places[1].node)
		rc = -ENOENT;
	if (!rc && is_dir(places[1].node) && is_above(places[1].node, places[0].dir))
		rc = -EINVAL;
	if (rc)
		return rc;
	names_change(2, places[0].dir, places[0].name, places[1].node, places[1].dir,
	             places[1].name, places[0].node);
	mutant_after_rename();
	return 0;
}

/* --- the rest --------------------------------------------------------------------- */

int lc_sys_unlink(int dirfd, const char *name)
{
	struct place place;
	int rc = place_find(dirfd, name, 0, 0, &place);

	if (!rc && !place.node)
		rc = -ENOENT;
	if (!rc && is_dir(place.node))
		rc = -EISDIR;
	if (!rc)
		names_change(1, place.dir, place.name, 0, 0, NULL, 0);
	return rc;
}

int lc_sys_rmdir(int dirfd, const char *name)
{
	struct place place;
	int rc = place_find(dirfd, name, 0, 0, &place);

	if (!rc && !place.node)
		rc = -ENOENT;
	if (!rc && !is_dir(place.node))
		rc = -ENOTDIR;
	if (!rc && look_at(place.node)->entry_count)
		rc = -ENOTEMPTY;
	if (!rc)
		names_change(1, place.dir, place.name, 0, 0, NULL, 0);
	return rc;
}

int lc_sys_mkdir(int dirfd, const char *name, mode_t mode)
{
	return enter_new(dirfd, name, S_IFDIR | (mode & 07777 & ~(mode_t)UMASK), NULL);
}

int lc_sys_mkfifo(int dirfd, const char *name, mode_t mode)
{
	return enter_new(dirfd, name, S_IFIFO | (mode & 07777 & ~(mode_t)UMASK), NULL);
}

int lc_sys_symlink(const char *target, int dirfd, const char *name)
{
	return enter_new(dirfd, name, S_IFLNK | 0777, target);
}

ssize_t lc_sys_readlink(int dirfd, const char *name, char *buffer, size_t size)
{
	unsigned number;
	size_t length;
	int rc = look_up(dirfd, name, 0, &number);

	if (!rc && !look_at(number)->link)
		rc = -EINVAL;
	if (rc)
		return rc;
	length = strlen(look_at(number)->link);
	length = length < size ? length : size;
	memcpy(buffer, look_at(number)->link, length);
	return (ssize_t)length;
}
