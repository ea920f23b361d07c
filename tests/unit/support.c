/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "support.h"

#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TMPFS 0x01021994
#define USER 1000

static char scratch[256];
static char other[256];
static long open_before;
/* The fault that was asked for, until it has been seen to fire */
static const char *armed;

/* What a test wants to see or do at calls */
static struct {
	char trace[65536];
	int tracing;
	const char *call;
	unsigned left;
	void (*act)(void *context);
	void *context;
} watch;

static int begin_in(const char *parent)
{
	snprintf(scratch, sizeof scratch, "%s/unit-XXXXXX", parent);
	other[0] = '\0';
	if (!mkdtemp(scratch) || chmod(scratch, 0755) != 0 || chdir(scratch) != 0)
		return -1;
	umask(022);
	setenv("COMMIT_JOURNAL_DIR", "/nonexistent/journals", 1);
	lc_fault_arm(NULL);
	lc_fault_watch(NULL, NULL);
	open_before = lc_fault_open();
	return 0;
}

int support_begin(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	return begin_in(parent && *parent ? parent : "/tmp");
}

int walk_every(void)
{
	const char *text = getenv("LC_EVERY");
	long every = text ? strtol(text, NULL, 10) : 1;

	return every > 0 && every < 1000 ? (int)every : 1;
}

int walk_skips(void)
{
	static int turn;

	return turn++ % walk_every() != 0;
}

static int is_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS && access(path, W_OK) == 0;
}

int support_begin_tmpfs(void **state)
{
	if (!is_tmpfs("/dev/shm")) {
		print_message("/dev/shm is no tmpfs: the test runs in TMPDIR\n");
		return support_begin(state);
	}
	return begin_in("/dev/shm");
}

static int remove_entry(int parent, const char *name);

static int remove_entries(DIR *dir)
{
	struct dirent *entry;
	int rc = 0;

	while (rc == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_entry(dirfd(dir), entry->d_name);
	closedir(dir);
	return rc;
}

/* By descriptor: some tests make paths that are longer than any path may be. */
static int remove_entry(int parent, const char *name)
{
	DIR *dir;
	int fd;

	if (unlinkat(parent, name, 0) == 0)
		return 0;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir || remove_entries(dir) != 0)
		return -1;
	return unlinkat(parent, name, AT_REMOVEDIR);
}

static int remove_tree(const char *path)
{
	return path[0] ? remove_entry(AT_FDCWD, path) : 0;
}

int support_end(void **state)
{
	long open_now = lc_fault_open();
	int idle = armed && lc_fault_fired() == 0;

	(void)state;
	armed = NULL;
	memset(&watch, 0, sizeof watch);
	lc_fault_watch(NULL, NULL);
	lc_fault_arm(NULL);
	if (chdir("/") != 0 || remove_tree(scratch) != 0 || remove_tree(other) != 0) {
		print_error("%s: cannot be removed: %s\n", scratch, strerror(errno));
		return -1;
	}
	if (idle) {
		print_error("the fault did not fire\n");
		return -1;
	}
	if (open_now != open_before) {
		print_error("%ld descriptors more than before\n", open_now - open_before);
		return -1;
	}
	return 0;
}

void need_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("needs root\n");
	skip();
}

const char *other_fs(void)
{
	if (!is_tmpfs("/dev/shm")) {
		print_message("needs a tmpfs in /dev/shm\n");
		skip();
	}
	strcpy(other, "/dev/shm/unit-XXXXXX");
	assert_non_null(mkdtemp(other));
	return other;
}

void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

void put_bytes(const char *name, const void *bytes, size_t length)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

void fill(void *bytes, size_t length, unsigned seed)
{
	unsigned char *to = bytes;
	uint32_t x = seed * 2654435761u + 1;
	size_t i;

	for (i = 0; i < length; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		to[i] = (unsigned char)x;
	}
}

void expect_file(const char *name, const char *text)
{
	expect_bytes(name, text, strlen(text));
}

void expect_bytes(const char *name, const void *bytes, size_t length)
{
	unsigned char *is = malloc(length + 1);
	int fd = open(name, O_RDONLY);
	ssize_t got = -1;
	int same;

	assert_non_null(is);
	if (fd >= 0)
		got = read(fd, is, length + 1);
	same = got >= 0 && (size_t)got == length && memcmp(is, bytes, (size_t)got) == 0;
	free(is);
	if (fd < 0)
		fail_msg("%s: %s", name, strerror(errno));
	close(fd);
	if (!same)
		fail_msg("%s: other content than expected (%zd bytes, not %zu)", name, got, length);
}

void expect_absent(const char *name)
{
	struct stat st;

	if (lstat(name, &st) == 0)
		fail_msg("%s is there", name);
	assert_int_equal(errno, ENOENT);
}

void expect_mode(const char *name, mode_t mode)
{
	mode_t is = stat_of(name).st_mode & 07777;

	if (is != mode)
		fail_msg("%s: mode %04o, not %04o", name, is, mode);
}

struct stat stat_of(const char *name)
{
	struct stat st;

	if (lstat(name, &st) != 0)
		fail_msg("%s: %s", name, strerror(errno));
	return st;
}

int open_file(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0644);

	if (fd < 0)
		fail_msg("%s: %s", name, strerror(errno));
	return fd;
}

unsigned ours_in(const char *directory, char name[256])
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, ".commit-", 8) != 0)
			continue;
		count++;
		if (name)
			snprintf(name, 256, "%s", entry->d_name);
	}
	closedir(dir);
	return count;
}

void expect_clean(void)
{
	char name[256];

	if (ours_in(".", name))
		fail_msg("%s was left behind", name);
}

static unsigned char *acl_entry(unsigned char *to, unsigned tag, unsigned rights, uint32_t id)
{
	int i;

	to[0] = (unsigned char)tag;
	to[1] = 0;
	to[2] = (unsigned char)rights;
	to[3] = 0;
	for (i = 0; i < 4; i++)
		to[4 + i] = (unsigned char)(id >> (8 * i));
	return to + 8;
}

/* In the kernel's own form (posix_acl_xattr.h), so that no libacl is needed. */
void give_acl(const char *name, const char *attribute, unsigned group)
{
	unsigned char acl[4 + 5 * 8] = {2, 0, 0, 0};
	unsigned char *next = acl + 4;

	next = acl_entry(next, 0x01, 6, UINT32_MAX);
	next = acl_entry(next, 0x02, 4, USER);
	next = acl_entry(next, 0x04, group, UINT32_MAX);
	next = acl_entry(next, 0x10, 6, UINT32_MAX);
	acl_entry(next, 0x20, 0, UINT32_MAX);
	if (setxattr(name, attribute, acl, sizeof acl, 0) == 0)
		return;
	print_message("no ACLs here: %s\n", strerror(errno));
	skip();
}

int fault_end(void)
{
	int fired = (int)lc_fault_fired();

	lc_fault_arm(NULL);
	armed = NULL;
	return fired;
}

void fault(const char *faults)
{
	if (armed)
		expect_fired();
	lc_fault_arm(faults);
	armed = faults;
}

void expect_fired(void)
{
	const char *wanted = armed;

	if (fault_end() == 0)
		fail_msg("the fault %s did not fire", wanted);
}

long fds_open(void)
{
	return lc_fault_open();
}

static void see(void *context, const char *call)
{
	void (*act)(void *) = watch.act;
	size_t length = strlen(watch.trace);

	(void)context;
	if (watch.tracing)
		snprintf(watch.trace + length, sizeof watch.trace - length, "%s ", call);
	if (!act || strcmp(call, watch.call) != 0 || --watch.left > 0)
		return;
	watch.act = NULL;
	act(watch.context);
}

void at_call(const char *call, unsigned nth, void (*act)(void *context), void *context)
{
	watch.call = call;
	watch.left = nth;
	watch.act = act;
	watch.context = context;
	lc_fault_watch(see, NULL);
}

void truncate_it(void *name)
{
	assert_return_code(truncate(name, 0), errno);
}

void unlink_it(void *name)
{
	assert_return_code(remove(name), errno);
}

void rewrite_it(void *name)
{
	put(name, "written by somebody else");
}

void replace_it(void *name)
{
	put("their.tmp", "replaced by somebody else");
	assert_return_code(rename("their.tmp", name), errno);
}

void trace_begin(void)
{
	strcpy(watch.trace, " ");
	watch.tracing = 1;
	lc_fault_watch(see, NULL);
}

const char *trace_end(void)
{
	watch.tracing = 0;
	return watch.trace;
}

size_t call_at(const char *trace, const char *call)
{
	char word[40];
	const char *at;

	snprintf(word, sizeof word, " %s ", call);
	at = strstr(trace, word);
	if (!at)
		fail_msg("no %s in:%s", call, trace);
	return (size_t)(at - trace);
}

void expect_error(int rc, const struct commit_error *err, int code, int errnum)
{
	if (rc != code)
		fail_msg("returned %d, not %d", rc, code);
	if (err->code == code && err->errnum == errnum && err->text[0] && err->operation[0])
		return;
	fail_msg("code %d, %s, \"%s: %s: %s\"; expected %d, %s", err->code,
	         commit_errno_name(err->errnum), err->operation, err->path, err->text, code,
	         commit_errno_name(errnum));
}

void mark(struct commit_error *err)
{
	memset(err, 0x5a, sizeof *err);
}

void expect_untouched(const struct commit_error *err)
{
	struct commit_error same;

	mark(&same);
	assert_memory_equal(err, &same, sizeof same);
}

static int wait_for(pid_t child)
{
	int status;

	assert_true(child > 0);
	while (waitpid(child, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What is buffered would be printed twice, once by the child. */
static pid_t start_child(void)
{
	fflush(stdout);
	fflush(stderr);
	return fork();
}

int in_child(int (*act)(void *context), void *context)
{
	pid_t child = start_child();

	if (child == 0)
		exit(act(context));
	return wait_for(child);
}

int as_user(uid_t uid, int (*act)(void *context), void *context)
{
	pid_t child = start_child();

	if (child == 0) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			exit(98);
		exit(act(context));
	}
	return wait_for(child);
}
