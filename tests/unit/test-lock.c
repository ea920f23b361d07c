/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "lock.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int holder, waiter;

static void open_both(int held)
{
	put("f", "");
	holder = open_file("f", O_RDWR);
	waiter = open_file("f", O_RDWR);
	if (held)
		assert_int_equal(lc_sys_lock(holder), 0);
}

static void close_both(void)
{
	close(holder);
	close(waiter);
}

static void a_free_lock_is_had_at_once(void **state)
{
	(void)state;
	open_both(0);
	/* also when the deadline has passed: there is one try in any case */
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(-1000), -1), 0);
	assert_int_equal(lc_sys_lock(holder), -EWOULDBLOCK);
	close_both();
}

static void a_held_lock_is_given_up_at_the_deadline(void **state)
{
	int64_t before = lc_sys_clock_ms();

	(void)state;
	open_both(1);
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(0), -1), -EWOULDBLOCK);
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(50), -1), -EWOULDBLOCK);
	assert_true(lc_sys_clock_ms() - before >= 50);
	close_both();
}

static void let_go(void *fd)
{
	lc_sys_unlock(*(int *)fd);
}

static void a_lock_that_is_let_go_is_had(void **state)
{
	(void)state;
	open_both(1);
	at_call("flock", 7, let_go, &holder);
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(60000), -1), 0);
	close_both();
}

static void waiting_can_be_cancelled(void **state)
{
	int cancel[2];

	(void)state;
	open_both(1);
	assert_return_code(pipe(cancel), errno);
	assert_int_equal(write(cancel[1], "x", 1), 1);
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(60000), cancel[0]), -ECANCELED);
	close(cancel[0]);
	close(cancel[1]);
	close_both();
}

static void an_interruption_is_no_failure(void **state)
{
	(void)state;
	open_both(0);
	fault("1:EINTR:flock");
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(60000), -1), 0);
	close_both();
}

static void other_errors_come_at_once(void **state)
{
	(void)state;
	open_both(0);
	fault("1:ENOLCK:flock");
	assert_int_equal(lc_lock_acquire(waiter, lc_lock_deadline(60000), -1), -ENOLCK);
	close_both();
}

static void missing_locks_are_told_from_held_ones(void **state)
{
	(void)state;
	assert_true(lc_lock_unsupported(-ENOLCK));
	assert_true(lc_lock_unsupported(-EOPNOTSUPP));
	assert_true(lc_lock_unsupported(-ENOSYS));
	assert_true(lc_lock_unsupported(-EINVAL));
	assert_true(lc_lock_unsupported(-EBADF));
	assert_false(lc_lock_unsupported(0));
	assert_false(lc_lock_unsupported(-EWOULDBLOCK));
	assert_false(lc_lock_unsupported(-EIO));
	assert_false(lc_lock_unsupported(-ECANCELED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(a_free_lock_is_had_at_once),
	        EVERY(a_held_lock_is_given_up_at_the_deadline),
	        EVERY(a_lock_that_is_let_go_is_had),
	        EVERY(waiting_can_be_cancelled),
	        EVERY(an_interruption_is_no_failure),
	        EVERY(other_errors_come_at_once),
	        EVERY(missing_locks_are_told_from_held_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
