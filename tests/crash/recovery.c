/* SPDX-License-Identifier: ISC */
/*
 * recovery.c - workloads in which recovery is what is recorded: power cuts inside it
 *
 * A tool with the fault seam is stopped where it has committed and not finished.
 */
#include "workload.h"

#define STOPPED(fault, command)                                                                    \
	"COMMIT_FAULT=" fault " \"$CRASH_FAULT_BIN\"/" command "; test $? -gt 128"
#define RECOVERED "{ commit-recover -r . || test $? = 10; }"
#define TREE                                                                                       \
	"mkdir d e; text a 5000 >a; text b 9000 >b; text c 300 >d/c; chmod 600 b; "                \
	"commit-txn init -C .; "

const struct workload recovery_workloads[] = {
        {
                .name = "recover-txn",
                .about = "recovery of a transaction that was half published",
                .promise = PROMISE_FINISHED,
                .before = TREE
                "printf 'mv a d/a\\nwrite b new\\nwrite e/n text\\nrm d/c\\nchmod 640 b\\n' "
                ">s; " STOPPED("2:kill:noreplace", "commit-txn script -C . <s"),
                .steps = {"commit-recover -r . || test $? = 10"},
        },
        {
                .name = "recover-begun",
                .about = "recovery of a transaction of which nothing was published yet",
                .promise = PROMISE_FINISHED,
                .before = TREE "printf 'mv a t\\nmv b a\\nmv t b\\nwrite d/c new\\n' >s; " STOPPED(
                        "1:kill:rename", "commit-txn script -C . <s"),
                .steps = {"commit-recover -r . || test $? = 10"},
        },
        {
                .name = "recover-edit",
                .about = "recovery of an edit in place that was half written",
                .promise = PROMISE_FINISHED,
                .before = "text a 9000 >a; text k 700 >keep; text b 14000 >new; " STOPPED(
                        "2:kill:pwrite", "commit-save --in-place --from=new a"),
                .steps = {"commit-recover -r . || test $? = 10"},
        },
        {
                .name = "recover-cached",
                .about = "recovery of what a killed tool had written and not flushed",
                .promise = PROMISE_ALL,
                .before = TREE,
                /* 3: committed or not, for it was killed */
                .steps = {"printf 'mv a t\\nmv b a\\nmv t b\\nwrite d/c new\\n' "
                          ">\"$SCRATCH/s\"; " STOPPED(
                                  "2:kill:fdatasync",
                                  "commit-txn script -C . <\"$SCRATCH/s\"") " && " RECOVERED
                                                                            " || exit 3"},
        },
        {.name = NULL},
};
