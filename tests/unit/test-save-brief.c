/* SPDX-License-Identifier: ISC */
/* Saves of what is short and at hand: how it is staged, and who can see it meanwhile. */
#include "config.h"

#include "support.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static struct commit_save_options opt;
static struct commit_error err;

static int begin(void **state)
{
	commit_save_options_init(&opt);
	return support_begin(state);
}

static void save_brief(void)
{
	assert_int_equal(commit_save_bytes("f", "new", 3, &opt, NULL, &err), 0);
	expect_file("f", "new");
}

/* What is all in memory and small is not worth an unnamed file. */
static void brief_content_is_staged_under_a_name(void **state)
{
	static char large[64 * 1024 + 1];
	const char *trace;

	(void)state;
	put("f", "old");
	trace_begin();
	save_brief();
	trace = trace_end();
	assert_null(strstr(trace, "linkfd"));
	assert_true(call_at(trace, "create") < call_at(trace, "fsync"));
	assert_true(call_at(trace, "fsync") < call_at(trace, "rename"));
	trace_begin();
	assert_int_equal(commit_save_bytes("f", large, sizeof large, NULL, NULL, &err), 0);
	trace = trace_end();
	assert_non_null(strstr(trace, "linkfd"));
}

static void look_at_staged(void *mode)
{
	char name[256];

	if (ours_in(".", name) == 1)
		*(mode_t *)mode = stat_of(name).st_mode & 07777;
}

/* The staged file's mode while the content is being written */
static mode_t staged_mode(mode_t old)
{
	mode_t found = 0;

	assert_return_code(chmod("f", old), errno);
	at_call("pwrite", 1, look_at_staged, &found);
	save_brief();
	return found;
}

/* A mode that is right from the start need not be set, but it may let nobody else in. */
static void brief_content_is_not_seen_by_more_people(void **state)
{
	static const mode_t plain[] = {0644, 0666, 0600, 0755, 0777, 0700};
	static const mode_t others[] = {0640, 0660, 0604, 0664, 04755, 01644};
	size_t i;

	(void)state;
	put("f", "old");
	for (i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		assert_int_equal(staged_mode(plain[i]), plain[i] & ~022);
		expect_mode("f", plain[i]);
	}
	for (i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(staged_mode(others[i]), 0600);
		expect_mode("f", others[i]);
	}
	opt.mode_and = 0700;
	assert_int_equal(staged_mode(0644), 0600);
	opt.mode_and = 07777;
	opt.no_preserve = COMMIT_KEEP_MODE;
	assert_int_equal(staged_mode(0666), 0600);
}

static void brief_content_is_not_seen_by_those_whom_an_acl_keeps_out(void **state)
{
	(void)state;
	put("f", "old");
	give_acl("f", "system.posix_acl_access", 4);
	assert_int_equal(staged_mode(0644), 0600);
	expect_mode("f", 0644);
}

/* Streams that say so are staged alike, but for flags that want to know more first. */
static void a_stream_may_be_brief(void **state)
{
	static const unsigned flags[] = {COMMIT_SAVE_BRIEF, COMMIT_SAVE_BRIEF | COMMIT_SAVE_STRICT};
	struct commit_save *save;
	const char *trace;
	size_t i;

	(void)state;
	put("f", "old");
	for (i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		opt.flags = flags[i];
		trace_begin();
		assert_int_equal(commit_save_open(&save, "f", &opt, &err), 0);
		assert_int_equal(commit_save_write(save, "new", 3, &err), 0);
		assert_int_equal(commit_save_finish(save, &err), 0);
		assert_int_equal(commit_save_commit(save, NULL, &err), 0);
		commit_save_close(save);
		trace = trace_end();
		assert_int_equal(strstr(trace, " linkfd ") == NULL, flags[i] == COMMIT_SAVE_BRIEF);
		expect_file("f", "new");
	}
}

#define BRIEF(test) cmocka_unit_test_setup_teardown(test, begin, support_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        BRIEF(brief_content_is_staged_under_a_name),
	        BRIEF(brief_content_is_not_seen_by_more_people),
	        BRIEF(brief_content_is_not_seen_by_those_whom_an_acl_keeps_out),
	        BRIEF(a_stream_may_be_brief),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
