/* SPDX-License-Identifier: ISC */
/*
 * txn-tree - make a tree of many files quickly
 *
 *     txn-tree [-d FILES-PER-DIRECTORY] COUNT BYTES SEED DIR
 *
 * COUNT files of BYTES each below DIR, d0/f0, d0/f1 and so on, whose content is
 * random but the same for the same SEED. Of 0 bytes: only names, by mknod,
 * which is several times faster than open. Files that are there are replaced.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)128 * 1024)

/* xorshift64*: fast, and nothing compresses it */
static void fill_random(uint64_t *state, unsigned char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i += sizeof *state) {
		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		memcpy(bytes + i, state, sizeof *state);
	}
}

static int write_content(int fd, size_t bytes, uint64_t *state)
{
	static unsigned char piece[PIECE];

	while (bytes > 0) {
		size_t length = bytes < PIECE ? bytes : PIECE;

		fill_random(state, piece, length);
		if (bench_write_all(fd, piece, length) < 0)
			return -1;
		bytes -= length;
	}
	return 0;
}

static int make_file(int dir, const char *name, size_t bytes, uint64_t *state)
{
	int fd, rc;

	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -1;
	if (bytes == 0)
		return mknodat(dir, name, S_IFREG | 0644, 0);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	rc = write_content(fd, bytes, state);
	return close(fd) < 0 ? -1 : rc;
}

static int make_directory(int root, const char *name)
{
	if (mkdirat(root, name, 0755) < 0 && errno != EEXIST)
		return -1;
	return openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int make_tree(int root, long count, long each, size_t bytes, uint64_t state)
{
	char name[32];
	int dir = -1, rc = 0;
	long i;

	for (i = 0; i < count && rc == 0; i++) {
		if (i % each == 0) {
			if (dir >= 0)
				close(dir);
			snprintf(name, sizeof name, "d%ld", i / each);
			dir = make_directory(root, name);
			if (dir < 0)
				return -1;
		}
		snprintf(name, sizeof name, "f%ld", i % each);
		rc = make_file(dir, name, bytes, &state);
	}
	if (dir >= 0)
		close(dir);
	return rc;
}

int main(int argc, char **argv)
{
	long each = 100, count;
	int option, root;

	while ((option = getopt(argc, argv, "d:")) != -1) {
		if (option != 'd')
			return 2;
		each = strtol(optarg, NULL, 10);
	}
	if (argc - optind != 4 || each < 1) {
		fprintf(stderr, "usage: txn-tree [-d FILES] COUNT BYTES SEED DIR\n");
		return 2;
	}
	count = strtol(argv[optind], NULL, 10);
	root = open(argv[optind + 3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || make_tree(root, count, each, strtoul(argv[optind + 1], NULL, 10),
	                          strtoull(argv[optind + 2], NULL, 10) * 2654435761u + 1) < 0) {
		perror(argv[optind + 3]);
		return 1;
	}
	close(root);
	return 0;
}
