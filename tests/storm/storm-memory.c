/* SPDX-License-Identifier: ISC */
/*
 * storm-memory [--seconds=N] [--seed=N] [--dir=DIR] - random kill -9 of memory and ranges
 *
 * Four kinds of processes live on the same files again and again until they are killed:
 * recoverable memory as LRVM and as Vista, with threads, two segments, truncation and
 * aborts; and ranges of a file, write-ahead and write-behind. Each notes in memory that
 * outlives it what it is about to do and what it was told is done. After a death, and now
 * and then after the death of a recovery as well, the files are held against the notes:
 * nothing acknowledged is lost, nothing is there by half.
 *
 * Speaks TAP, one test for each kind; 1 if one failed, whose files are kept.
 */
#include "config.h"

#include <commit.h>

#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define PAGES 4
#define SIZE ((size_t)PAGES * 4096)
#define BLOCKS 64
#define BLOCK 512

/* What outlives the processes. */
struct board {
	/* of memory, for each thread */
	uint64_t tried[THREADS];
	uint64_t durable[THREADS];
	/* of ranges, for each block: the number in it, and the one that is on its way */
	uint64_t is[BLOCKS];
	uint64_t will[BLOCKS];
	uint64_t commits;
};

struct kind {
	const char *name;
	/* lives until it is killed; opens what is there, and judges it: NULL, or what is wrong */
	void (*live)(const struct kind *kind, unsigned seed);
	const char *(*judge)(const struct kind *kind);
	int what;
};

static struct board *board;
static struct commit_error error = COMMIT_ERROR_INIT;
static struct commit_rvm *rvm;
static uint64_t *words[2];
static unsigned life;

static int open_memory(int mode)
{
	struct commit_rvm_options opt;
	void *memory = NULL;
	char name[8];
	int rc, i;

	commit_rvm_options_init(&opt);
	opt.mode = (enum commit_rvm_mode)mode;
	opt.log_size = (uint64_t)1024 * 1024;
	opt.truncate_percent = 1;
	opt.queue_bytes = 4096;
	opt.queue_ms = 2;
	commit_rvm_create_log("log", &opt, NULL);
	rc = commit_rvm_initialize("log", &opt, &rvm, &error);
	for (i = 0; i < 2 && !rc; i++) {
		snprintf(name, sizeof name, "data%d", i);
		rc = commit_rvm_map(rvm, name, 0, SIZE, NULL, COMMIT_RVM_CREATE, &memory, &error);
		words[i] = memory;
	}
	return rc;
}

/* A thread's number stands at four places, two in each segment. */
static uint64_t *place(size_t me, int i)
{
	return &words[i / 2][me * 512 + (size_t)i % 2 * 300];
}

static int change(size_t me, unsigned *seed, int mode)
{
	int flush = rand_r(seed) % 4 == 0, aborts = rand_r(seed) % 5 == 0, i, rc;
	const uint64_t n = *place(me, 0) + 1;
	struct commit_rvm_xact *x;

	board->tried[me] = n;
	rc = commit_rvm_begin_xact(rvm, COMMIT_RVM_RESTORE, &x, NULL);
	for (i = 0; i < 4 && !rc; i++) {
		rc = commit_rvm_set_range(x, place(me, i), 8 + (size_t)rand_r(seed) % 100 * 8,
		                          NULL);
		*place(me, i) = n;
	}
	if (rc || aborts)
		return rc ? rc : commit_rvm_abort_xact(x, NULL);
	rc = commit_rvm_end_xact(x, flush ? COMMIT_RVM_FLUSH : COMMIT_RVM_NO_FLUSH, NULL);
	if (!rc && (flush || mode == COMMIT_RVM_VISTA))
		board->durable[me] = n;
	return rc;
}

static void *work(void *context)
{
	size_t me = (size_t)((uintptr_t)context % THREADS);
	unsigned seed = life * THREADS + (unsigned)me;
	int rc = 0, mode = (int)((uintptr_t)context / THREADS);

	while (!rc) {
		rc = change(me, &seed, mode);
		if (!rc && rand_r(&seed) % 200 == 0)
			rc = commit_rvm_truncate(rvm, NULL);
	}
	_exit(9);
}

static void live_in_memory(const struct kind *kind, unsigned seed)
{
	pthread_t thread;
	uintptr_t i;

	life = seed;
	if (open_memory(kind->what))
		_exit(8);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, work, (void *)((uintptr_t)kind->what * THREADS + i));
	pthread_join(thread, NULL);
}

static const char *judge_memory(const struct kind *kind)
{
	const char *wrong = NULL;
	uint64_t n, commits = 0;
	size_t me;
	int i;

	if (open_memory(kind->what))
		return error.text;
	for (me = 0; me < THREADS && !wrong; me++) {
		n = *place(me, 0);
		for (i = 1; i < 4; i++)
			if (*place(me, i) != n)
				wrong = "half a transaction";
		if (n < board->durable[me])
			wrong = "an acknowledged transaction is lost";
		if (n > board->tried[me])
			wrong = "a transaction that nobody has made";
		commits += n;
		board->durable[me] = n;
	}
	board->commits = commits;
	if (commit_rvm_terminate(rvm, &error) && !wrong)
		wrong = error.text;
	return wrong;
}

static int open_ranges(const struct kind *kind, struct commit_range **edit)
{
	struct commit_range_options opt;

	commit_range_options_init(&opt);
	opt.protocol = (enum commit_protocol)kind->what;
	return commit_range_open("file", &opt, edit, &error);
}

static void live_on_ranges(const struct kind *kind, unsigned seed)
{
	unsigned char bytes[BLOCK];
	struct commit_range *edit;
	uint64_t n = 0;
	size_t b;
	int i, rc = open_ranges(kind, &edit);

	for (b = 0; b < BLOCKS; b++)
		n = board->is[b] > n ? board->is[b] : n;
	while (!rc) {
		n++;
		for (i = 1 + rand_r(&seed) % 6; i > 0 && !rc; i--) {
			b = (size_t)rand_r(&seed) % BLOCKS;
			board->will[b] = n;
			memset(bytes, 0, sizeof bytes);
			memcpy(bytes, &n, sizeof n);
			memcpy(bytes + BLOCK - sizeof n, &n, sizeof n);
			rc = commit_range_write(edit, b * BLOCK, bytes, BLOCK, NULL);
		}
		if (!rc && rand_r(&seed) % 5 == 0) {
			commit_range_abort(edit);
			memcpy(board->will, board->is, sizeof board->will);
			continue;
		}
		rc = rc ? rc : commit_range_commit(edit, NULL, NULL);
		if (!rc)
			memcpy(board->is, board->will, sizeof board->is);
		board->commits++;
	}
	_exit(9);
}

static const char *judge_ranges(const struct kind *kind)
{
	uint64_t found[BLOCKS], last;
	struct commit_range *edit;
	int fd, b, old = 1, new = 1;

	if (open_ranges(kind, &edit))
		return error.text;
	commit_range_close(edit);
	fd = open("file", O_RDONLY);
	for (b = 0; b < BLOCKS; b++) {
		off_t at = (off_t)b * BLOCK;

		if (pread(fd, &found[b], 8, at) != 8 || pread(fd, &last, 8, at + BLOCK - 8) != 8 ||
		    last != found[b])
			return "half a block";
		old &= found[b] == board->is[b];
		new &= found[b] == board->will[b];
	}
	close(fd);
	memcpy(board->is, found, sizeof found);
	memcpy(board->will, found, sizeof found);
	return old || new ? NULL : "half a transaction, or one that was acknowledged is lost";
}

/* Starts one, lets it live for a while, and kills it. 0, or it ended by itself. */
static int kill_one(void (*act)(const struct kind *kind, unsigned seed), const struct kind *kind,
                    unsigned seed, unsigned microseconds)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (pid == 0) {
		act(kind, seed);
		_exit(0);
	}
	usleep(microseconds);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		err(2, "wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static void recover(const struct kind *kind, unsigned seed)
{
	struct commit_range *edit;

	(void)seed;
	if (kind->live == live_in_memory)
		open_memory(kind->what);
	else
		open_ranges(kind, &edit);
}

static const char *one_death(const struct kind *kind, unsigned *seed)
{
	const unsigned longest = 40000, recovery = 3000;

	if (kill_one(kind->live, kind, (unsigned)rand_r(seed), (unsigned)rand_r(seed) % longest) >
	    1)
		return "a life that ended by itself";
	while (rand_r(seed) % 3 == 0)
		kill_one(recover, kind, 0, (unsigned)rand_r(seed) % recovery);
	return kind->judge(kind);
}

static int storm(const struct kind *kind, unsigned seed, double seconds)
{
	const time_t end = time(NULL) + (time_t)(seconds < 1 ? 1 : seconds);
	const char *wrong = NULL;
	unsigned deaths = 0;
	int fd;

	memset(board, 0, sizeof *board);
	if (mkdir(kind->name, 0700) || chdir(kind->name))
		err(2, "%s", kind->name);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)BLOCKS * BLOCK))
		err(2, "file");
	close(fd);
	while (!wrong && time(NULL) < end) {
		wrong = one_death(kind, &seed);
		deaths++;
	}
	if (wrong)
		printf("# death %u: %s\n", deaths, wrong);
	printf("# %u deaths, %llu commits\n", deaths, (unsigned long long)board->commits);
	if (chdir(".."))
		err(2, "..");
	return wrong != NULL;
}

static const struct kind kinds[] = {
        {"lrvm", live_in_memory, judge_memory, COMMIT_RVM_LRVM},
        {"vista", live_in_memory, judge_memory, COMMIT_RVM_VISTA},
        {"write-ahead", live_on_ranges, judge_ranges, COMMIT_WRITE_AHEAD},
        {"write-behind", live_on_ranges, judge_ranges, COMMIT_WRITE_BEHIND},
};

static const unsigned kind_count = sizeof kinds / sizeof kinds[0];

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st, (void)type, (void)where;
	return remove(path);
}

int main(int argc, char **argv)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	const char *dir = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	static char path[4096];
	double seconds = 10;
	int failed = 0, bad;
	size_t i;

	for (; argc > 1; argc--, argv++) {
		if (strncmp(argv[1], "--seconds=", 10) == 0)
			seconds = atof(argv[1] + 10);
		else if (strncmp(argv[1], "--seed=", 7) == 0)
			seed = (unsigned)strtoul(argv[1] + 7, NULL, 10);
		else if (strncmp(argv[1], "--dir=", 6) == 0)
			dir = argv[1] + 6;
		else
			errx(2, "usage: storm-memory [--seconds=N] [--seed=N] [--dir=DIR]");
	}
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	             0);
	snprintf(path, sizeof path, "%s/libcommit-storm.XXXXXX", dir);
	if (board == MAP_FAILED || !mkdtemp(path) || chdir(path))
		err(2, "%s", path);
	printf("1..%u\n# seed %u\n", kind_count, seed);
	for (i = 0; i < kind_count; i++) {
		fflush(stdout);
		bad = storm(&kinds[i], seed, seconds / kind_count);
		printf("%s %zu - storm of %s\n", bad ? "not ok" : "ok", i + 1, kinds[i].name);
		failed |= bad;
	}
	if (failed)
		printf("# its files: %s\n", path);
	else
		nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return failed;
}
