/* SPDX-License-Identifier: ISC */
/*
 * The Vista mode, used by many threads, to the end and killed from outside: each has
 * what it was told to be committed, and no half of anything.
 */
#include "config.h"

#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE ((size_t)16 * 4096)
#define THREADS 12
#define BLOCK 1024
/* More than a life that is killed gets to */
#define ENOUGH 20000

static struct commit_error err;

/* For each thread what it is about to have committed, and what it has. */
struct shared {
	uint64_t tried[THREADS];
	uint64_t done[THREADS];
};

static struct shared *shared;
static struct commit_rvm *running;
static char *base;

static void *count_up(void *context)
{
	size_t me = (size_t)(uintptr_t)context - 1;
	uint64_t *words = (uint64_t *)(void *)(base + me * BLOCK), n, i;
	struct commit_rvm_xact *x;
	int rc = 0;

	for (n = words[0] + 1; !rc && n < ENOUGH; n++) {
		shared->tried[me] = n;
		rc = commit_rvm_begin_xact(running, COMMIT_RVM_RESTORE, &x, NULL);
		for (i = 0; i < 5 && !rc; i++) {
			rc = commit_rvm_set_range(x, &words[i * 20], 8 + 8 * (n % 20), NULL);
			words[i * 20] = n;
		}
		if (!rc && n % 3 == 0) {
			rc = commit_rvm_abort_xact(x, NULL);
			for (i = 0; i < 5 && !rc; i++)
				rc = words[i * 20] != n - 1;
			rc = rc ? rc : commit_rvm_begin_xact(running, COMMIT_RVM_RESTORE, &x, NULL);
			for (i = 0; i < 5 && !rc; i++) {
				rc = commit_rvm_set_range(x, &words[i * 20], 8, NULL);
				words[i * 20] = n;
			}
		}
		rc = rc ? rc : commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, NULL);
		shared->done[me] = n;
	}
	return rc ? context : NULL;
}

static int start(void)
{
	struct commit_rvm_options opt;
	void *at = NULL;
	int rc;

	commit_rvm_options_init(&opt);
	opt.mode = COMMIT_RVM_VISTA;
	commit_rvm_create_log("log", &opt, NULL);
	rc = commit_rvm_initialize("log", &opt, &running, &err);
	if (!rc)
		rc = commit_rvm_map(running, "data", 0, SIZE, NULL, COMMIT_RVM_CREATE, &at, &err);
	base = at;
	return at ? rc : -1;
}

static int live(void *context)
{
	pthread_t threads[THREADS];
	uintptr_t i;
	void *at;

	(void)context;
	CHECK(start() == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, count_up, (void *)(i + 1)) == 0);
	for (i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], &at) == 0 && !at);
	CHECK(commit_rvm_terminate(running, NULL) == 0);
	return 0;
}

static void expect_what_was_done(void)
{
	size_t me, i;

	assert_int_equal(start(), 0);
	for (me = 0; base && me < THREADS; me++) {
		const uint64_t *words = (const uint64_t *)(const void *)(base + me * BLOCK);

		for (i = 1; i < 5; i++)
			assert_int_equal(words[0], words[i * 20]);
		assert_in_range(words[0], shared->done[me], shared->tried[me]);
		shared->done[me] = shared->tried[me] = words[0];
	}
	assert_int_equal(commit_rvm_terminate(running, &err), 0);
}

/* Pitfalls 73 and 79, at moments that nobody has chosen: many threads, killed from outside. */
static void killed_at_any_moment(void **state)
{
	int status, round;
	pid_t pid;

	(void)state;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	assert_true(shared != MAP_FAILED);
	for (round = 0; round < 20; round++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(live(NULL));
		usleep((useconds_t)(1000 + round * 1777));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		expect_what_was_done();
	}
	/* and one life to its end */
	assert_int_equal(in_child(live, NULL), 0);
	expect_what_was_done();
	munmap(shared, sizeof *shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {EVERY(killed_at_any_moment)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
