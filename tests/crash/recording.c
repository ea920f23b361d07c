/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#include "recording.h"
#include "crash.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where reading stands: the epoch that is being filled, and what is known. */
struct reader {
	struct recording *recording;
	size_t at;
	size_t rooms;
	int begun;
	int done;
	int recording_now;
	int ended;
	size_t mark_at;
};

void recording_read_log(struct recording *recording, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		err(1, "%s", path);
	recording->log_size = (size_t)st.st_size;
	recording->log = malloc(recording->log_size + 1);
	if (!recording->log)
		err(1, "%s", path);
	if (read(fd, recording->log, recording->log_size) != (ssize_t)recording->log_size)
		err(1, "%s", path);
	close(fd);
}

static void add_request(struct reader *reader, const struct request_head *head,
                        const unsigned char *data)
{
	struct recording *r = reader->recording;

	if (r->count % 256 == 0) {
		r->requests = realloc(r->requests, (r->count + 256) * sizeof *r->requests);
		if (!r->requests)
			err(1, "requests");
	}
	r->requests[r->count++] = (struct request){head->type, head->offset, head->length, data};
}

static void close_epoch(struct reader *reader)
{
	struct recording *r = reader->recording;
	struct epoch *last = r->epoch_count ? &r->epochs[r->epoch_count - 1] : NULL;
	size_t first = last ? last->first + last->count : 0;

	/* Nothing written, nothing learnt: a flush after a flush. */
	if (r->count == first && last && last->done == reader->done && last->begun == reader->begun)
		return;
	if (r->count - first > EPOCH_MAX)
		errx(1, "%zu writes between two flushes are too many for this rig",
		     r->count - first);
	r->epochs = realloc(r->epochs, (r->epoch_count + 1) * sizeof *r->epochs);
	if (!r->epochs)
		err(1, "epochs");
	r->epochs[r->epoch_count++] =
	        (struct epoch){first, r->count - first, reader->done, reader->begun};
}

static void take_mark(struct reader *reader, const unsigned char *text, size_t length)
{
	char line[40], word[20];
	int number = 0;

	snprintf(line, sizeof line, "%.*s", (int)length, (const char *)text);
	if (sscanf(line, "%19s %d", word, &number) < 1)
		errx(1, "mark without a word");
	if (strcmp(word, "begin") == 0)
		reader->recording_now = 1, reader->recording->log_before = reader->mark_at;
	else if (strcmp(word, "end") == 0)
		reader->ended = 1;
	else if (strcmp(word, "begun") == 0)
		reader->begun = number;
	else if (strcmp(word, "done") == 0)
		reader->done = number;
	else
		errx(1, "mark '%s' is not known", line);
}

/* What was written before the steps is there. */
static void apply_before(struct reader *reader, const struct request_head *head,
                         const unsigned char *data)
{
	struct image *base = &reader->recording->base;

	if (head->type == REQUEST_WRITE)
		image_write(base, head->offset, data, head->length);
	else if (head->type == REQUEST_ZERO)
		image_zero(base, head->offset, head->length);
}

static void take_request(struct reader *reader, const struct request_head *head,
                         const unsigned char *data)
{
	if (head->type == REQUEST_MARK)
		take_mark(reader, data, head->length);
	else if (reader->ended)
		return;
	else if (!reader->recording_now)
		apply_before(reader, head, data);
	else if (head->type == REQUEST_FLUSH)
		close_epoch(reader);
	else if (head->type == REQUEST_WRITE || head->type == REQUEST_ZERO)
		add_request(reader, head, data);
}

void recording_parse(struct recording *recording)
{
	struct reader reader = {.recording = recording};
	struct request_head head;

	while (reader.at + sizeof head <= recording->log_size) {
		const unsigned char *data = recording->log + reader.at + sizeof head;

		memcpy(&head, recording->log + reader.at, sizeof head);
		if (head.magic != RECORDING_MAGIC)
			errx(1, "the log is damaged at %zu", reader.at);
		reader.mark_at = reader.at;
		reader.at += sizeof head;
		if (head.type == REQUEST_WRITE || head.type == REQUEST_MARK)
			reader.at += head.length;
		if (reader.at > recording->log_size)
			errx(1, "the log is cut short");
		take_request(&reader, &head, data);
	}
	if (!reader.ended)
		errx(1, "the log has no end");
	close_epoch(&reader);
}

void recording_release(struct recording *recording)
{
	int i;

	image_release(&recording->base);
	free(recording->log);
	free(recording->requests);
	free(recording->epochs);
	for (i = 0; i <= STEPS_MAX; i++)
		tree_release(&recording->states[i]);
	memset(recording, 0, sizeof *recording);
}

static FILE *open_in(const char *directory, const char *name, const char *mode)
{
	char path[PATH_SIZE];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, mode);
	if (!file)
		err(1, "%s", path);
	return file;
}

void recording_save(const struct recording *recording, const char *directory)
{
	FILE *file;
	int i, fd;

	file = open_in(directory, "log", "we");
	/* The base has what was before. */
	if (fwrite(recording->log + recording->log_before,
	           recording->log_size - recording->log_before, 1, file) != 1)
		err(1, "%s", directory);
	fclose(file);
	file = open_in(directory, "base", "we");
	fd = fileno(file);
	if (ftruncate(fd, (off_t)recording->base.size) != 0)
		err(1, "%s", directory);
	image_store(&recording->base, fd);
	fclose(file);
	file = open_in(directory, "states", "we");
	for (i = 0; i <= recording->steps; i++)
		tree_write(file, i, &recording->states[i]);
	if (fclose(file) != 0)
		err(1, "%s", directory);
}

void recording_load(struct recording *recording, const char *directory)
{
	char path[PATH_SIZE];
	FILE *file = open_in(directory, "states", "re");

	recording->steps = tree_read_all(file, recording->states, STEPS_MAX + 1) - 1;
	fclose(file);
	snprintf(path, sizeof path, "%s/base", directory);
	image_load(&recording->base, path);
	snprintf(path, sizeof path, "%s/log", directory);
	recording_read_log(recording, path);
	recording_parse(recording);
}
