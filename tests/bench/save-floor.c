/* SPDX-License-Identifier: ISC */
/*
 * save-floor - time saves of one size, contestants interleaved
 *
 *     save-floor [-r ROUNDS] [-w WARMUP] [-S] DIR INPUT CONTESTANT [-- CONTESTANT]...
 *
 * CONTESTANT is one of the words calls, calls-tmpfile, library (which run in
 * this process), or NAME CMD [ARG]... (a process with INPUT as its standard
 * input). Each saves the content of INPUT over DIR/NAME, which exists.
 *
 * One round runs every contestant once, in an order that moves on by one and
 * turns around every round, so that none always follows the same other and a
 * slow drift of the machine hits all. Before each, outside of the time taken,
 * the file system is flushed: what one contestant left dirty (sponge flushes
 * nothing) is not paid for by the next. -S leaves that out, for counting flush
 * calls under strace.
 *
 * Output: one line "NAME ROUND NANOSECONDS" for each save; warm-up rounds are
 * not printed. After each save DIR/NAME must be another file or one just
 * written, and at the end have the content of INPUT: a contestant that does
 * nothing is an error, not a record.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <commit_save.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_CONTESTANTS 16

struct contestant {
	const char *name;
	char **argv; /* NULL: in this process */
	char *path;
};

struct bench {
	const char *dir;
	const char *input;
	char *content;
	size_t length;
	int dirfd;
	int settle;
	long rounds;
	long warmup;
	int count;
	struct contestant contestant[MOST_CONTESTANTS];
};

static int save_with_library(const char *path, const void *buffer, size_t length)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	if (commit_save_bytes(path, buffer, length, NULL, NULL, &err) == 0)
		return 0;
	fprintf(stderr, "save-floor: %s: %s: %s\n", err.path, err.operation, err.text);
	return -1;
}

static int time_process(const struct bench *b, const struct contestant *c, uint64_t *ns)
{
	struct bench_spent spent;
	int rc = bench_spawn(c->argv, b->input, &spent);

	if (rc != 0) {
		fprintf(stderr, "save-floor: %s: %s\n", c->argv[0], strerror(rc));
		return -1;
	}
	if (!WIFEXITED(spent.status) || WEXITSTATUS(spent.status) != 0) {
		fprintf(stderr, "save-floor: %s: wait status %#x\n", c->name, spent.status);
		return -1;
	}
	*ns = spent.ns;
	return 0;
}

static int time_calls(const struct bench *b, const struct contestant *c, uint64_t *ns)
{
	uint64_t begin = bench_now();
	int rc;

	if (strcmp(c->name, "library") == 0)
		rc = save_with_library(c->path, b->content, b->length);
	else if (strcmp(c->name, "calls") == 0)
		rc = bench_save_exclusive(b->dir, c->name, b->content, b->length);
	else
		rc = bench_save_tmpfile(b->dir, c->name, b->content, b->length);
	*ns = bench_now() - begin;
	return rc;
}

/*
 * The inode number alone, and not by stat(2): where time stamps are multigrain
 * (Linux 6.13 and later), whoever looks at a time makes the next change of the
 * file dearer, and we would pay part of what is to be measured.
 */
static int look_up(const struct contestant *c, unsigned mask, struct statx *found)
{
	if (statx(AT_FDCWD, c->path, AT_SYMLINK_NOFOLLOW, STATX_INO | mask, found) == 0)
		return 0;
	perror(c->path);
	return -1;
}

/* Another file, or at least (who writes in place) one changed since begin. */
static int check_saved(const struct contestant *c, uint64_t old_inode, const struct timespec *begin)
{
	struct statx now;

	if (look_up(c, 0, &now) < 0)
		return -1;
	if (now.stx_ino != old_inode)
		return 0;
	if (look_up(c, STATX_MTIME, &now) < 0)
		return -1;
	if (now.stx_mtime.tv_sec > begin->tv_sec || (now.stx_mtime.tv_sec == begin->tv_sec &&
	                                             (long)now.stx_mtime.tv_nsec >= begin->tv_nsec))
		return 0;
	fprintf(stderr, "save-floor: %s: the file is as it was before\n", c->name);
	return -1;
}

static int run_one(const struct bench *b, const struct contestant *c, long round)
{
	struct timespec begin;
	struct statx before;
	uint64_t ns = 0;

	if (b->settle && syncfs(b->dirfd) < 0) {
		perror("save-floor: syncfs");
		return -1;
	}
	if (look_up(c, 0, &before) < 0)
		return -1;
	/* the clock that files are stamped with */
	clock_gettime(CLOCK_REALTIME_COARSE, &begin);
	if ((c->argv != NULL ? time_process(b, c, &ns) : time_calls(b, c, &ns)) < 0)
		return -1;
	if (check_saved(c, before.stx_ino, &begin) < 0)
		return -1;
	if (round >= 0)
		printf("%s %ld %llu\n", c->name, round, (unsigned long long)ns);
	return 0;
}

static int run_round(const struct bench *b, long round)
{
	int i;

	for (i = 0; i < b->count; i++) {
		int turn = bench_turn(round + b->warmup, i, b->count);

		if (run_one(b, &b->contestant[turn], round) < 0)
			return -1;
	}
	return 0;
}

static char *read_file(const char *path, size_t *length)
{
	struct stat st;
	char *content = NULL;
	size_t have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		goto fail;
	content = malloc((size_t)st.st_size + 1);
	if (content == NULL)
		goto fail;
	while (have < (size_t)st.st_size) {
		ssize_t n = read(fd, content + have, (size_t)st.st_size - have);

		if (n <= 0)
			goto fail;
		have += (size_t)n;
	}
	close(fd);
	*length = have;
	return content;
fail:
	perror(path);
	if (fd >= 0)
		close(fd);
	free(content);
	return NULL;
}

/* A one-byte target: that it existed counts, not what was in it. */
static int create_targets(const struct bench *b)
{
	int i;

	for (i = 0; i < b->count; i++) {
		int fd =
		        open(b->contestant[i].path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || bench_write_all(fd, "x", 1) < 0 || close(fd) < 0) {
			perror(b->contestant[i].path);
			return -1;
		}
	}
	return 0;
}

static int compare_targets(const struct bench *b)
{
	int i, rc = 0;

	for (i = 0; i < b->count; i++) {
		size_t length = 0;
		char *content = read_file(b->contestant[i].path, &length);

		if (content == NULL || length != b->length ||
		    memcmp(content, b->content, length) != 0) {
			fprintf(stderr, "save-floor: %s: wrong content\n", b->contestant[i].name);
			rc = -1;
		}
		free(content);
	}
	return rc;
}

static int add_contestant(struct bench *b, char **words)
{
	struct contestant *c = &b->contestant[b->count];
	int known;

	if (b->count == MOST_CONTESTANTS || words[0] == NULL)
		return -1;
	c->name = words[0];
	c->argv = words[1] != NULL ? words + 1 : NULL;
	known = strcmp(c->name, "calls") == 0 || strcmp(c->name, "calls-tmpfile") == 0 ||
	        strcmp(c->name, "library") == 0;
	if (known == (c->argv != NULL))
		return -1;
	if (asprintf(&c->path, "%s/%s", b->dir, c->name) < 0)
		return -1;
	b->count++;
	return 0;
}

/* Cuts the words at each "--"; the cuts become the ends of the commands. */
static int parse_contestants(struct bench *b, char **words)
{
	char **begin = words;

	for (; *words != NULL; words++) {
		if (strcmp(*words, "--") != 0)
			continue;
		*words = NULL;
		if (add_contestant(b, begin) < 0)
			return -1;
		begin = words + 1;
	}
	return add_contestant(b, begin);
}

static int parse(struct bench *b, int argc, char **argv)
{
	int option;

	/* "+": the first operand ends the options, commands have their own */
	while ((option = getopt(argc, argv, "+r:w:S")) != -1) {
		if (option == 'r')
			b->rounds = strtol(optarg, NULL, 10);
		else if (option == 'w')
			b->warmup = strtol(optarg, NULL, 10);
		else if (option == 'S')
			b->settle = 0;
		else
			return -1;
	}
	if (argc - optind < 3 || b->rounds < 1 || b->warmup < 0)
		return -1;
	b->dir = argv[optind];
	b->input = argv[optind + 1];
	return parse_contestants(b, argv + optind + 2);
}

int main(int argc, char **argv)
{
	struct bench b = {.dirfd = -1, .settle = 1, .rounds = 20, .warmup = 2};
	int i, status = 1;
	long round;

	if (parse(&b, argc, argv) < 0) {
		fprintf(stderr, "usage: save-floor [-r ROUNDS] [-w WARMUP] [-S] DIR INPUT "
		                "CONTESTANT [-- CONTESTANT]...\n");
		status = 2;
		goto out;
	}
	b.content = read_file(b.input, &b.length);
	b.dirfd = open(b.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b.content == NULL || b.dirfd < 0 || create_targets(&b) < 0)
		goto out;
	for (round = -b.warmup; round < b.rounds; round++)
		if (run_round(&b, round) < 0)
			goto out;
	status = compare_targets(&b) < 0 || fflush(stdout) != 0;
out:
	for (i = 0; i < b.count; i++)
		free(b.contestant[i].path);
	if (b.dirfd >= 0)
		close(b.dirfd);
	free(b.content);
	return status;
}
