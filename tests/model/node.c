/* SPDX-License-Identifier: ISC */
/* node.c - pages, nodes, disks: counted, and copied when written */
#include "config.h"

#include "model.h"

#include "digest.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

void *need(void *memory)
{
	if (!memory)
		err(1, "memory");
	return memory;
}

/* --- names: kept for ever, there are not many --------------------------------- */

struct interned {
	struct interned *next;
	uint64_t digest;
	size_t length;
	char text[];
};

enum { BUCKETS = 1 << 16 };
static struct interned *buckets[BUCKETS];

const char *intern(const char *text, size_t length)
{
	uint64_t digest = lc_digest64(text, length);
	struct interned **at = &buckets[digest % BUCKETS];

	for (; *at; at = &(*at)->next)
		if ((*at)->digest == digest && (*at)->length == length &&
		    memcmp((*at)->text, text, length) == 0)
			return (*at)->text;
	*at = need(malloc(sizeof **at + length + 1));
	(*at)->next = NULL;
	(*at)->digest = digest;
	(*at)->length = length;
	memcpy((*at)->text, text, length);
	(*at)->text[length] = '\0';
	return (*at)->text;
}

static uint64_t digest_of_name(const char *name)
{
	return ((const struct interned *)(const void *)(name - offsetof(struct interned, text)))
	        ->digest;
}

/* --- pages --------------------------------------------------------------------- */

void page_hold(struct page *page)
{
	if (page)
		page->refs++;
}

void page_release(struct page *page)
{
	if (page && --page->refs == 0)
		free(page);
}

static uint64_t page_digest(struct page *page)
{
	if (!page->digested) {
		page->digest = lc_digest64(page->bytes, PAGE_SIZE);
		page->digested = 1;
	}
	return page->digest;
}

static void make_room(struct node *node, unsigned count)
{
	if (count > node->page_room) {
		node->pages = need(realloc(node->pages, count * sizeof(struct page *)));
		node->page_room = count;
	}
	while (node->page_count < count)
		node->pages[node->page_count++] = NULL;
}

/* To be written by the caller; a page of zeros becomes one that is there. */
struct page *node_page(struct node *node, unsigned index)
{
	struct page *old, *page;

	make_room(node, index + 1);
	old = node->pages[index];
	if (old && old->refs == 1) {
		old->digested = 0;
		return old;
	}
	page = need(malloc(sizeof *page));
	if (old)
		memcpy(page->bytes, old->bytes, PAGE_SIZE);
	else
		memset(page->bytes, 0, PAGE_SIZE);
	page->refs = 1;
	page->digested = 0;
	page_release(old);
	node->pages[index] = page;
	return page;
}

void node_set_page(struct node *node, unsigned index, struct page *page)
{
	make_room(node, index + 1);
	page_hold(page);
	page_release(node->pages[index]);
	node->pages[index] = page;
}

/* Behind the end there is nothing, and what comes there later begins as zeros. */
void node_resize(struct node *node, off_t size)
{
	unsigned keep = (unsigned)((size + PAGE_SIZE - 1) / PAGE_SIZE);
	size_t tail = (size_t)(size % PAGE_SIZE);
	struct page *last;

	while (node->page_count > keep)
		page_release(node->pages[--node->page_count]);
	if (tail && node->page_count == keep && node->pages[keep - 1]) {
		last = node_page(node, keep - 1);
		memset(last->bytes + tail, 0, PAGE_SIZE - tail);
	}
	node->size = size;
}

/* --- nodes --------------------------------------------------------------------- */

static void node_release(struct node *node)
{
	unsigned i;

	if (!node || --node->refs > 0)
		return;
	for (i = 0; i < node->page_count; i++)
		page_release(node->pages[i]);
	free(node->pages);
	free(node->entries);
	free(node);
}

static struct node *node_copy(const struct node *from)
{
	struct node *node = need(malloc(sizeof *node));
	unsigned i;

	*node = *from;
	node->refs = 1;
	node->digested = 0;
	node->page_room = from->page_count;
	node->entry_room = from->entry_count;
	node->pages = NULL;
	node->entries = NULL;
	if (from->page_count) {
		node->pages = need(malloc(from->page_count * sizeof(struct page *)));
		memcpy(node->pages, from->pages, from->page_count * sizeof(struct page *));
	}
	for (i = 0; i < from->page_count; i++)
		page_hold(node->pages[i]);
	if (from->entry_count) {
		node->entries = need(malloc(from->entry_count * sizeof(struct entry)));
		memcpy(node->entries, from->entries, from->entry_count * sizeof(struct entry));
	}
	return node;
}

unsigned node_find(const struct node *node, const char *name)
{
	unsigned i;

	for (i = 0; i < node->entry_count; i++)
		if (node->entries[i].name == name)
			return node->entries[i].node;
	return 0;
}

/* 0: the name goes. The order of entries is that of names, whatever happened. */
void node_enter(struct node *node, const char *name, unsigned number)
{
	unsigned i;

	for (i = 0; i < node->entry_count; i++)
		if (strcmp(node->entries[i].name, name) >= 0)
			break;
	if (i < node->entry_count && node->entries[i].name == name) {
		node->entries[i].node = number;
		if (!number)
			memmove(&node->entries[i], &node->entries[i + 1],
			        (--node->entry_count - i) * sizeof(struct entry));
		return;
	}
	if (!number)
		return;
	if (node->entry_count == node->entry_room) {
		node->entry_room = node->entry_room * 2 + 4;
		node->entries =
		        need(realloc(node->entries, node->entry_room * sizeof(struct entry)));
	}
	memmove(&node->entries[i + 1], &node->entries[i],
	        (node->entry_count++ - i) * sizeof(struct entry));
	node->entries[i] = (struct entry){name, number};
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0x9e3779b97f4a7c15u;
	return digest ^ digest >> 29;
}

uint64_t node_face(struct node *node)
{
	const struct attributes *at = &node->at;
	uint64_t digest = mix(mix(mix(1, at->mode), at->uid), at->gid);
	unsigned i;

	for (i = 0; i < at->xattr_count; i++)
		digest = mix(mix(digest, digest_of_name(at->xattrs[i].name)),
		             lc_digest64(at->xattrs[i].value, at->xattrs[i].length));
	if (S_ISREG(at->mode)) {
		digest = mix(digest, (uint64_t)node->size);
		for (i = 0; node->pages && i < node->page_count; i++)
			if (node->pages[i])
				digest = mix(mix(digest, i), page_digest(node->pages[i]));
	}
	if (node->link)
		digest = mix(digest, digest_of_name(node->link));
	return digest;
}

/* ctime is left out: two states that differ in it only count as one. */
uint64_t node_digest(struct node *node)
{
	uint64_t digest;
	unsigned i;

	if (node->digested)
		return node->digest;
	digest = mix(mix(node_face(node), (uint64_t)node->at.mtime.tv_nsec), node->nlink);
	for (i = 0; node->entries && i < node->entry_count; i++)
		digest = mix(mix(digest, digest_of_name(node->entries[i].name)),
		             node->entries[i].node);
	node->digest = digest;
	node->digested = 1;
	return digest;
}

/* --- disks --------------------------------------------------------------------- */

ino_t disk_inode(unsigned number)
{
	return number + 100;
}

void disk_copy(struct disk *to, const struct disk *from)
{
	unsigned i;

	to->count = from->count;
	for (i = 0; i < from->count; i++) {
		to->at[i] = from->at[i];
		if (to->at[i])
			to->at[i]->refs++;
	}
}

void disk_release(struct disk *disk)
{
	unsigned i;

	for (i = 0; i < disk->count; i++)
		node_release(disk->at[i]);
	disk->count = 0;
}

unsigned disk_add(struct disk *disk, mode_t mode)
{
	struct node *node = need(calloc(1, sizeof *node));
	unsigned number = disk->count < NODE_ROOT ? NODE_ROOT : disk->count;

	if (number >= NODES_MAX)
		errx(1, "more than %d inodes", NODES_MAX);
	node->at.mode = mode;
	node->refs = 1;
	disk->at[0] = NULL;
	disk->at[number] = node;
	disk->count = number + 1;
	return number;
}

void disk_put(struct disk *disk, unsigned number, struct node *node)
{
	while (disk->count <= number)
		disk->at[disk->count++] = NULL;
	node->refs++;
	node_release(disk->at[number]);
	disk->at[number] = node;
}

struct node *disk_own(struct disk *disk, unsigned number)
{
	struct node *node = disk->at[number];

	if (node->refs > 1) {
		disk->at[number] = node_copy(node);
		node_release(node);
	}
	node = disk->at[number];
	node->digested = 0;
	return node;
}

/* Names of each node that can be reached; a directory has one for itself. */
static void count_names(const struct disk *disk, unsigned number, unsigned counts[])
{
	const struct node *node = disk->at[number];
	unsigned i, child;

	counts[number]++;
	if (!S_ISDIR(node->at.mode) || counts[number] > 1)
		return;
	counts[number]++;
	for (i = 0; i < node->entry_count; i++) {
		child = node->entries[i].node;
		count_names(disk, child, counts);
		if (S_ISDIR(disk->at[child]->at.mode))
			counts[number]++;
	}
}

uint64_t disk_settle(struct disk *disk)
{
	unsigned counts[NODES_MAX] = {0}, i;
	uint64_t digest = 0;

	count_names(disk, NODE_ROOT, counts);
	for (i = NODE_ROOT; i < disk->count; i++) {
		if (!disk->at[i])
			continue;
		if (!counts[i]) {
			node_release(disk->at[i]);
			disk->at[i] = NULL;
			continue;
		}
		if (disk->at[i]->nlink != counts[i])
			disk_own(disk, i)->nlink = counts[i];
		digest = mix(mix(digest, i), node_digest(disk->at[i]));
	}
	return digest;
}
