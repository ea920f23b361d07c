/* SPDX-License-Identifier: ISC */
/*
 * The index of history: order, duplicates, torn tails, its bound.
 */
#include "config.h"

#include "support.h"
#include "txn-keep.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 128, FULL = 4096 };

static struct commit_store store;

static void begin_store(void)
{
	memset(&store, 0, sizeof store);
	store.history = lc_sys_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
	assert_true(store.history >= 0);
}

static void end_store(void)
{
	lc_sys_drop(&store.history);
}

static void add(uint64_t number, int64_t time)
{
	const struct lc_indexed entry = {.number = number, .time = time, .files = number};

	assert_int_equal(lc_index_add(&store, &entry), 0);
}

/* The index has these numbers in this order, with sequences that only grow. */
static void expect_numbers(const uint64_t *numbers, size_t count)
{
	struct lc_index index;
	size_t i;

	assert_int_equal(lc_index_read(&store, &index), 0);
	assert_int_equal(index.count, count);
	for (i = 0; i < count; i++) {
		assert_int_equal(index.items[i].number, numbers[i]);
		assert_int_equal(index.items[i].files, numbers[i]);
		assert_true(i == 0 || index.items[i].sequence > index.items[i - 1].sequence);
	}
	lc_index_release(&index);
}

static void order_is_by_sequence(void **state)
{
	static const uint64_t numbers[] = {50, 10, 30};

	(void)state;
	begin_store();
	add(50, 5000);
	/* the clock was set back, and the id is smaller too */
	add(10, 100);
	add(30, 300);
	expect_numbers(numbers, COUNT_OF(numbers));
	end_store();
}

static void repeated_by_recovery(void **state)
{
	static const uint64_t numbers[] = {1, 2};

	(void)state;
	begin_store();
	add(1, 1);
	add(2, 2);
	add(2, 3);
	add(1, 3);
	assert_int_equal(stat_of("index").st_size, 2 * SIZE);
	expect_numbers(numbers, COUNT_OF(numbers));
	end_store();
}

static void duplicates_vanish(void **state)
{
	static const uint64_t numbers[] = {1, 2};
	unsigned char bytes[2 * SIZE];
	int fd;

	(void)state;
	begin_store();
	add(1, 1);
	add(2, 2);
	/* both files have it: a rename that came down without what was added after it */
	fd = open_file("index", O_RDONLY);
	assert_int_equal(read(fd, bytes, sizeof bytes), sizeof bytes);
	close(fd);
	put_bytes("index.old", bytes, sizeof bytes);
	expect_numbers(numbers, COUNT_OF(numbers));
	end_store();
}

/* Cut at every byte of the last record: that one is gone, and the next takes its place. */
static void a_torn_tail_is_dropped(void **state)
{
	static const uint64_t before[] = {1, 2}, after[] = {1, 2, 4};
	unsigned char bytes[3 * SIZE];
	size_t cut;
	int fd;

	(void)state;
	begin_store();
	add(1, 1);
	add(2, 2);
	add(3, 3);
	fd = open_file("index", O_RDONLY);
	assert_int_equal(read(fd, bytes, sizeof bytes), sizeof bytes);
	close(fd);
	for (cut = (size_t)2 * SIZE; cut < (size_t)3 * SIZE; cut += 7) {
		put_bytes("index", bytes, cut);
		expect_numbers(before, COUNT_OF(before));
		add(4, 4);
		expect_numbers(after, COUNT_OF(after));
	}
	/* of full length, and a bit wrong */
	bytes[2 * SIZE + 80] ^= 1;
	put_bytes("index", bytes, sizeof bytes);
	expect_numbers(before, COUNT_OF(before));
	add(4, 4);
	expect_numbers(after, COUNT_OF(after));
	end_store();
}

static void it_is_bounded(void **state)
{
	struct lc_index index;
	uint64_t n;

	(void)state;
	begin_store();
	for (n = 1; n <= 2 * FULL + 10; n++)
		add(n, (int64_t)n);
	assert_int_equal(stat_of("index").st_size, 10 * SIZE);
	assert_int_equal(stat_of("index.old").st_size, FULL * SIZE);
	assert_int_equal(lc_index_read(&store, &index), 0);
	assert_int_equal(index.count, FULL + 10);
	assert_int_equal(index.items[0].sequence, FULL + 1);
	assert_int_equal(index.items[index.count - 1].sequence, 2 * FULL + 10);
	assert_non_null(lc_index_find(&index, (uint64_t)2 * FULL));
	assert_null(lc_index_find(&index, 1));
	lc_index_release(&index);
	end_store();
}

/* Repeated after the full file has made room for a new one */
static void repeated_over_the_turn(void **state)
{
	struct lc_index index;
	uint64_t n;

	(void)state;
	begin_store();
	for (n = 1; n <= FULL; n++)
		add(n, (int64_t)n);
	fault("1:ENOSPC:create");
	assert_int_equal(lc_index_add(&store, &(struct lc_indexed){.number = FULL + 1}), -ENOSPC);
	expect_fired();
	add(FULL, 1);
	add(FULL + 1, 1);
	assert_int_equal(lc_index_read(&store, &index), 0);
	assert_int_equal(index.count, FULL + 1);
	assert_int_equal(index.items[FULL].sequence, FULL + 1);
	lc_index_release(&index);
	end_store();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(order_is_by_sequence), EVERY(repeated_by_recovery),
	        EVERY(duplicates_vanish),    EVERY(a_torn_tail_is_dropped),
	        ON_TMPFS(it_is_bounded),     ON_TMPFS(repeated_over_the_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
