/* SPDX-License-Identifier: ISC */
/*
 * canvas.c - crash images: what has arrived for sure, and one choice laid over it
 *
 * An image is known by a hash that is a sum over its blocks, so that a choice
 * costs what its epoch has written and not the whole disk.
 */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "crash.h"
#include "recording.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static uint64_t hash_block(const struct image *image, uint32_t block)
{
	return XXH3_64bits_withSeed(image->bytes + (uint64_t)block * BLOCK, BLOCK, block);
}

static void apply_part(struct canvas *canvas, const struct request *request, uint64_t from,
                       uint64_t length)
{
	if (request->type == REQUEST_ZERO)
		image_zero(&canvas->image, request->offset + from, length);
	else
		image_write(&canvas->image, request->offset + from, request->data + from, length);
}

static void apply(struct canvas *canvas, const struct request *request)
{
	apply_part(canvas, request, 0, request->length);
}

static void apply_torn(struct canvas *canvas, const struct request *request,
                       const struct choice *choice)
{
	uint64_t length = request->length, sectors = (uint64_t)llabs(choice->sectors);
	uint64_t part = sectors * SECTOR < length ? sectors * SECTOR : length;

	if (choice->hole) {
		apply_part(canvas, request, 0, part - SECTOR);
		apply_part(canvas, request, part, length - part);
	} else if (choice->sectors > 0) {
		apply_part(canvas, request, 0, part);
	} else {
		apply_part(canvas, request, length - part, part);
	}
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static void add_blocks(struct canvas *canvas, const struct request *request, size_t *room)
{
	uint64_t block = request->offset / BLOCK;

	for (; request->length && block <= (request->offset + request->length - 1) / BLOCK;
	     block++) {
		/* Zeros over zeros change nothing; discards are long. */
		if (request->type == REQUEST_ZERO && !canvas->image.used[block])
			continue;
		if (canvas->block_count == *room) {
			*room = *room * 2 + 64;
			canvas->blocks = realloc(canvas->blocks, *room * sizeof *canvas->blocks);
			if (!canvas->blocks)
				err(1, "blocks");
		}
		canvas->blocks[canvas->block_count++] = (uint32_t)block;
	}
}

/* All blocks that the epoch may change, as they are. */
static void look_at_epoch(struct canvas *canvas)
{
	const struct epoch *epoch = &canvas->recording->epochs[canvas->epoch];
	size_t i, n = 0, room = 0;

	free(canvas->blocks);
	free(canvas->saved);
	free(canvas->hashes);
	canvas->blocks = NULL;
	canvas->block_count = 0;
	/* Writes first: what they touch, a discard in the same epoch may clear. */
	for (i = 0; i < epoch->count; i++) {
		const struct request *r = epoch_request(canvas->recording, epoch, i);

		if (r->type == REQUEST_WRITE)
			add_blocks(canvas, r, &room);
	}
	for (i = 0; i < canvas->block_count; i++)
		canvas->image.used[canvas->blocks[i]] = 1;
	for (i = 0; i < epoch->count; i++) {
		const struct request *r = epoch_request(canvas->recording, epoch, i);

		if (r->type == REQUEST_ZERO)
			add_blocks(canvas, r, &room);
	}
	if (canvas->block_count)
		qsort(canvas->blocks, canvas->block_count, sizeof *canvas->blocks, by_number);
	for (i = 0; i < canvas->block_count; i++)
		if (n == 0 || canvas->blocks[n - 1] != canvas->blocks[i])
			canvas->blocks[n++] = canvas->blocks[i];
	canvas->block_count = n;
	canvas->saved = malloc(n * BLOCK + 1);
	canvas->hashes = malloc(n * sizeof *canvas->hashes + 1);
	if (!canvas->saved || !canvas->hashes)
		err(1, "canvas");
	for (i = 0; i < n; i++) {
		memcpy(canvas->saved + i * BLOCK,
		       canvas->image.bytes + (uint64_t)canvas->blocks[i] * BLOCK, BLOCK);
		canvas->hashes[i] = hash_block(&canvas->image, canvas->blocks[i]);
	}
}

void canvas_begin(struct canvas *canvas, const struct recording *recording)
{
	const struct image *base = &recording->base;
	uint64_t block;

	memset(canvas, 0, sizeof *canvas);
	canvas->recording = recording;
	image_new(&canvas->image, base->size);
	for (block = 0; block < base->size / BLOCK; block++)
		if (base->used[block])
			image_write(&canvas->image, block * BLOCK, base->bytes + block * BLOCK,
			            BLOCK);
	look_at_epoch(canvas);
}

void canvas_end(struct canvas *canvas)
{
	image_release(&canvas->image);
	free(canvas->blocks);
	free(canvas->saved);
	free(canvas->hashes);
}

static uint64_t hash_now(const struct canvas *canvas)
{
	uint64_t hash = canvas->hash;
	size_t i;

	for (i = 0; i < canvas->block_count; i++)
		hash += hash_block(&canvas->image, canvas->blocks[i]) - canvas->hashes[i];
	return hash;
}

/* What was flushed at the end of the epoch has arrived: on to the next. */
static void finish_epoch(struct canvas *canvas)
{
	const struct epoch *epoch = &canvas->recording->epochs[canvas->epoch];
	size_t i;

	for (i = 0; i < epoch->count; i++) {
		const struct request *r = epoch_request(canvas->recording, epoch, i);

		if (r->offset >= epoch->from && r->offset < epoch->to)
			apply(canvas, r);
	}
	canvas->hash = hash_now(canvas);
	canvas->epoch++;
	look_at_epoch(canvas);
}

static void go_back(struct canvas *canvas)
{
	const struct recording *recording = canvas->recording;

	canvas_end(canvas);
	canvas_begin(canvas, recording);
}

uint64_t canvas_lay(struct canvas *canvas, const struct choice *choice)
{
	const struct epoch *epoch;
	const struct request *request;
	size_t i;

	if (choice->epoch < canvas->epoch)
		go_back(canvas);
	while (canvas->epoch < choice->epoch)
		finish_epoch(canvas);
	epoch = &canvas->recording->epochs[canvas->epoch];
	for (i = 0; i < epoch->count; i++) {
		request = epoch_request(canvas->recording, epoch, i);
		if (choice_has(choice, i) && choice->torn == (int32_t)i)
			apply_torn(canvas, request, choice);
		else if (choice_has(choice, i))
			apply(canvas, request);
	}
	return hash_now(canvas);
}

void canvas_lift(struct canvas *canvas)
{
	size_t i;

	for (i = 0; i < canvas->block_count; i++)
		memcpy(canvas->image.bytes + (uint64_t)canvas->blocks[i] * BLOCK,
		       canvas->saved + i * BLOCK, BLOCK);
}
