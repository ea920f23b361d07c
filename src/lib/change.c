/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "change.h"

#include "beneath.h"
#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* commit-store(5) */
enum { IDENTITY = 32 };
enum {
	AT_BEFORE = 0,
	AT_AFTER = AT_BEFORE + IDENTITY,
	AT_MODE = AT_AFTER + IDENTITY,
	AT_UID = AT_MODE + 4,
	AT_GID = AT_UID + 4,
	AT_PATH_LENGTH = AT_GID + 4,
	AT_PLACE_LENGTH = AT_PATH_LENGTH + 4,
	AT_ATTRIBUTE_LENGTH = AT_PLACE_LENGTH + 4,
	AT_VALUE_LENGTH = AT_ATTRIBUTE_LENGTH + 4,
	AT_STRINGS = AT_VALUE_LENGTH + 4
};

void lc_identity_of(const struct stat *st, struct lc_identity *identity)
{
	identity->inode = st->st_ino;
	identity->mode = st->st_mode;
	identity->size = (uint64_t)st->st_size;
	identity->seconds = st->st_mtim.tv_sec;
	identity->nanoseconds = (uint32_t)st->st_mtim.tv_nsec;
}

int lc_identity_same(const struct lc_identity *a, const struct lc_identity *b)
{
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return 0;
	if (a->mode == 0)
		return 1;
	if (a->inode != b->inode)
		return 0;
	/* The inode of a link that is gone is often the next one's: it tells too little. */
	return (!S_ISREG(a->mode) && !S_ISLNK(a->mode)) ||
	       (a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds);
}

static void put_identity(unsigned char *to, const struct lc_identity *identity)
{
	lc_put_le64(to, identity->inode);
	lc_put_le32(to + 8, identity->mode);
	lc_put_le32(to + 12, identity->nanoseconds);
	lc_put_le64(to + 16, identity->size);
	lc_put_le64(to + 24, (uint64_t)identity->seconds);
}

static void get_identity(const unsigned char *from, struct lc_identity *identity)
{
	identity->inode = lc_get_le64(from);
	identity->mode = lc_get_le32(from + 8);
	identity->nanoseconds = lc_get_le32(from + 12);
	identity->size = lc_get_le64(from + 16);
	identity->seconds = (int64_t)lc_get_le64(from + 24);
}

static uint32_t length_of(const char *text)
{
	return text ? (uint32_t)strlen(text) : 0;
}

static unsigned char *append(unsigned char *to, const void *bytes, uint32_t length)
{
	if (length > 0)
		memcpy(to, bytes, length);
	return to + length;
}

int lc_change_is_step(const struct lc_change *c)
{
	return c->type != LC_CHANGE_MOUNT && c->type != LC_CHANGE_WAS;
}

int lc_change_is_meta(const struct lc_change *c)
{
	return c->type == LC_CHANGE_META || c->type == LC_CHANGE_UNSET;
}

int lc_change_encode(const struct lc_change *c, unsigned char **payload, uint32_t *length)
{
	uint32_t path = length_of(c->path), place = length_of(c->place);
	uint32_t attribute = length_of(c->attribute);
	unsigned char *p, *next;

	*length = AT_STRINGS + path + place + attribute + c->value_length;
	p = malloc(*length);
	*payload = p;
	if (!p)
		return -ENOMEM;
	put_identity(p + AT_BEFORE, &c->before);
	put_identity(p + AT_AFTER, &c->after);
	lc_put_le32(p + AT_MODE, c->mode);
	lc_put_le32(p + AT_UID, c->uid);
	lc_put_le32(p + AT_GID, c->gid);
	lc_put_le32(p + AT_PATH_LENGTH, path);
	lc_put_le32(p + AT_PLACE_LENGTH, place);
	lc_put_le32(p + AT_ATTRIBUTE_LENGTH, attribute);
	lc_put_le32(p + AT_VALUE_LENGTH, c->value_length);
	next = append(p + AT_STRINGS, c->path, path);
	next = append(next, c->place, place);
	next = append(next, c->attribute, attribute);
	append(next, c->value, c->value_length);
	return 0;
}

/* A string of that length at *from, which advances; NULL if it holds a zero. */
static char *take_string(const unsigned char **from, uint32_t length)
{
	char *text;

	if (memchr(*from, 0, length))
		return NULL;
	text = malloc((size_t)length + 1);
	if (!text)
		return NULL;
	memcpy(text, *from, length);
	text[length] = '\0';
	*from += length;
	return text;
}

static int known(uint32_t type)
{
	return (type >= LC_CHANGE_TAKE && type <= LC_CHANGE_CONTENT) || type == LC_CHANGE_STAGED ||
	       (type >= LC_CHANGE_MOUNT && type <= LC_CHANGE_PATCH) ||
	       (type >= LC_OPERATION_PUT && type <= LC_OPERATION_PATCH);
}

static int has_place(enum lc_change_type type)
{
	switch (type) {
	case LC_CHANGE_TAKE:
	case LC_CHANGE_PUT:
	case LC_OPERATION_PUT:
	case LC_OPERATION_MOVE:
	case LC_CHANGE_PATCH:
	case LC_OPERATION_PATCH:
		return 1;
	default:
		return 0;
	}
}

/* Others may have one. */
static int good_place(const struct lc_change *c)
{
	return (!has_place(c->type) && !c->place[0]) || lc_beneath_valid(c->place);
}

static int decode_strings(const unsigned char *p, struct lc_change *c)
{
	const unsigned char *next = p + AT_STRINGS;
	uint32_t attribute = lc_get_le32(p + AT_ATTRIBUTE_LENGTH);

	c->path = take_string(&next, lc_get_le32(p + AT_PATH_LENGTH));
	if (!c->path || (!lc_beneath_valid(c->path) && (c->type != LC_CHANGE_MOUNT || *c->path)))
		return -EBADMSG;
	c->place = take_string(&next, lc_get_le32(p + AT_PLACE_LENGTH));
	if (!c->place || !good_place(c))
		return -EBADMSG;
	if (attribute > 0) {
		c->attribute = take_string(&next, attribute);
		if (!c->attribute)
			return -EBADMSG;
	}
	c->value_length = lc_get_le32(p + AT_VALUE_LENGTH);
	c->value = malloc((size_t)c->value_length + 1);
	if (!c->value)
		return -ENOMEM;
	memcpy(c->value, next, c->value_length);
	return 0;
}

static int decode_patch(const struct lc_change *c)
{
	struct lc_patch patch;

	return lc_change_is_patch(c) ? lc_change_get_patch(c, &patch) : 0;
}

int lc_change_decode(uint32_t type, const unsigned char *p, uint32_t length, struct lc_change *c)
{
	uint64_t total;
	int rc;

	memset(c, 0, sizeof *c);
	if (!known(type) || length < AT_STRINGS)
		return -EBADMSG;
	total = (uint64_t)AT_STRINGS + lc_get_le32(p + AT_PATH_LENGTH) +
	        lc_get_le32(p + AT_PLACE_LENGTH) + lc_get_le32(p + AT_ATTRIBUTE_LENGTH) +
	        lc_get_le32(p + AT_VALUE_LENGTH);
	if (total != length)
		return -EBADMSG;
	c->type = (enum lc_change_type)type;
	get_identity(p + AT_BEFORE, &c->before);
	get_identity(p + AT_AFTER, &c->after);
	c->mode = lc_get_le32(p + AT_MODE);
	c->uid = lc_get_le32(p + AT_UID);
	c->gid = lc_get_le32(p + AT_GID);
	rc = decode_strings(p, c);
	if (!rc)
		rc = decode_patch(c);
	if (rc)
		lc_change_release(c);
	return rc;
}

void lc_change_release(struct lc_change *c)
{
	free(c->path);
	free(c->place);
	free(c->attribute);
	free(c->value);
	memset(c, 0, sizeof *c);
}

int lc_change_list_add(struct lc_change_list *list, struct lc_change *change)
{
	struct lc_change *bigger;

	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		bigger = realloc(list->items, list->room * sizeof *bigger);
		if (!bigger) {
			list->room = list->count;
			lc_change_release(change);
			return -ENOMEM;
		}
		list->items = bigger;
	}
	list->items[list->count++] = *change;
	memset(change, 0, sizeof *change);
	return 0;
}

void lc_change_list_release(struct lc_change_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		lc_change_release(&list->items[i]);
	free(list->items);
	memset(list, 0, sizeof *list);
}
