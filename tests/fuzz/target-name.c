/* SPDX-License-Identifier: ISC */
/* Names of ours: only what libcommit prints is one, and one changed digit proves nothing. */
#include "config.h"

#include "fuzz.h"

#include "name.h"
#include "txn-internal.h"

#include <inttypes.h>
#include <string.h>

static const char *const suffixes[] = {"staged", "stagedir", "displaced", "inplace"};

static void check_parsed(const char *text, const struct lc_name *name)
{
	char again[LC_NAME_SIZE], expected[24] = "";

	if (name->kind == LC_NAME_DISPLACED)
		snprintf(expected, sizeof expected, "-%016" PRIx64, name->expected);
	snprintf(again, sizeof again, ".commit-%016" PRIx64 "-%08" PRIx32 "-%016" PRIx64 "%s.%s",
	         name->random, name->boot, name->digest, expected, suffixes[name->kind]);
	FUZZ_CHECK(strcmp(text, again) == 0);
}

/* Made for a directory, and then changed in one place. */
static void change_one(struct fuzz_input *in, ino_t dir)
{
	char made[LC_NAME_SIZE], changed[LC_NAME_SIZE];
	size_t at = fuzz_u8(in);
	char byte = (char)fuzz_u8(in);
	char *target = fuzz_text(in, 300);
	struct lc_name name;

	FUZZ_CHECK(lc_name_make_in_place(dir, target, made) == 0);
	free(target);
	lc_name_parse(made, &name);
	FUZZ_CHECK(name.kind == LC_NAME_IN_PLACE && lc_name_proven(&name, dir));
	FUZZ_CHECK(!lc_name_proven(&name, dir + 1));
	strcpy(changed, made);
	changed[at % strlen(made)] = byte;
	lc_name_parse(changed, &name);
	if (strcmp(changed, made) != 0)
		FUZZ_CHECK(name.kind == LC_NAME_NONE || !lc_name_proven(&name, dir));
}

/* Ids of transactions, and the names of stages that have one. */
static void check_id(const char *text)
{
	uint64_t number = lc_txn_number(text);
	char id[COMMIT_TXN_ID_SIZE];

	if (number) {
		lc_txn_id(number, id);
		FUZZ_CHECK(strcmp(id, text) == 0);
	}
	if (lc_stage_name(text))
		FUZZ_CHECK(strlen(text) < LC_STAGE_NAME_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat st = {0};
	struct fuzz_input in;
	struct lc_name name;
	uint8_t flags;
	char *text;
	ino_t dir;

	fuzz_input_init(&in, data, size);
	flags = fuzz_u8(&in);
	dir = fuzz_u64(&in);
	if (flags & 1) {
		change_one(&in, dir);
		return 0;
	}
	st.st_ino = fuzz_u8(&in);
	text = fuzz_text(&in, in.left);
	lc_name_parse(text, &name);
	if (name.kind != LC_NAME_NONE) {
		check_parsed(text, &name);
		FUZZ_CHECK(!lc_name_proven(&name, dir) || !lc_name_proven(&name, dir + 1));
		lc_name_this_boot(&name);
		lc_name_is_staged(&name, dir, &st);
		lc_name_is_expected(&name, dir, &st);
	}
	check_id(text);
	free(text);
	return 0;
}
