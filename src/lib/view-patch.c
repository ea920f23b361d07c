/* SPDX-License-Identifier: ISC */
/* Ranges that are edited in place wait with the changes of metadata of their file. */
#include "config.h"

#include "view-internal.h"

#include <string.h>

static int touches(const struct lc_change *c, uint64_t offset, uint64_t length)
{
	struct lc_patch patch;

	return lc_change_is_patch(c) && lc_change_get_patch(c, &patch) == 0 &&
	       patch.offset < offset + length && offset < patch.offset + lc_patch_span(&patch);
}

int lc_view_is_patched(const struct lc_view *view, const struct lc_identity *file, uint64_t offset,
                       uint64_t length)
{
	size_t i, k;

	for (i = 0; i < view->count; i++) {
		const struct lc_entry *entry = view->items[i];

		for (k = 0; k < entry->metas.count; k++)
			if (entry->identity.inode == file->inode &&
			    touches(&entry->metas.items[k], offset, length))
				return 1;
	}
	return 0;
}

static int has_patch(const struct lc_entry *entry)
{
	size_t i;

	for (i = 0; i < entry->metas.count; i++)
		if (lc_change_is_patch(&entry->metas.items[i]))
			return 1;
	return 0;
}

int lc_view_has_patch(const struct lc_view *view, const char *path)
{
	size_t i;

	for (i = 0; i < view->count; i++)
		if (has_patch(view->items[i]) && (strcmp(view->items[i]->path, path) == 0 ||
		                                  lc_view_is_below(view->items[i]->path, path)))
			return 1;
	return 0;
}

/* The file has one size in the end, whichever of its steps is looked at. */
void lc_view_settle_sizes(struct lc_change_list *patches)
{
	size_t i, k;

	for (i = 0; i < patches->count; i++)
		for (k = 0; k < patches->count; k++) {
			struct lc_identity *after = &patches->items[i].after;
			const struct lc_identity *other = &patches->items[k].after;

			if (after->inode == other->inode && after->size < other->size)
				after->size = other->size;
		}
}
