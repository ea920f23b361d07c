/* SPDX-License-Identifier: ISC */
/*
 * choice.c - which choices are looked at, in which order, and how they are written
 *
 * `12/0-5.7/7:3` says: all epochs before 12, of epoch 12 the writes 0 to 5 and
 * 7, of which write 7 is torn: its first three sectors arrived (`7:-3`: its last
 * three; `7:3x`: all but the third). `12/-` is none of epoch 12.
 */
#define _GNU_SOURCE
#include "crash.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSETS_OF = 8 };

/* One that is enumerated: a prefix of an epoch, or a set of up to eight. */
struct plan {
	uint32_t epoch;
	uint32_t prefix;
	uint32_t set;
	int is_set;
};

uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t below(uint64_t *state, size_t limit)
{
	return (size_t)(random_next(state) % limit);
}

static void include(struct choice *choice, size_t i)
{
	choice->in[i / 8] |= (unsigned char)(1u << (i % 8));
}

static void plan_epoch(struct walk *walk, uint32_t number)
{
	size_t n = walk->recording->epochs[number].count;
	size_t sets = n <= SUBSETS_OF ? (size_t)1 << n : 0;
	size_t i;

	walk->plan = realloc(walk->plan, (walk->planned + n + 1 + sets) * sizeof *walk->plan);
	if (!walk->plan)
		err(1, "plan");
	for (i = 0; i <= n; i++)
		walk->plan[walk->planned++] = (struct plan){number, (uint32_t)i, 0, 0};
	for (i = 0; i < sets; i++)
		walk->plan[walk->planned++] = (struct plan){number, 0, (uint32_t)i, 1};
}

void walk_begin(struct walk *walk, const struct recording *recording, uint64_t seed)
{
	size_t i;

	memset(walk, 0, sizeof *walk);
	walk->recording = recording;
	walk->random = seed;
	for (i = 0; i < recording->epoch_count; i++)
		plan_epoch(walk, (uint32_t)i);
	for (i = walk->planned; i > 1; i--) {
		size_t j = below(&walk->random, i);
		struct plan swap = walk->plan[i - 1];

		walk->plan[i - 1] = walk->plan[j];
		walk->plan[j] = swap;
	}
}

void walk_end(struct walk *walk)
{
	free(walk->plan);
	walk->plan = NULL;
}

static void carry_out(const struct plan *plan, struct choice *choice)
{
	size_t i;

	choice->epoch = plan->epoch;
	for (i = 0; plan->is_set && i < SUBSETS_OF; i++)
		if ((plan->set >> i) & 1)
			include(choice, i);
	for (i = 0; i < plan->prefix; i++)
		include(choice, i);
}

/* Epochs with many writes have more to hide: the odds go by writes. */
static uint32_t some_epoch(struct walk *walk)
{
	const struct recording *r = walk->recording;
	size_t at, low = 0, high = r->epoch_count - 1;

	if (r->order_count == 0 || random_next(&walk->random) % 4 == 0)
		return (uint32_t)below(&walk->random, r->epoch_count);
	at = below(&walk->random, r->order_count);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->epochs[middle].first + r->epochs[middle].count > at)
			high = middle;
		else
			low = middle + 1;
	}
	return (uint32_t)low;
}

/* Few, half, nearly all; or all before a point and some behind it. */
static void some_subset(struct walk *walk, struct choice *choice, size_t count)
{
	size_t odds = below(&walk->random, 5);
	size_t sure = odds == 4 ? below(&walk->random, count + 1) : 0;
	size_t i;

	for (i = 0; i < count; i++) {
		size_t dice = below(&walk->random, 8);

		if (i < sure || (odds == 0 && dice == 0) || (odds == 1 && dice < 4) ||
		    (odds == 2 && dice < 7) || (odds == 3 && dice != i % 8) ||
		    (odds == 4 && dice < 2))
			include(choice, i);
	}
}

static void tear(struct walk *walk, struct choice *choice, const struct epoch *epoch)
{
	size_t i = below(&walk->random, epoch->count);
	uint64_t sectors = epoch_request(walk->recording, epoch, i)->length / SECTOR;

	if (sectors < 2)
		return;
	include(choice, i);
	choice->torn = (int32_t)i;
	choice->sectors = (int32_t)(1 + below(&walk->random, (size_t)sectors - 1));
	switch (random_next(&walk->random) % 4) {
	case 0:
		choice->sectors = -choice->sectors;
		break;
	case 1:
		choice->hole = 1;
		break;
	default:
		break;
	}
}

void walk_next(struct walk *walk, struct choice *choice)
{
	const struct epoch *epoch;

	memset(choice, 0, sizeof *choice);
	choice->torn = -1;
	/* A torn one comes in now and then, also while there is still a plan. */
	if (walk->at < walk->planned && random_next(&walk->random) % 3 != 0) {
		carry_out(&walk->plan[walk->at++], choice);
		return;
	}
	choice->epoch = some_epoch(walk);
	epoch = &walk->recording->epochs[choice->epoch];
	some_subset(walk, choice, epoch->count);
	if (epoch->count && random_next(&walk->random) % 2 == 0)
		tear(walk, choice, epoch);
}

void choice_print(const struct recording *recording, const struct choice *choice, char *text,
                  size_t size)
{
	size_t count = recording->epochs[choice->epoch].count;
	size_t i, used = (size_t)snprintf(text, size, "%u/", choice->epoch);
	int any = 0;

	for (i = 0; i < count && used < size; i++) {
		size_t from = i;

		if (!choice_has(choice, i))
			continue;
		while (i + 1 < count && choice_has(choice, i + 1))
			i++;
		used += (size_t)snprintf(text + used, size - used,
		                         from == i ? "%s%zu" : "%s%zu-%zu", any++ ? "." : "", from,
		                         i);
	}
	if (used < size && !any)
		used += (size_t)snprintf(text + used, size - used, "-");
	if (used < size && choice->torn >= 0)
		snprintf(text + used, size - used, "/%d:%d%s", choice->torn, choice->sectors,
		         choice->hole ? "x" : "");
}

int choice_parse(const struct recording *recording, const char *text, struct choice *choice)
{
	char *at;
	size_t i;

	memset(choice, 0, sizeof *choice);
	choice->torn = -1;
	choice->epoch = (uint32_t)strtoul(text, &at, 10);
	if (*at++ != '/' || choice->epoch >= recording->epoch_count)
		return -1;
	if (*at == '-')
		at++;
	while (*at && *at != '/') {
		size_t from = strtoul(at, &at, 10), to = from;

		if (*at == '-')
			to = strtoul(at + 1, &at, 10);
		if (to >= recording->epochs[choice->epoch].count)
			return -1;
		for (i = from; i <= to; i++)
			include(choice, i);
		if (*at == '.')
			at++;
		else if (*at && *at != '/')
			return -1;
	}
	if (*at == '/' && sscanf(at + 1, "%d:%d", &choice->torn, &choice->sectors) != 2)
		return -1;
	choice->hole = strchr(at, 'x') != NULL;
	return 0;
}
