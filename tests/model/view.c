/* SPDX-License-Identifier: ISC */
/* view.c - the tree as a user sees it */
#include "config.h"

#include "program.h"

#include "digest.h"

#include <err.h>
#include <string.h>

static uint64_t mix(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0xd6e8feb86659fd93u;
	return digest ^ digest >> 32;
}

static void add(struct view *view, uint64_t path, uint64_t face, uint64_t version)
{
	if (view->count == PATHS_MAX)
		errx(1, "more than %d paths", PATHS_MAX);
	view->at[view->count].path = path;
	view->at[view->count].version = version;
	view->at[view->count++].face = face;
	view->digest = mix(mix(view->digest, path), face);
}

static void walk(struct view *view, struct disk *disk, unsigned number, uint64_t path, int links)
{
	struct node *node = disk->at[number];
	const struct entry *entry;
	unsigned i;

	add(view, path, node_face(node) + (S_ISREG(node->at.mode) && links ? node->nlink : 0),
	    mix(mix(number, (uint64_t)node->ctime.tv_sec), (uint64_t)node->ctime.tv_nsec) | 1);
	for (i = 0; i < node->entry_count; i++) {
		entry = &node->entries[i];
		if (strcmp(entry->name, ".commit") == 0)
			continue;
		if (strncmp(entry->name, ".commit", 7) == 0)
			view->residue++;
		else
			walk(view, disk, entry->node, mix(path, (uint64_t)(uintptr_t)entry->name),
			     links);
	}
}

void view_take(struct view *view, struct disk *disk, int links)
{
	const unsigned top = node_find(disk->at[NODE_ROOT], intern(TREE + 1, strlen(TREE) - 1));

	view->digest = 0;
	view->count = view->residue = 0;
	if (top)
		walk(view, disk, top, 1, links);
}

/* 0: nothing there */
uint64_t view_find(const struct view *view, uint64_t path)
{
	unsigned i;

	for (i = 0; i < view->count; i++)
		if (view->at[i].path == path)
			return view->at[i].face;
	return 0;
}

uint64_t view_version(const struct view *view, uint64_t path)
{
	unsigned i;

	for (i = 0; i < view->count; i++)
		if (view->at[i].path == path)
			return view->at[i].version;
	return 0;
}

static void print(FILE *out, const struct disk *disk, unsigned number, const char *path)
{
	struct node *node = disk->at[number];
	char below[4096];
	unsigned i;

	fprintf(out, "  %s inode %lu mode %o links %u owner %u:%u size %ld face %016llx%s%s\n",
	        path, (unsigned long)disk_inode(number), (unsigned)node->at.mode, node->nlink,
	        (unsigned)node->at.uid, (unsigned)node->at.gid, (long)node->size,
	        (unsigned long long)node_face(node), node->link ? " -> " : "",
	        node->link ? node->link : "");
	for (i = 0; i < node->entry_count; i++) {
		snprintf(below, sizeof below, "%.2000s/%.255s", path, node->entries[i].name);
		print(out, disk, node->entries[i].node, below);
	}
}

void view_print(FILE *out, const struct disk *disk)
{
	print(out, disk, NODE_ROOT, "");
}
