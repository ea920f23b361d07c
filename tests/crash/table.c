/* SPDX-License-Identifier: ISC */
/* table.c - the workloads that there are: a new file of them is named here */
#include "workload.h"

#include <string.h>

const struct workload *const workload_tables[] = {
        save_workloads,
        txn_workloads,
        recovery_workloads,
        triple_workloads,
        NULL,
};

const struct workload *workload_find(const char *name)
{
	const struct workload *const *table;
	const struct workload *w;

	for (table = workload_tables; *table; table++)
		for (w = *table; w->name; w++)
			if (strcmp(w->name, name) == 0)
				return w;
	return NULL;
}
