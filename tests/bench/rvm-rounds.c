/* SPDX-License-Identifier: ISC */
/*
 * rvm-rounds WAY THREADS SECONDS - debit-credit: three updates of 16 bytes and one of 64
 *
 *     pwrite    a floor: pwrite of 4 KiB and fdatasync, the file written ahead
 *     direct    a floor: O_DIRECT and O_DSYNC write of 4 KiB, the file written ahead
 *     flush     LRVM, durable each
 *     truncate  the same while the log is truncated again and again
 *     vista     the Vista mode
 *     sqlite    SQLite, WAL, synchronous=FULL
 *     lmdb      LMDB, durable each
 *     pmemobj   libpmemobj, told that the file is persistent memory
 *
 * rvm-rounds recover MIB: how long recovery of such a log takes, beside reading it
 * once and writing the result.
 *
 * Works in the current directory; prints one line:
 * WAY THREADS commits/s p50 p99 p99.9 of microseconds, bytes of log a commit, truncations.
 * Ends with 77 where a way was not built.
 */
#include "config.h"

#include "rvm-bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMES_MAX 200000

struct thread {
	pthread_t thread;
	struct worker worker;
	size_t count;
	float times[TIMES_MAX];
};

unsigned threads;
static struct thread all_threads[THREADS_MAX];
static const struct way *way;
static double seconds;

void die(const char *what)
{
	perror(what);
	exit(1);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void choose(struct worker *w, size_t place[4])
{
	const size_t slots = MINE / SLOT;
	size_t i;

	for (i = 0; i < 3; i++)
		place[i] = (size_t)rand_r(&w->seed) % (slots / 2) * SLOT + i * 16;
	place[3] = (slots / 2 + w->commits % (slots / 2)) * SLOT;
}

static void *work(void *context)
{
	struct thread *t = context;
	double begin = now(), last = begin, time;
	unsigned i;

	while (last - begin < seconds) {
		for (i = 0; i < way->batch; i++) {
			way->act(&t->worker);
			t->worker.commits++;
		}
		time = now();
		if (t->count < TIMES_MAX)
			t->times[t->count++] = (float)(1e6 * (time - last) / way->batch);
		last = time;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void report(double took)
{
	unsigned long long truncations = 0;
	size_t count = 0, i;
	double commits = 0, log_bytes = 0;
	float *all;

	for (i = 0; i < threads; i++) {
		commits += (double)all_threads[i].worker.commits;
		count += all_threads[i].count;
	}
	all = malloc((count + 1) * sizeof *all);
	for (count = 0, i = 0; i < threads; i++) {
		memcpy(all + count, all_threads[i].times, all_threads[i].count * sizeof *all);
		count += all_threads[i].count;
	}
	qsort(all, count, sizeof *all, compare);
	rvm_report(&log_bytes, &truncations);
	printf("%s %u %.0f %.3f %.3f %.3f %.0f %llu\n", way->name, threads, commits / took,
	       (double)all[count / 2], (double)all[count * 99 / 100],
	       (double)all[count * 999 / 1000], log_bytes / commits, truncations);
	free(all);
}

static const struct way *find(const struct way *ways, const char *name)
{
	for (; ways->name; ways++)
		if (strcmp(ways->name, name) == 0)
			return ways;
	return NULL;
}

static void run(void)
{
	double begin;
	unsigned i;

	way->open();
	begin = now();
	for (i = 0; i < threads; i++) {
		all_threads[i].worker.number = i;
		all_threads[i].worker.seed = i + 1;
		if (pthread_create(&all_threads[i].thread, NULL, work, &all_threads[i]))
			die("thread");
	}
	for (i = 0; i < threads; i++)
		pthread_join(all_threads[i].thread, NULL);
	report(now() - begin);
	if (way->close)
		way->close();
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "recover") == 0) {
		rvm_recover((size_t)atoi(argv[2]));
		return 0;
	}
	if (argc != 4 || (threads = (unsigned)atoi(argv[2])) < 1 || threads > THREADS_MAX) {
		fputs("usage: rvm-rounds WAY THREADS SECONDS | recover MIB\n", stderr);
		return 2;
	}
	seconds = atof(argv[3]);
	way = find(floor_ways, argv[1]);
	way = way ? way : find(rvm_ways, argv[1]);
	way = way ? way : find(other_ways, argv[1]);
	if (!way)
		return 77;
	run();
	return 0;
}
