/* SPDX-License-Identifier: ISC */
/* The auditor of forgotten set_range: both modes, watched by the kernel and compared. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (16 * PAGE)
#define SEEN_MAX 16

static struct commit_error err;
static struct commit_rvm *rvm;
static unsigned char *memory;
static struct commit_rvm_breach seen[SEEN_MAX];
static char segment[4096];
static unsigned count;

static void found(void *context, const struct commit_rvm_breach *breach)
{
	assert_ptr_equal(context, &count);
	assert_in_range(count, 0, SEEN_MAX - 1);
	snprintf(segment, sizeof segment, "%s", breach->segment);
	seen[count++] = *breach;
}

static void map(const char *name, unsigned char **at)
{
	void *made = NULL;

	assert_int_equal(commit_rvm_map(rvm, name, 0, SIZE, NULL, COMMIT_RVM_CREATE, &made, &err),
	                 0);
	*at = made;
}

static enum commit_rvm_audit_method start(enum commit_rvm_mode mode)
{
	enum commit_rvm_audit_method method = COMMIT_RVM_AUDIT_OFF;
	struct commit_rvm_options opt;

	commit_rvm_options_init(&opt);
	opt.mode = mode;
	assert_int_equal(commit_rvm_create_log("log", &opt, &err), 0);
	assert_int_equal(commit_rvm_initialize("log", &opt, &rvm, &err), 0);
	map("data", &memory);
	count = 0;
	assert_int_equal(commit_rvm_audit(rvm, found, &count, &method, &err), 0);
	return method;
}

static struct commit_rvm_xact *xact(void)
{
	struct commit_rvm_xact *x = NULL;

	assert_int_equal(commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, &err), 0);
	return x;
}

static void declare(struct commit_rvm_xact *x, unsigned char *at, size_t length)
{
	assert_int_equal(commit_rvm_set_range(x, at, length, &err), 0);
}

static void end(struct commit_rvm_xact *x)
{
	assert_int_equal(commit_rvm_end_xact(x, COMMIT_RVM_NO_FLUSH, &err), 0);
}

static void expect_seen(unsigned i, const void *at, size_t length, const void *nearest,
                        size_t nearest_length)
{
	assert_true(i < count);
	assert_ptr_equal(seen[i].address, at);
	assert_int_equal(seen[i].length, length);
	assert_ptr_equal(seen[i].nearest, nearest);
	assert_int_equal(seen[i].nearest_length, nearest_length);
}

static void audit_all(enum commit_rvm_mode mode)
{
	struct commit_rvm_xact *x, *y;
	unsigned char *more;

	/* what is declared is nobody's business, changed or not */
	x = xact();
	declare(x, memory + 100, 50);
	declare(x, memory + 140, 60);
	memset(memory + 100, 1, 100);
	declare(x, memory + 3 * PAGE - 4, 8);
	memset(memory + 3 * PAGE - 4, 1, 8);
	end(x);
	assert_int_equal(count, 0);
	/* one byte too many, behind and in front, and nowhere near */
	x = xact();
	declare(x, memory + 100, 50);
	memset(memory + 99, 2, 52);
	declare(x, memory + 5 * PAGE, 10);
	memset(memory + 9 * PAGE - 2, 2, 4);
	end(x);
	assert_int_equal(count, 3);
	expect_seen(0, memory + 99, 1, memory + 100, 50);
	expect_seen(1, memory + 150, 1, memory + 100, 50);
	expect_seen(2, memory + 9 * PAGE - 2, 4, memory + 5 * PAGE, 10);
	assert_ptr_equal(seen[2].region, memory);
	assert_true(strstr(segment, "/data") && segment[0] == '/');
	/* told once */
	end(xact());
	assert_int_equal(count, 3);
	/* what another transaction that is open has declared */
	x = xact();
	y = xact();
	declare(x, memory + 1000, 10);
	memset(memory + 1000, 3, 10);
	declare(y, memory + 2000, 10);
	memset(memory + 2000, 3, 10);
	end(y);
	assert_int_equal(count, 3);
	/* but not what one had declared that has ended */
	memory[2005] = 4;
	assert_int_equal(commit_rvm_abort_xact(x, &err), 0);
	assert_int_equal(count, 4);
	expect_seen(3, memory + 2005, 1, memory + 1000, 10);
	/* aborted: memory is as it was, which is no change */
	end(xact());
	assert_int_equal(count, 4);
	/* no range at all; mapped later; when it is unmapped */
	map("more", &more);
	x = xact();
	memory[77] = 5;
	more[77] = 5;
	end(x);
	assert_int_equal(count, 6);
	assert_null(seen[4].nearest);
	more[78] = 6;
	assert_int_equal(commit_rvm_unmap(rvm, more, &err), 0);
	expect_seen(6, more + 78, 1, NULL, 0);
	x = xact();
	expect_error(commit_rvm_audit(rvm, NULL, NULL, NULL, &err), &err, COMMIT_EREFUSED, EBUSY);
	end(x);
	memory[79] = 7;
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	expect_seen(7, memory + 79, 1, NULL, 0);
	assert_int_equal(count, 8);
	assert_int_equal(system("rm -r log data more"), 0);
	(void)mode;
}

static void each_way(enum commit_rvm_mode mode)
{
	if (start(mode) == COMMIT_RVM_AUDIT_WRITTEN)
		audit_all(mode);
	else
		print_message("this kernel does not tell what was written: compared only\n");
	if (count == 0)
		audit_all(mode);
	/* a system without it */
	fault("1:ENOSYS:userfaultfd");
	assert_int_equal(start(mode), COMMIT_RVM_AUDIT_COMPARE);
	expect_fired();
	audit_all(mode);
}

static void lrvm(void **state)
{
	(void)state;
	each_way(COMMIT_RVM_LRVM);
}

static void vista(void **state)
{
	(void)state;
	each_way(COMMIT_RVM_VISTA);
}

static void it_can_be_ended(void **state)
{
	enum commit_rvm_audit_method method;
	struct commit_rvm_xact *x;

	(void)state;
	start(COMMIT_RVM_LRVM);
	assert_int_equal(commit_rvm_audit(rvm, NULL, NULL, &method, &err), 0);
	assert_int_equal(method, COMMIT_RVM_AUDIT_OFF);
	x = xact();
	memory[5] = 5;
	end(x);
	assert_int_equal(commit_rvm_terminate(rvm, &err), 0);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {EVERY(lrvm), EVERY(vista), EVERY(it_can_be_ended)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
