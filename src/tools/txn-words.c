/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "txn-words.h"

#include <commit_error.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

/* The value of up to three digits of a base; moves *at behind them. -1: none. */
static int read_digits(const char **at, int base, int least, int most)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	int value = 0;
	int count = 0;

	for (; count < most && **at != '\0'; count++, ++*at) {
		const char *found = strchr(digits, **at);

		if (found == NULL || (found - digits) % 16 >= base)
			break;
		value = value * base + (int)((found - digits) % 16);
	}
	return count >= least && value <= 255 ? value : -1;
}

/* What stands behind a backslash, at *at; -1 if it means nothing. */
static int read_escape(const char **at)
{
	static const char letters[] = "abtnvfr\"\\";
	static const char bytes[] = "\a\b\t\n\v\f\r\"\\";
	const char *found = **at != '\0' ? strchr(letters, **at) : NULL;

	if (found != NULL) {
		++*at;
		return (unsigned char)bytes[found - letters];
	}
	if (**at == 'x') {
		++*at;
		return read_digits(at, 16, 2, 2);
	}
	return read_digits(at, 8, 1, 3);
}

/* Unescapes a quoted word in place; *at goes behind its end. */
static const char *cut_quoted(char **at, struct txn_word *word)
{
	char *out = *at;
	const char *in = *at + 1;

	word->text = out;
	while (*in != '"') {
		int byte = (unsigned char)*in++;

		if (byte == '\0')
			return "a quotation mark is missing";
		if (byte == '\\')
			byte = read_escape(&in);
		if (byte < 0)
			return "an escape that is none of \\a \\b \\t \\n \\v \\f \\r \\\" \\\\ "
			       "\\377 \\xff";
		*out++ = (char)byte;
	}
	in++;
	if (*in != '\0' && !is_blank(*in))
		return "a blank is missing after a quotation mark";
	*at += in - *at;
	word->length = (size_t)(out - word->text);
	*out = '\0';
	return NULL;
}

static const char *cut_plain(char **at, struct txn_word *word)
{
	word->text = *at;
	while (**at != '\0' && !is_blank(**at) && **at != '"')
		++*at;
	if (**at == '"')
		return "a quotation mark inside a word; quote all of it";
	word->length = (size_t)(*at - word->text);
	return NULL;
}

int txn_words_cut(char *line, size_t length, struct txn_word words[TXN_WORDS_MAX], const char **why)
{
	char *at = line;
	int count = 0;

	*why = NULL;
	if (strlen(line) != length)
		*why = "a zero byte; write \\0 in quotation marks, or use -0";
	while (*why == NULL) {
		bool last;

		while (is_blank(*at))
			at++;
		if (*at == '\0' || *at == '#')
			return count;
		if (count == TXN_WORDS_MAX) {
			*why = "too many words; quote those with blanks";
			break;
		}
		*why = *at == '"' ? cut_quoted(&at, &words[count]) : cut_plain(&at, &words[count]);
		count++;
		/* the byte behind a word becomes its end */
		last = *why != NULL || *at == '\0';
		if (last)
			continue;
		*at++ = '\0';
	}
	return COMMIT_EUSAGE;
}

#ifdef HAVE_JANSSON

#include <jansson.h>

/* Bytes of base64 with padding; NULL if it is none. */
static char *decode(const char *text, size_t length, size_t *size)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t padding = length > 0 && text[length - 1] == '=' ? 1 : 0;
	char *bytes = malloc(length + 1);
	unsigned group = 0;

	if (padding > 0 && length > 1 && text[length - 2] == '=')
		padding = 2;
	*size = 0;
	for (size_t i = 0; bytes != NULL && i < length; i++) {
		const char *digit = strchr(digits, text[i]);
		bool filler = text[i] == '=' && i >= length - padding;

		if (length % 4 != 0 || text[i] == '\0' || (digit == NULL && !filler)) {
			free(bytes);
			return NULL;
		}
		group = group << 6 | (filler ? 0u : (unsigned)(digit - digits));
		if (i % 4 == 3) {
			bytes[(*size)++] = (char)(group >> 16 & 255);
			bytes[(*size)++] = (char)(group >> 8 & 255);
			bytes[(*size)++] = (char)(group & 255);
		}
	}
	if (bytes != NULL) {
		*size -= padding;
		bytes[*size] = '\0';
	}
	return bytes;
}

/* A copy of a string's bytes, with a zero byte behind; length 0 and NULL if it is none. */
static struct txn_word copy_value(const json_t *value)
{
	struct txn_word word = {NULL, 0};
	const json_t *coded = json_object_get(value, "bytes");
	char *copy;

	if (json_is_string(coded)) {
		word.text =
		        decode(json_string_value(coded), json_string_length(coded), &word.length);
	} else if (json_is_string(value)) {
		word.length = json_string_length(value);
		copy = malloc(word.length + 1);
		if (copy != NULL)
			memcpy(copy, json_string_value(value), word.length + 1);
		word.text = copy;
	}
	return word;
}

static const char *copy_words(const json_t *object, struct txn_word words[TXN_WORDS_MAX])
{
	const struct txn_operation *operation;
	int count;

	words[0] = copy_value(json_object_get(object, "op"));
	operation = words[0].text != NULL ? txn_operation_find(words[0].text) : NULL;
	if (operation == NULL)
		return "op is missing, or no operation";
	count = txn_operation_count(operation);
	if (json_object_size(object) != (size_t)count + 1)
		return "it has not just the keys that this operation needs";
	for (int i = 0; i < count; i++) {
		words[i + 1] = copy_value(json_object_get(object, operation->words[i]));
		if (words[i + 1].text == NULL)
			return "a key that the operation needs is missing, or not a string or "
			       "{\"bytes\":\"<base64>\"}";
	}
	return NULL;
}

int txn_words_json(const char *line, size_t length, struct txn_word words[TXN_WORDS_MAX],
                   const char **why)
{
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	int count = 0;

	memset(words, 0, TXN_WORDS_MAX * sizeof(*words));
	*why = json_is_object(object) ? copy_words(object, words) : "no JSON object";
	json_decref(object);
	while (count < TXN_WORDS_MAX && words[count].text != NULL)
		count++;
	return *why == NULL ? count : COMMIT_EUSAGE;
}

#else

int txn_words_json(const char *line, size_t length, struct txn_word words[TXN_WORDS_MAX],
                   const char **why)
{
	(void)line, (void)length;
	memset(words, 0, TXN_WORDS_MAX * sizeof(*words));
	*why = "this build has no JSON, for it was configured without jansson";
	return COMMIT_EUSAGE;
}

#endif

void txn_words_free(struct txn_word words[TXN_WORDS_MAX])
{
	for (int i = 0; i < TXN_WORDS_MAX; i++)
		free((char *)words[i].text);
	memset(words, 0, TXN_WORDS_MAX * sizeof(*words));
}
