/* SPDX-License-Identifier: ISC */
/*
 * draw.h - the disks that a power cut may have left
 *
 * A past walks along a trace. What was flushed on the way is in its disk, what
 * was not is pending. A draw takes the disk and some of what is pending:
 *
 * content     each sector of each write for itself; in one sector only forwards
 * size        by writing: for itself, forwards
 * metadata    as the order says; a rename is one change
 */
#ifndef DRAW_H
#define DRAW_H

#include "model.h"

/*
 * journal: all metadata of the file system up to one moment (ext4, xfs). A flush
 * takes along what was before the last change of what is flushed.
 * directory: each directory up to a moment of its own; a rename between two
 * belongs to both; a name brings along its file's attributes so far.
 * any: each name for itself.
 */
enum order { ORDER_JOURNAL, ORDER_DIRECTORY, ORDER_ANY, ORDERS };
extern const char *const order_names[ORDERS];

struct past {
	const struct trace *trace;
	enum order order;
	struct disk disk;
	/* the next effect */
	size_t at;
	/* indexes of what is not flushed */
	size_t count, room;
	size_t *pending;
};

void past_begin(struct past *past, const struct disk *disk, const struct trace *trace,
                enum order order);
/* the effect that has been passed, NULL at the end */
const struct effect *past_step(struct past *past);
void past_end(struct past *past);

/* Draw number `number` of here; its digest. How many are worth while: draw_count. */
uint64_t past_draw(const struct past *past, uint64_t seed, unsigned number, struct disk *disk);
unsigned past_draws(const struct past *past, unsigned most);

/* The disk with all that is pending, as processes see it, and the pending effects. */
void past_volatile(const struct past *past, struct disk *disk);
void past_hand_over(const struct past *past, struct trace *trace);

#endif
