/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "txn-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct lc_batch *batch, size_t more)
{
	size_t room = batch->count + more + 1;
	struct lc_log_entry *entries;
	unsigned char **payloads;

	if (room <= batch->room)
		return 0;
	entries = realloc(batch->entries, room * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	batch->entries = entries;
	payloads = realloc(batch->payloads, room * sizeof(unsigned char *));
	if (!payloads)
		return -ENOMEM;
	batch->payloads = payloads;
	memset(payloads + batch->room, 0, (room - batch->room) * sizeof(unsigned char *));
	batch->room = room;
	return 0;
}

int lc_batch_add_raw(struct lc_batch *batch, uint32_t type, uint64_t number, const void *payload,
                     uint32_t length)
{
	int rc = make_room(batch, 1);

	if (!rc)
		batch->entries[batch->count++] =
		        (struct lc_log_entry){type, length, number, payload};
	return rc;
}

int lc_batch_add(struct lc_batch *batch, uint64_t number, const struct lc_change_list *list)
{
	int rc = make_room(batch, list->count);
	size_t i;

	for (i = 0; i < list->count && !rc; i++) {
		struct lc_log_entry *entry = &batch->entries[batch->count];
		unsigned char **payload = &batch->payloads[batch->count];

		rc = lc_change_encode(&list->items[i], payload, &entry->length);
		if (rc)
			return rc;
		entry->payload = *payload;
		entry->type = list->items[i].type;
		entry->transaction = number;
		batch->count++;
	}
	return rc;
}

int lc_batch_close(struct lc_batch *batch, uint64_t number)
{
	return lc_batch_add_raw(batch, LC_LOG_COMMIT, number, NULL, 0);
}

void lc_batch_release(struct lc_batch *batch)
{
	size_t i;

	for (i = 0; i < batch->room; i++)
		free(batch->payloads[i]);
	free(batch->payloads);
	free(batch->entries);
	memset(batch, 0, sizeof *batch);
}
