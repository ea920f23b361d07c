/* SPDX-License-Identifier: ISC */
/* txn.c - workloads of commit-txn */
#include "workload.h"

#define TREE                                                                                       \
	"mkdir d e e/s; text a 5000 >a; text b 9000 >b; text c 300 >d/c; text f 4100 >e/s/f; "         \
	"chmod 600 b; "

const struct workload txn_workloads[] = {
        {
                .name = "txn-put",
                .about = "new files and new contents, the store made on the way",
                .promise = PROMISE_ALL,
                .before = TREE "text x 7000 >x; text y 200 >y",
                .steps = {"printf 'put a x\\nput new y\\nput d/c x\\n' | commit-txn script -C .",
                          "printf 'put d/new x\\nwrite e/w text\\nput b y\\n' | commit-txn script -C .",
                          "printf 'write a again\\nwrite d/c again\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-move",
                .about = "swap two files, move between directories, move a directory",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'mv a t\\nmv b a\\nmv t b\\n' | commit-txn script -C .",
                          "printf 'mv d/c e/s/c\\nmv e/s/f d/f\\n' | commit-txn script -C .",
                          "printf 'mv e/s d/s\\nmv a e/a\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-remove",
                .about = "rm, rmdir, mkdir, a directory in the place of a file",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'rm a\\nmkdir n\\nwrite n/x text\\n' | commit-txn script -C .",
                          "printf 'rm e/s/f\\nrmdir e/s\\nrm b\\nmkdir b\\nwrite b/y text\\n' | "
                          "commit-txn script -C .",
                          "printf 'rm d/c\\nrmdir d\\nwrite d file\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-link",
                .about = "hard and symbolic links",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'link a h\\nsymlink ../b d/l\\n' | commit-txn script -C .",
                          "printf 'rm d/l\\nmv h d/h\\nlink b e/b\\n' | commit-txn script -C ."},
        },
        {
                .name = "txn-meta",
                .about = "mode, owner, attribute, with and without new content",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"printf 'chmod 444 a\\nchmod 750 d\\nwrite b text\\n' | commit-txn script -C .",
                          "printf 'chown 3:4 a\\nsetxattr user.k=v d/c\\nchmod 640 b\\n' | "
                          "commit-txn script -C ."},
        },
        {
                .name = "txn-steps",
                .about = "a transaction of several processes",
                .promise = PROMISE_ALL,
                .before = TREE "commit-txn init -C .",
                .steps = {"commit-txn run -C . -- sh -c 'text x 6000 | commit-txn put @ a; "
                          "text y 200 | commit-txn put @ n; commit-txn rm @ b'",
                          "commit-txn run -C . -- sh -c 'commit-txn mv @ n d/n; "
                          "text z 5000 | commit-txn put @ d/c'"},
        },
        {
                .name = "txn-apply",
                .about = "an archive over a tree, and a mirror",
                .promise = PROMISE_ALL,
                .before = TREE "mkdir -p .src/d .src/q; text 1 6000 >.src/a; text 2 40 >.src/d/c; "
                               "text 3 9000 >.src/q/r; chmod 600 .src/q/r; ln .src/a .src/q/a; "
                               "ln -s a .src/l; tar -C .src -cf x.tar .; rm -r .src; "
                               "commit-txn init -C .",
                .steps = {"commit-txn apply -C . x.tar",
                          "mkdir \"$SCRATCH/m\"; text m 4200 >\"$SCRATCH/m/a\"; "
                          "commit-txn apply -C . --mirror --from=\"$SCRATCH/m\"; rm -r \"$SCRATCH/m\""},
        },
        {.name = NULL},
};
