/* SPDX-License-Identifier: ISC */
/*
 * Each call that an edit of ranges makes fails, once or for ever, or is the last
 * one of its process; so does each call of the recovery after it. Whatever
 * happens, all ranges are written in the end, or none, and the code says which.
 */
#include "config.h"

#include "killed.h"
#include "support.h"

#include "fault.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 3000
#define GROWN 3100
/* More calls than any edit makes */
#define CALLS_MAX 2000

static unsigned char old[SIZE], new[GROWN];

struct way {
	const char *name;
	enum commit_protocol protocol;
	/* the log is there already */
	int again;
};

static const struct way ways[] = {
        {"write-ahead, first edit", COMMIT_WRITE_AHEAD, 0},
        {"write-ahead", COMMIT_WRITE_AHEAD, 1},
        {"write-behind", COMMIT_WRITE_BEHIND, 1},
};

/* What the child tells its parent, also when it is killed */
struct report {
	int code;
	int fired;
};

static struct report *told;
static char faults[80];

static int edit_file(const struct way *way)
{
	struct commit_range_options options;
	struct commit_range *edit = NULL;
	int rc;

	commit_range_options_init(&options);
	options.protocol = way->protocol;
	options.wait_ms = 0;
	rc = commit_range_open("f", &options, &edit, NULL);
	if (!rc)
		rc = commit_range_write(edit, 10, new + 10, 700, NULL);
	if (!rc)
		rc = commit_range_write(edit, 2000, new + 2000, 1, NULL);
	if (!rc)
		rc = commit_range_write(edit, 2990, new + 2990, GROWN - 2990, NULL);
	if (!rc)
		rc = commit_range_commit(edit, NULL, NULL);
	commit_range_close(edit);
	return rc;
}

static int live(void *context)
{
	lc_fault_arm(faults);
	told->code = edit_file(context);
	told->fired = lc_fault_fired() > 0;
	CHECK(lc_fault_open() == 0);
#ifdef __SANITIZE_ADDRESS__
	_exit(0);
#endif
	return 0;
}

static int recover_once(void *context)
{
	(void)context;
	lc_fault_arm(faults);
	commit_recover_scan(".", NULL, NULL, NULL);
	told->fired = lc_fault_fired() > 0;
	CHECK(lc_fault_open() == 0);
#ifdef __SANITIZE_ADDRESS__
	_exit(0);
#endif
	return 0;
}

static int reads_as(const unsigned char *want, size_t size)
{
	static unsigned char bytes[GROWN + 1];
	FILE *file = fopen("f", "r");
	size_t length;

	assert_non_null(file);
	length = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	return length == size && memcmp(bytes, want, size) == 0;
}

static void remove_directory(const char *name)
{
	char path[600];
	struct dirent *entry;
	DIR *dir = opendir(name);

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
		unlink(path);
	}
	closedir(dir);
	assert_int_equal(rmdir(name), 0);
}

static void start(const struct way *way)
{
	static const struct way first = {"", COMMIT_WRITE_AHEAD, 0};
	char name[256];

	if (ours_in(".", name))
		remove_directory(name);
	put_bytes("f", old, SIZE);
	if (way->again)
		assert_int_equal(edit_file(&first), 0);
	put_bytes("f", old, SIZE);
}

static void complain(const struct way *way, const char *fault, const char *what)
{
	fail_msg("%s, %s: code %d, %s", way->name, fault, told->code, what);
}

/* What the code promises, before and after recovery. */
static void judge(const struct way *way, const char *fault, int killed)
{
	struct commit_error why = COMMIT_ERROR_INIT;
	int rc = commit_recover_scan(".", NULL, NULL, &why);

	if (rc)
		fail_msg("%s, %s: recovery: %d %s %s", way->name, fault, rc, why.operation,
		         why.text);
	if (!reads_as(old, SIZE) && !reads_as(new, GROWN))
		complain(way, fault, "neither old nor new");
	if (killed || told->code == COMMIT_EUNDECIDED)
		return;
	if ((told->code == 0 || told->code == COMMIT_EPENDING) && !reads_as(new, GROWN))
		complain(way, fault, "said done, is old");
	if (told->code != 0 && told->code != COMMIT_EPENDING && !reads_as(old, SIZE))
		complain(way, fault, "said not done, is new");
}

static void expect_next_edit(const struct way *way, const char *fault)
{
	faults[0] = '\0';
	lc_fault_arm(NULL);
	told->code = edit_file(way);
	if (told->code || !reads_as(new, GROWN))
		complain(way, fault, "the next edit fails");
}

static void walk(const struct way *way, const char *what)
{
	char fault[80];
	unsigned n;
	int status;

	for (n = 1; n < CALLS_MAX; n++) {
		if (walk_skips())
			continue;
		start(way);
		snprintf(faults, sizeof faults, "%u:%s", n, what);
		strcpy(fault, faults);
		told->fired = 1;
		told->code = 0;
		status = in_child(live, (void *)way);
		if (status != 0 && status != 128 + SIGKILL)
			complain(way, fault, "the child failed");
		if (status == 0 && !told->fired)
			break;
		judge(way, fault, status != 0);
		expect_next_edit(way, fault);
	}
	assert_true(n > 20 && n < CALLS_MAX);
}

static void each_call_fails_or_is_the_last(void **state)
{
	static const char *const whats[] = {"kill", "ENOSPC:once", "EIO:once", "EIO:forever",
	                                    "short:once"};
	size_t way, what;

	(void)state;
	/* making a log is log-walk's, so the first two are enough */
	for (way = 0; way < COUNT_OF(ways); way++)
		for (what = 0; what < (ways[way].again ? COUNT_OF(whats) : 2); what++)
			walk(&ways[way], whats[what]);
}

/* Recovery, from each state that a killed edit of the file leaves, killed at each call too. */
static void recovery_is_killed(void **state)
{
	static const char *const firsts[] = {"3:kill:pwrite", "5:kill:pwrite", "3:kill:fdatasync"};
	static const char *const whats[] = {"kill", "EIO:once"};
	size_t way, first, what;
	char fault[80];
	unsigned n;
	int status;

	(void)state;
	for (way = 1; way < COUNT_OF(ways); way++)
		for (first = 0; first < COUNT_OF(firsts); first++)
			for (what = 0; what < COUNT_OF(whats); what++)
				for (n = 1; n < CALLS_MAX; n++) {
					if (walk_skips())
						continue;
					start(&ways[way]);
					strcpy(faults, firsts[first]);
					in_child(live, (void *)&ways[way]);
					snprintf(faults, sizeof faults, "%u:%s", n, whats[what]);
					strcpy(fault, faults);
					told->fired = 1;
					status = in_child(recover_once, NULL);
					if (status == 0 && !told->fired)
						break;
					judge(&ways[way], fault, 1);
				}
}

static int begin_walk(void **state)
{
	(void)state;
	fill(old, sizeof old, 1);
	memcpy(new, old, sizeof old);
	fill(new + 10, 700, 2);
	new[2000] ^= 1;
	fill(new + 2990, GROWN - 2990, 3);
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return told == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        ON_TMPFS(each_call_fails_or_is_the_last),
	        ON_TMPFS(recovery_is_killed),
	};

	return cmocka_run_group_tests(tests, begin_walk, NULL);
}
