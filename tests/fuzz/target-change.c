/* SPDX-License-Identifier: ISC */
/* Steps and operations: what is decoded encodes to the same bytes, and its paths are confined. */
#include "config.h"

#include "fuzz.h"

#include "beneath.h"
#include "bytes.h"
#include "change.h"

#include <string.h>

/* commit-store(5) */
enum { AT_PATH_LENGTH = 76, AT_VALUE_LENGTH = 88, AT_STRINGS = 92 };

/* Lengths that fit into the payload, so that the strings are looked at. */
static void fit(unsigned char *payload, size_t size)
{
	size_t left = size - AT_STRINGS, at;
	uint32_t length;

	for (at = AT_PATH_LENGTH; at < AT_VALUE_LENGTH; at += 4) {
		length = lc_get_le32(payload + at);
		if (length > left)
			length = (uint32_t)(length % (left + 1));
		lc_put_le32(payload + at, length);
		left -= length;
	}
	lc_put_le32(payload + AT_VALUE_LENGTH, (uint32_t)left);
}

static void check_paths(const struct lc_change *change)
{
	FUZZ_CHECK(lc_beneath_valid(change->path) ||
	           (change->type == LC_CHANGE_MOUNT && !*change->path));
	FUZZ_CHECK(lc_beneath_valid(change->place) || !*change->place);
	if (change->type == LC_CHANGE_TAKE || change->type == LC_CHANGE_PUT)
		FUZZ_CHECK(*change->place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lc_change_list list = {NULL, 0, 0};
	unsigned char *payload, *again;
	struct lc_change change;
	struct fuzz_input in;
	uint8_t type, flags;
	uint32_t length;

	fuzz_input_init(&in, data, size);
	type = fuzz_u8(&in);
	flags = fuzz_u8(&in);
	size = in.left;
	payload = fuzz_copy(in.bytes, size);
	if ((flags & 1) && size >= AT_STRINGS)
		fit(payload, size);
	if (lc_change_decode(type, payload, (uint32_t)size, &change) == 0) {
		check_paths(&change);
		FUZZ_CHECK(lc_identity_same(&change.before, &change.before));
		FUZZ_CHECK(lc_change_encode(&change, &again, &length) == 0);
		FUZZ_CHECK(length == size && memcmp(again, payload, size) == 0);
		free(again);
		FUZZ_CHECK(lc_change_list_add(&list, &change) == 0);
	}
	FUZZ_CHECK(!change.path && !change.place && !change.attribute && !change.value);
	lc_change_list_release(&list);
	free(payload);
	return 0;
}
