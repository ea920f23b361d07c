/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* FNV-1a, begun with what an archive's author cannot know. */
static size_t hash(const char *path)
{
	static uint64_t begin;
	uint64_t sum;

	if (begin == 0)
		begin = 0xcbf29ce484222325u ^ (uint64_t)(uintptr_t)&begin ^
		        (uint64_t)getpid() << 40;
	sum = begin;
	for (; *path != '\0'; path++)
		sum = (sum ^ (unsigned char)*path) * 0x100000001b3u;
	return (size_t)(sum ^ sum >> 32);
}

/* The slot where path is or would go. */
static size_t find_slot(const struct txn_names *names, const char *path)
{
	size_t at = hash(path) & (names->size - 1);

	while (names->slots[at] != NULL && strcmp(names->slots[at]->path, path) != 0)
		at = (at + 1) & (names->size - 1);
	return at;
}

static bool grow(struct txn_names *names)
{
	struct txn_names larger = {NULL, names->size > 0 ? names->size * 2 : 256, names->count};

	larger.slots = calloc(larger.size, sizeof(struct txn_name *));
	if (larger.slots == NULL)
		return false;
	for (size_t i = 0; i < names->size; i++)
		if (names->slots[i] != NULL)
			larger.slots[find_slot(&larger, names->slots[i]->path)] = names->slots[i];
	free(names->slots);
	*names = larger;
	return true;
}

struct txn_name *txn_names_find(const struct txn_names *names, const char *path)
{
	return names->size > 0 ? names->slots[find_slot(names, path)] : NULL;
}

struct txn_name *txn_names_add(struct txn_names *names, const char *path, enum txn_name_kind kind)
{
	struct txn_name *name;

	if (names->count * 2 >= names->size && !grow(names))
		return NULL;
	name = calloc(1, sizeof(*name) + strlen(path) + 1);
	if (name == NULL)
		return NULL;
	name->kind = kind;
	name->first = name;
	strcpy(name->path, path);
	names->slots[find_slot(names, path)] = name;
	names->count++;
	return name;
}

void txn_names_release(struct txn_names *names)
{
	for (size_t i = 0; i < names->size; i++)
		free(names->slots[i]);
	free(names->slots);
	*names = (struct txn_names){NULL, 0, 0};
}
