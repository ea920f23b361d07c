/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

static void nothing_armed_nothing_fires(void **state)
{
	size_t length = 10;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(lc_fault_length("write", -1, &length), 0);
	assert_int_equal(length, 10);
	assert_int_equal(lc_fault_fired(), 0);
}

static void the_nth_call_fails_once(void **state)
{
	(void)state;
	lc_fault_arm("3:ENOSPC");
	assert_int_equal(lc_fault("open"), 0);
	assert_int_equal(lc_fault("write"), 0);
	assert_int_equal(lc_fault("fsync"), -ENOSPC);
	assert_int_equal(lc_fault("fsync"), 0);
	assert_int_equal(lc_fault_fired(), 1);
}

static void forever_goes_on(void **state)
{
	(void)state;
	lc_fault_arm("2:EIO:forever:fsync");
	assert_int_equal(lc_fault("fsync"), 0);
	assert_int_equal(lc_fault("fsync"), -EIO);
	assert_int_equal(lc_fault("write"), 0);
	assert_int_equal(lc_fault("fsync"), -EIO);
}

static void short_halves_what_has_a_length(void **state)
{
	size_t length = 9, one = 1;

	(void)state;
	lc_fault_arm("1:short:forever");
	assert_int_equal(lc_fault("open"), 0);
	assert_int_equal(lc_fault_length("write", -1, &one), 0);
	assert_int_equal(one, 1);
	assert_int_equal(lc_fault_length("write", -1, &length), 0);
	assert_int_equal(length, 4);
}

static void several_faults_count_apart(void **state)
{
	(void)state;
	lc_fault_arm("1:EIO:fsync,2:EACCES:once:open");
	assert_int_equal(lc_fault("open"), 0);
	assert_int_equal(lc_fault("fsync"), -EIO);
	assert_int_equal(lc_fault("open"), -EACCES);
	lc_fault_arm("1:EIO:fsync,2:EDQUOT:fsync");
	assert_int_equal(lc_fault("fsync"), -EIO);
	assert_int_equal(lc_fault("fsync"), -EDQUOT);
	lc_fault_arm(NULL);
	assert_int_equal(lc_fault("fsync"), 0);
}

static void note_call(void *context, const char *call)
{
	strcat(context, call);
}

static void the_watcher_sees_every_call(void **state)
{
	char seen[100] = "";

	(void)state;
	lc_fault_watch(note_call, seen);
	lc_fault("open");
	lc_fault("close");
	lc_fault_watch(NULL, NULL);
	lc_fault("fsync");
	assert_string_equal(seen, "openclose");
}

static void descriptors_are_counted(void **state)
{
	long before = lc_fault_open();

	(void)state;
	assert_int_equal(lc_fault_opened(7), 7);
	assert_int_equal(lc_fault_opened(-EIO), -EIO);
	assert_int_equal(lc_fault_open(), before + 1);
	assert_int_equal(lc_fault_closed(7), 7);
	assert_int_equal(lc_fault_closed(-1), -1);
	assert_int_equal(lc_fault_open(), before);
}

/* A fresh process, for what is read from the environment at the first call. */
static int again(const char *faults, const char *log)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		setenv("COMMIT_FAULT", faults, 1);
		setenv("COMMIT_FAULT_LOG", log, 1);
		if (!freopen("/dev/null", "w", stderr))
			_exit(97);
		execl(self, self, "child", (char *)NULL);
		_exit(98);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What the fresh process does; its status is the errno of its third call. */
static int child_main(void)
{
	size_t length = 100;

	lc_fault_opened(5);
	lc_fault("open");
	lc_fault_length("write", -1, &length);
	return -lc_fault("fsync");
}

static void environment_is_read_and_log_written(void **state)
{
	(void)state;
	assert_int_equal(again("3:EROFS", "log"), EROFS);
	expect_file("log", "fired 3 fsync EROFS\ncalls 3 - -\nleaked 1 - -\n");
	assert_int_equal(again("1:short:write", "log2"), 0);
	expect_file("log2", "fired 1 write short\ncalls 3 - -\nleaked 1 - -\n");
}

static void kill_kills(void **state)
{
	(void)state;
	assert_int_equal(again("2:kill", "log"), 128 + SIGKILL);
	expect_file("log", "fired 2 write kill\n");
}

static void a_typo_does_not_pass_for_no_fault(void **state)
{
	static const char *const wrong[] = {
	        "x:EIO", "0:EIO", "1", "1:ENOSUCH",
	        "1:EIO,1:EIO,1:EIO,1:EIO,1:EIO,1:EIO,1:EIO,1:EIO,1:EIO"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(wrong); i++)
		assert_int_equal(again(wrong[i], "log"), 128 + SIGABRT);
	assert_int_equal(again("1:EIO", "no/such/directory/log"), 128 + SIGABRT);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        EVERY(nothing_armed_nothing_fires),
	        EVERY(the_nth_call_fails_once),
	        EVERY(forever_goes_on),
	        EVERY(short_halves_what_has_a_length),
	        EVERY(several_faults_count_apart),
	        EVERY(the_watcher_sees_every_call),
	        EVERY(descriptors_are_counted),
	        EVERY(environment_is_read_and_log_written),
	        EVERY(kill_kills),
	        EVERY(a_typo_does_not_pass_for_no_fault),
	};

	(void)argv;
	if (argc > 1)
		return child_main();
	self = realpath("/proc/self/exe", NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
