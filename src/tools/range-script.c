/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "range-script.h"

#include "cli.h"
#include "input.h"
#include "nls.h"
#include "parse.h"
#include "txn-words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

struct script {
	struct commit_range *edit;
	struct commit_error *err;
	struct input input;
	unsigned char *buffer;
	uint64_t ranges;
};

static int out_of_memory(struct commit_error *err)
{
	return cli_fail(err, COMMIT_EFAILED, ENOMEM, "read", "standard input", "out of memory");
}

static int read_failed(struct commit_error *err, const char *name)
{
	return cli_fail(err, COMMIT_EFAILED, errno, "read", name, "%s", strerror(errno));
}

static int reject(const struct script *script, int code, const char *why)
{
	return cli_fail(script->err, code, 0, "script", "standard input",
	                "line %ju: %s; nothing was changed", (uintmax_t)script->input.number,
	                nls(why));
}

static int put_bytes(struct script *script, uint64_t offset, const struct txn_word *word)
{
	return commit_range_write(script->edit, offset, word->text, word->length, script->err);
}

static int put_hex(struct script *script, uint64_t offset, const struct txn_word *word)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	char *bytes = malloc(word->length / 2 + 1);
	bool good = word->length % 2 == 0;
	int rc;

	if (bytes == NULL)
		return out_of_memory(script->err);
	for (size_t i = 0; good && i < word->length; i += 2) {
		const char *high = strchr(digits, word->text[i]);
		const char *low = strchr(digits, word->text[i + 1]);

		good = high != NULL && low != NULL && *high != '\0' && *low != '\0';
		if (good)
			bytes[i / 2] = (char)((high - digits) % 16 << 4 | (low - digits) % 16);
	}
	rc = good ? commit_range_write(script->edit, offset, bytes, word->length / 2, script->err)
	          : reject(script, COMMIT_EUSAGE, "not an even number of hexadecimal digits");
	free(bytes);
	return rc;
}

/* Everything that fd yields, from offset on. Returns the bytes, or a code. */
static int64_t put_stream(struct script *script, uint64_t offset, int fd, const char *name)
{
	int64_t sum = 0;
	int rc = COMMIT_OK;

	while (rc == COMMIT_OK) {
		ssize_t got;

		if (fd == STDIN_FILENO && (rc = input_await(script->err)) != COMMIT_OK)
			break;
		got = read(fd, script->buffer, CHUNK);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return read_failed(script->err, name);
		if (got <= 0)
			continue;
		rc = commit_range_write(script->edit, offset + (uint64_t)sum, script->buffer,
		                        (size_t)got, script->err);
		sum += got;
	}
	return rc != COMMIT_OK ? rc : sum;
}

static int put_file(struct script *script, uint64_t offset, const struct txn_word *word)
{
	int fd = open(word->text, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int64_t got;

	if (strlen(word->text) != word->length)
		errno = ENOENT;
	if (fd < 0 || strlen(word->text) != word->length)
		got = read_failed(script->err, word->text);
	else
		got = put_stream(script, offset, fd, word->text);
	if (fd >= 0)
		close(fd);
	if (got == 0)
		return reject(script, COMMIT_EREFUSED, "the source is empty");
	return got < 0 ? (int)got : COMMIT_OK;
}

static int put_zeros(struct script *script, uint64_t offset, const struct txn_word *word)
{
	uint64_t length;
	int rc = COMMIT_OK;

	if (!parse_offset(word->text, &length) || length == 0)
		return reject(script, COMMIT_EUSAGE, "the length is no number of bytes");
	memset(script->buffer, 0, CHUNK);
	while (rc == COMMIT_OK && length > 0) {
		size_t count = length < CHUNK ? (size_t)length : CHUNK;

		rc = commit_range_write(script->edit, offset, script->buffer, count, script->err);
		offset += count;
		length -= count;
	}
	return rc;
}

static int put_words(struct script *script, const struct txn_word *words, int count)
{
	static const struct {
		const char *name;
		int (*put)(struct script *script, uint64_t offset, const struct txn_word *word);
	} verbs[] = {
	        {"write", put_bytes}, {"hex", put_hex}, {"from", put_file}, {"zero", put_zeros}};
	uint64_t offset;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(words[0].text, verbs[i].name) != 0)
			continue;
		if (count != 3 || words[2].length == 0)
			return reject(script, COMMIT_EUSAGE,
			              "an offset and one more word are needed");
		if (!parse_offset(words[1].text, &offset))
			return reject(script, COMMIT_EUSAGE, "the offset is no number of bytes");
		script->ranges++;
		return verbs[i].put(script, offset, &words[2]);
	}
	return reject(script, COMMIT_EUSAGE, "it begins with none of write, hex, from, zero");
}

static int put_line(struct script *script, char *line, size_t length)
{
	struct txn_word words[TXN_WORDS_MAX];
	const char *why;
	int count = txn_words_cut(line, length, words, &why);

	if (count < 0)
		return reject(script, COMMIT_EUSAGE, why);
	return count == 0 ? COMMIT_OK : put_words(script, words, count);
}

static int check_input(const struct range_options *options, const char *what,
                       struct commit_error *err)
{
	if (cli_was_closed(STDIN_FILENO))
		return cli_fail(err, COMMIT_EFAILED, EBADF, "read", "standard input",
		                "it is closed");
	if (isatty(STDIN_FILENO) && !cli.quiet)
		cli_say(NULL, "reading %s for %s from the terminal; Ctrl-D ends them", what,
		        options->file);
	return COMMIT_OK;
}

static int empty(const struct range_options *options, const char *why, struct commit_error *err)
{
	if (options->allow_empty)
		return COMMIT_OK;
	return cli_fail(err, COMMIT_EREFUSED, 0, "read", "standard input",
	                "%s; nothing was changed; --allow-empty if that is meant", why);
}

int range_script_apply(struct commit_range *edit, const struct range_options *options,
                       struct commit_error *err)
{
	struct script script = {.edit = edit, .err = err, .input = {.terminator = '\n'}};
	size_t length;
	char *line;
	int rc = check_input(options, "ranges", err);

	if (rc != COMMIT_OK)
		return rc;
	script.buffer = malloc(CHUNK);
	if (script.buffer == NULL)
		return out_of_memory(err);
	while (rc == COMMIT_OK && (line = input_next(&script.input, &length, &rc, err)) != NULL)
		rc = put_line(&script, line, length);
	free(script.input.bytes);
	free(script.buffer);
	if (rc == COMMIT_OK && script.ranges == 0)
		rc = empty(options, "there is no range in it", err);
	return rc;
}

int range_script_write(struct commit_range *edit, const struct range_options *options,
                       struct commit_error *err)
{
	struct script script = {.edit = edit, .err = err};
	int64_t got;
	int rc = check_input(options, "bytes", err);

	if (rc != COMMIT_OK)
		return rc;
	script.buffer = malloc(CHUNK);
	if (script.buffer == NULL)
		return out_of_memory(err);
	got = put_stream(&script, options->at, STDIN_FILENO, "standard input");
	free(script.buffer);
	if (got == 0)
		return empty(options, "it is empty", err);
	return got < 0 ? (int)got : COMMIT_OK;
}
