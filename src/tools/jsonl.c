/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "jsonl.h"

#include "cli.h"
#include "progress.h"

#ifdef HAVE_JANSSON

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int jsonl_option(void)
{
	return COMMIT_OK;
}

static json_t *make_null_if_none(json_t *value)
{
	return value != NULL ? value : json_null();
}

/* Text with every byte above 0x7f as U+FFFD: for text that is not UTF-8. */
static json_t *make_text(const char *text)
{
	json_t *value = json_string(text);
	char *copy;
	size_t used = 0;

	if (value != NULL || text == NULL)
		return make_null_if_none(value);
	copy = malloc(3 * strlen(text) + 1);
	if (copy == NULL)
		return json_null();
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x80) {
			copy[used++] = *text;
		} else {
			memcpy(copy + used, "\xef\xbf\xbd", 3);
			used += 3;
		}
	}
	copy[used] = '\0';
	value = json_string(copy);
	free(copy);
	return make_null_if_none(value);
}

/* base64 of RFC 4648, with padding; out holds 4 * (length / 3 + 1) + 1. */
static void encode(const unsigned char *bytes, size_t length, char *out)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; length > 0; bytes += 3, out += 4) {
		uint32_t group = (uint32_t)bytes[0] << 16;

		if (length > 1)
			group |= (uint32_t)bytes[1] << 8;
		if (length > 2)
			group |= bytes[2];
		for (size_t i = 0; i < 4; i++)
			out[i] = '=';
		for (size_t i = 0; i < 4 && i <= length; i++)
			out[i] = digits[group >> (18 - 6 * i) & 63];
		length -= length < 3 ? length : 3;
	}
	*out = '\0';
}

static json_t *make_path(const char *path)
{
	json_t *value = json_string(path);
	char *coded;

	if (value != NULL || path == NULL)
		return make_null_if_none(value);
	coded = malloc(4 * (strlen(path) / 3 + 1) + 1);
	if (coded == NULL)
		return json_null();
	encode((const unsigned char *)path, strlen(path), coded);
	value = json_pack("{s:s}", "bytes", coded);
	free(coded);
	return make_null_if_none(value);
}

static json_t *make_error(const struct commit_error *err)
{
	if (err == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "operation", make_text(err->operation), "path",
	                 make_path(err->path), "errno",
	                 err->errnum != 0 ? make_text(commit_errno_name(err->errnum)) : json_null(),
	                 "text", make_text(err->text));
}

json_t *jsonl_new(void)
{
	return json_pack("{s:i, s:s}", "version", 1, "tool", cli.tool);
}

void jsonl_free(json_t *line)
{
	json_decref(line);
}

void jsonl_text(json_t *line, const char *key, const char *text)
{
	json_object_set_new(line, key, make_text(text));
}

void jsonl_path(json_t *line, const char *key, const char *path)
{
	json_object_set_new(line, key, make_path(path));
}

void jsonl_number(json_t *line, const char *key, uint64_t number)
{
	json_object_set_new(line, key, json_integer((json_int_t)number));
}

void jsonl_bool(json_t *line, const char *key, bool value)
{
	json_object_set_new(line, key, json_boolean(value));
}

void jsonl_error(json_t *line, const char *key, const struct commit_error *err)
{
	json_object_set_new(line, key, make_error(err));
}

void jsonl_array(json_t *line, const char *key)
{
	if (line != NULL && json_object_get(line, key) == NULL)
		json_object_set_new(line, key, json_array());
}

void jsonl_append_error(json_t *line, const char *key, const struct commit_error *err)
{
	if (line == NULL)
		return;
	jsonl_array(line, key);
	json_array_append_new(json_object_get(line, key), make_error(err));
}

void jsonl_print(json_t *line)
{
	if (line == NULL)
		return;
	progress_clear();
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
}

#else /* no jansson: there are no objects, so there is nothing to do */

int jsonl_option(void)
{
	return cli_usage("--json", "this build has no JSON, for it was configured without jansson");
}

struct json_t *jsonl_new(void)
{
	return NULL;
}

void jsonl_free(struct json_t *line)
{
	(void)line;
}

void jsonl_text(struct json_t *line, const char *key, const char *text)
{
	(void)line, (void)key, (void)text;
}

void jsonl_path(struct json_t *line, const char *key, const char *path)
{
	(void)line, (void)key, (void)path;
}

void jsonl_number(struct json_t *line, const char *key, uint64_t number)
{
	(void)line, (void)key, (void)number;
}

void jsonl_bool(struct json_t *line, const char *key, bool value)
{
	(void)line, (void)key, (void)value;
}

void jsonl_error(struct json_t *line, const char *key, const struct commit_error *err)
{
	(void)line, (void)key, (void)err;
}

void jsonl_array(struct json_t *line, const char *key)
{
	(void)line, (void)key;
}

void jsonl_append_error(struct json_t *line, const char *key, const struct commit_error *err)
{
	(void)line, (void)key, (void)err;
}

void jsonl_print(struct json_t *line)
{
	(void)line;
}

#endif
