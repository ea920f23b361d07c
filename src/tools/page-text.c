/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "page-text.h"

#include "cli.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the character that text begins with, and it; 0: they are no UTF-8. */
static size_t decode(const char *text, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *bytes = (const unsigned char *)text;
	size_t length = bytes[0] < 0x80 ? 1 : 0;

	if (bytes[0] >= 0xc2 && bytes[0] <= 0xf4)
		length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	*character = length > 1 ? bytes[0] & 0xffu >> (length + 1) : bytes[0];
	for (size_t i = 1; i < length; i++) {
		/* a zero is no continuation: nothing behind the end is read */
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (bytes[i] & 0x3f);
	}
	if (length > 1 && (*character < least[length] || *character > 0x10ffff ||
	                   (*character >= 0xd800 && *character <= 0xdfff)))
		return 0;
	return length;
}

/* It cannot be seen, or changes how others are seen: controls, marks of direction, no-characters.
 */
static bool is_unseen(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
	        {0, 0x1f},           {0x7f, 0xa0},     {0xad, 0xad},     {0x61c, 0x61c},
	        {0x115f, 0x1160},    {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
	        {0x205f, 0x206f},    {0x3000, 0x3000}, {0x3164, 0x3164}, {0xe000, 0xf8ff},
	        {0xfdd0, 0xfdef},    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
	        {0xe0000, 0x10ffff},
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return (character & 0xfffe) == 0xfffe;
}

/* Length of what can be seen at text; 0: its first byte has to be shown as a number. */
static size_t seen_length(const char *text)
{
	uint32_t character;
	size_t length = decode(text, &character);

	return length > 0 && !is_unseen(character) ? length : 0;
}

static void put_seen(FILE *page, const char *text, size_t length)
{
	switch (*text) {
	case '&':
		fputs("&amp;", page);
		break;
	case '<':
		fputs("&lt;", page);
		break;
	case '>':
		fputs("&gt;", page);
		break;
	case '"':
		fputs("&quot;", page);
		break;
	case '\'':
		fputs("&#39;", page);
		break;
	default:
		fwrite(text, 1, length, page);
	}
}

void page_text(FILE *page, const char *text)
{
	while (*text != '\0') {
		size_t length = seen_length(text);

		if (length > 0)
			put_seen(page, text, length);
		else
			fprintf(page, "\\%03o", (unsigned char)*text);
		text += length > 0 ? length : 1;
	}
}

/* All of it can be seen: then quotes will do, and it can be read. */
static bool is_seen(const char *word)
{
	while (*word != '\0') {
		size_t length = seen_length(word);

		if (length == 0)
			return false;
		word += length;
	}
	return true;
}

static void put_quoted(FILE *page, const char *word)
{
	fputs("&#39;", page);
	for (; *word != '\0'; word++)
		if (*word == '\'')
			fputs("&#39;\\&#39;&#39;", page);
		else
			put_seen(page, word, 1);
	fputs("&#39;", page);
}

/* $'...', which bash, zsh, ksh and the POSIX of 2024 know */
static void put_numbered(FILE *page, const char *word)
{
	fputs("$&#39;", page);
	while (*word != '\0') {
		size_t length = seen_length(word);

		if (length == 0 || *word == '\\' || *word == '\'')
			fprintf(page, "\\%03o", (unsigned char)*word);
		else
			put_seen(page, word, length);
		word += length > 0 ? length : 1;
	}
	fputs("&#39;", page);
}

void page_shell(FILE *page, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789_./+@%:,=-";

	if (*word != '\0' && word[strspn(word, plain)] == '\0')
		fputs(word, page);
	else if (is_seen(word))
		put_quoted(page, word);
	else
		put_numbered(page, word);
}

void page_shell_with(FILE *page, const char *word, const char *suffix)
{
	char whole[COMMIT_ERROR_PATH_MAX + 256];

	snprintf(whole, sizeof(whole), "%s%s", word, suffix);
	page_shell(page, whole);
}
