/* SPDX-License-Identifier: ISC */
/*
 * jsonl.h - one JSON object a line on standard output, for --json
 *
 * Calling sequence
 *
 *     struct json_t *line = jsonl_new();
 *     jsonl_path(line, "path", path);
 *     jsonl_print(line);
 *
 * Every call takes NULL for the object and then does nothing, so that callers
 * need not ask whether --json was given. Built without jansson there are no
 * objects, and jsonl_option refuses --json.
 */
#ifndef JSONL_H
#define JSONL_H

#include <commit_error.h>

#include <stdbool.h>
#include <stdint.h>

/* jansson's json_t */
struct json_t;

/* For the option --json: 0, or COMMIT_EUSAGE after having said why not. */
int jsonl_option(void);

/* An object with `version` and `tool`; freed by jsonl_print or jsonl_free. */
struct json_t *jsonl_new(void);
void jsonl_free(struct json_t *line);

/* A string in UTF-8, null for NULL; other bytes become U+FFFD. */
void jsonl_text(struct json_t *line, const char *key, const char *text);

/* The same, but a path that is not UTF-8 becomes {"bytes":"<base64>"}. */
void jsonl_path(struct json_t *line, const char *key, const char *path);

void jsonl_number(struct json_t *line, const char *key, uint64_t number);
void jsonl_bool(struct json_t *line, const char *key, bool value);

/* An object with operation, path, errno and text; null for NULL. */
void jsonl_error(struct json_t *line, const char *key, const struct commit_error *err);

/* An empty array, unless there is one already. */
void jsonl_array(struct json_t *line, const char *key);

/* An object as of jsonl_error, appended to an array that is made where there is none. */
void jsonl_append_error(struct json_t *line, const char *key, const struct commit_error *err);

/* Writes the object and its newline into stdio's buffer, and frees it. */
void jsonl_print(struct json_t *line);

#endif
