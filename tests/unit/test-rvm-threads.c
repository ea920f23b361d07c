/* SPDX-License-Identifier: ISC */
/*
 * Random transactions by many threads, with overlapping ranges, aborts, all
 * modes, truncations meanwhile, against a copy that is kept beside the memory.
 * Then the same in a process that is killed: what was acknowledged is there.
 */
#include "config.h"

#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 25
#define BLOCKS 40
#define BLOCK 1024
#define SIZE ((size_t)(BLOCKS * BLOCK + 4095) / 4096 * 4096)
#define ROUNDS 60
#define DEATHS 6

static struct commit_rvm *rvm;
static char *memory;
static char model[SIZE];
static pthread_mutex_t locks[BLOCKS];
static struct commit_error err;

static void start(void)
{
	struct commit_rvm_options opt;
	void *at = NULL;
	int rc;

	commit_rvm_options_init(&opt);
	opt.log_size = (uint64_t)1024 * 1024;
	opt.queue_bytes = 16384;
	opt.truncate_percent = 10;
	commit_rvm_create_log("log", &opt, NULL);
	rc = commit_rvm_initialize("log", &opt, &rvm, &err);
	if (!rc)
		rc = commit_rvm_map(rvm, "data", 0, SIZE, NULL, COMMIT_RVM_CREATE, &at, &err);
	if (rc)
		fail_msg("start: %d %s %s", rc, err.operation, err.text);
	memory = at;
}

/* One transaction in one block, whose lock is held. */
static int change(unsigned block, unsigned *seed)
{
	char before[BLOCK], *base = memory + (size_t)block * BLOCK;
	int aborts = rand_r(seed) % 4 == 0, i, rc = 0;
	struct commit_rvm_xact *x;

	memcpy(before, base, BLOCK);
	if (commit_rvm_begin_xact(
	            rvm, aborts || rand_r(seed) % 2 ? COMMIT_RVM_RESTORE : COMMIT_RVM_NO_RESTORE,
	            &x, NULL))
		return -1;
	for (i = 0; i < 5 && !rc; i++) {
		size_t at = (size_t)rand_r(seed) % (BLOCK - 100), n = (size_t)rand_r(seed) % 100;

		rc = commit_rvm_set_range(x, base + at, n, NULL);
		fill(base + at, n, *seed);
	}
	if (aborts) {
		rc = rc ? rc : commit_rvm_abort_xact(x, NULL);
		return rc || memcmp(before, base, BLOCK) != 0 ? -1 : 0;
	}
	rc = rc ? rc
	        : commit_rvm_end_xact(x, rand_r(seed) % 3 ? COMMIT_RVM_NO_FLUSH : COMMIT_RVM_FLUSH,
	                              NULL);
	memcpy(model + (size_t)block * BLOCK, base, BLOCK);
	return rc;
}

static void *work(void *context)
{
	unsigned seed = (unsigned)(uintptr_t)context, round, block;
	int rc = 0;

	for (round = 0; round < ROUNDS && !rc; round++) {
		block = (unsigned)rand_r(&seed) % BLOCKS;
		pthread_mutex_lock(&locks[block]);
		rc = change(block, &seed);
		pthread_mutex_unlock(&locks[block]);
		if (!rc && rand_r(&seed) % 100 == 0)
			rc = commit_rvm_truncate(rvm, NULL);
	}
	return rc ? context : NULL;
}

static void *run_threads(void *(*act)(void *context))
{
	pthread_t threads[THREADS];
	void *failed = NULL, *result;
	uintptr_t i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, act, (void *)(i + 1)))
			return memory;
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &result);
		failed = result ? result : failed;
	}
	return failed;
}

static void pitfall_73_threads_against_a_model(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < BLOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	start();
	assert_null(run_threads(work));
	assert_memory_equal(memory, model, SIZE);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	expect_bytes("data", model, SIZE);
}

/* Two words that belong together, for each thread, and what it knows to be durable. */
struct shared {
	uint64_t tried[THREADS];
	uint64_t durable[THREADS];
};

static struct shared *shared;

static void *count_up(void *context)
{
	size_t me = (size_t)(uintptr_t)context - 1;
	uint64_t *words = (uint64_t *)(void *)(memory + me * BLOCK), n;
	struct commit_rvm_xact *x;
	int flush, rc = 0;

	for (n = words[0] + 1; !rc; n++) {
		flush = n % 4 != 0;
		shared->tried[me] = n;
		rc = commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, NULL);
		rc = rc ? rc : commit_rvm_set_range(x, &words[0], 8, NULL);
		rc = rc ? rc : commit_rvm_set_range(x, &words[100], 8, NULL);
		if (rc)
			break;
		words[0] = words[100] = n;
		rc = commit_rvm_end_xact(x, flush ? COMMIT_RVM_FLUSH : COMMIT_RVM_NO_FLUSH, NULL);
		if (!rc && flush)
			shared->durable[me] = n;
	}
	return context;
}

static int live(void *context)
{
	start();
	/* so many flushes of the log and the segment later */
	fault(context);
	run_threads(count_up);
	return 0;
}

static void killed_in_the_middle(void **state)
{
	char when[40];
	unsigned death;
	size_t i;

	(void)state;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	assert_true(shared != MAP_FAILED);
	for (death = 1; death <= DEATHS; death++) {
		snprintf(when, sizeof when, "%u:kill:%s", 17 * death,
		         death % 2 ? "fdatasync" : "pwrite");
		assert_int_equal(in_child(live, when), 128 + SIGKILL);
		start();
		/* start has failed the test where there is no memory */
		for (i = 0; memory && i < THREADS; i++) {
			uint64_t *words = (uint64_t *)(void *)(memory + i * BLOCK);

			assert_int_equal(words[0], words[100]);
			assert_in_range(words[0], shared->durable[i], shared->tried[i]);
			/* from here on the next life counts */
			shared->durable[i] = shared->tried[i] = words[0];
		}
		assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	}
	munmap(shared, sizeof *shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(pitfall_73_threads_against_a_model),
	        EVERY(killed_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
