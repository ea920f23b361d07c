/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "rvm-internal.h"

#include "copy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE ((size_t)4096)
/* Pages held at most: 128 MiB of new values. */
#define PAGES_MAX ((size_t)32768)

struct lc_rvm_page {
	struct lc_rvm_file *file;
	uint64_t offset;
	/* which bytes are new, a bit each; not kept up once all of them are */
	unsigned char known[PAGE / 8];
	int full;
	unsigned char bytes[PAGE];
};

/* A prime near 2^64 divided by the golden ratio (Knuth, TAOCP 6.4): neighbours are spread. */
static size_t slot_of(const struct lc_rvm_redo *redo, const struct lc_rvm_file *file,
                      uint64_t offset)
{
	const uint64_t golden = UINT64_C(11400714819323198549);
	uint64_t hash = (offset / PAGE + (file->inode << 40)) * golden;

	return (size_t)(hash >> 32) & (redo->room - 1);
}

static int is_at(const struct lc_rvm_page *page, const struct lc_rvm_file *file, uint64_t offset)
{
	return page->offset == offset && page->file->inode == file->inode &&
	       page->file->fs == file->fs;
}

/* Where the page is, or where it would be. */
static struct lc_rvm_page **find(const struct lc_rvm_redo *redo, const struct lc_rvm_file *file,
                                 uint64_t offset)
{
	size_t slot = slot_of(redo, file, offset);

	while (redo->pages[slot] && !is_at(redo->pages[slot], file, offset))
		slot = (slot + 1) & (redo->room - 1);
	return &redo->pages[slot];
}

static int grow(struct lc_rvm_redo *redo)
{
	const size_t least = 64;
	struct lc_rvm_redo bigger = {.room = redo->room ? 2 * redo->room : least};
	size_t i;

	bigger.pages = calloc(bigger.room, sizeof(struct lc_rvm_page *));
	if (!bigger.pages)
		return -ENOMEM;
	for (i = 0; i < redo->room; i++)
		if (redo->pages[i])
			*find(&bigger, redo->pages[i]->file, redo->pages[i]->offset) =
			        redo->pages[i];
	free(redo->pages);
	redo->pages = bigger.pages;
	redo->room = bigger.room;
	return 0;
}

static int page_at(struct lc_rvm_redo *redo, struct lc_rvm_file *file, uint64_t offset,
                   struct lc_rvm_page **page)
{
	int rc = redo->room > 2 * redo->count ? 0 : grow(redo);
	struct lc_rvm_page **slot;

	if (rc)
		return rc;
	slot = find(redo, file, offset);
	if (!*slot) {
		if (redo->count == PAGES_MAX)
			return -ENOBUFS;
		*slot = malloc(sizeof **slot);
		if (!*slot)
			return -ENOMEM;
		(*slot)->file = file;
		(*slot)->offset = offset;
		(*slot)->full = 0;
		memset((*slot)->known, 0, sizeof(*slot)->known);
		redo->count++;
	}
	*page = *slot;
	return 0;
}

static void know(struct lc_rvm_page *page, size_t at, size_t length)
{
	if (length == PAGE)
		page->full = 1;
	while (!page->full && length > 0) {
		if (at % 8 == 0 && length >= 8) {
			page->known[at / 8] = 0xff;
			at += 8;
			length -= 8;
		} else {
			page->known[at / 8] |= (unsigned char)(1U << at % 8);
			at++;
			length--;
		}
	}
}

int lc_rvm_redo_put(struct lc_rvm_redo *redo, struct lc_rvm_file *file, uint64_t offset,
                    const unsigned char *bytes, size_t length)
{
	struct lc_rvm_page *page;
	size_t at, count;
	int rc = 0;

	for (; length > 0 && !rc; offset += count, bytes += count, length -= count) {
		at = (size_t)(offset % PAGE);
		count = length < PAGE - at ? length : PAGE - at;
		rc = page_at(redo, file, offset - at, &page);
		if (rc)
			break;
		memcpy(page->bytes + at, bytes, count);
		know(page, at, count);
	}
	return rc;
}

static int is_known(const struct lc_rvm_page *page, size_t at)
{
	return page->known[at / 8] >> at % 8 & 1;
}

/* The next run of new bytes from at on; 0: there is none. */
static size_t run_from(const struct lc_rvm_page *page, size_t *at)
{
	size_t end;

	while (*at < PAGE && !is_known(page, *at))
		*at += page->known[*at / 8] == 0 ? 8 - *at % 8 : 1;
	for (end = *at; end < PAGE && is_known(page, end);)
		end++;
	return end - *at;
}

static int write_page(const struct lc_rvm_page *page)
{
	off_t offset = (off_t)page->offset;
	size_t at = 0, length;
	int rc = 0;

	page->file->touched = 1;
	if (page->full)
		return lc_copy_bytes(page->file->fd, &offset, page->bytes, PAGE);
	while (!rc && (length = run_from(page, &at)) > 0) {
		offset = (off_t)(page->offset + at);
		rc = lc_copy_bytes(page->file->fd, &offset, page->bytes + at, length);
		at += length;
	}
	return rc;
}

/* File by file, and upwards in each: as a device likes it. Slots without a page come last. */
static int compare(const void *left, const void *right)
{
	const struct lc_rvm_page *a = *(struct lc_rvm_page *const *)left;
	const struct lc_rvm_page *b = *(struct lc_rvm_page *const *)right;

	if (!a || !b)
		return !a - !b;
	if (a->file->number != b->file->number)
		return a->file->number < b->file->number ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

int lc_rvm_redo_write(struct lc_rvm_redo *redo)
{
	size_t i;
	int rc = 0;

	if (redo->count > 0)
		qsort(redo->pages, redo->room, sizeof(struct lc_rvm_page *), compare);
	for (i = 0; i < redo->count && !rc; i++)
		rc = write_page(redo->pages[i]);
	lc_rvm_redo_release(redo);
	return rc;
}

void lc_rvm_redo_release(struct lc_rvm_redo *redo)
{
	size_t i;

	for (i = 0; i < redo->room; i++)
		free(redo->pages[i]);
	free(redo->pages);
	*redo = (struct lc_rvm_redo){0};
}
