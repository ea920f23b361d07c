/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "acl.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Little-endian: a header of 4 bytes, then tag, permissions, id: 2, 2, 4. */
enum { VERSION = 2, HEADER = 4, ITEM = 8 };

/* In the order in which the kernel wants them. */
enum {
	TAG_USER_OBJ = 1,
	TAG_USER = 2,
	TAG_GROUP_OBJ = 4,
	TAG_GROUP = 8,
	TAG_MASK = 16,
	TAG_OTHER = 32
};

struct item {
	unsigned tag;
	unsigned bits;
	uint32_t id;
};

struct list {
	struct item *items;
	size_t count;
};

static unsigned tag_of(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return TAG_USER_OBJ;
	case ARCHIVE_ENTRY_ACL_USER:
		return TAG_USER;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return TAG_GROUP_OBJ;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return TAG_GROUP;
	case ARCHIVE_ENTRY_ACL_MASK:
		return TAG_MASK;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return TAG_OTHER;
	default:
		return 0;
	}
}

/* By name where it is known here, as with owners. */
static uint32_t id_of(unsigned tag, int number, const char *name)
{
	const struct passwd *user = NULL;
	const struct group *group = NULL;

	if (tag != TAG_USER && tag != TAG_GROUP)
		return UINT32_MAX;
	if (tag == TAG_USER && name != NULL && name[0] != '\0')
		user = getpwnam(name);
	if (tag == TAG_GROUP && name != NULL && name[0] != '\0')
		group = getgrnam(name);
	if (user != NULL)
		return user->pw_uid;
	return group != NULL ? group->gr_gid : (uint32_t)number;
}

static bool add(struct list *list, unsigned tag, unsigned bits, uint32_t id)
{
	struct item *longer = realloc(list->items, (list->count + 1) * sizeof(*longer));

	if (longer == NULL)
		return false;
	list->items = longer;
	list->items[list->count++] = (struct item){tag, bits, id};
	return true;
}

static bool collect(const struct archive_calls *la, struct archive_entry *entry, int type,
                    struct list *list)
{
	int permset;
	int tag;
	int id;
	const char *name;
	bool good = true;

	la->archive_entry_acl_reset(entry, type);
	while (good && la->archive_entry_acl_next(entry, type, &type, &permset, &tag, &id, &name) ==
	                       ARCHIVE_OK) {
		unsigned known = tag_of(tag);

		if (known != 0)
			good = add(list, known, (unsigned)permset & 7, id_of(known, id, name));
	}
	return good;
}

static const struct item *find(const struct list *list, unsigned tag)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].tag == tag)
			return &list->items[i];
	return NULL;
}

/* Users and groups need a mask; without one it is what lets all of them through. */
static bool complete(struct list *list)
{
	unsigned bits = 0;
	bool named = false;

	for (size_t i = 0; i < list->count; i++) {
		named |= (list->items[i].tag & (TAG_USER | TAG_GROUP)) != 0;
		if ((list->items[i].tag & (TAG_USER | TAG_GROUP | TAG_GROUP_OBJ)) != 0)
			bits |= list->items[i].bits;
	}
	return !named || find(list, TAG_MASK) != NULL || add(list, TAG_MASK, bits, UINT32_MAX);
}

static void put(unsigned char *at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static unsigned char *encode(const struct list *list, size_t *length)
{
	unsigned char *value = malloc(HEADER + ITEM * list->count);
	unsigned char *at = value;

	if (value == NULL)
		return NULL;
	put(at, VERSION, 4);
	at += HEADER;
	for (unsigned tag = TAG_USER_OBJ; tag <= TAG_OTHER; tag <<= 1)
		for (size_t i = 0; i < list->count; i++)
			if (list->items[i].tag == tag) {
				put(at, tag, 2);
				put(at + 2, list->items[i].bits, 2);
				put(at + 4, list->items[i].id, 4);
				at += ITEM;
			}
	*length = (size_t)(at - value);
	return value;
}

void *archive_acl_value(const struct archive_calls *la, struct archive_entry *entry, int type,
                        size_t *length, mode_t *mask)
{
	struct list list = {NULL, 0};
	const struct item *found;
	void *value = NULL;

	if ((la->archive_entry_acl_types(entry) & type) == 0)
		return NULL;
	/* owner, group and others alone are the mode */
	if (collect(la, entry, type, &list) && complete(&list) &&
	    (list.count > 3 || (list.count > 0 && type == ARCHIVE_ENTRY_ACL_TYPE_DEFAULT)))
		value = encode(&list, length);
	found = find(&list, TAG_MASK);
	if (value != NULL && mask != NULL && found != NULL)
		*mask = found->bits;
	free(list.items);
	return value;
}
