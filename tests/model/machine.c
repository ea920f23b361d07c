/* SPDX-License-Identifier: ISC */
/* machine.c - one running kernel: descriptors, paths, a clock, random numbers */
#include "config.h"

#include "model.h"

#include "name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct machine machine;

enum { LINKS_MAX = 40 };
#define EPOCH ((time_t)2000000000)

uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Each boot is some days behind the one before. */
struct timespec machine_now(void)
{
	const struct timespec now = {EPOCH + (time_t)machine.boot * 300000,
	                             (long)(machine.clock % 1000000000)};

	return now;
}

/* The boot id is a file that lies in no directory. */
static void write_boot_id(void)
{
	struct node fresh = {.refs = 2, .at = {.mode = S_IFREG | 0444}};
	struct node *node;
	struct page *page;

	/* The second reference makes disk_own copy it. */
	machine.disk.at[NODE_BOOT] = &fresh;
	node = disk_own(&machine.disk, NODE_BOOT);
	page = node_page(node, 0);

	snprintf((char *)page->bytes, PAGE_SIZE, "boot-%u\n", machine.boot);
	node->size = (off_t)strlen((const char *)page->bytes);
}

void machine_boot(const struct disk *disk, unsigned boot)
{
	machine_stop();
	disk_copy(&machine.disk, disk);
	memset(machine.descriptions, 0, sizeof machine.descriptions);
	memset(machine.files, -1, sizeof machine.files);
	machine.open = 0;
	machine.boot = boot;
	machine.clock = 0;
	machine.random = 77 + boot;
	write_boot_id();
	lc_name_forget_boot();
}

void machine_stop(void)
{
	disk_release(&machine.disk);
	trace_clear(&machine.trace);
}

/* --- descriptors ---------------------------------------------------------------- */

struct description *description_of(int fd)
{
	if (fd < FILE_FIRST || fd >= FILES_MAX || machine.files[fd] < 0)
		return NULL;
	return &machine.descriptions[machine.files[fd]];
}

unsigned node_of(int fd)
{
	const struct description *file = description_of(fd);

	return file ? file->node : 0;
}

int file_open(unsigned node, int flags)
{
	int fd, i;

	for (fd = FILE_FIRST; fd < FILES_MAX && machine.files[fd] >= 0; fd++)
		;
	for (i = 0; i < FILES_MAX && machine.descriptions[i].refs; i++)
		;
	if (fd == FILES_MAX || i == FILES_MAX)
		return -EMFILE;
	machine.descriptions[i] = (struct description){.refs = 1, .node = node, .flags = flags};
	machine.files[fd] = i;
	machine.open++;
	return fd;
}

const struct node *look_at(unsigned number)
{
	return machine.disk.at[number];
}

/* --- paths ----------------------------------------------------------------------- */

static unsigned parent_of(unsigned number)
{
	const struct node *node;
	unsigned i, j;

	for (i = NODE_ROOT; i < machine.disk.count; i++) {
		node = machine.disk.at[i];
		for (j = 0; node && j < node->entry_count; j++)
			if (node->entries[j].node == number)
				return i;
	}
	return NODE_ROOT;
}

struct walk {
	char text[PATH_MAX * 2];
	const char *rest;
	unsigned top;
	unsigned dir;
	int follow, beneath, links;
};

/* What the link says comes before the rest. */
static int follow_link(struct walk *walk, const char *link)
{
	char joined[sizeof walk->text];
	int length =
	        snprintf(joined, sizeof joined, "%s%s%s", link, *walk->rest ? "/" : "", walk->rest);

	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)length >= PATH_MAX)
		return -ENAMETOOLONG;
	if (link[0] == '/') {
		if (walk->beneath)
			return -EXDEV;
		walk->dir = NODE_ROOT;
	}
	strcpy(walk->text, joined);
	walk->rest = walk->text;
	return 1;
}

/* One component; 1: go on, 0: place is filled in. */
static int step(struct walk *walk, struct place *place)
{
	const char *name = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(name, "/");
	const struct node *child;
	int last;

	walk->rest = name + length;
	walk->rest += strspn(walk->rest, "/");
	last = *walk->rest == '\0';
	if (!S_ISDIR(look_at(walk->dir)->at.mode))
		return -ENOTDIR;
	if (length > NAME_MAX)
		return -ENAMETOOLONG;
	if (length == 0 || (length == 1 && name[0] == '.') || strncmp(name, "..", length) == 0) {
		if (length == 2 && walk->dir == walk->top && walk->beneath)
			return -EXDEV;
		if (length == 2)
			walk->dir = parent_of(walk->dir);
		*place = (struct place){walk->dir, NULL, walk->dir};
		return last ? 0 : 1;
	}
	place->dir = walk->dir;
	place->name = intern(name, length);
	place->node = node_find(look_at(walk->dir), place->name);
	if (!place->node)
		return last ? 0 : -ENOENT;
	child = look_at(place->node);
	if (child->link && (!last || walk->follow))
		return walk->beneath > 1 ? -ELOOP : follow_link(walk, child->link);
	walk->dir = place->node;
	return last ? 0 : 1;
}

/* beneath: 1 with links, 2 without */
int place_find(int dirfd, const char *path, int follow, int beneath, struct place *place)
{
	struct walk walk;
	int rc;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	walk.dir = path[0] == '/' || dirfd == AT_FDCWD ? NODE_ROOT : node_of(dirfd);
	if (!walk.dir)
		return -EBADF;
	if (path[0] == '\0')
		return -ENOENT;
	walk.top = walk.dir;
	walk.follow = follow;
	walk.beneath = beneath;
	walk.links = 0;
	strcpy(walk.text, path);
	walk.rest = walk.text;
	do
		rc = step(&walk, place);
	while (rc == 1);
	return rc;
}

int look_up(int dirfd, const char *path, int follow, unsigned *number)
{
	struct place place;
	int rc;

	if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) {
		*number = NODE_BOOT;
		return 0;
	}
	rc = place_find(dirfd, path, follow, 0, &place);
	if (!rc && !place.node)
		rc = -ENOENT;
	if (!rc)
		*number = place.node;
	return rc;
}
