/* SPDX-License-Identifier: ISC */
/*
 * txn-walk [OPTION]... - every call of every kind of transaction fails or dies once
 *
 * Options as of walk (see walk.c). --full walks each scenario with every way to
 * fail, and each class of residue that recovery may find; --thin the core only.
 * Environment: LC_FAULT_BIN, the directory of the tools with the fault seam.
 */
#include "txn-walk.h"

#include <stdio.h>
#include <string.h>

static void add_job(struct board *board, const struct txn_scenario *s, int on_disk)
{
	struct pool_job job = {s, 0, on_disk, 1, ""};

	snprintf(job.title, sizeof job.title, "%s%s", s->name, on_disk ? ", on the disk" : "");
	pool_add(board, &job);
}

static void choose_jobs(struct board *board, const struct pool_options *options)
{
	size_t i;

	for (i = 0; i < txn_scenario_count; i++) {
		const struct txn_scenario *s = &txn_scenarios[i];

		if (options->only && !strstr(s->name, options->only))
			continue;
		if (options->thin && !(s->flags & T_CORE))
			continue;
		add_job(board, s, 0);
		if (options->full)
			add_job(board, s, 1);
	}
}

static void work(const struct pool_job *job, int full, struct report *report)
{
	static struct txn_walk walk;

	memset(&walk, 0, sizeof walk);
	walk.job = job;
	walk.scenario = job->what;
	walk.full = full && !job->on_disk;
	walk.report = report;
	walk_txn(&walk);
}

int main(int argc, char **argv)
{
	static const struct pool transactions = {"txn-walk", "transactions", choose_jobs, work};

	return pool_main(&transactions, argc, argv);
}
