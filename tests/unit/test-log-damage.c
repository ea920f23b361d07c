/* SPDX-License-Identifier: ISC */
/*
 * What is found in a damaged log: never a wrong record, and never a silent loss
 * in front of records that prove it.
 */
#include "config.h"

#include "log-support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A log of one segment with these batches, each forced */
#define FIRST 4
#define LAST 8
#define RECORDS_MAX 64

static struct {
	struct lc_log_options options;
	int dirfd;
	unsigned char *bytes;
	size_t size;
	/* offsets in the file: of each record's first byte, and behind its payload */
	size_t begins[RECORDS_MAX];
	size_t ends[RECORDS_MAX];
	unsigned batch[RECORDS_MAX];
	unsigned count;
} sample;

static int note_record(void *context, const struct lc_record *record)
{
	unsigned i = sample.count++;

	(void)context;
	sample.begins[i] = (size_t)(record->position - LC_LOG_START) + LC_LOG_BLOCK;
	sample.ends[i] = sample.begins[i] + LC_RECORD_HEAD + record->length;
	sample.batch[i] = (unsigned)record->transaction;
	return sample.count == RECORDS_MAX ? -E2BIG : 0;
}

static void make_sample(uint32_t block)
{
	struct lc_log *log;

	memset(&sample, 0, sizeof sample);
	sample.options = small_log();
	sample.options.block = block;
	sample.dirfd = new_log(&sample.options, &log);
	assert_int_equal(commit_batches(log, FIRST, LAST), 0);
	lc_log_close(log);
	sample.bytes = get_bytes(segment_file(1), &sample.size);
	assert_int_equal(lc_log_open(sample.dirfd, &sample.options, &log, NULL), 0);
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, note_record, NULL), 0);
	lc_log_close(log);
	assert_int_equal(segment_files(), 1);
}

static void drop_sample(void)
{
	free(sample.bytes);
	close(sample.dirfd);
}

/* As it was, one segment; what a recovery has made beside it goes. */
static void restore(void)
{
	unsigned i;

	for (i = 2; i < 5; i++)
		unlink(segment_file(i));
	put_bytes(segment_file(1), sample.bytes, sample.size);
}

/* How many batches end before that offset. */
static unsigned batches_before(size_t offset)
{
	unsigned i, whole = 0;

	for (i = 0; i < sample.count; i++)
		if (sample.ends[i] <= offset &&
		    (i + 1 == sample.count || sample.batch[i + 1] != sample.batch[i]))
			whole = sample.batch[i];
	return whole;
}

static void expect_goes_on(unsigned last)
{
	struct lc_log *log;
	struct seen seen;

	if (last == 0)
		last = FIRST - 1;
	assert_int_equal(lc_log_open(sample.dirfd, &sample.options, &log, NULL), 0);
	assert_int_equal(commit_batches(log, last + 1, last + 2), 0);
	lc_log_close(log);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, NULL), 0);
	assert_int_equal(seen.last, last + 2);
}

static void expect_prefix(size_t cut, int go_on)
{
	struct lc_log_report report;
	struct seen seen;
	int rc = look_again(sample.dirfd, &sample.options, &seen, &report);

	if (rc)
		fail_msg("cut at %zu: %d", cut, rc);
	if (seen.last != batches_before(cut))
		fail_msg("cut at %zu: %u batches, not %u", cut, seen.last, batches_before(cut));
	if (go_on)
		expect_goes_on(seen.last);
}

static void cut_at_every_byte(void **state)
{
	size_t cut;

	(void)state;
	make_sample(512);
	for (cut = LC_LOG_BLOCK; cut <= sample.size;
	     cut += cut < sample.ends[sample.count - 1] + 9 ? 1 : 999) {
		if (walk_skips())
			continue;
		restore();
		assert_return_code(truncate(segment_file(1), (off_t)cut), errno);
		expect_prefix(cut, cut % 64 == 0);
	}
	drop_sample();
}

static void zeros_from_every_byte_on(void **state)
{
	unsigned char *cut_bytes;
	size_t cut;

	(void)state;
	make_sample(8);
	cut_bytes = calloc(1, sample.size);
	assert_non_null(cut_bytes);
	for (cut = LC_LOG_BLOCK; cut <= sample.ends[sample.count - 1]; cut++) {
		if (walk_skips())
			continue;
		restore();
		memcpy(cut_bytes, sample.bytes, cut);
		put_bytes(segment_file(1), cut_bytes, sample.size);
		/* a cut that takes zeros only takes nothing */
		if (memcmp(cut_bytes, sample.bytes, sample.size) != 0 &&
		    memcmp(cut_bytes + cut, sample.bytes + cut, 1) != 0)
			expect_prefix(cut, cut % 64 == 0);
	}
	free(cut_bytes);
	drop_sample();
}

static void a_header_that_is_cut_is_damage(void **state)
{
	struct lc_log_report report;
	struct seen seen;
	size_t cut;

	(void)state;
	make_sample(512);
	/* up to the last byte of it that is not 0 */
	for (cut = 0; cut < 16 + LC_RECORD_HEAD + 26; cut++) {
		restore();
		assert_return_code(truncate(segment_file(1), (off_t)cut), errno);
		assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, &report),
		                 -EBADMSG);
		assert_true(report.damaged == LC_LOG_START);
	}
	drop_sample();
}

/* The record that a byte belongs to, or count if it belongs to none. */
static unsigned record_of(size_t offset)
{
	unsigned i;

	for (i = 0; i < sample.count; i++)
		if (offset >= sample.begins[i] && offset < sample.ends[i])
			return i;
	return sample.count;
}

/*
 * Damage in front of the last batch is told, with its place, because the batches
 * behind it knew it to be durable. In the last batch nothing tells it from a
 * flush that never came. Between records nothing is lost.
 */
static void expect_found(size_t offset, int rc, const struct seen *seen,
                         const struct lc_log_report *report)
{
	unsigned i = record_of(offset);
	/* padding before it is not told from it */
	size_t place = i == 0 ? LC_LOG_BLOCK : lc_log_align(sample.ends[i - 1], 8);

	if (i < sample.count && sample.batch[i] < LAST) {
		if (rc != -EBADMSG || report->damaged != place - LC_LOG_BLOCK + LC_LOG_START)
			fail_msg("byte %zu, record %u: %d, %llu", offset, i, rc,
			         (unsigned long long)report->damaged);
	} else if (i < sample.count) {
		if (rc || seen->last != LAST - 1 || report->dropped == 0)
			fail_msg("byte %zu, record %u of the last batch: %d", offset, i, rc);
	} else if (rc || seen->last != LAST) {
		fail_msg("byte %zu, no record: %d", offset, rc);
	}
}

static void flip_every_bit(uint32_t block)
{
	struct lc_log_report report;
	struct lc_log_options look_only;
	size_t offset, last;
	struct seen seen;
	unsigned char *after;
	size_t length;
	unsigned bit;
	int rc, fd;

	make_sample(block);
	look_only = sample.options;
	look_only.look_only = 1;
	last = sample.ends[sample.count - 1] + LC_RECORD_HEAD;
	fd = open_file(segment_file(1), O_RDWR);
	for (offset = LC_LOG_BLOCK; offset < last; offset++) {
		for (bit = 0; bit < 8; bit++) {
			unsigned char flipped = (unsigned char)(sample.bytes[offset] ^ 1u << bit);

			if (walk_skips())
				continue;
			assert_int_equal(pwrite(fd, &flipped, 1, (off_t)offset), 1);
			rc = look_again(sample.dirfd, &look_only, &seen, &report);
			expect_found(offset, rc, &seen, &report);
			if (rc == 0 || bit > 0)
				continue;
			/* Nothing is changed, also where it could be. */
			rc = look_again(sample.dirfd, &sample.options, &seen, &report);
			assert_int_equal(rc, -EBADMSG);
		}
		assert_int_equal(pwrite(fd, sample.bytes + offset, 1, (off_t)offset), 1);
	}
	close(fd);
	after = get_bytes(segment_file(1), &length);
	assert_int_equal(length, sample.size);
	assert_memory_equal(after, sample.bytes, length);
	assert_int_equal(segment_files(), 1);
	free(after);
	drop_sample();
}

static void every_bit_flipped(void **state)
{
	(void)state;
	flip_every_bit(512);
}

static void every_bit_of_the_header_flipped(void **state)
{
	struct seen seen;
	size_t offset;
	unsigned bit;
	int rc, fd, version;

	(void)state;
	make_sample(512);
	fd = open_file(segment_file(1), O_RDWR);
	for (offset = 0; offset < 16 + LC_RECORD_HEAD + 32; offset++) {
		if (offset >= 12 && offset < 16)
			continue;
		for (bit = 0; bit < 8; bit++) {
			unsigned char flipped = (unsigned char)(sample.bytes[offset] ^ 1u << bit);

			if (walk_skips())
				continue;
			assert_int_equal(pwrite(fd, &flipped, 1, (off_t)offset), 1);
			rc = look_again(sample.dirfd, &sample.options, &seen, NULL);
			version = offset >= 8 && offset < 12;
			/* version 0 is none */
			if (offset == 8 && bit == 0)
				version = 0;
			assert_int_equal(rc, version ? -EPROTONOSUPPORT : -EBADMSG);
		}
		assert_int_equal(pwrite(fd, sample.bytes + offset, 1, (off_t)offset), 1);
	}
	close(fd);
	drop_sample();
}

static void two_words_swapped(void **state)
{
	unsigned char *bytes;
	struct lc_log_report report;
	struct seen seen;
	size_t a, b, begin;

	(void)state;
	make_sample(512);
	bytes = malloc(sample.size);
	assert_non_null(bytes);
	/* an operation of the second batch */
	begin = sample.begins[5];
	assert_int_equal(sample.batch[5], FIRST + 1);
	for (a = begin; a < begin + LC_RECORD_HEAD + 16; a += 8) {
		for (b = a + 8; b < begin + LC_RECORD_HEAD + 16; b += 8) {
			if (walk_skips())
				continue;
			memcpy(bytes, sample.bytes, sample.size);
			memcpy(bytes + a, sample.bytes + b, 8);
			memcpy(bytes + b, sample.bytes + a, 8);
			if (memcmp(bytes, sample.bytes, sample.size) == 0)
				continue;
			put_bytes(segment_file(1), bytes, sample.size);
			assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, &report),
			                 -EBADMSG);
			assert_true(report.damaged == begin - LC_LOG_BLOCK + LC_LOG_START);
		}
	}
	free(bytes);
	drop_sample();
}

/* A sector that was never written, or another one's: a flying write. */
static void a_sector_lost_or_in_another_place(void **state)
{
	unsigned char *bytes;
	struct seen seen;
	size_t to, from, last;

	(void)state;
	make_sample(512);
	bytes = malloc(sample.size);
	assert_non_null(bytes);
	last = sample.begins[sample.count - 1 - LAST % OPERATIONS_MAX - 2] / 512 * 512;
	for (to = LC_LOG_BLOCK; to < last; to += 512) {
		for (from = LC_LOG_BLOCK; from < sample.size; from += 512) {
			if (walk_skips())
				continue;
			memcpy(bytes, sample.bytes, sample.size);
			memcpy(bytes + to, sample.bytes + from, 512);
			if (memcmp(bytes, sample.bytes, sample.size) == 0)
				continue;
			put_bytes(segment_file(1), bytes, sample.size);
			assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, NULL),
			                 -EBADMSG);
		}
	}
	free(bytes);
	drop_sample();
}

/*
 * A batch is lost with the power and its place is taken by a new epoch. Should
 * the device come up with the old one after all, it stays dropped.
 */
static void a_dropped_tail_stays_dropped(void **state)
{
	struct lc_log_report report;
	struct seen seen, again;

	(void)state;
	make_sample(512);
	assert_return_code(truncate(segment_file(1), (off_t)sample.begins[sample.count - 2]),
	                   errno);
	expect_goes_on(LAST - 1);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, NULL), 0);
	put_bytes(segment_file(1), sample.bytes, sample.size);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &again, &report), 0);
	assert_int_equal(report.segments, 2);
	assert_true(again.records == seen.records && again.last == seen.last);
	assert_int_equal(report.records, seen.records);
	drop_sample();
}

/* Good records of another place, lap or epoch behind the end are none. */
static void records_of_another_lap_are_ignored(void **state)
{
	struct lc_log_report report;
	struct lc_log *log;
	struct seen seen;
	size_t end, length, records;
	unsigned char *second;
	int fd;

	(void)state;
	make_sample(8);
	records = sample.ends[sample.count - 1] - LC_LOG_BLOCK;
	/* the whole first segment again, behind itself */
	fd = open_file(segment_file(1), O_RDWR);
	end = lc_log_align(sample.ends[sample.count - 1], 8);
	assert_int_equal(pwrite(fd, sample.bytes + LC_LOG_BLOCK, records, (off_t)end), records);
	close(fd);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, &report), 0);
	assert_int_equal(seen.last, LAST);
	assert_true(report.dropped == records);
	/* now a second one, of another epoch; into its empty body records of the first */
	assert_int_equal(segment_files(), 2);
	second = get_bytes(segment_file(2), &length);
	memcpy(second + LC_LOG_BLOCK, sample.bytes + LC_LOG_BLOCK, length - LC_LOG_BLOCK);
	put_bytes(segment_file(2), second, length);
	free(second);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, &report), 0);
	assert_int_equal(seen.last, LAST);
	assert_int_equal(lc_log_open(sample.dirfd, &sample.options, &log, NULL), 0);
	assert_true(log->current.epoch == 3);
	lc_log_close(log);
	expect_goes_on(LAST);
	drop_sample();
}

/* Only the salt tells the batch of a lost epoch from one that could stand there. */
static void a_batch_of_another_epoch_is_ignored(void **state)
{
	struct lc_log_options options = small_log();
	struct lc_log_report report;
	unsigned char *old, *new;
	struct lc_log *log;
	struct seen seen;
	size_t at, length;
	int dirfd;

	(void)state;
	options.block = LC_LOG_BLOCK;
	options.segment_size = 8 * LC_LOG_BLOCK;
	dirfd = new_log(&options, &log);
	assert_int_equal(commit_batches(log, FIRST, FIRST + 2), 0);
	at = 3 * LC_LOG_BLOCK;
	assert_true(lc_log_end(log) > at - LC_LOG_BLOCK + LC_LOG_START);
	lc_log_close(log);
	/* the third one is torn; its place is the first of a new segment */
	old = get_bytes(segment_file(1), &length);
	assert_return_code(truncate(segment_file(1), (off_t)at + 30), errno);
	assert_int_equal(look_again(dirfd, &options, &seen, NULL), 0);
	assert_int_equal(seen.last, FIRST + 1);
	assert_int_equal(segment_files(), 2);
	new = get_bytes(segment_file(2), &length);
	memcpy(new + LC_LOG_BLOCK, old + at, LC_LOG_BLOCK);
	put_bytes(segment_file(2), new, length);
	assert_int_equal(look_again(dirfd, &options, &seen, &report), 0);
	assert_int_equal(seen.last, FIRST + 1);
	assert_true(seen.torn == 0 && report.dropped > 0);
	free(old);
	free(new);
	close(dirfd);
}

/* Only its position tells that a batch is not where it was written. */
static void a_batch_in_another_place_is_ignored(void **state)
{
	struct lc_log_report report;
	struct seen seen;
	size_t at, length, place;
	unsigned i;

	(void)state;
	make_sample(512);
	for (i = sample.count - 1; sample.batch[i - 1] == LAST;)
		i--;
	at = sample.begins[i];
	length = sample.ends[sample.count - 1] - at;
	/* another one where a reader looks */
	place = lc_log_align(sample.ends[i - 1], 64);
	assert_true(place < at);
	memmove(sample.bytes + place, sample.bytes + at, length);
	memset(sample.bytes + place + length, 0, at - place);
	put_bytes(segment_file(1), sample.bytes, sample.size);
	assert_int_equal(look_again(sample.dirfd, &sample.options, &seen, &report), 0);
	assert_int_equal(seen.last, LAST - 1);
	assert_true(seen.torn == 0 && report.dropped > 0);
	drop_sample();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(cut_at_every_byte),
	        ON_TMPFS(zeros_from_every_byte_on),
	        ON_TMPFS(a_header_that_is_cut_is_damage),
	        ON_TMPFS(every_bit_flipped),
	        ON_TMPFS(every_bit_of_the_header_flipped),
	        ON_TMPFS(two_words_swapped),
	        ON_TMPFS(a_sector_lost_or_in_another_place),
	        ON_TMPFS(a_dropped_tail_stays_dropped),
	        ON_TMPFS(records_of_another_lap_are_ignored),
	        ON_TMPFS(a_batch_of_another_epoch_is_ignored),
	        ON_TMPFS(a_batch_in_another_place_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
