/* SPDX-License-Identifier: ISC */
/* trace.c - what a machine did that matters to its disk */
#include "config.h"

#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_clear(struct trace *trace)
{
	struct disk birth = {.count = 1};
	size_t i;

	for (i = 0; i < trace->count; i++) {
		struct effect *effect = &trace->items[i];

		if (effect->kind == EFFECT_DATA)
			page_release(effect->u.data.page);
		if (effect->kind == EFFECT_BIRTH) {
			birth.count = 1;
			birth.at[0] = effect->u.birth;
			disk_release(&birth);
		}
	}
	trace->count = 0;
}

struct effect *trace_add(struct trace *trace, enum effect_kind kind, unsigned node)
{
	struct effect *effect;

	if (trace->count == trace->room) {
		trace->room = trace->room * 2 + 64;
		trace->items = need(realloc(trace->items, trace->room * sizeof *trace->items));
	}
	effect = &trace->items[trace->count++];
	effect->kind = kind;
	effect->node = node;
	return effect;
}

int effect_is_flush(const struct effect *effect)
{
	return effect->kind == EFFECT_FSYNC || effect->kind == EFFECT_FDATASYNC ||
	       effect->kind == EFFECT_SYNCFS;
}

int effect_is_change(const struct effect *effect)
{
	return effect->kind >= EFFECT_DATA && effect->kind <= EFFECT_NAMES;
}

static void apply_data(struct disk *disk, const struct effect *effect, unsigned mask)
{
	struct node *node = disk_own(disk, effect->node);
	const unsigned index = effect->u.data.index;
	struct page *page;
	size_t i;

	mask &= effect->u.data.mask;
	if (mask == 0xff) {
		node_set_page(node, index, effect->u.data.page);
		return;
	}
	page = node_page(node, index);
	for (i = 0; i < PAGE_SIZE / SECTOR; i++)
		if (mask & 1u << i && effect->u.data.page)
			memcpy(page->bytes + i * SECTOR, effect->u.data.page->bytes + i * SECTOR,
			       SECTOR);
		else if (mask & 1u << i)
			memset(page->bytes + i * SECTOR, 0, SECTOR);
}

static void apply_names(struct disk *disk, const struct names *names)
{
	unsigned i;

	for (i = 0; i < names->count; i++)
		node_enter(disk_own(disk, names->set[i].dir), names->set[i].name,
		           names->set[i].node);
}

void effect_apply(struct disk *disk, const struct effect *effect, unsigned mask)
{
	switch (effect->kind) {
	case EFFECT_BIRTH:
		disk_put(disk, effect->node, effect->u.birth);
		break;
	case EFFECT_DATA:
		if (mask & effect->u.data.mask)
			apply_data(disk, effect, mask);
		break;
	case EFFECT_EXTEND:
		if (disk->at[effect->node]->size < effect->u.size)
			disk_own(disk, effect->node)->size = effect->u.size;
		break;
	case EFFECT_TRUNCATE:
		node_resize(disk_own(disk, effect->node), effect->u.size);
		break;
	case EFFECT_ATTRIBUTES:
		disk_own(disk, effect->node)->at = effect->u.at;
		break;
	case EFFECT_NAMES:
		apply_names(disk, &effect->u.names);
		break;
	default:
		break;
	}
}

static void print_names(FILE *out, const struct names *names)
{
	unsigned i;

	for (i = 0; i < names->count; i++)
		fprintf(out, " %u/%s=%u", names->set[i].dir, names->set[i].name,
		        names->set[i].node);
}

/* Numbers are those of nodes; what view_print calls the inode is a hundred more. */
void trace_print(FILE *out, const struct trace *trace)
{
	static const char *const words[] = {"born",   "data",        "extend",   "truncate",
	                                    "attr",   "names",       "fsync",    "fdatasync",
	                                    "syncfs", "step begins", "step done"};
	const struct effect *effect;
	size_t i;

	for (i = 0; i < trace->count; i++) {
		effect = &trace->items[i];
		fprintf(out, "  %zu %s %u", i + 1, words[effect->kind], effect->node);
		if (effect->kind == EFFECT_NAMES)
			print_names(out, &effect->u.names);
		if (effect->kind == EFFECT_DATA)
			fprintf(out, " page %u sectors %02x", effect->u.data.index,
			        effect->u.data.mask);
		fprintf(out, "\n");
	}
}
