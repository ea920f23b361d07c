/* SPDX-License-Identifier: ISC */
/* Lines of commit-txn's scripts: words stay inside their line, and quoting brings them back. */
#include "config.h"

#include "fuzz.h"

#include "txn-words.h"

#include <string.h>

static void check_words(const struct txn_word *words, int count)
{
	int i;

	FUZZ_CHECK(count >= 0 && count <= TXN_WORDS_MAX);
	for (i = 0; i < count; i++)
		FUZZ_CHECK(words[i].text[words[i].length] == '\0');
}

/* The same words, each byte escaped. */
static void quote_again(const struct txn_word *words, int count)
{
	struct txn_word again[TXN_WORDS_MAX];
	size_t room = 1, i;
	const char *why;
	char *line, *to;
	int word;

	for (word = 0; word < count; word++)
		room += 3 + 4 * words[word].length;
	line = to = malloc(room);
	FUZZ_CHECK(line != NULL);
	for (word = 0; word < count; word++) {
		*to++ = '"';
		for (i = 0; i < words[word].length; i++)
			to += sprintf(to, "\\%03o", (unsigned char)words[word].text[i]);
		*to++ = '"';
		*to++ = ' ';
	}
	*to = '\0';
	FUZZ_CHECK(txn_words_cut(line, strlen(line), again, &why) == count);
	for (word = 0; word < count; word++) {
		FUZZ_CHECK(again[word].length == words[word].length);
		FUZZ_CHECK(memcmp(again[word].text, words[word].text, again[word].length) == 0);
	}
	free(line);
}

static void one_line(const uint8_t *bytes, size_t length)
{
	struct txn_word words[TXN_WORDS_MAX];
	char *line = malloc(length + 1);
	const char *why;
	int count;

	FUZZ_CHECK(line != NULL);
	if (length > 0)
		memcpy(line, bytes, length);
	line[length] = '\0';
	if (line[0] == '{') {
		count = txn_words_json(line, length, words, &why);
		if (count >= 0)
			check_words(words, count);
		if (count > 0)
			FUZZ_CHECK(txn_operation_count(txn_operation_find(words[0].text)) ==
			           count - 1);
		txn_words_free(words);
	} else {
		count = txn_words_cut(line, length, words, &why);
		if (count >= 0) {
			check_words(words, count);
			quote_again(words, count);
		}
	}
	FUZZ_CHECK((count < 0) == (why != NULL));
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end;

	while (size > 0 && (end = memchr(data, '\n', size))) {
		one_line(data, (size_t)(end - data));
		size -= (size_t)(end + 1 - data);
		data = end + 1;
	}
	one_line(data, size);
	return 0;
}
