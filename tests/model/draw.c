/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "draw.h"

#include <stdlib.h>
#include <string.h>

const char *const order_names[ORDERS] = {"journal", "directory", "any"};

enum { ALL_SECTORS = 0xff };

void past_begin(struct past *past, const struct disk *disk, const struct trace *trace,
                enum order order)
{
	memset(past, 0, offsetof(struct past, disk));
	past->trace = trace;
	past->order = order;
	past->at = past->count = past->room = 0;
	past->pending = NULL;
	disk_copy(&past->disk, disk);
}

void past_end(struct past *past)
{
	disk_release(&past->disk);
	free(past->pending);
}

static const struct effect *pending(const struct past *past, size_t i)
{
	return &past->trace->items[past->pending[i]];
}

/* --- what a flush makes durable ------------------------------------------------------ */

static int is_metadata(const struct effect *effect)
{
	return effect->kind == EFFECT_NAMES || effect->kind == EFFECT_ATTRIBUTES ||
	       effect->kind == EFFECT_TRUNCATE;
}

static int is_content(const struct effect *effect)
{
	return effect->kind == EFFECT_DATA || effect->kind == EFFECT_EXTEND;
}

/* Whether the change is one of that node's inode, or of the names in it or of it. */
static int concerns(const struct effect *effect, unsigned node)
{
	unsigned i;

	if (effect->kind != EFFECT_NAMES)
		return effect->node == node;
	for (i = 0; i < effect->u.names.count; i++)
		if (effect->u.names.set[i].dir == node || effect->u.names.set[i].node == node)
			return 1;
	return 0;
}

static void choose_in_journal(const struct past *past, const struct effect *flush,
                              unsigned char *chosen)
{
	size_t i, end = 0;

	for (i = 0; i < past->count; i++) {
		const struct effect *effect = pending(past, i);

		if (!concerns(effect, flush->node))
			continue;
		chosen[i] |= is_content(effect);
		if (effect->kind == EFFECT_TRUNCATE ||
		    (is_metadata(effect) && flush->kind == EFFECT_FSYNC))
			end = i + 1;
	}
	for (i = 0; i < end; i++)
		chosen[i] |= is_metadata(pending(past, i));
}

/* Backwards: names bring along attributes, and in dirs the names before them. */
static void choose_closure(const struct past *past, unsigned char *dirs, unsigned char *chosen)
{
	unsigned char nodes[NODES_MAX] = {0};
	const struct effect *effect;
	unsigned j;
	size_t i;

	for (i = past->count; i-- > 0;) {
		effect = pending(past, i);
		if (effect->kind == EFFECT_ATTRIBUTES)
			chosen[i] |= nodes[effect->node];
		if (effect->kind != EFFECT_NAMES)
			continue;
		for (j = 0; dirs && j < effect->u.names.count; j++)
			chosen[i] |= dirs[effect->u.names.set[j].dir];
		for (j = 0; chosen[i] && j < effect->u.names.count; j++) {
			if (dirs)
				dirs[effect->u.names.set[j].dir] = 1;
			nodes[effect->u.names.set[j].node] = 1;
		}
	}
}

static void choose_in_directory(const struct past *past, const struct effect *flush,
                                unsigned char *chosen)
{
	unsigned char dirs[NODES_MAX] = {0};
	const struct effect *effect;
	size_t i;

	for (i = 0; i < past->count; i++) {
		effect = pending(past, i);
		if (effect->kind != EFFECT_NAMES && effect->node == flush->node)
			chosen[i] =
			        effect->kind != EFFECT_ATTRIBUTES || flush->kind == EFFECT_FSYNC;
	}
	if (flush->kind == EFFECT_FSYNC) {
		dirs[flush->node] = 1;
		choose_closure(past, dirs, chosen);
	}
}

static void settle(struct past *past, const struct effect *flush)
{
	unsigned char *chosen = need(calloc(past->count + 1, 1));
	size_t i, kept = 0;

	if (flush->kind == EFFECT_SYNCFS)
		memset(chosen, 1, past->count);
	else if (past->order == ORDER_JOURNAL)
		choose_in_journal(past, flush, chosen);
	else
		choose_in_directory(past, flush, chosen);
	for (i = 0; i < past->count; i++)
		if (chosen[i])
			effect_apply(&past->disk, pending(past, i), ALL_SECTORS);
		else
			past->pending[kept++] = past->pending[i];
	past->count = kept;
	free(chosen);
}

const struct effect *past_step(struct past *past)
{
	const struct effect *effect;

	if (past->at == past->trace->count)
		return NULL;
	effect = &past->trace->items[past->at];
	if (effect->kind == EFFECT_BIRTH) {
		effect_apply(&past->disk, effect, ALL_SECTORS);
	} else if (effect_is_flush(effect)) {
		settle(past, effect);
	} else if (effect_is_change(effect)) {
		if (past->count == past->room) {
			past->room = past->room * 2 + 64;
			past->pending =
			        need(realloc(past->pending, past->room * sizeof *past->pending));
		}
		past->pending[past->count++] = past->at;
	}
	past->at++;
	return effect;
}

/* --- drawing --------------------------------------------------------------------------- */

enum style { NOTHING, EVERYTHING, FORWARDS, OPERATIONS, SECTORS };

struct styles {
	enum style metadata, size, content;
	uint64_t random;
};

/* The corners first, then chance. */
static struct styles style_of(uint64_t seed, size_t at, unsigned number)
{
	struct styles styles = {NOTHING, NOTHING, NOTHING, seed + at * 1000003 + number};

	if (number == 1)
		styles.metadata = styles.size = styles.content = EVERYTHING;
	else if (number == 2)
		styles.metadata = EVERYTHING;
	else if (number == 3)
		styles.size = styles.content = EVERYTHING;
	else if (number == 4)
		styles.metadata = styles.size = EVERYTHING;
	else if (number > 4) {
		styles.metadata = next_random(&styles.random) % 4 ? FORWARDS : EVERYTHING;
		styles.size = (enum style)(next_random(&styles.random) % 3);
		styles.content = (enum style)(next_random(&styles.random) % 5);
	}
	return styles;
}

static int toss(struct styles *styles, unsigned sides)
{
	return next_random(&styles->random) % sides == 0;
}

/* One cut through everything */
static void draw_journal(const struct past *past, struct styles *styles, unsigned char *masks)
{
	size_t i, count = 0, cut;

	for (i = 0; i < past->count; i++)
		count += (size_t)is_metadata(pending(past, i));
	cut = styles->metadata == EVERYTHING ? count
	      : styles->metadata == NOTHING  ? 0
	                                     : next_random(&styles->random) % (count + 1);
	for (i = 0, count = 0; i < past->count; i++)
		if (is_metadata(pending(past, i)) && count++ < cut)
			masks[i] = ALL_SECTORS;
}

/* Of names: blocked by what was left out in the same directory, or of the same name. */
static int is_blocked(const struct past *past, const struct effect *effect, size_t before,
                      const unsigned char *masks)
{
	const struct names *mine = &effect->u.names, *other;
	unsigned a, b;
	size_t i;

	for (i = 0; i < before; i++) {
		if (masks[i] || pending(past, i)->kind != EFFECT_NAMES)
			continue;
		other = &pending(past, i)->u.names;
		for (a = 0; a < mine->count; a++)
			for (b = 0; b < other->count; b++)
				if ((mine->set[a].dir == other->set[b].dir &&
				     (past->order == ORDER_DIRECTORY ||
				      mine->set[a].name == other->set[b].name)) ||
				    (mine->set[a].node && mine->set[a].node == other->set[b].node))
					return 1;
	}
	return 0;
}

static void draw_names(const struct past *past, struct styles *styles, unsigned char *masks)
{
	const unsigned sides = 1 + (unsigned)(next_random(&styles->random) % 4);
	const struct effect *effect;
	size_t i;

	for (i = 0; i < past->count; i++) {
		effect = pending(past, i);
		if (effect->kind != EFFECT_NAMES || styles->metadata == NOTHING)
			continue;
		if (styles->metadata == EVERYTHING ||
		    ((sides == 1 || !toss(styles, sides)) && !is_blocked(past, effect, i, masks)))
			masks[i] = ALL_SECTORS;
	}
}

static void draw_directories(const struct past *past, struct styles *styles, unsigned char *masks)
{
	unsigned char stopped[NODES_MAX] = {0};
	const struct effect *effect;
	size_t i;

	draw_names(past, styles, masks);
	choose_closure(past, NULL, masks);
	for (i = 0; i < past->count; i++) {
		effect = pending(past, i);
		if (masks[i] || !is_metadata(effect) || effect->kind == EFFECT_NAMES)
			continue;
		if (styles->metadata == NOTHING ||
		    (styles->metadata == FORWARDS && toss(styles, 2)))
			stopped[effect->node] = 1;
		if (!stopped[effect->node])
			masks[i] = ALL_SECTORS;
	}
	for (i = 0; i < past->count; i++)
		if (masks[i])
			masks[i] = ALL_SECTORS;
}

static void draw_content(const struct past *past, struct styles *styles, unsigned char *masks)
{
	unsigned char stopped[NODES_MAX] = {0}, short_[NODES_MAX] = {0};
	size_t i;

	for (i = 0; i < past->count; i++) {
		const struct effect *effect = pending(past, i);
		const enum style style =
		        effect->kind == EFFECT_EXTEND ? styles->size : styles->content;
		unsigned char *stop = effect->kind == EFFECT_EXTEND ? short_ : stopped;

		if (!is_content(effect) || style == NOTHING)
			continue;
		if (style == FORWARDS && toss(styles, 3))
			stop[effect->node] = 1;
		if (style == SECTORS)
			masks[i] = (unsigned char)next_random(&styles->random);
		else if (style == OPERATIONS ? toss(styles, 2) : !stop[effect->node])
			masks[i] = ALL_SECTORS;
	}
}

/* Sectors behind the end are not there, whoever wrote them. */
static void cut_ends(struct disk *disk, const struct past *past)
{
	unsigned char seen[NODES_MAX] = {0};
	unsigned number;
	size_t i;

	for (i = 0; i < past->count; i++) {
		number = pending(past, i)->node;
		if (pending(past, i)->kind != EFFECT_DATA || seen[number]++)
			continue;
		node_resize(disk_own(disk, number), disk->at[number]->size);
	}
}

uint64_t past_draw(const struct past *past, uint64_t seed, unsigned number, struct disk *disk)
{
	struct styles styles = style_of(seed, past->at, number);
	unsigned char *masks = need(calloc(past->count + 1, 1));
	size_t i;

	if (past->order == ORDER_JOURNAL)
		draw_journal(past, &styles, masks);
	else
		draw_directories(past, &styles, masks);
	draw_content(past, &styles, masks);
	disk_copy(disk, &past->disk);
	for (i = 0; i < past->count; i++)
		if (masks[i])
			effect_apply(disk, pending(past, i), masks[i]);
	cut_ends(disk, past);
	free(masks);
	return disk_settle(disk);
}

/* The five corners, and more where there is more to choose from. */
unsigned past_draws(const struct past *past, unsigned most)
{
	if (past->count == 0)
		return 1;
	if (past->count == 1)
		return 5;
	return past->count * 3 + 5 < most ? (unsigned)past->count * 3 + 5 : most;
}

void past_volatile(const struct past *past, struct disk *disk)
{
	size_t i;

	disk_copy(disk, &past->disk);
	for (i = 0; i < past->count; i++)
		effect_apply(disk, pending(past, i), ALL_SECTORS);
	disk_settle(disk);
}

void past_hand_over(const struct past *past, struct trace *trace)
{
	struct effect *effect;
	size_t i;

	for (i = 0; i < past->count; i++) {
		effect = trace_add(trace, pending(past, i)->kind, 0);
		*effect = *pending(past, i);
		if (effect->kind == EFFECT_DATA)
			page_hold(effect->u.data.page);
	}
}
