/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "change.h"

#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* commit-store(5) */
enum {
	AT_FLAGS = 0,
	AT_OFFSET = 8,
	AT_NEW = 16,
	AT_NEW_LENGTH = 24,
	AT_OLD = 32,
	AT_OLD_LENGTH = 40,
	AT_TOTAL = 48,
	AT_DIGEST = 56,
	SIZE = AT_DIGEST + 16
};

int lc_change_is_patch(const struct lc_change *c)
{
	return c->type == LC_CHANGE_PATCH || c->type == LC_OPERATION_PATCH;
}

uint64_t lc_patch_span(const struct lc_patch *patch)
{
	return patch->new_length > patch->old_length ? patch->new_length : patch->old_length;
}

int lc_change_set_patch(struct lc_change *c, const struct lc_patch *patch)
{
	unsigned char *p = calloc(1, SIZE);

	if (!p)
		return -ENOMEM;
	lc_put_le32(p + AT_FLAGS, patch->flags);
	lc_put_le64(p + AT_OFFSET, patch->offset);
	lc_put_le64(p + AT_NEW, patch->new_at);
	lc_put_le64(p + AT_NEW_LENGTH, patch->new_length);
	lc_put_le64(p + AT_OLD, patch->old_at);
	lc_put_le64(p + AT_OLD_LENGTH, patch->old_length);
	lc_put_le64(p + AT_TOTAL, patch->total);
	memcpy(p + AT_DIGEST, patch->digest.bytes, sizeof patch->digest.bytes);
	c->value = p;
	c->value_length = SIZE;
	return 0;
}

static int lies_within(uint64_t at, uint64_t length, uint64_t total)
{
	return at <= total && length <= total - at;
}

int lc_change_get_patch(const struct lc_change *c, struct lc_patch *patch)
{
	const unsigned char *p = c->value;

	if (c->value_length != SIZE)
		return -EBADMSG;
	patch->flags = lc_get_le32(p + AT_FLAGS);
	patch->offset = lc_get_le64(p + AT_OFFSET);
	patch->new_at = lc_get_le64(p + AT_NEW);
	patch->new_length = lc_get_le64(p + AT_NEW_LENGTH);
	patch->old_at = lc_get_le64(p + AT_OLD);
	patch->old_length = lc_get_le64(p + AT_OLD_LENGTH);
	patch->total = lc_get_le64(p + AT_TOTAL);
	memcpy(patch->digest.bytes, p + AT_DIGEST, sizeof patch->digest.bytes);
	if (patch->flags & ~LC_PATCH_BACK || patch->total > INT64_MAX ||
	    !lies_within(patch->new_at, patch->new_length, patch->total) ||
	    !lies_within(patch->old_at, patch->old_length, patch->total) ||
	    !lies_within(patch->offset, lc_patch_span(patch), INT64_MAX) ||
	    !S_ISREG(c->before.mode) || !S_ISREG(c->after.mode) || c->after.size > INT64_MAX ||
	    c->before.inode != c->after.inode)
		return -EBADMSG;
	return 0;
}
