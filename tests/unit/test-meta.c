/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "meta.h"
#include "sys.h"

#include <commit_save.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ALL (COMMIT_KEEP_MODE | COMMIT_KEEP_OWNER | COMMIT_KEEP_ACL | COMMIT_KEEP_XATTR)
#define ACCESS "system.posix_acl_access"

static struct lc_meta_plan plan;
static struct commit_error err;
static char warnings[2000];
static int old, new;

static void note_warning(void *context, const struct commit_error *warning)
{
	assert_ptr_equal(context, warnings);
	assert_int_equal(warning->code, COMMIT_OK);
	strcat(warnings, warning->text);
	strcat(warnings, "\n");
}

/* "old" with that mode, and a staged "new" */
static void begin(mode_t mode)
{
	memset(&plan, 0, sizeof plan);
	plan.keep = ALL;
	plan.mode_and = 07777;
	plan.owner = (uid_t)-1;
	plan.group = (gid_t)-1;
	plan.warn = note_warning;
	plan.context = warnings;
	warnings[0] = '\0';
	put("old", "old");
	put("new", "new");
	assert_return_code(chmod("old", mode), errno);
	assert_return_code(chmod("new", 0600), errno);
	old = open_file("old", O_RDONLY);
	new = open_file("new", O_RDWR);
}

static int apply(int is_new)
{
	struct stat st = stat_of("old");
	int rc;

	mark(&err);
	rc = lc_meta_apply(old, &st, is_new, new, &plan, "the/path", &err);
	if (rc == 0)
		expect_untouched(&err);
	close(old);
	close(new);
	return rc;
}

static void expect_owner(uid_t uid, gid_t gid)
{
	assert_int_equal(stat_of("new").st_uid, uid);
	assert_int_equal(stat_of("new").st_gid, gid);
}

static void expect_attribute(const char *name, const char *value)
{
	char is[100];
	ssize_t length = getxattr("new", name, is, sizeof is);

	if (!value) {
		assert_int_equal(length, -1);
		assert_int_equal(errno, ENODATA);
		return;
	}
	assert_int_equal(length, strlen(value));
	assert_memory_equal(is, value, strlen(value));
}

/* The order of the calls that change something */
static void expect_order(const char *trace, const char *first, const char *then)
{
	if (call_at(trace, first) >= call_at(trace, then))
		fail_msg("%s not before %s in:%s", first, then, trace);
}

static void everything_is_taken_over(void **state)
{
	(void)state;
	need_root();
	begin(04751);
	assert_return_code(fchown(old, 1000, 1001), errno);
	assert_return_code(fchmod(old, 06751), errno);
	assert_return_code(fsetxattr(old, "user.note", "text", 4, 0), errno);
	assert_return_code(fsetxattr(old, "trusted.note", "secret", 6, 0), errno);
	assert_int_equal(apply(0), 0);
	expect_owner(1000, 1001);
	expect_mode("new", 06751);
	expect_attribute("user.note", "text");
	expect_attribute("trusted.note", "secret");
	assert_string_equal(warnings, "");
}

/* A change of owner takes set-id bits and capabilities; the mode lets others look. */
static void owner_then_acl_then_attributes_then_mode(void **state)
{
	const char *trace;

	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fchown(old, 1000, 1000), errno);
	give_acl("old", ACCESS, 4);
	assert_return_code(fsetxattr(old, "user.note", "text", 4, 0), errno);
	trace_begin();
	assert_int_equal(apply(0), 0);
	trace = trace_end();
	expect_order(trace, "chown", "acl");
	expect_order(trace, "chown", "setxattr");
	expect_order(trace, "acl", "chmod");
	expect_order(trace, "setxattr", "chmod");
	assert_null(strstr(strstr(trace, " chmod "), "xattr"));
}

static void capabilities_survive_the_owner(void **state)
{
	/* version 2, cap_net_bind_service effective and permitted */
	static const unsigned char caps[20] = {1, 0, 0, 2, 0, 4};
	char is[20];

	(void)state;
	need_root();
	begin(0755);
	assert_return_code(fchown(old, 1000, 1000), errno);
	assert_return_code(fsetxattr(old, "security.capability", caps, 20, 0), errno);
	assert_int_equal(apply(0), 0);
	assert_int_equal(getxattr("new", "security.capability", is, 20), 20);
	assert_memory_equal(is, caps, 20);
}

static void a_lost_group_costs_the_groups_bits(void **state)
{
	(void)state;
	need_root();
	begin(0674);
	assert_return_code(fchown(old, (uid_t)-1, 1000), errno);
	fault("1:EPERM:forever:chown");
	assert_int_equal(apply(0), 0);
	expect_fired();
	expect_mode("new", 0644);
	assert_string_equal(warnings, "cannot keep group: EPERM\n");
}

static void a_lost_owner_costs_the_set_id_bits(void **state)
{
	(void)state;
	need_root();
	begin(0755);
	assert_return_code(fchown(old, 1000, (gid_t)-1), errno);
	assert_return_code(fchmod(old, 06755), errno);
	fault("1:EPERM:forever:chown");
	assert_int_equal(apply(0), 0);
	expect_fired();
	expect_mode("new", 0755);
	assert_string_equal(warnings, "cannot keep owner: EPERM\n");
}

static void a_lost_group_costs_the_set_id_bits(void **state)
{
	(void)state;
	need_root();
	begin(0755);
	assert_return_code(fchown(old, (uid_t)-1, 1000), errno);
	assert_return_code(fchmod(old, 02755), errno);
	fault("1:EPERM:forever:chown");
	assert_int_equal(apply(0), 0);
	expect_fired();
	expect_mode("new", 0755);
}

/* Only both at once is refused: then each alone is had. */
static void what_can_be_kept_is_kept(void **state)
{
	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fchown(old, 1000, 1001), errno);
	fault("1:EPERM:once:chown");
	assert_int_equal(apply(0), 0);
	expect_fired();
	expect_owner(1000, 1001);
	expect_mode("new", 0640);
	assert_string_equal(warnings, "");
}

static void strict_turns_losses_into_errors(void **state)
{
	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fchown(old, 1000, 1001), errno);
	plan.strict = 1;
	fault("1:EPERM:forever:chown");
	expect_error(apply(0), &err, COMMIT_EFAILED, EPERM);
	assert_string_equal(err.text, "cannot keep group: EPERM");
	assert_string_equal(err.path, "the/path");
	assert_string_equal(warnings, "");
}

static void without_a_listener_losses_are_silent(void **state)
{
	(void)state;
	begin(0640);
	assert_return_code(fsetxattr(old, "user.note", "x", 1, 0), errno);
	plan.warn = NULL;
	fault("1:EPERM:setxattr");
	assert_int_equal(apply(0), 0);
}

static void what_was_asked_for_must_be_had(void **state)
{
	(void)state;
	begin(0640);
	plan.owner = 1234;
	fault("1:EPERM:forever:chown");
	expect_error(apply(0), &err, COMMIT_EFAILED, EPERM);
	assert_string_equal(err.operation, "chown");
	begin(0640);
	plan.group = 1234;
	fault("1:EPERM:forever:chown");
	expect_error(apply(0), &err, COMMIT_EFAILED, EPERM);
}

static void what_was_asked_for_is_set(void **state)
{
	(void)state;
	need_root();
	begin(04755);
	plan.owner = 1234;
	plan.group = 1235;
	assert_int_equal(apply(0), 0);
	expect_owner(1234, 1235);
	/* a set-id file for another owner than it was is nobody's wish */
	expect_mode("new", 0755);
}

static void mode_is_base_and_or(void **state)
{
	(void)state;
	begin(0664);
	plan.mode_and = 0770;
	plan.mode_or = 0001;
	assert_int_equal(apply(0), 0);
	expect_mode("new", 0661);
}

static void a_new_file_has_no_set_id_and_our_owner(void **state)
{
	(void)state;
	need_root();
	begin(0755);
	assert_return_code(fchown(old, 1000, 1000), errno);
	assert_return_code(fchmod(old, 06755), errno);
	assert_int_equal(apply(1), 0);
	expect_owner(0, 0);
	expect_mode("new", 0755);
}

static void what_is_not_to_be_kept_is_not(void **state)
{
	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fchown(old, 1000, 1000), errno);
	assert_return_code(fsetxattr(old, "user.note", "x", 1, 0), errno);
	give_acl("old", ACCESS, 0);
	plan.keep = COMMIT_KEEP_MODE;
	assert_int_equal(apply(0), 0);
	expect_owner(0, 0);
	expect_attribute("user.note", NULL);
	expect_attribute(ACCESS, NULL);
}

static void acls_are_taken_over(void **state)
{
	char a[100], b[100];
	ssize_t length;

	(void)state;
	begin(0640);
	give_acl("old", ACCESS, 4);
	length = getxattr("old", ACCESS, a, sizeof a);
	assert_int_equal(apply(0), 0);
	assert_int_equal(getxattr("new", ACCESS, b, sizeof b), length);
	assert_memory_equal(a, b, (size_t)length);
	assert_int_equal(stat_of("new").st_mode, stat_of("old").st_mode);
}

/* Its mask stands where the group's bits do: without it the group would get them. */
static void a_lost_acl_costs_the_groups_bits(void **state)
{
	(void)state;
	begin(0640);
	give_acl("old", ACCESS, 0);
	expect_mode("old", 0660);
	fault("1:EOPNOTSUPP:acl");
	assert_int_equal(apply(0), 0);
	expect_mode("new", 0600);
	assert_string_equal(warnings, "cannot keep ACL: EOPNOTSUPP\n");
	begin(0640);
	give_acl("old", ACCESS, 0);
	fault("1:ENOSYS:acl");
	assert_int_equal(apply(0), 0);
	expect_mode("new", 0600);
	assert_non_null(strstr(warnings, "built without libacl"));
}

static void an_acl_that_is_not_kept_costs_the_groups_bits(void **state)
{
	(void)state;
	begin(0640);
	give_acl("old", ACCESS, 0);
	plan.keep = ALL & ~COMMIT_KEEP_ACL;
	assert_int_equal(apply(0), 0);
	expect_mode("new", 0600);
	assert_string_equal(warnings, "");
}

static void an_inherited_acl_goes(void **state)
{
	(void)state;
	assert_return_code(mkdir("d", 0755), errno);
	begin(0640);
	close(new);
	give_acl("d", "system.posix_acl_default", 6);
	assert_return_code(unlink("new"), errno);
	put("d/new", "new");
	assert_return_code(rename("d/new", "new"), errno);
	assert_true(getxattr("new", ACCESS, NULL, 0) > 0);
	new = open_file("new", O_RDWR);
	assert_int_equal(apply(0), 0);
	expect_attribute(ACCESS, NULL);
	expect_mode("new", 0640);
}

static void an_inherited_acl_that_stays_is_an_error(void **state)
{
	(void)state;
	begin(0640);
	assert_return_code(fsetxattr(new, "user.x", "x", 1, 0), errno);
	fault("1:EIO:removexattr");
	expect_error(apply(0), &err, COMMIT_EFAILED, EIO);
	begin(0640);
	assert_return_code(fsetxattr(new, "user.x", "x", 1, 0), errno);
	fault("1:EOPNOTSUPP:removexattr");
	assert_int_equal(apply(0), 0);
}

static void attributes_of_the_old_content_stay_behind(void **state)
{
	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fsetxattr(old, "trusted.overlay.opaque", "y", 1, 0), errno);
	assert_return_code(fsetxattr(old, "trusted.SGI_ACL_FILE", "y", 1, 0), errno);
	assert_return_code(fsetxattr(old, "trusted.other", "y", 1, 0), errno);
	assert_int_equal(apply(0), 0);
	expect_attribute("trusted.overlay.opaque", NULL);
	expect_attribute("trusted.SGI_ACL_FILE", NULL);
	expect_attribute("trusted.other", "y");
}

static void lost_attributes_are_named(void **state)
{
	(void)state;
	begin(0640);
	assert_return_code(fsetxattr(old, "user.note", "x", 1, 0), errno);
	fault("1:ENOSPC:setxattr");
	assert_int_equal(apply(0), 0);
	expect_mode("new", 0640);
	assert_string_equal(warnings, "cannot keep attribute user.note: ENOSPC\n");
	begin(0640);
	fault("1:EACCES:getxattr");
	assert_int_equal(apply(0), 0);
	assert_string_equal(warnings, "cannot keep attribute user.note: EACCES\n");
	begin(0640);
	plan.strict = 1;
	fault("1:ENOSPC:setxattr");
	expect_error(apply(0), &err, COMMIT_EFAILED, ENOSPC);
}

static void attributes_that_vanish_are_not_missed(void **state)
{
	(void)state;
	begin(0640);
	assert_return_code(fsetxattr(old, "user.note", "x", 1, 0), errno);
	fault("1:ENODATA:getxattr");
	assert_int_equal(apply(0), 0);
	assert_string_equal(warnings, "");
}

static void lists_that_cannot_be_read_are_named(void **state)
{
	(void)state;
	begin(0640);
	assert_return_code(fsetxattr(old, "user.note", "x", 1, 0), errno);
	fault("2:EIO:listxattr");
	assert_int_equal(apply(0), 0);
	assert_string_equal(warnings, "cannot keep extended attributes: EIO\n");
	begin(0640);
	fault("3:ERANGE:listxattr");
	assert_int_equal(apply(0), 0);
	assert_string_equal(warnings, "cannot keep extended attributes: ERANGE\n");
	begin(0640);
	fault("1:EOPNOTSUPP:forever:listxattr");
	assert_int_equal(apply(0), 0);
	assert_string_equal(warnings, "");
}

static void calls_that_must_work_are_errors(void **state)
{
	static const char *const faults[] = {"1:EIO:stat", "1:EIO:chmod"};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT_OF(faults); i++) {
		begin(0640);
		fault(faults[i]);
		expect_error(apply(0), &err, COMMIT_EFAILED, EIO);
		expect_mode("new", 0600);
	}
}

static void who_owns_it_after_a_change_must_be_known(void **state)
{
	(void)state;
	need_root();
	begin(0640);
	assert_return_code(fchown(old, 1000, 1000), errno);
	fault("2:EIO:stat");
	expect_error(apply(0), &err, COMMIT_EFAILED, EIO);
	expect_mode("new", 0600);
}

static void a_source_without_descriptor_gives_its_mode(void **state)
{
	struct stat st = {.st_mode = S_IFREG | 0640};

	(void)state;
	begin(0777);
	assert_int_equal(lc_meta_apply(-1, &st, 1, new, &plan, "p", NULL), 0);
	expect_mode("new", 0640);
	assert_string_equal(warnings, "");
	close(old);
	close(new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        EVERY(everything_is_taken_over),
	        ON_TMPFS(everything_is_taken_over),
	        EVERY(owner_then_acl_then_attributes_then_mode),
	        EVERY(capabilities_survive_the_owner),
	        EVERY(a_lost_group_costs_the_groups_bits),
	        EVERY(a_lost_owner_costs_the_set_id_bits),
	        EVERY(a_lost_group_costs_the_set_id_bits),
	        EVERY(what_can_be_kept_is_kept),
	        EVERY(strict_turns_losses_into_errors),
	        EVERY(without_a_listener_losses_are_silent),
	        EVERY(what_was_asked_for_must_be_had),
	        EVERY(what_was_asked_for_is_set),
	        EVERY(mode_is_base_and_or),
	        EVERY(a_new_file_has_no_set_id_and_our_owner),
	        EVERY(what_is_not_to_be_kept_is_not),
	        EVERY(acls_are_taken_over),
	        EVERY(a_lost_acl_costs_the_groups_bits),
	        EVERY(an_acl_that_is_not_kept_costs_the_groups_bits),
	        EVERY(an_inherited_acl_goes),
	        EVERY(an_inherited_acl_that_stays_is_an_error),
	        EVERY(attributes_of_the_old_content_stay_behind),
	        EVERY(lost_attributes_are_named),
	        EVERY(attributes_that_vanish_are_not_missed),
	        EVERY(lists_that_cannot_be_read_are_named),
	        EVERY(calls_that_must_work_are_errors),
	        EVERY(who_owns_it_after_a_change_must_be_known),
	        EVERY(a_source_without_descriptor_gives_its_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
