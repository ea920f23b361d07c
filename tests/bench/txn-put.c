/* SPDX-License-Identifier: ISC */
/*
 * txn-put - put the files below SRC over those below DEST, in one of the ways
 *
 *     txn-put METHOD SRC DEST
 *
 * create    make DEST's store and no more
 * library   one transaction of libcommit; prints what its result says:
 *           "FILES BYTES FLUSHES"
 * log       the same, small contents riding in the log
 * each      for each file: write, fsync, rename, fsync of its directory
 * dpkg      write all as NAME.new, fsync all, rename all, fsync the
 *           directories: what a package manager does
 * bulk      write all as NAME.new, syncfs, rename all, syncfs: the floor of
 *           whoever changes many files durably
 * append    write all contents one behind the other into DEST/append, whose
 *           blocks are there already, and flush it: the floor of whoever makes
 *           them durable in a log
 *
 * Content is mapped, so that nobody pays for reading. DEST has the directories
 * of SRC. No way but the library's is atomic.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <commit_txn.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is larger is handed over as a descriptor. */
#define SMALL ((size_t)1024 * 1024)

struct file {
	char *path; /* relative */
	size_t length;
};

static struct file *files;
static size_t file_count;
static size_t prefix;

static int found(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct file *grown;

	(void)ftw;
	if (type != FTW_F)
		return 0;
	/* in steps of a thousand */
	if (file_count % 1000 == 0) {
		grown = realloc(files, (file_count + 1000) * sizeof *files);
		if (grown == NULL)
			return -1;
		files = grown;
	}
	files[file_count].path = strdup(path + prefix);
	files[file_count].length = (size_t)st->st_size;
	return files[file_count++].path != NULL ? 0 : -1;
}

static void *map_file(int source, const struct file *file)
{
	int fd = openat(source, file->path, O_RDONLY | O_CLOEXEC);
	void *content;

	if (fd < 0)
		return NULL;
	content = mmap(NULL, file->length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	return content == MAP_FAILED ? NULL : content;
}

/* --- the library */

static int fail(const struct commit_error *err)
{
	fprintf(stderr, "txn-put: %s: %s: %s (%s)\n", err->path, err->operation, err->text,
	        commit_errno_name(err->errnum));
	return -1;
}

static int put_one(struct commit_txn *txn, int source, const struct file *file)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	void *content = NULL;
	int fd = -1, rc;

	if (file->length > SMALL) {
		fd = openat(source, file->path, O_RDONLY | O_CLOEXEC);
		rc = commit_txn_put_fd(txn, file->path, fd, -1, &err);
		close(fd);
	} else {
		content = map_file(source, file);
		if (content == NULL)
			return -1;
		rc = commit_txn_put_bytes(txn, file->path, content, file->length, &err);
		munmap(content, file->length);
	}
	return rc == 0 ? 0 : fail(&err);
}

static int open_store(struct commit_store **store, const char *dest)
{
	struct commit_error err = COMMIT_ERROR_INIT;

	return commit_store_open(store, dest, COMMIT_STORE_CREATE, NULL, &err) == 0 ? 0
	                                                                            : fail(&err);
}

static int put_library(int source, const char *dest, unsigned flags)
{
	struct commit_txn_options options;
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_txn_result result;
	struct commit_store *store;
	struct commit_txn *txn;
	size_t i;
	int rc = 0;

	if (open_store(&store, dest) < 0)
		return -1;
	commit_txn_options_init(&options);
	options.flags = flags;
	if (commit_txn_begin(&txn, store, &options, &err) != 0) {
		commit_store_close(store);
		return fail(&err);
	}
	for (i = 0; i < file_count && rc == 0; i++)
		rc = put_one(txn, source, &files[i]);
	if (rc == 0 && commit_txn_commit(txn, &result, &err) != 0)
		rc = fail(&err);
	if (rc == 0)
		printf("%llu %llu %u\n", (unsigned long long)result.files,
		       (unsigned long long)result.bytes, result.flushes);
	commit_txn_close(txn);
	commit_store_close(store);
	return rc;
}

/* --- the others */

static int put_each(int source, const char *dest)
{
	char path[4096];
	size_t i;
	int rc = 0;

	for (i = 0; i < file_count && rc == 0; i++) {
		void *content = map_file(source, &files[i]);
		char *slash;

		if (content == NULL)
			return -1;
		snprintf(path, sizeof path, "%s/%s", dest, files[i].path);
		slash = strrchr(path, '/');
		*slash = '\0';
		rc = bench_save_exclusive(path, slash + 1, content, files[i].length);
		munmap(content, files[i].length);
	}
	return rc;
}

static void new_name(const struct file *file, char name[4096])
{
	snprintf(name, 4096, "%s.new", file->path);
}

static int write_new(int source, int dest, const struct file *file)
{
	char name[4096];
	void *content = map_file(source, file);
	int fd, rc;

	if (content == NULL)
		return -1;
	new_name(file, name);
	fd = openat(dest, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	rc = fd < 0 ? -1 : bench_write_all(fd, content, file->length);
	munmap(content, file->length);
	if (fd >= 0 && close(fd) < 0)
		rc = -1;
	return rc;
}

static int flush_path(int dest, const char *path, int flags)
{
	int fd = openat(dest, path, O_RDONLY | O_CLOEXEC | flags);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int flush_new(int dest)
{
	char name[4096];
	size_t i;
	int rc = 0;

	for (i = 0; i < file_count && rc == 0; i++) {
		new_name(&files[i], name);
		rc = flush_path(dest, name, 0);
	}
	return rc;
}

/* Neighbours come together: each directory once. */
static int flush_directories(int dest)
{
	char last[4096] = "", path[4096];
	size_t i;
	int rc = 0;

	for (i = 0; i < file_count && rc == 0; i++) {
		snprintf(path, sizeof path, "%s", files[i].path);
		if (strcmp(dirname(path), last) == 0)
			continue;
		snprintf(last, sizeof last, "%s", path);
		rc = flush_path(dest, last, O_DIRECTORY);
	}
	return rc;
}

static int put_together(int source, int dest, int whole)
{
	char name[4096];
	size_t i;
	int rc = 0;

	for (i = 0; i < file_count && rc == 0; i++)
		rc = write_new(source, dest, &files[i]);
	if (rc == 0)
		rc = whole ? syncfs(dest) : flush_new(dest);
	for (i = 0; i < file_count && rc == 0; i++) {
		new_name(&files[i], name);
		rc = renameat(dest, name, dest, files[i].path);
	}
	if (rc == 0)
		rc = whole ? syncfs(dest) : flush_directories(dest);
	return rc;
}

static int append_all(int source, int fd)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < file_count && rc == 0; i++) {
		void *content = map_file(source, &files[i]);

		if (content == NULL)
			return -1;
		rc = bench_write_all(fd, content, files[i].length);
		munmap(content, files[i].length);
	}
	return rc == 0 ? fdatasync(fd) : rc;
}

static int put_append(int source, int dest)
{
	int fd = openat(dest, "append", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int rc = fd < 0 ? -1 : append_all(source, fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int put(const char *method, int source, int dest, const char *path)
{
	struct commit_store *store;

	if (strcmp(method, "library") == 0)
		return put_library(source, path, 0);
	if (strcmp(method, "log") == 0)
		return put_library(source, path, COMMIT_TXN_LOG_CONTENTS);
	if (strcmp(method, "each") == 0)
		return put_each(source, path);
	if (strcmp(method, "append") == 0)
		return put_append(source, dest);
	if (strcmp(method, "dpkg") == 0 || strcmp(method, "bulk") == 0)
		return put_together(source, dest, strcmp(method, "bulk") == 0);
	if (strcmp(method, "create") != 0) {
		errno = EINVAL;
		return -1;
	}
	if (open_store(&store, path) < 0)
		return -1;
	commit_store_close(store);
	return 0;
}

int main(int argc, char **argv)
{
	int source, dest;
	size_t i;
	int rc = -1;

	if (argc != 4) {
		fprintf(stderr, "usage: txn-put create|library|log|each|dpkg|bulk|append SRC DEST\n");
		return 2;
	}
	source = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dest = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	prefix = strlen(argv[2]) + 1;
	if (source >= 0 && dest >= 0 && nftw(argv[2], found, 16, FTW_PHYS) == 0)
		rc = put(argv[1], source, dest, argv[3]);
	if (rc != 0)
		perror("txn-put");
	for (i = 0; i < file_count; i++)
		free(files[i].path);
	free(files);
	return rc != 0;
}
