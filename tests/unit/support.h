/* SPDX-License-Identifier: ISC */
/*
 * support.h - what the unit tests share
 *
 *     static void does_this(void **state) { ... put("f", "old"); ... }
 *
 *     int main(void)
 *     {
 *         const struct CMUnitTest tests[] = {EVERY(does_this)};
 *         return cmocka_run_group_tests(tests, NULL, NULL);
 *     }
 *
 * Each test runs in an empty directory of its own, below $TMPDIR or /tmp, which
 * is the working directory. Files are named relative to it. After each test it
 * is an error if a descriptor of the library is open that was not before, or if
 * a fault that was asked for has not fired.
 */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <commit.h>

#include <sys/stat.h>
#include <sys/types.h>

#define EVERY(test) cmocka_unit_test_setup_teardown(test, support_begin, support_end)
/* The same in /dev/shm, skipped where that is no tmpfs. */
#define ON_TMPFS(test)                                                                             \
	{                                                                                          \
#test " on tmpfs", test, support_begin_tmpfs, support_end, NULL                    \
	}
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

int support_begin(void **state);
int support_begin_tmpfs(void **state);
int support_end(void **state);

/* Ends the test as skipped. */
void need_root(void);
/* A directory on tmpfs, another file system than most; made and removed like the test's own. */
const char *other_fs(void);

/* Files */
void put(const char *name, const char *text);
void put_bytes(const char *name, const void *bytes, size_t length);
/* length bytes that do not repeat; the same for the same seed */
void fill(void *bytes, size_t length, unsigned seed);
void expect_file(const char *name, const char *text);
void expect_bytes(const char *name, const void *bytes, size_t length);
void expect_absent(const char *name);
void expect_mode(const char *name, mode_t mode);
/* without following links */
struct stat stat_of(const char *name);
int open_file(const char *name, int flags);
/* Names that begin with ".commit-" in a directory; the last one found is copied. */
unsigned ours_in(const char *directory, char name[256]);
/* There are none in the working directory. */
void expect_clean(void);
/* Gives the file an ACL in which user 1000 may read and the group may do what group says. */
void give_acl(const char *name, const char *attribute, unsigned group);

/*
 * Faults, see fault.h. The one before must have fired, expect_fired says so at
 * once and takes it away. fault_end only takes it away and tells how many fired.
 */
void fault(const char *faults);
void expect_fired(void);
int fault_end(void);
/* Just before the nth call of that name: act, once. */
void at_call(const char *call, unsigned nth, void (*act)(void *context), void *context);
/* Descriptors of the library that are open now */
long fds_open(void);

/* Acts for at_call; context is a file's name. */
void truncate_it(void *name);
void unlink_it(void *name);
void rewrite_it(void *name);
void replace_it(void *name);
/*
 * Walks over many cases: $LC_EVERY, or 1, and all but each so manieth of the cases
 * are to be skipped. The next walk begins with another case.
 *
 *     for (n = 1; fired; n++) {
 *         if (walk_skips())
 *             continue;
 */
int walk_every(void);
int walk_skips(void);

/* The names of all calls from here on, each with a blank before and behind. */
void trace_begin(void);
const char *trace_end(void);
/* Where a call stands in the trace; fails if it is not there. */
size_t call_at(const char *trace, const char *call);

/* Fails unless rc and err tell of that code and errno. */
void expect_error(int rc, const struct commit_error *err, int code, int errnum);
/* A struct that shows later whether it was touched. */
void mark(struct commit_error *err);
void expect_untouched(const struct commit_error *err);

/*
 * Runs act in a child process: its status, or 128 and a signal's number. In
 * the child CHECK takes the place of the assertions.
 */
int in_child(int (*act)(void *context), void *context);
/* The same as another user, without groups and rights. */
int as_user(uid_t uid, int (*act)(void *context), void *context);
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			print_error("%s:%d: %s\n", __FILE__, __LINE__, #condition);                \
			return 99;                                                                 \
		}                                                                                  \
	} while (0)

#endif
