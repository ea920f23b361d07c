/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_MAX 6000
#define WRONG(...)                                                                                 \
	do {                                                                                       \
		print_error(__VA_ARGS__);                                                          \
		return -1;                                                                         \
	} while (0)

struct lc_log_options small_log(void)
{
	struct lc_log_options options;

	lc_log_options_init(&options);
	options.segment_size = 4 * LC_LOG_BLOCK;
	options.block = 512;
	return options;
}

int new_log(const struct lc_log_options *options, struct lc_log **log)
{
	int dirfd = open_file(".", O_RDONLY | O_DIRECTORY);

	assert_int_equal(lc_log_create(dirfd, options), 0);
	assert_int_equal(lc_log_open(dirfd, options, log, NULL), 0);
	return dirfd;
}

static unsigned operations(unsigned n)
{
	return n % OPERATIONS_MAX + 1;
}

static uint32_t length_of(unsigned n, unsigned i)
{
	return n % 7 == 3 && i == 0 ? PAYLOAD_MAX - n % 100 : (n * 37 + i * 101) % 300;
}

static void content_of(unsigned n, unsigned i, unsigned char payload[PAYLOAD_MAX])
{
	fill(payload, PAYLOAD_MAX, n * 16 + i);
}

int append_batch(struct lc_log *log, unsigned n)
{
	static _Thread_local unsigned char payloads[OPERATIONS_MAX][PAYLOAD_MAX];
	struct lc_log_entry batch[OPERATIONS_MAX + 2] = {{.type = LC_LOG_BEGIN, .transaction = n}};
	unsigned i, count = operations(n);
	uint64_t end = 0;
	int rc;

	for (i = 0; i < count; i++) {
		content_of(n, i, payloads[i]);
		batch[i + 1].type = LC_LOG_OPERATION + i;
		batch[i + 1].transaction = n;
		batch[i + 1].length = length_of(n, i);
		batch[i + 1].payload = payloads[i];
	}
	batch[count + 1].type = LC_LOG_COMMIT;
	batch[count + 1].transaction = n;
	rc = lc_log_append(log, batch, count + 2, &end);
	return rc ? rc : lc_log_end(log) < end ? -1 : 0;
}

int commit_batches(struct lc_log *log, unsigned first, unsigned last)
{
	unsigned n;
	int rc = 0;

	for (n = first; n <= last && !rc; n++) {
		rc = append_batch(log, n);
		if (!rc)
			rc = lc_log_force(log, lc_log_end(log));
	}
	return rc;
}

struct looking {
	struct seen *seen;
	/* positions, forward; then taken from the end */
	uint64_t *positions;
	size_t count;
	size_t room;
	int backward;
	unsigned batch;
	unsigned step;
};

static int check_content(const struct looking *l, const struct lc_record *record)
{
	unsigned char wanted[PAYLOAD_MAX];
	unsigned i = l->step - 1;

	if (l->step == 0)
		return record->type == LC_LOG_BEGIN && record->length == 0;
	if (l->step == operations(l->batch) + 1)
		return record->type == LC_LOG_COMMIT && record->length == LC_COMMIT_PAYLOAD;
	content_of(l->batch, i, wanted);
	return record->type == LC_LOG_OPERATION + i && record->length == length_of(l->batch, i) &&
	       memcmp(record->payload, wanted, record->length) == 0;
}

static int visit_forward(void *context, const struct lc_record *record)
{
	struct looking *l = context;

	/* A batch that was torn may be followed by another try of the same. */
	if (l->step == 0 || (record->type == LC_LOG_BEGIN && record->transaction == l->batch)) {
		if (l->seen->last && record->transaction != l->seen->last + 1)
			WRONG("transaction %llu after %u\n",
			      (unsigned long long)record->transaction, l->seen->last);
		l->batch = (unsigned)record->transaction;
		l->step = 0;
	}
	if (record->transaction != l->batch || !check_content(l, record))
		WRONG("transaction %u: record %u is wrong\n", l->batch, l->step);
	l->step++;
	if (record->type == LC_LOG_COMMIT) {
		l->step = 0;
		l->seen->last = l->batch;
		if (!l->seen->first)
			l->seen->first = l->batch;
	}
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->positions = realloc(l->positions, l->room * sizeof *l->positions);
		if (!l->positions)
			return -ENOMEM;
	}
	l->positions[l->count++] = record->position;
	return 0;
}

static int visit_backward(void *context, const struct lc_record *record)
{
	struct looking *l = context;

	if (l->count == 0 || l->positions[--l->count] != record->position)
		WRONG("position %llu: not the one that was there forward\n",
		      (unsigned long long)record->position);
	return 0;
}

int look(struct lc_log *log, struct seen *seen)
{
	struct looking l = {.seen = seen};
	int rc;

	memset(seen, 0, sizeof *seen);
	rc = lc_log_scan(log, LC_LOG_FORWARD, visit_forward, &l);
	seen->records = l.count;
	seen->torn = l.step;
	if (!rc)
		rc = lc_log_scan(log, LC_LOG_BACKWARD, visit_backward, &l);
	if (!rc && l.count != 0) {
		print_error("%zu records are missing backward\n", l.count);
		rc = -1;
	}
	free(l.positions);
	return rc;
}

int look_again(int dirfd, const struct lc_log_options *options, struct seen *seen,
               struct lc_log_report *report)
{
	struct lc_log *log = NULL;
	int rc = lc_log_open(dirfd, options, &log, report);

	memset(seen, 0, sizeof *seen);
	if (rc) {
		if (log) {
			print_error("a log although it failed\n");
			return -1;
		}
		return rc;
	}
	if (look(log, seen))
		rc = -1;
	lc_log_close(log);
	return rc;
}

unsigned char *get_bytes(const char *name, size_t *length)
{
	size_t size = (size_t)stat_of(name).st_size;
	unsigned char *bytes = malloc(size ? size : 1);
	int fd = open_file(name, O_RDONLY);

	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, size), size);
	close(fd);
	*length = size;
	return bytes;
}

const char *segment_file(unsigned number)
{
	static char name[LC_LOG_NAME_SIZE];

	lc_segment_name(number, name);
	return name;
}

unsigned segment_files(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	unsigned count = 0;

	while (dir && (entry = readdir(dir)))
		count += strncmp(entry->d_name, "segment-", 8) == 0;
	if (dir)
		closedir(dir);
	return count;
}

struct held_log held;

void write_batches(unsigned first, unsigned last)
{
	unsigned n;

	for (n = first; n <= last; n++) {
		held.begins[n] = lc_log_end(held.log);
		assert_int_equal(commit_batches(held.log, n, n), 0);
	}
}

void begin_log(unsigned batches)
{
	held.options = small_log();
	held.dirfd = new_log(&held.options, &held.log);
	write_batches(1, batches);
}

void end_log(void)
{
	lc_log_close(held.log);
	held.log = NULL;
}

void expect_batches(unsigned first_at_most, unsigned last)
{
	struct seen seen;

	assert_int_equal(look_again(held.dirfd, &held.options, &seen, NULL), 0);
	assert_in_range(seen.first, 1, first_at_most);
	assert_int_equal(seen.last, last);
}

void expect_refused(int wanted)
{
	struct seen seen;
	size_t before, after;
	unsigned files = segment_files();
	unsigned char *super = get_bytes("super", &before), *still;

	assert_int_equal(look_again(held.dirfd, &held.options, &seen, NULL), wanted);
	assert_int_equal(segment_files(), files);
	still = get_bytes("super", &after);
	assert_int_equal(before, after);
	assert_memory_equal(super, still, before);
	free(super);
	free(still);
}

void zero_bytes(const char *name, size_t at, size_t length)
{
	unsigned char zeros[2 * LC_LOG_BLOCK] = {0};
	int fd = open_file(name, O_RDWR);

	assert_int_equal(pwrite(fd, zeros, length, (off_t)at), length);
	close(fd);
}
