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
	/* written and not flushed */
	uint32_t *pending;
	size_t pending_count;
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
	reader->pending =
	        realloc(reader->pending, (reader->pending_count + 1) * sizeof *reader->pending);
	if (!reader->pending)
		err(1, "requests");
	reader->pending[reader->pending_count++] = (uint32_t)(r->count - 1);
}

static int lies_in(const struct request *request, uint64_t from, uint64_t to)
{
	return request->offset >= from && request->offset < to;
}

/* The part of a disk that is all of it for old logs and for the end. */
static uint64_t end_of(const struct request_head *head)
{
	return head && head->length ? head->offset + head->length : UINT64_MAX;
}

/* What a flush has made sure is not on its way any more. */
static void drop_flushed(struct reader *reader, uint64_t from, uint64_t to)
{
	size_t i, kept = 0;

	for (i = 0; i < reader->pending_count; i++)
		if (!lies_in(&reader->recording->requests[reader->pending[i]], from, to))
			reader->pending[kept++] = reader->pending[i];
	reader->pending_count = kept;
}

static void add_epoch(struct reader *reader, uint64_t from, uint64_t to)
{
	struct recording *r = reader->recording;
	size_t i;

	if (reader->pending_count > EPOCH_MAX)
		errx(1, "%zu writes between two flushes are too many for this rig",
		     reader->pending_count);
	r->epochs = realloc(r->epochs, (r->epoch_count + 1) * sizeof *r->epochs);
	r->order =
	        realloc(r->order, (r->order_count + reader->pending_count + 1) * sizeof *r->order);
	if (!r->epochs || !r->order)
		err(1, "epochs");
	r->epochs[r->epoch_count++] = (struct epoch){
	        r->order_count, reader->pending_count, from, to, reader->done, reader->begun};
	for (i = 0; i < reader->pending_count; i++)
		r->order[r->order_count++] = reader->pending[i];
}

/* At a flush; head is NULL at the end of the log. */
static void close_epoch(struct reader *reader, const struct request_head *head)
{
	struct recording *r = reader->recording;
	struct epoch *last = r->epoch_count ? &r->epochs[r->epoch_count - 1] : NULL;
	uint64_t from = head ? head->offset : 0, to = end_of(head);

	/* Nothing on its way, nothing learnt: a flush after a flush. */
	if (reader->pending_count || !last || last->done != reader->done ||
	    last->begun != reader->begun)
		add_epoch(reader, from, to);
	drop_flushed(reader, from, to);
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
		close_epoch(reader, head);
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
	close_epoch(&reader, NULL);
	free(reader.pending);
}

void recording_release(struct recording *recording)
{
	int i;

	image_release(&recording->base);
	free(recording->log);
	free(recording->requests);
	free(recording->epochs);
	free(recording->order);
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
