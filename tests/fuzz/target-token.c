/* SPDX-License-Identifier: ISC */
/* What --expect takes: a token matches the one state that it was made for. */
#include "config.h"

#include "fuzz.h"

#include "token.h"

#include <fcntl.h>
#include <string.h>

static int fd = -1;
static struct stat st;
static char own[COMMIT_TOKEN_SIZE];

static void init(void)
{
	fuzz_write("file", "content", 7);
	fd = open(fuzz_path("file"), O_RDONLY | O_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && fstat(fd, &st) == 0);
	FUZZ_CHECK(lc_token_make(fd, &st, -1, own) == 0 && lc_token_valid(own));
}

/* Our own token, one byte replaced or the end cut off. */
static char *change_one(struct fuzz_input *in)
{
	size_t at = fuzz_u8(in) % strlen(own);
	char *text = fuzz_copy(own, sizeof own);

	text[at] = (char)fuzz_u8(in);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in;
	char *text;
	int matches;

	if (fd < 0)
		init();
	fuzz_input_init(&in, data, size);
	text = fuzz_u8(&in) & 1 ? change_one(&in) : fuzz_text(&in, in.left);
	if (lc_token_valid(text) && strcmp(text, LC_TOKEN_ABSENT) != 0) {
		FUZZ_CHECK(strlen(text) < COMMIT_TOKEN_SIZE);
		matches = lc_token_matches(text, fd, &st, -1);
		FUZZ_CHECK(matches == (strcmp(text, own) == 0));
	} else {
		FUZZ_CHECK(strcmp(text, own) != 0);
	}
	free(text);
	return 0;
}
