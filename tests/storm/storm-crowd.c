/* SPDX-License-Identifier: ISC */
/*
 * storm-crowd.c - writers and readers side by side
 *
 * Each transaction of a writer puts a file of its own below log/ and, in the
 * same transaction, one more than it found into count. So count is the number
 * of files whenever somebody is allowed to look, none is lost, and none is there
 * whose writer was told that it had failed. Writers are killed, and new ones come.
 */
#define _GNU_SOURCE
#include "storm.h"

#include "fault.h"

#include <commit.h>

#include <dirent.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITERS = 8, READERS = 2, LIFES_MAX = 128, EACH = 4, EXIT_MIX = 99, EXIT_BAD = 98 };

/* What the writers tell, each about itself. */
struct board {
	struct {
		/* transactions that it was told are committed, and may be so */
		unsigned done, tried;
		unsigned busy, refused;
	} lifes[LIFES_MAX];
};

static struct board *board;

static uint64_t number_of_files(void)
{
	DIR *dir = opendir("root/log");
	struct dirent *entry;
	uint64_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static int put_number(struct commit_txn *txn, const char *path, uint64_t number,
                      struct commit_error *error)
{
	unsigned char bytes[CONTENT_SIZE_MAX];
	size_t length = content_fill(number, bytes, sizeof bytes);

	return commit_txn_put_bytes(txn, path, bytes, length, error);
}

/* The first put has the transaction look at count; if it changes after that, it is refused. */
static int add_one(struct commit_txn *txn, const char *name, struct commit_error *error)
{
	int rc = put_number(txn, "count", 0, error);

	if (!rc)
		rc = put_number(txn, "count", content_of("root/count") + 1, error);
	return rc ? rc : put_number(txn, name, 1, error);
}

static int write_once(struct dice *dice, const char *name, struct commit_error *error)
{
	struct commit_store_options options;
	struct commit_store *store;
	struct commit_txn *txn;
	int rc;

	commit_store_options_init(&options);
	options.wait_ms = dice_roll(dice, 3) ? 20000 : (int)dice_roll(dice, 50);
	rc = commit_store_open(&store, "root", 0, &options, error);
	if (rc)
		return rc;
	rc = commit_txn_begin(&txn, store, NULL, error);
	if (!rc) {
		rc = add_one(txn, name, error);
		if (!rc)
			rc = commit_txn_commit(txn, NULL, error);
		commit_txn_close(txn);
	}
	commit_store_close(store);
	return rc;
}

struct life {
	unsigned number;
	uint64_t seed;
};

static int write_all(void *context)
{
	const struct life *life = context;
	struct dice dice = {life->seed};
	struct commit_error error = COMMIT_ERROR_INIT;
	char name[32];
	int rc;

	while (board->lifes[life->number].done < EACH) {
		snprintf(name, sizeof name, "log/%u-%u", life->number,
		         board->lifes[life->number].done);
		board->lifes[life->number].tried = board->lifes[life->number].done + 1;
		rc = write_once(&dice, name, &error);
		if (rc == 0)
			board->lifes[life->number].done++;
		else if (rc == COMMIT_EREFUSED)
			board->lifes[life->number].refused++;
		else if (rc == COMMIT_EBUSY)
			board->lifes[life->number].busy++;
		else {
			fprintf(stderr, "# writer: %s: %s: %s (%d): %d\n", error.operation,
			        error.path, error.text, error.errnum, rc);
			return EXIT_BAD;
		}
		if (rc)
			usleep((useconds_t)dice_roll(&dice, 2000));
	}
	return 0;
}

/* Under commit-txn read. */
static int look(void *context)
{
	uint64_t count = content_of("root/count"), files = number_of_files();

	(void)context;
	if (count == files)
		return 0;
	fprintf(stderr, "# a reader sees %llu, but there are %llu files\n",
	        (unsigned long long)count, (unsigned long long)files);
	return EXIT_MIX;
}

/* By the library: the lock is held while we look. */
static int read_all(void *context)
{
	struct dice dice = {*(uint64_t *)context};
	struct commit_error error = COMMIT_ERROR_INIT;
	int fd, i, rc;

	for (i = 0; i < 40; i++) {
		rc = commit_store_share("root", NULL, &fd, &error);
		if (rc) {
			fprintf(stderr, "# reader: %s: %s: %s (%d): %d\n", error.operation,
			        error.path, error.text, error.errnum, rc);
			return EXIT_BAD;
		}
		rc = look(NULL);
		close(fd);
		if (rc)
			return rc;
		usleep((useconds_t)dice_roll(&dice, 3000));
	}
	return 0;
}

static int make_count(void *context)
{
	struct commit_error error = COMMIT_ERROR_INIT;
	struct commit_store *store;
	struct commit_txn *txn;
	int rc = commit_store_open(&store, "root", 0, NULL, &error);

	(void)context;
	if (!rc)
		rc = commit_txn_begin(&txn, store, NULL, &error);
	if (!rc)
		rc = put_number(txn, "count", 0, &error);
	if (!rc)
		rc = commit_txn_mkdir(txn, "log", 0755, &error);
	return rc ? -rc : -commit_txn_commit(txn, NULL, &error);
}

static pid_t start(int (*act)(void *context), void *context)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		lc_fault_arm("");
		_exit(act(context));
	}
	return pid;
}

struct crowd {
	struct dice *dice;
	pid_t pids[WRITERS + READERS];
	unsigned lifes;
	unsigned killed;
};

static void start_writer(struct crowd *crowd, int place)
{
	struct life life = {crowd->lifes++, dice_next(crowd->dice)};

	crowd->pids[place] = start(write_all, &life);
}

/* One that has ended; a killed one gets a successor. */
static void reap(struct crowd *crowd, int place)
{
	int status;

	if (waitpid(crowd->pids[place], &status, 0) != crowd->pids[place])
		err(1, "waitpid");
	crowd->pids[place] = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
		crowd->killed++;
		tally.kills++;
		if (place < WRITERS && crowd->lifes < LIFES_MAX)
			start_writer(crowd, place);
	} else if (status != 0) {
		fail("side by side: %s exits %d", place < WRITERS ? "a writer" : "a reader",
		     WEXITSTATUS(status));
	}
}

static int is_alive(const struct crowd *crowd)
{
	int i, alive = 0;

	for (i = 0; i < WRITERS; i++)
		alive |= crowd->pids[i] != 0;
	return alive;
}

static void run(struct crowd *crowd, int kills)
{
	siginfo_t info;
	int i;

	while (is_alive(crowd)) {
		if (kills > 0) {
			usleep((useconds_t)dice_roll(crowd->dice, 8000));
			i = (int)dice_roll(crowd->dice, WRITERS);
			if (crowd->pids[i])
				kill(crowd->pids[i], SIGKILL);
			kills--;
		}
		for (i = 0; i < WRITERS + READERS; i++) {
			memset(&info, 0, sizeof info);
			if (crowd->pids[i] &&
			    (kills == 0 || waitid(P_PID, (id_t)crowd->pids[i], &info,
			                          WEXITED | WNOHANG | WNOWAIT) == 0) &&
			    (kills == 0 || info.si_pid))
				reap(crowd, i);
		}
	}
	for (i = 0; i < WRITERS + READERS; i++)
		if (crowd->pids[i])
			reap(crowd, i);
}

static void check(const struct crowd *crowd)
{
	unsigned life, k, present = 0;
	char path[64];
	struct stat st;

	for (life = 0; life < crowd->lifes; life++) {
		tally.committed += board->lifes[life].done;
		tally.transactions += board->lifes[life].tried;
		tally.busy += board->lifes[life].busy + board->lifes[life].refused;
		for (k = 0; k < EACH; k++) {
			snprintf(path, sizeof path, "root/log/%u-%u", life, k);
			if (stat(path, &st) == 0) {
				present++;
				if (k >= board->lifes[life].tried)
					fail("%s is there, but was never put", path);
			} else if (k < board->lifes[life].done) {
				fail("%s was committed, and is lost", path);
			}
		}
	}
	if (content_of("root/count") != present)
		fail("%u files, but the count is %llu", present,
		     (unsigned long long)content_of("root/count"));
}

void round_crowd(struct dice *dice)
{
	static const char *const sweep[] = {"commit-recover", "--repaired-ok", "root", NULL};
	struct crowd crowd = {.dice = dice};
	uint64_t seed;
	int i;

	if (!board)
		board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
		             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		err(1, "memory");
	memset(board, 0, sizeof *board);
	root_make();
	if (run_child(NULL, make_count, NULL) != 0)
		fail("side by side: nothing to begin with");
	for (i = 0; i < WRITERS; i++)
		start_writer(&crowd, i);
	for (; i < WRITERS + READERS; i++) {
		seed = dice_next(dice);
		crowd.pids[i] = start(read_all, &seed);
		tally.reads += 40;
	}
	run(&crowd, (int)dice_roll(dice, 30));
	if (run_recovery(dice, NULL) != 0)
		fail("side by side: recovery fails");
	if (run_tool(sweep, NULL) != 0 || root_stages() > 0)
		fail("side by side: recovery leaves residue");
	check(&crowd);
}
