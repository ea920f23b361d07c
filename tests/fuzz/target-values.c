/* SPDX-License-Identifier: ISC */
/* Values of options: sizes of results hold, and a refused value leaves them alone. */
#include "config.h"

#include "fuzz.h"

#include "parse.h"

#include <commit_error.h>

#include <string.h>
#include <sys/stat.h>

static void statuses(const char *text)
{
	bool *accepted = calloc(256, sizeof *accepted);
	int status = -1;

	FUZZ_CHECK(accepted != NULL);
	parse_statuses("--accept", text, accepted);
	free(accepted);
	if (parse_status("--status", text, &status) == COMMIT_OK)
		FUZZ_CHECK(status >= 0 && status <= 255);
	else
		FUZZ_CHECK(status == -1);
}

static void times(const char *text)
{
	int64_t value = -1;

	if (parse_seconds("--wait", text, &value) == COMMIT_OK)
		FUZZ_CHECK(value >= 0);
	else
		FUZZ_CHECK(value == -1);
	value = -1;
	if (parse_age("--older-than", text, &value) == COMMIT_OK)
		FUZZ_CHECK(value >= 0);
	else
		FUZZ_CHECK(value == -1);
}

static void bounds(const char *text)
{
	struct parse_bound bound = {COMMIT_BOUND_SAME, 7};

	if (parse_bound("--keep", text, &bound) == COMMIT_OK)
		FUZZ_CHECK(bound.unit != COMMIT_BOUND_SAME);
	else
		FUZZ_CHECK(bound.unit == COMMIT_BOUND_SAME && bound.amount == 7);
}

static void modes(const char *text)
{
	mode_t keep = 1, mode = 2;

	if (parse_mode("--mode", text, &keep, &mode) == COMMIT_OK)
		FUZZ_CHECK((keep & ~07777u) == 0 && (mode & ~07777u) == 0);
	else
		FUZZ_CHECK(keep == 1 && mode == 2);
}

static void words(const char *text)
{
	static const struct parse_word list[] = {
	        {"mode", 1}, {"owner", 2}, {"acl", 4}, {"xattr", 8}, {NULL, 0}};
	unsigned set = 0;
	int choice = 0;

	parse_set("--keep", text, list, &set);
	FUZZ_CHECK((set & ~15u) == 0);
	if (parse_choice("--sync", text, list, &choice) == COMMIT_OK)
		FUZZ_CHECK(choice != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void (*const all[])(const char *text) = {statuses, times, modes, words, bounds};
	struct fuzz_input in;
	uint8_t which;
	char *text;

	fuzz_input_init(&in, data, size);
	which = fuzz_u8(&in);
	text = fuzz_text(&in, in.left);
	all[which % 5](text);
	free(text);
	return 0;
}
