/* SPDX-License-Identifier: ISC */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "main.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

int is_wanted(const char *list, const char *name)
{
	size_t length = strlen(name);
	const char *at = list;

	while (at && (at = strstr(at, name))) {
		if ((at == list || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return 1;
		at += length;
	}
	return !list;
}

/* A job's choices do not depend on the others'. */
uint64_t seed_of(const struct settings *s, const struct job *job)
{
	return XXH3_64bits_withSeed(job->workload->name, strlen(job->workload->name), s->seed) ^
	       XXH3_64bits_withSeed(job->fs->name, strlen(job->fs->name),
	                            s->seed + 1 + (uint64_t)job->noise);
}

/* With a star: in the midst of the noise of others. */
const char *job_name(const struct job *job)
{
	static char name[64];

	snprintf(name, sizeof name, "%s%s", job->workload->name, job->noise ? "*" : "");
	return name;
}

struct board *board_new(const struct settings *s)
{
	struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
	                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		err(1, "board");
	board->begin = now();
	(void)s;
	return board;
}

static int work_on(struct board *board, const struct settings *s,
                   void (*work)(struct world *world, struct board *board, struct job *job,
                                const struct settings *s))
{
	struct world world;
	int i;

	world_begin(&world, rig_top());
	while ((i = __atomic_fetch_add(&board->next, 1, __ATOMIC_SEQ_CST)) < board->count) {
		work(&world, board, &board->jobs[i], s);
		board->jobs[i].finished = 1;
	}
	world_end(&world);
	return 0;
}

int board_run(struct board *board, const struct settings *s,
              void (*work)(struct world *world, struct board *board, struct job *job,
                           const struct settings *s))
{
	int i, status, failed = 0;

	fflush(NULL);
	for (i = 0; i < s->workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			status = work_on(board, s, work);
			fflush(NULL);
			_exit(status);
		}
	}
	for (i = 0; i < s->workers; i++) {
		while (wait(&status) < 0)
			if (errno != EINTR)
				err(1, "wait");
		failed += status != 0;
	}
	return failed;
}

static void add_job(struct board *board, const struct settings *s, const struct workload *workload,
                    const struct fs *fs)
{
	int noise;

	if (!is_wanted(s->workload, workload->name) || !is_wanted(s->fs, fs->name))
		return;
	for (noise = 0; noise < 2 && board->count < JOBS_MAX; noise++)
		board->jobs[board->count++] =
		        (struct job){.workload = workload, .fs = fs, .noise = noise};
}

void add_jobs(struct board *board, const struct settings *s)
{
	const struct workload *const *table;
	const struct workload *w;
	const struct fs *fs;

	for (table = workload_tables; *table; table++)
		for (w = *table; w->name; w++)
			for (fs = fs_table; fs->name; fs++)
				add_job(board, s, w, fs);
}
