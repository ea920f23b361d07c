/* SPDX-License-Identifier: ISC */
/* The recoverable heap, in both modes of memory: against a model, aborted, killed, refused. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (8 * PAGE)
#define BLOCKS 40

static struct commit_error err;
static struct commit_rvm *rvm;
static struct commit_heap *heap;
static void *memory;

static void start(enum commit_rvm_mode mode)
{
	struct commit_rvm_options opt;
	struct commit_rvm_xact *x;
	int made, rc;

	commit_rvm_options_init(&opt);
	opt.mode = mode;
	made = commit_rvm_create_log("log", &opt, &err) == 0;
	rc = commit_rvm_initialize("log", &opt, &rvm, &err);
	if (!rc)
		rc = commit_rvm_map(rvm, "data", 0, SIZE, NULL, COMMIT_RVM_CREATE, &memory, &err);
	if (!rc && made) {
		rc = commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &x, &err);
		rc = rc ? rc : commit_heap_format(x, memory, SIZE, &err);
		rc = rc ? rc : commit_rvm_end_xact(x, COMMIT_RVM_FLUSH, &err);
	}
	if (!rc)
		rc = commit_heap_open(rvm, memory, SIZE, &heap, &err);
	if (rc)
		fail_msg("start: %d %s %s", rc, err.operation, err.text);
}

static void finish(void)
{
	assert_int_equal(commit_heap_close(heap, &err), 0);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
}

static struct commit_rvm_xact *xact(void)
{
	struct commit_rvm_xact *x = NULL;

	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	return x;
}

static void end(struct commit_rvm_xact *x)
{
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), 0);
}

static struct commit_heap_report check(void)
{
	struct commit_heap_report report;
	struct commit_heap_check how;

	commit_heap_check_init(&how);
	assert_int_equal(commit_heap_check(heap, &how, &report, &err), 0);
	return report;
}

static void expect_whole(uint64_t blocks)
{
	struct commit_heap_report report = check();

	assert_int_equal(report.disasters, 0);
	assert_int_equal(report.leaks, 0);
	assert_int_equal(report.blocks, blocks);
}

/* What the program knows: where its blocks are, how long, and what it has written there. */
struct model {
	size_t offset[BLOCKS];
	size_t size[BLOCKS];
	unsigned char seed[BLOCKS];
};

static char *at(size_t offset)
{
	return (char *)memory + offset;
}

static void expect_content(const struct model *m)
{
	static char want[SIZE];
	uint64_t blocks = 0;
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		if (!m->offset[i])
			continue;
		blocks++;
		assert_true(commit_heap_size(heap, at(m->offset[i])) >= m->size[i]);
		fill(want, m->size[i], m->seed[i]);
		assert_memory_equal(at(m->offset[i]), want, m->size[i]);
	}
	expect_whole(blocks);
}

static void change_one(struct model *m, struct commit_rvm_xact *x, unsigned *seed)
{
	size_t i = (size_t)rand_r(seed) % BLOCKS, size = (size_t)rand_r(seed) % 700, j;
	void *block;
	int rc;

	if (m->offset[i]) {
		assert_int_equal(commit_heap_free(heap, x, at(m->offset[i]), &err), 0);
		m->offset[i] = 0;
		return;
	}
	rc = commit_heap_allocate(heap, x, size, &block, &err);
	if (rc) {
		expect_error(rc, &err, COMMIT_EFAILED, ENOSPC);
		return;
	}
	assert_int_equal((uintptr_t)block % 16, 0);
	for (j = 0; j < size; j++)
		assert_int_equal(((char *)block)[j], 0);
	m->offset[i] = (size_t)((char *)block - (char *)memory);
	m->size[i] = size;
	m->seed[i] = (unsigned char)rand_r(seed);
	fill(block, size, m->seed[i]);
}

static void against_a_model(enum commit_rvm_mode mode)
{
	struct model m = {0}, before;
	unsigned seed = 7, round, i;
	struct commit_rvm_xact *x;

	start(mode);
	for (round = 0; round < 150; round++) {
		x = xact();
		before = m;
		for (i = (unsigned)rand_r(&seed) % 12; i > 0; i--)
			change_one(&m, x, &seed);
		if (round % 3 == 0) {
			assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
			m = before;
		} else {
			end(x);
		}
		expect_content(&m);
		if (round % 50 == 49) {
			finish();
			start(mode);
			expect_content(&m);
		}
	}
	finish();
}

static void lrvm_against_a_model(void **state)
{
	(void)state;
	against_a_model(COMMIT_RVM_LRVM);
}

static void vista_against_a_model(void **state)
{
	(void)state;
	against_a_model(COMMIT_RVM_VISTA);
}

static void what_is_refused(void **state)
{
	struct commit_rvm_xact *x, *y;
	struct commit_heap *other;
	void *block, *second;

	(void)state;
	start(COMMIT_RVM_LRVM);
	expect_error(commit_heap_open(rvm, memory, SIZE - PAGE, &other, &err), &err,
	             COMMIT_EREFUSED, EINVAL);
	expect_error(commit_heap_open(rvm, (char *)memory + PAGE, PAGE, &other, &err), &err,
	             COMMIT_EUSAGE, EINVAL);
	expect_error(commit_heap_open(rvm, (char *)memory + PAGE, 2 * PAGE, &other, &err), &err,
	             COMMIT_EREFUSED, EINVAL);
	x = xact();
	y = xact();
	assert_int_equal(commit_heap_allocate(heap, x, 100, &block, &err), 0);
	expect_error(commit_heap_allocate(heap, y, 100, &second, &err), &err, COMMIT_EBUSY, EBUSY);
	expect_error(commit_heap_free(heap, y, block, &err), &err, COMMIT_EBUSY, EBUSY);
	expect_error(commit_heap_set_root(heap, y, block, &err), &err, COMMIT_EBUSY, EBUSY);
	expect_error(commit_heap_close(heap, &err), &err, COMMIT_EREFUSED, EBUSY);
	expect_error(commit_heap_allocate(heap, x, SIZE, &second, &err), &err, COMMIT_EFAILED,
	             ENOSPC);
	expect_error(commit_heap_allocate(heap, x, SIZE_MAX, &second, &err), &err, COMMIT_EFAILED,
	             ENOSPC);
	expect_error(commit_heap_free(heap, x, (char *)block + 16, &err), &err, COMMIT_EUSAGE,
	             EINVAL);
	expect_error(commit_heap_free(heap, x, &err, &err), &err, COMMIT_EUSAGE, EINVAL);
	expect_error(commit_heap_set_root(heap, x, (char *)block + 32, &err), &err, COMMIT_EUSAGE,
	             EINVAL);
	assert_int_equal(commit_heap_set_root(heap, x, block, &err), 0);
	assert_int_equal(commit_heap_free(heap, x, block, &err), 0);
	expect_error(commit_heap_free(heap, x, block, &err), &err, COMMIT_EUSAGE, EINVAL);
	assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
	assert_null(commit_heap_root(heap));
	/* the one that has waited may go on */
	assert_int_equal(commit_heap_allocate(heap, y, 100, &second, &err), 0);
	assert_int_equal(commit_heap_set_root(heap, y, second, &err), 0);
	end(y);
	assert_ptr_equal(commit_heap_root(heap), second);
	expect_whole(1);
	finish();
	start(COMMIT_RVM_LRVM);
	block = commit_heap_root(heap);
	assert_int_equal(commit_heap_size(heap, block), 112);
	finish();
}

/* To the last unit, and all of it back. */
static void a_heap_that_is_full(void **state)
{
	struct commit_rvm_xact *x;
	void *blocks[1200];
	size_t count, i;

	(void)state;
	start(COMMIT_RVM_VISTA);
	x = xact();
	for (count = 0; !commit_heap_allocate(heap, x, 1, &blocks[count], &err); count++)
		assert_in_range(count, 0, 1198);
	assert_int_equal(err.errnum, ENOSPC);
	assert_int_equal(check().used_bytes, 32 * count);
	assert_true(32 * count > SIZE - PAGE - PAGE);
	/* every second: no room for two units in a row; then the rest */
	for (i = 0; i < count; i += 2)
		assert_int_equal(commit_heap_free(heap, x, blocks[i], &err), 0);
	expect_error(commit_heap_allocate(heap, x, 17, &blocks[0], &err), &err, COMMIT_EFAILED,
	             ENOSPC);
	assert_int_equal(commit_heap_allocate(heap, x, 16, &blocks[0], &err), 0);
	for (i = 1; i < count; i += 2)
		assert_int_equal(commit_heap_free(heap, x, blocks[i], &err), 0);
	assert_int_equal(commit_heap_free(heap, x, blocks[0], &err), 0);
	assert_int_equal(commit_heap_allocate(heap, x, 32 * count - 16, &blocks[0], &err), 0);
	end(x);
	expect_whole(1);
	finish();
}

/* A list whose head is the root; each link says how long it still is. */
struct link {
	uint64_t left;
	uint64_t next;
};

static uint64_t length_of_list(void)
{
	const struct link *link = commit_heap_root(heap);
	uint64_t length = link ? link->left : 0, i;

	for (i = length; i > 0 && link; i--) {
		assert_int_equal(link->left, i);
		link = link->next ? (const struct link *)(const void *)at(link->next) : NULL;
	}
	assert_true(i == 0 && !link);
	return length;
}

static void live(enum commit_rvm_mode mode)
{
	unsigned seed = (unsigned)getpid();
	struct commit_rvm_xact *x;
	struct link *top;
	void *block;

	start(mode);
	for (;;) {
		commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, NULL);
		top = commit_heap_root(heap);
		if (rand_r(&seed) % 2 && !commit_heap_allocate(heap, x, 200, &block, NULL)) {
			((struct link *)block)->left = top ? top->left + 1 : 1;
			((struct link *)block)->next =
			        top ? (uint64_t)((char *)top - (char *)memory) : 0;
			commit_heap_set_root(heap, x, block, NULL);
		} else if (top) {
			commit_heap_set_root(heap, x, top->next ? at(top->next) : NULL, NULL);
			commit_heap_free(heap, x, top, NULL);
		}
		if (rand_r(&seed) % 5 == 0)
			commit_rvm_abort_xact(x, NULL);
		else
			commit_rvm_end_xact(
			        x, rand_r(&seed) % 4 ? COMMIT_RVM_NO_FLUSH : COMMIT_RVM_FLUSH,
			        NULL);
	}
}

static void killed_at_any_moment(void **state)
{
	int status, round;
	pid_t pid;

	(void)state;
	for (round = 0; round < 12; round++) {
		enum commit_rvm_mode mode = round < 6 ? COMMIT_RVM_LRVM : COMMIT_RVM_VISTA;

		if (round == 6)
			assert_int_equal(system("rm -r log data"), 0);
		if (round % 6 == 0) {
			/* made by somebody who lives */
			start(mode);
			finish();
		}
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			live(mode);
		usleep((useconds_t)(9000 + round * 1777));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		start(mode);
		expect_whole(length_of_list());
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(lrvm_against_a_model), EVERY(vista_against_a_model), EVERY(what_is_refused),
	        EVERY(a_heap_that_is_full),  EVERY(killed_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
