/* SPDX-License-Identifier: ISC */
/*
 * rvm-rounds MODE THREADS SECONDS - debit-credit on recoverable memory, and its floors
 *
 *     pwrite    pwrite of 4 KiB and fdatasync, the file written ahead
 *     direct    O_DIRECT and O_DSYNC write of 4 KiB, the file written ahead
 *     flush     LRVM, three updates of 16 bytes and one of 64, durable each
 *     truncate  the same while the log is truncated again and again
 *     vista     the same transactions in the Vista mode
 *
 * Works in the current directory; prints one line:
 * MODE THREADS commits/s p50 p99 of microseconds, bytes of log a commit, truncations
 */
#include "config.h"

#include <commit.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define TIMES_MAX 200000
#define BLOCK 4096
#define BATCH 1000
/* What each thread of a floor goes round in; as much as a log that is not truncated. */
#define FLOOR_BLOCKS 1024
#define ACCOUNTS ((size_t)1 << 20)

struct worker {
	pthread_t thread;
	unsigned number;
	size_t commits;
	float times[TIMES_MAX];
};

static struct worker workers[THREADS_MAX];
static unsigned threads;
static double seconds;
static const char *mode;
static struct commit_rvm *rvm;
static char *accounts;
static int floor_fd = -1;
static int is_vista;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void floor_write(const struct worker *w, unsigned char *block)
{
	size_t slot = (size_t)w->number * FLOOR_BLOCKS + w->commits % FLOOR_BLOCKS;

	block[0]++;
	if (pwrite(floor_fd, block, BLOCK, (off_t)(slot * BLOCK)) != BLOCK)
		die("pwrite");
	if (strcmp(mode, "pwrite") == 0 && fdatasync(floor_fd))
		die("fdatasync");
}

static void update(struct commit_rvm_xact *xact, char *at, size_t length, char value)
{
	if (commit_rvm_set_range(xact, at, length, NULL))
		die("set_range");
	memset(at, value, length);
}

/* Threads share nothing, so nobody waits for a lock of ours. */
static void debit_credit(const struct worker *w, unsigned *seed)
{
	char *mine = accounts + w->number * (ACCOUNTS / THREADS_MAX);
	const size_t slots = ACCOUNTS / THREADS_MAX / 64;
	struct commit_rvm_xact *xact;
	int i;

	if (commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &xact, NULL))
		die("begin_xact");
	for (i = 0; i < 3; i++)
		update(xact, mine + (size_t)rand_r(seed) % (slots / 2) * 64 + (size_t)i * 16, 16,
		       (char)w->commits);
	update(xact, mine + (slots / 2 + w->commits % (slots / 2)) * 64, 64, (char)w->commits);
	if (commit_rvm_end_xact(xact, COMMIT_RVM_FLUSH, NULL))
		die("end_xact");
}

static void *work(void *context)
{
	struct worker *w = context;
	unsigned char *block = aligned_alloc(BLOCK, BLOCK);
	unsigned seed = w->number + 1;
	double begin = now(), last = begin, time;

	memset(block, 1, BLOCK);
	/* A transaction of it takes little longer than looking at the clock does. */
	while (is_vista && last - begin < seconds) {
		size_t before = w->commits;

		while (w->commits < before + BATCH) {
			debit_credit(w, &seed);
			w->commits++;
		}
		time = now();
		w->times[before / BATCH % TIMES_MAX] = (float)(1e6 * (time - last) / BATCH);
		last = time;
	}
	while (last - begin < seconds) {
		if (rvm)
			debit_credit(w, &seed);
		else
			floor_write(w, block);
		time = now();
		w->times[w->commits++ % TIMES_MAX] = (float)(1e6 * (time - last));
		last = time;
	}
	free(block);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void open_floor(void)
{
	static unsigned char zeros[BLOCK];
	size_t i;
	int fd = open("floor", O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0)
		die("floor");
	for (i = 0; i < (size_t)threads * FLOOR_BLOCKS; i++)
		if (write(fd, zeros, BLOCK) != BLOCK)
			die("write");
	if (fsync(fd))
		die("fsync");
	close(fd);
	floor_fd = open("floor", O_RDWR | (strcmp(mode, "direct") == 0 ? O_DIRECT | O_DSYNC : 0));
	if (floor_fd < 0)
		die("floor");
}

static void open_memory(void)
{
	struct commit_error err = COMMIT_ERROR_INIT;
	struct commit_rvm_options opt;
	void *memory;

	commit_rvm_options_init(&opt);
	if (is_vista) {
		opt.mode = COMMIT_RVM_VISTA;
	} else if (strcmp(mode, "truncate") == 0) {
		opt.log_size = (uint64_t)8 * 1024 * 1024;
		opt.truncate_percent = 10;
	} else {
		opt.log_size = (uint64_t)4 * 1024 * 1024 * 1024;
	}
	commit_rvm_create_log("log", &opt, NULL);
	if (commit_rvm_initialize("log", &opt, &rvm, &err) ||
	    commit_rvm_map(rvm, "data", 0, ACCOUNTS, NULL, COMMIT_RVM_CREATE, &memory, &err)) {
		fprintf(stderr, "%s: %s: %s\n", err.path, err.operation, err.text);
		exit(1);
	}
	accounts = memory;
}

static void report(double took)
{
	struct commit_rvm_statistics seen = {0};
	size_t commits = 0, count = 0, i, n;
	float *all;

	for (i = 0; i < threads; i++)
		commits += workers[i].commits;
	all = malloc((commits + 1) * sizeof *all);
	for (i = 0; i < threads; i++) {
		n = workers[i].commits / (is_vista ? BATCH : 1);
		n = n < TIMES_MAX ? n : TIMES_MAX;
		memcpy(all + count, workers[i].times, n * sizeof *all);
		count += n;
	}
	qsort(all, count, sizeof *all, compare);
	if (rvm)
		commit_rvm_statistics(rvm, &seen);
	printf("%s %u %.0f %.3f %.3f %.0f %llu\n", mode, threads, (double)commits / took,
	       (double)all[count / 2], (double)all[count * 99 / 100],
	       (double)seen.log_bytes / (double)commits, (unsigned long long)seen.truncations);
	free(all);
}

int main(int argc, char **argv)
{
	double begin;
	unsigned i;

	if (argc != 4 || (threads = (unsigned)atoi(argv[2])) < 1 || threads > THREADS_MAX) {
		fputs("usage: rvm-rounds pwrite|direct|flush|truncate|vista THREADS SECONDS\n", stderr);
		return 2;
	}
	mode = argv[1];
	seconds = atof(argv[3]);
	is_vista = strcmp(mode, "vista") == 0;
	if (is_vista || strcmp(mode, "flush") == 0 || strcmp(mode, "truncate") == 0)
		open_memory();
	else
		open_floor();
	begin = now();
	for (i = 0; i < threads; i++) {
		workers[i].number = i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	report(now() - begin);
	return rvm && commit_rvm_terminate(rvm, NULL) ? 1 : 0;
}
