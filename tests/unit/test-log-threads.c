/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "log-support.h"

#include "bytes.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 25
#define COMMITS 40

static struct lc_log *the_log;
static atomic_uint flushes;
static atomic_int running;
static pthread_barrier_t start;

struct worker {
	pthread_t thread;
	unsigned id;
	unsigned acknowledged;
	int rc;
};

/* A device takes its time; so others come meanwhile. */
static void count_flush(void *context, const char *call)
{
	(void)context;
	if (strcmp(call, "fdatasync") != 0)
		return;
	flushes++;
	usleep(300);
}

static int commit_number(uint64_t transaction, unsigned i)
{
	unsigned char number[80] = {0};
	struct lc_log_entry batch[3] = {{.type = LC_LOG_BEGIN, .transaction = transaction},
	                                {.type = LC_LOG_OPERATION,
	                                 .length = sizeof number,
	                                 .transaction = transaction,
	                                 .payload = number},
	                                {.type = LC_LOG_COMMIT, .transaction = transaction}};
	uint64_t end;
	int rc;

	lc_put_le32(number, i);
	rc = lc_log_append(the_log, batch, COUNT_OF(batch), &end);
	if (!rc)
		rc = lc_log_force(the_log, end);
	if (!rc && lc_log_durable(the_log) < end)
		rc = -EBADE;
	return rc;
}

static void *work(void *context)
{
	struct worker *w = context;
	unsigned i;

	pthread_barrier_wait(&start);
	for (i = 1; i <= COMMITS && !w->rc; i++) {
		w->rc = commit_number(w->id, i);
		if (!w->rc)
			w->acknowledged = i;
		if (!w->rc && i % 16 == 0)
			w->rc = lc_log_reserve(the_log, 2000);
	}
	running--;
	return NULL;
}

/* Takes away what is there, all the time; it is asked for by nobody. */
static void *trim(void *context)
{
	int *rc = context;

	pthread_barrier_wait(&start);
	while (running > 0 && !*rc) {
		*rc = lc_log_trim(the_log, lc_log_durable(the_log));
		if (!*rc && lc_log_tail(the_log) > lc_log_end(the_log))
			*rc = -EBADE;
		usleep(100);
	}
	return NULL;
}

static void run(struct worker *workers, unsigned count, int *trimmer)
{
	pthread_t thread;
	unsigned i;

	memset(workers, 0, count * sizeof *workers);
	running = (int)count;
	pthread_barrier_init(&start, NULL, count + (trimmer ? 1 : 0));
	for (i = 0; i < count; i++) {
		workers[i].id = i + 1;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	if (trimmer)
		assert_int_equal(pthread_create(&thread, NULL, trim, trimmer), 0);
	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	if (trimmer)
		pthread_join(thread, NULL);
	pthread_barrier_destroy(&start);
}

/* The batch of each thread that was seen last */
struct counted {
	unsigned last[THREADS_MAX + 1];
	unsigned commits;
	int from_start;
};

static int count_one(void *context, const struct lc_record *record)
{
	struct counted *c = context;
	unsigned *last = &c->last[record->transaction];
	unsigned i;

	if (record->transaction > THREADS_MAX)
		return -1;
	if (record->type == LC_LOG_COMMIT)
		c->commits++;
	if (record->type != LC_LOG_OPERATION)
		return 0;
	i = lc_get_le32(record->payload);
	if ((c->from_start || *last > 0) && i != *last + 1)
		return -1;
	*last = i;
	return 0;
}

static void expect_all(const struct lc_log_options *options, int dirfd,
                       const struct worker *workers, unsigned count, int from_start)
{
	struct counted counted = {.from_start = from_start};
	unsigned i, acknowledged = 0;
	struct lc_log *log;

	assert_int_equal(lc_log_open(dirfd, options, &log, NULL), 0);
	assert_int_equal(lc_log_scan(log, LC_LOG_FORWARD, count_one, &counted), 0);
	lc_log_close(log);
	for (i = 0; from_start && i < count; i++) {
		assert_true(counted.last[i + 1] >= workers[i].acknowledged);
		acknowledged += workers[i].acknowledged;
	}
	if (from_start)
		assert_true(counted.commits >= acknowledged);
}

static void group(unsigned count)
{
	struct lc_log_options options = small_log();
	struct worker workers[THREADS_MAX];
	unsigned i;
	int dirfd = new_log(&options, &the_log);

	flushes = 0;
	lc_fault_watch(count_flush, NULL);
	run(workers, count, NULL);
	lc_fault_watch(NULL, NULL);
	lc_log_close(the_log);
	for (i = 0; i < count; i++) {
		assert_int_equal(workers[i].rc, 0);
		assert_int_equal(workers[i].acknowledged, COMMITS);
	}
	print_message("%u threads, %u commits, %u flushes of the log\n", count, count * COMMITS,
	              flushes);
	/*
	 * One leads, the others ride along: about three flushes for eight commits,
	 * since whoever wakes first after a flush leads alone. On a busy machine more.
	 */
	assert_true(flushes < count * COMMITS / 4 * 3);
	expect_all(&options, dirfd, workers, count, 1);
	close(dirfd);
}

static void eight_threads_share_flushes(void **state)
{
	(void)state;
	group(8);
}

static void twentyfive_threads_share_flushes(void **state)
{
	(void)state;
	group(25);
}

static void one_thread_flushes_for_itself(void **state)
{
	struct lc_log_options options;
	unsigned i;
	int dirfd;

	(void)state;
	lc_log_options_init(&options);
	dirfd = new_log(&options, &the_log);
	flushes = 0;
	lc_fault_watch(count_flush, NULL);
	for (i = 1; i <= 10; i++)
		assert_int_equal(commit_number(1, i), 0);
	assert_int_equal(flushes, 10);
	/* what is durable needs none */
	assert_int_equal(lc_log_force(the_log, lc_log_end(the_log)), 0);
	assert_int_equal(flushes, 10);
	lc_log_close(the_log);
	close(dirfd);
}

static void trimming_beside_appends(void **state)
{
	struct lc_log_options options = small_log();
	struct worker workers[8];
	unsigned i;
	int rc = 0, dirfd = new_log(&options, &the_log);

	(void)state;
	run(workers, 8, &rc);
	assert_int_equal(rc, 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(workers[i].rc, 0);
	/* Twice: until both superblocks have left them behind. */
	assert_int_equal(lc_log_trim(the_log, lc_log_end(the_log)), 0);
	assert_int_equal(lc_log_trim(the_log, lc_log_end(the_log)), 0);
	assert_int_equal(segment_files(), 1);
	lc_log_close(the_log);
	expect_all(&options, dirfd, workers, 8, 0);
	close(dirfd);
}

/* One flush fails: nobody waits for ever, and nobody is told more than is true. */
static void a_failed_flush_fails_for_all(void **state)
{
	struct lc_log_options options = small_log();
	struct worker workers[THREADS_MAX];
	unsigned i, acknowledged = 0;
	int dirfd = new_log(&options, &the_log);

	(void)state;
	fault("6:EIO:once:fdatasync");
	run(workers, THREADS_MAX, NULL);
	expect_fired();
	for (i = 0; i < THREADS_MAX; i++) {
		assert_int_equal(workers[i].rc, -EIO);
		acknowledged += workers[i].acknowledged;
	}
	assert_true(acknowledged > 0);
	assert_int_equal(lc_log_force(the_log, 0), -EIO);
	assert_int_equal(lc_log_trim(the_log, LC_LOG_START), -EIO);
	lc_log_close(the_log);
	expect_all(&options, dirfd, workers, THREADS_MAX, 1);
	close(dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(eight_threads_share_flushes),   EVERY(twentyfive_threads_share_flushes),
	        EVERY(one_thread_flushes_for_itself), EVERY(trimming_beside_appends),
	        EVERY(a_failed_flush_fails_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
