/* SPDX-License-Identifier: ISC */
/* Recoverable memory in both modes, and the floors of the device. */
#include "config.h"

#include "rvm-bench.h"

#include <commit.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK ((size_t)4096)
/* What each thread of a floor goes round in; as much as a log that is not truncated. */
#define FLOOR_BLOCKS 1024
#define MIB ((size_t)1024 * 1024)
#define RECOVERED (64 * MIB)

static struct commit_error err = COMMIT_ERROR_INIT;
static struct commit_rvm *rvm;
static char *accounts;
static int floor_fd = -1;
static int floor_flushes;

static void __attribute__((noreturn)) fail(void)
{
	fprintf(stderr, "%s: %s: %s\n", err.path, err.operation, err.text);
	exit(1);
}

static void open_floor(int flags)
{
	static unsigned char zeros[BLOCK];
	size_t i;
	int fd = open("floor", O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		die("floor");
	for (i = 0; i < (size_t)threads * FLOOR_BLOCKS; i++)
		if (write(fd, zeros, BLOCK) != (ssize_t)BLOCK)
			die("write");
	if (fsync(fd))
		die("fsync");
	close(fd);
	floor_fd = open("floor", O_RDWR | flags);
	if (floor_fd < 0)
		die("floor");
}

static void open_pwrite(void)
{
	floor_flushes = 1;
	open_floor(0);
}

static void open_direct(void)
{
	open_floor(O_DIRECT | O_DSYNC);
}

static void write_block(struct worker *w)
{
	size_t slot = (size_t)w->number * FLOOR_BLOCKS + w->commits % FLOOR_BLOCKS;

	if (!w->own) {
		w->own = aligned_alloc(BLOCK, BLOCK);
		if (!w->own)
			die("memory");
		memset(w->own, 1, BLOCK);
	}
	++*(unsigned char *)w->own;
	if (pwrite(floor_fd, w->own, BLOCK, (off_t)(slot * BLOCK)) != (ssize_t)BLOCK)
		die("pwrite");
	if (floor_flushes && fdatasync(floor_fd))
		die("fdatasync");
}

static void open_memory(const struct commit_rvm_options *opt, size_t size)
{
	void *memory;

	commit_rvm_create_log("log", opt, NULL);
	if (commit_rvm_initialize("log", opt, &rvm, &err) ||
	    commit_rvm_map(rvm, "data", 0, size, NULL, COMMIT_RVM_CREATE, &memory, &err))
		fail();
	accounts = memory;
}

static void open_flush(void)
{
	struct commit_rvm_options opt;

	commit_rvm_options_init(&opt);
	opt.log_size = (uint64_t)4096 * MIB;
	open_memory(&opt, ACCOUNTS);
}

static void open_truncate(void)
{
	struct commit_rvm_options opt;

	commit_rvm_options_init(&opt);
	opt.log_size = 8 * MIB;
	opt.truncate_percent = 10;
	open_memory(&opt, ACCOUNTS);
}

static void open_vista(void)
{
	struct commit_rvm_options opt;

	commit_rvm_options_init(&opt);
	opt.mode = COMMIT_RVM_VISTA;
	open_memory(&opt, ACCOUNTS);
}

static void update(struct commit_rvm_xact *xact, char *at, size_t length, char value)
{
	if (commit_rvm_set_range(xact, at, length, &err))
		fail();
	memset(at, value, length);
}

static void debit_credit(struct worker *w)
{
	char *mine = accounts + w->number * MINE;
	struct commit_rvm_xact *xact;
	size_t place[4];
	int i;

	choose(w, place);
	if (commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &xact, &err))
		fail();
	for (i = 0; i < 3; i++)
		update(xact, mine + place[i], 16, (char)w->commits);
	update(xact, mine + place[3], SLOT, (char)w->commits);
	if (commit_rvm_end_xact(xact, COMMIT_RVM_FLUSH, &err))
		fail();
}

static void close_memory(void)
{
	if (commit_rvm_terminate(rvm, &err))
		fail();
}

void rvm_report(double *log_bytes, unsigned long long *truncations)
{
	struct commit_rvm_statistics seen;

	if (!rvm)
		return;
	commit_rvm_statistics(rvm, &seen);
	*log_bytes = (double)seen.log_bytes;
	*truncations = seen.truncations;
}

/* Dies with so much in its log. */
static void fill_log(size_t mib)
{
	struct commit_rvm_options opt;
	struct commit_rvm_xact *xact;
	unsigned seed = 1;
	size_t i;

	commit_rvm_options_init(&opt);
	opt.log_size = (mib + 64) * MIB;
	opt.truncate_percent = 90;
	open_memory(&opt, RECOVERED);
	for (i = 0; i < mib * 16; i++) {
		size_t at = (size_t)rand_r(&seed) % (RECOVERED / 65536 - 1) * 65536;

		if (commit_rvm_begin_xact(rvm, COMMIT_RVM_NO_RESTORE, &xact, &err) ||
		    commit_rvm_set_range(xact, accounts + at, 65536 - 88, &err))
			fail();
		memset(accounts + at, (int)i, 65536 - 88);
		if (commit_rvm_end_xact(xact, COMMIT_RVM_NO_FLUSH, &err))
			fail();
	}
	if (commit_rvm_flush(rvm, &err))
		fail();
	kill(getpid(), SIGKILL);
}

/* Reads or only forgets what the page cache has of the files in a directory. */
static double read_files(const char *directory, int reads)
{
	static char buffer[1024 * 1024];
	const struct dirent *entry;
	double begin = now();
	DIR *dir = opendir(directory);
	int fd;

	if (!dir)
		die(directory);
	while ((entry = readdir(dir))) {
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NOFOLLOW);
		if (fd < 0)
			continue;
		while (reads && read(fd, buffer, sizeof buffer) > 0)
			;
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		close(fd);
	}
	closedir(dir);
	return now() - begin;
}

static double write_result(void)
{
	char *bytes = calloc(1, RECOVERED);
	double begin;
	int fd = open("result", O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || !bytes)
		die("result");
	begin = now();
	if (write(fd, bytes, RECOVERED) != (ssize_t)RECOVERED || fsync(fd))
		die("write");
	close(fd);
	free(bytes);
	return now() - begin;
}

void rvm_recover(size_t mib)
{
	double reading, writing, begin, took;
	pid_t pid = fork();

	if (pid == 0)
		fill_log(mib);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
	sync();
	read_files("log", 0);
	reading = read_files("log", 1);
	writing = write_result();
	read_files("log", 0);
	begin = now();
	if (commit_rvm_initialize("log", NULL, &rvm, &err))
		fail();
	took = now() - begin;
	close_memory();
	printf("recover %zu %.3f read %.3f write %.3f\n", mib, took, reading, writing);
}

const struct way floor_ways[] = {
        {"pwrite", open_pwrite, write_block, NULL, 1},
        {"direct", open_direct, write_block, NULL, 1},
        {NULL, NULL, NULL, NULL, 0},
};

const struct way rvm_ways[] = {
        {"flush", open_flush, debit_credit, close_memory, 1},
        {"truncate", open_truncate, debit_credit, close_memory, 1},
        {"vista", open_vista, debit_credit, close_memory, 1000},
        {NULL, NULL, NULL, NULL, 0},
};
